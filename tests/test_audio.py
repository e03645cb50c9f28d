"""Reading, writing and resampling sound, against known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from audiosae import audio

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


ORDINARY = [
    (44100, 16000), (44100, 24000), (24000, 44100), (48000, 44100), (8000, 44100), (11025, 48000), (96000, 44100), (192000, 44100),
    (384000, 44100),
]


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
    monkeypatch.setattr(audio, "_BLOCK", 2000)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.flac")[0], whole)
    monkeypatch.setattr(audio, "_BLOCK", 50001)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.flac")[0], whole)


def test_a_codec_gets_the_channels_it_expects_at_an_unchanged_level() -> None:
    left, right = sine(440, 0.5), sine(880, 0.5, 0.25)
    stereo = np.concatenate([left, right])
    np.testing.assert_allclose(audio.for_codec(stereo, RATE, RATE, 1), (left + right) / 2, atol=1e-7)
    np.testing.assert_array_equal(audio.for_codec(left, RATE, RATE, 2), np.concatenate([left, left]))
    np.testing.assert_array_equal(audio.for_codec(stereo, RATE, RATE, 2), stereo)
    assert audio.for_codec(left, RATE, 24000, 1).shape == (1, 12000)
