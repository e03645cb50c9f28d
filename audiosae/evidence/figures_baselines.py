"""Figures, tables and sentences of the baselines for probing; all take what `baselines` wrote, by codec."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from audiosae.evidence.inputs import COMPONENTS, FEATURES, NAMES, RAW, UNTRAINED
from audiosae.labels import PROPERTIES

COLOURS = {FEATURES: "#0072B2", UNTRAINED: "#56B4E9", RAW: "#E69F00", COMPONENTS: "#CC79A7"}
"""One colour an input (Okabe and Ito 2008)."""

MARKERS = {FEATURES: "o", UNTRAINED: "s", RAW: "^", COMPONENTS: "D"}

Found = dict[str, dict[str, Any]]
"""Results by codec."""


def conventions(found: Found) -> list[str]:
    """Which weights made the figures of each codec, and what the λ of its SAE multiplies."""
    lines = []
    for codec, figures in found.items():
        sae, made = figures["sae"], figures["provenance"]
        given = made["parameters"]
        lines.append(
            f"{codec}: {made['weights']} weights; SAE of {sae['hidden']} features on {sae['dim']} latent dimensions, λ = {sae['l1']:g} "
            f"times the sum of h over features, mean over frames, beside the squared error summed over standardised dimensions; "
            f"probes: weight decay from {', '.join(f'{p:g}' for p in sorted(given['penalties']))}, {given['iterations']} steps of L-BFGS "
            f"each; seed {given['seed']}."
        )
    return lines


def _whisker(axis: Axes, x: float, interval: list[float] | None, colour: str = "0.15", horizontal: bool = False) -> None:
    if interval is not None:
        (axis.hlines if horizontal else axis.vlines)(x, *interval, color=colour, linewidth=1.6)


def _across(found: Found, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A row of panels, one a codec, sharing their y axis; titled."""
    figure, axes = plt.subplots(1, len(found), figsize=(3.6 * len(found) + 1.6, height), sharey=True, squeeze=False, **options)
    for axis, codec in zip(axes[0], found):
        axis.set_title(codec)
    return figure, axes[0]


def _legend(figure: Figure, axis: Axes) -> None:
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", frameon=False)


def accuracies(found: Found) -> Figure:
    """Bars of accuracy for the four inputs, by property and codec, with intervals, ceiling and majority class."""
    figure, axes = _across(found, 3.2)
    for axis, figures in zip(axes, found.values()):
        for number, prop in enumerate(PROPERTIES):
            one = figures["properties"][prop]
            for place, name in enumerate(NAMES):
                x, score = number + 0.2 * (place - (len(NAMES) - 1) / 2), one["inputs"][name]
                axis.bar(x, score["accuracy"], 0.18, color=COLOURS[name], label=name if number == 0 else None)
                _whisker(axis, x, score["ci95"])
            span = number - 0.42, number + 0.42
            axis.hlines(one["majority"], *span, color="0.15", linestyle=":", label="commonest class" if number == 0 else None)
            if one["ceiling"]:
                oracle = one["ceiling"]["oracle"]["accuracy"]
                axis.hlines(oracle, *span, color="0.15", linestyle="--", label="ceiling" if number == 0 else None)
        axis.set(xticks=range(len(PROPERTIES)), xticklabels=PROPERTIES, ylim=(0, 1))
    axes[0].set_ylabel("accuracy on test frames (share)")
    _legend(figure, max(axes, key=lambda axis: len(axis.get_legend_handles_labels()[1])))
    return figure


def _against(found: Found, key: str, value: str, names: tuple[str, ...], xlabel: str) -> Figure:
    """Points with intervals on a line each, by property, against 0; one panel a codec."""
    figure, axes = _across(found, 3.0)
    for axis, figures in zip(axes, found.values()):
        for number, prop in enumerate(PROPERTIES):
            for place, name in enumerate(names):
                y = number + 0.22 * (place - (len(names) - 1) / 2)
                one = figures["properties"][prop][key][name]
                _whisker(axis, y, one["ci95"], COLOURS[name], horizontal=True)
                axis.plot(one[value], y, MARKERS[name], color=COLOURS[name], label=name if number == 0 else None)
        axis.axvline(0, color="0.3", linewidth=1)
        axis.set(yticks=range(len(PROPERTIES)), yticklabels=PROPERTIES, xlabel=xlabel)
    axes[0].invert_yaxis()
    _legend(figure, axes[0])
    return figure


def differences(found: Found) -> Figure:
    """Accuracy of the SAE's features less that of each other input, paired over recordings."""
    return _against(found, "difference", "difference", NAMES[1:], "features minus other\n(share of frames)")


def selectivity(found: Found) -> Figure:
    """Accuracy less accuracy on the control task, for inputs that have one."""
    return _against(found, "control", "selectivity", (FEATURES, UNTRAINED, RAW), "accuracy minus control\n(share of frames)")


