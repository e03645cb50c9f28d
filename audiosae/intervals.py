"""95 % intervals by resampling recordings, never frames: frames of one recording are nearly copies of each other."""

from __future__ import annotations

import numpy as np

from audiosae.errors import ParameterError

RESAMPLES = 2000


def ratio(hits: np.ndarray, counts: np.ndarray, seed: int) -> list[float]:
    """Interval of Σ hits / Σ counts over recordings (percentile bootstrap, Efron 1979).

    Parameters
    ----------
    hits, counts
        One number a recording, such as frames named rightly and frames in all.
    seed
        Of the resampling.

    Returns
    -------
    [low, high].

    Raises
    ------
    ParameterError
        Without a recording.
    """
    if len(hits) == 0:
        raise ParameterError("an interval needs at least one recording; none can be used for this figure.")
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(hits), size=(RESAMPLES, len(hits)))
    values = hits[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    return [float(x) for x in np.percentile(values, [2.5, 97.5])]


def mean(values: np.ndarray, seed: int) -> list[float]:
    """Interval of the mean of one number a recording: [low, high]."""
    return ratio(np.asarray(values, dtype=float), np.ones(len(values)), seed)
