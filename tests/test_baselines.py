"""Figures of the baselines on a codec made up so that their answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import toy_material

from audiosae.audio import labels
from audiosae.evidence import baselines
from audiosae.evidence.material import Material
from audiosae.probes.representations import FEATURES, K_SPARSE, NAMES, RAW, UNTRAINED, readers
from audiosae.sae import SparseAutoencoder


def material(repeated: bool = False, noise: float = 0.1) -> Material:
    """Frames of 12 recordings in 6 dimensions, with noise, rounded if repeated; the class is an axis, drums have no test recording."""
    rng = np.random.default_rng(0)
    piece = np.repeat(np.arange(12), 60)
    axis = rng.integers(4, size=len(piece))
    latents = 3 * np.eye(6, dtype=np.float32)[axis] + noise * rng.normal(size=(len(piece), 6)).astype(np.float32)
    latents = np.round(latents) + 0.0 if repeated else latents  # no −0, which has bits of its own
    axis[::50] = -1
    table = pd.DataFrame({"piece": piece, "monophonic": True, **dict.fromkeys(labels.PROPERTIES, axis)})
    table["split"] = np.array(["train", "test", "validation", "test"])[piece % 4]
    table["part"] = np.where(piece == 0, "drums", np.where(piece % 3 == 0, "piano", "vocals"))
    torch.manual_seed(0)
    sae = SparseAutoencoder(6, 16).eval()
    sae.standardise(torch.from_numpy(latents))
    edges = dict.fromkeys(labels.PROPERTIES, np.array([0.0, 100.0, 200.0, 300.0, 400.0]))
    return toy_material.material(latents, table, sae, edges, few_frames=100)


def figures(made: Material, types: np.ndarray) -> dict[str, Any]:
    return baselines.property_figures(made, "timbre", readers(made.sae, made.k_sparse, made.latents, 0), types, [1e-4], 30, 1e-4)[0]


def test_a_difference_that_every_recording_shares_is_certain_though_the_recordings_differ() -> None:
    pieces = np.repeat(np.arange(20), 10)
    easy = np.arange(200) % 10 < pieces // 2 * 0.9
    better = easy.copy()
    better[np.arange(200) % 10 == 9] = True
    found = baselines.over_recordings("x", better.astype(float) - easy, pieces, 0)
    assert [found["x"], *found["ci95"]] == pytest.approx([0.1] * 3)
    assert np.diff(baselines.over_recordings("x", easy, pieces, 0)["ci95"])[0] > 0.1
    assert baselines.over_recordings("x", np.array([1.0, 0.0]), np.array(["a", "a"]), 0) == {"x": 0.5, "ci95": None}


def test_errors_are_in_units_that_one_can_hear() -> None:
    np.testing.assert_allclose(np.diff(baselines.natural("pitch", labels.pitch_edges())), 1)
    doubled = baselines.natural("amplitude", np.array([0.05, 0.15, 0.25]))  # centres 0.1 and 0.2
    assert np.diff(doubled)[0] == pytest.approx(6.0206, abs=1e-4)
    np.testing.assert_allclose(baselines.natural("timbre", np.array([0.0, 100.0, 200.0])), [50, 150])


def test_scores_by_hand() -> None:
    values = np.array([0.0, 10.0, 30.0])
    found = baselines.scores(np.array([0, 1, 2, 0]), np.array([0, 2, 2, 2]), values, np.array([1, 1, 2, 2]), 0)
    assert (found["accuracy"], found["within_one"], found["mean_error"]) == (0.5, 0.75, 12.5)
    assert (found["ci95"], found["within_one_ci95"], found["mean_error_ci95"]) == ([0.5, 0.5], [0.5, 1.0], [10.0, 15.0])


def test_parts_count_their_recordings_and_say_nothing_of_none() -> None:
    hits = {FEATURES: np.array([1, 1, 0, 1]) > 0, RAW: np.array([0, 1, 0, 0]) > 0}
    found = baselines.by_part(hits, np.array(["a", "a", "a", "b"]), np.array([1, 2, 2, 3]), ["a", "b", "c"], 0)
    assert found["a"]["sae"]["accuracy"] == pytest.approx(2 / 3) and found["a"]["raw"]["accuracy"] == pytest.approx(1 / 3)
    assert (found["a"]["recordings"], found["a"]["frames"]) == (2, 3)
    assert found["b"] == {"sae": {"accuracy": 1.0, "ci95": None}, "raw": {"accuracy": 0.0, "ci95": None}, "recordings": 1, "frames": 1}
    assert found["c"] == {"sae": None, "raw": None, "recordings": 0, "frames": 0}


def test_pitch_is_paired_with_the_others_on_frames_that_have_both() -> None:
    """Pitch is right in one frame more of each recording, though the recordings differ; a frame without pitch does not count."""
    right = {"pitch": np.array([1, 1, 1, 0, np.nan]), "timbre": np.array([1, 0, 0, 0, 1.0]), "amplitude": np.array([0, 0, 1, 1, 1.0])}
    found = baselines.behind_pitch(right, np.array(["a", "a", "b", "b", "b"]), 0)
    assert found["timbre"] == {"difference": 0.5, "ci95": [0.5, 0.5], "frames": 4}
    assert found["amplitude"]["difference"] == 0.25 and found["amplitude"]["ci95"] == [-0.5, 1.0] and "pitch" not in found
    hits = baselines.by_recording(np.array([True, False, True]), np.array(["b", "b", "a"]))
    assert hits == {"a": [1, 1], "b": [1, 2]}


def test_a_property_written_along_the_axes_is_read_by_all_and_its_control_by_none() -> None:
    """Types are drawn afresh for each frame, so the control task cannot be learnt: selectivity is all but chance."""
    made = material()
    found = figures(made, np.random.default_rng(1).integers(400, size=len(made.table.table)))
    assert found["ceiling"] is None and found["chance"] == 0.25 and found["recordings"] == 6
    accuracy = {name: found["inputs"][name]["accuracy"] for name in NAMES}
    assert min(accuracy.values()) > 0.97 and all(found["inputs"][name]["mean_error"] < 5 for name in NAMES)
    assert set(found["control"]) == {FEATURES, K_SPARSE, UNTRAINED, RAW}
    for name, value in found["control"].items():
        assert value["accuracy"] < 0.45 and value["ci95"][0] > 0.4
        assert value["selectivity"] == pytest.approx(accuracy[name] - value["accuracy"])
    assert found["sparse"][RAW]["1"]["accuracy"] > 0.97
    for other, value in found["difference"].items():
        assert value["difference"] == pytest.approx(accuracy[FEATURES] - accuracy[other])
    assert found["parts"]["drums"] == {"sae": None, "raw": None, "recordings": 0, "frames": 0}
    assert sum(part["frames"] for part in found["parts"].values()) == found["frames"]["test"]
    hits, frames = np.sum(list(found["by_recording"].values()), axis=0)
    assert len(found["by_recording"]) == 6 and frames == found["frames"]["test"] and hits / frames == pytest.approx(accuracy[FEATURES])


def test_labels_of_types_that_can_be_seen_are_learnt_by_heart() -> None:
    made = material(repeated=True, noise=0.2)
    found = figures(made, made.rows.of_frame)
    assert found["ceiling"]["oracle"]["accuracy"] >= found["inputs"][FEATURES]["accuracy"] > 0.9
    assert found["control"][RAW]["accuracy"] > 0.9 and found["control"][RAW]["selectivity"] < 0.1


def test_every_property_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = toy_material.ask(monkeypatch, baselines, material(), penalties=[0.001], iterations=3, sparse_penalty=1e-6, cells=10)
    assert found["types"] == {"kind": "k-means cells", "count": 10}
    assert set(found["properties"]) == set(labels.PROPERTIES)
    gap = found["properties"]["timbre"]["behind_pitch"]  # all three have one label, so one accuracy
    assert gap["difference"] == pytest.approx(0, abs=0.02) and gap["frames"] == found["properties"]["pitch"]["frames"]["test"]
