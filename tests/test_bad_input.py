"""Bad input ends in one clear message of a named error, and loses nothing that was there before."""

from __future__ import annotations

import os
import struct
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

from audiosae import audio, checkpoint, corpus, frames, pitch_comparison, probes, results
from audiosae.audio import SAMPLE_RATE
from audiosae.corpus import __main__ as stage
from audiosae.corpus import building
from audiosae.corpus.scores import PARTS
from audiosae.errors import AudioError, CheckpointError, CorpusError, ParameterError, report
from audiosae.sae import SparseAutoencoder

SHARES = dict.fromkeys(PARTS, 1.0)


def tone(seconds: float = 1.0, channels: int = 1, hertz: float = 440.0) -> np.ndarray:
    """[samples, channels], as soundfile writes it."""
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.repeat(wave[:, None], channels, axis=1)


def write_opus(path: Path, keep: float = 1.0) -> None:
    soundfile.write(path, noise, 48000, format="OGG", subtype="OPUS")
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])


def write(path: Path, samples: np.ndarray, keep: float = 1.0, **options: str) -> None:
    """Write a sound, and keep only so much of its file."""
    soundfile.write(path, samples, SAMPLE_RATE, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


def with_header(path: Path, samples: np.ndarray, at: int, packing: str, *values: int) -> None:
    """Write a sound, and other numbers into its header."""
    write(path, samples)
    data = bytearray(path.read_bytes())
    struct.pack_into(packing, data, at, *values)
    path.write_bytes(data)


def with_sample(value: float) -> np.ndarray:
    samples = tone()
    samples[SAMPLE_RATE // 2] = value
    return samples


noise = np.random.default_rng(0).normal(0, 0.1, (2 * SAMPLE_RATE, 1))  # does not compress to a single page

BAD: dict[str, tuple[Callable[[Path], object], str]] = {  # file: how it is made, what must be said
    "text.wav": (lambda path: path.write_text("this is no sound"), "cannot be read as audio"),
    "text.mp3": (lambda path: path.write_text("this is no sound"), "cannot be read as audio"),
    "empty.flac": (lambda path: path.write_bytes(b""), "cannot be read as audio"),
    "cut.wav": (lambda path: write(path, noise, 0.6), "truncated"),
    "cut.flac": (lambda path: write(path, noise, 0.6), "cut short|truncated"),
    "cut.mp3": (lambda path: write(path, noise, 0.6), "truncated"),
    "cut.ogg": (lambda path: write(path, noise, 0.6), "truncated"),
    "nan.wav": (lambda path: write(path, with_sample(np.nan), subtype="FLOAT"), r"1 samples are NaN.*at 0\.500 s"),
    "infinite.wav": (lambda path: write(path, with_sample(np.inf), subtype="FLOAT"), "infinite"),
    "silent.wav": (lambda path: write(path, 0 * tone()), "pure silence"),
    "short.wav": (lambda path: write(path, tone(0.04)), "shorter than one analysis frame"),
    "none.wav": (lambda path: write(path, tone(0.0)), "shorter than one analysis frame"),
    "seven.wav": (lambda path: write(path, tone(channels=7)), "7 channels; only mono and stereo"),
    "cut.aiff": (lambda path: write(path, noise, 0.6), "truncated"),
    "cut.aif": (lambda path: write(path, noise, 0.999, format="AIFF", subtype="FLOAT"), "truncated"),
    "cut.opus": (lambda path: write_opus(path, 0.999), "truncated"),
    "streamed and cut.wav": (lambda path: with_header(path, noise, 40, "<I", 2 * len(noise) + 4), "truncated"),
    "slow.wav": (lambda path: with_header(path, noise, 24, "<I", 1), "sample rate of 1 Hz; rates from 4000 to 384000 Hz"),
    "fast.wav": (lambda path: with_header(path, noise, 24, "<I", 400_000), "sample rate of 400000 Hz"),
    "endless.flac": (lambda path: with_header(path, noise, 21, ">BI", 0xFF, 0xFFFFFFFF), "cannot be read as audio|truncated"),
    "unknown.flac": (lambda path: with_header(path, noise, 21, ">BI", 0xF0, 0), "does not say how long it is"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_named_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    make, said = BAD[name]
    make(tmp_path / name)
    with pytest.raises(AudioError, match=said) as caught:
        audio.read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["gone.wav", "folder.wav"])
def test_what_is_no_file_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(AudioError, match=f"{name}: there is no such file"):
        audio.read(tmp_path / name)


def test_a_whole_ogg_mp3_or_flac_is_not_called_truncated(tmp_path: Path) -> None:
    for suffix in audio.SUFFIXES:
        path = tmp_path / f"a{suffix}"
        write_opus(path) if suffix == ".opus" else write(path, noise, format={".aif": "AIFF"}.get(suffix, suffix[1:].upper()))
        assert audio.read(tmp_path / f"a{suffix}")[0].shape[1] == pytest.approx(2 * SAMPLE_RATE, abs=3000)


@pytest.mark.parametrize(
    "sizes", [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0x7FFFFFFF), (0x7FFFF024, 0x7FFFF000), (0x80000024, 0x80000000), (0, None)],
    ids=lambda sizes: "{:x}".format(sizes[0]) + f" {sizes[1]}",
)
def test_a_wav_that_was_written_to_a_pipe_is_read_to_its_end(tmp_path: Path, sizes: tuple[int, int | None]) -> None:
    whole, streamed = tmp_path / "whole.wav", tmp_path / "streamed.wav"
    write(whole, noise)
    with_header(streamed, noise, 4, "<I", sizes[0])
    data = bytearray(streamed.read_bytes())
    if sizes[1] is not None:
        struct.pack_into("<I", data, 40, sizes[1])
    streamed.write_bytes(data)
    np.testing.assert_array_equal(audio.read(streamed)[0], audio.read(whole)[0])


def test_a_wav_with_no_block_align_is_read_and_still_told_when_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with_header(path, noise, 32, "<H", 0)
    assert audio.read(path)[0].shape == (1, len(noise))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(AudioError, match="truncated"):
        audio.read(path)


def test_an_empty_wav_with_a_comment_is_not_taken_for_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, tone(0.0))
    path.write_bytes(path.read_bytes() + b"LIST\x00\x40\x00\x00INFO" + bytes(0x3FFC))
    with pytest.raises(AudioError, match="0 samples"):
        audio.read(path)


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
        notes = np.concatenate([tone(0.4, hertz=440 + 50 * number), tone(0.4, hertz=880 + 50 * number)])
        write(folder / f"good{number}.wav", notes)
    return folder


def test_every_bad_file_of_a_folder_is_told_at_once(tmp_path: Path, old: Path) -> None:
    source = good(tmp_path / "mine")
    for name, (make, _) in BAD.items():
        make(source / name)
    with pytest.raises(CorpusError, match=f"{len(BAD)} of {len(BAD) + 3} files cannot be used") as caught:
        build(old, source)
    lines = str(caught.value).splitlines()[1:]
    assert sorted(line.split(":")[0].strip() for line in lines) == sorted(str(source / name) for name in BAD)
    assert untouched(old)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_folder_with_too_few_recordings_is_said(tmp_path: Path, old: Path, count: int) -> None:
    source = good(tmp_path / "mine", count)
    (source / "cover.jpg").write_bytes(b"no sound")
    with pytest.raises(CorpusError, match=f"mine: {count} recordings .* at least 3"):
        build(old, source)
    assert untouched(old)


def test_a_missing_folder_is_said(tmp_path: Path, old: Path) -> None:
    with pytest.raises(CorpusError, match="gone.*neither 'embedded' nor a folder"):
        build(old, tmp_path / "gone")
    assert untouched(old)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_an_impossible_length_of_clips_is_said(tmp_path: Path, old: Path, seconds: float) -> None:
    with pytest.raises(ParameterError, match="clip_seconds"):
        building.build(old, str(good(tmp_path / "mine")), 1.0, seconds, SHARES, 0)
    assert untouched(old)


@pytest.mark.parametrize("share", [0.0, -1.0, float("nan")])
def test_impossible_shares_are_said(old: Path, share: float) -> None:
    with pytest.raises(ParameterError, match="shares"):
        building.build(old, "embedded", 1.0, 2.0, dict.fromkeys(PARTS, share), 0)
    assert untouched(old)


# --- the stage's command ------------------------------------------------------------------------------------------------


def arguments(target: Path, source: Path) -> list[str]:
    shares = [word for part in PARTS for word in (f"--shares.{part}", "1")]
    return [str(target), "--source", str(source), "--minutes", "1", "--clip_seconds", "2", "--seed", "0", *shares]


def test_the_command_ends_with_one_message_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "audiosae.corpus", *arguments(tmp_path / "corpus", tmp_path / "empty")],
        capture_output=True, text=True, check=False,
    )
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("error: ") and ran.stderr.count("\n") == 1 and "0 recordings" in ran.stderr
    assert os.listdir(tmp_path) == ["empty"]


