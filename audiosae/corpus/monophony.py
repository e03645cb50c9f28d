"""Does one voice sound at a time? Measured for recordings of one's own, of which no score says it.

In each window the pitch tracker names a fundamental. Where it is sure, and nearly all of the energy lies at whole multiples of that
fundamental, one voice sounds alone. A clip is monophonic where this holds most of the time, louder windows counting for more.

Both limits were chosen on 194 clips of 5 s, of the embedded corpus and of synthetic speech, and tried on 71 more. Over all, 2 of 117
pass that should not, both piano with a faint left hand; 3 of 148 are refused that should not be, 2 of them speech. A note with its
octave, or a melody that drowns its accompaniment, counts as one voice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiosae.audio import SAMPLE_RATE, labels, pitch

WINDOW = 4096
"""Samples of a window, 93 ms: fine enough in frequency to part the partials of a bass."""

BAND = (40.0, 5000.0)
"""In Hz; energy outside is not looked at."""

NEAR = 2 * SAMPLE_RATE / WINDOW
"""A partial's energy lies within so many Hz of it: two bins of the spectrum."""

ALONE = 0.8
"""Share of a window's energy that must lie at the partials of one fundamental."""

MOSTLY = 0.5
"""Share of a clip that must be of one voice, windows weighted by their RMS."""


class Voice(NamedTuple):
    """What was found in one clip."""

    monophonic: bool  # one voice sounds at a time
    pitched: float  # share of the windows that have one of the 66 pitch classes
    notes: frozenset[int]  # the pitch classes that occur


def measure(mono: np.ndarray) -> Voice:
    """Measure a clip, float32 [samples] at 44.1 kHz."""
    times = (np.arange(max(1, len(mono) // WINDOW)) + 0.5) * WINDOW / SAMPLE_RATE
    f0, confidence = pitch.track(mono, times, pitch.SWIFT)
    cut = np.pad(mono, (0, WINDOW))[: len(times) * WINDOW].reshape(len(times), WINDOW)
    rms = np.sqrt((cut**2).mean(axis=1))
    voiced = labels.voiced(confidence, rms)
    audible = np.where(rms > labels.SILENCE, rms, 0)
    single = voiced & (_harmonic_share(cut, f0) >= ALONE)
    classes = labels.pitch_bins(f0, voiced)
    monophonic = bool((single * audible).sum() >= MOSTLY * audible.sum() > 0)
    return Voice(monophonic, float((classes >= 0).mean()), frozenset(classes[classes >= 0].tolist()))


def _harmonic_share(cut: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """How much of the energy of each window lies at the partials of its fundamental: windows [n, samples], Hz [n] -> 0 to 1 [n]."""
    frequency = np.fft.rfftfreq(cut.shape[1], 1 / SAMPLE_RATE)
    heard = (frequency > BAND[0]) & (frequency < BAND[1])
    frequency = frequency[heard]
    power = np.abs(np.fft.rfft(cut * np.hanning(cut.shape[1]), axis=1)[:, heard]) ** 2
    partial = np.maximum(np.round(frequency / f0[:, None]), 1) * f0[:, None]
    return (power * (np.abs(frequency - partial) <= NEAR)).sum(axis=1) / np.maximum(power.sum(axis=1), 1e-20)