def sparse_curves(found: Found) -> Figure:
    """Accuracy against how many inputs a class may read; the last mark of a curve reads all of them."""
    size = (9.6, 2.5 * len(found) + 0.4)
    figure, axes = plt.subplots(len(found), len(PROPERTIES), figsize=size, sharey="col", sharex=True, squeeze=False)
    for line, (codec, figures) in zip(axes, found.items()):
        for axis, prop in zip(line, PROPERTIES):
            one = figures["properties"][prop]
            for place, name in enumerate(NAMES):
                aside = 1.09 ** (place - (len(NAMES) - 1) / 2)  # so that whiskers stand side by side
                few = {int(n): score for n, score in one["sparse"][name].items()}
                points = [(n, few[n]) for n in sorted(few)] + [(one["inputs"][name]["size"], one["inputs"][name])]
                axis.plot([aside * n for n, _ in points], [score["accuracy"] for _, score in points], marker=MARKERS[name], markersize=4,
                          color=COLOURS[name], label=name)
                for n, score in points:
                    _whisker(axis, aside * n, score["ci95"], COLOURS[name])
            axis.axhline(one["majority"], color="0.15", linestyle=":", label="commonest class")
            axis.set_xscale("log", base=4)
            axis.xaxis.set_major_locator(FixedLocator([1, 4, 16, 64, 256, 1024]))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter("{x:.0f}")
            if axis in axes[0]:
                axis.set_title(prop)
            if axis in axes[-1]:
                axis.set_xlabel("inputs that a class may read")
        line[0].set_ylabel(f"{codec}\naccuracy (share)")
    for column in axes.T:
        column[0].set_ylim(bottom=0)
    _legend(figure, axes[0, 0])
    return figure


def errors(found: Found) -> Figure:
    """Mean distance between the class that is named and the true one, in semitones, dB and Hz."""
    figure, axes = plt.subplots(1, len(PROPERTIES), figsize=(9.6, 3))
    for axis, prop in zip(axes, PROPERTIES):
        for number, figures in enumerate(found.values()):
            for place, name in enumerate(NAMES):
                x, one = number + 0.18 * (place - (len(NAMES) - 1) / 2), figures["properties"][prop]["inputs"][name]
                _whisker(axis, x, one["mean_error_ci95"], COLOURS[name])
                axis.plot(x, one["mean_error"], MARKERS[name], color=COLOURS[name], label=name if number == 0 else None)
        unit = next(iter(found.values()))["properties"][prop]["unit"]
        axis.set(title=prop, ylabel=f"mean error ({unit})", xticks=range(len(found)), xlim=(-0.5, len(found) - 0.5))
        axis.set_xticklabels(list(found), rotation=20)
        axis.set_ylim(bottom=0)
    _legend(figure, axes[0])
    return figure


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    value = f"{score['accuracy']:.2f}"
    return value if score["ci95"] is None else f"{value} ({score['ci95'][0]:.2f} to {score['ci95'][1]:.2f})"


def part_table(found: Found) -> pd.DataFrame:
    """Accuracy by part of the corpus, with the interval and the recordings and frames behind it; parts without any are left out."""
    rows = [
        {"codec": codec, "property": prop, "part": part, "SAE features": _cell(one["sae"]), "raw latents": _cell(one["raw"]),
         "test recordings": one["recordings"], "test frames": one["frames"]}
        for codec, figures in found.items() for prop in PROPERTIES
        for part, one in figures["properties"][prop]["parts"].items() if one["frames"]
    ]
    return pd.DataFrame(rows).set_index(["codec", "property", "part"])


def near_table(found: Found) -> pd.DataFrame:
    """Share of frames that are named within one class of the truth, with intervals."""
    rows = {
        (codec, prop): {
            name: _cell({"accuracy": one["within_one"], "ci95": one["within_one_ci95"]})
            for name, one in figures["properties"][prop]["inputs"].items()
        }
        for codec, figures in found.items() for prop in PROPERTIES
    }
    table = pd.DataFrame.from_dict(rows, orient="index")[list(NAMES)]
    return table.rename_axis(index=["codec", "property"])


def control_table(found: Found) -> pd.DataFrame:
    """Accuracy on the control task, beside that of always saying its commonest class."""
    rows = {
        (codec, prop): {**{name: f"{score['accuracy']:.2f}" for name, score in figures["properties"][prop]["control"].items()},
                        "commonest class": f"{figures['properties'][prop]['control_majority']:.2f}"}
        for codec, figures in found.items() for prop in PROPERTIES
    }
    table = pd.DataFrame.from_dict(rows, orient="index")[[FEATURES, UNTRAINED, RAW, "commonest class"]]
    return table.rename_axis(index=["codec", "property"])


def sentence(codec: str, figures: dict[str, Any], other: str) -> str:
    """Whether the probe of SAE features beats that of another input, property by property, as far as intervals can tell."""
    said = []
    for prop in PROPERTIES:
        one = figures["properties"][prop]["difference"][other]
        if one["ci95"] is None:
            said.append(f"{prop} cannot be told from one recording")
            continue
        low, high = one["ci95"]
        verdict = "is named more often" if low > 0 else "is named less often" if high < 0 else "cannot be told apart"
        said.append(f"{prop} {verdict} ({one['difference']:+.2f}, {low:+.2f} to {high:+.2f})".replace("-", "−"))
    return f"{codec}, SAE features against {other}: {'; '.join(said)}."


def few_sentence(codec: str, figures: dict[str, Any]) -> str:
    """Which input names most when a class may read fewest, and what it reaches when a class may read all."""
    said = []
    n = min(next(iter(figures["properties"][PROPERTIES[0]]["sparse"].values())), key=int)
    for prop in PROPERTIES:
        one = figures["properties"][prop]
        best = max(NAMES, key=lambda name: one["sparse"][name][n]["accuracy"])
        score = one["sparse"][best][n]
        whole = one["inputs"][best]["accuracy"]
        said.append(f"{prop}, {best}: {_cell(score)}, of {whole:.2f} with all")
    return f"{codec}, highest accuracy with {n} input{'' if n == '1' else 's'} a class: {'; '.join(said)}."
