"""Page 9, steering examined: figures, tables and sentences."""

from __future__ import annotations

from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae.figures.evidence import FEATURES, INPUTS, PROPERTIES, RAW, Found, sae_settings, table
from audiosae.figures.steering import MARKS
from audiosae.figures.theme import COLOURS, title
from audiosae.numbers import listed, percent, with_interval
from audiosae.steering import UNITS

METHODS = {
    "paper": "features: the paper's step",
    "relu": "features: with ReLU",
    "remainder": "features: change alone",
    "feature_means": "features: difference of means",
    "raw_probe": "latents: probe",
    "raw_means": "latents: difference of means",
    "signal": "signal processing",
}
"""Titles of methods."""

IN_TIME = {"paper": INPUTS[FEATURES][0], "remainder": INPUTS[RAW][0]}
"""Colours of the methods that were tried on a part of a clip."""

KINDS = {"paper": "the paper's autoencoder", "k_sparse": "a k-sparse autoencoder"}


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec, and what was steered how far."""
    given, kinds = one["provenance"]["parameters"], one["kinds"]
    goals = "; ".join(f"{prop} {' or '.join(kinds['paper'][prop]['targets'][target]['name'] for target in MARKS)}" for prop in PROPERTIES)
    trainings = listed([f"{next(iter(told.values()))['seeds']} of {title}" for kind, title in KINDS.items() if (told := kinds.get(kind))])
    clips = f"the first {given['seconds']:g} s of {len(one['clips'])} test clips with one voice; trainings: {trainings}"
    return sae_settings(codec, one, f"{clips}; targets: {goals}; seed {given['seed']}.", one["sae"])


def responses(found: Found, kind: str = "paper") -> dict[str, dict[str, Any]]:
    """What all seeds of one kind of autoencoder gave, by codec, for `audiosae.figures.steering`."""
    return {codec: one["kinds"][kind] for codec, one in found.items() if kind in one["kinds"]}


def leakage_per_unit(found: Found) -> Figure:
    """How far the others move for each unit that the steered property does, one panel a codec and property, and a row a method."""
    figure, axes = _grid(found, sharey=True)
    place = {method: len(METHODS) - number for number, method in enumerate(METHODS)}
    for row, (codec, one) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            for method, other in product(METHODS, PROPERTIES):
                told = one["methods"][method][prop]["leakage_ratio"].get(other, {"value": None})
                height = place[method] + 0.15 * (1 if other == max(set(PROPERTIES) - {prop}) else -1)
                if told["value"] is not None:
                    if told["ci95"]:
                        axis.hlines(height, *told["ci95"], color=COLOURS[other], linewidth=1)
                    axis.plot(told["value"], height, "o" if told["ci95"] else "|", color=COLOURS[other], markersize=5)
            axis.set_yticks([*place.values()], [METHODS[method] for method in place])
            axis.set_xscale("symlog", linthresh=0.1)
            axis.set_xlim(left=0)
            axis.set(title=f"{title(codec)}: {prop} steered", xlabel="change of the others per unit moved")
    _legend(figure, [plt.Line2D([], [], color=COLOURS[p], marker="o", label=f"{p} ({UNITS[p]})") for p in PROPERTIES])
    return figure


def comparisons(codec: str, one: dict[str, Any]) -> str:
    """For each property, which methods clearly leak less or more than the paper's way for each unit moved, a line a property."""
    lines = []
    for prop in PROPERTIES:
        gaps = {METHODS[method]: by_prop[prop]["leakage_ratio_difference"].values() for method, by_prop in one["comparisons"].items()}
        told = {title: {gap["told"] for gap in each} - {"unclear"} for title, each in gaps.items()}
        less, more = ([title for title, found in told.items() if found == {word}] for word in ("less", "more"))
        lines.append(f"{codec}, {prop}: with more leakage than the paper's way: {listed(less, 'none')}; with less: {listed(more, 'none')}.")
    return "\n".join(lines)


