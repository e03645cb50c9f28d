"""Pitch trackers behind one function: CREPE, which the paper used, and a faster one.

CREPE (Kim et al. 2018) is run through torchcrepe on windows centred exactly where the labels are, which its own framing cannot do: 75
frames a second are not a whole number of samples at 16 kHz. SwiftF0 (Nieradzik 2025) has a frame every 16 ms; a label takes the nearest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import swift_f0
import torch

from audiosae.audio.io import SAMPLE_RATE, resample
from audiosae.errors import ParameterError

SWIFT = "swift-f0"
TRACKERS = ("crepe-full", "crepe-tiny", SWIFT)

_RATE = 16000
_WINDOW = 1024
_CENTS_OF_FIRST_BIN = 1997.3794084376191  # above 10 Hz; bins are 20 cents apart (CREPE, section 2)
_BATCH = 1024


class Track(NamedTuple):
    """What SwiftF0 finds in a clip at its own frames: time (s), f0 (Hz) and confidence, each [frames]."""

    time: np.ndarray
    f0: np.ndarray
    confidence: np.ndarray

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F0 and confidence of the frame nearest to each time."""
        nearest = np.searchsorted((self.time[1:] + self.time[:-1]) / 2, times)
        return self.f0[nearest].astype(np.float32), self.confidence[nearest].astype(np.float32)


def track(mono: np.ndarray, times: np.ndarray, tracker: str) -> tuple[np.ndarray, np.ndarray]:
    """Fundamental frequency at times in s of a sound, float32 [samples] at 44.1 kHz, by one of `TRACKERS`.

    Returns
    -------
    f0
        In Hz [times], a number for every frame however unsure.
    confidence
        0 to 1 [times].

    Raises
    ------
    ParameterError
        If the tracker is unknown.
    """
    if tracker not in TRACKERS:
        raise ParameterError(f"unknown pitch tracker {tracker!r}; known are {', '.join(TRACKERS)}.")
    if tracker == SWIFT:
        return track_whole(mono).at(times)
    return _crepe(resample(mono, SAMPLE_RATE, _RATE), times, tracker.removeprefix("crepe-"))


def track_whole(mono: np.ndarray) -> Track:
    """Run SwiftF0 over a clip, [samples] at 44.1 kHz."""
    found = _swift_model().detect(resample(mono, SAMPLE_RATE, _RATE), _RATE)
    return Track(found.timestamps, found.pitch_hz, found.confidence)


@lru_cache(maxsize=1)
def _swift_model() -> swift_f0.SwiftF0:
    return swift_f0.SwiftF0(threads=1)  # others run beside it


@torch.no_grad()
def _crepe(wave: np.ndarray, times: np.ndarray, model: str) -> tuple[np.ndarray, np.ndarray]:
    import torchcrepe  # brings numba, which takes a second, and most readers keep to SwiftF0

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
