"""Loudness, compression and excerpts for a listener, against known answers."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.audio import SAMPLE_RATE as RATE
from audiosae.audio import loudness
from audiosae.errors import AudioError

FEW = settings(deadline=None, max_examples=15, derandomize=True)


def sine(hertz: float, seconds: float, amplitude: float = 0.5) -> np.ndarray:
    """A sine [1, samples] at 44.1 kHz."""
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)[None]


def decibels(ratio: float) -> float:
    return float(20 * np.log10(ratio))


def rms(wave: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))


def test_loudness_of_the_standards_own_tone() -> None:
    # ITU-R BS.1770: a full-scale sine of 997 Hz in one channel is -3.01 LUFS, in two channels 3.01 dB more.
    tone = sine(997, 2.0, 1.0)
    assert loudness.loudness(tone, RATE) == pytest.approx(-3.01, abs=0.05)
    assert loudness.loudness(np.repeat(tone, 2, axis=0), RATE) == pytest.approx(0.0, abs=0.05)
    assert loudness.loudness(tone * np.float32(0.1), RATE) == pytest.approx(-23.01, abs=0.05)
    assert loudness.loudness(tone[0], RATE) == loudness.loudness(tone, RATE)


def test_loudness_of_silence_and_of_a_short_sound() -> None:
    assert loudness.loudness(np.zeros((2, RATE), np.float32), RATE) == -np.inf
    assert np.isfinite(loudness.loudness(sine(997, 0.1), RATE))


@FEW
@given(st.lists(st.floats(0.001, 0.9), min_size=1, max_size=3), st.floats(-40, 0))
def test_matched_sounds_are_equally_loud_and_safe(amplitudes: list[float], target: float) -> None:
    waves = [sine(300 + 400 * i, 1.0, amplitude) for i, amplitude in enumerate(amplitudes)]
    matched = loudness.match_loudness(waves, RATE, target)
    levels = [loudness.loudness(wave, RATE) for wave in matched]
    assert max(np.abs(wave).max() for wave in matched) < loudness.CEILING
    assert max(levels) - min(levels) < 0.01
    assert max(levels) <= target + 0.01
    if max(np.abs(wave).max() for wave in matched) < 0.99 * loudness.CEILING:  # no limit in the way
        assert levels[0] == pytest.approx(target, abs=0.01)


@pytest.mark.parametrize("target", [-23.0, -3.0])  # the second is out of reach: the limit comes in
def test_a_clip_about_the_gate_of_the_meter_is_matched_too(target: float) -> None:
    # A tone of amplitude a is 20 log a − 3 LUFS: a second at −66, which counts, then four at −73, which do when turned up.
    quiet = np.concatenate([sine(997, 1.0, 10 ** (-63 / 20)), sine(997, 4.0, 10 ** (-70 / 20))], axis=1)
    assert loudness.loudness(quiet, RATE) == pytest.approx(-66.5, abs=0.5)
    matched = loudness.match_loudness([quiet, sine(440, 1.0)], RATE, target)
    levels = [loudness.loudness(wave, RATE) for wave in matched]
    assert levels[0] == pytest.approx(levels[1], abs=0.01)
    assert max(np.abs(wave).max() for wave in matched) < loudness.CEILING
    if target == -23:
        assert levels[0] == pytest.approx(target, abs=0.01)


def test_silence_among_matched_sounds_stays_silent() -> None:
    silent, loud = loudness.match_loudness([np.zeros((1, RATE), np.float32), sine(440, 1.0)], RATE)
    assert not silent.any()
    assert loudness.loudness(loud, RATE) == pytest.approx(-23, abs=0.01)


def test_a_shared_gain_keeps_the_differences_and_puts_the_peak_under_the_limit() -> None:
    soft, loud = loudness.shared_gain([sine(440, 0.5, 0.01), sine(440, 0.5, 0.1)])
    assert decibels(np.abs(loud).max()) == pytest.approx(-1 - loudness.MP3_OVERSHOOT, abs=0.02)
    assert decibels(rms(loud) / rms(soft)) == pytest.approx(20, abs=1e-3)
    quiet = sine(440, 0.5, 0.01)
    np.testing.assert_array_equal(loudness.shared_gain([quiet], limit_only=True)[0], quiet)
    assert not loudness.shared_gain([np.zeros((1, 10), np.float32)])[0].any()


# --- what a listener gets -----------------------------------------------------------------------------------------------


def test_mp3_is_the_same_sound_and_the_same_bytes() -> None:
    wave = sine(440, 1.0)
    encoded = loudness.encode_mp3(wave, RATE)
    assert encoded == loudness.encode_mp3(wave[0], RATE)
    decoded, rate = soundfile.read(io.BytesIO(encoded), always_2d=True)
    assert rate == RATE
    assert decibels(rms(decoded[RATE // 4 : RATE // 2]) / rms(wave)) == pytest.approx(0, abs=0.2)
    spectrum = np.abs(np.fft.rfft(decoded[: RATE // 2, 0]))
    assert spectrum.argmax() * 2 == 440


@pytest.mark.parametrize("rate", [24000, RATE])
@pytest.mark.parametrize("level", [loudness.shared_gain, lambda waves: loudness.match_loudness(waves, 44100, -3.0)])
def test_a_decoded_mp3_peaks_under_the_limit(rate: int, level: Callable[[list[np.ndarray]], list[np.ndarray]]) -> None:
    time = np.arange(2 * rate) / rate
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6, 440.0))
    since = time % 0.5
    string = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 40))
    driven, plucked = np.clip(chord, -1.5, 1.5), string * np.exp(-8 * since) * np.minimum(since / 0.005, 1)
    for wave in level([driven.astype(np.float32), plucked.astype(np.float32)]):
        decoded, _ = soundfile.read(io.BytesIO(loudness.encode_mp3(wave, rate)))
        assert np.abs(decoded).max() < loudness.PEAK


@FEW
@given(st.floats(loudness.CEILING * 1.001, 10.0), st.booleans())
def test_mp3_refuses_what_would_hurt(peak: float, positive: bool) -> None:
    wave = sine(440, 0.1)
    wave[0, 50] = peak if positive else -peak
    with pytest.raises(AudioError, match="match_loudness or shared_gain"):
        loudness.encode_mp3(wave, RATE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_mp3_refuses_samples_that_are_no_numbers(bad: float) -> None:
    wave = sine(440, 0.1)
    wave[0, 50] = bad
    with pytest.raises(AudioError, match="NaN or infinite"):
        loudness.encode_mp3(wave, RATE)


@FEW
@given(st.integers(1, 5000), st.floats(-1, 3), st.floats(0.01, 1.5))
def test_an_excerpt_has_its_length_lies_inside_and_does_not_click(samples: int, time: float, seconds: float) -> None:
    rate = 2000
    wave = np.linspace(1, 2, samples, dtype=np.float32)[None]  # every sample names its place
    kept = wave.copy()
    cut = loudness.excerpt(wave, rate, time, seconds)
    assert cut.shape == (1, min(int(seconds * rate), samples))
    np.testing.assert_array_equal(wave, kept)
    fade = min(cut.shape[1] // 2, int(0.01 * rate))
    if fade:
        assert cut[0, 0] == 0 and cut[0, -1] == 0
    inside = cut[0, fade : cut.shape[1] - fade]
    if inside.size:
        first = int(np.searchsorted(wave[0], inside[0]))
        np.testing.assert_array_equal(inside, wave[0, first : first + inside.size])


def test_an_excerpt_is_centred_where_there_is_room() -> None:
    wave = np.zeros((1, 10 * 1000), np.float32)
    wave[0, 4000] = 1
    assert loudness.excerpt(wave, 1000, 4.0, 2.0)[0].argmax() == 1000
    assert loudness.excerpt(wave, 1000, 9.9, 8.0)[0].argmax() == 2000  # moved inwards: begins at 2 s
