"""Frames that repeat: the distinct rows of a table of latents, and how many frames each stands for.

A codec with one codebook has no more distinct frames than codes. What depends on a frame alone is then computed once a row, and sums
over frames become sums over rows with counts. Where frames hardly ever repeat, each is a row, so that one path serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

FEW = 0.25
"""Rows stand for the frames if they are at most this share of them."""


@dataclass(frozen=True)
class Rows:
    """Rows that stand for frames.

    Attributes
    ----------
    latents
        float32 [rows, dim], in the order in which they first occur.
    of_frame
        The row of each frame [frames].
    distinct
        How many distinct rows there are.
    few
        Whether rows stand for frames that repeat; if not, each frame is a row.
    """

    latents: np.ndarray
    of_frame: np.ndarray
    distinct: int
    few: bool

    def counts(self, frames: np.ndarray) -> np.ndarray:
        """How many of the chosen frames each row stands for: bool [frames] -> int64 [rows]."""
        return np.bincount(self.of_frame[frames], minlength=len(self.latents))

    def histogram(self, frames: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        """How often each row has each class among the chosen frames: bool [frames], classes [frames] -> int64 [rows, classes]."""
        cells = self.of_frame[frames] * classes + labels[frames]
        return np.bincount(cells, minlength=len(self.latents) * classes).reshape(-1, classes)


def find(latents: np.ndarray, few: float = FEW) -> Rows:
    """Find the distinct rows of latents [frames, dim], to the bit; where they are more than the share `few`, each frame is a row."""
    latents = np.ascontiguousarray(latents, dtype=np.float32)
    frames, width = len(latents), latents.shape[1] * latents.itemsize
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), frames, [None, pa.py_buffer(latents)])
    of_frame = column.dictionary_encode().indices.to_numpy().astype(np.int64)
    _, first = np.unique(of_frame, return_index=True)
    if len(first) <= few * frames:
        return Rows(latents[first], of_frame, len(first), True)
    return Rows(latents.copy(), np.arange(frames), len(first), False)
