"""Name single features after the classes that they indicate, on training frames alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

if TYPE_CHECKING:
    from audiosae.evidence.material import Material
    from audiosae.probes import Probe

ENOUGH_FRAMES = 20
"""Training frames that a class needs to be given a feature."""

ENOUGH_RECORDINGS = 3
"""Test recordings that a class needs to be tested: with fewer, no order of recordings could be rare enough to count."""


@dataclass(frozen=True)
class Labelled:
    """Frames of one split that can be used for a property: the row, class and recording of each [frames]."""

    row: np.ndarray
    label: np.ndarray
    piece: np.ndarray


def labelled(material: Material, split: str, prop: str) -> Labelled:
    """The frames of a split that a property is known for; of training frames no more than the material allows."""
    chosen = material.chosen(split, prop)
    return Labelled(material.rows.of_frame[chosen], material.label(prop)[chosen], material.pieces(chosen))


@dataclass(frozen=True)
class Named:
    """A feature and the class that it was named after in training."""

    feature: int
    prop: str
    number: int


def testable(train: Labelled, test: Labelled) -> list[int]:
    """Classes with enough training frames and enough test recordings."""
    learnt, counts = np.unique(train.label, return_counts=True)
    enough = learnt[counts >= ENOUGH_FRAMES]
    return [int(k) for k in enough if len(np.unique(test.piece[test.label == k])) >= ENOUGH_RECORDINGS]


def contributions(probe: Probe, x: np.ndarray, train: Labelled, classes: list[int]) -> np.ndarray:
    """What each feature adds to the score of each class, on average over its training frames: [classes, features].

    Inputs x [rows, features] below zero do not fire and count as zero.
    """
    weight = probe.weight.cpu().numpy()
    return np.stack([weight[k] * np.maximum(x[train.row[train.label == k]], 0).mean(axis=0) for k in classes])


def aurocs(x: np.ndarray, train: Labelled, classes: list[int]) -> np.ndarray:
    """AUROC of every feature for every class against the rest: [classes, features] (Mann and Whitney 1947)."""
    # Frames that share a row tie, so rows are ranked, each as wide as the frames that it stands for.
    rows, of = np.unique(train.row, return_inverse=True)
    frames, features = np.bincount(of).astype(float), x.shape[1]
    place = rankdata(x[rows], method="dense", axis=0).astype(np.int64) - 1 + np.arange(features) * len(rows)
    tied = np.bincount(place.ravel(), np.repeat(frames, features), features * len(rows)).reshape(features, -1)
    ranks = (tied.cumsum(axis=1) - tied / 2 + 0.5).ravel()[place]
    found = []
    for k in classes:
        inside = np.bincount(of, train.label == k, len(rows))
        count, rest = inside.sum(), len(of) - inside.sum()
        found.append((inside @ ranks - count * (count + 1) / 2) / (count * rest))
    return np.stack(found)


def choose(strength: np.ndarray, classes: list[tuple[str, int]], top: int) -> list[Named]:
    """One feature a class and one class a feature, strongest first.

    Parameters
    ----------
    strength
        [classes, features].
    classes
        Property and number of each.
    top
        Most features to choose.

    Returns
    -------
    A class whose feature is already taken by a class that it is stronger for gets the strongest feature that is left.
    """
    order = np.dstack(np.unravel_index(np.argsort(-strength, axis=None, kind="stable"), strength.shape))[0]
    taken: dict[int, Named] = {}
    features: set[int] = set()
    for place, feature in order:
        if len(taken) == min(top, len(classes)):
            break
        if place not in taken and feature not in features:
            taken[int(place)] = Named(int(feature), *classes[place])
            features.add(int(feature))
    return list(taken.values())
