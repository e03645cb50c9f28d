"""95 % intervals by resampling recordings, never frames: frames of one recording are nearly copies of each other.

Percentile bootstrap (Efron 1979). One seed draws the same resamples for every figure of as many units, so that figures can be compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiosae.errors import ParameterError

RESAMPLES = 2000


class Estimate(NamedTuple):
    """A mean over frames, its 95 % interval [low, high] over recordings, and how many recordings there are."""

    mean: float
    ci95: list[float]
    recordings: int


def draws(units: int, seed: int) -> np.ndarray:
    """Which units each resample holds: int [RESAMPLES, units]; a `ParameterError` without a unit."""
    if units == 0:
        raise ParameterError("an interval needs at least one recording; none can be used for this figure.")
    return np.random.default_rng(seed).integers(units, size=(RESAMPLES, units))


def weights(units: int, seed: int) -> np.ndarray:
    """How often each unit is in each resample, int [RESAMPLES, units]: one product with it in place of a copy of every resample."""
    return np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=RESAMPLES)


def crossed(shape: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws of training seeds, int [RESAMPLES, seeds], and of units that all seeds share, int [RESAMPLES, units], for a table of that shape.

    Both are drawn with replacement, independently (the pigeonhole bootstrap of Owen 2007). With one seed, intervals are over units alone.
    """
    seeds, units = shape
    return draws(seeds, seed + 1), draws(units, seed)


def resampled(values: np.ndarray, chosen: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """A table [seeds, units, ...] as it is, then each of its `crossed` resamples: [1 + RESAMPLES, seeds, units, ...]."""
    seeds, units = chosen
    return np.concatenate([values[None], values[seeds[:, :, None], units[:, None, :]]])


def trimmed_mean(values: np.ndarray, cut: float = 0.2) -> np.ndarray:
    """Mean over the last axis of the finite values, without the share `cut` of them at either end; NaN where there are none."""
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=-1)  # NaN comes last
    known = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    dropped, place = np.floor(cut * known), np.arange(values.shape[-1])
    kept = (place >= dropped) & (place < known - dropped)
    sums, counts = np.where(kept, ordered, 0.0).sum(axis=-1), kept.sum(axis=-1)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def interval(values: np.ndarray) -> list[float]:
    """[low, high]: the 2.5 and 97.5 percentiles of a figure of each resample [RESAMPLES], where the figure is finite.

    A resample may lack what the figure is about, such as a class.
    """
    return np.percentile(values[np.isfinite(values)], [2.5, 97.5]).tolist()


def ratio(hits: np.ndarray, counts: np.ndarray, seed: int) -> list[float]:
    """Interval of Σ hits / Σ counts over recordings, such as frames classified correctly and frames in all: [low, high]."""
    chosen = draws(len(hits), seed)
    return interval(hits[chosen].sum(axis=1) / counts[chosen].sum(axis=1))


def mean(values: np.ndarray, seed: int) -> list[float]:
    """Interval of the mean of one number a recording: [low, high]."""
    return ratio(np.asarray(values, dtype=float), np.ones(len(values)), seed)


def over_recordings(values: np.ndarray, recordings: np.ndarray, seed: int) -> Estimate:
    """Mean of one number a frame, such as whether it is classified correctly, with its interval over the recordings of the frames."""
    _, index = np.unique(recordings, return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    return Estimate(float(np.mean(values)), ratio(sums, counts, seed), len(counts))
