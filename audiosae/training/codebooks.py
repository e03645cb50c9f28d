"""Codebooks in training: where they start, and what becomes of vectors that nothing is rounded to.

The `encodec` package moves each vector to the mean of what was rounded to it. Its own k-means sees one batch, and a vector that it
revives is overwritten with the old one in the same step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from encodec.quantization import ResidualVectorQuantizer
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

BATCHES = 40
"""Batches whose latents the codebooks start from."""

DEAD = 0.05
"""Share of an average vector's uses under which a vector is dead."""


@torch.no_grad()
def start(quantizer: ResidualVectorQuantizer, latents: list[torch.Tensor], seed: int) -> None:
    """Set each codebook to k-means centres of what the ones before it leave over, from some batches [batch, dim, frames]."""
    residual = torch.cat(latents).transpose(1, 2).flatten(0, 1).float().cpu()
    for number, layer in enumerate(quantizer.vq.layers):
        book: Any = layer._codebook
        size = len(book.embed)
        with threadpool_limits(1):  # sums that several threads share come out differently from run to run
            means = MiniBatchKMeans(size, random_state=seed + number, n_init=1, batch_size=4096).fit(residual.numpy())
        centres = torch.from_numpy(means.cluster_centers_.astype(np.float32))
        nearest = torch.from_numpy(means.labels_).long()
        uses = torch.bincount(nearest, minlength=size) / len(latents)
        book.embed.copy_(centres)
        book.cluster_size.copy_(uses)
        book.embed_avg.copy_(centres * uses[:, None])
        book.inited.fill_(1)
        residual = residual - centres[nearest]


@torch.no_grad()
def resume(quantizer: ResidualVectorQuantizer, frames: int) -> None:
    """Go on with codebooks as they were shipped, without their averages: each vector counts as used by its share of `frames`."""
    for layer in quantizer.vq.layers:
        book: Any = layer._codebook
        book.inited.fill_(1)
        book.cluster_size.fill_(frames / len(book.embed))
        book.embed_avg.copy_(book.embed * book.cluster_size[:, None])


@torch.no_grad()
def revive(quantizer: ResidualVectorQuantizer, encoded: torch.Tensor) -> None:
    """Put dead vectors where random frames of a batch [batch, dim, frames] are (Dhariwal et al. 2020, Jukebox, 3.2)."""
    residual = encoded
    for layer in quantizer.vq.layers:
        book: Any = layer._codebook
        frames = residual.transpose(1, 2).flatten(0, 1)
        uses = len(frames) / len(book.embed)  # a batch, of an average vector
        dead = book.cluster_size < DEAD * uses
        chosen = frames[torch.randint(len(frames), (int(dead.sum()),), device=frames.device)]
        book.embed[dead] = chosen
        book.embed_avg[dead] = chosen * uses
        book.cluster_size[dead] = uses  # time to wait for its turn
        residual = residual - layer.decode(layer.encode(residual))
