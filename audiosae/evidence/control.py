"""A control task: labels that mean nothing, but that are the same wherever an input recurs.

Hewitt and Liang (2019), Designing and Interpreting Probes with Control Tasks. A probe may be accurate because the input
shows a property, or because the probe is large enough to learn by heart which input has which label. So every type of
input gets a label by lot, once and for all, with the frequencies of the real task. What a probe reaches there it owes to
memory; *selectivity* is the accuracy on the real task less that on the control task.

In words a type is a word. Here it is a code where the codec has one codebook, and otherwise the k-means cell of a latent
frame. Labels shuffled over frames instead would have nothing to remember, and so give chance and no more.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from audiosae.errors import ParameterError


def cells(train: np.ndarray, every: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Types of frames that do not repeat: the nearest of k-means centres.

    Parameters
    ----------
    train
        Standardised latents to find the centres on [frames, dim].
    every
        Those to name [rows, dim].
    count
        How many centres.
    seed
        Of k-means.

    Returns
    -------
    int64 [rows], from 0 to count − 1.

    Raises
    ------
    ParameterError
        If there are fewer than two centres, or fewer frames than centres.
    """
    if not 2 <= count <= len(train):
        raise ParameterError(f"--cells {count}: k-means needs at least 2 cells and at most as many as frames, {len(train)}.")
    with threadpool_limits(1):  # sums that several threads share come out differently from run to run
        means = MiniBatchKMeans(count, random_state=seed, n_init=1, batch_size=4096).fit(train)
        return means.predict(every).astype(np.int64)


def labels(types: np.ndarray, train: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Give each type a class by lot.

    Parameters
    ----------
    types
        The type of each frame, 0 and up [frames].
    train
        Real classes of training frames; the lot has their frequencies.
    classes
        How many there are.
    seed
        Of the lot.

    Returns
    -------
    The control task's class of each frame [frames].
    """
    frequencies = np.bincount(train, minlength=classes) / len(train)
    return np.random.default_rng(seed).choice(classes, size=types.max() + 1, p=frequencies)[types]
