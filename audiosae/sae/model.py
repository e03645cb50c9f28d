"""The paper's sparse autoencoder (section 2), its loss, and what is measured on it.

    h  = ReLU(W_enc x + b_enc)
    f  = RMSNorm(h)                h over its root mean square across features
    x̂  = W_dec f + b_dec
    L  = mean over frames of [ Σ_d (x − x̂)² + λ Σ_j h_j ]

Inputs are standardised with statistics that travel in the checkpoint; the loss is taken there. λ has a meaning only
with these reductions: a sum over dimensions, a sum over features, a mean over frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from audiosae.errors import CheckpointError, ParameterError
from audiosae.files import checkpoint
from audiosae.frames.mapped import Mapped
from audiosae.sae import step
from audiosae.sae.step import EPS

KIND = "sae"

BATCH = 8192
"""Rows that are measured at a time."""

Latents = torch.Tensor | Mapped
"""Frames [rows, dim] in memory, or on disk."""


def rms_norm(h: torch.Tensor) -> torch.Tensor:
    """h divided by its root mean square over features: [..., features] -> the same shape."""
    return h / (h.pow(2).mean(dim=-1, keepdim=True) + EPS).sqrt()


class SparseAutoencoder(nn.Module):
    """SAE with RMS-normalised features.

    Parameters
    ----------
    dim, hidden
        Size of a latent frame, and number of features.

    Attributes
    ----------
    mean, std
        Of the training latents [dim]; set by `standardise`.
    precision
        Of the large products in training; None for that of the latents.
    """

    kind = KIND
    precision: torch.dtype | None = None
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        if dim < 1 or hidden < 1:
            raise ParameterError(f"an SAE needs dim and hidden of at least 1; got {dim} and {hidden}.")
        self.dim, self.hidden = dim, hidden
        self.encoder = nn.Linear(dim, hidden)
        self.decoder = nn.Linear(hidden, dim)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def standardise(self, latents: Latents, counts: torch.Tensor | None = None) -> None:
        """Take mean and standard deviation from training latents [rows, dim]; `counts` is how many frames each row stands for [rows]."""
        frames = len(latents) if counts is None else float(counts.sum())
        mean = _total(latents, counts, lambda x: x.double()) / frames
        squares = _total(latents, counts, lambda x: (x.double() - mean).pow(2))
        self.mean.copy_(mean)
        self.std.copy_((squares / (frames - 1)).sqrt().clamp_min(1e-6))

    def normalised(self, x: torch.Tensor) -> torch.Tensor:
        """Latents in the units of the loss: [..., dim]."""
        return (x - self.mean) / self.std

    def activations(self, x: torch.Tensor) -> torch.Tensor:
        """h, before RMS normalisation: latents [..., dim] -> [..., hidden]."""
        return torch.relu(self.encoder(self.normalised(x)))

    def renormalised(self, f: torch.Tensor) -> torch.Tensor:
        """What the decoder is to read, of activations or of features that were moved: [..., hidden], of root mean square 1 (or 0)."""
        return rms_norm(f)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """f: latents [..., dim] -> features [..., hidden]."""
        return self.renormalised(self.activations(x))

    def decode(self, f: torch.Tensor) -> torch.Tensor:
        """x̂: features [..., hidden] -> latents [..., dim], in the codec's own units."""
        return self.decoder(f) * self.std + self.mean

    def loss(self, x: torch.Tensor, l1: float, weights: torch.Tensor | float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Squared error and penalty, the two terms of L, for latents [rows, dim], λ, and a factor for each row [rows]."""
        return step.loss(self.normalised(x), l1, weights, self.encoder, self.decoder, self.precision)

    @property
    def sizes(self) -> dict[str, int]:
        """What the header of a checkpoint keeps, to build the module again."""
        return {"dim": self.dim, "hidden": self.hidden}

    def save(self, path: str | Path, provenance: dict[str, Any] | None = None, half: bool = False) -> None:
        """Write weights and statistics as safetensors, in half precision where asked, with the hashes of what made them."""
        tensors = {name: tensor.half() if half else tensor for name, tensor in self.state_dict().items()}
        checkpoint.save(path, tensors, {"kind": self.kind, "sizes": self.sizes, "provenance": provenance or {}})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, in evaluation mode; a file that is missing, damaged or of another shape is a `CheckpointError`."""
        tensors, header = checkpoint.load(path, cls.kind)
        sae = checkpoint.rebuild(lambda given: cls(**given), header.get("sizes", {}), tensors, path)
        if not (sae.std > 0).all():
            raise CheckpointError(f"{path}: a standard deviation is not above 0; train it again.")
        return sae.eval()


def _parts(latents: Latents, counts: torch.Tensor | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Rows that stand for any frames, some at a time, and for how many each does, in double precision."""
    counts = torch.ones(len(latents)) if counts is None else counts.cpu()
    for rows in counts.nonzero()[:, 0].split(BATCH):
        yield latents[rows.to(latents.device)], counts[rows].double().to(latents.device)


def _total(latents: Latents, counts: torch.Tensor | None, of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Sum over frames of what a function makes of rows, in double precision: [dim]."""
    rows = len(latents) if counts is None else int(counts.count_nonzero())
    # One block for all parts: results kept one by one would lie between the large tensors on the heap, which then grows with the frames.
    sums = torch.empty(max(1, math.ceil(rows / BATCH)), latents.shape[1], dtype=torch.float64, device=latents.device)
    for number, (x, times) in enumerate(_parts(latents, counts)):
        sums[number] = times @ of(x)
    return sums.sum(dim=0)


@torch.no_grad()
def evaluate(sae: SparseAutoencoder, latents: Latents, counts: torch.Tensor | None = None) -> dict[str, float]:
    """What an SAE does to frames.

    Parameters
    ----------
    sae
        In evaluation mode.
    latents, counts
        [rows, dim], and how many frames each row stands for [rows], 0 for rows to leave out; None for one each.

    Returns
    -------
    sparsity
        Share of feature values that are exactly zero.
    l0
        Mean number of active features a frame.
    dead
        Share of features that are zero on every one of these frames.
    fvu
        Fraction of variance unexplained, in standardised units: Σ(x − x̂)² / Σ(x − mean of these frames)².
    scale
        Root mean square of h: the drift that the paper's penalty leaves free.

    Raises
    ------
    ParameterError
        If there are no frames, or all are alike: then there is no variance to explain.
    """
    frames = float(len(latents) if counts is None else counts.sum())
    centre = _total(latents, counts, lambda x: sae.normalised(x).double()) / frames
    active = torch.zeros(sae.hidden, dtype=torch.float64)
    error = variance = squares = 0.0
    for part, times in _parts(latents, counts):
        x = sae.normalised(part)
        h = sae.activations(part)
        active += (times @ (h > 0).double()).cpu()
        squares += float(times @ h.pow(2).double().sum(dim=1))
        error += float(times @ (x - sae.normalised(sae.decode(sae.renormalised(h)))).pow(2).double().sum(dim=1))
        variance += float(times @ (x - centre).pow(2).double().sum(dim=1))
    if not variance:
        raise ParameterError(f"no variance to explain in {frames:.0f} frames: they are all alike; use more recordings.")
    values = frames * sae.hidden
    return {
        "sparsity": 1 - float(active.sum()) / values,
        "l0": float(active.sum()) / frames,
        "dead": float((active == 0).double().mean()),
        "fvu": error / variance,
        "scale": (squares / values) ** 0.5,
    }
