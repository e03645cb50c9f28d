"""Figures of the baselines on a codec made up so that their answers are known."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tqdm.auto import tqdm

from audiosae import distinct, labels, probes
from audiosae.evidence import baselines, inputs
from audiosae.evidence.material import Material
from audiosae.frames import Frames
from audiosae.sae import SparseAutoencoder

CLASSES = 4
SETTINGS = argparse.Namespace(penalties=[1e-4], iterations=30, sparse_penalty=1e-4, seed=0)


def material(repeated: bool = False, noise: float = 0.1) -> Material:
    """Frames of 12 recordings in 6 dimensions; the timbre's class is an axis, drums have no test recording.

    Parameters
    ----------
    repeated
        Round the latents, so that few are distinct.
    noise
        Around the axis.
    """
    rng = np.random.default_rng(0)
    piece = np.repeat(np.arange(12), 60)
    timbre = rng.integers(CLASSES, size=len(piece))
    latents = 3 * np.eye(6, dtype=np.float32)[timbre] + noise * rng.normal(size=(len(piece), 6)).astype(np.float32)
    latents = np.round(latents) + 0.0 if repeated else latents  # no −0, which has bits of its own
    timbre[::50] = -1
    table = pd.DataFrame({
        "piece": [f"piece {p}" for p in piece], "split": np.array(["train", "test", "validation", "test"])[piece % 4],
        "part": np.where(piece == 0, "drums", np.where(piece % 3 == 0, "piano", "vocals")), "monophonic": True, "timbre": timbre,
    })
    edges = {"timbre": np.array([0.0, 100.0, 200.0, 300.0, 400.0])}
    frames = Frames(latents, table, edges, "toy", "embedded", "swift-f0", 75.0)
    rows = distinct.find(latents)
    torch.manual_seed(0)
    sae = SparseAutoencoder(6, 16).eval()
    sae.standardise(torch.from_numpy(latents))
    return Material("toy", frames, rows, torch.from_numpy(rows.latents), sae, {}, 100, 0, torch.device("cpu"), {})


def figures(made: Material, types: np.ndarray) -> dict:
    readers = inputs.readers(made.sae, made.latents, 0)
    with tqdm(disable=True) as bar:
        return baselines.property_figures(made, "timbre", readers, types, SETTINGS, bar)


@pytest.mark.parametrize("repeated", [False, True])
def test_a_sample_holds_the_frames_of_the_task_and_no_other(repeated: bool) -> None:
    made = material(repeated)
    label = made.label("timbre")
    found = baselines.sample(made, "timbre", label)
    test = made.table.rows("test", "timbre")
    assert made.rows.few == repeated
    np.testing.assert_array_equal(found.latents[found.row].numpy(), made.table.latents[test])
    np.testing.assert_array_equal(found.truth, label[test])
    assert (found.truth >= 0).all()
    usable = {split: made.table.rows(split, "timbre") for split in ("train", "validation")}
    assert found.train.sum() == (usable["train"].sum() if repeated else 100)  # repeated frames are never thinned
    assert found.validation.sum() == usable["validation"].sum()
    counts = (found.train + found.validation).sum(1).numpy() + np.bincount(found.row, minlength=len(found.latents))
    assert (counts > 0).all()
    # The counts of validation belong to the latents of validation: sums over frames agree.
    np.testing.assert_allclose(
        found.validation.T.double() @ found.latents.double(),
        [made.table.latents[usable["validation"] & (label == k)].sum(axis=0, dtype=float) for k in range(CLASSES)], rtol=1e-5,
    )


def test_means_over_recordings_are_those_of_probes() -> None:
    rng = np.random.default_rng(0)
    predicted, truth, pieces = rng.integers(3, size=200), rng.integers(3, size=200), rng.integers(9, size=200).astype(str)
    score = probes.score(predicted, truth, pieces, 4)
    assert baselines.over_recordings(predicted == truth, pieces, 4) == (score["accuracy"], score["ci95"])


def test_one_recording_gives_no_interval() -> None:
    assert baselines.over_recordings(np.array([1.0, 0.0]), np.array(["a", "a"]), 0) == (0.5, None)


def test_a_difference_that_every_recording_shares_is_certain_though_the_recordings_differ() -> None:
    pieces = np.repeat(np.arange(20), 10)
    easy = np.arange(200) % 10 < pieces // 2 * 0.9
    better = easy.copy()
    better[np.arange(200) % 10 == 9] = True
    value, (low, high) = baselines.over_recordings(better.astype(float) - easy, pieces, 0)
    assert value == pytest.approx(0.1) and low == pytest.approx(0.1) and high == pytest.approx(0.1)
    assert np.diff(baselines.over_recordings(easy, pieces, 0)[1])[0] > 0.1


def test_errors_are_in_units_that_one_can_hear() -> None:
    np.testing.assert_allclose(np.diff(baselines.natural("pitch", labels.pitch_edges())), 1)
    doubled = baselines.natural("amplitude", np.array([0.05, 0.15, 0.25]))  # centres 0.1 and 0.2
    assert np.diff(doubled)[0] == pytest.approx(6.0206, abs=1e-4)
    np.testing.assert_allclose(baselines.natural("timbre", np.array([0.0, 100.0, 200.0])), [50, 150])


def test_scores_by_hand() -> None:
    values = np.array([0.0, 10.0, 30.0])
    found = baselines.scores(np.array([0, 1, 2, 0]), np.array([0, 2, 2, 2]), values, np.array([1, 1, 2, 2]), 0)
    assert (found["accuracy"], found["within_one"], found["mean_error"]) == (0.5, 0.75, 12.5)
    assert found["mean_error_ci95"] == [10.0, 15.0]
    assert found["ci95"] == [0.5, 0.5] and found["within_one_ci95"] == [0.5, 1.0]


def test_parts_count_their_recordings_and_say_nothing_of_none() -> None:
    hits = {inputs.FEATURES: np.array([1, 1, 0, 1]) > 0, inputs.RAW: np.array([0, 1, 0, 0]) > 0}
    found = baselines.parts(hits, np.array(["a", "a", "a", "b"]), np.array([1, 2, 2, 3]), ["a", "b", "c"], 0)
    assert found["a"]["sae"]["accuracy"] == pytest.approx(2 / 3) and found["a"]["raw"]["accuracy"] == pytest.approx(1 / 3)
    assert (found["a"]["recordings"], found["a"]["frames"]) == (2, 3)
    assert found["b"] == {"sae": {"accuracy": 1.0, "ci95": None}, "raw": {"accuracy": 0.0, "ci95": None}, "recordings": 1, "frames": 1}
    assert found["c"] == {"sae": None, "raw": None, "recordings": 0, "frames": 0}


def test_a_property_written_along_the_axes_is_read_by_all_and_its_control_by_none() -> None:
    """Types are drawn afresh for each frame, so the control task cannot be learnt: selectivity is all but chance."""
    made = material()
    found = figures(made, np.random.default_rng(1).integers(400, size=len(made.table.table)))
    assert found["ceiling"] is None and found["chance"] == 0.25 and found["recordings"] == 6
    for name in inputs.NAMES:
        assert found["inputs"][name]["accuracy"] > 0.97
        assert found["inputs"][name]["mean_error"] < 5
    for name, value in found["control"].items():
        assert value["accuracy"] < 0.45
        assert value["selectivity"] == pytest.approx(found["inputs"][name]["accuracy"] - value["accuracy"])
        assert value["ci95"][0] > 0.4
    assert set(found["control"]) == {inputs.FEATURES, inputs.UNTRAINED, inputs.RAW}
    assert found["sparse"][inputs.RAW]["1"]["accuracy"] > 0.97
    for other, value in found["difference"].items():
        accuracy = {name: found["inputs"][name]["accuracy"] for name in inputs.NAMES}
        assert value["difference"] == pytest.approx(accuracy[inputs.FEATURES] - accuracy[other])
    assert found["parts"]["drums"] == {"sae": None, "raw": None, "recordings": 0, "frames": 0}
    assert sum(part["frames"] for part in found["parts"].values()) == found["frames"]["test"]


def test_labels_of_types_that_can_be_seen_are_learnt_by_heart() -> None:
    made = material(repeated=True, noise=0.2)
    found = figures(made, made.rows.of_frame)
    assert found["ceiling"]["oracle"]["accuracy"] >= found["inputs"][inputs.FEATURES]["accuracy"] > 0.9
    assert found["control"][inputs.RAW]["accuracy"] > 0.9
    assert found["control"][inputs.RAW]["selectivity"] < 0.1


def test_the_command_writes_what_it_was_told_and_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made, written = material(), {}
    for prop in ("pitch", "amplitude"):
        made.table.table[prop] = made.table.table["timbre"]
        made.table.edges[prop] = made.table.edges["timbre"]
    monkeypatch.setattr(baselines, "load", lambda codec, few, seed: made)
    monkeypatch.setattr(Material, "write", lambda self, question, found, parameters: written.update(
        question=question, found=found, parameters=parameters))
    made.sae.save(tmp_path / "sae", {"parameters": {"l1": 0.05}})
    made.inputs["weights/sae"] = str(tmp_path / "sae")
    monkeypatch.setattr("sys.argv", "baselines toy --penalties 0.001 --iterations 3 --cells 10 --seed 5".split())
    baselines.main()
    assert written["question"] == "baselines" and written["found"]["types"] == {"kind": "k-means cells", "count": 10}
    assert written["found"]["sae"] == {"dim": 6, "hidden": 16, "l1": 0.05}
    assert set(written["found"]["properties"]) == set(labels.PROPERTIES)
    assert written["parameters"]["penalties"] == [0.001] and written["parameters"]["seed"] == 5
