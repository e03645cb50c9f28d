"""Training a stack: several sparse autoencoders of one width and different λ in one pass over the data.

Each member becomes what `training.train` makes of it alone, up to the order of float sums: the same first weights and batches, and a
loss that is a sum over members, so that no gradient crosses. All encoders are one matrix product and all decoders one batched product.

Features stand before rows, [members, hidden, rows], so that nothing is copied. RMS normalisation is one number a row, so it is applied
to the few numbers behind the decoder, not to the many before it: W_dec (h / rms) = (W_dec h) / rms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from audiosae.sae.model import EPS
from audiosae.sae.training import Batches, Settings, descend
from audiosae.sae.variants import PAPER, Variant, VariantAutoencoder, keep_largest

Optimiser = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]
"""From parameters and a learning rate to what updates them; it must work number by number, or members would depend on each other."""


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """The optimiser of `training.train`."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def scaled_batch(batch: int, kept: int, frames: int) -> int:
    """The batch for `kept` of `frames` training frames, so that an epoch has as many steps as one over them all.

    How far the paper's loss drifts depends on the number of steps, so frames are saved and steps are not.
    """
    return math.ceil(batch * kept / frames)


class Stack(nn.Module):
    """Members side by side, one for each strength (λ or k), each first equal to `start`."""

    def __init__(self, start: VariantAutoencoder, strengths: Sequence[float]) -> None:
        super().__init__()
        members = len(strengths)
        self.start, self.variant, self.strengths = [start], start.variant, list(strengths)  # in a list: not a submodule
        self.factors = start.mean.new_tensor([0.0 if self.variant.price is None else s for s in strengths])
        self.encoder_weight = nn.Parameter(start.encoder.weight.detach().repeat(members, 1))
        self.encoder_bias = nn.Parameter(start.encoder.bias.detach().repeat(members))
        self.decoder_weight = nn.Parameter(start.decoder.weight.detach().repeat(members, 1, 1))
        self.decoder_bias = nn.Parameter(start.decoder.bias.detach().repeat(members, 1))

    def loss(self, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Mean over rows of squared error and penalty: standardised latents [rows, dim], factors of the rows [rows] -> [members]."""
        members, _, hidden = self.decoder_weight.shape
        h = torch.addmm(self.encoder_bias[:, None], self.encoder_weight, target.T).relu_().view(members, hidden, -1)
        if self.variant.price is None:
            h = torch.stack([keep_largest(part, int(k), 0) for part, k in zip(h, self.strengths)])
        rebuilt, rms = self.decoder_weight @ h, None
        if self.variant.normalised:
            rms = (h.square().sum(dim=1) / hidden + EPS).sqrt()
            rebuilt = rebuilt / rms[:, None]
        error = (target.T - self.decoder_bias[:, :, None] - rebuilt).pow(2).sum(dim=1)
        if self.variant.price is not None:
            norms = torch.linalg.vector_norm(self.decoder_weight, dim=1)
            error = error + self.factors[:, None] * self.variant.price(h, rms, norms)
        return (weights * error).mean(dim=1)

    @torch.no_grad()
    def members(self) -> list[VariantAutoencoder]:
        """Each member as a model of its own, in evaluation mode."""
        found, (start,) = [], self.start
        for number, strength in enumerate(self.strengths):
            sae = VariantAutoencoder(start.dim, start.hidden, self.variant, strength).to(start.mean.device)
            rows = slice(number * sae.hidden, (number + 1) * sae.hidden)
            sae.load_state_dict({
                "encoder.weight": self.encoder_weight[rows], "encoder.bias": self.encoder_bias[rows],
                "decoder.weight": self.decoder_weight[number], "decoder.bias": self.decoder_bias[number],
                "mean": start.mean, "std": start.std,
            })  # fmt: skip
            found.append(sae.eval())
        return found


def train(
    latents: torch.Tensor,
    settings: Settings,
    strengths: Sequence[float],
    counts: torch.Tensor | None = None,
    variant: Variant = PAPER,
    optimiser: Optimiser = adam,
    after: Callable[[int, Stack], None] | None = None,
) -> list[VariantAutoencoder]:
    """Train one member for each strength, and return them in this order, in evaluation mode.

    Parameters
    ----------
    latents, settings, counts
        See `training.train`; its λ is not read.
    strengths
        λ of each member, or k where the variant is TopK.
    after
        Called with the number of each finished epoch, from 1, and the stack.
    """
    batches = Batches(latents, counts, settings)
    torch.manual_seed(settings.seed)
    start = VariantAutoencoder(latents.shape[1], settings.hidden, variant, strengths[0]).to(latents.device)
    start.standardise(batches.latents, batches.counts)
    stack = Stack(start, strengths)
    targets = start.normalised(batches.latents)

    def loss(rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return stack.loss(targets[rows], weights)

    label = f"{variant.name}, {len(strengths)} of {settings.hidden} features"
    for epoch, _ in descend(loss, optimiser(stack.parameters(), settings.learning_rate), batches, range(settings.epochs), label):
        if after is not None:
            after(epoch, stack)
    return stack.members()
