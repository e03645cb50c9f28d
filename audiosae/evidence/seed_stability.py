"""Whether SAEs that differ only in their seed learn the same features.

Decoder directions of two SAEs are matched one to one so that the sum of their cosines is as large as possible (Hungarian method), as
in Paulo and Belrose, Sparse Autoencoders Trained on the Same Data Learn Different Features (2025, arXiv 2501.16615), who call a
feature shared above a cosine of 0.7. Beside it stands the mean max cosine similarity of Sharkey, Braun and Millidge, Taking features
out of superposition with sparse autoencoders (2022), in which several features may have the same counterpart.

Among many directions in few dimensions everything has near neighbours. So the same matching is made for directions that nobody
learnt: uniform on the sphere; with mean and covariance of learnt ones; and of untrained SAEs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from audiosae.errors import ParameterError
from audiosae.evidence.material import Material
from audiosae.probes.representations import untrained
from audiosae.sae import SparseAutoencoder, training
from audiosae.sae.training import Settings, Split

THRESHOLDS = (0.7, 0.9)
"""Cosines above which a feature counts as found again."""

BINS = np.linspace(-1, 1, 41)
"""Edges of the histogram of matched cosines."""


def directions(sae: SparseAutoencoder, live: np.ndarray) -> np.ndarray:
    """Unit columns of the decoder, in standardised units, of the features marked in bool [hidden]: [live, dim]."""
    columns = sae.decoder.weight.detach().cpu().numpy().T[live].astype(np.float64)
    return columns / np.linalg.norm(columns, axis=1, keepdims=True)


@torch.no_grad()
def live(sae: SparseAutoencoder, latents: torch.Tensor, batch: int = 8192) -> np.ndarray:
    """Which features are active on at least one of these frames: latents [rows, dim] -> bool [hidden]."""
    active = torch.zeros(sae.hidden, dtype=torch.bool, device=latents.device)
    for part in latents.split(batch):
        active |= (sae.activations(part) > 0).any(dim=0)
    return active.cpu().numpy()


def match(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair unit vectors [m, dim] and [n, dim] one to one with the largest sum of cosines: their numbers, min(m, n) each."""
    return linear_sum_assignment(first @ second.T, maximize=True)


def similarity(first: np.ndarray, second: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """How alike two dictionaries are.

    Parameters
    ----------
    first, second
        Unit vectors [m, dim] and [n, dim].
    pairs
        From `match`.

    Returns
    -------
    cosine
        Mean over matched pairs.
    above_0.7, above_0.9
        Share of the matched pairs.
    max_cosine
        Mean over the first dictionary of the largest cosine in the second, and the other way round, averaged.
    histogram
        Matched pairs in each of `BINS`.
    """
    cosines = first @ second.T
    matched = cosines[pairs]
    counts, _ = np.histogram(matched.clip(-1, 1), BINS)  # rounding leads beyond 1
    return {
        "cosine": float(matched.mean()),
        **{f"above_{limit}": float((matched > limit).mean()) for limit in THRESHOLDS},
        "max_cosine": float((cosines.max(axis=1).mean() + cosines.max(axis=0).mean()) / 2),
        "histogram": [int(n) for n in counts],
    }


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson correlation of each column with its counterpart: two [frames, pairs] -> [pairs]; NaN where one is constant."""
    centred = [x - x.mean(axis=0) for x in (first, second)]
    norms = np.prod([np.linalg.norm(x, axis=0) for x in centred], axis=0)
    return np.divide(np.einsum("fp,fp->p", *centred), norms, out=np.full(len(norms), np.nan), where=norms > 0)


def random_directions(learnt: Sequence[np.ndarray], seed: int) -> dict[str, list[np.ndarray]]:
    """Directions that nobody learnt, as many as each dictionary of unit vectors [n, dim] has.

    Returns
    -------
    random
        Uniform on the sphere.
    random_same_covariance
        Normal with mean and covariance of the learnt ones, then of length 1: as crowded where the learnt ones are crowded.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[np.ndarray]] = {"random": [], "random_same_covariance": []}
    for own in learnt:
        drawn["random"].append(rng.standard_normal(own.shape))
        drawn["random_same_covariance"].append(rng.multivariate_normal(own.mean(axis=0), np.cov(own.T), len(own), method="eigh"))
    return {name: [x / np.linalg.norm(x, axis=1, keepdims=True) for x in sets] for name, sets in drawn.items()}


