"""What autoencoders share whose features are the activations above a threshold, as they are: x̂ = W_dec f + b_dec, f = h where h > threshold."""

from __future__ import annotations

import torch

from audiosae.errors import ParameterError
from audiosae.sae.model import SparseAutoencoder


class ThresholdAutoencoder(SparseAutoencoder):
    """SAE without normalisation of its features.

    Parameters
    ----------
    dim, hidden
        Size of a latent frame, and number of features.
    k
        Active features a frame; each kind says of which frames.
    thresholds
        Their shape: `hidden`, or nothing for one that all features share.

    Attributes
    ----------
    threshold
        That activations must exceed.
    """

    threshold: torch.Tensor

    def __init__(self, dim: int, hidden: int, k: int, *thresholds: int) -> None:
        super().__init__(dim, hidden)
        if not 1 <= k <= hidden:
            raise ParameterError(f"k must be a whole number from 1 to the {hidden} features; got {k}.")
        self.k = k
        self.register_buffer("threshold", torch.zeros(thresholds))

    @property
    def sizes(self) -> dict[str, int]:
        """What the header of a checkpoint keeps."""
        return {**super().sizes, "k": self.k}

    def activations(self, x: torch.Tensor) -> torch.Tensor:
        """h above the threshold: latents [..., dim] -> [..., hidden]."""
        h = super().activations(x)
        return h * (h > self.threshold)

    def renormalised(self, f: torch.Tensor) -> torch.Tensor:
        """Features as they are: [..., hidden]."""
        return f
