"""Bins measured once for all codecs, on clips of known level and brightness."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiosae import bins, labels
from audiosae.audio import SAMPLE_RATE
from audiosae.errors import CorpusError
from audiosae.results import ResultsError


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


def test_edges_run_from_the_least_to_the_most_of_the_training_clips(manifest: pd.DataFrame) -> None:
    edges = bins.measure(manifest)
    assert {prop: len(values) for prop, values in edges.items()} == {"pitch": 67, "amplitude": 21, "timbre": 21}
    for prop in ("amplitude", "timbre"):
        np.testing.assert_allclose(np.diff(edges[prop], n=2), 0, atol=1e-9 * edges[prop][-1])
    assert edges["amplitude"][-1] == pytest.approx(0.3 / 2**0.5, rel=1e-3)
    assert edges["timbre"][0] == pytest.approx(20 * SAMPLE_RATE / 2048, rel=0.05)
    # Twice as often or half as often, inner windows are the same: the range does not depend on a codec's frame rate.
    file = manifest["file"][0]
    wave = soundfile.read(file, dtype="float32")[0].mean(axis=1)
    for rate in (21.5, 150.0):
        rms, _ = labels.level_and_brightness(wave, labels.frame_times(int(rate), rate)[5:-5])
        assert edges["amplitude"][0] <= rms.min() and rms.max() <= edges["amplitude"][-1]


def test_the_stage_writes_what_extraction_reads(
    manifest: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.csv").write_text("for its hash alone")
    monkeypatch.setattr(bins.corpus, "load", lambda folder: manifest)
    for name in ("one.json", "two.json"):
        monkeypatch.setattr(sys, "argv", ["bins", str(tmp_path), str(tmp_path / name)])
        bins.main()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    loaded, measured = bins.load(tmp_path / "one.json"), bins.measure(manifest)
    assert loaded.keys() == measured.keys()
    for prop, edges in measured.items():
        np.testing.assert_array_equal(loaded[prop], edges)


def test_a_corpus_without_training_clips_and_a_missing_file_are_said(manifest: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no training clips"):
        bins.measure(manifest[manifest["split"] == "test"])
    with pytest.raises(ResultsError, match="bins.json is missing"):
        bins.load(tmp_path / "bins.json")


@pytest.mark.parametrize("text", [
    "{}", "[]", "null", "7", '{"edges": null}', '{"edges": []}', '{"edges": {"pitch": [1, 2], "timbre": [1, 2]}}',
    *('{"edges": {"pitch": [1, 2], "timbre": [1, 2], "amplitude": %s}}' % bad
      for bad in ("null", "[]", "[1]", "[2, 1]", "[1, 1]", "[1, NaN]", "[1, Infinity]", '["low", "high"]', "[[1, 2]]", "[1, [2]]", "{}")),
])
def test_a_damaged_file_of_bins_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "bins.json").write_text(text)
    with pytest.raises(ResultsError, match="bins.json.*( edges .*run `dvc repro bins`|holds a .*run the stage)"):
        bins.load(tmp_path / "bins.json")
