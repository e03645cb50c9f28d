"""Bad input to stages and stores ends in one clear message of a named error, and loses nothing that was there before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from safetensors import SafetensorError

from audiosae import command, corpus, frames, probes
from audiosae.audio import SAMPLE_RATE
from audiosae.corpus import __main__ as corpus_stage
from audiosae.corpus import building
from audiosae.corpus.clip import PARTS
from audiosae.errors import CorpusError, report
from audiosae.files import checkpoint, results
from audiosae.frames import pitch_trackers
from audiosae.sae import SparseAutoencoder

SHARES = dict.fromkeys(PARTS, 1.0)


def tone(seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def full(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


# --- a folder of recordings ---------------------------------------------------------------------------------------------


def build(target: Path, source: Path) -> None:
    building.build(target, str(source), 1.0, 2.0, SHARES, 0)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A corpus of before, which a failure must not touch."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "manifest.csv").write_text("from before")
    return tmp_path / "corpus"


def untouched(target: Path) -> bool:
    return (
        (target / "manifest.csv").read_text() == "from before"
        and os.listdir(target) == ["manifest.csv"]
        and not list(target.parent.glob("*.partial"))
    )


def good(folder: Path, count: int = 3) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        notes = np.concatenate([tone(0.4, 440 + 50 * number), tone(0.4, 880 + 50 * number)])
        soundfile.write(folder / f"good{number}.wav", notes, SAMPLE_RATE)
    return folder


def test_every_bad_file_of_a_folder_is_told_at_once(tmp_path: Path, old: Path) -> None:
    source = good(tmp_path / "mine")
    (source / "text.wav").write_text("this is no sound")
    soundfile.write(source / "silent.flac", 0 * tone(), SAMPLE_RATE)
    with pytest.raises(CorpusError, match="2 of 5 files cannot be used") as caught:
        build(old, source)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [str(source / name) for name in ("silent.flac", "text.wav")]
    assert untouched(old)


@pytest.mark.parametrize(
    ("count", "told"),
    [(None, "mine.*neither 'embedded' nor a folder"), (0, "0 recordings .* at least 3"), (2, "2 recordings .* at least 3")],
)
def test_a_folder_with_too_little_in_it_is_said(tmp_path: Path, old: Path, count: int | None, told: str) -> None:
    if count is not None:
        good(tmp_path / "mine", count)
        (tmp_path / "mine" / "cover.jpg").write_bytes(b"no sound")
    with pytest.raises(CorpusError, match=told):
        build(old, tmp_path / "mine")
    assert untouched(old)


# --- the stage's command ------------------------------------------------------------------------------------------------


def arguments(target: Path, source: Path) -> list[str]:
    shares = [word for part in PARTS for word in (f"--shares.{part}", "1")]
    return [str(target), "--source", str(source), "--minutes", "1", "--clip_seconds", "2", "--seed", "0", *shares]


def test_the_command_ends_with_one_message_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "audiosae.corpus", *arguments(tmp_path / "corpus", tmp_path / "empty")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("error: ") and ran.stderr.count("\n") == 1 and "0 recordings" in ran.stderr
    assert os.listdir(tmp_path) == ["empty"]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["corpus", *words])
    command.run(corpus_stage.stage)


def test_the_command_works_where_nothing_is_wrong_and_keeps_the_old_corpus_where_something_is(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(told: str) -> None:
        with pytest.raises(SystemExit) as ended:
            run(monkeypatch, *arguments(old, source))
        said = capsys.readouterr().err
        assert ended.value.code == 1 and told in said and untouched(old)

    source = good(tmp_path / "mine")
    run(monkeypatch, *arguments(tmp_path / "new", source))
    assert len(corpus.load(tmp_path / "new")) == 3 and "own recordings" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(soundfile, "write", full)
        fails("No space left on device")
    (source / "bad.wav").write_text("no sound")
    fails("bad.wav: cannot be read as audio")


def test_a_stage_without_its_corpus_says_which_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="run `dvc repro corpus`"):
        pitch_trackers.stage(tmp_path / "gone", tmp_path / "out.json")
    assert not list(tmp_path.iterdir())


def test_other_faults_are_not_hidden() -> None:
    def fault() -> None:
        raise KeyError("a fault of the code")

    with pytest.raises(KeyError):
        report(fault)


# --- a full disk --------------------------------------------------------------------------------------------------------


def tiny_frames() -> frames.Frames:
    text = {name: pd.Categorical(["a"]) for name in ("clip", "piece", "part", "split")}
    numbers = dict.fromkeys(("time", "f0", "confidence", "rms", "centroid"), [1.0])
    table = pd.DataFrame({**numbers, **text, "monophonic": [True], "pitch": [0], "amplitude": [0], "timbre": [0]})
    edges = {prop: np.arange(3.0) for prop in ("pitch", "amplitude", "timbre")}
    return frames.Frames(np.ones((1, 2), np.float32), table, edges, "toy", "embedded", "swift-f0", 75.0)


WRITERS: dict[str, Callable[[Path], None]] = {
    "frames": lambda path: frames.save(tiny_frames(), path.parent),
    "results": lambda path: results.write(path, {"a": 1}),
    "sae": lambda path: SparseAutoencoder(2, 3).save(path),
    "probes": lambda path: probes.save({"pitch": probes.Probe(torch.ones(3, 2), torch.ones(3), 0.1)}, path, {}),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_keeps_the_file_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    path = frames.part(tmp_path, 0)  # where the frames go; the others go where they are told
    path.write_text("from before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            WRITERS[writer](path)
    assert path.read_text() == "from before"
    WRITERS[writer](path)  # and with room again it is written
    assert path.read_bytes() != b"from before" and os.listdir(tmp_path) == [path.name]


def test_a_full_disk_under_a_checkpoint_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object, **options: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", failing)
    with pytest.raises(OSError, match="a.safetensors.*No space left"):
        SparseAutoencoder(2, 3).save(tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
