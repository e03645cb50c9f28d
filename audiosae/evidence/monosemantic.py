"""Whether single features fire for the class that they were named after, on recordings that they were not chosen on.

A probe names a feature by W[k, j] · f[j] (the paper's section 3.2) on training frames. On test recordings, does the feature fire on its
class and not elsewhere?

- AUROC: how often a frame of the class has more activation than another frame of known class; ½ is chance.
- Precision: the share of the feature's activation that falls within one class of its own, and for pitch on the same note in another
  octave too. Its base is the share of the frames there.

The test has to respect recordings: a note lasts many frames, so frames are no independent sample, and a test that shuffled them would
confirm everything. Recordings are put in another order, and the sequence of labels is rotated by a random offset against that of
activations: this keeps how each develops in time and breaks what ties them. It is exact where recordings are exchangeable and the
sequence has no preferred start. A bootstrap of AUROC − ½ would rest on the three or four test recordings that have a given note, too few
for its percentiles to keep their level, so it serves for the intervals only. All features of one kind are corrected together by Holm's
method (1979).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binomtest, rankdata

from audiosae.errors import ParameterError
from audiosae.evidence.naming import Labelled, Named
from audiosae.stats import bootstrap
from audiosae.stats.holm import holm

OCTAVE = 12
LEVEL = 0.05


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
    """How rarely labels in another order fit a feature as well as its own, by AUROC.

    Parameters
    ----------
    activation
        [frames, features] of `test`.
    number
        The class of each feature [features], each at most once.
    test
        Test frames.
    permutations, seed
        How many orders are drawn, and from which seed: the same for every kind of feature.

    Returns
    -------
    (1 + orders that fit as well) / (1 + orders) [features]. AUROC rises with the sum of the ranks of a class's frames, so sums do.
    """
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
    as_well = sum((sums(at) >= own).astype(int) for at in orders(test.piece, permutations, seed))
    return (1 + as_well) / (1 + permutations)


def wins(activation: np.ndarray, member: np.ndarray, recording: np.ndarray, recordings: int) -> np.ndarray:
    """Pairs of a frame of the class in recording a and another frame in b in which the former has more activation; ties count half.

    Parameters
    ----------
    activation, member, recording
        Of a feature, whether the frame is of its class, and the number of its recording [frames].
    recordings
        How many there are.

    Returns
    -------
    [recordings, recordings]; the sum over the number of pairs is the AUROC, however often a recording is drawn.
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
    """Put names to the test.

    Parameters
    ----------
    x
        Activations [rows, features]; for precision, what is below zero counts as zero.
    named
        From `naming.choose`; an empty list is a `ParameterError`.
    test
        Test frames, by property.
    permutations, seed
        Of the test; the seed is also that of the bootstrap over recordings.

    Returns
    -------
    summary
        tested, confirmed (Holm's p below 0.05), share_confirmed, median_auroc, median_precision, median_base, and mostly: the share of
        features with a precision above ½. The interval of share_confirmed is over features (Wilson 1927), others are over recordings.
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
        activation = x[np.ix_(frames.row, [n.feature for n in own])]
        p = p_values(activation, np.array([n.number for n in own]), frames, permutations, seed)
        recording = np.searchsorted(names, frames.piece)

        def by_recording(values: np.ndarray, recording: np.ndarray = recording) -> np.ndarray:
            return np.bincount(recording, weights=values, minlength=len(names))

        for place, one in enumerate(own):
            a, member, close = activation[:, place], frames.label == one.number, near(frames.label, prop, one.number)
            fired = np.maximum(a, 0)
            won, inside, outside = wins(a, member, recording, len(names)), by_recording(member), by_recording(~member)
            hits, total = by_recording(fired * close), by_recording(fired)
            with np.errstate(invalid="ignore", divide="ignore"):
                auroc = ((weights @ won) * weights).sum(axis=1) / ((weights @ inside) * (weights @ outside))
                precision = (weights @ hits) / (weights @ total)
            aurocs_drawn.append(auroc)
            precisions_drawn.append(precision)
            rows.append(
                {
                    "feature": one.feature,
                    "property": prop,
                    "class": one.number,
                    "auroc": float(won.sum() / (inside.sum() * outside.sum())),
                    "auroc_ci95": bootstrap.interval(auroc),
                    "precision": float(hits.sum() / total.sum()) if total.any() else None,
                    "base": float(close.mean()),
                    "p": float(p[place]),
                }
            )
    for row, corrected in zip(rows, holm(np.array([row["p"] for row in rows]))):
        row["holm"] = float(corrected)
    return _summary(rows, np.stack(aurocs_drawn), np.stack(precisions_drawn)), rows, np.nanmedian(aurocs_drawn, axis=0)


def _summary(rows: list[dict[str, Any]], aurocs_drawn: np.ndarray, precisions_drawn: np.ndarray) -> dict[str, Any]:
    """The figures of all features of one kind."""
    confirmed = sum(row["holm"] < LEVEL for row in rows)
    precision = np.array([row["precision"] or 0.0 for row in rows])  # a feature that never fires on test frames has none
    precisions_drawn = np.nan_to_num(precisions_drawn, nan=0.0)
    share = binomtest(confirmed, len(rows)).proportion_ci(method="wilson")
    return {
        "tested": len(rows),
        "confirmed": int(confirmed),
        "share_confirmed": confirmed / len(rows),
        "share_confirmed_ci95": [float(share.low), float(share.high)],
        "median_auroc": float(np.median([row["auroc"] for row in rows])),
        "median_auroc_ci95": bootstrap.interval(np.nanmedian(aurocs_drawn, axis=0)),
        "median_precision": float(np.median(precision)),
        "median_precision_ci95": bootstrap.interval(np.median(precisions_drawn, axis=0)),
        "mostly": float((precision > 0.5).mean()),
        "mostly_ci95": bootstrap.interval((precisions_drawn > 0.5).mean(axis=0)),
        "median_base": float(np.median([row["base"] for row in rows])),
    }
