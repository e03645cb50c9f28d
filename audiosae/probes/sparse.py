"""A probe in which each class reads only a few inputs.

A probe of all inputs says whether a property can be read linearly at all, and there width alone helps. A feature that stands for
something shows when few may be read: Gurnee et al. (2023), Finding Neurons in a Haystack, call this sparse probing. Of their ways to
choose the inputs this is the simplest: those whose mean differs most between the class and all other frames.
"""

from __future__ import annotations

import torch

from audiosae.errors import ParameterError
from audiosae.files import determinism
from audiosae.probes.linear import Probe, minimise


def standardised_difference(x: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """How far the mean of each input in a class lies from its mean elsewhere, in standard deviations over all frames.

    From inputs [rows, inputs], and how many training frames each row stands for by class [rows, classes], to float64 [classes, inputs];
    0 for inputs that never vary, and for classes without frames or with all. Within a class, Cohen's d orders inputs alike.
    """
    x, counts = x.double(), counts.double()
    frames, size = counts.sum(), counts.sum(dim=0)[:, None]
    every, own = counts.sum(dim=1) @ x, counts.T @ x
    deviation = (counts.sum(dim=1) @ (x - every / frames).pow(2) / frames).sqrt()
    apart = own / size - (every - own) / (frames - size)
    varies = deviation > 1e-9
    found = apart / torch.where(varies, deviation, 1.0)
    return torch.where(varies & (size > 0) & (size < frames), found, 0.0)


def choose(x: torch.Tensor, counts: torch.Tensor, n: int) -> torch.Tensor:
    """Mark the n inputs of each class with the largest absolute `standardised_difference`: bool [classes, inputs].

    Of equals the first; inputs of difference 0 are never marked.
    """
    if n < 1:
        raise ParameterError(f"a sparse probe reads at least one input a class; got {n}.")
    size = standardised_difference(x, counts).abs()
    order = size.argsort(dim=1, descending=True, stable=True)[:, :n]
    return torch.zeros_like(size, dtype=torch.bool).scatter_(1, order, True) & (size > 0)


def fit(x: torch.Tensor, train: torch.Tensor, n: int, penalty: float, iterations: int) -> Probe:
    """Fit a softmax probe in which class k reads only the n inputs that `choose` marks for it; elsewhere its weight is exactly 0.

    The rest is as for `linear.fit`; the penalty may be small, since so few weights need little restraint.
    """
    learnt = train.sum(dim=1) > 0
    if not learnt.any():
        raise ParameterError("a sparse probe needs training frames of the property; it has none.")
    x, train = x[learnt], train[learnt]
    with determinism.threads(1):
        read = choose(x, train, n)
        columns = read.any(dim=0)  # the others weigh nothing, so they need not be multiplied
        x, mask = x[:, columns], read[:, columns].to(x.dtype)
        weight = torch.zeros_like(mask, requires_grad=True)
        bias = torch.zeros(len(mask), device=x.device, requires_grad=True)
        minimise(x, train.to(x.dtype) / train.sum(), weight, bias, penalty, iterations, mask)
    whole = torch.zeros(read.shape, dtype=x.dtype, device=x.device)
    whole[:, columns] = (weight * mask).detach()
    return Probe(whole, bias.detach().clone(), penalty)
