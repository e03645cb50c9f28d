"""Steering on the way: a control vector, or another prompt, at some states of a generation only.

The control vector is section 4's. It moves the estimate of the clean latents through the SAE, of which only the change
is added, x̂' = x̂ + D(RMSNorm(f + α w_k)) − D(f): what the SAE cannot reconstruct stays. `flow.sample` carries the move
back into the velocity. The paper did not try this. If pitch is decided early, it can be moved early only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

from audiosae import intervals, steering
from audiosae.errors import ParameterError
from audiosae.generation import flow
from audiosae.generation.prompts import KINDS, split
from audiosae.labels import PROPERTIES
from audiosae.sae import SparseAutoencoder
from audiosae.steering import Heard

THIRDS = ("early", "middle", "late")

MOVES = {"pitch": ("register", ("low", "high")), "amplitude": ("dynamics", ("soft", "loud"))}
"""Which kind of word of a prompt speaks of a property, and its two ends."""

DULL, BRIGHT = ("chorales", "tuba"), ("drums", "standard kit")
"""Part and instrument at the two ends of timbre: low and high spectral centroid."""


def thirds(states: int) -> dict[str, range]:
    """The steps of a generation in three parts, by the number of the state that each begins from.

    Raises
    ------
    ParameterError
        With fewer than three steps.
    """
    if states < 4:
        raise ParameterError(f"{states} states have fewer than three steps; early and late need more.")
    edges = np.round(np.linspace(0, states - 1, 4)).astype(int)
    return {name: range(start, end) for name, start, end in zip(THIRDS, edges, edges[1:])}


def control(sae: SparseAutoencoder, directions: torch.Tensor, alpha: float, window: range) -> flow.Steer:
    """A control vector for each prompt, at the states of a window.

    Parameters
    ----------
    sae
        Trained on clean latents.
    directions
        w_k [prompts, hidden].
    alpha
        Strength.
    window
        Numbers of states.
    """

    def steer(clean: torch.Tensor, number: int) -> torch.Tensor:
        if number not in window:
            return clean
        return steering.steer(sae, clean, directions[:, None], alpha, "remainder")

    return steer


def changed(own: flow.Velocity, other: flow.Velocity, window: range, states: int) -> flow.Velocity:
    """Follow other prompts at the states of a window, and the own ones elsewhere."""

    def velocity(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
        return (other if round(t * (states - 1)) in window else own)(x, t)

    return velocity


def go_on(
    velocity: flow.Velocity, path: torch.Tensor, window: range, strength: float, steer: flow.Steer | None = None
) -> torch.Tensor:
    """Generate once more from where a window begins; what lies before it is as it was.

    Parameters
    ----------
    velocity
        Of the own prompts, or `changed`.
    path
        All states of the generation without steering [states, prompts, frames, dim].
    window
        Numbers of the states that are treated otherwise.
    strength
        Of the guidance.
    steer
        See `control`; None where the prompts are changed.

    Returns
    -------
    Latents of the music [prompts, frames, dim].
    """
    return flow.sample(velocity, path[window.start], len(path), strength, steer, first=window.start).noisy[-1]


def opposite(texts: Sequence[str], prop: str) -> list[str]:
    """Each prompt with the word for one property turned to its other end.

    Parameters
    ----------
    texts
        Prompts; words that the vocabulary does not know stay.
    prop
        pitch turns high into low and all else into high, amplitude likewise loud and soft; timbre turns drums into a tuba
        and all else into drums.

    Raises
    ------
    ParameterError
        For an unknown property.
    """
    if prop not in PROPERTIES:
        raise ParameterError(f"no property {prop!r}; properties are {', '.join(PROPERTIES)}.")
    found = []
    for words in map(split, texts):
        if prop == "timbre":
            # Drums have neither register nor pace; see `prompts.describe`.
            replaced = (*KINDS["part"], *KINDS["instrument"], *KINDS["register"], *KINDS["pace"], *KINDS["players"])
            new = [*DULL, "alone", "low"] if "drums" in words else [*BRIGHT, "together"]
        else:
            kind, (low, high) = MOVES[prop]
            replaced, new = KINDS[kind], [low if high in words else high]
        found.append(", ".join([*new, *(word for word in words if word not in replaced)]))
    return found


def effect(
    before: Sequence[Heard], after: Sequence[Heard], prop: str, targets: Sequence[float], edges: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What steering did to each piece.

    Parameters
    ----------
    before, after
        What was heard without and with steering.
    prop
        The property that was steered.
    targets
        Where each piece was to go, in bins of that property; NaN for nowhere.
    edges
        Of the bins of each property.

    Returns
    -------
    share
        Of the distance to the target that is closed [pieces]; NaN where the piece began without the property, or
        nearer than `steering.MARGIN` bins.
    leakage
        Mean absolute change of the other properties in their bins [pieces]; NaN where none can be measured.
    """
    share, leakage = [], []
    for one, other, target in zip(before, after, targets, strict=True):
        was, now = (steering.in_bins(getattr(heard, prop), edges[prop]) for heard in (one, other))
        far = abs(was - target) >= steering.MARGIN  # False also for NaN
        share.append(steering.share_closed(was, now, target) if far else np.nan)
        moves = [
            abs(steering.in_bins(getattr(other, name), edges[name]) - steering.in_bins(getattr(one, name), edges[name]))
            for name in PROPERTIES if name != prop
        ]
        known = [move for move in moves if np.isfinite(move)]
        leakage.append(np.mean(known) if known else np.nan)
    return {"share": np.array(share), "leakage": np.array(leakage)}


