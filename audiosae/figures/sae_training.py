"""Figures of section 2: training curves, the grid, and what the seed does."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.figures.evidence import FEATURES, INPUTS, K_SPARSE
from audiosae.figures.theme import legend_beside


def training_curves(curves: pd.DataFrame) -> Figure:
    """Both terms of the loss over epochs, for every point of the grid (columns hidden, l1, epoch, …)."""
    long = curves.melt(["hidden", "l1", "epoch"], ["reconstruction", "penalty"], "term", "value")
    long["λ"] = long["l1"].map("{:g}".format)
    long["features"] = long["hidden"].astype(str)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.1))
    units = {"reconstruction": "squared error a frame (variances)", "penalty": "λ Σ h, mean a frame"}
    for axis, (term, unit) in zip(axes, units.items(), strict=True):
        of = long[long["term"] == term]
        sns.lineplot(of, x="epoch", y="value", hue="λ", style="features", palette="flare", legend=axis is axes[1], ax=axis)
        axis.set(yscale="log", xlabel="epoch", ylabel=unit, title=term)
        axis.xaxis.get_major_locator().set_params(integer=True)
    legend_beside(axes[1])
    return figure


def grid_points(grid: pd.DataFrame, chosen: pd.Series) -> Figure:
    """Variance unexplained against sparsity and against L0, one mark a grid point, on test recordings."""
    table = grid.assign(**{"λ": grid["l1"].map("{:g}".format), "features": grid["hidden"].astype(str)})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, column, text in ((axes[0], "sparsity", "sparsity (share of zeros)"), (axes[1], "l0", "L0 (active features a frame)")):
        sns.scatterplot(table, x=column, y="fvu", hue="λ", style="features", s=90, palette="flare", ax=axis, legend=axis is axes[1])
        axis.plot(chosen[column], chosen["fvu"], "o", markersize=16, markerfacecolor="none", color="0.3")
        axis.set(xlabel=text, ylabel="variance unexplained (share)", ylim=(0, 1.15 * grid["fvu"].max()))
    legend_beside(axes[1])
    return figure


def seeds(figures: dict[str, Any]) -> Figure:
    """FVU, L0 and share of dead features of every seed trained here, and of the autoencoder in use, from the results of section 2."""
    titles = {"fvu": "variance unexplained (share)", "l0": "L0 (active features a frame)", "dead": "dead features (share)"}
    figure, axes = plt.subplots(1, len(titles), figsize=(9, 2.4))
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        for place, (found, colour) in enumerate(((figures, INPUTS[FEATURES][0]), (figures["k_sparse"], INPUTS[K_SPARSE][0]))):
            trained = found["seeds"][name]
            axis.plot([place] * len(trained), trained, "o", color=colour, alpha=0.6)
            axis.plot(place, found["chosen"][name], "o", markersize=14, markerfacecolor="none", color="0.3")
        axis.set(ylabel=title, xlim=(-0.6, 1.6), xticks=[0, 1], xticklabels=["the paper's", "k-sparse"])
        axis.set_ylim(bottom=0)
    return figure
