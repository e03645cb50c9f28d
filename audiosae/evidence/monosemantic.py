"""Whether single features fire for the class that they were named after, on recordings that they were not chosen on.

AUROC: how often a frame of the class has more activation than another frame of known class. Precision: the share of the activation that
falls on classes that are `near` its own; its base is the share of the frames there.

Frames of a note are no independent sample. So the test puts recordings in another order and rotates labels by a random offset against
activations: this keeps how each develops in time and breaks what ties them. It is exact where recordings are exchangeable and the
sequence has no preferred start. A bootstrap would rest on the few recordings that have a note, so it serves for the intervals only. All
features of one kind are corrected together by Holm's method (1979).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest, rankdata

from audiosae.errors import ParameterError
from audiosae.probes import Probe
from audiosae.stats import bootstrap
from audiosae.stats.holm import holm

OCTAVE = 12
LEVEL = 0.05

ENOUGH_FRAMES = 20
"""Training frames that a class needs to be given a feature."""

ENOUGH_RECORDINGS = 3
"""Test recordings that a class needs to be tested: with fewer, no order of recordings could be rare enough to count."""


class Labelled(NamedTuple):
    """Frames of one split that can be used for a property: the row, class and recording of each [frames]."""

    row: np.ndarray
    label: np.ndarray
    piece: np.ndarray


class Named(NamedTuple):
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
    inside = np.stack([np.bincount(of, train.label == k, len(rows)) for k in classes])
    count = inside.sum(axis=1, keepdims=True)
    return (inside @ ranks - count * (count + 1) / 2) / (count * (len(of) - count))


def choose(strength: np.ndarray, classes: list[tuple[str, int]], top: int) -> list[Named]:
    """One feature a class and one class a feature, strongest of [classes, features] first, at most `top` of them.

    A class whose feature is already taken by a class that it is stronger for gets the strongest feature that is left.
    """
    left, named = strength.astype(float), []
    for _ in range(min(top, *strength.shape)):
        place, feature = np.unravel_index(left.argmax(), left.shape)
        named.append(Named(int(feature), *classes[place]))
        left[place], left[:, feature] = -np.inf, -np.inf
    return named


def near(label: np.ndarray, prop: str, number: int) -> np.ndarray:
    """Which labels are a class give or take one, or, for pitch, the same note in another octave: bool [frames]."""
    close = np.abs(label - number) <= 1
    return close | ((label - number) % OCTAVE == 0) if prop == "pitch" else close


def orders(pieces: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Draw `count` orders of frames, int [frames]: recordings shuffled, each in order of time, and the whole rotated at random."""
    rng = np.random.default_rng(seed)
    blocks = [np.flatnonzero(pieces == piece) for piece in np.unique(pieces)]
    for _ in range(count):
        shuffled = np.concatenate([blocks[b] for b in rng.permutation(len(blocks))])
        yield np.roll(shuffled, rng.integers(len(pieces)))


def p_values(activation: np.ndarray, number: np.ndarray, test: Labelled, permutations: int, seed: int) -> np.ndarray:
    """How rarely labels in another order fit a feature as well, by AUROC: (1 + orders that fit as well) / (1 + orders) [features].

    `activation` is of the test frames [frames, features], `number` the class of each feature, each at most once.
    """
    # AUROC rises with the sum of the ranks of a class's frames, so sums are compared.
    line = np.argsort(test.piece, kind="stable")  # one recording after the other, as `orders` has them
    ranks = rankdata(activation[line], axis=0)
    feature_of = np.full(test.label.max() + 1, -1)
    feature_of[number] = np.arange(len(number))
    wanted = feature_of[test.label]

    def sums(at: np.ndarray) -> np.ndarray:
        column = wanted[at]
        own = np.flatnonzero(column >= 0)
        return np.bincount(column[own], weights=ranks[own, column[own]], minlength=len(number))

    own = sums(line)
    as_well = np.sum([sums(at) >= own for at in orders(test.piece, permutations, seed)], axis=0)
    return (1 + as_well) / (1 + permutations)


