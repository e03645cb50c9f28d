"""Figures of section 5: curves over the states of a generation, classes over states, and what steering moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.figures import COLOURS
from audiosae.generation.settling import CLOSE
from audiosae.labels import PROPERTIES

PAPER = {"pitch": 21, "timbre": 25}
"""About where each property settles in the paper (section 5), of states 0 to 31; amplitude had not settled."""

UNITS = {
    "s": "progress s (share)", "ratio of sums": "ratio of sums (share)", "projection": "projection (share)",
    "agreement": "frames as in the end (share)", "entropy": "entropy (bits)",
}


def training(curve: pd.DataFrame) -> Figure:
    """Loss of a generator's training (columns step, training, validation)."""
    long = curve.melt("step", ["training", "validation"], "pieces", "loss")
    figure, axis = plt.subplots(figsize=(5.5, 2.8))
    sns.lineplot(long, x="step", y="loss", hue="pieces", style="pieces", markers=True, palette=["0.6", "0.2"], ax=axis)
    axis.set(xlabel="training step", ylabel="squared error of the velocity\n(mean a number, no unit)")
    axis.legend(title=None, frameon=False)
    return figure


def progress(curves: pd.DataFrame, measures: Sequence[str], paper: bool = False) -> Figure:
    """Measures over states, one colour a property, with bands over prompts.

    Parameters
    ----------
    curves
        Of one path; see `order.curves`.
    measures
        One panel each.
    paper
        Mark where the paper saw pitch and timbre settle.
    """
    figure, axes = plt.subplots(1, len(measures), figsize=(3.2 * len(measures), 3), squeeze=False)
    for axis, measure in zip(axes[0], measures):
        for prop in PROPERTIES:
            _band(axis, curves[(curves["measure"] == measure) & (curves["property"] == prop)], COLOURS[prop], prop)
            if paper and prop in PAPER:
                axis.axvline(PAPER[prop], color=COLOURS[prop], linestyle=":", linewidth=1.5)
        if measure != "entropy":
            axis.axhspan(1 - CLOSE, 1 + CLOSE, color="0.5", alpha=0.12, linewidth=0)
        axis.set(xlabel="state", ylabel=UNITS[measure])
    axes[0][-1].legend(frameon=False, loc="best")
    return figure


def paths(curves: pd.DataFrame, measure: str, styles: Mapping[str, str], names: Mapping[str, str] | None = None) -> Figure:
    """One property a panel, one line a path.

    Parameters
    ----------
    curves
        See `order.curves`.
    measure
        Which one.
    styles
        Path to line style.
    names
        How the legend calls them; None for their own names.
    """
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), sharey=True)
    for axis, prop in zip(axes, PROPERTIES):
        for path, style in styles.items():
            of = curves[(curves["path"] == path) & (curves["measure"] == measure) & (curves["property"] == prop)]
            _band(axis, of, COLOURS[prop] if style == "-" else "0.35", (names or {}).get(path, path), style)
        axis.set(xlabel="state", ylabel=UNITS[measure], title=prop)
        axis.axhspan(1 - CLOSE, 1 + CLOSE, color="0.5", alpha=0.12, linewidth=0)
    axes[0].legend(frameon=False, loc="best")
    return figure


