"""Properties that are in the inputs are found, others are not; and a property of one's own takes one entry."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import toy_material

from audiosae import audio
from audiosae.audio import labels
from audiosae.errors import CorpusError
from audiosae.evidence import richer
from audiosae.evidence.material import Material
from audiosae.evidence.properties import Clip, Property, equal_width
from audiosae.probes.representations import FEATURES, RAW, UNTRAINED
from audiosae.sae import SparseAutoencoder

RATE, SECONDS = 25.0, 1
CLIPS = [(f"{split}-{number}", split) for split in ("train", "validation", "test") for number in range(6)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Noises that swell, at levels of their own, with a manifest."""
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    rows = pd.DataFrame(CLIPS, columns=["clip", "split"]).assign(monophonic=True)
    rows["piece"], rows["file"] = rows["clip"], str(folder) + "/" + rows["clip"] + ".flac"
    rows["family"] = np.where(rows.index % 2, "brass", "strings")
    for row in rows.itertuples():
        swell = np.linspace(0.01, 0.05 + 0.02 * (row.Index % 6), SECONDS * audio.SAMPLE_RATE)
        wave = rng.standard_normal((1, len(swell))) * swell
        audio.write_flac(row.file, wave.astype(np.float32), audio.SAMPLE_RATE)
    return rows


def loudness(clip: Clip) -> np.ndarray:
    return 20 * np.log10(clip.table["rms"].to_numpy())


def luck(clip: Clip) -> np.ndarray:
    return np.random.default_rng(len(clip.row.clip) + int(1e5 * clip.mono[1000] ** 2 * 1e4)).choice(["heads", "tails"], len(clip.times))


OWN = {
    "loudness": Property("dBFS", loudness, equal_width, "here"),
    "luck": Property("side", luck, None, "here"),
    "player": Property("family", lambda clip: np.full(len(clip.times), clip.row.family), None, "here"),
}
"""Properties that the project does not have, an entry each."""


@pytest.fixture(scope="module")
def given(corpus: pd.DataFrame) -> Material:
    """Frames whose first latent is the level in dB, and whose second says who plays."""
    rng, tables, latents = np.random.default_rng(1), [], []
    for row in corpus.itertuples():
        wave, _ = audio.read(row.file)
        times = labels.frame_times(int(SECONDS * RATE), RATE)
        rms, centroid = labels.level_and_brightness(audio.to_mono(wave), times)
        tables.append(pd.DataFrame({"rms": rms, "centroid": centroid, "clip": row.clip, "piece": row.piece, "split": row.split}))
        player = np.full(len(times), 1.0 if row.family == "brass" else -1.0) + rng.normal(0, 0.7, len(times))
        latents.append(np.stack([np.log10(rms), player, *rng.standard_normal((2, len(times)))], axis=1))
    table = pd.concat(tables, ignore_index=True).astype({"clip": "category", "piece": "category", "split": "category"})
    frames = np.concatenate(latents).astype(np.float32)
    torch.manual_seed(0)
    sae = SparseAutoencoder(4, 32)
    sae.standardise(torch.from_numpy(frames))
    return toy_material.material(frames, table, sae.eval(), rate=RATE)


@pytest.fixture(scope="module")
def found(given: Material, corpus: pd.DataFrame) -> dict[str, Any]:
    return richer.probe_all(given, richer.measure_clips(given.table, corpus, OWN), OWN, [1e-4, 1e-2], 30)


def test_a_property_of_ones_own_is_one_entry(found: dict[str, Any]) -> None:
    assert set(found["properties"]) == set(OWN) and found["left_out"] == []
    loud = found["properties"]["loudness"]
    assert (loud["unit"], loud["classes"], loud["ordered"], len(loud["meaning"])) == ("dBFS", 20, True, 21)
    assert found["properties"]["player"]["meaning"] == ["brass", "strings"]
    json.dumps(found, allow_nan=False)


