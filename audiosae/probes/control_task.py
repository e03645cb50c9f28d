"""A control task: labels that mean nothing, but that are the same wherever an input recurs.

Hewitt and Liang (2019), Designing and Interpreting Probes with Control Tasks. A probe may be accurate because the input shows a
property, or because the probe is large enough to memorise which input has which label. So every type of input gets a random label, once,
with the frequencies of the real task. What a probe reaches there it has memorised; *selectivity* is the accuracy on the real task less
that on the control task.

In words a type is a word. Here it is a code where the codec has one codebook, and otherwise the k-means cell of a latent frame. Labels
shuffled over frames instead would leave nothing to memorise, and so give chance and no more.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from audiosae.errors import ParameterError


def cells(train: np.ndarray, every: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The nearest of `count` k-means centres, found on latents `train` [frames, dim], for each row of `every`: int64 [rows]."""
    if not 2 <= count <= len(train):
        raise ParameterError(f"k-means needs at least 2 cells and at most as many as frames, {len(train)}; got cells = {count}.")
    with threadpool_limits(1):  # sums that several threads share come out differently from run to run
        means = MiniBatchKMeans(count, random_state=seed, n_init=1, batch_size=4096).fit(train)
        return means.predict(every).astype(np.int64)


def labels(types: np.ndarray, train: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Give each type a random class: types, 0 and up [frames] -> classes [frames], as frequent as in `train`, those of training frames."""
    frequencies = np.bincount(train, minlength=classes) / len(train)
    return np.random.default_rng(seed).choice(classes, size=types.max() + 1, p=frequencies)[types]
