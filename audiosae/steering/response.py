"""Dose and response: how far each property moves for a push of a given strength, from measurements of many steered sounds.

Only valid sounds count as moved (see `validity`). Every figure is a 20 % trimmed mean over clips and training seeds, since a tracker that jumps an
octave should not decide it; its 95 % interval resamples clips and seeds together. The two targets are summed up apart, and figures of both
are the mean of theirs.

A push in any direction moves something. So the slope towards a target is set beside that of random directions of the same strength, each
turned the way that helps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audiosae import steering
from audiosae.audio import labels
from audiosae.frames import Frames
from audiosae.stats import bootstrap

STRENGTHS = (-1.0, -0.5, 0.5, 1.0)
"""Relative strengths r from which slopes are taken."""

COLLAPSE = (2.0, 4.0)
"""Strengths beyond, at which sounds fall apart."""

TARGETS = ("low", "high")
RANDOM = "random"
"""What stands in place of a target where the direction is random."""

NEAR = {"pitch": 2.0, "amplitude": 2.0, "timbre": 0.25}
"""A target counts only for clips that lie at least this far from it, in semitones, dB and octaves."""


@dataclass(frozen=True)
class Goal:
    """A target: its class, what that is called, and the middle of its bin, in the unit of the edges."""

    number: int
    name: str
    centre: float


Goals = dict[str, dict[str, Goal]]
"""By property, and by "low" and "high"."""


def each(goals: Goals) -> list[tuple[str, str, Goal]]:
    """Property, "low" or "high", and the target."""
    return [(prop, target, goal) for prop, both in goals.items() for target, goal in both.items()]


def goals(table: Frames, quantiles: list[float]) -> Goals:
    """The low and the high target of each property, at quantiles of the training frames; see `steering.targets`."""
    found: Goals = {}
    for prop in labels.PROPERTIES:
        edges = table.edges[prop]
        classes, centres = table.table.loc[table.rows("train", prop), prop].to_numpy(), labels.centres(edges)
        numbers = steering.targets(classes, quantiles, table.frame_rate if prop == "pitch" else None)
        chosen = (Goal(k, labels.class_name(prop, k, edges), float(centres[k])) for k in numbers)
        found[prop] = dict(zip(TARGETS, chosen, strict=True))
    return found


@dataclass(frozen=True)
class Response:
    """What steering one property did.

    `figures` is as results/ keep it. `leaked` is the leakage of each other property per unit of the steered one moved, of all sounds first,
    then of each resample [1 + resamples]; infinite where the property did not move towards its targets.
    """

    figures: dict[str, Any]
    leaked: dict[str, np.ndarray]


def respond(sounds: pd.DataFrame, prop: str, goals: dict[str, Goal], edges: dict[str, np.ndarray], seed: int) -> Response:
    """Sum up how one property responds to one way of steering.

    Parameters
    ----------
    sounds
        One row a sound: seed (of the training), clip, steered (property), target ("low", "high", or "random"), direction (number of the
        random direction), r, alpha (the paper's; NaN where r was chosen), valid, pitch_lost, collapsed, and pitch_before, pitch_after and so
        on, as in `steering.Heard`. Rows of other properties are left out; those of random directions may be absent.
    goals, edges
        The property's targets, and edges of the bins of every property, for the figures at the paper's α.
    seed
        Of the intervals.

    Returns
    -------
    ``figures`` with unit, slope, random and beyond_random (change per unit of r), valid_share, targets, response (change at each r),
    leakage, leakage_ratio, paper (by α), clips, seeds; null where no valid sound tells.
    """
    seeds, clips = sorted(sounds["seed"].unique()), sorted(sounds["clip"].unique())
    chosen = bootstrap.crossed((len(seeds), len(clips)), seed)

    def cells(table: pd.DataFrame, value: pd.Series) -> np.ndarray:
        """Mean of a value for each seed and clip, NaN where there is none: [seeds, clips]."""
        return value.groupby([table["seed"], table["clip"]]).mean().unstack().reindex(index=seeds, columns=clips).to_numpy(dtype=float)

    def slopes(table: pd.DataFrame, change: pd.Series, r: pd.Series) -> np.ndarray:
        """Least squares through the origin, for each seed and clip: [seeds, clips]."""
        known = change.notna()
        return cells(table, (change * r).where(known)) / cells(table, (r * r).where(known))

    def over(values: np.ndarray) -> np.ndarray:
        """Trimmed mean of [seeds, clips] and of its resamples: [1 + resamples]."""
        return bootstrap.trimmed_mean(bootstrap.resampled(values, chosen).reshape(len(chosen[0]) + 1, -1))

    def changes(table: pd.DataFrame, of: str) -> pd.Series:
        """Change of a property in valid sounds, in natural units."""
        before, after = (steering.natural(of, table[f"{of}_{when}"].where(table["valid"])) for when in ("before", "after"))
        return after - before

    mine = sounds[sounds["steered"] == prop]
    others = [other for other in labels.PROPERTIES if other != prop]
    found: dict[str, Any] = {"unit": steering.UNITS[prop], "targets": {}, "response": {}, "leakage": {}, "leakage_ratio": {}}
    moved: dict[str, list[np.ndarray]] = {of: [] for of in labels.PROPERTIES}
    for target, goal in goals.items():
        table = mine[(mine["target"] == target) & mine["alpha"].isna()]
        away = steering.natural(prop, goal.centre) - steering.natural(prop, table[f"{prop}_before"])
        change = (changes(table, prop) * np.sign(away)).where(away.abs() >= NEAR[prop])
        main = table["r"].abs() <= 1
        moved[prop].append(over(slopes(table[main], change[main], table["r"][main])))
        for other in others:
            moved[other].append(over(slopes(table[main], changes(table, other)[main].abs(), table["r"][main].abs())))
        valid = float(table["valid"][main].mean()) if main.any() else None
        found["targets"][target] = {"class": goal.number, "name": goal.name, **_figure("slope", moved[prop][-1]), "valid_share": valid}
        found["response"][target] = [
            {"r": r, **_figure("moved", over(cells(rows, change[rows.index]))), "valid_share": float(rows["valid"].mean())}
            for r, rows in table.groupby("r")
        ]
    slope, ratio = np.mean(moved[prop], axis=0), {}
    found |= _figure("slope", slope)
    for other in others:
        leakage = np.mean(moved[other], axis=0)
        ratio[other] = np.where(slope > 0, leakage / np.where(slope > 0, slope, 1.0), np.inf)
        found["leakage"][other], found["leakage_ratio"][other] = _figure("slope", leakage), _figure("value", ratio[other], "ci95")
    shares = [told["valid_share"] for told in found["targets"].values()]
    found["valid_share"] = None if None in shares else float(np.mean(shares))
    pushed = sounds[sounds["target"] == RANDOM]
    if len(pushed):
        turned = []
        for _, table in pushed.groupby("direction"):
            slope_of = slopes(table, changes(table, prop), table["r"])
            helpful = np.sign(bootstrap.trimmed_mean(slope_of))  # of each seed's direction, from all clips
            turned.append(bootstrap.trimmed_mean(bootstrap.resampled(slope_of * helpful[:, None], chosen)))
        random = bootstrap.trimmed_mean(np.concatenate(turned, axis=1), cut=0)
        found |= _figure("random", random) | _figure("beyond_random", slope - random)
    if mine["alpha"].notna().any():
        found["paper"] = {
            f"{alpha:g}": {
                "r": float(table["r"].mean()),
                **_figure("on_target", over(cells(table, _closed(table, prop, goals, edges[prop])))),
                **_figure("leakage", over(cells(table, _bins_away(table, others, edges)))),
                **{name: float(table[name].mean()) for name in ("pitch_lost", "collapsed")},
                "valid_share": float(table["valid"].mean()),
            }
            for alpha, table in mine.groupby("alpha")
        }
    return Response({**found, "clips": len(clips), "seeds": len(seeds)}, ratio)


def _closed(table: pd.DataFrame, prop: str, goals: dict[str, Goal], edges: np.ndarray) -> pd.Series:
    """Share of the distance to the target that is closed, in bins; none by an invalid sound, NaN for targets nearer than `steering.MARGIN`."""
    goal = table["target"].map({target: goal.number for target, goal in goals.items()})
    before, after = (steering.in_bins(table[f"{prop}_{when}"], edges) for when in ("before", "after"))
    share = pd.Series(steering.share_closed(before, after.where(table["valid"]), goal), table.index)
    return share.where((before - goal).abs() >= steering.MARGIN)


def _bins_away(table: pd.DataFrame, others: list[str], edges: dict[str, np.ndarray]) -> pd.Series:
    """Mean absolute change of the other properties, each in its bins, in valid sounds."""
    each = [(steering.in_bins(table[f"{q}_after"], edges[q]) - steering.in_bins(table[f"{q}_before"], edges[q])).abs() for q in others]
    return pd.concat(each, axis=1).mean(axis=1).where(table["valid"])


def compare(one: Response, other: Response) -> dict[str, Any]:
    """Leakage per unit moved of one way less that of another, for each property that leaks; from the same resamples, so clip by clip.

    Returns
    -------
    For each property: value, ci95, null where one of the ways does not surely move its property, and ``told``: "less" or "more" where 95 %
    of the resamples agree, a way that does not move its property leaking without bounds; else "unclear".
    """
    found = {}
    for prop in one.leaked:
        with np.errstate(invalid="ignore"):
            gap = one.leaked[prop] - other.leaked[prop]  # NaN where neither moves
        told = "less" if (gap[1:] < 0).mean() >= 0.975 else "more" if (gap[1:] > 0).mean() >= 0.975 else "unclear"
        found[prop] = {**_figure("value", gap, "ci95"), "told": told}
    return found


def _figure(name: str, values: np.ndarray, interval: str = "") -> dict[str, Any]:
    """A figure and its 95 % interval, of all sounds first, then of each resample; null where too few resamples have one."""
    known, interval = np.isfinite(values), interval or f"{name}_ci95"
    if not known[0]:
        return {name: None, interval: None}
    return {name: float(values[0]), interval: bootstrap.interval(values[1:]) if known[1:].mean() >= 0.975 else None}