def test_what_is_in_the_latents_is_linearly_there_and_luck_is_not(found: dict[str, Any]) -> None:
    there = {name: figures["linearly_there"] for name, figures in found["properties"].items()}
    assert there == {"loudness": True, "player": True, "luck": False}
    for kind in (FEATURES, RAW, UNTRAINED):
        assert found["properties"]["player"][kind]["accuracy"] > 0.8
        assert abs(found["properties"]["luck"][kind]["accuracy"] - 0.5) < 0.2


def test_a_near_miss_is_told_of_ordered_classes_and_a_vote_of_clips_of_one_class(found: dict[str, Any]) -> None:
    loud, player, luck = (found["properties"][name][RAW] for name in ("loudness", "player", "luck"))
    assert loud["within_one"] > loud["accuracy"] and loud["clip_vote"] is None and player["within_one"] is None
    assert player["accuracy"] < 1 and player["clip_vote"]["accuracy"] == 1 and player["clip_vote"]["clips"] == 6
    assert luck["clip_vote"] is None  # its clips hold both sides


def test_a_property_with_nothing_to_tell_apart_is_left_out(given: Material, corpus: pd.DataFrame) -> None:
    one = {
        "kind": Property("name", lambda clip: np.full(len(clip.times), "noise"), None, "here"),
        "none": Property("Hz", lambda clip: np.where(clip.row.split == "test", np.nan, clip.times), equal_width, "here"),
    }
    assert richer.probe_all(given, richer.measure_clips(given.table, corpus, one), one, [1e-2], 5) == {
        "properties": {},
        "left_out": ["kind", "none"],
    }


def test_values_follow_the_order_of_the_frames_not_of_the_manifest(given: Material, corpus: pd.DataFrame) -> None:
    shuffled = richer.measure_clips(given.table, corpus.iloc[::-1], OWN)
    np.testing.assert_allclose(shuffled["loudness"], 20 * np.log10(given.table.table["rms"]))
    assert (shuffled["player"] == corpus.set_index("clip").loc[given.table.table["clip"], "family"].to_numpy()).all()
    with pytest.raises(CorpusError, match="has no clip train-0"):
        richer.measure_clips(given.table, corpus.iloc[1:], OWN)


# --- scores ---------------------------------------------------------------------------------------------------------------


def test_skill_by_hand() -> None:
    pieces = np.repeat(["a", "b"], 5)
    hit, constant = np.array([1, 1, 1, 0, 0, 1, 1, 1, 0, 0], bool), np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0], bool)
    score = richer.skill(hit, constant, pieces, 0)
    assert score["skill"] == pytest.approx((0.6 - 0.2) / (1 - 0.2))
    assert score["skill_ci95"] == pytest.approx([0.5, 0.5])  # both recordings are alike
    assert richer.skill(constant, constant, pieces, 0)["skill"] == 0
    assert richer.skill(np.ones(10, bool), constant, pieces, 0)["skill"] == 1
    assert richer.skill(hit, np.ones(10, bool), pieces, 0) == {"skill": None, "skill_ci95": None}
    unlike = np.repeat([1, 0, 1, 0], 25).astype(bool)  # the interval is over recordings
    assert richer.skill(unlike, np.zeros(100, bool), np.repeat(list("abcd"), 25), 0)["skill_ci95"] == [0, 1]


def test_votes_by_hand() -> None:
    predicted, truth = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 0, 0, 0, 0, 0])
    clip, pieces = np.array(list("xxxyyy")), np.array(list("ppppqq"))
    assert richer.vote(predicted, truth, clip, pieces, 0)["accuracy"] == 0.5
    assert richer.vote(predicted, np.array([0, 0, 1, 1, 1, 1]), clip, pieces, 0) is None


def test_the_question_reads_the_corpus_and_its_table_of_properties(
    given: Material, corpus: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(richer, "PROPERTIES", OWN)
    monkeypatch.setattr(richer.corpus, "load", lambda folder: corpus)
    written = toy_material.ask(monkeypatch, richer, given, penalties=[0.01], iterations=5)
    assert set(written) == {"codec", "sae", "properties", "left_out"} and set(written["properties"]) == set(OWN)
