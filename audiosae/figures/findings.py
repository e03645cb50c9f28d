"""One small figure for each finding, from results/, readable on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiosae.figures.evidence import COMPONENTS, FEATURES, INPUTS, K_SPARSE, PROPERTIES, RAW, UNTRAINED, Found
from audiosae.figures.evidence_steering import METHODS
from audiosae.figures.theme import CODECS, COLOURS, title
from audiosae.steering import UNITS

Row = tuple[str, str, float | None, list[float] | None]
"""Group, series, value, and its 95 % interval."""

Drawn = tuple[Figure, str]
"""A figure, and what it shows in a sentence that is made from the same numbers; empty where it is for the eye alone."""

Read = Callable[[str], Found]
"""Results of a folder below results/, by codec or generator; of evidence only what is of what is here."""

OTHERS = ("#117733", "#DDCC77", "#88CCEE", "#44AA99")
"""Colours of codecs that are none of the paper's."""


def _colours(codecs: Iterable[str]) -> dict[str, str]:
    others = iter(OTHERS * 8)
    return {title(codec): CODECS.get(codec) or next(others) for codec in codecs}


def dots(
    axis: Axes, rows: list[Row], colours: Mapping[str, str], xlabel: str, line: float | None = 0.0, marks: Mapping[str, str] | None = None
) -> None:
    """A row a group, in it a dot with an interval for each series; `colours` names them all, in order."""
    groups, series = list(dict.fromkeys(row[0] for row in rows)), list(colours)
    step = min(0.22, 0.7 / len(series))
    named: set[str] = set()
    for group, name, value, interval in rows:
        place = groups.index(group) + step * (series.index(name) - (len(series) - 1) / 2)
        if value is None:
            continue
        if interval:
            axis.hlines(place, interval[0], interval[1], color=colours[name], linewidth=1.8)
        label = None if name in named else name
        axis.plot(value, place, (marks or {}).get(name, "o"), color=colours[name], label=label, markersize=6)
        named.add(name)
    if line is not None:
        axis.axvline(line, color="0.3", linewidth=1)
    axis.set(yticks=range(len(groups)), yticklabels=groups, ylim=(len(groups) - 0.4, -0.6), xlabel=xlabel)
    axis.grid(axis="y", visible=False)


def _one(rows: list[Row], colours: Mapping[str, str], xlabel: str, **look: Any) -> Figure:
    """`dots` as a figure of its own, with a legend above."""
    figure, axis = plt.subplots(figsize=(5.6, 0.9 + 0.52 * len({row[0] for row in rows})))
    dots(axis, rows, colours, xlabel, **look)
    figure.legend(loc="outside upper center", ncols=4, frameon=False, handletextpad=0.2, columnspacing=1)
    return figure


def clear(rows: list[Row], above: str, below: str, line: float = 0.0) -> str:
    """Which intervals lie on one side of the line: “By the intervals, above: pitch (EnCodec, WavTokenizer). Below: nothing.”"""
    sides: dict[str, dict[str, list[str]]] = {above: {}, below: {}}
    for group, name, _, interval in rows:
        if interval and (interval[0] > line or interval[1] < line):
            sides[above if interval[0] > line else below].setdefault(group, []).append(name)
    told = [
        f"{side}: " + ("; ".join(f"{group} ({', '.join(names)})" for group, names in found.items()) or "none")
        for side, found in sides.items()
    ]
    return f"By the intervals, {told[0]}. {told[1][0].upper()}{told[1][1:]}."


def untrained(read: Read) -> Drawn | None:
    """Accuracy on features of the trained minus on those of an untrained autoencoder."""
    return _differences(read, {UNTRAINED: ""}, "trained minus untrained", "the trained one is better", "the untrained one is better")


def fair(read: Read) -> Drawn | None:
    """Accuracy on features minus on raw latents, and minus on their principal components."""
    return _differences(read, {RAW: " − raw", COMPONENTS: " − PCA"}, "features minus other", "features are better", "they are worse")


