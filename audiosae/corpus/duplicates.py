"""Is this the same recording again, in another format or as a copy?

Two files are the same sound if their lengths differ by at most 0.2 s and their waves, below 2 kHz, correlate by 0.9 or more at a
shift of at most 0.3 s. Another take of the same music is not: nobody repeats the phase of a wave. Waves are compared only where a
sketch, 8 bands by 8 parts of the recording, is alike to 4 dB, so that a thousand recordings take seconds.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import correlate

from audiosae.audio import resample, to_mono

SECONDS = 0.2
"""Most that the lengths may differ: encoders add padding."""

ALIKE = 4.0
"""Most that two sketches may differ, in dB (root mean square)."""

CORRELATION = 0.9
"""Least correlation of the waves. Copies in mp3, ogg, opus and at other rates reached 0.98 and more, other recordings 0.17 at most."""

_COMPARED = 60.0  # s from the beginning
_SHIFT = 0.3  # s
_RATE = 4000
_PARTS = 8
_EDGES = np.geomspace(70, 1810, 9)  # of the bands, in Hz; none is narrower than two bins of 20 Hz
_FAINTEST = 1e-4  # 40 dB below the loudest; fainter is the noise of one format or another


def sketch(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """A recording [channels, samples] in 64 numbers: level in dB of 8 bands in 8 equal parts, less the mean of all."""
    window = round(0.05 * sample_rate)
    frequency = np.fft.rfftfreq(window, 1 / sample_rate)
    band = np.searchsorted(_EDGES, frequency)
    rows = []
    for part in np.array_split(to_mono(wave), _PARTS):
        cut = np.pad(part, (0, -len(part) % window)).reshape(-1, window)
        power = (np.abs(np.fft.rfft(cut * np.hanning(window), axis=1)) ** 2).mean(axis=0)
        rows.append([power[band == number].sum() for number in range(1, len(_EDGES))])
    levels = np.array(rows)
    decibels = 10 * np.log10(np.maximum(levels, _FAINTEST * levels.max() + 1e-20)).ravel()
    return decibels - decibels.mean()


def excerpt(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """The beginning of a recording for `correlation`: mono, 4 kHz, with its spectrum tilted up, so that no hum or offset decides."""
    mono = to_mono(wave[:, : int(_COMPARED * sample_rate)])
    return np.diff(resample(mono, sample_rate, _RATE))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Largest correlation of two excerpts over the shifts that are allowed, 0 to 1; inverted counts as equal."""
    size = np.sqrt((a.astype(np.float64) ** 2).sum() * (b.astype(np.float64) ** 2).sum())
    if size == 0:
        return 0.0
    found = np.abs(correlate(a, b, method="fft"))  # its middle, at len(b) − 1, is no shift
    reach = int(_SHIFT * _RATE)
    return float(found[max(0, len(b) - 1 - reach) : len(b) + reach].max() / size)
