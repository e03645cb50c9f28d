"""Figures of the loss: curves of the variants, the drift of a long training, and what optimiser and scale do."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from audiosae.evidence.variants import VARIANTS
from audiosae.figures import legend_beside

LABELS = {name: variant.label for name, variant in VARIANTS.items()}
COLOURS = dict(zip(LABELS.values(), ["#D55E00", "#0072B2", "#009E73", "#E69F00", "0.2"]))

CODECS = {"encodec": "#CC79A7", "wavtokenizer": "#E69F00", "diffrhythm-vae": "#56B4E9"}
"""One colour a codec (Okabe and Ito 2008), none of which stands for a property."""
"""One colour a variant (Okabe and Ito 2008)."""


def table(found: dict[str, dict[str, Any]], part: str) -> pd.DataFrame:
    """One part of the results of all codecs, such as sweep or drift; the variant goes by its label."""
    rows = pd.DataFrame([{"codec": codec, **row} for codec, figures in found.items() for row in figures[part]])
    return rows.assign(variant=rows["variant"].map(LABELS)) if "variant" in rows else rows


def _logarithmic(axis: Axes) -> None:
    """A logarithmic y axis with plain numbers, also where it spans less than a decade."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def curves(sweep: pd.DataFrame, x: str, text: str) -> Figure:
    """Held-out FVU against a measure of sparsity, one line a variant, one panel a codec, one mark a λ or k."""
    codecs = list(sweep["codec"].unique())
    figure, axes = plt.subplots(1, len(codecs), figsize=(2 + 3.1 * len(codecs), 3.1), squeeze=False)
    for axis, codec in zip(axes[0], codecs):
        sns.lineplot(sweep[sweep["codec"] == codec], x=x, y="fvu", hue="variant", style="variant", palette=COLOURS, markers=True,
                     dashes=False, sort=True, ax=axis, legend=axis is axes[0, -1])
        axis.set(xlabel=text, ylabel="FVU, held out (share)", title=codec)
        _logarithmic(axis)
        if x == "l0":
            axis.set_xscale("log", base=2)
    legend_beside(axes[0, -1], title=None, frameon=False)
    return figure


def drift(rows: pd.DataFrame) -> Figure:
    """rms of h, sparsity and held-out FVU over a long training, one line a codec and variant."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3))
    for axis, (name, text) in zip(axes, {"scale": "rms of h (standardised units)", "sparsity": "sparsity (share of zeros)",
                                         "fvu": "FVU, held out (share)"}.items()):
        sns.lineplot(rows, x="epoch", y=name, hue="variant", style="codec", palette=COLOURS, markers=True, ax=axis,
                     legend=axis is axes[-1])
        axis.set(xscale="log", xlabel="epoch", ylabel=text)
        epochs = sorted(rows["epoch"].unique())
        axis.set_xticks(epochs, [str(epoch) for epoch in epochs])
        axis.minorticks_off()
    axes[0].set_ylim(bottom=0)
    _logarithmic(axes[2])
    legend_beside(axes[-1], frameon=False)
    return figure


def optimisers(rows: pd.DataFrame) -> Figure:
    """Sparsity, held-out FVU and rms of h of one loss at one λ, under each optimiser."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 2.8), sharey=True)
    for axis, (name, text) in zip(axes, {"sparsity": "sparsity (share of zeros)", "fvu": "FVU, held out (share)",
                                         "scale": "rms of h (standardised units)"}.items()):
        sns.stripplot(rows, x=name, y="optimiser", hue="codec", palette=CODECS, size=9, jitter=False, dodge=True, ax=axis,
                      legend=axis is axes[-1])
        axis.set(xlabel=text, ylabel="")
        axis.set_xlim(left=0, right=1 if name == "sparsity" else 1.1 * rows[name].max())
    legend_beside(axes[-1], title=None, frameon=False)
    return figure
