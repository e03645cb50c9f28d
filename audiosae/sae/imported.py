"""An autoencoder that was trained elsewhere, such as in SAELens, to be judged like the paper's.

    h  = ReLU(W_enc x + b_enc)
    f  = h where it is above a threshold of its feature (ReLU, JumpReLU), or among the k largest of its frame (top-k); else 0
    x̂  = W_dec f + b_dec

Its features are those of its makers, to rounding. Its weights here are for standardised inputs, as those of every other kind (see `model`), so that probes and
FVU mean the same for all.
"""

from __future__ import annotations

import torch

from audiosae.sae.model import Latents
from audiosae.sae.threshold import ThresholdAutoencoder
from audiosae.sae.variants import keep_largest


class ImportedAutoencoder(ThresholdAutoencoder):
    """SAE with a threshold for each feature and at most k active ones a frame, `hidden` for no limit; see `ThresholdAutoencoder`."""

    kind = "imported sae"

    def __init__(self, dim: int, hidden: int, k: int) -> None:
        super().__init__(dim, hidden, k, hidden)

    @torch.no_grad()
    def standardise(self, latents: Latents, counts: torch.Tensor | None = None) -> None:
        """Take mean and standard deviation from training latents, and change the weights so that features and x̂ stay as they are."""
        mean, std = self.mean.double(), self.std.double()
        super().standardise(latents, counts)
        encoder, decoder = self.encoder.weight.double() / std, self.decoder.weight.double() * std[:, None]
        centre = self.decoder.bias.double() * std + mean
        self.encoder.bias.copy_(self.encoder.bias.double() + encoder @ (self.mean - mean))
        self.encoder.weight.copy_(encoder * self.std)
        self.decoder.weight.copy_(decoder / self.std[:, None])
        self.decoder.bias.copy_((centre - self.mean) / self.std)

    def activations(self, x: torch.Tensor) -> torch.Tensor:
        """Features: latents [..., dim] -> [..., hidden]."""
        h = super().activations(x)
        return h if self.k == self.hidden else keep_largest(h, self.k, -1)
