"""Sparse autoencoders to compare with the paper's: one encoder and decoder, five ways to make the features sparse.

All see standardised inputs and have the same ReLU encoder and linear decoder (`SparseAutoencoder`). They differ in whether f is h over
its root mean square, and in the penalty:

    paper          f = RMSNorm(h)    λ Σ h_j             Paek et al. 2025
    on_f           f = RMSNorm(h)    λ Σ f_j             the same features, penalised after the normalisation
    decoder_norm   f = h             λ Σ h_j ‖d_j‖       Conerly et al. 2024, "Update on how we train SAEs" (Transformer Circuits)
    plain          f = h             λ Σ h_j             Cunningham et al. 2023 (2309.08600), but without their unit-norm decoder
    top_k          f = k largest h   nothing             Gao et al. 2024 (2406.04093), without their auxiliary loss

d_j is the decoder's column of feature j. Two of the penalties can be lowered without a change of x̂: scale h down in `paper`; scale h down
and d up in `plain`. In `decoder_norm` the second leaves the penalty as it is, and in `on_f` the first does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from audiosae.errors import ParameterError
from audiosae.sae import training
from audiosae.sae.model import Latents, SparseAutoencoder, rms_norm
from audiosae.sae.training import Split

Price = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From h [rows, hidden], f, and ‖d_j‖ [hidden] to what λ multiplies, for each row [rows]."""


@dataclass(frozen=True)
class Variant:
    """A way to make features sparse."""

    name: str  # its key in results
    normalised: bool  # whether f is h over its root mean square; else f is h
    price: Price | None  # what λ multiplies; None if only the k largest features are kept

    def check(self, strength: float, hidden: int) -> None:
        """Refuse, as a `ParameterError`, a negative λ, or a k that is not a whole number from 1 to `hidden`."""
        if self.price is None and not (strength == int(strength) and 1 <= strength <= hidden):
            raise ParameterError(f"{self.name}: k must be a whole number from 1 to {hidden}; got {strength}.")
        if strength < 0:
            raise ParameterError(f"{self.name}: λ must not be negative; got {strength}.")


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("paper", True, lambda h, f, norms: h.sum(dim=1)),
        Variant("on_f", True, lambda h, f, norms: f.sum(dim=1)),
        Variant("decoder_norm", False, lambda h, f, norms: h @ norms),
        Variant("plain", False, lambda h, f, norms: h.sum(dim=1)),
        Variant("top_k", False, None),
    )
}
PAPER = VARIANTS["paper"]


def keep_largest(h: torch.Tensor, k: int, dim: int) -> torch.Tensor:
    """h with all but its k largest values along `dim` set to 0; values that tie with the k-th are kept."""
    least = h.detach().topk(k, dim=dim).values.select(dim, -1).unsqueeze(dim)
    return h * (h >= least)


class VariantAutoencoder(SparseAutoencoder):
    """A sparse autoencoder that encodes as its variant does; its strength is λ, or k."""

    def __init__(self, dim: int, hidden: int, variant: Variant, strength: float) -> None:
        super().__init__(dim, hidden)
        variant.check(strength, hidden)
        self.variant, self.strength = variant, strength

    def activations(self, x: torch.Tensor) -> torch.Tensor:
        """h: latents [..., dim] -> [..., hidden], only its k largest where the variant says so."""
        h = super().activations(x)
        return h if self.variant.price is not None else keep_largest(h, int(self.strength), -1)

    def renormalised(self, f: torch.Tensor) -> torch.Tensor:
        """What the decoder is to read: over its root mean square where the variant says so, else as it is [..., hidden]."""
        return rms_norm(f) if self.variant.normalised else f

    def loss(self, x: torch.Tensor, l1: float, weights: torch.Tensor | float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """The two terms of the variant's loss at its own strength, which takes the place of `l1`; the rest as for the paper's."""
        if self.variant is PAPER:
            return super().loss(x, self.strength, weights)
        target = self.normalised(x)
        h = self.activations(x)
        f = self.renormalised(h)
        error = (weights * (target - self.decoder(f)).pow(2).sum(dim=1)).mean()
        if self.variant.price is None:
            return error, h.new_zeros(())
        price = self.variant.price(h, f, torch.linalg.vector_norm(self.decoder.weight, dim=0))
        return error, self.strength * (weights * price).mean()


def measure(sae: VariantAutoencoder, latents: Latents, split: Split) -> dict[str, float | None]:
    """The figures of `training.measure`, for any variant, and live_sparsity: of features that are not dead, None if all are."""
    found = training.measure(sae, latents, split)
    live = 1 - found["dead"]
    return {**found, "live_sparsity": (found["sparsity"] - found["dead"]) / live if live else None}
