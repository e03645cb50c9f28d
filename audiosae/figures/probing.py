"""Figures of section 3: accuracies and confusions."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from audiosae.audio import labels
from audiosae.figures.evidence import FEATURES, INPUTS, RAW


def accuracies(table: pd.DataFrame, ceilings: dict[str, float]) -> Figure:
    """Accuracy of each probe with its interval, beside baselines, and the ceiling of each property where there is one.

    The table has the columns property, input, accuracy, low, high.
    """
    figure, axis = plt.subplots(figsize=(8, 3.2))
    inputs = list(dict.fromkeys(table["input"]))
    palette = dict(zip(inputs, [INPUTS[FEATURES][0], INPUTS[RAW][0], "0.7", "0.85"], strict=True))
    for number, prop in enumerate(labels.PROPERTIES):
        for place, name in enumerate(inputs):
            row = table[(table["property"] == prop) & (table["input"] == name)].iloc[0]
            x = number + 0.19 * (place - (len(inputs) - 1) / 2)
            axis.bar(x, row["accuracy"], 0.17, color=palette[name], label=name if number == 0 else None)
            if np.isfinite(row["low"]):
                axis.vlines(x, row["low"], row["high"], color="0.15")
        if prop in ceilings:
            axis.hlines(ceilings[prop], number - 0.4, number + 0.4, color="0.15", linestyle="--", label="ceiling" if number == 0 else "_")
    axis.set(xticks=range(3), xticklabels=labels.PROPERTIES, ylabel="accuracy on test frames (share)", xlabel="property", ylim=(0, 1))
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return figure


def confusions(matrices: dict[str, np.ndarray], edges: dict[str, np.ndarray]) -> Figure:
    """Confusion matrices of the three properties, in their own units."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.1))
    units = {"pitch": "note (MIDI)", "amplitude": "RMS", "timbre": "centroid (Hz)"}
    for axis, prop in zip(axes, labels.PROPERTIES, strict=True):
        extent = (edges[prop][0], edges[prop][-1]) * 2
        image = axis.imshow(matrices[prop], origin="lower", cmap="rocket_r", vmin=0, vmax=1, extent=extent, interpolation="nearest")
        axis.grid(False)
        axis.set(xlabel=f"predicted: {units[prop]}", ylabel=f"true: {units[prop]}", title=prop)
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_locator(MaxNLocator(3))
    figure.colorbar(image, ax=axes, label="share of the true class")
    return figure
