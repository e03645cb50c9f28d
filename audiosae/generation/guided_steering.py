"""Steering on the way: a control vector, or another prompt, at some states of a generation only.

The control vector is section 4's. It moves the estimate of the clean latents through the SAE, of which only the change
is added, x̂' = x̂ + D(RMSNorm(f + α w_k)) − D(f): what the SAE cannot reconstruct stays. `flow.sample` carries the move
back into the velocity. The paper did not try this. If pitch is decided early, it can be moved early only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from audiosae import steering
from audiosae.errors import ParameterError
from audiosae.generation import flow
from audiosae.sae import SparseAutoencoder
from audiosae.stats import bootstrap
from audiosae.steering import Heard


def thirds(states: int) -> dict[str, range]:
    """The first and the last third of the steps of a generation, "early" and "late", by the number of the state that each begins from."""
    if states < 4:
        raise ParameterError(f"{states} states have fewer than three steps; early and late need more.")
    edges = np.round(np.linspace(0, states - 1, 4)).astype(int)
    return {"early": range(edges[0], edges[1]), "late": range(edges[2], edges[3])}


def control(sae: SparseAutoencoder, directions: torch.Tensor, alpha: float, window: range) -> flow.Steer:
    """A control vector w_k for each prompt [prompts, hidden], of strength `alpha`, at the states of a window."""

    def steer(clean: torch.Tensor, number: int) -> torch.Tensor:
        return steering.steer(sae, clean, directions[:, None], alpha, "remainder") if number in window else clean

    return steer


def changed(own: flow.Velocity, other: flow.Velocity, window: range, states: int) -> flow.Velocity:
    """Follow other prompts at the states of a window, and the own ones elsewhere."""

    def velocity(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
        return (other if round(t * (states - 1)) in window else own)(x, t)

    return velocity


def furthest(places: Sequence[float], targets: Sequence[int]) -> list[int]:
    """Of some target classes the one that is furthest from each piece's place in bins; where that is NaN, the last."""
    return [max(targets, key=lambda k: abs(k - place) if np.isfinite(place) else k) for place in places]


def effect(
    before: Sequence[Heard], after: Sequence[Heard], prop: str, targets: Sequence[float], edges: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """What steering of one property towards targets in its bins (NaN for nowhere) did to each piece.

    Returns
    -------
    share of the distance to the target that is closed, NaN where the piece began without the property or nearer than `steering.MARGIN` bins;
    and leakage, mean absolute change of the other properties in their bins, NaN where none can be measured.
    """
    was, now = (pd.DataFrame([one.places(edges) for one in heard]) for heard in (before, after))
    target = pd.Series(targets, dtype=float)
    far = (was[prop] - target).abs() >= steering.MARGIN  # False also for NaN
    share = np.where(far, steering.share_closed(was[prop], now[prop], target), np.nan)
    return pd.DataFrame({"share": share, "leakage": (now - was).drop(columns=prop).abs().mean(axis=1)})


def summarise(moved: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Means over pieces, with 95 % intervals, from what `effect` found by way, property and window.

    Returns
    -------
    Columns way, property, window, share, share_low, share_high, pieces (that count for the share), leakage, leakage_low,
    leakage_high; NaN where no piece counts.
    """
    rows = []
    for (way, prop, window), group in moved.groupby(["way", "property", "window"], sort=False):
        row = {"way": way, "property": prop, "window": window, "pieces": int(group["share"].count())}
        for name in ("share", "leakage"):
            values = group[name].dropna()
            low, high = bootstrap.mean(values, seed) if len(values) else (np.nan, np.nan)
            row |= {name: values.mean(), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)
