"""A k-sparse autoencoder as practitioners train one today: batch top-k, to stand beside the paper's.

    h  = ReLU(W_enc x + b_enc)
    f  = h where it is among the k · rows largest of a batch, else 0      in training
    f  = h where it is above a threshold, else 0                          afterwards
    x̂  = W_dec f + b_dec                                                  columns of W_dec have length 1
    L  = mean over frames of Σ_d (x − x̂)²

Bussmann, Leask and Nanda 2024 (arXiv 2412.06410). Sparsity is set by k and has no penalty, so nothing drifts. The threshold is a moving average of the
smallest value that a batch keeps. Left out: their auxiliary loss, which revives dead features. Inputs are standardised as in `model`.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from audiosae.sae.threshold import ThresholdAutoencoder

MEMORY = 0.99
"""Decay of the moving average of the threshold."""


class KSparseAutoencoder(ThresholdAutoencoder):
    """SAE whose frames have k active features on average over a batch; see `ThresholdAutoencoder`."""

    kind = "k_sparse sae"

    def directions(self) -> torch.Tensor:
        """Unit columns of the decoder: [dim, hidden]."""
        return functional.normalize(self.decoder.weight, dim=0)

    def decode(self, f: torch.Tensor) -> torch.Tensor:
        """x̂: features [..., hidden] -> latents [..., dim], in the codec's own units."""
        return functional.linear(f, self.directions(), self.decoder.bias) * self.std + self.mean

    def loss(self, x: torch.Tensor, l1: float, weights: torch.Tensor | float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Squared error of the batch's k · rows largest activations, and 0 for the penalty, which this kind has not; moves the threshold."""
        target = self.normalised(x)
        h = torch.relu(self.encoder(target))
        least = h.detach().flatten().topk(min(self.k * len(h), h.numel()), sorted=False).values.min()
        self.threshold.lerp_(least, 1 - MEMORY if self.threshold else 1.0)
        error = target - functional.linear(h * (h >= least), self.directions(), self.decoder.bias)
        return (weights * error.pow(2).sum(dim=-1)).mean(), h.new_zeros(())