def test_the_command_keeps_the_old_corpus(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = good(tmp_path / "mine")
    (source / "bad.wav").write_text("no sound")
    monkeypatch.setattr(sys, "argv", ["corpus", *arguments(old, source)])
    with pytest.raises(SystemExit) as ended:
        report(stage.main)
    assert ended.value.code == 1 and "bad.wav: cannot be read as audio" in capsys.readouterr().err
    assert untouched(old)


def test_the_command_works_where_nothing_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["corpus", *arguments(tmp_path / "corpus", good(tmp_path / "mine"))])
    report(stage.main)
    assert len(corpus.load(tmp_path / "corpus")) == 3 and "own recordings" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--share.piano", "1"], ["--sead", "1"], ["--minutes", "many"]])
def test_an_unknown_parameter_is_named(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["corpus", *arguments(old, tmp_path), *wrong])
    with pytest.raises(SystemExit) as ended:
        report(stage.main)
    assert ended.value.code == 2 and wrong[0] in capsys.readouterr().err
    assert untouched(old)


def test_a_stage_without_its_corpus_says_which_stage_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pitch_comparison, "prepare", lambda seed: None)  # it would change torch for other tests
    monkeypatch.setattr(sys, "argv", ["compare", str(tmp_path / "gone"), str(tmp_path / "out.json")])
    with pytest.raises(SystemExit) as ended:
        report(pitch_comparison.main)
    assert ended.value.code == 1 and "run `dvc repro corpus`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_other_faults_are_not_hidden() -> None:
    def fault() -> None:
        raise KeyError("a fault of the code")

    with pytest.raises(KeyError):
        report(fault)


