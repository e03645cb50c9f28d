"""Reading, writing and resampling sound, against known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

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
    wave = sine(440, 1.0)
    soundfile.write(tmp_path / f"a{suffix}", wave.T, RATE)
    found, rate = audio.read(tmp_path / f"a{suffix}")
    assert rate == RATE and found.shape[0] == 1
    assert decibels(rms(found[:, RATE // 4 : RATE // 2]) / rms(wave)) == pytest.approx(0, abs=0.2)


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


def test_a_codec_gets_the_channels_it_expects_at_an_unchanged_level() -> None:
    left, right = sine(440, 0.5), sine(880, 0.5, 0.25)
    stereo = np.concatenate([left, right])
    np.testing.assert_allclose(audio.for_codec(stereo, RATE, RATE, 1), (left + right) / 2, atol=1e-7)
    np.testing.assert_array_equal(audio.for_codec(left, RATE, RATE, 2), np.concatenate([left, left]))
    np.testing.assert_array_equal(audio.for_codec(stereo, RATE, RATE, 2), stereo)
    assert audio.for_codec(left, RATE, 24000, 1).shape == (1, 12000)
