"""Is it music of the kind that was asked for? Generated pieces beside test clips.

How far their latents are from real ones, and whether the properties are spread alike; whether the instrument that the prompt names is heard,
says `instruments`. The first is a Fréchet distance: each window of a second is summed up by mean and standard deviation of each latent dimension,
and each set of windows by a normal distribution, as in the Fréchet inception distance (Heusel et al. 2017):

    d² = ‖μ_1 − μ_2‖² + tr(Σ_1 + Σ_2 − 2 (Σ_1^½ Σ_2 Σ_1^½)^½)

The number has no meaning alone: real against real and noise against real are its two ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.frames import Frames

DRAWS = 10
"""Random choices of windows over which a Fréchet distance is averaged."""


def windows(latents: np.ndarray, frames: int) -> np.ndarray:
    """Mean and deviation of latents [clips, frames, dim] in windows of some frames that do not overlap: float64 [windows, 2 · dim]."""
    count = latents.shape[1] // frames
    if count < 1:
        raise ParameterError(f"windows of {frames} frames do not fit into clips of {latents.shape[1]}.")
    cut = latents[:, : count * frames].reshape(-1, frames, latents.shape[2]).astype(np.float64)
    return np.concatenate([cut.mean(axis=1), cut.std(axis=1)], axis=1)


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """d² between two sets of windows [windows, numbers]; `ParameterError` if a set has fewer than two."""
    if min(len(one), len(other)) < 2:
        raise ParameterError(f"sets of {len(one)} and {len(other)} windows have no distance; give two windows or more each.")
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = _root(first)
    shared = np.trace(_root(root @ second @ root))
    return float(((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * shared)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues, but for rounding; scipy's sqrtm needs full rank."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def distances(sets: Mapping[str, np.ndarray], reference: np.ndarray, frames: int, seed: int) -> dict[str, float]:
    """Fréchet distances of several sets of latents [clips, frames, dim] to one, by windows of some frames.

    The distance grows where windows are few, so each set gives as many as the smallest one has, drawn anew `DRAWS` times.
    """
    known = {name: windows(latents, frames) for name, latents in sets.items()}
    real = windows(reference, frames)
    count = min(map(len, [real, *known.values()]))
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in known}
    for _ in range(DRAWS):
        against = rng.permutation(real)[:count]
        for name, of in known.items():
            found[name].append(frechet(rng.permutation(of)[:count], against))
    return {name: float(np.mean(values)) for name, values in found.items()}


def clips(frames: Frames, split: str) -> np.ndarray:
    """Latents of the clips of one split that are as long as most: [clips, frames, dim]."""
    rows = np.flatnonzero(frames.rows(split))
    names = frames.table["clip"].astype(str).to_numpy()[rows]
    of = [frames.latents[rows[names == clip]].numpy() for clip in dict.fromkeys(names)]
    length = int(np.median([len(latents) for latents in of]))
    return np.stack([latents for latents in of if len(latents) == length])


def spread(generated: pd.DataFrame, real: pd.DataFrame) -> dict[str, float]:
    """How far the frames of two tables of classes, −1 for none, differ in each property: Wasserstein's distance, in bins."""
    found = {}
    for prop in labels.PROPERTIES:
        one, other = (table.loc[table[prop] >= 0, prop].to_numpy() for table in (generated, real))
        if not len(one) or not len(other):
            raise ParameterError(f"no frame of one of the two sets has a {prop}; more music is needed.")
        found[prop] = float(wasserstein_distance(one, other))
    return found


def classes(
    waves: Sequence[np.ndarray], sample_rate: int, tracker: str, frame_rate: float, edges: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Measure decoded waves [channels, samples] as the clips were: pitch, amplitude and timbre of each frame as classes, and its wave's number."""
    tables = []
    for number, wave in enumerate(waves):
        measured = labels.describe(wave, sample_rate, frame_rate, tracker)
        pitch = labels.pitch_bins(measured.f0, labels.voiced(measured.confidence, measured.rms))
        amplitude, timbre = labels.to_bins(measured.rms, edges["amplitude"]), labels.to_bins(measured.centroid, edges["timbre"])
        tables.append(pd.DataFrame({"pitch": pitch, "amplitude": amplitude, "timbre": timbre, "piece": number}))
    return pd.concat(tables, ignore_index=True)