def _differences(read: Read, others: Mapping[str, str], what: str, above: str, below: str) -> Drawn | None:
    """Differences in accuracy to others, by the endings of their labels."""
    found = read("evidence/baselines")
    rows: list[Row] = [
        (f"{prop}{suffix}", title(codec), (gap := one["properties"][prop]["difference"][other])["difference"], gap["ci95"])
        for prop in PROPERTIES
        for other, suffix in others.items()
        for codec, one in found.items()
    ]
    return (_one(rows, _colours(found), f"accuracy, {what} (share of frames)"), clear(rows, above, below)) if rows else None


def drift(read: Read) -> Drawn | None:
    """Sparsity over a long training at one λ."""
    if not (found := read("evidence/loss")):
        return None
    figure, axis = plt.subplots(figsize=(5.6, 2.7))
    for codec, colour in zip(found, _colours(found).values()):
        rows = pd.DataFrame(found[codec]["drift"]).query("variant == 'paper'").sort_values("epoch")
        axis.plot(rows["epoch"], rows["sparsity"], "o-", color=colour, label=title(codec))
    epochs = sorted({row["epoch"] for one in found.values() for row in one["drift"]})
    axis.set(xscale="log", xlabel="epoch", ylabel="sparsity (share of zeros)")
    axis.set_xticks(epochs, [str(epoch) for epoch in epochs])
    axis.minorticks_off()
    axis.legend(frameon=False)
    return figure, ""


def escape(read: Read) -> Drawn | None:
    """Penalty and FVU, relative to the trained autoencoder, with its encoder scaled."""
    if not (found := read("evidence/loss")):
        return None
    figure, axis = plt.subplots(figsize=(5.6, 2.7))
    for place, one in enumerate(found.values()):
        still = one["escape"]
        rows = pd.DataFrame([{"c": 1.0, **{name: still[name] for name in ("penalty", "fvu")}}, *still["scaled"]]).sort_values("c")
        for name, label, look in (("fvu", "FVU", "o-"), ("penalty", "penalty", "s--")):
            axis.plot(
                rows["c"],
                rows[name] / still[name],
                look,
                color=INPUTS[FEATURES if name == "fvu" else RAW][0],
                label=None if place else label,
            )
    axis.set(xscale="log", yscale="log", xlabel="encoder scaled by c", ylabel="relative to c = 1")
    axis.legend(frameon=False)
    return figure, ""


