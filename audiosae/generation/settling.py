"""When a property settles on the way from noise to music (the paper's section 5).

With p_t the class probabilities of one piece at state t, mean over its frames, the paper's progress is

    s_t = (1 / K) Σ_k |p_t[k] − p_0[k]| / |p_T[k] − p_0[k]|

0 at noise, 1 at the end. Its ratios explode where a class hardly moves, and they count moves the wrong way as progress.
So classes that move by less than `LEAST` are left out of the mean, and two other measures stand beside it.
"""

from __future__ import annotations

import numpy as np

LEAST = 1e-3
"""A class counts in s_t if its probability moves by at least this much from first state to last."""

CLOSE = 0.1
"""A property has settled when its progress stays within this of 1."""


def progress(p: np.ndarray) -> np.ndarray:
    """The paper's s_t, without the classes that hardly move.

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
    return _ratio(np.where(counted, moved / np.where(counted, whole, 1), 0).sum(axis=-1), counted.sum(axis=-1))


def ratio_of_sums(p: np.ndarray) -> np.ndarray:
    """Σ_k |p_t − p_0| / Σ_k |p_T − p_0|: every class counts by how far it goes. Shapes as for `progress`."""
    return _ratio(np.abs(p - p[0]).sum(axis=-1), np.abs(p[-1] - p[0]).sum(axis=-1))


def projection(p: np.ndarray) -> np.ndarray:
    """⟨p_t − p_0, p_T − p_0⟩ / ‖p_T − p_0‖²: moves the wrong way count against. Shapes as for `progress`."""
    way = p[-1] - p[0]
    return _ratio(((p - p[0]) * way).sum(axis=-1), (way**2).sum(axis=-1))


MEASURES = {"s": progress, "ratio of sums": ratio_of_sums, "projection": projection}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where the whole is nothing."""
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
