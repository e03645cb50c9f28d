"""Reading, writing and resampling sound, against known answers."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from audiosae import audio
from audiosae.audio import SAMPLE_RATE
from audiosae.errors import AudioError

RATE = audio.SAMPLE_RATE


def sine(hertz: float, seconds: float, amplitude: float = 0.5, rate: int = RATE) -> np.ndarray:
    """A sine [1, samples]."""
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)[None]


def decibels(ratio: float) -> float:
    return float(20 * np.log10(ratio))


def rms(wave: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))


# --- files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
def test_flac_keeps_wave_rate_and_channels(tmp_path: Path, channels: int) -> None:
    wave = np.concatenate([sine(440, 0.3), sine(660, 0.3, 0.2)])[:channels]
    audio.write_flac(tmp_path / "a.flac", wave, 22050)
    found, rate = audio.read(tmp_path / "a.flac")
    assert rate == 22050 and found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, wave, atol=2**-23)
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


@pytest.mark.parametrize("suffix", audio.SUFFIXES)
def test_every_format_is_read_with_its_level(tmp_path: Path, suffix: str) -> None:
    own = 48000 if suffix == ".opus" else RATE
    wave = sine(440, 1.0, rate=own)
    how = {".opus": {"format": "OGG", "subtype": "OPUS"}, ".aif": {"format": "AIFF"}}.get(suffix, {})
    soundfile.write(tmp_path / f"a{suffix}", wave.T, own, **how)
    found, rate = audio.read(tmp_path / f"a{suffix}")
    assert rate == own and found.shape[0] == 1
    assert decibels(rms(found[:, own // 4 : own // 2]) / rms(wave)) == pytest.approx(0, abs=0.2)


# --- rate and channels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), [(44100, 24000), (44100, 16000), (22050, 44100)])
def test_resampling_keeps_a_sine_in_phase_and_level(source: int, target: int) -> None:
    found = audio.resample(sine(1000, 0.5, rate=source), source, target)
    expected = sine(1000, 0.5, rate=target)
    assert found.shape == (1, -(-int(0.5 * source) * target // source))
    middle = slice(target // 10, 4 * target // 10)
    np.testing.assert_allclose(found[:, middle], expected[:, middle], atol=5e-3)


def test_resampling_removes_what_the_new_rate_cannot_hold() -> None:
    assert rms(audio.resample(sine(15000, 0.5), RATE, 24000)[:, 1000:-1000]) < 1e-3


ORDINARY = [(44100, 16000), (44100, 24000), (24000, 44100), (48000, 44100), (11025, 48000), (384000, 44100)]


@pytest.mark.parametrize(("source", "target"), ORDINARY)
def test_between_ordinary_rates_torchaudio_resamples(source: int, target: int) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, (2, 5000)).astype(np.float32)
    expected = torchaudio.functional.resample(torch.from_numpy(wave), source, target, lowpass_filter_width=32).numpy()
    np.testing.assert_array_equal(audio.resample(wave, source, target), expected)


@pytest.mark.parametrize(("source", "target"), [(44099, 44100), (191999, 44100), (44100, 23999), (22254, 44100)])
def test_rates_with_no_simple_ratio_ask_for_no_gigabytes(source: int, target: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*arguments: object, **options: object) -> None:
        raise MemoryError("a filter for each phase")

    monkeypatch.setattr(torchaudio.functional, "resample", fill)
    wave = np.concatenate([sine(1000, 0.5, rate=source), sine(3000, 0.5, rate=source)])
    found = audio.resample(wave, source, target)
    assert found.shape == (2, -(-wave.shape[1] * target // source)) and found.dtype == np.float32
    middle = slice(target // 10, 4 * target // 10)
    for channel, hertz in enumerate((1000, 3000)):
        np.testing.assert_allclose(found[channel, middle], sine(hertz, 0.5, rate=target)[0, middle], atol=1e-4)


def test_a_long_recording_is_read_in_blocks_to_the_same_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, (2, 50001)).astype(np.float32)
    audio.write_flac(tmp_path / "a.flac", wave, RATE)
    whole, _ = audio.read(tmp_path / "a.flac")
    monkeypatch.setattr(audio.io, "_BLOCK", 2000)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.flac")[0], whole)
    monkeypatch.setattr(audio.io, "_BLOCK", 50001)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.flac")[0], whole)


def test_a_codec_gets_the_channels_it_expects_at_an_unchanged_level() -> None:
    left, right = sine(440, 0.5), sine(880, 0.5, 0.25)
    stereo = np.concatenate([left, right])
    np.testing.assert_allclose(audio.for_codec(stereo, RATE, RATE, 1), (left + right) / 2, atol=1e-7)
    np.testing.assert_array_equal(audio.for_codec(left, RATE, RATE, 2), np.concatenate([left, left]))
    np.testing.assert_array_equal(audio.for_codec(stereo, RATE, RATE, 2), stereo)
    assert audio.for_codec(left, RATE, 24000, 1).shape == (1, 12000)


def test_a_part_is_what_lies_there(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, (2, 50000)).astype(np.float32)
    audio.write_flac(tmp_path / "a.flac", wave, 16000)
    whole, _ = audio.read(tmp_path / "a.flac")
    for start, end in ((0, 16000), (20000, 36000), (45000, 50000)):  # the last one is cut off by the end
        found, rate = audio.read_part(tmp_path / "a.flac", start, 1.0)
        np.testing.assert_array_equal(found, whole[:, start:end])
        assert rate == 16000
    (tmp_path / "a.flac").write_bytes((tmp_path / "a.flac").read_bytes()[:40000])
    with pytest.raises(AudioError, match="cut short|truncated"):
        audio.read_part(tmp_path / "a.flac", 20000, 1.0)


def test_the_mix_that_is_measured_is_made_before_it_is_resampled() -> None:
    stereo = np.concatenate([sine(440, 0.5, rate=24000), sine(660, 0.5, rate=24000)])
    np.testing.assert_array_equal(audio.mono_mix(stereo, 24000), audio.resample(stereo.mean(axis=0), 24000, RATE))


# --- damaged files ------------------------------------------------------------------------------------------------------


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
    "sizes",
    [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0x7FFFFFFF), (0x7FFFF024, 0x7FFFF000), (0x80000024, 0x80000000), (0, None)],
    ids=lambda sizes: f"{sizes[0]:x}" + f" {sizes[1]}",
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


def full(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


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
