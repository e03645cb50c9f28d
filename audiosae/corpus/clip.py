"""A clip, and how a corpus is divided: what all three sources share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiosae.audio import SAMPLE_RATE

SPLITS = ("train", "validation", "test")
QUOTA = {"train": 0.6, "validation": 0.15, "test": 0.25}
"""Share of the sound that each split is meant to have."""

SHORTEST = 0.5
"""Shortest clip, in s."""

COLUMNS = ["clip", "part", "piece", "instrument", "family", "seed", "duration", "monophonic", "split", "file"]
"""Of a manifest."""


class Clip(NamedTuple):
    """A clip: its wave [channels, samples] at 44.1 kHz, its line in the manifest, and its notes (start in s, end in s, MIDI number)."""

    wave: np.ndarray
    row: dict[str, str | int | float | bool]
    notes: list[tuple[float, float, int]]


def make_clip(wave: np.ndarray, notes: list[tuple[float, float, int]], **row: str | int | bool) -> Clip:
    """A clip from its wave, its notes, and what its line says besides its duration and its file."""
    return Clip(wave, {name: wave.shape[1] / SAMPLE_RATE if name == "duration" else row[name] for name in COLUMNS[:-1]}, notes)
