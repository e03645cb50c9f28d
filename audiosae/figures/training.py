"""Curves of the training of the shipped weights."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

MEASURES = {
    "spectral": "spectral distance (no unit)",
    "level": "level error (share of RMS)",
    "log_mel_db": "log-mel distance (dB)",
    "pitch": "within 50 cents (share)",
}
"""What `training.codec.measure` finds, and its unit."""


def codec_training(curve: pd.DataFrame) -> Figure:
    """What was measured on validation pieces over the hours of music heard, a colour a run (columns as of `training.runs.curve`).

    Where the codec has codebooks, a dotted line says from when on they were in use. A measure that a run did not take is left out.
    """
    figure, axes = plt.subplots(2, 2, figsize=(8, 5), sharex=True)
    for axis, (name, label) in zip(axes.flat, MEASURES.items(), strict=True):
        look = {"palette": "crest", "marker": "o", "legend": "full" if axis is axes.flat[0] else False}
        sns.lineplot(curve.dropna(subset=[name]), x="hours", y=name, hue="run", ax=axis, **look)
        if curve["quantised"].any():
            axis.axvline(curve.loc[curve["quantised"], "hours"].min(), color="0.5", linestyle=":")
        axis.set(xlabel="hours of music heard in training", ylabel=label, ylim=(0, 1.08 * curve[name].max()))
    return figure
