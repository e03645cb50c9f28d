"""Figures of the codecs before and after further training."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from audiosae.figures.theme import title
from audiosae.numbers import with_interval

MEASURES = {
    "pitch": "within 50 cents (share)",
    "rms": "level (correlation)",
    "centroid": "centroid (correlation)",
    "log_mel_db": "log-mel distance (dB)",
}


def versions(figures: pd.DataFrame) -> Figure:
    """A panel a measure and a row a codec: the first value and today's, with intervals (rows as of `training.before_after`)."""
    figure, axes = plt.subplots(2, 2, figsize=(8, 4.4), sharey=True)
    for axis, (name, label) in zip(axes.flat, MEASURES.items(), strict=True):
        rows = figures[figures["figure"] == name]
        for shift, version, fill in ((-0.12, "first", "white"), (0.12, "now", "0.25")):
            value, low, high = (rows[f"{version}{end}"].to_numpy() for end in ("", "_low", "_high"))
            places = [place + shift for place in range(len(rows))]
            axis.errorbar(value, places, xerr=[value - low, high - value], fmt="o", color="0.25", mfc=fill, capsize=2)
        axis.set(xlabel=label, yticks=range(len(rows)), yticklabels=[title(codec) for codec in rows["codec"]])
    axes[0, 0].invert_yaxis()
    return figure


def table(figures: pd.DataFrame) -> pd.DataFrame:
    """The same as text: value and interval."""

    def cell(row: pd.Series, version: str) -> str:
        many = 2 if row["figure"] == "log_mel_db" else 3
        value, low, high = (row[f"{version}{end}"] for end in ("", "_low", "_high"))
        return with_interval(value, [low, high], many)

    names = {"first weights": "first", "today's": "now", "change": "change"}
    made = {
        (title(row["codec"]), MEASURES[row["figure"]]): {name: cell(row, version) for name, version in names.items()}
        for _, row in figures.iterrows()
    }
    return pd.DataFrame(made).T