def readings(curves: pd.DataFrame, measures: Sequence[str], paths: Sequence[str]) -> Figure:
    """One measure a panel; one colour a property, the first path solid and the second dashed."""
    figure, axes = plt.subplots(1, len(measures), figsize=(3.4 * len(measures), 3), squeeze=False)
    for axis, measure in zip(axes[0], measures):
        for path, style in zip(paths, ("-", "--")):
            for prop in PROPERTIES:
                of = curves[(curves["path"] == path) & (curves["measure"] == measure) & (curves["property"] == prop)]
                _band(axis, of, COLOURS[prop], f"{prop}, {path}", style)
        axis.set(xlabel="state", ylabel=UNITS[measure], ylim=(0, None))
    axes[0][-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _band(axis: plt.Axes, of: pd.DataFrame, colour: str, label: str, style: str = "-") -> None:
    axis.plot(of["state"], of["mean"], style, color=colour, label=label, linewidth=1.8)
    axis.fill_between(of["state"], of["low"], of["high"], color=colour, alpha=0.15, linewidth=0)


def classes(p: Mapping[str, np.ndarray], edges: Mapping[str, np.ndarray]) -> Figure:
    """Probability of each class over states, mean over prompts: p [states, prompts, classes] by property."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.1))
    units = {"pitch": "note (MIDI)", "amplitude": "RMS (full scale 1)", "timbre": "centroid (Hz)"}
    for axis, prop in zip(axes, PROPERTIES):
        mean = p[prop].mean(axis=1).T
        image = axis.imshow(
            np.log10(np.maximum(mean, 1e-4)), origin="lower", aspect="auto", cmap="rocket", vmin=-3, vmax=0,
            extent=(-0.5, mean.shape[1] - 0.5, edges[prop][0], edges[prop][-1]), interpolation="nearest",
        )
        axis.grid(False)
        axis.set(xlabel="state", ylabel=units[prop], title=prop)
    bar = figure.colorbar(image, ax=axes, label="mean probability")
    bar.set_ticks([-3, -2, -1, 0], labels=["≤ 0.001", "0.01", "0.1", "1"])
    return figure


def settled(table: pd.DataFrame) -> Figure:
    """When each property settles: one row a way of looking, one mark a property, bars for intervals.

    Parameters
    ----------
    table
        Columns reading, property, settles_at (missing for not before the last state), low, high.
    """
    readings = list(dict.fromkeys(table["reading"]))
    last = int(table["high"].max())
    figure, axis = plt.subplots(figsize=(8.5, 0.55 * len(readings) + 1.1))
    for row, reading in enumerate(readings):
        for place, prop in enumerate(PROPERTIES):
            of = table[(table["reading"] == reading) & (table["property"] == prop)].iloc[0]
            y = row + 0.22 * (place - 1)
            early = pd.notna(of["settles_at"])
            axis.hlines(y, of["low"], of["high"], color=COLOURS[prop], linewidth=2)
            axis.plot(of["settles_at"] if early else last, y, "o", color=COLOURS[prop], markerfacecolor=COLOURS[prop] if early else "white",
                      label=prop if row == 0 else None)
    axis.set(yticks=range(len(readings)), yticklabels=readings, xlabel="state at which it settles", ylabel="", xlim=(-0.5, last + 0.5))
    axis.invert_yaxis()
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def moved(table: pd.DataFrame) -> Figure:
    """Share of the way to the target that was gone, by when it was steered: one panel a way of steering.

    Parameters
    ----------
    table
        Columns way, property, window, share: one row a piece.
    """
    ways = list(dict.fromkeys(table["way"]))
    figure, axes = plt.subplots(1, len(ways), figsize=(3.9 * len(ways), 3), sharey=True, squeeze=False)
    for axis, way in zip(axes[0], ways):
        sns.pointplot(table[table["way"] == way], x="window", y="share", hue="property", palette=COLOURS, dodge=0.25, seed=0,
                      err_kws={"linewidth": 1.5}, markersize=5, linewidth=1.5, ax=axis, legend=axis is axes[0][-1])
        axis.axhline(0, color="0.5", linewidth=0.8)
        axis.axhline(1, color="0.5", linestyle=":")
        axis.set(title=way, xlabel="steered in which third", ylabel="way to the target gone (share)")
    axes[0][-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def spread(tables: Mapping[str, pd.DataFrame], edges: Mapping[str, np.ndarray]) -> Figure:
    """Shares of frames in each class of the three properties, for several sets of frames."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.8))
    units = {"pitch": "note (MIDI)", "amplitude": "RMS (full scale 1)", "timbre": "centroid (Hz)"}
    for axis, prop in zip(axes, PROPERTIES):
        for (name, table), style in zip(tables.items(), ("-", "--")):
            of = table.loc[table[prop] >= 0, prop]
            shares = np.bincount(of, minlength=len(edges[prop]) - 1) / len(of)
            axis.stairs(shares, edges[prop], color=COLOURS[prop] if style == "-" else "0.3", linestyle=style, label=name, linewidth=1.6)
        axis.set(xlabel=units[prop], ylabel="share of frames", title=prop)
    axes[0].legend(frameon=False)
    return figure
