"""Frames that repeat: the distinct rows of a table of latents, and how many frames each stands for.

A codec with one codebook has no more distinct frames than codes. What depends on a frame alone is then computed once a row, and sums
over frames become sums over rows with counts. Where frames hardly ever repeat, each is a row, so that one path serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from audiosae.frames import table
from audiosae.frames.mapped import Mapped

FEW = 0.25
"""Rows stand for the frames if they are at most this share of them."""

AT_A_TIME = 65536
"""Frames that are looked at together."""


@dataclass(frozen=True)
class Rows:
    """Rows that stand for frames.

    Attributes
    ----------
    latents
        float32 [rows, dim], in the order in which they first occur: in memory where they are few, else on disk as they were.
    of_frame
        The row of each frame [frames].
    distinct
        How many distinct rows there are.
    few
        Whether rows stand for frames that repeat; if not, each frame is a row.
    """

    latents: torch.Tensor | Mapped
    of_frame: np.ndarray
    distinct: int
    few: bool

    def counts(self, frames: np.ndarray) -> np.ndarray:
        """How many of the chosen frames each row stands for: bool [frames] -> int64 [rows]."""
        return np.bincount(self.of_frame[frames], minlength=len(self.latents))

    def histogram(self, frames: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        """How often each row has each class among the chosen frames: bool [frames], classes [frames] -> int64 [rows, classes]."""
        return np.bincount(self.of_frame[frames] * classes + labels[frames], minlength=len(self.latents) * classes).reshape(-1, classes)

    def thin(self, frames: np.ndarray, most: int, seed: int) -> np.ndarray:
        """Keep at most so many of the frames that are marked in bool [frames], drawn at random; all where frames repeat, since they cost nothing."""
        at = np.flatnonzero(frames)
        if self.few or len(at) <= most:
            return frames
        kept = np.zeros_like(frames)
        kept[np.random.default_rng(seed).choice(at, most, replace=False)] = True
        return kept

    def examples(self, frames: np.ndarray, labels: np.ndarray, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows of the chosen frames [used], and of these alone the `histogram` [used, classes]."""
        used, at = np.unique(self.of_frame[frames], return_inverse=True)
        counts = np.bincount(at * classes + labels[frames], minlength=len(used) * classes).reshape(-1, classes)
        return torch.from_numpy(used), torch.from_numpy(counts)


def find(latents: Mapped, few: float = FEW) -> Rows:
    """Find the distinct rows of latents [frames, dim], to the bit; where they are more than the share `few`, each frame is a row."""
    frames = len(latents)
    hashes = np.concatenate([_hash(_bits(part)) for part in latents.split(AT_A_TIME)])
    _, first, of_frame = np.unique(hashes, return_index=True, return_inverse=True)
    if len(first) > few * frames:
        return Rows(latents, np.arange(frames), len(first), False)
    order = first.argsort()
    rows, of_frame = latents[first[order]], order.argsort()[of_frame]
    for part, at in zip(latents.split(AT_A_TIME), np.split(of_frame, range(AT_A_TIME, frames, AT_A_TIME))):
        if not np.array_equal(_bits(part), _bits(rows[torch.from_numpy(at)])):
            raise ArithmeticError("two unlike frames have one hash")
    return Rows(rows, of_frame, len(first), True)


@lru_cache(maxsize=1)
def load(folder: Path, sha256: str) -> tuple[table.Frames, Rows]:
    """A table of frames and its rows; read once a process, as long as the hash of the folder is the same."""
    frames = table.load(folder)
    return frames, find(frames.latents)


def _bits(latents: torch.Tensor) -> np.ndarray:
    return latents.cpu().numpy().view(np.uint32)


def _hash(bits: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each row [rows, dim], alike for unlike rows with a chance of about 2⁻⁶³ (multilinear hashing)."""
    factors = np.random.default_rng(0).integers(2**64, size=bits.shape[1], dtype=np.uint64)
    mixed = bits.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)  # or numbers of few digits, whose last bits are 0, would share more
    return mixed @ factors
