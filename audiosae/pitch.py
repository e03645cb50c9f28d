"""Pitch trackers behind one function: CREPE, which the paper used, and a faster one.

CREPE (Kim et al. 2018) is run through torchcrepe on windows centred exactly where the labels are, which its own
framing cannot do: 75 frames a second are not a whole number of samples at 16 kHz. SwiftF0 (Nieradzik 2025) has a
frame every 16 ms; each label takes the nearest one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import swift_f0
import torch
import torchcrepe

from audiosae.audio import SAMPLE_RATE, resample
from audiosae.errors import ParameterError

TRACKERS = ("crepe-full", "crepe-tiny", "swift-f0")

_RATE = 16000
_WINDOW = 1024
_CENTS_OF_FIRST_BIN = 1997.3794084376191  # above 10 Hz; bins are 20 cents apart (CREPE, section 2)
_BATCH = 1024


def track(mono: np.ndarray, times: np.ndarray, tracker: str) -> tuple[np.ndarray, np.ndarray]:
    """Fundamental frequency and how sure the tracker is of it.

    Parameters
    ----------
    mono
        float32 [samples] at 44.1 kHz.
    times
        Seconds at which to look.
    tracker
        One of `TRACKERS`.

    Returns
    -------
    f0
        In Hz [times], a number for every frame however unsure.
    confidence
        0 to 1 [times]; the labels count a frame as voiced from 0.5.

    Raises
    ------
    ParameterError
        If the tracker is unknown.
    """
    if tracker not in TRACKERS:
        raise ParameterError(f"unknown pitch tracker {tracker!r}; known are {', '.join(TRACKERS)}.")
    wave = resample(mono, SAMPLE_RATE, _RATE)
    if tracker == "swift-f0":
        return _swift(wave, times)
    return _crepe(wave, times, tracker.removeprefix("crepe-"))


@lru_cache(maxsize=1)
def _swift_model() -> swift_f0.SwiftF0:
    return swift_f0.SwiftF0()


def _swift(wave: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = _swift_model().detect(wave, _RATE)
    middle = (found.timestamps[1:] + found.timestamps[:-1]) / 2
    nearest = np.searchsorted(middle, times)
    return found.pitch_hz[nearest].astype(np.float32), found.confidence[nearest].astype(np.float32)


@torch.no_grad()
def _crepe(wave: np.ndarray, times: np.ndarray, model: str) -> tuple[np.ndarray, np.ndarray]:
    starts = np.round(times * _RATE).astype(int)  # of a window centred at the time, after half a window of padding
    padded = torch.from_numpy(np.pad(wave, (_WINDOW // 2, _WINDOW)))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    f0, confidence = [], []
    for first in range(0, len(starts), _BATCH):
        windows = torch.stack([padded[start : start + _WINDOW] for start in starts[first : first + _BATCH]])
        windows = windows - windows.mean(dim=1, keepdim=True)
        windows = windows / windows.std(dim=1, keepdim=True).clamp_min(1e-10)
        salience = torchcrepe.infer(windows.to(device), model).cpu()
        # A weighted mean of the nine bins around the peak. torchcrepe's own adds random dither to it.
        peak = salience.argmax(dim=1)
        near = (peak[:, None] + torch.arange(-4, 5)).clamp(0, salience.shape[1] - 1)
        weight = salience.gather(1, near)
        cents = (weight * near).sum(1) / weight.sum(1) * 20 + _CENTS_OF_FIRST_BIN
        f0.append(10 * 2 ** (cents / 1200))
        confidence.append(salience.max(dim=1).values)
    return torch.cat(f0).numpy(), torch.cat(confidence).numpy()


def to_midi(f0: np.ndarray) -> np.ndarray:
    """Hz to MIDI notes, 69 at 440 Hz; not rounded."""
    return 69 + 12 * np.log2(np.asarray(f0) / 440.0)


def to_hz(midi: np.ndarray | float) -> np.ndarray | float:
    """MIDI notes to Hz."""
    return 440.0 * 2 ** ((np.asarray(midi) - 69) / 12)