def summarise(moved: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Means over pieces, with 95 % intervals.

    Parameters
    ----------
    moved
        One row a piece: way, property, window, share, leakage, as from `effect`.
    seed
        Of the intervals.

    Returns
    -------
    Columns way, property, window, share, share_low, share_high, pieces (that count for the share), leakage, leakage_low,
    leakage_high; NaN where no piece counts.
    """
    rows = []
    for (way, prop, window), group in moved.groupby(["way", "property", "window"], sort=False):
        row = {"way": way, "property": prop, "window": window}
        for name in ("share", "leakage"):
            values = group[name].dropna()
            low, high = intervals.mean(values, seed) if len(values) else (np.nan, np.nan)
            row |= {name: values.mean(), f"{name}_low": low, f"{name}_high": high} | ({"pieces": len(values)} if name == "share" else {})
        rows.append(row)
    return pd.DataFrame(rows)


def wide(summary: pd.DataFrame) -> pd.DataFrame:
    """The same for a reader: one row a way and property, two columns a window, as "0.96 (0.93 to 1.00)"; a dash where no piece counts."""

    def text(row: pd.Series, name: str) -> str:
        return "–" if np.isnan(row[name]) else f"{row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})".replace("-", "−")

    table = {}
    for (way, prop), group in summary.groupby(["way", "property"], sort=False):
        table[way, prop] = {f"{row['window']}, {title}": text(row, name) for title, name in (("way gone", "share"), ("leakage", "leakage")) for _, row in group.iterrows()}
        table[way, prop]["pieces that count"] = str(int(group["pieces"].min()))
    return pd.DataFrame.from_dict(table, orient="index").rename_axis(["", "property"]).sort_index(level=0, sort_remaining=False, ascending=False)


def furthest(heard: Sequence[Heard], prop: str, targets: Sequence[int], edges: np.ndarray) -> list[int]:
    """Of some target classes the one that is furthest from each piece; the last where the piece lacks the property."""

    def distance(place: float) -> Callable[[int], float]:
        return lambda k: abs(k - place) if np.isfinite(place) else k

    return [max(targets, key=distance(steering.in_bins(getattr(one, prop), edges))) for one in heard]
