"""Rows of numbers that lie on disk in parts, used as a tensor is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

Rows = slice | np.ndarray | torch.Tensor


class Mapped:
    """Latents or codes, of which only those rows come into memory that are asked for; used as a tensor [rows, length] is.

    Parameters
    ----------
    parts
        Arrays [rows, length] of one type that follow each other, mapped from files for example; how many they are makes no difference.
    device
        Where rows go that are asked for.
    """

    def __init__(self, parts: Sequence[np.ndarray], device: torch.device | str = "cpu") -> None:
        self._parts, self.device = list(parts), torch.device(device)
        self._ends = np.cumsum([len(part) for part in self._parts])
        self.shape = int(self._ends[-1]), self._parts[0].shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> torch.Tensor:
        """Rows, by number or marked in bool [rows], as a copy on the device: [rows, length]."""
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        wanted = np.asarray(rows.cpu() if isinstance(rows, torch.Tensor) else rows)
        wanted = np.flatnonzero(wanted) if wanted.dtype == bool else wanted
        found = np.empty((len(wanted), self.shape[1]), self._parts[0].dtype)
        of_part = np.searchsorted(self._ends, wanted, side="right")
        for number in np.unique(of_part):
            here = of_part == number
            found[here] = self._parts[number][wanted[here] - (self._ends[number] - len(self._parts[number]))]
        return torch.from_numpy(found).to(self.device)

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """All rows in their order, `size` at a time."""
        return (self[first : first + size] for first in range(0, len(self), size))

    def to(self, device: torch.device | str) -> Mapped:
        """The same rows, for another device."""
        return Mapped(self._parts, device)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows in memory, for numpy."""
        return self[:].cpu().numpy().astype(dtype or self._parts[0].dtype, copy=False)
