"""Dividing recordings of one's own into train, validation and test, whole, by their length."""

from __future__ import annotations

import numpy as np

from audiosae.corpus.clip import QUOTA, SPLITS

_DRAWS, _NEAR = 100, 0.05
"""So many splits are drawn; the first within so much of the quota is taken, or the nearest."""


def divide(seconds: np.ndarray, has_voice: np.ndarray, rng: np.random.Generator) -> list[str]:
    """Divide recordings so that each split has a single voice if that can be, and comes near its quota.

    Parameters
    ----------
    seconds
        How much is used of each recording, three at least.
    has_voice
        Whether it has a clip with a single voice, bool [recordings].
    rng
        Draws the order in which they are handed out.

    Returns
    -------
    The split of each.
    """
    quota = np.array([QUOTA[split] for split in SPLITS])

    def fault(chosen: np.ndarray) -> tuple[int, float]:
        without_voice = sum(not has_voice[chosen == number].any() for number in range(len(SPLITS)))
        shares = np.bincount(chosen, seconds, len(SPLITS)) / seconds.sum()
        return without_voice, max(float(np.abs(shares - quota).max()), _NEAR)

    draws = [_draw(seconds, quota, rng.permutation(len(seconds))) for _ in range(_DRAWS)]
    return [SPLITS[number] for number in min(draws, key=fault)]


def _draw(seconds: np.ndarray, quota: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Hand out recordings in an order, each to the split that lacks most, and the last ones to splits that have none."""
    lacking = quota * seconds.sum()
    empty = np.ones(len(quota), dtype=bool)
    chosen = np.zeros(len(seconds), dtype=int)
    for place, i in enumerate(order):
        must = empty.any() and len(order) - place <= empty.sum()
        chosen[i] = number = int(np.argmax(np.where(empty | (not must), lacking, -np.inf)))
        lacking[number] -= seconds[i]
        empty[number] = False
    return chosen
