"""The grid's ranges and comparisons on made-up points, and its probes on a codec whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import toy_material

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence import grid
from audiosae.sae import SparseAutoencoder, training
from audiosae.sae.training import GRIDS


def point(hidden: int, l1: float, fvu: float) -> dict[str, Any]:
    scores = {prop: {"accuracy": fvu / 2, "ci95": [0, 1]} for prop in labels.PROPERTIES}
    figures = {"sparsity": 1 - fvu, "l0": hidden * fvu, "dead": 0.0, "fvu": fvu, "fvu_test": fvu, "scale": 1.0}
    return {"hidden": hidden, "l1": l1, "accuracy": scores, **figures}


def test_widths_follow_the_one_parameter() -> None:
    assert grid.widths(128, 2048) == [(4, 512), (8, 1024), (16, 2048)]
    assert [factor for factor, _ in grid.widths(128, 32768)] == list(GRIDS["paper"][0])
    with pytest.raises(ParameterError, match="512"):
        grid.widths(128, 511)


def test_ranges_and_their_overlap() -> None:
    ours = grid.ranges([point(4, 0.1, 0.4), point(8, 0.1, 0.1), point(8, 0.2, 0.2)])
    assert ours["fvu"] == [0.1, 0.4] and ours["pitch"] == [0.05, 0.2] and ours["l0"] == [0.8, 1.6]
    beside = grid.beside_paper({"sparsity": [0.5, 0.6], "pitch": [0.21, 0.3], "timbre": [0.0, 0.04], "amplitude": [0.1, 0.15]}, ours)
    overlap = {name: found["overlap"] for name, found in beside.items()}
    assert overlap == {"sparsity": True, "pitch": False, "timbre": False, "amplitude": True}
    assert beside["pitch"]["paper"] == [0.21, 0.3] and beside["pitch"]["ours"] == [0.05, 0.2]


def test_the_grid_reads_what_can_be_read_and_no_more_and_goes_on_where_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Latents [1200, 5] whose first number is the amplitude class and whose second is the pitch class; timbre is chance."""
    monkeypatch.setitem(grid.GRIDS, "paper", ((4, 8), (0.005, 0.05)))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((1200, 5)).astype(np.float32)
    table = pd.DataFrame((latents[:, [1, 0]] > 0).astype(int), columns=["pitch", "amplitude"])
    table = table.assign(timbre=rng.integers(2, size=1200), monophonic=table.index % 3 > 0, piece=table.index // 60)
    table["split"] = np.repeat(["train", "validation", "test"], [600, 300, 300])
    edges = {prop: np.arange(3.0) for prop in labels.PROPERTIES}
    found = toy_material.material(latents, table, SparseAutoencoder(5, 8).eval(), edges, few_frames=400, codec="encodec")
    given = {"largest": 64, "epochs": 12, "batch": 64, "learning_rate": 0.01, "penalty": 1e-4, "iterations": 30}
    made = toy_material.ask(monkeypatch, grid, found, **given)
    assert [(p["factor"], p["hidden"], p["l1"]) for p in made["points"]] == [(4, 20, 0.005), (4, 20, 0.05), (8, 40, 0.005), (8, 40, 0.05)]
    for p in made["points"]:
        accuracy = {prop: score["accuracy"] for prop, score in p["accuracy"].items()}
        assert accuracy["pitch"] > 0.9 and accuracy["amplitude"] > 0.9 and abs(accuracy["timbre"] - 0.5) < 0.13 and p["fvu"] < 0.6
        low, high = p["accuracy"]["timbre"]["ci95"]
        assert low < accuracy["timbre"] < high
    assert made["majority"]["pitch"] < 0.6
    assert made["train_frames"] == 400 and made["frames"] == 600 and made["beside_paper"]["pitch"]["paper"] == [0.78, 0.87]

    (dead,) = tmp_path.glob(".resume/grid/encodec-40-0.05.json")
    dead.unlink()
    trained, train = [], training.train
    monkeypatch.setattr(
        training,
        "train",
        lambda latents, settings, *rest, **options: trained.append(settings.hidden) or train(latents, settings, *rest, **options),
    )
    assert toy_material.ask(monkeypatch, grid, found, **given) == made and trained == [40]
    toy_material.ask(monkeypatch, grid, found, **given | {"epochs": 1})
    assert trained == [40, 20, 20, 40, 40]
