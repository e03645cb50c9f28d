"""The grid's ranges and comparisons on made-up points, and the task of a probe on a codec whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import toy_material

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence import grid
from audiosae.evidence.material import Material
from audiosae.sae import SparseAutoencoder
from audiosae.sae.training import GRIDS


def point(hidden: int, l1: float, fvu: float) -> dict:
    scores = {prop: {"accuracy": fvu / 2, "ci95": [0, 1]} for prop in labels.PROPERTIES}
    return {
        "hidden": hidden,
        "l1": l1,
        "sparsity": 1 - fvu,
        "l0": hidden * fvu,
        "dead": 0.0,
        "fvu": fvu,
        "fvu_test": fvu,
        "scale": 1.0,
        "accuracy": scores,
    }


def made_up(frames: int = 1200, dim: int = 5) -> Material:
    """Latents [frames, 5] whose first number is the amplitude class and whose second is the pitch class; timbre is chance."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((frames, dim)).astype(np.float32)
    table = pd.DataFrame(
        {
            "pitch": (latents[:, 1] > 0).astype(int),
            "amplitude": (latents[:, 0] > 0).astype(int),
            "timbre": rng.integers(2, size=frames),
            "monophonic": np.arange(frames) % 3 > 0,
            "piece": [f"piece {n // 60}" for n in range(frames)],
            "split": np.repeat(["train", "validation", "test"], [frames // 2, frames // 4, frames // 4]),
        }
    )
    edges = {prop: np.arange(3.0) for prop in labels.PROPERTIES}
    return toy_material.material(latents, table, SparseAutoencoder(dim, 8).eval(), edges, few_frames=400, codec="encodec")


def test_widths_follow_the_one_parameter() -> None:
    assert grid.widths(128, 2048) == [(4, 512), (8, 1024), (16, 2048)]
    assert [factor for factor, _ in grid.widths(128, 32768)] == list(GRIDS["paper"][0])
    with pytest.raises(ParameterError, match="512"):
        grid.widths(128, 511)


def test_wider_is_better_counts_the_penalties_at_which_every_step_helps() -> None:
    points = [point(8, 0.1, 0.3), point(4, 0.1, 0.4), point(16, 0.1, 0.2), point(4, 0.2, 0.4), point(8, 0.2, 0.2), point(16, 0.2, 0.25)]
    assert grid.wider_is_better(points, "fvu") == 0.5
    assert grid.wider_is_better(points, "sparsity") == 0
    assert grid.wider_is_better([point(4, 0.1, 0.4), point(4, 0.2, 0.3)], "fvu") is None


def test_ranges_and_their_overlap() -> None:
    ours = grid.ranges([point(4, 0.1, 0.4), point(8, 0.1, 0.1), point(8, 0.2, 0.2)])
    assert ours["fvu"] == [0.1, 0.4] and ours["pitch"] == [0.05, 0.2] and ours["l0"] == [0.8, 1.6]
    beside = grid.beside_paper({"sparsity": [0.5, 0.6], "pitch": [0.21, 0.3], "timbre": [0.0, 0.04], "amplitude": [0.1, 0.15]}, ours)
    assert {name: found["overlap"] for name, found in beside.items()} == {
        "sparsity": True,
        "pitch": False,
        "timbre": False,
        "amplitude": True,
    }
    assert beside["pitch"]["paper"] == [0.21, 0.3] and beside["pitch"]["ours"] == [0.05, 0.2]


def test_a_task_holds_the_frames_of_its_property() -> None:
    found = made_up()
    used, work = found.task("pitch")
    test = found.table.rows("test", "pitch")
    assert int(work.train.sum()) == int(found.table.rows("train", "pitch").sum()) == 400 and int(work.validation.sum()) == 200
    assert (used[work.row].numpy() == found.rows.of_frame[test]).all()
    assert (work.truth == found.label("pitch")[test]).all() and set(work.pieces) == set(found.pieces(test))
    assert int(found.task("amplitude")[1].train.sum()) == 400  # of 600, drawn at random


def test_the_grid_reads_what_can_be_read_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(grid.GRIDS, "paper", ((4, 8), (0.005, 0.05)))
    found = made_up()
    found.sae.standardise(found.latents)
    given = {"largest": 64, "epochs": 12, "batch": 64, "learning_rate": 0.01, "penalty": 1e-4, "iterations": 30}
    made = toy_material.ask(monkeypatch, grid, found, **given)
    assert [(p["factor"], p["hidden"], p["l1"]) for p in made["points"]] == [(4, 20, 0.005), (4, 20, 0.05), (8, 40, 0.005), (8, 40, 0.05)]
    assert all(p["accuracy"]["amplitude"]["accuracy"] > 0.9 and p["fvu"] < 0.6 for p in made["points"])
    assert all(abs(p["accuracy"]["timbre"]["accuracy"] - 0.5) < 0.13 for p in made["points"])
    assert all(p["accuracy"]["pitch"]["accuracy"] > 0.9 for p in made["points"]) and made["majority"]["pitch"] < 0.6
    assert made["train_frames"] == 400 and made["frames"] == 600 and made["beside_paper"]["pitch"]["paper"] == [0.78, 0.87]
    low, high = made["points"][0]["accuracy"]["timbre"]["ci95"]
    assert low < made["points"][0]["accuracy"]["timbre"]["accuracy"] < high
