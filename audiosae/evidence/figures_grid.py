"""Figures of the grid: heat maps over width and λ, and our ranges beside the paper's."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

NAMES = {"fvu": "FVU (held out)", "sparsity": "sparsity (share of zeros)", "l0": "L0 (active a frame)", "dead": "dead features (share)",
         "pitch": "pitch accuracy", "amplitude": "amplitude accuracy", "timbre": "timbre accuracy"}
OURS, PAPERS = "#0072B2", "0.6"


def table(found: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """All points of all codecs, one a row; an accuracy stands under the name of its property."""
    return pd.DataFrame([
        {"codec": codec, **{name: value for name, value in point.items() if name != "accuracy"},
         **{prop: score["accuracy"] for prop, score in point["accuracy"].items()}}
        for codec, figures in found.items() for point in figures["points"]
    ])


def heat_maps(points: pd.DataFrame, names: list[str]) -> Figure:
    """One row of panels a codec, one column a figure; in a panel, width upwards and λ to the right.

    Parameters
    ----------
    points
        From `table`.
    names
        Keys of `NAMES`.
    """
    codecs = list(points["codec"].unique())
    figure, axes = plt.subplots(len(codecs), len(names), figsize=(4.1 * len(names), 0.9 + 1.9 * len(codecs)), squeeze=False)
    for row, codec in zip(axes, codecs):
        for axis, name in zip(row, names):
            grid = points[points["codec"] == codec].pivot(index="factor", columns="l1", values=name).sort_index(ascending=False)
            grid.index, grid.columns = [f"{factor:g}×" for factor in grid.index], [f"{l1:g}" for l1 in grid.columns]
            shape = ".0f" if name == "l0" else ".3f" if grid.to_numpy().max() < 0.1 else ".2f"
            sns.heatmap(grid, annot=True, fmt=shape, annot_kws={"size": 8}, cmap="viridis", ax=axis, cbar=False)
            axis.set(xlabel="λ", ylabel="features over latent size", title=f"{codec}: {NAMES[name]}")
            axis.title.set_fontsize(9)
            axis.tick_params(axis="y", rotation=0)
    return figure


def ranges(found: dict[str, dict[str, Any]]) -> Figure:
    """Lowest to highest value over the grid: the paper's in grey, ours in blue, one panel a codec that the paper has."""
    known = {codec: figures for codec, figures in found.items() if figures["beside_paper"]}
    figure, axes = plt.subplots(1, max(1, len(known)), figsize=(1.5 + 3.4 * max(1, len(known)), 2.6), squeeze=False, sharey=True)
    for axis, (codec, figures) in zip(axes[0], known.items()):
        for place, (name, pair) in enumerate(figures["beside_paper"].items()):
            for shift, key, colour in ((0.13, "paper", PAPERS), (-0.13, "ours", OURS)):
                axis.plot(pair[key], [-place + shift] * 2, color=colour, linewidth=5, solid_capstyle="butt", marker="|",
                          markersize=9, label=key if place == 0 else None)
        axis.set(xlim=(0, 1.02), xlabel="value over the grid (share)", title=codec,
                 yticks=[-place for place in range(len(figures["beside_paper"]))], yticklabels=list(figures["beside_paper"]))
    axes[0, -1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    return figure