def sparsity(read: Read) -> Drawn | None:
    """Accuracy against sparsity, a mark a point of the grid."""
    if not (found := read("evidence/grid")):
        return None
    figure, axes = plt.subplots(1, len(found), figsize=(1.7 * len(found) + 0.6, 2.7), sharey=True, squeeze=False)
    for axis, (codec, one) in zip(axes[0], found.items()):
        for prop in PROPERTIES:
            points = [(point["sparsity"], point["accuracy"][prop]["accuracy"]) for point in one["points"]]
            axis.plot(*zip(*points), "o", color=COLOURS[prop], alpha=0.6, markersize=4, label=prop if codec == next(iter(found)) else None)
        axis.set(title=title(codec), xlabel="sparsity", xlim=(0.4, 1), ylim=(0, 0.8))
    axes[0, 0].set_ylabel("accuracy (share)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure, ""


def names(read: Read) -> Drawn | None:
    """Shares of top features that fire for their class, and that fire mostly for it."""
    found = read("evidence/features")
    rows: list[Row] = []
    for label, key in (("fires for its class", "share_confirmed"), ("… mostly for it", "mostly")):
        for kind, code in (("the paper's", FEATURES), ("k-sparse", K_SPARSE)):
            for codec, one in found.items():
                told = one["monosemantic"]["probe"].get(code, {})
                rows.append((f"{kind}: {label}", title(codec), told.get(key), told.get(f"{key}_ci95")))
    if not rows:
        return None
    return _one(rows, _colours(found), "share of the top features", line=0.5), clear(rows, "more than half", "less than half", line=0.5)


def seeds(read: Read) -> Drawn | None:
    """Mean cosine of matched decoder directions of two seeds, beside baselines."""
    found = read("evidence/features")
    rows: list[Row] = []
    for label, path in (
        ("the paper's", ()), ("untrained", ("untrained",)), ("random, same covariance", ("random_same_covariance",)),
        ("k-sparse", ("k_sparse",)), ("k-sparse: random", ("k_sparse", "random_same_covariance")),
    ):  # fmt: skip
        for codec, one in found.items():
            at = one["agreement"]
            for key in path:
                at = at.get(key, {})
            rows.append((label, title(codec), at.get("cosine"), None))
    return (_one(rows, _colours(found), "mean cosine of matched features", line=None), "") if rows else None


def ceiling(read: Read) -> Drawn | None:
    """Accuracy beside what any probe of one frame could reach, for codecs whose frames repeat."""
    colours = {FEATURES: INPUTS[FEATURES][0], "table of codes": "0.5", "ceiling": "0.15"}
    rows: list[Row] = []
    for codec, one in read("probing").items():
        for prop in PROPERTIES:
            told = one["properties"][prop]
            if told["ceiling"]:
                group = f"{title(codec)}: {prop}"
                rows.append((group, FEATURES, told["accuracy"], told["ci95"]))
                rows.append((group, "table of codes", told["ceiling"]["learned"]["accuracy"], None))
                rows.append((group, "ceiling", told["ceiling"]["oracle"]["accuracy"], None))
    marks = {"table of codes": "s", "ceiling": "|"}
    return (_one(rows, colours, "accuracy (share of test frames)", line=None, marks=marks), "") if rows else None


def steering(read: Read) -> Drawn | None:
    """How far steering moves each property beyond random directions."""
    if not (found := read("evidence/steering")):
        return None
    figure, axes = plt.subplots(3, 1, figsize=(5.6, 4.4))
    told: list[Row] = []
    for axis, prop in zip(axes, PROPERTIES):
        rows: list[Row] = []
        for codec, one in found.items():
            for label, kind in (("the paper's", "paper"), ("k-sparse", "k_sparse")):
                found_here = one["kinds"].get(kind, {}).get(prop, {})
                rows.append((label, title(codec), found_here.get("beyond_random"), found_here.get("beyond_random_ci95")))
        told += [(f"{prop}, {group}", name, value, interval) for group, name, value, interval in rows]
        dots(axis, rows, _colours(found), f"{prop}: {UNITS[prop]} per unit of r, beyond random")
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure, clear(told, "further than a random push", "less far")


def collapse(read: Read) -> Drawn | None:
    """Share of steered sounds that are still the clip, up to r = 1 and at the paper's α of 20."""
    found = read("evidence/steering")
    rows: list[Row] = [
        (f"{prop}, {label}", title(codec), one["kinds"]["paper"][prop]["valid_share"] if key is None else one["kinds"]["paper"][prop]["paper"][key]["valid_share"], None)
        for prop in PROPERTIES
        for label, key in (("|r| ≤ 1", None), ("α = 20", "20"))
        for codec, one in found.items()
    ]  # fmt: skip
    return (_one(rows, _colours(found), "sounds that are still the clip (share)", line=None), "") if rows else None


def leakage(read: Read) -> Drawn | None:
    """Amplitude steered: how far brightness moves with each dB, by method."""
    found = read("evidence/steering")
    rows: list[Row] = []
    for method in ("paper", "feature_means", "raw_probe", "raw_means", "signal"):
        for codec, one in found.items():
            told = one["methods"][method]["amplitude"]["leakage_ratio"]["timbre"]
            rows.append((METHODS[method], title(codec), told["value"], told["ci95"]))
    return (_one(rows, _colours(found), "octaves of centroid per dB moved"), "") if rows else None


def order(read: Read) -> Drawn | None:
    """Mean state of change of each property, in the generation and along the straight line from the same noise to the same music."""
    rows: list[Row] = []
    for name, one in read("generation").items():
        for prop in PROPERTIES:
            told = one["properties"][prop]
            rows.append((f"{title(name)}: {prop}", "generation", told["area"], told["area_ci95"]))
            line = told["paths"]["straight line"]
            rows.append((f"{title(name)}: {prop}", "straight line", line["area"], line["area_ci95"]))
    colours = {"generation": INPUTS[FEATURES][0], "straight line": "0.55"}
    return (_one(rows, colours, "mean state of change, of 32", line=None), "") if rows else None


FINDINGS: dict[str, Callable[[Read], Drawn | None]] = {
    draw.__name__: draw for draw in (untrained, fair, drift, escape, sparsity, names, seeds, ceiling, steering, collapse, leakage, order)
}
"""By name; a figure is None where there is nothing to draw."""
