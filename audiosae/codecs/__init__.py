"""Codecs behind one interface: wave to latents and back.

The latents are what the decoder receives; for a codec with codebooks that is the sum of the chosen vectors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch

from audiosae.codecs import encodec
from audiosae.errors import ParameterError


class Codec(Protocol):
    """What the rest of the package, and a codec of the reader's own, must offer.

    Attributes
    ----------
    name
        For tables and file names.
    sample_rate
        In Hz.
    channels
        1 or 2.
    frame_rate
        Latent frames a second.
    dim
        Size of a latent frame.
    """

    name: str
    sample_rate: int
    channels: int
    frame_rate: float
    dim: int

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, channels, samples] -> float32 [batch, frames, dim]. Never changes level."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, dim], on the codebook or not -> float32 [batch, channels, samples]."""
        ...


_LOADERS = {"encodec": encodec.load}


def load(name: str, weights: str | Path = "embedded") -> Codec:
    """Load a codec.

    Parameters
    ----------
    name
        "encodec".
    weights
        "embedded" for the small weights that this project trained, "released" for the authors' checkpoint (fetched
        once, pinned and cached), or the path of either kind of file. One is never taken for the other.

    Returns
    -------
    A `Codec`, on the CPU, in evaluation mode.

    Raises
    ------
    ParameterError
        If the name is unknown.
    CheckpointError, DownloadError
        If the weights are missing, damaged, or cannot be fetched.
    """
    if name not in _LOADERS:
        raise ParameterError(f"unknown codec {name!r}; known are {', '.join(sorted(_LOADERS))}.")
    return _LOADERS[name](weights)
