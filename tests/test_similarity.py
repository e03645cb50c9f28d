"""How faithful a codec is, on decoded clips whose damage is known."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.audio import SAMPLE_RATE, labels, pitch
from audiosae.audio.similarity import agreement, log_mel_mae, si_sdr
from audiosae.errors import CorpusError


def melody(shift: float = 0.0, seconds: float = 3.0) -> np.ndarray:
    """Six notes [samples] of different pitch, level and brightness."""
    notes = []
    time = np.arange(int(seconds / 6 * SAMPLE_RATE)) / SAMPLE_RATE
    for number, midi in enumerate((60, 67, 55, 72, 64, 58)):
        hertz = pitch.to_hz(midi + shift)
        harmonics = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 3 + 2 * number))
        notes.append(0.05 * (1 + number) * harmonics)
    return np.concatenate(notes).astype(np.float32)


def measured(mono: np.ndarray) -> labels.Measured:
    return labels.describe(mono[None], SAMPLE_RATE, 75.0, "swift-f0")


@pytest.fixture(scope="module")
def original() -> labels.Measured:
    return measured(melody())


ALL = {"pitch": 1, "rms": 1, "centroid": 1}


def test_agreement_of_known_damage(original: labels.Measured) -> None:
    assert agreement([original, original], [original, original], [True, True]) == pytest.approx(ALL)
    assert agreement([original], [measured(melody() * np.float32(0.5))], [True]) == pytest.approx(ALL, abs=1e-3)
    semitone = measured(melody(1.0))
    assert agreement([original], [semitone], [True])["pitch"] < 0.02
    assert agreement([original, original], [original, semitone], [True, True])["pitch"] == pytest.approx(0.5, abs=0.02)
    assert agreement([original], [measured(melody(0.25))], [True])["pitch"] > 0.98
    backwards = agreement([original], [measured(melody()[::-1].copy())], [True])
    assert backwards["rms"] < 0 and backwards["pitch"] < 0.4


def test_silent_frames_do_not_count(original: labels.Measured) -> None:
    silent = measured(np.zeros(SAMPLE_RATE, np.float32))
    hum = measured(np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32))
    found = agreement([original, silent], [original, hum], [True, True])
    assert found == pytest.approx(ALL)


def test_pitch_is_compared_on_single_voices_alone(original: labels.Measured) -> None:
    other = measured(melody(1.0, seconds=2.0))  # of another length: each clip's mark covers its own frames
    assert agreement([other, original], [measured(melody(seconds=2.0)), original], [False, True])["pitch"] == 1
    assert agreement([other, original], [measured(melody(seconds=2.0)), original], [True, False])["pitch"] < 0.05
    with pytest.raises(CorpusError, match="no test clip is a single voice with a pitch"):
        agreement([original], [original], [False])


@pytest.mark.parametrize("decibels", [-6.0, 0.0, 20.0])
def test_si_sdr_of_known_noise(decibels: float) -> None:
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(2, 50000))
    signal, noise = signal - signal.mean(), noise - noise.mean()
    noise -= noise @ signal / (signal @ signal) * signal  # orthogonal, so that the ratio is exact
    noise *= np.linalg.norm(signal) / np.linalg.norm(noise) * 10 ** (-decibels / 20)
    assert si_sdr(signal + noise, signal) == pytest.approx(decibels, abs=1e-6)
    assert si_sdr(-3 * (signal + noise) + 7, signal) == pytest.approx(decibels, abs=1e-6)


@pytest.mark.parametrize("decibels", [-12.0, 0.0, 6.0])
def test_log_mel_mae_of_a_gain_is_the_gain(decibels: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    louder = noise * np.float32(10 ** (decibels / 20))
    assert log_mel_mae(louder, noise, SAMPLE_RATE) == pytest.approx(abs(decibels), abs=0.01)


def test_what_is_80_db_down_does_not_count() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-5, SAMPLE_RATE).astype(np.float32)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert log_mel_mae(tone + noise, tone, SAMPLE_RATE) < 0.1
