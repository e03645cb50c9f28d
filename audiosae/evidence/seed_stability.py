"""Whether SAEs that differ only in their seed learn the same features.

Decoder directions of two SAEs are matched one to one with the largest sum of cosines (Hungarian method), as in Paulo and Belrose (2025,
arXiv 2501.16615), who call a feature shared above 0.7. Beside it stands the mean max cosine of Sharkey, Braun and Millidge (2022). In few
dimensions everything has near neighbours, so the same is done for directions that nobody learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from audiosae import engine
from audiosae.errors import ParameterError
from audiosae.evidence.material import Material, load
from audiosae.probes.representations import untrained
from audiosae.sae import SparseAutoencoder, training
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.model import BATCH
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
def live(sae: SparseAutoencoder, latents: torch.Tensor) -> np.ndarray:
    """Which features are active on at least one of these frames: latents [rows, dim] -> bool [hidden]."""
    return torch.stack([(sae.activations(part) > 0).any(dim=0) for part in latents.split(BATCH)]).any(dim=0).cpu().numpy()


def similarity(first: np.ndarray, second: np.ndarray) -> tuple[dict[str, Any], tuple[np.ndarray, np.ndarray]]:
    """How alike two dictionaries of unit vectors [m, dim] and [n, dim] are.

    Returns
    -------
    found
        cosine: mean over matched pairs. above_0.7, above_0.9: share of these pairs. histogram: pairs in each of `BINS`. max_cosine: mean
        over the first dictionary of the largest cosine in the second, and the other way round, averaged.
    pairs
        The numbers of the vectors that are matched, min(m, n) each.
    """
    cosines = first @ second.T
    pairs = linear_sum_assignment(cosines, maximize=True)
    matched = cosines[pairs]
    counts, _ = np.histogram(matched.clip(-1, 1), BINS)  # rounding leads beyond 1
    return {
        "cosine": float(matched.mean()),
        **{f"above_{limit}": float((matched > limit).mean()) for limit in THRESHOLDS},
        "max_cosine": float((cosines.max(axis=1).mean() + cosines.max(axis=0).mean()) / 2),
        "histogram": counts.tolist(),
    }, pairs


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson correlation of each column with its counterpart: two [frames, pairs] -> [pairs]; NaN where one is constant."""
    centred = [x - x.mean(axis=0) for x in (first, second)]
    norms = np.prod([np.linalg.norm(x, axis=0) for x in centred], axis=0)
    return np.divide(np.einsum("fp,fp->p", *centred), norms, out=np.full(len(norms), np.nan), where=norms > 0)


def random_directions(learnt: Sequence[np.ndarray], seed: int) -> dict[str, list[np.ndarray]]:
    """Directions that nobody learnt, as many as each dictionary [n, dim] has: uniform on the sphere, and of like mean and covariance."""
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


def train_seeds(material: Material, settings: Settings, seeds: int) -> list[SparseAutoencoder]:
    """The k-sparse SAE in use, and others with the seeds after its own, `seeds` in all; fewer than two are a `ParameterError`."""
    if seeds < 2:
        raise ParameterError(f"seed stability needs at least 2 seeds; got {seeds}.")
    pieces = {
        f"seed {seed}": (material.codec, material.few_frames, material.seed, replace(settings, seed=seed), Path.cwd())
        for seed in range(settings.seed + 1, settings.seed + seeds)
    }
    return [
        material.k_sparse,
        *(sae.to(material.latents.device) for sae in engine.each(_train, pieces, f"{material.codec}: k-sparse SAEs", "seed").values()),
    ]


def _train(codec: str, few_frames: int, seed: int, settings: Settings, project: Path) -> SparseAutoencoder:
    """A k-sparse SAE on all training frames, on the CPU."""
    material = load(codec, few_frames, seed, project)
    split = training.hold_out(material.rows, material.table.rows("train"), material.table.rows("test"), seed)
    return training.train(material.latents, settings, split.train, build=partial(KSparseAutoencoder, k=material.k_sparse.k))[0].cpu()


@torch.no_grad()
def stability(saes: Sequence[SparseAutoencoder], material: Material, split: Split) -> tuple[dict[str, Any], np.ndarray]:
    """How well SAEs of several seeds agree, on every pair of them.

    Returns
    -------
    found
        The figures of `similarity`, as in `over_pairs`; `correlation` and `correlation_above_0.7`, median and share of the correlations
        of matched features' activations on test frames, of those where both fire; `live` features and `fvu` on unseen frames of each
        SAE; `dim`; the figures of `random`, `random_same_covariance` and `untrained` directions; and `bins`.
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
        figures, pairs = similarity(sets[a], sets[b])
        if a == 0:
            cosines = np.full(saes[0].hidden, np.nan)
            cosines[np.flatnonzero(alive[0])[pairs[0]]] = np.einsum("pd,pd->p", sets[0][pairs[0]], sets[b][pairs[1]])
            of_first.append(cosines)
        r = correlations(features[a][:, pairs[0]], features[b][:, pairs[1]])
        r = r[np.isfinite(r)]
        found.append({**figures, "correlation": float(np.median(r)), "correlation_above_0.7": float((r > THRESHOLDS[0]).mean())})
    starts = [untrained(sae, material.seed + number) for number, sae in enumerate(saes)]
    controls = {**random_directions(sets, material.seed), "untrained": list(map(directions, starts, alive))}
    return {
        **over_pairs(found),
        **{name: over_pairs([similarity(x, y)[0] for x, y in combinations(drawn, 2)]) for name, drawn in controls.items()},
        "live": [int(which.sum()) for which in alive],
        "fvu": [training.measure(sae, material.latents, split)["fvu"] for sae in saes],
        "dim": material.latents.shape[1],
        "bins": BINS.round(3).tolist(),
    }, np.mean(of_first, axis=0)
