"""How well single features keep, on recordings that nothing was chosen on, to the class that they were named after.

A probe names a feature by W[k, j] · f[j] (the paper's section 3.2) on training frames. Here the name is put to the test: on test
recordings, does the feature fire on its class and elsewhere not?

- AUROC: how often a frame of the class has more activation than another frame that the property is known for; ½ is chance.
- Precision: the share of the feature's whole activation that falls on its class, give or take one class, and for pitch on the
  same note in another octave too. Its base is the share of the frames there.

The test has to respect recordings: a note lasts many frames, so frames are no sample, and a test that shuffled them would confirm
everything. Recordings are put in another order and the sequence of labels is turned by a random offset against that of
activations: this keeps how labels and activations each go on in time, and breaks what ties them. It is exact where
recordings may be exchanged and the sequence has no preferred beginning. A bootstrap of AUROC − ½ would rest on the three or
four test recordings that have a given note, too few for its percentiles to keep their level; it is used for the intervals alone.
All features of one kind are corrected together by Holm's method (1979).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binomtest, rankdata

from audiosae import intervals
from audiosae.errors import ParameterError
from audiosae.evidence.naming import Labelled, Named
from audiosae.multiple_tests import holm

OCTAVE = 12
LEVEL = 0.05


def near(label: np.ndarray, prop: str, number: int) -> np.ndarray:
    """Which labels are a class give or take one, or, for pitch, the same note in another octave: bool [frames]."""
    close = np.abs(label - number) <= 1
    return close | ((label - number) % OCTAVE == 0) if prop == "pitch" else close


def orders(pieces: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Frames with their recordings in another order, and the whole turned by a random offset: `count` times int [frames].

    Parameters
    ----------
    pieces
        The recording of each frame; frames of one stand in order of time.
    count
        How many orders to draw.
    seed
        Of the draw.
    """
    rng = np.random.default_rng(seed)
    blocks = [np.flatnonzero(pieces == piece) for piece in np.unique(pieces)]
    for _ in range(count):
        shuffled = np.concatenate([blocks[b] for b in rng.permutation(len(blocks))])
        yield np.roll(shuffled, rng.integers(len(pieces)))


def p_values(activation: np.ndarray, number: np.ndarray, test: Labelled, permutations: int, seed: int) -> np.ndarray:
    """How rarely labels in another order suit a feature as well as its own, by AUROC: [features].

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
    (1 + orders that do as well) / (1 + orders). The AUROC of a feature rises with the sum of the ranks of its class's frames.
    """
    line = np.argsort(test.piece, kind="stable")  # recordings one after the other, as `orders` has them
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
    """Between which recordings a feature tells its class from the rest.

    Parameters
    ----------
    activation, member
        Of a feature, and whether the class is there [frames].
    recording
        Number of the recording of each frame.
    recordings
        How many there are.

    Returns
    -------
    For frames of the class in recording a and others in b, pairs in which the former has more activation, ties as half:
    [recordings, recordings]. Their sum over the number of pairs is the AUROC, however often a recording is drawn.
    """
    inside, of = activation[member], recording[member]
    won = np.zeros((recordings, recordings))
    for b in np.unique(recording[~member]):
        rest = np.sort(activation[~member & (recording == b)])
        below = (np.searchsorted(rest, inside, "left") + np.searchsorted(rest, inside, "right")) / 2
        won[:, b] = np.bincount(of, weights=below, minlength=recordings)
    return won


