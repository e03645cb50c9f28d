"""Section 1 as a stage and as a page run it: computed once, then read, and computed anew where something has changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
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
    np.testing.assert_array_equal(frames.load(project / "data" / "frames" / "mel").latents, first.table.latents)

    computed, extract = [], extraction.extract
    monkeypatch.setattr(extraction, "extract", lambda *given: computed.append(given) or extract(*given))
    again = extraction.run("mel", str(CODEC), "swift-f0", 0, project)
    assert not computed and again.figures == first.figures
    extraction.run("mel", str(CODEC), "swift-f0", 1, project)
    shutil.rmtree(project / "data" / "frames" / "mel")
    extraction.run("mel", str(CODEC), "swift-f0", 1, project)
    assert len(computed) == 2


def test_parts_that_a_stopped_run_has_written_stay_and_strays_go(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clip a part; the disk is full when the third is written."""
    folder = project / "data" / "frames" / "mel"
    whole = extraction.run("mel", str(CODEC), "swift-f0", 0, project).table
    in_one, alone = whole.latents[:], whole.table
    shutil.rmtree(folder)
    monkeypatch.setattr(extraction, "CLIPS", 1)
    frames.save(whole, folder, 7, "another run")
    written, save = [], frames.save

    def full(table: frames.Frames, folder: Path, number: int, of: str) -> None:
        written.append(number)
        if number == 2:
            raise OSError(28, "No space left on device")
        save(table, folder, number, of)

    monkeypatch.setattr(frames, "save", full)
    with pytest.raises(OSError, match="No space left") as raised:
        extraction.run("mel", str(CODEC), "swift-f0", 0, project)
    assert raised.value.__notes__ == ["in mel: extracting, clips from 2"]
    assert sorted(path.name for path in folder.iterdir()) == ["part-00000.arrow", "part-00001.arrow"]
    monkeypatch.setattr(frames, "save", lambda table, folder, number, of: written.append(number) or save(table, folder, number, of))
    parted = extraction.run("mel", str(CODEC), "swift-f0", 0, project).table
    assert written == [0, 1, 2, 2, 3]
    np.testing.assert_array_equal(parted.latents, in_one)
    pd.testing.assert_frame_equal(parted.table, alone)


def test_parts_of_other_code_or_clips_are_made_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = extraction.run("mel", str(CODEC), "swift-f0", 0, project)
    made, part = first.figures["provenance"], frames.part(project / "data" / "frames" / "mel", 0)
    of = frames.made_of(part)
    given = extraction.Given("mel", str(CODEC), "swift-f0", project.resolve(), json.dumps(made, sort_keys=True))
    extraction.write_parts(first.manifest, part.parent, given)
    assert frames.made_of(part) == of
    extraction.write_parts(first.manifest.iloc[1:], part.parent, given)
    assert frames.made_of(part) != of
    extraction.write_parts(first.manifest, part.parent, given._replace(made=given.made.replace(made["code"], "other")))
    assert frames.made_of(part) != of and len(frames.load(part.parent).table["clip"].cat.categories) == 4
