"""Whether a feature serves one property, and a property rests on few features: DCI (Eastwood and Williams, ICLR 2018).

From importances R[feature, property]: disentanglement is 1 − entropy of a row over the properties, weighted by the row's total;
completeness 1 − entropy of a column over the features; informativeness how well the property is predicted. An importance is |W[k, j]| of
the paper's linear probe times the standard deviation of feature j, summed over classes k; each property's sum to 1, since the scale of W
depends on penalty and classes. Mariotte et al. (2025, arXiv 2509.24793) report both for SAEs of audio models; we could not compare their
definitions. Completeness flatters a wide code by its log(features), so exp(H), a number of features, stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import entropy

from audiosae import probes
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence.material import Material
from audiosae.probes import Probe


def importance(fitted: dict[str, Probe], spread: np.ndarray) -> np.ndarray:
    """How much each feature matters to each property: [features, properties]; columns sum to 1.

    `spread` is the standard deviation of each feature over training frames [features]. A probe that ignores its input is a `ParameterError`.
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
    fitted = {}
    for prop, where in frames.items():
        learnt = material.histogram(where, material.label(prop), material.classes(prop))
        fitted[prop] = probes.fit(x, learnt, material.labelled("validation", prop), penalties[prop], iterations)
    return fitted


def halves(material: Material, frames: dict[str, np.ndarray], count: int) -> Iterator[dict[str, np.ndarray]]:
    """Training frames of `count` random halves of the recordings; ensembles have no pitch, so they are halved apart."""
    rng = np.random.default_rng(material.seed)
    pitched = np.unique(material.pieces(frames["pitch"]))
    every = np.unique(material.pieces(material.table.rows("train")))
    pieces = material.table.table["piece"].astype(str).to_numpy()
    for _ in range(count):
        kept = [rng.permutation(group)[: -(-len(group) // 2)] for group in (pitched, np.setdiff1d(every, pitched))]
        inside = np.isin(pieces, np.concatenate(kept))
        yield {prop: where & inside for prop, where in frames.items()}


def dci(material: Material, x: torch.Tensor, fitted: dict[str, Probe], frames: dict[str, np.ndarray]) -> dict[str, Any]:
    """DCI of one code x [rows, features] by its probes, and the training frames that they were fitted on.

    Returns the figures of `entropies`, how many features there are, and as informativeness the mean `accuracy` on test frames.
    """
    weights = torch.from_numpy(material.rows.counts(np.any(list(frames.values()), axis=0))).to(x)
    weights /= weights.sum()
    mean = weights @ x
    spread = (weights @ (x - mean).pow(2)).sqrt().cpu().numpy()
    accuracy = {}
    for prop, probe in fitted.items():
        test = material.chosen("test", prop)
        accuracy[prop] = float((probe.predict(x[material.at_rows(test)]) == material.label(prop)[test]).mean())
    return {
        **entropies(importance(fitted, spread)),
        "features": x.shape[1],
        "informativeness": float(np.mean(list(accuracy.values()))),
        "accuracy": accuracy,
    }


def measure(
    material: Material, x: torch.Tensor, penalties: list[float], iterations: int, count: int
) -> tuple[dict[str, Probe], dict[str, Any]]:
    """The probes of one code x [rows, features], and its `dci`, with the range of each figure over refits on `count` `halves`."""
    frames = {prop: material.chosen("train", prop) for prop in labels.PROPERTIES}
    fitted = fit(material, x, frames, dict.fromkeys(frames, penalties), iterations)
    chosen = {prop: [probe.penalty] for prop, probe in fitted.items()}
    again = pd.DataFrame(dci(material, x, fit(material, x, half, chosen, iterations), half) for half in halves(material, frames, count))
    names = ["disentanglement", "completeness", "features_used", "informativeness"]
    ranges = again[names].agg(["min", "max"]).to_dict("list")
    return fitted, {**dci(material, x, fitted, frames), "halves": ranges}
