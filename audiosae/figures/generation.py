"""Figures of section 5: curves over the states of a generation, classes over states, and what steering moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.audio.labels import PROPERTIES
from audiosae.figures.theme import COLOURS
from audiosae.generation.settling import CLOSE, MEASURES, area

PAPER = {"pitch": 21, "timbre": 25}
"""About where each property settles in the paper (section 5), of states 0 to 31; amplitude had not settled."""

UNITS = {"s": "progress s (share)", "share of the way": "share of the way S", "entropy": "entropy (bits)"}
SCALES = {"pitch": "note (MIDI)", "amplitude": "RMS (full scale 1)", "timbre": "centroid (Hz)"}


def training(curve: pd.DataFrame) -> Figure:
    """Loss of a generator's training (columns step, training, validation)."""
    long = curve.melt("step", ["training", "validation"], "pieces", "loss")
    figure, axis = plt.subplots(figsize=(5.5, 2.8))
    sns.lineplot(long, x="step", y="loss", hue="pieces", style="pieces", markers=True, palette=["0.6", "0.2"], ax=axis)
    axis.set(xlabel="training step", ylabel="squared error of the velocity\n(mean a number, no unit)")
    axis.legend(title=None, frameon=False)
    return figure


def progress(curves: pd.DataFrame, paper: bool = False) -> Figure:
    """Both measures of progress along one path of `settling.curves`, one panel each and one colour a property, with bands.

    The zone of "settled" is grey, and `paper` marks where the paper saw pitch and timbre settle. The mean state of change is a mark on the curve.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    for axis, measure in zip(axes, MEASURES, strict=True):
        for prop in PROPERTIES:
            mean = _band(axis, curves, measure, prop, COLOURS[prop], prop)
            if measure == "s" and paper and prop in PAPER:
                axis.axvline(PAPER[prop], color=COLOURS[prop], linestyle=":", linewidth=1.5)
            elif measure != "s":
                at = area(mean)
                axis.plot(at, np.interp(at, range(len(mean)), mean), "o", color=COLOURS[prop], markeredgecolor="white")
        axis.set(xlabel="state", ylabel=UNITS[measure])
    axes[0].axhspan(1 - CLOSE, 1 + CLOSE, color="0.5", alpha=0.12, linewidth=0)
    axes[1].legend(frameon=False, loc="best")
    return figure


def paths(curves: pd.DataFrame, styles: Mapping[str, str], names: Mapping[str, str]) -> Figure:
    """The share of the way, one property a panel, one line a path of `styles`, which `names` may rename in the legend."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), sharey=True)
    for axis, prop in zip(axes, PROPERTIES, strict=True):
        for path, style in styles.items():
            colour = COLOURS[prop] if style == "-" else "0.35"
            _band(axis, curves[curves["path"] == path], "share of the way", prop, colour, names.get(path, path), style)
        axis.set(xlabel="state", ylabel=UNITS["share of the way"], title=prop)
    axes[0].legend(frameon=False, loc="best")
    return figure


def entropy(curves: pd.DataFrame, paths: Sequence[str]) -> Figure:
    """Entropy of the classifiers along two paths, the first solid and the second dashed; one colour a property."""
    figure, axis = plt.subplots(figsize=(5, 3))
    for path, style in zip(paths, ("-", "--"), strict=True):
        for prop in PROPERTIES:
            _band(axis, curves[curves["path"] == path], "entropy", prop, COLOURS[prop], f"{prop}, {path}", style)
    axis.set(xlabel="state", ylabel=UNITS["entropy"], ylim=(0, None))
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _band(axis: plt.Axes, curves: pd.DataFrame, measure: str, prop: str, colour: str, label: str, style: str = "-") -> np.ndarray:
    """Mean and interval of a measure of one property; returns the mean [states]."""
    of = curves[(curves["measure"] == measure) & (curves["property"] == prop)]
    axis.plot(of["state"], of["mean"], style, color=colour, label=label, linewidth=1.8)
    axis.fill_between(of["state"], of["low"], of["high"], color=colour, alpha=0.15, linewidth=0)
    return of["mean"].to_numpy()


def classes(arrays: Mapping[tuple[str, str], np.ndarray], path: str) -> Figure:
    """Probability of each class over states, mean over prompts, along one path; `arrays` as in `sections.generation.Generation`."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.1))
    for axis, prop in zip(axes, PROPERTIES, strict=True):
        mean, edges = arrays[path, prop].T, arrays["edges", prop]
        extent = (-0.5, mean.shape[1] - 0.5, edges[0], edges[-1])
        look = dict(aspect="auto", interpolation="nearest", vmin=-3, vmax=0, origin="lower", extent=extent)
        image = axis.imshow(np.log10(np.maximum(mean, 1e-4)), "rocket", **look)
        axis.grid(False)
        axis.set(xlabel="state", ylabel=SCALES[prop], title=prop)
    bar = figure.colorbar(image, ax=axes, label="mean probability")
    bar.set_ticks([-3, -2, -1, 0], labels=["≤ 0.001", "0.01", "0.1", "1"])
    return figure


def areas(order: Mapping[str, Any]) -> Figure:
    """Mean state of change, from `settling.order`: one row a path, one mark a property, bars for intervals."""
    paths = list(order["areas"])
    figure, axis = plt.subplots(figsize=(7.5, 0.5 * len(paths) + 1.1))
    for row, path in enumerate(paths):
        for place, prop in enumerate(PROPERTIES):
            found, y = order["areas"][path][prop], row + 0.22 * (place - 1)
            axis.hlines(y, *found["ci95"], color=COLOURS[prop], linewidth=2)
            axis.plot(found["area"], y, "o", color=COLOURS[prop], label=prop if row == 0 else None)
    axis.set(yticks=range(len(paths)), yticklabels=paths, xlabel="mean state of change")
    axis.invert_yaxis()
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def moved(table: pd.DataFrame) -> Figure:
    """Share of the way to the target that was gone, by when it was steered: one panel a way of steering, one row of `table` a piece."""
    ways = list(dict.fromkeys(table["way"]))
    figure, axes = plt.subplots(1, len(ways), figsize=(3.9 * len(ways), 3), sharey=True, squeeze=False)
    for axis, way in zip(axes[0], ways, strict=True):
        look = {"palette": COLOURS, "dodge": 0.25, "markersize": 5, "linewidth": 1.5, "err_kws": {"linewidth": 1.5}}
        of = table[table["way"] == way]
        sns.pointplot(of, x="window", y="share", hue="property", seed=0, ax=axis, legend=axis is axes[0][-1], **look)
        axis.axhline(0, color="0.5", linewidth=0.8)
        axis.axhline(1, color="0.5", linestyle=":")
        axis.set(title=way, xlabel="steered in which third", ylabel="progress to the target")
    axes[0][-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def spread(arrays: Mapping[tuple[str, str], np.ndarray]) -> Figure:
    """Shares of frames in each class, of generated pieces and test clips; `arrays` as in `sections.generation.Generation`."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.8))
    for axis, prop in zip(axes, PROPERTIES, strict=True):
        for who, style, colour in (("generated", "-", COLOURS[prop]), ("test clips", "--", "0.3")):
            counts = arrays[who, prop]
            axis.stairs(counts / counts.sum(), arrays["edges", prop], color=colour, linestyle=style, label=who, linewidth=1.6)
        axis.set(xlabel=SCALES[prop], ylabel="share of frames", title=prop)
    axes[0].legend(frameon=False)
    return figure