def answer(found: Found) -> str:
    """Is there a property and codec for which the paper's way moves the sound further than chance and leaks less than a difference of means?"""
    pairs = {f"{prop} with {title(codec)}": is_best for codec, one in found.items() for prop, is_best in one["paper_is_best"].items()}
    best = [pair for pair, is_best in pairs.items() if is_best]
    return f"In {len(best) or 'none'} of the {len(pairs)} pairs of a property and a codec{': ' + listed(best) if best else ''}."


def kinds(found: Found) -> pd.DataFrame:
    """The two kinds of autoencoder side by side: change beyond random directions, and valid sounds."""
    rows = []
    for codec, prop, kind in product(found, PROPERTIES, KINDS):
        if told := found[codec]["kinds"].get(kind, {}).get(prop):
            figures = (with_interval(told[name], told[f"{name}_ci95"]) for name in ("slope", "random", "beyond_random"))
            rows.append((codec, f"{prop} ({told['unit']})", KINDS[kind], *figures, percent(told["valid_share"]), told["seeds"]))
    return table(rows, "codec; steered; autoencoder", "moved per unit of r; random direction; beyond it; still the clip; trainings")


def _grid(found: Found, **shared: Any) -> tuple[Figure, np.ndarray]:
    """One row of three panels a codec."""
    return plt.subplots(len(found), 3, figsize=(3.4 * 3, 2.6 * len(found) + 0.9), squeeze=False, **shared)


def _legend(figure: Figure, handles: list[plt.Line2D]) -> None:
    """A legend below the figure."""
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def courses(found: Found) -> Figure:
    """Change towards the target over time, mean over clips, one panel a codec and property; the middle third is steered."""
    figure, axes = _grid(found)
    for row, (codec, one) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            for variant in IN_TIME:
                part, rate, colour = one["in_time"][variant][prop], one["frame_rate"], IN_TIME[variant]
                if part["clips"]:
                    course, splice = (np.array(part[name], dtype=float) for name in ("course", "spliced"))
                    times = (np.arange(len(course)) + 0.5) / rate
                    axis.plot(times, course, color=colour, linewidth=1.4)
                    axis.plot(times, splice, color=colour, linewidth=1, linestyle=":")
                    axis.axvspan(len(course) // 3 / rate, 2 * len(course) // 3 / rate, color="0.9", zorder=0)
            axis.axhline(0, color="0.4", linewidth=0.8)
            axis.set(title=f"{title(codec)}: {prop} steered", xlabel="time (s)", ylabel=f"towards target ({UNITS[prop]})")
    lines = [plt.Line2D([], [], color=IN_TIME[variant], label=METHODS[variant]) for variant in IN_TIME]
    _legend(figure, [*lines, plt.Line2D([], [], color="0.3", linestyle=":", label="splice of the steered sound")])
    return figure


def in_time(found: Found) -> pd.DataFrame:
    """Change in each third with its interval."""
    rows = []
    for codec, prop, variant in product(found, PROPERTIES, IN_TIME):
        part = found[codec]["in_time"][variant][prop]
        if part["clips"]:
            thirds = (with_interval(part[name], part[f"{name}_ci95"]) for name in ("before", "inside", "after"))
            rows.append((codec, f"{prop} ({UNITS[prop]})", METHODS[variant], *thirds, part["clips"]))
    return table(rows, "codec; steered; method", "before; inside; after; clips")


def confinement(codec: str, one: dict[str, Any]) -> str:
    """Where the steered third clearly moves, and how much of that its neighbours do: a sentence a method."""
    lines = []
    for variant in IN_TIME:
        parts = one["in_time"][variant]
        moved = {prop: part for prop, part in parts.items() if part["clips"] and part["inside_ci95"] and part["inside_ci95"][0] > 0}
        shares = []
        for prop, part in moved.items():
            outside = max(abs(part[name]) for name in ("before", "after") if part[name] is not None)
            shares.append(f"{percent(outside / part['inside'], 1)} for {prop}")
        clearly = f"the steered third clearly moves towards the target for {listed(list(moved), 'none')}"
        beside = f"; the third beside it that moves more does so by {listed(shares)} of that." if shares else "."
        lines.append(f"{codec}, {METHODS[variant]}: {clearly}{beside}")
    return "\n".join(lines)
