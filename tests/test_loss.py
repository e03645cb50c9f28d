"""What λ buys: interpolation, the way out of the penalty, and drift, on small data whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import toy_material

from audiosae.evidence import loss
from audiosae.sae import SparseAutoencoder, training
from audiosae.sae.training import Settings, Split

SETTINGS = Settings(hidden=12, l1=2.0, epochs=4, batch=64, learning_rate=0.01, seed=3)


def frames(count: int = 256) -> torch.Tensor:
    """Frames [count, 4] of unlike scales that lie near three lines."""
    generator = torch.Generator().manual_seed(0)
    lines = torch.randn(3, 4, generator=generator)
    which = torch.randint(3, (count,), generator=generator)
    return (torch.rand(count, 1, generator=generator) + 0.5) * lines[which] * 4 + 0.1 * torch.randn(count, 4, generator=generator)


def split(count: int = 256) -> Split:
    train = torch.ones(count, dtype=torch.long) * (torch.arange(count) < 192)
    return Split(train, 1 - train, 1 - train, "recordings")


def train_all(monkeypatch: pytest.MonkeyPatch, settings: Settings, long: int) -> dict[str, list[dict[str, Any]]]:
    """All trainings, on `frames` split as in `split`."""
    table = pd.DataFrame({"split": np.repeat(["train", "test"], [192, 64]), "piece": np.arange(256) // 16})
    made = toy_material.material(frames().numpy(), table, SparseAutoencoder(4, 12).eval())
    monkeypatch.setattr(loss, "load", lambda *_: made)
    return loss.train_all("toy", made.few_frames, settings, settings.l1, long)


def test_a_curve_is_read_between_its_ends_only() -> None:
    points = [{"sparsity": 0.9, "fvu": 0.5}, {"sparsity": 0.5, "fvu": 0.1}]
    assert loss.fvu_at(points, 0.6) == pytest.approx(0.2)
    assert loss.fvu_at(points, 0.9) == 0.5
    assert loss.fvu_at(points, 0.91) is None and loss.fvu_at(points, 0.4) is None


def test_the_penalty_is_escaped_and_nothing_else_moves() -> None:
    sae, _ = training.train(frames(), Settings(12, 0.0, 5, 64, 0.01, 0))
    before = {name: value.clone() for name, value in sae.state_dict().items()}
    counts = torch.arange(256) % 3
    found = loss.escape(sae, frames(), counts)
    whole = frames().repeat_interleave(counts, dim=0)
    assert found["penalty"] == pytest.approx(float(sae.activations(whole).detach().sum(dim=1).mean()), rel=1e-4)
    for row in found["scaled"]:
        assert row["penalty_ratio"] == pytest.approx(row["c"], rel=1e-9)
        if row["c"] >= 0.1:
            assert row["fvu"] == pytest.approx(found["fvu"], rel=1e-3)
            assert row["features_change"] < 1e-3 and row["reconstruction_change"] < 1e-3
    assert all(torch.equal(value, before[name]) for name, value in sae.state_dict().items())
    assert not any(sae.state_dict()[name].dtype == torch.float64 for name in before)


def test_h_shrinks_under_the_papers_penalty_and_not_under_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = train_all(monkeypatch, Settings(hidden=12, l1=2.0, epochs=1, batch=64, learning_rate=0.003, seed=3), 30)["drift"]
    assert [(r["variant"], r["epoch"]) for r in rows] == [(name, epoch) for name in ("paper", "on_f") for epoch in (1, 2, 5, 10, 20, 30)]
    made = loss.summary([{"variant": name, "strength": 1, "sparsity": 0.5, "fvu": 0.2} for name in loss.STRENGTHS], rows)["drift"]
    assert made["paper"]["scale_ratio"] < 0.5 and made["paper"]["scale_ratio"] < 0.6 * made["on_f"]["scale_ratio"]
    assert made["paper"]["last_epoch"] == 30 and set(made["paper"]["sparsity"]) == {"1", "2", "5", "10", "20", "30"}


def test_the_sweep_has_every_variant_and_finite_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    points = train_all(monkeypatch, SETTINGS, 1)["sweep"]
    by_variant = {name: [p for p in points if p["variant"] == name] for name in loss.STRENGTHS}
    assert [p["l0"] <= p["strength"] for p in by_variant["top_k"]] == [True]  # k beyond the width are left out
    assert all(len(found) == len(loss.STRENGTHS[name]) for name, found in by_variant.items() if name != "top_k")
    assert all(math.isfinite(p["fvu"]) for p in points)
    for name in ("on_f", "decoder_norm", "plain"):  # a stronger price of these makes sparser features, or a worse copy
        first, last = by_variant[name][0], by_variant[name][-1]
        assert last["sparsity"] > first["sparsity"] or last["fvu"] > first["fvu"]
    made = loss.summary(points, [{"variant": n, "epoch": 1, "scale": 1.0, "sparsity": 0.1, "fvu": 0.1} for n in loss.DRIFTING])
    low, high = made["sparsity_range"]["paper"]
    assert low <= high and set(made["fvu_at_sparsity"]["0.8"]) == set(loss.STRENGTHS)


def test_each_optimiser_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = train_all(monkeypatch, SETTINGS, 1)["optimisers"]
    assert [row["optimiser"] for row in rows] == list(loss.OPTIMISERS)
    assert len({row["fvu"] for row in rows}) == 3 and all(math.isfinite(row["fvu"]) for row in rows)
    for row in rows[:2]:
        alone, _ = training.train(frames(), replace(SETTINGS, learning_rate=row["learning_rate"]), split().train)
        assert row["fvu"] == pytest.approx(training.measure(alone, frames(), split())["fvu"], rel=1e-3)