def wins(activation: np.ndarray, member: np.ndarray, recording: np.ndarray, recordings: int) -> np.ndarray:
    """Pairs of a frame of the class (`member`) in recording a and another frame in b in which the former has more activation; ties count half.

    Returns [recordings, recordings], whose sum over the number of pairs is the AUROC, however often a recording is drawn.
    """
    inside, of = activation[member], recording[member]
    won = np.zeros((recordings, recordings))
    for b in np.unique(recording[~member]):
        rest = np.sort(activation[~member & (recording == b)])
        below = (np.searchsorted(rest, inside, "left") + np.searchsorted(rest, inside, "right")) / 2
        won[:, b] = np.bincount(of, weights=below, minlength=recordings)
    return won


def confirm(
    x: np.ndarray, named: list[Named], test: dict[str, Labelled], permutations: int, seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]], np.ndarray]:
    """Put names from `choose` to the test, on activations x [rows, features] of the test frames of each property.

    For precision, what is below zero counts as zero. Nothing to test is a `ParameterError`.

    Returns
    -------
    summary
        Of `_summary`; confirmed by Holm's p below 0.05, mostly: the share of features with a precision above ½. The interval of
        share_confirmed is over features (Wilson 1927), others are over recordings.
    features
        One dict each: feature, property, class, auroc, auroc_ci95, precision, base, p, holm.
    resampled
        The median AUROC in each resample, to compare kinds by the same draws.
    """
    if not named:
        raise ParameterError("no class has enough training frames and test recordings to test a feature on; use more recordings.")
    names = np.unique(np.concatenate([t.piece for t in test.values()]))
    weights = bootstrap.weights(len(names), seed)
    rows, aurocs_drawn, precisions_drawn = [], [], []
    for prop, frames in test.items():
        own = [n for n in named if n.prop == prop]
        if not own:
            continue
        features, numbers = (np.array([getattr(n, name) for n in own]) for name in ("feature", "number"))
        activation = x[np.ix_(frames.row, features)]
        p = p_values(activation, numbers, frames, permutations, seed)
        recording = np.searchsorted(names, frames.piece)
        for one, a, chance in zip(own, activation.T, p):
            member, close, fired = frames.label == one.number, near(frames.label, prop, one.number), np.maximum(a, 0)
            won = wins(a, member, recording, len(names))
            inside, outside, hits, total = (np.bincount(recording, each, len(names)) for each in (member, ~member, fired * close, fired))
            with np.errstate(invalid="ignore", divide="ignore"):
                auroc = ((weights @ won) * weights).sum(axis=1) / ((weights @ inside) * (weights @ outside))
                precision = (weights @ hits) / (weights @ total)
            aurocs_drawn.append(auroc)
            precisions_drawn.append(precision)
            rows.append({
                "feature": one.feature,
                "property": prop,
                "class": one.number,
                "auroc": float(won.sum() / (inside.sum() * outside.sum())),
                "auroc_ci95": bootstrap.interval(auroc),
                "precision": float(hits.sum() / total.sum()) if total.any() else None,
                "base": float(close.mean()),
                "p": float(chance),
            })  # fmt: skip
    for row, corrected in zip(rows, holm(np.array([row["p"] for row in rows]))):
        row["holm"] = float(corrected)
    median_auroc = np.nanmedian(aurocs_drawn, axis=0)
    return _summary(rows, median_auroc, np.nan_to_num(precisions_drawn, nan=0.0)), rows, median_auroc


def _summary(rows: list[dict[str, Any]], median_auroc: np.ndarray, precisions_drawn: np.ndarray) -> dict[str, Any]:
    """The figures of all features of one kind."""
    confirmed = sum(row["holm"] < LEVEL for row in rows)
    precision = np.array([row["precision"] or 0.0 for row in rows])  # a feature that never fires on test frames has none
    share = binomtest(confirmed, len(rows)).proportion_ci(method="wilson")
    return {
        "tested": len(rows),
        "confirmed": int(confirmed),
        "share_confirmed": confirmed / len(rows),
        "share_confirmed_ci95": [float(share.low), float(share.high)],
        "median_auroc": float(np.median([row["auroc"] for row in rows])),
        "median_auroc_ci95": bootstrap.interval(median_auroc),
        "median_precision": float(np.median(precision)),
        "median_precision_ci95": bootstrap.interval(np.median(precisions_drawn, axis=0)),
        "mostly": float((precision > 0.5).mean()),
        "mostly_ci95": bootstrap.interval((precisions_drawn > 0.5).mean(axis=0)),
        "median_base": float(np.median([row["base"] for row in rows])),
    }
