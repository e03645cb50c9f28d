"""Whether a feature serves one property, and a property rests on few features: DCI.

Eastwood and Williams, A framework for the quantitative evaluation of disentangled representations (ICLR 2018), ask three things of
a code and the factors behind it, from how much each entry matters to a simple predictor of each factor, R[j, property]:

- disentanglement: 1 − entropy of the j-th row over the properties, weighted by the entry's total; 1 where every feature that matters
  serves one property;
- completeness: 1 − entropy of a property's column over the features; 1 where a property rests on one feature;
- informativeness: how well the factor is predicted; here the probe's accuracy on test frames.

Mariotte et al. (2025, arXiv 2509.24793) report completeness and disentanglement of SAEs of audio models too. We could not compare their
exact definitions, so ours are Eastwood and Williams's, with the paper's linear probes as predictors.

Importance is |W[k, j]| times the standard deviation of feature j, summed over the classes k of a property. The scale of W depends on the
penalty and the number of classes, so each property's importances are first made to sum to 1. Completeness divides the entropy by
log(features), and so flatters a wide code. The entropy as a number of features, exp(H), stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.stats import entropy

from audiosae import probes
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence.material import Material
from audiosae.probes import Probe


def importance(fitted: dict[str, Probe], spread: np.ndarray) -> np.ndarray:
    """How much each feature matters to each property: [features, properties]; columns sum to 1.

    Parameters
    ----------
    fitted
        Probes, by property; a `ParameterError` for one that ignores its input.
    spread
        Standard deviation of each feature over training frames [features].
    """
    raw = np.stack([probe.weight.abs().sum(dim=0).cpu().numpy() * spread for probe in fitted.values()], axis=1)
    for prop, total in zip(fitted, raw.sum(axis=0)):
        if not total > 0:
            raise ParameterError(f"the probe of {prop} makes no use of any feature; use a weaker penalty or more recordings.")
    return raw / raw.sum(axis=0)


def entropies(matters: np.ndarray) -> dict[str, Any]:
    """Disentanglement and completeness (0 to 1, the latter a mean over properties) of importances [features, properties].

    `features_used` is exp of the entropy of a property's column, mean over properties: among how many features it is spread.
    """
    rows = matters.sum(axis=1)
    some = rows > 0
    per_feature = 1 - entropy(matters[some], base=matters.shape[1], axis=1)
    columns = entropy(matters, axis=0)
    return {
        "disentanglement": float(np.average(per_feature, weights=rows[some])),
        "completeness": float(np.mean(1 - columns / np.log(len(matters)))),
        "features_used": float(np.mean(np.exp(columns))),
    }


def fit(
    material: Material, x: torch.Tensor, frames: dict[str, np.ndarray], penalties: dict[str, list[float]], iterations: int
) -> dict[str, Probe]:
    """One probe a property on inputs x [rows, features] of its training frames, bool [frames]; its penalty is chosen from a list."""
    return {
        prop: probes.fit(
            x,
            material.histogram(where, material.label(prop), material.classes(prop)),
            material.labelled("validation", prop),
            penalties[prop],
            iterations,
        )
        for prop, where in frames.items()
    }


def training_frames(material: Material) -> dict[str, np.ndarray]:
    """Training frames of each property, thinned: bool [frames]."""
    return {prop: material.chosen("train", prop) for prop in labels.PROPERTIES}


def halves(material: Material, count: int) -> Iterator[dict[str, np.ndarray]]:
    """`training_frames` of `count` random halves of the recordings; ensembles have no pitch, so they are halved apart."""
    rng = np.random.default_rng(material.seed)
    frames = training_frames(material)
    pitched = np.unique(material.pieces(frames["pitch"]))
    every = np.unique(material.pieces(material.table.rows("train")))
    pieces = material.table.table["piece"].astype(str).to_numpy()
    for _ in range(count):
        kept = [rng.permutation(group)[: -(-len(group) // 2)] for group in (pitched, np.setdiff1d(every, pitched))]
        inside = np.isin(pieces, np.concatenate(kept))
        yield {prop: where & inside for prop, where in frames.items()}


def dci(material: Material, x: torch.Tensor, fitted: dict[str, Probe], frames: dict[str, np.ndarray]) -> dict[str, Any]:
    """DCI of one code x [rows, features] by its probes, and the training frames that they were fitted on.

    Returns
    -------
    The figures of `entropies`, features (how many there are), and informativeness: accuracy on test frames, mean over properties, with
    each property's under `accuracy`.
    """
    weights = material.counts(np.any(list(frames.values()), axis=0)).to(x)
    weights /= weights.sum()
    mean = weights @ x
    spread = (weights @ (x - mean).pow(2)).sqrt().cpu().numpy()
    accuracy = {}
    for prop, probe in fitted.items():
        test = material.chosen("test", prop)
        accuracy[prop] = float((probe.predict(x[material.at_rows(test)]) == material.label(prop)[test]).mean())
    return {
        **entropies(importance(fitted, spread)),
        "features": int(x.shape[1]),
        "informativeness": float(np.mean(list(accuracy.values()))),
        "accuracy": accuracy,
    }


def with_range(whole: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all training recordings, and under `halves` the smallest and largest of each over refits on halves of them."""
    names = ("disentanglement", "completeness", "features_used", "informativeness")
    return whole | {"halves": {name: [min(p[name] for p in parts), max(p[name] for p in parts)] for name in names}}
