"""When a property settles on the way from noise to music (the paper's section 5).

At each state the latents go through SAE and classifier; p_t is the mean of the class probabilities over the frames of one
prompt. The paper's progress is

    s_t = (1 / K) Σ_k |p_t[k] − p_0[k]| / |p_T[k] − p_0[k]|

0 at noise, 1 at the end. Its ratios explode where a class hardly moves, and they count moves the wrong way as progress.
So classes that move by less than `LEAST` are left out of the mean, and three other measures stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from audiosae.errors import ParameterError
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

LEAST = 1e-3
"""A class counts in s_t if its probability moves by at least this much from first state to last."""

CLOSE = 0.1
"""A property has settled when its progress stays within this of 1."""


@torch.no_grad()
def probabilities(states: torch.Tensor, sae: SparseAutoencoder, probes: Sequence[Probe]) -> list[torch.Tensor]:
    """Class probabilities of every frame of every state, by several classifiers of the same features.

    Parameters
    ----------
    states
        Latents [states, batch, frames, dim].
    sae, probes
        Trained on clean latents of the same codec, so what they say of noise has to be read with care.

    Returns
    -------
    One tensor [states, batch, frames, classes] a classifier.

    Raises
    ------
    ParameterError
        If a latent is NaN or infinite, or of another size than the SAE's.
    """
    if states.shape[-1] != sae.dim:
        raise ParameterError(f"latents of {states.shape[-1]} numbers, but an SAE for {sae.dim}: they are of another codec.")
    finite = torch.isfinite(states).flatten(1).all(dim=1)
    if not finite.all():
        raise ParameterError(f"state {int((~finite).int().argmax())} of the trajectory holds NaN or infinite latents; check the generator.")
    by_state = []
    for state in states:
        f = sae.encode(state)
        by_state.append([probe.logits(f).softmax(dim=-1) for probe in probes])
    return [torch.stack(of_probe) for of_probe in zip(*by_state, strict=True)]


def progress(p: np.ndarray) -> np.ndarray:
    """The paper's s_t, with the classes left out that hardly move.

    Parameters
    ----------
    p
        Mean class probabilities [states, ..., classes].

    Returns
    -------
    [states, ...]; NaN where no class moves by `LEAST`.
    """
    moved, whole = np.abs(p - p[0]), np.abs(p[-1] - p[0])
    counted = whole >= LEAST
    ratio = np.where(counted, moved / np.where(counted, whole, 1), 0).sum(axis=-1)
    many = counted.sum(axis=-1)
    return np.where(many > 0, ratio / np.maximum(many, 1), np.nan)


def ratio_of_sums(p: np.ndarray) -> np.ndarray:
    """Σ_k |p_t − p_0| / Σ_k |p_T − p_0|: every class counts by how far it goes. Shapes as for `progress`."""
    whole = np.abs(p[-1] - p[0]).sum(axis=-1)
    return _over(np.abs(p - p[0]).sum(axis=-1), whole)


def projection(p: np.ndarray) -> np.ndarray:
    """⟨p_t − p_0, p_T − p_0⟩ / ‖p_T − p_0‖²: moves the wrong way count against. Shapes as for `progress`."""
    way = p[-1] - p[0]
    return _over(((p - p[0]) * way).sum(axis=-1), (way**2).sum(axis=-1))


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def agreement(p: np.ndarray) -> np.ndarray:
    """Share of frames whose likeliest class is already the final one: [states, ..., frames, classes] -> [states, ...]."""
    classes = p.argmax(axis=-1)
    return (classes == classes[-1]).mean(axis=-1)


def entropy(p: np.ndarray) -> np.ndarray:
    """How unsure the classifier is, in bits: [..., classes] -> [...]; log2 of the number of classes at most."""
    return -(p * np.log2(np.maximum(p, 1e-30))).sum(axis=-1)


def settles_at(s: np.ndarray) -> np.ndarray:
    """The first state from which on progress stays within `CLOSE` of 1.

    Parameters
    ----------
    s
        Progress [states, ...].

    Returns
    -------
    Numbers of states [...]. The last one, whose progress is 1 by construction, stands for "not before", and for progress
    that is unknown.
    """
    far = ~(np.abs(s - 1) <= CLOSE)  # also where progress is NaN
    after = len(s) - np.argmax(far[::-1], axis=0)
    return np.where(far.any(axis=0), np.minimum(after, len(s) - 1), 0)
