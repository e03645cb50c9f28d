"""Section 1 as a stage and as a page run it: computed once, then read, and computed anew where something has changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from audiosae import audio, frames
from audiosae.audio import SAMPLE_RATE, pitch
from audiosae.frames import labelling
from audiosae.sections import extraction

ROOT = Path(__file__).resolve().parents[1]
CODEC = ROOT / "examples" / "mel_codec.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Four clips of one note each, with their score and their labels."""
    folder = tmp_path / "data" / "corpus"
    (folder / "audio").mkdir(parents=True)
    rows, notes = ["clip,part,piece,instrument,family,seed,duration,monophonic,split,file"], ["clip,start,end,midi"]
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    clips = [("a", "train", 60, 0.1), ("b", "train", 64, 0.3), ("c", "validation", 67, 0.2), ("d", "test", 62, 0.2)]
    for clip, split, midi, level in clips:
        tone = np.linspace(0.5, 1, SAMPLE_RATE) * sum(np.sin(2 * np.pi * k * pitch.to_hz(midi) * time) / k for k in (1, 2, 3))
        audio.write_flac(folder / "audio" / f"{clip}.flac", level * tone[None].astype(np.float32), SAMPLE_RATE)
        rows.append(f"{clip},tones,piece {clip},flute,woodwind,0,1.0,True,{split},audio/{clip}.flac")
        notes.append(f"{clip},0.0,1.0,{midi if clip != 'b' else 70}")  # b is told wrong
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    (folder / "notes.csv").write_text("\n".join(notes) + "\n")
    labelling.stage(folder, tmp_path / "data" / "labels.arrow", tmp_path / "results" / "bins.json", tracker="swift-f0", seed=0)
    shutil.copy(ROOT / "results" / "pitch_trackers.json", tmp_path / "results")
    return tmp_path


def test_what_was_computed_is_read_until_a_parameter_changes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = extraction.run("mel", str(CODEC), "swift-f0", 0, project)
    assert first.figures == json.loads((project / "results" / "extraction" / "mel.json").read_text())
    assert first.figures["frames"] == len(first.table.latents) and first.figures["codebooks"] is None
    assert first.figures["pitch_against_score"] == pytest.approx(0.75, abs=0.05) and first.by_family.to_dict() == {
        "woodwind": pytest.approx(first.figures["pitch_against_score"])
    }
    assert first.figures["reconstruction"].keys() == {"pitch", "rms", "centroid", "log_mel_db", "si_sdr_db"}
    assert (first.sounds / "index.json").is_file() and first.recordings is None
    np.testing.assert_array_equal(frames.load(project / "data" / "frames" / "mel.arrow").latents, first.table.latents)

    computed, extract = [], extraction.extract
    monkeypatch.setattr(extraction, "extract", lambda *given: computed.append(given) or extract(*given))
    again = extraction.run("mel", str(CODEC), "swift-f0", 0, project)
    assert not computed and again.figures == first.figures
    extraction.run("mel", str(CODEC), "swift-f0", 1, project)
    (project / "data" / "frames" / "mel.arrow").unlink()
    extraction.run("mel", str(CODEC), "swift-f0", 1, project)
    assert len(computed) == 2
