"""Curves of the training of the shipped weights."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure


def codec_training(curve: pd.DataFrame) -> Figure:
    """Terms of a codec's loss on validation pieces (columns step, quantised, and one a term).

    Where the codec has codebooks, a dotted line says from when on they were in use.
    """
    terms = [name for name in curve if name not in ("step", "quantised")]
    figure, axes = plt.subplots(1, len(terms), figsize=(3.6 * len(terms), 2.8))
    for axis, term in zip(axes, terms, strict=True):
        sns.lineplot(curve, x="step", y=term, marker="o", color="0.25", ax=axis)
        if curve["quantised"].any():
            axis.axvline(curve.loc[curve["quantised"], "step"].min(), color="0.5", linestyle=":")
        axis.set(xlabel="training step", ylabel=f"{term} loss (no unit)")
        axis.set_ylim(bottom=0)
    return figure
