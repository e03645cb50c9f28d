"""What a probe may read of a frame: the SAE's features, and four alternatives to them.

- *SAE features*: f of the paper's SAE, trained.
- *k-sparse SAE*: f of the k-sparse one.
- *untrained SAE*: f of an SAE of the same shape with the weights that training starts from. It has the width, the rectifier and the
  normalisation, so what the trained one gains over it is due to training.
- *raw latents*: the standardised latents themselves.
- *PCA*: all principal components of the standardised training latents, whitened. They hold what the latents hold, along other axes and
  at one scale: a probe of all of them differs from one of raw latents only by what its penalty, and an optimiser that stops early, find
  easy; a probe of few of them differs by its axes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from audiosae.sae import SparseAutoencoder

NAMES = FEATURES, K_SPARSE, UNTRAINED, RAW, COMPONENTS = "SAE features", "k-sparse SAE", "untrained SAE", "raw latents", "PCA"

Reader = Callable[[torch.Tensor], torch.Tensor]
"""Latents [rows, dim] -> inputs of a probe [rows, inputs]."""


def untrained(trained: SparseAutoencoder, seed: int) -> SparseAutoencoder:
    """An SAE of the shape, standardisation and device of a trained one, as `training.train` has it before its first step."""
    torch.manual_seed(seed)
    sae = SparseAutoencoder(trained.dim, trained.hidden).to(trained.mean.device)
    sae.mean.copy_(trained.mean)
    sae.std.copy_(trained.std)
    return sae.eval()


@torch.no_grad()
def whitening(x: torch.Tensor) -> Reader:
    """From standardised training latents [frames, dim] to a map of such latents to all components, strongest first, of unit variance."""
    # Variances along the axes may span six orders of magnitude, too many for a covariance in float32.
    with threadpool_limits(1):  # sums that several threads share come out differently from run to run
        from sklearn.decomposition import PCA  # takes half a second, and only the evidence needs it

        found = PCA(whiten=True, svd_solver="covariance_eigh").fit(x.double().cpu().numpy())
    axes = torch.from_numpy(found.components_.T / np.sqrt(found.explained_variance_)).to(x.device)
    centre = torch.from_numpy(found.mean_).to(x.device)
    return lambda rows: ((rows.double() - centre) @ axes).float()


def readers(sae: SparseAutoencoder, k_sparse: SparseAutoencoder, train: torch.Tensor, seed: int) -> dict[str, Reader]:
    """The inputs by name, in the order of `NAMES`, as functions of latents in the codec's own units.

    The SAEs are trained ones; principal components are those of latents `train` [frames, dim]; the seed is that of the untrained SAE.
    """
    whiten = whitening(sae.normalised(train))
    return {
        FEATURES: sae.encode,
        K_SPARSE: k_sparse.encode,
        UNTRAINED: untrained(sae, seed).encode,
        RAW: sae.normalised,
        COMPONENTS: lambda latents: whiten(sae.normalised(latents)),
    }
