"""Page 7, baselines for probing: figures, tables and sentences."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from audiosae.evidence.paper import RANGES
from audiosae.figures import evidence
from audiosae.figures.evidence import COMPONENTS, FEATURES, INPUTS, PROPERTIES, RAW, UNTRAINED, Found
from audiosae.figures.theme import title
from audiosae.numbers import difference, interval, number, with_interval

CONTROLLED = (FEATURES, UNTRAINED, RAW)
"""Inputs that the control task is set for."""


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec."""
    return evidence.sae_settings(codec, one, f"probes: {evidence.probe_settings(one['provenance']['parameters'])}", one["sae"])


def _whisker(axis: Axes, x: float, interval: list[float] | None, colour: str = "0.15", horizontal: bool = False) -> None:
    """The line of an interval, if there is one."""
    if interval is not None:
        (axis.hlines if horizontal else axis.vlines)(x, interval[0], interval[1], color=colour, linewidth=1.6)


def accuracies(found: Found) -> Figure:
    """Bars of accuracy for the four inputs, by property and codec, with intervals, ceiling and majority class."""
    figure, axes = evidence.panels(found, 3.6, 1.6, 3.2)
    for axis, one in zip(axes, found.values()):
        for place, prop in enumerate(PROPERTIES):
            of, first = one["properties"][prop], place == 0
            for name, shift in evidence.side_by_side([*INPUTS], 0.16).items():
                score = of["inputs"][name]
                axis.bar(place + shift, score["accuracy"], 0.15, color=INPUTS[name][0], label=name if first else None)
                _whisker(axis, place + shift, score["ci95"])
            span = place - 0.42, place + 0.42
            axis.hlines(of["majority"], *span, color="0.15", linestyle=":", label="majority class" if first else None)
            if of["ceiling"]:
                axis.hlines(of["ceiling"]["oracle"]["accuracy"], *span, color="0.15", linestyle="--", label="ceiling" if first else None)
        axis.set(xticks=range(len(PROPERTIES)), xticklabels=PROPERTIES, ylim=(0, 1))
    axes[0].set_ylabel("accuracy on test frames (share)")
    evidence.legend(figure, max(axes, key=lambda axis: len(axis.get_legend_handles_labels()[1])))
    return figure


def _against_zero(found: Found, key: str, value: str, names: tuple[str, ...], xlabel: str) -> Figure:
    """Points with intervals on a line each, by property, against 0; one panel a codec."""
    figure, axes = evidence.panels(found, 3.6, 1.6, 3.0)
    for axis, one in zip(axes, found.values()):
        for place, prop in enumerate(PROPERTIES):
            for name, shift in evidence.side_by_side(names, 0.22).items():
                score, (colour, marker) = one["properties"][prop][key][name], INPUTS[name]
                _whisker(axis, place + shift, score["ci95"], colour, horizontal=True)
                axis.plot(score[value], place + shift, marker, color=colour, label=name if place == 0 else None)
        axis.axvline(0, color="0.3", linewidth=1)
        axis.set(yticks=range(len(PROPERTIES)), yticklabels=PROPERTIES, xlabel=xlabel)
    axes[0].invert_yaxis()
    evidence.legend(figure, axes[0])
    return figure


def differences(found: Found) -> Figure:
    """Accuracy of the SAE's features minus that of each other input, paired over recordings."""
    return _against_zero(found, "difference", "difference", (UNTRAINED, RAW, COMPONENTS), "features minus other\n(share of frames)")


def selectivity(found: Found) -> Figure:
    """Accuracy minus accuracy on the control task, for inputs that have one."""
    return _against_zero(found, "control", "selectivity", CONTROLLED, "accuracy minus control\n(share of frames)")


def sparse_curves(found: Found) -> Figure:
    """Accuracy against how many inputs a class may read; the last mark of a curve reads all of them."""
    size = (9.6, 2.5 * len(found) + 0.4)
    figure, axes = plt.subplots(len(found), len(PROPERTIES), figsize=size, sharey="col", sharex=True, squeeze=False)
    for line, (codec, one) in zip(axes, found.items()):
        for axis, prop in zip(line, PROPERTIES):
            of = one["properties"][prop]
            for name, shift in evidence.side_by_side([*INPUTS], 1.0).items():
                aside, (colour, marker) = 1.09**shift, INPUTS[name]  # so that whiskers stand side by side
                scores = [(int(n), score) for n, score in of["sparse"][name].items()]
                points = [*sorted(scores, key=lambda point: point[0]), (of["inputs"][name]["size"], of["inputs"][name])]
                x, y = [aside * n for n, _ in points], [score["accuracy"] for _, score in points]
                axis.plot(x, y, marker=marker, markersize=4, color=colour, label=name)
                for place, (_, score) in zip(x, points):
                    _whisker(axis, place, score["ci95"], colour)
            axis.axhline(of["majority"], color="0.15", linestyle=":", label="majority class")
            axis.set_xscale("log", base=4)
            axis.xaxis.set_major_locator(FixedLocator([1, 4, 16, 64, 256, 1024]))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter("{x:.0f}")
        line[0].set_ylabel(f"{title(codec)}\naccuracy (share)")
    for column, prop in zip(axes.T, PROPERTIES):
        column[0].set_title(prop)
        column[0].set_ylim(bottom=0)
        column[-1].set_xlabel("inputs that a class may read")
    evidence.legend(figure, axes[0, 0])
    return figure


