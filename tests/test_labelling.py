"""Labels measured once for all codecs, and bins, on clips of known level and brightness."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiosae import audio
from audiosae.audio import SAMPLE_RATE, labels
from audiosae.errors import CorpusError
from audiosae.files.results import ResultsError
from audiosae.frames import bins, labelling


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Sines of whole periods in a window: two for training, and one outside their range for testing."""
    folder, rows = tmp_path_factory.mktemp("clips"), []
    for clip, split, hertz, amplitude in (("a", "train", 20, 0.1), ("b", "train", 80, 0.3), ("c", "test", 200, 0.9)):
        tone = amplitude * np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / 2048)
        # The windows of the first and last frames reach beyond the clip, where it is silent.
        soundfile.write(folder / f"{clip}.wav", np.stack([tone, tone], axis=1), SAMPLE_RATE, subtype="FLOAT")
        rows.append({"clip": clip, "piece": clip, "split": split, "file": str(folder / f"{clip}.wav")})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def measured(manifest: pd.DataFrame) -> labelling.Labels:
    return labelling.measure(manifest, "swift-f0")


@pytest.mark.parametrize("tracker", ["swift-f0", "crepe-tiny"])
@pytest.mark.parametrize(("frame_rate", "frames"), [(75.0, 75), (75.0, 77), (21.53, 21)])
def test_stored_labels_are_those_that_are_measured(
    manifest: pd.DataFrame, measured: labelling.Labels, tmp_path: Path, tracker: str, frame_rate: float, frames: int
) -> None:
    found = measured if tracker == "swift-f0" else labelling.measure(manifest[:1], tracker)
    (tmp_path / "manifest.csv").write_text("for its hash alone")
    labelling.save(found, tmp_path / "a.arrow", tmp_path / "manifest.csv")
    loaded = labelling.load(tmp_path / "a.arrow", tracker, tmp_path / "manifest.csv")
    wave, rate = audio.read(manifest["file"][0])
    expected = labels.describe(wave, rate, frame_rate, tracker, frames)
    for stored in (found, loaded, labelling.Labels(tracker)):
        for name, values in vars(stored.at("a", audio.mono_mix(wave, rate), frame_rate, frames)).items():
            np.testing.assert_array_equal(values, getattr(expected, name), err_msg=name)


def test_another_tracker_or_corpus_takes_nothing_from_what_is_stored(measured: labelling.Labels, tmp_path: Path) -> None:
    path, manifest = tmp_path / "a.arrow", tmp_path / "manifest.csv"
    with pytest.raises(CorpusError, match="a.arrow is missing: run `dvc repro labels`"):
        labelling.load(path, "swift-f0", manifest)
    manifest.write_text("one corpus")
    labelling.save(measured, path, manifest)
    assert labelling.load(path, "crepe-tiny", manifest) == labelling.Labels("crepe-tiny")
    manifest.write_text("another corpus")
    with pytest.raises(CorpusError, match="it belongs to another corpus.*dvc repro labels"):
        labelling.load(path, "swift-f0", manifest)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorpusError, match="holds no labels that can be used"):
        labelling.load(path, "swift-f0", manifest)


def test_edges_run_from_the_least_to_the_most_of_the_training_clips(measured: labelling.Labels) -> None:
    edges = bins.find([measured.measured[clip] for clip in "ab"])
    assert {prop: len(values) for prop, values in edges.items()} == {"pitch": 67, "amplitude": 21, "timbre": 21}
    for prop in ("amplitude", "timbre"):
        np.testing.assert_allclose(np.diff(edges[prop], n=2), 0, atol=1e-9 * edges[prop][-1])
    assert edges["amplitude"][-1] == pytest.approx(0.3 / 2**0.5, rel=1e-3)
    assert edges["timbre"][0] == pytest.approx(20 * SAMPLE_RATE / 2048, rel=0.05)
    with pytest.raises(CorpusError, match="no training clips"):
        bins.find([])


def test_the_stage_writes_what_extraction_reads(
    manifest: pd.DataFrame, measured: labelling.Labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.csv").write_text("for its hash alone")
    monkeypatch.setattr(labelling.corpus, "load", lambda folder: manifest)
    for name in ("one", "two"):
        labelling.stage(tmp_path, tmp_path / f"{name}.arrow", tmp_path / f"{name}.json", tracker="swift-f0", seed=0)
    for suffix in ("arrow", "json"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    loaded = bins.load(tmp_path / "one.json")
    for prop, edges in bins.find([measured.measured[clip] for clip in "ab"]).items():
        np.testing.assert_array_equal(loaded[prop], edges)


@pytest.mark.parametrize("amplitude", [None, [1], [2, 1], [1, 1], [1, float("nan")], ["low", "high"]])
def test_a_damaged_file_of_bins_is_told(amplitude: object, tmp_path: Path) -> None:
    edges = {"pitch": [1, 2], "timbre": [1, 2], "amplitude": amplitude}
    (tmp_path / "bins.json").write_text(json.dumps({"edges": edges if amplitude else None}))
    with pytest.raises(ResultsError, match="(?s)bins.json lacks the edges of bins.*run `dvc repro labels`"):
        bins.load(tmp_path / "bins.json")