def over_pairs(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over pairs of SAEs, [smallest, largest] of each figure under `range`, and the sum of the histograms."""
    values = {name: [pair[name] for pair in found] for name in found[0]}
    histograms = values.pop("histogram")
    return {
        **{name: float(np.mean(each)) for name, each in values.items()},
        "range": {name: [float(min(each)), float(max(each))] for name, each in values.items()},
        "histogram": np.sum(histograms, axis=0).tolist(),
    }


def train_seeds(material: Material, settings: Settings, seeds: int) -> tuple[list[SparseAutoencoder], Split]:
    """The SAE of section 2, and others that see the same frames and differ in their seed.

    Parameters
    ----------
    material
        Its SAE comes first. No frame is left out: fewer would mean fewer steps, and an SAE trained for less.
    settings
        Those of its SAE.
    seeds
        How many SAEs in all; the others have the seeds after the first one's. Fewer than two are a `ParameterError`.

    Returns
    -------
    The SAEs, and the split of section 2.
    """
    if seeds < 2:
        raise ParameterError(f"seed stability needs at least 2 seeds; got {seeds}.")
    split = training.hold_out(material.rows, material.table.rows("train"), material.table.rows("test"), settings.seed)
    others = [replace(settings, seed=settings.seed + number) for number in range(1, seeds)]
    return [material.sae, *(training.train(material.latents, one, split.train)[0] for one in others)], split


@torch.no_grad()
def stability(saes: Sequence[SparseAutoencoder], material: Material, split: Split) -> tuple[dict[str, Any], np.ndarray]:
    """How well SAEs of several seeds agree, on every pair of them.

    Returns
    -------
    found
        The figures of `similarity`, as in `over_pairs`; `correlation` and `correlation_above_0.7`, median and share of the correlations
        of matched features' activations on test frames, of those where both fire; `live` features and `fvu` on unseen frames of each
        SAE; `dim` of the latents; the figures of `random`, `random_same_covariance` and `untrained` directions; and `bins`.
    returns
        Mean cosine of each of the first SAE's features to its counterparts in the others [hidden]; NaN where it has none.
    """
    trained_on = material.latents[(split.train > 0).to(material.latents.device)]
    test = material.latents[material.at_rows(material.table.rows("test"))]
    alive = [live(sae, trained_on) for sae in saes]
    sets = [directions(sae, which) for sae, which in zip(saes, alive)]
    features = [sae.encode(test).cpu().numpy()[:, which] for sae, which in zip(saes, alive)]
    found, of_first = [], []
    for a, b in combinations(range(len(saes)), 2):
        pairs = match(sets[a], sets[b])
        if a == 0:
            cosines = np.full(saes[0].hidden, np.nan)
            cosines[np.flatnonzero(alive[0])[pairs[0]]] = np.einsum("pd,pd->p", sets[0][pairs[0]], sets[b][pairs[1]])
            of_first.append(cosines)
        r = correlations(features[a][:, pairs[0]], features[b][:, pairs[1]])
        r = r[np.isfinite(r)]
        correlated = {"correlation": float(np.median(r)), "correlation_above_0.7": float((r > THRESHOLDS[0]).mean())}
        found.append(similarity(sets[a], sets[b], pairs) | correlated)
    controls = random_directions(sets, material.seed)
    controls["untrained"] = [
        directions(untrained(sae, material.seed + number), which) for number, (sae, which) in enumerate(zip(saes, alive))
    ]
    return {
        **over_pairs(found),
        **{name: over_pairs([similarity(x, y, match(x, y)) for x, y in combinations(drawn, 2)]) for name, drawn in controls.items()},
        "live": [int(which.sum()) for which in alive],
        "fvu": [training.measure(sae, material.latents, split)["fvu"] for sae in saes],
        "dim": int(material.latents.shape[1]),
        "bins": BINS.round(3).tolist(),
    }, np.mean(of_first, axis=0)