def measure(
    x: np.ndarray, named: list[Named], test: dict[str, Labelled], permutations: int, seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]], np.ndarray]:
    """Put names to the test.

    Parameters
    ----------
    x
        Activations [rows, features]; for precision, what is below zero counts as zero.
    named
        From `naming.choose`.
    test
        Test frames, by property.
    permutations
        Of the test.
    seed
        Of its draws, and of the bootstrap over recordings.

    Returns
    -------
    summary
        tested, confirmed (Holm's p below 0.05), share_confirmed, median_auroc, median_precision, median_base; the medians and the share
        of features that are `mostly` on their class (precision above ½) have a ci95 over recordings, share_confirmed one over
        features (Wilson 1927).
    features
        One dict each: feature, property, class, auroc, auroc_ci95, precision, base, p, holm.
    resampled
        The median AUROC in each resample, to compare kinds by the same draws.

    Raises
    ------
    ParameterError
        If there is nothing to test.
    """
    if not named:
        raise ParameterError("no class has enough training frames and test recordings to test a feature on; use more recordings.")
    names = np.unique(np.concatenate([t.piece for t in test.values()]))
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), intervals.RESAMPLES)
    rows, aurocs_drawn, precisions_drawn = [], [], []
    for prop, frames in test.items():
        own = [n for n in named if n.prop == prop]
        if not own:
            continue
        activation = x[np.ix_(frames.row, [n.feature for n in own])]
        p = p_values(activation, np.array([n.number for n in own]), frames, permutations, seed)
        recording = np.searchsorted(names, frames.piece)

        def each(values: np.ndarray, recording: np.ndarray = recording) -> np.ndarray:
            return np.bincount(recording, weights=values, minlength=len(names))

        for place, one in enumerate(own):
            a, member, close = activation[:, place], frames.label == one.number, near(frames.label, prop, one.number)
            fired = np.maximum(a, 0)
            won, inside, outside = wins(a, member, recording, len(names)), each(member), each(~member)
            hits, total = each(fired * close), each(fired)
            with np.errstate(invalid="ignore", divide="ignore"):
                auroc = ((weights @ won) * weights).sum(axis=1) / ((weights @ inside) * (weights @ outside))
                precision = (weights @ hits) / (weights @ total)
            aurocs_drawn.append(auroc)
            precisions_drawn.append(precision)
            rows.append({
                "feature": one.feature, "property": prop, "class": one.number,
                "auroc": float(won.sum() / (inside.sum() * outside.sum())), "auroc_ci95": _percentiles(auroc),
                "precision": float(hits.sum() / total.sum()) if total.any() else None, "base": float(close.mean()), "p": float(p[place]),
            })
    for row, corrected in zip(rows, holm(np.array([row["p"] for row in rows]))):
        row["holm"] = float(corrected)
    return _summary(rows, np.stack(aurocs_drawn), np.stack(precisions_drawn)), rows, np.nanmedian(aurocs_drawn, axis=0)


def _percentiles(values: np.ndarray) -> list[float]:
    """95 % interval of what resamples gave; a resample without the class, or without activation, says nothing."""
    return [float(v) for v in np.percentile(values[np.isfinite(values)], [2.5, 97.5])]


def _summary(rows: list[dict[str, Any]], aurocs_drawn: np.ndarray, precisions_drawn: np.ndarray) -> dict[str, Any]:
    confirmed = sum(row["holm"] < LEVEL for row in rows)
    # A feature that never fires on test frames keeps to nothing.
    precision = np.array([row["precision"] or 0.0 for row in rows])
    precisions_drawn = np.nan_to_num(precisions_drawn, nan=0.0)
    share = binomtest(confirmed, len(rows)).proportion_ci(method="wilson")
    return {
        "tested": len(rows), "confirmed": int(confirmed), "share_confirmed": confirmed / len(rows),
        "share_confirmed_ci95": [float(share.low), float(share.high)],
        "median_auroc": float(np.median([row["auroc"] for row in rows])),
        "median_auroc_ci95": _percentiles(np.nanmedian(aurocs_drawn, axis=0)),
        "median_precision": float(np.median(precision)), "median_precision_ci95": _percentiles(np.median(precisions_drawn, axis=0)),
        "mostly": float((precision > 0.5).mean()), "mostly_ci95": _percentiles((precisions_drawn > 0.5).mean(axis=0)),
        "median_base": float(np.median([row["base"] for row in rows])),
    }
