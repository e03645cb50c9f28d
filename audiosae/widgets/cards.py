"""One card for each feature that matters: what it speaks for, how often it fires, where it is strongest, what lies near it.

What a feature adds to the score of class k in a frame is W[k, j] · f[j], with W the probe's weights (the paper's section 3.2). A feature
matters if in some class's training frames it adds more, on average, than any other feature does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.probes import Probe, top_features
from audiosae.sae import SparseAutoencoder

ENOUGH_FRAMES = 20
"""Training frames that a class needs to name a feature."""

CURVE, NEAR = 60, 4
"""How many points an activation curve has, and how many neighbours a card names."""


def speakers(table: Frames, features: torch.Tensor, fitted: Mapping[str, Probe]) -> pd.DataFrame:
    """The feature that adds most to the score of each class, on average over its training frames.

    Returns
    -------
    One row a class with at least `ENOUGH_FRAMES` training frames: property, number, feature, strength. No such class is a `ParameterError`.
    """
    rows = []
    for prop in labels.PROPERTIES:
        usable = table.rows("train", prop)
        classes, counts = np.unique(table.table.loc[usable, prop], return_counts=True)
        for k in classes[counts >= ENOUGH_FRAMES]:
            members = torch.from_numpy(usable & (table.table[prop] == k).to_numpy())
            (feature, strength), *_ = top_features(fitted[prop], features[members], int(k), 1)
            rows.append({"property": prop, "number": int(k), "feature": feature, "strength": strength})
    if not rows:
        raise ParameterError(f"no class of any property has {ENOUGH_FRAMES} training frames; give a longer corpus.")
    return pd.DataFrame(rows)


@torch.no_grad()
def cards(
    table: Frames, features: torch.Tensor, sae: SparseAutoencoder, fitted: Mapping[str, Probe], named: pd.DataFrame, clips: int
) -> list[dict[str, Any]]:
    """Cards of features that `speakers` named, of these frames or of others, with some clips of strong moments on each.

    Returns
    -------
    One card a feature, in the order of their numbers:

    feature, property, class, strength
        Where it speaks most: the row of `named` with the largest strength.
    weights, fires
        {property: [W[k, feature] times the mean activation of frames in which it fires]}; share of the frames in which it fires.
    clips
        [{clip, time (s), activation, curve (the largest in each sixtieth of the clip, 0 to 100 of that activation)}], strongest first.
    near
        [[feature, cosine of the decoder's directions]], nearest first.
    """
    best = named.sort_values("strength", ascending=False, kind="stable").drop_duplicates("feature").sort_values("feature")
    chosen = best["feature"].to_numpy(copy=True)
    f = features[:, chosen].numpy()
    directions = torch.nn.functional.normalize(sae.decoder.weight, dim=0)
    cosines = directions[:, chosen].T @ directions
    of_clip = table.table["clip"].astype(str).to_numpy()
    starts = np.flatnonzero(np.r_[True, of_clip[1:] != of_clip[:-1]])
    times = table.table["time"].to_numpy()
    made = []
    for i, row in enumerate(best.itertuples(index=False)):
        activation = f[:, i]
        firing = activation > 0
        level = float(activation[firing].mean()) if firing.any() else 0.0
        cosines[i, row.feature] = -2.0
        near = cosines[i].topk(min(NEAR, sae.hidden - 1))
        made.append({
            "feature": int(row.feature),
            "property": row.property,
            "class": int(row.number),
            "strength": round(row.strength, 3),
            "weights": {prop: [round(float(w) * level, 3) for w in fitted[prop].weight[:, row.feature]] for prop in labels.PROPERTIES},
            "fires": round(float(firing.mean()), 5),
            "clips": _strongest(activation, starts, of_clip, times, clips),
            "near": [[int(j), round(float(c), 3)] for j, c in zip(near.indices, near.values, strict=True)],
        })  # fmt: skip
    return made


def _strongest(activation: np.ndarray, starts: np.ndarray, of_clip: np.ndarray, times: np.ndarray, clips: int) -> list[dict[str, Any]]:
    """The clips with the largest activation; of equals, the first."""
    peaks, parts, found = np.maximum.reduceat(activation, starts), np.split(activation, starts[1:]), []
    for place in np.argsort(-peaks, kind="stable")[: min(clips, (peaks > 0).sum())]:
        inside = parts[place]
        edges = np.linspace(0, len(inside), min(CURVE, len(inside)) + 1).astype(int)[:-1]
        curve = np.maximum.reduceat(inside, edges) / peaks[place]
        found.append({
            "clip": str(of_clip[starts[place]]),
            "time": round(float(times[starts[place] + inside.argmax()]), 3),
            "activation": round(float(peaks[place]), 2),
            "curve": [int(v) for v in np.round(100 * curve)],
        })  # fmt: skip
    return found


def class_names(edges: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """Every class of every property in words and units, for the axes of a card."""
    return {prop: [labels.class_name(prop, k, edges[prop]) for k in range(len(edges[prop]) - 1)] for prop in labels.PROPERTIES}