def errors(found: Found) -> Figure:
    """Mean distance between the predicted class and the true one, in semitones, dB and Hz."""
    figure, axes = plt.subplots(1, len(PROPERTIES), figsize=(9.6, 3))
    for axis, prop in zip(axes, PROPERTIES):
        for place, one in enumerate(found.values()):
            of = one["properties"][prop]
            for name, shift in evidence.side_by_side([*INPUTS], 0.15).items():
                score, (colour, marker) = of["inputs"][name], INPUTS[name]
                _whisker(axis, place + shift, score["mean_error_ci95"], colour)
                axis.plot(place + shift, score["mean_error"], marker, color=colour, label=name if place == 0 else None)
        axis.set(title=prop, ylabel=f"mean error ({of['unit']})", xticks=range(len(found)), xlim=(-0.5, len(found) - 0.5))
        axis.set_xticklabels(map(title, found), rotation=20)
        axis.set_ylim(bottom=0)
    evidence.legend(figure, axes[0])
    return figure


def _rows(found: Found) -> list[tuple[str, str, dict[str, Any]]]:
    """Codec, property and its figures: a row of a table each."""
    return [(codec, prop, one["properties"][prop]) for codec, one in found.items() for prop in PROPERTIES]


def beside_paper(found: Found) -> pd.DataFrame:
    """Accuracies beside the paper's range over its grid."""
    rows = []
    for codec, prop, of in _rows(found):
        paper = interval(RANGES[codec][prop]) if codec in RANGES else "–"
        rows.append((codec, prop, paper, *(number(of["inputs"][name]["accuracy"]) for name in CONTROLLED)))
    return evidence.table(rows, "codec; property", "; ".join(["paper, lowest to highest", *CONTROLLED]))


def near_misses(found: Found) -> pd.DataFrame:
    """Share of frames that are classified within one class of the truth, with intervals."""
    rows = []
    for codec, prop, of in _rows(found):
        rows.append(
            (codec, prop, *(with_interval(of["inputs"][name]["within_one"], of["inputs"][name]["within_one_ci95"]) for name in INPUTS))
        )
    return evidence.table(rows, "codec; property", "; ".join(INPUTS))


def control(found: Found) -> pd.DataFrame:
    """Accuracy on the control task, beside that of its majority-class baseline."""
    rows = [
        (codec, prop, *(number(of["control"][name]["accuracy"]) for name in CONTROLLED), number(of["control_majority"]))
        for codec, prop, of in _rows(found)
    ]
    return evidence.table(rows, "codec; property", "; ".join([*CONTROLLED, "majority class"]))


def parts(found: Found) -> pd.DataFrame:
    """Accuracy by part of the corpus, with the interval and the recordings and frames behind it; parts without any are left out."""
    rows = []
    for codec, prop, of in _rows(found):
        for part, one in of["parts"].items():
            if one["frames"]:
                both = (with_interval(one[key]["accuracy"], one[key]["ci95"]) for key in ("sae", "raw"))
                rows.append((codec, prop, part, *both, one["recordings"], one["frames"]))
    return evidence.table(rows, "codec; property; part", f"{FEATURES}; {RAW}; test recordings; test frames")


def types(codec: str, one: dict[str, Any]) -> str:
    """What the types of the control task are."""
    return f"{codec}: a type is one of {number(one['types']['count'], 0)} {one['types']['kind']}"


def comparisons(codec: str, one: dict[str, Any]) -> str:
    """Whether the probe of SAE features beats those of other inputs, property by property, as far as intervals can tell: a line an input."""
    lines = []
    for other in (RAW, COMPONENTS, UNTRAINED):
        told = []
        for prop in PROPERTIES:
            gap = one["properties"][prop]["difference"][other]
            if gap["ci95"] is None:
                told.append(f"{prop} cannot be told from one recording")
                continue
            low, high = gap["ci95"]
            verdict = "is named more often" if low > 0 else "is named less often" if high < 0 else "cannot be told apart"
            told.append(f"{prop} {verdict} ({difference(gap['difference'], gap['ci95'])})")
        lines.append(f"{codec}, SAE features against {other}: {'; '.join(told)}.")
    return "\n".join(lines)


def fewest_inputs(codec: str, one: dict[str, Any]) -> str:
    """Which input is most accurate when a class may read fewest, and what it reaches when a class may read all."""
    told = []
    for prop in PROPERTIES:
        of = one["properties"][prop]
        n = min(of["sparse"][FEATURES], key=int)
        best = max(INPUTS, key=lambda name: of["sparse"][name][n]["accuracy"])
        reached = with_interval(of["sparse"][best][n]["accuracy"], of["sparse"][best][n]["ci95"])
        told.append(f"{prop}, {best}: {reached}, of {number(of['inputs'][best]['accuracy'])} with all")
    return f"{codec}, highest accuracy with {n} input{'' if n == '1' else 's'} a class: {'; '.join(told)}."
