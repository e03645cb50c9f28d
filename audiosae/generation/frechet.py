"""How far generated latents are from real ones: a Fréchet distance over windows of one second.

Each window is summed up by mean and standard deviation of each latent dimension over its frames, and each set of windows by a
normal distribution, as in the Fréchet inception distance (Heusel et al. 2017):

    d² = ‖μ_1 − μ_2‖² + tr(Σ_1 + Σ_2 − 2 (Σ_1^½ Σ_2 Σ_1^½)^½)

The number has no meaning alone: real against real and noise against real are its two ends.
"""

from __future__ import annotations

import numpy as np

from audiosae.errors import ParameterError


def windows(latents: np.ndarray, frames: int) -> np.ndarray:
    """Sum up windows that do not overlap.

    Parameters
    ----------
    latents
        [clips, frames, dim].
    frames
        In a window; frames at a clip's end that fill none are left out.

    Returns
    -------
    Mean and standard deviation of each dimension, float64 [windows, 2 · dim].

    Raises
    ------
    ParameterError
        If a clip is shorter than a window.
    """
    count = latents.shape[1] // frames
    if frames < 1 or count < 1:
        raise ParameterError(f"windows of {frames} frames do not fit into clips of {latents.shape[1]}.")
    cut = latents[:, : count * frames].reshape(-1, frames, latents.shape[2]).astype(np.float64)
    return np.concatenate([cut.mean(axis=1), cut.std(axis=1)], axis=1)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """d² between two sets of windows [windows, numbers]; each set needs more windows than one.

    Raises
    ------
    ParameterError
        If a set has fewer than two windows, or the two have other numbers.
    """
    if min(len(one), len(other)) < 2 or one.shape[1] != other.shape[1]:
        raise ParameterError(f"sets of shapes {one.shape} and {other.shape} have no distance; give two windows or more each.")
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = _root(first)
    shared = np.trace(_root(root @ second @ root))
    return float(((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * shared)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues, but for rounding."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
