"""Every feature of an autoencoder, for the browser: how it fires, what it tells apart on held-out recordings, where it is strongest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch.nn.functional import normalize

from audiosae.audio import labels
from audiosae.evidence.monosemantic import ENOUGH_FRAMES, Labelled, testable
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder
from audiosae.sae.model import BATCH

BARS = 24
"""Of a histogram of activations, from 0 to the feature's largest."""

TOLD, NEAR = 3, 6
"""Classes and neighbours that are told of a feature."""


@torch.no_grad()
def survey(table: Frames, sae: SparseAutoencoder, fitted: Mapping[str, Probe], names: list[str], clips: int = 4) -> dict[str, list[Any]]:
    """All features of one autoencoder, as columns of short numbers: lists with an entry a feature, but for `names` and `top`.

    Parameters
    ----------
    table
        Frames of the corpus, or of one sound, which has no classes to tell.
    fitted
        The autoencoder's probes, by property.
    names
        Of clips, so that a clip is its place here.
    clips
        How many are told of a feature.

    Returns
    -------
    fires
        Share of all frames in which the feature is not zero.
    peak, histogram
        Its largest activation, and frames in which it fires by activation [BARS], in thousandths of those.
    classes
        [[place of the property, class, AUROC in thousandths]]: the classes that it tells apart best on training recordings, with the
        AUROC on test recordings; none for a feature that never fires.
    clips
        [[clip, hundredths of a second, activation times 100]], strongest first, one moment a clip.
    near
        [[feature, cosine of the decoder's columns times 100]], nearest first.
    names
        As given.
    top
        [[property, class, feature, strength]]: the feature that adds most to the score of each class, on average over the class's training
        frames, and how much (the paper's section 3.2); classes with few training frames have none.
    """
    f = torch.cat([sae.encode(part) for part in table.latents.split(BATCH)]).T.contiguous().cpu().numpy()  # one feature after another
    classes, top = _classes(table, f, fitted)
    columns = normalize(sae.decoder.weight, dim=0)
    cosines = columns.T @ columns
    near = cosines.fill_diagonal_(-2).topk(min(NEAR, sae.hidden - 1))
    return {
        "names": names,
        "fires": np.round((f > 0).mean(axis=1), 4).tolist(),
        "peak": np.round(f.max(axis=1).astype(float), 2).tolist(),
        "histogram": [_histogram(x[x > 0]) for x in f],
        "classes": classes,
        "clips": _moments(table, f, names, clips),
        "near": torch.stack([near.indices, (100 * near.values).round().long()], dim=-1).tolist(),
        "top": top,
    }


def _histogram(x: np.ndarray) -> list[int]:
    """Of activations over zero, in thousandths."""
    bars = np.bincount(np.minimum(x * (BARS / x.max(initial=1e-9)), BARS - 1).astype(int), minlength=BARS)
    return np.round(1000 * bars / max(len(x), 1)).astype(int).tolist()


def _classes(table: Frames, f: np.ndarray, fitted: Mapping[str, Probe]) -> tuple[list[list[list[int]]], list[list[Any]]]:
    """The columns `classes` and `top`."""
    names: list[list[int]] = []
    chosen_by, told, top = [np.empty((0, len(f)))], [np.empty((0, len(f)))], []
    for place, prop in enumerate(labels.PROPERTIES):
        train, test = (_labelled(table, split, prop) for split in ("train", "test"))
        for k, frames in zip(*np.unique(train.label, return_counts=True)):
            if frames >= ENOUGH_FRAMES:
                adds = fitted[prop].weight[k].cpu().numpy() * f[:, train.row[train.label == k]].mean(axis=1)
                top.append([prop, int(k), int(adds.argmax()), round(float(adds.max()), 3)])
        classes = [k for k in testable(train, test) if (train.label != k).any() and (test.label != k).any()]
        names += [[place, k] for k in classes]
        chosen_by.append(aurocs(f, train, classes))
        told.append(aurocs(f, test, classes))
    best = np.argsort(-np.concatenate(chosen_by), axis=0, kind="stable")[:TOLD]
    thousandths = np.round(1000 * np.concatenate(told)).astype(int)
    return [[[*names[k], int(thousandths[k, j])] for k in best[:, j]] if f[j].any() else [] for j in range(len(f))], top


def _labelled(table: Frames, split: str, prop: str) -> Labelled:
    """The frames of a split that can be used for a property."""
    where = np.flatnonzero(table.rows(split, prop))
    of = table.table.iloc[where]
    return Labelled(where, of[prop].to_numpy(), of["piece"].astype(str).to_numpy())


def aurocs(f: np.ndarray, frames: Labelled, classes: list[int]) -> np.ndarray:
    """`evidence.monosemantic.aurocs` of features f [features, frames], none below zero: [classes, features].

    Silent frames tie, so only those that fire are ranked; for sparse features this is several times faster.
    """
    ranks, size = np.empty((len(classes), len(f))), 1 + max(frames.label, default=-1)
    count = np.bincount(frames.label, minlength=size)
    for j, x in enumerate(f):
        mine = x[frames.row]
        fires = np.flatnonzero(mine)
        silent, label = len(mine) - len(fires), frames.label[fires]
        firing = np.bincount(label, rankdata(mine[fires]) + silent, size)
        ranks[:, j] = (firing + (count - np.bincount(label, minlength=size)) * (silent + 1) / 2)[classes]
    inside = count[classes, None]
    return (ranks - inside * (inside + 1) / 2) / (inside * (len(frames.label) - inside))


def _moments(table: Frames, f: np.ndarray, names: list[str], clips: int) -> list[list[list[int]]]:
    """The clips in which each feature is strongest, and when."""
    of_clip = table.table["clip"].astype(str).to_numpy()
    starts = np.flatnonzero(np.r_[True, of_clip[1:] != of_clip[:-1]])
    places = np.array([names.index(of_clip[start]) for start in starts])
    at = np.stack([start + x.argmax(axis=1) for start, x in zip(starts, np.split(f, starts[1:], axis=1))], axis=1)
    peaks = np.take_along_axis(f, at, axis=1)
    strongest = np.argsort(-peaks, axis=1, kind="stable")[:, :clips]
    at, peaks = (np.take_along_axis(each, strongest, axis=1) for each in (at, peaks))
    told = np.stack([places[strongest], np.round(100 * table.table["time"].to_numpy()[at]), np.round(100 * peaks)], axis=-1).astype(int)
    return [[moment for moment in of if moment[2] > 0] for of in told.tolist()]
