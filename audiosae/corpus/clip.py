"""A clip, and what all three sources of clips share."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from audiosae.audio import SAMPLE_RATE

PARTS = ("chorales", "vocals", "drums", "guitar", "piano")
"""Stand-ins for CocoChorales, DAMP-VSEP, Groove, GuitarSet and MAESTRO (the paper's section 3.1)."""

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
    row: dict[str, Any]
    notes: list[tuple[float, float, int]]


def make_clip(wave: np.ndarray, notes: list[tuple[float, float, int]], row: dict[str, Any]) -> Clip:
    """A clip from its wave, its notes, and what its line says, but for its duration and its file; `row` may hold more than that."""
    row = {**row, "duration": wave.shape[1] / SAMPLE_RATE}
    return Clip(wave, {name: row[name] for name in COLUMNS if name != "file"}, notes)


def split_of(piece: str) -> str:
    """The split of a piece, from a hash of its name: 25 % test, 15 % validation, 60 % train.

    Versions of one chorale (bwv197.7-a, bwv197.7-b) count as one piece.
    """
    work = re.sub(r"(-[a-z])?\.\w+$", "", piece)
    position = int.from_bytes(hashlib.sha256(work.encode()).digest()[:4], "big") / 2**32
    if position < QUOTA["test"]:
        return "test"
    return "validation" if position < QUOTA["test"] + QUOTA["validation"] else "train"


def in_turn(recordings: int, starts: Callable[[int], Iterable[int]], rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """One clip of each recording, in random order, then a second of each, and so on: number of the recording, and where the clip starts.

    `starts` gives the starts of a recording's clips in the order of drawing; it is asked at the recording's first turn.
    """
    waiting: deque[tuple[int, Iterator[int] | None]] = deque((int(number), None) for number in rng.permutation(recordings))
    while waiting:
        number, left = waiting.popleft()
        left = iter(starts(number)) if left is None else left
        if (start := next(left, None)) is not None:
            waiting.append((number, left))
            yield number, int(start)
