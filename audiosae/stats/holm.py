"""Many tests at once: some come out small by chance, so each has to be smaller."""

from __future__ import annotations

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction (1979): the smallest p times the number of tests, the next times one less, and so on; at most 1.

    Parameters
    ----------
    p
        Of each test [tests].

    Returns
    -------
    Corrected, in the same order [tests].
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
