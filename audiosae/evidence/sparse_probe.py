"""A probe in which each class may read only a few inputs.

A probe of all inputs says whether a property can be read linearly at all, and there width alone helps. A feature that means
something shows when few may be read: Gurnee et al. (2023), Finding Neurons in a Haystack, call this sparse probing. Of
their ways to pick the inputs this is the plainest: those whose mean differs most between the class and all other frames.
"""

from __future__ import annotations

import torch
from torch import nn

from audiosae import determinism
from audiosae.errors import ParameterError
from audiosae.probes import Probe


def standardised_difference(x: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """How far the mean of each input lies from its mean elsewhere, in standard deviations over all frames.

    Within a class this orders inputs as Cohen's d or the point-biserial correlation would: each of the three grows with the
    others.

    Parameters
    ----------
    x
        Inputs [rows, inputs].
    counts
        How many training frames each row stands for, by class [rows, classes].

    Returns
    -------
    float64 [classes, inputs], with its sign; 0 for inputs that never vary, and for classes without frames or with all.
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

    Raises
    ------
    ParameterError
        If n is not positive.
    """
    if n < 1:
        raise ParameterError(f"a sparse probe reads at least one input a class; got {n}.")
    size = standardised_difference(x, counts).abs()
    order = size.argsort(dim=1, descending=True, stable=True)[:, :n]
    return torch.zeros_like(size, dtype=torch.bool).scatter_(1, order, True) & (size > 0)


def fit(x: torch.Tensor, train: torch.Tensor, n: int, penalty: float, iterations: int) -> Probe:
    """Fit a softmax probe in which class k sees only the inputs that `choose` marks for it.

    Parameters
    ----------
    x
        Inputs, of about unit scale [rows, inputs].
    train
        How many training frames each row stands for, by class [rows, classes].
    n
        Inputs a class.
    penalty
        Factor of ½‖W‖²; small, since so few weights need little restraint.
    iterations
        Of L-BFGS.

    Returns
    -------
    A probe whose weight is exactly 0 where a class may not look.

    Raises
    ------
    ParameterError
        If there are no training frames, or n is not positive.
    """
    learnt = train.sum(dim=1) > 0
    if not learnt.any():
        raise ParameterError("a sparse probe needs training frames of the property; it has none.")
    x, train = x[learnt], train[learnt]
    with determinism.one_thread():
        seen = choose(x, train, n)
        columns = seen.any(dim=0)  # the others weigh nothing, so they need not be multiplied
        x, mask = x[:, columns], seen[:, columns].to(x.dtype)
        share = train.to(x.dtype) / train.sum()
        weight = torch.zeros_like(mask, requires_grad=True)
        bias = torch.zeros(len(mask), device=x.device, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

        def objective() -> torch.Tensor:
            optimizer.zero_grad()
            surprise = nn.functional.cross_entropy(x @ (weight * mask).T + bias, share, reduction="sum")
            loss = surprise + 0.5 * penalty * weight.pow(2).sum()
            loss.backward()
            return loss

        optimizer.step(objective)
    whole = torch.zeros(seen.shape, dtype=x.dtype, device=x.device)
    whole[:, columns] = (weight * mask).detach()
    return Probe(whole, bias.detach().clone(), penalty)
