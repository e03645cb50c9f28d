"""Figures of section 4: what moved, over α."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.figures.theme import COLOURS, legend_beside


def steering_curves(heard: pd.DataFrame) -> Figure:
    """How far the sound moved towards its target and how far the others moved, against α, from `steering.effects`."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.2))
    target = heard[heard["steered"] == heard["measured"]]
    others = heard[heard["steered"] != heard["measured"]].assign(pair=lambda t: t["steered"] + " → " + t["measured"])
    sns.lineplot(target, x="alpha", y="value", hue="steered", palette=COLOURS, marker="o", ax=axes[0], seed=0)
    axes[0].axhline(1, color="0.5", linestyle=":")
    axes[0].axhline(0, color="0.5", linewidth=0.8)
    axes[0].set(xlabel="α", ylabel="distance to target closed (share)")
    if len(others):
        sns.lineplot(others, x="alpha", y="value", hue="pair", style="pair", palette="colorblind", markers=True, errorbar=None, ax=axes[1])
    axes[1].set(xlabel="α", ylabel="change of the other properties (bins)")
    axes[0].legend(title=None, frameon=False)
    legend_beside(axes[1], title=None, frameon=False)
    return figure
