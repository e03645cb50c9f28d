"""Frames that repeat: the distinct rows of a table of latents, and how many frames each stands for.

A codec with one codebook has no more distinct frames than the book has codes. What depends on a frame alone is then computed once a
row, and sums over frames become sums over rows with counts. Where frames hardly ever repeat, as in a continuous codec or one that
adds up several books, every frame stays a row with a count of 1, so that one path serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from audiosae.errors import ParameterError

FEW = 0.25
"""Rows count as few if they are at most this share of the frames."""


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
        Whether rows stand for frames that repeat; if not, each frame is a row, and there may be more rows than
        distinct ones.
    """

    latents: np.ndarray
    of_frame: np.ndarray
    distinct: int
    few: bool

    def counts(self, frames: np.ndarray) -> np.ndarray:
        """How many of the chosen frames each row stands for: bool [frames] -> int64 [rows]."""
        return np.bincount(self.of_frame[frames], minlength=len(self.latents))

    def histogram(self, frames: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        """How often each row has each class among the chosen frames: bool [frames], classes [frames] -> int64 [rows, classes].

        Raises
        ------
        ParameterError
            If the class of a frame to count is out of range.
        """
        chosen = np.asarray(labels)[frames].astype(np.int64)
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < classes:
            raise ParameterError(f"classes run from 0 to {classes - 1}; found {chosen.min()} to {chosen.max()}.")
        cells = self.of_frame[frames] * classes + chosen
        return np.bincount(cells, minlength=len(self.latents) * classes).reshape(-1, classes)


def find(latents: np.ndarray, few: float = FEW) -> Rows:
    """Find the distinct rows of a table of latents, to the bit.

    Parameters
    ----------
    latents
        float32 [frames, dim].
    few
        Largest share of distinct rows at which they stand for the frames; 0 keeps every frame as a row of its own.

    Returns
    -------
    The distinct rows where they are few, else all frames.
    """
    latents = np.ascontiguousarray(latents, dtype=np.float32)
    frames, width = len(latents), latents.shape[1] * latents.itemsize
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), frames, [None, pa.py_buffer(latents)])
    of_frame = column.dictionary_encode().indices.to_numpy().astype(np.int64)
    _, first = np.unique(of_frame, return_index=True)
    if len(first) <= few * frames:
        return Rows(latents[first], of_frame, len(first), True)
    return Rows(latents.copy(), np.arange(frames), len(first), False)