# --- a full disk --------------------------------------------------------------------------------------------------------


def full(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_while_the_corpus_is_written(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["corpus", *arguments(old, good(tmp_path / "mine"))])
    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(SystemExit) as ended:
        report(stage.main)
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.count("\n") == 1 and "No space left on device" in said
    assert untouched(old)


def failing_library(*arguments: object, **options: object) -> None:
    raise soundfile.LibsndfileError(2, "System error: ")


@pytest.mark.parametrize("how", [full, failing_library])
def test_a_full_disk_while_a_sound_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Callable) -> None:
    audio.write_flac(tmp_path / "a.flac", tone().T, SAMPLE_RATE)
    before = (tmp_path / "a.flac").read_bytes()
    monkeypatch.setattr(soundfile, "write", how)
    with pytest.raises(OSError):
        audio.write_flac(tmp_path / "a.flac", tone(0.5).T, SAMPLE_RATE)
    assert (tmp_path / "a.flac").read_bytes() == before and os.listdir(tmp_path) == ["a.flac"]


def tiny_frames() -> frames.Frames:
    table = pd.DataFrame({
        "time": [0.0], "f0": [440.0], "confidence": [1.0], "rms": [0.1], "centroid": [440.0], "monophonic": [True],
        **{name: pd.Categorical(["a"]) for name in ("clip", "piece", "part", "split")},
        "pitch": [39], "amplitude": [0], "timbre": [0],
    })
    edges = {prop: np.arange(3.0) for prop in ("pitch", "amplitude", "timbre")}
    return frames.Frames(np.ones((1, 2), np.float32), table, edges, "toy", "embedded", "swift-f0", 75.0)


WRITERS: dict[str, Callable[[Path], None]] = {
    "frames": lambda path: frames.save(tiny_frames(), path),
    "results": lambda path: results.write(path, {"a": 1}),
    "sae": lambda path: SparseAutoencoder(2, 3).save(path),
    "probes": lambda path: probes.save({"pitch": probes.Probe(torch.ones(3, 2), torch.ones(3), 0.1)}, path, {}),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_keeps_the_file_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    path = tmp_path / "a.x"
    path.write_text("from before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            WRITERS[writer](path)
    assert path.read_text() == "from before"
    WRITERS[writer](path)  # and with room again it is written
    assert path.read_bytes() != b"from before" and os.listdir(tmp_path) == ["a.x"]


def test_a_full_disk_under_a_checkpoint_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object, **options: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", failing)
    with pytest.raises(OSError, match="a.safetensors.*No space left"):
        SparseAutoencoder(2, 3).save(tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


# --- checkpoints of the models ------------------------------------------------------------------------------------------


LOADERS = {"sae": SparseAutoencoder.load, "probe": probes.load}


@pytest.mark.parametrize("kind", LOADERS)
def test_a_checkpoint_that_does_not_say_its_size_is_refused(tmp_path: Path, kind: str) -> None:
    checkpoint.save(tmp_path / "a.safetensors", {"x": torch.zeros(2)}, {"kind": kind})
    with pytest.raises(CheckpointError, match="a.safetensors"):
        LOADERS[kind](tmp_path / "a.safetensors")


@pytest.mark.parametrize(("writer", "loader", "needed"), [("sae", "probe", "probe"), ("probes", "sae", "sae")])
def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path, writer: str, loader: str, needed: str) -> None:
    WRITERS[writer](tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=f"{needed!r} is needed here"):
        LOADERS[loader](tmp_path / "a.safetensors")


def test_an_sae_of_nan_is_refused(tmp_path: Path) -> None:
    sae = SparseAutoencoder(2, 3)
    torch.nn.init.constant_(sae.decoder.weight, float("nan"))
    sae.save(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="decoder.weight holds NaN"):
        SparseAutoencoder.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "tensors",
    [{"pitch.weight": torch.ones(3, 2)},
     {"pitch.weight": torch.ones(3, 2), "pitch.bias": torch.ones(4)},
     {"pitch.weight": torch.ones(3, 2), "pitch.bias": torch.full((3,), float("nan"))}],
    ids=["no bias", "another shape", "NaN"],
)
def test_a_probe_that_is_not_whole_is_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    checkpoint.save(tmp_path / "a.safetensors", tensors, {"kind": "probe", "penalty": {"pitch": 0.1}})
    with pytest.raises(CheckpointError, match="a.safetensors"):
        probes.load(tmp_path / "a.safetensors")
