"""Figures of section 2: training curves, and the grid."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

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
        sns.lineplot(of, x="epoch", y="value", hue="λ", style="features", palette="colorblind", legend=axis is axes[1], ax=axis)
        axis.set(yscale="log", xlabel="epoch", ylabel=unit, title=term)
        axis.xaxis.get_major_locator().set_params(integer=True)
    legend_beside(axes[1])
    return figure


def grid_points(grid: pd.DataFrame, chosen: pd.Series) -> Figure:
    """Variance unexplained against sparsity and against L0, one mark a grid point, on test recordings."""
    table = grid.assign(**{"λ": grid["l1"].map("{:g}".format), "features": grid["hidden"].astype(str)})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, column, text in ((axes[0], "sparsity", "sparsity (share of zeros)"), (axes[1], "l0", "L0 (active features a frame)")):
        sns.scatterplot(table, x=column, y="fvu", hue="λ", style="features", s=90, palette="colorblind", ax=axis, legend=axis is axes[1])
        axis.plot(chosen[column], chosen["fvu"], "o", markersize=16, markerfacecolor="none", color="0.3")
        axis.set(xlabel=text, ylabel="variance unexplained (share)", ylim=(0, 1.15 * grid["fvu"].max()))
    legend_beside(axes[1])
    return figure
