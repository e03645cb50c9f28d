"""One visual language for all figures: seaborn, a colour-blind safe palette, one colour a property."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiosae import labels, pitch
from audiosae.frames import Frames

COLOURS = {"pitch": "#0072B2", "amplitude": "#D55E00", "timbre": "#009E73"}
"""One colour a property (Okabe and Ito 2008)."""

CONFUSION_MAP = "rocket_r"


def style() -> None:
    """Set the look of every figure; call it once a notebook."""
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.85)
    # SVG names its parts after a salt and draws text as shapes; both must not change between runs.
    matplotlib.rcParams.update({
        "svg.hashsalt": "audiosae", "figure.dpi": 110, "savefig.bbox": "tight", "figure.constrained_layout.use": True,
        "axes.spines.top": False, "axes.spines.right": False,
    })


def legend_beside(axis: Axes, **options: object) -> None:
    """Move a legend to the right of its panel; a panel without data has none."""
    if axis.get_legend() is not None:
        sns.move_legend(axis, "upper left", bbox_to_anchor=(1.02, 1), **options)


def coverage(notes: pd.DataFrame, manifest: pd.DataFrame) -> Figure:
    """Where the notes of monophonic clips lie, by family of instruments: seconds a semitone."""
    mono = manifest[manifest["monophonic"]][["clip", "family"]]
    table = notes.merge(mono, on="clip")
    table["seconds"] = table["end"] - table["start"]
    figure, axis = plt.subplots(figsize=(8, 3))
    sns.histplot(table, x="midi", weights="seconds", hue="family", multiple="stack", discrete=True, ax=axis,
                 palette="colorblind", linewidth=0)
    axis.set(xlabel="note (MIDI number; 60 is middle C)", ylabel="length (s)", xlim=(29.5, 95.5))
    return figure


def label_histograms(frames: Frames) -> Figure:
    """How the training frames fall into the classes of the three properties."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.7))
    titles = {"pitch": "note (MIDI number)", "amplitude": "RMS (full scale 1)", "timbre": "spectral centroid (Hz)"}
    for axis, prop in zip(axes, labels.PROPERTIES):
        edges = frames.edges[prop]
        classes = frames.table.loc[frames.rows("train", prop), prop].to_numpy()
        counts = np.bincount(classes, minlength=len(edges) - 1)
        axis.bar(labels.centres(edges), counts / counts.sum(), width=np.diff(edges) * 0.9, color=COLOURS[prop])
        axis.set(xlabel=titles[prop], ylabel="share of frames", title=prop)
    second = axes[1].secondary_xaxis("top", functions=(_to_db, _from_db))
    second.set_xticks([-30, -20, -15, -10])
    second.set_xlabel("dBFS")
    axes[1].set_title("")
    return figure


def _to_db(x: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(x, 1e-4))


def _from_db(x: np.ndarray) -> np.ndarray:
    return 10 ** (np.asarray(x) / 20)


def clip_latents(frames: Frames, clip: str) -> Figure:
    """One clip as the SAE sees it: standardised latents over time, with the pitch that was measured."""
    rows = (frames.table["clip"] == clip).to_numpy()
    latents, table = frames.latents[rows], frames.table[rows]
    standard = (latents - latents.mean(axis=0)) / (latents.std(axis=0) + 1e-6)
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 4.4), sharex=True, height_ratios=(1, 2))
    times = table["time"].to_numpy()
    note = np.where(table["pitch"] >= 0, pitch.to_midi(table["f0"]), np.nan)
    above.plot(times, note, ".", color=COLOURS["pitch"], markersize=3)
    above.set(ylabel="note (MIDI)", title=clip)
    image = below.imshow(standard.T, aspect="auto", origin="lower", cmap="vlag", vmin=-3, vmax=3,
                         extent=(times[0], times[-1], 0, latents.shape[1]), interpolation="nearest")
    below.grid(False)
    below.set(xlabel="time (s)", ylabel="latent dimension")
    figure.colorbar(image, ax=below, label="standard deviations")
    return figure


def codec_training(curve: pd.DataFrame) -> Figure:
    """Terms of a codec's loss on validation pieces (columns step, quantised, and one a term).

    Where the codec has codebooks, a dotted line says from when on they were in use.
    """
    terms = [name for name in curve if name not in ("step", "quantised")]
    figure, axes = plt.subplots(1, len(terms), figsize=(3.6 * len(terms), 2.8))
    for axis, term in zip(axes, terms):
        sns.lineplot(curve, x="step", y=term, marker="o", color="0.25", ax=axis)
        if curve["quantised"].any():
            axis.axvline(curve.loc[curve["quantised"], "step"].min(), color="0.5", linestyle=":")
        axis.set(xlabel="training step", ylabel=f"{term} loss (no unit)")
        axis.set_ylim(bottom=0)
    return figure


def training_curves(curves: pd.DataFrame) -> Figure:
    """Both terms of the loss over epochs, for every point of the grid (columns hidden, l1, epoch, …)."""
    long = curves.melt(["hidden", "l1", "epoch"], ["reconstruction", "penalty"], "term", "value")
    long["λ"] = long["l1"].map("{:g}".format)
    long["features"] = long["hidden"].astype(str)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.1))
    units = {"reconstruction": "squared error a frame (variances)", "penalty": "λ Σ h, mean a frame"}
    for axis, (term, unit) in zip(axes, units.items()):
        sns.lineplot(long[long["term"] == term], x="epoch", y="value", hue="λ", style="features", palette="colorblind",
                     legend=axis is axes[1], ax=axis)
        axis.set(yscale="log", xlabel="epoch", ylabel=unit, title=term)
        axis.xaxis.get_major_locator().set_params(integer=True)
    legend_beside(axes[1])
    return figure


def grid_points(grid: pd.DataFrame, chosen: pd.Series) -> Figure:
    """Variance unexplained against sparsity and against L0, one mark a grid point, on test recordings."""
    table = grid.assign(**{"λ": grid["l1"].map("{:g}".format), "features": grid["hidden"].astype(str)})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, column, text in ((axes[0], "sparsity", "sparsity (share of zeros)"), (axes[1], "l0", "L0 (active features a frame)")):
        sns.scatterplot(table, x=column, y="fvu", hue="λ", style="features", s=90, palette="colorblind", ax=axis,
                        legend=axis is axes[1])
        axis.plot(chosen[column], chosen["fvu"], "o", markersize=16, markerfacecolor="none", color="0.3")
        axis.set(xlabel=text, ylabel="variance unexplained (share)", ylim=(0, 1.15 * grid["fvu"].max()))
    legend_beside(axes[1])
    return figure


def accuracies(table: pd.DataFrame, ceilings: dict[str, float]) -> Figure:
    """Accuracy of each probe with its interval, over baselines.

    Parameters
    ----------
    table
        Columns property, input, accuracy, low, high.
    ceilings
        By property, the accuracy that no probe can exceed; empty where there is no such limit.
    """
    figure, axis = plt.subplots(figsize=(8, 3.2))
    inputs = list(dict.fromkeys(table["input"]))
    palette = dict(zip(inputs, ["#0072B2", "#56B4E9", "0.7", "0.85"]))
    for number, prop in enumerate(labels.PROPERTIES):
        for place, name in enumerate(inputs):
            row = table[(table["property"] == prop) & (table["input"] == name)].iloc[0]
            x = number + 0.19 * (place - (len(inputs) - 1) / 2)
            axis.bar(x, row["accuracy"], 0.17, color=palette[name], label=name if number == 0 else None)
            if np.isfinite(row["low"]):
                axis.vlines(x, row["low"], row["high"], color="0.15")
        if prop in ceilings:
            axis.hlines(ceilings[prop], number - 0.4, number + 0.4, color="0.15", linestyle="--",
                        label="ceiling" if number == 0 else None)
    axis.set(xticks=range(3), xticklabels=labels.PROPERTIES, ylabel="accuracy on test frames (share)", xlabel="property")
    axis.set_ylim(0, 1)
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return figure


def confusions(matrices: dict[str, np.ndarray], edges: dict[str, np.ndarray]) -> Figure:
    """Confusion matrices of the three properties, in their own units."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.1))
    units = {"pitch": "note (MIDI)", "amplitude": "RMS", "timbre": "centroid (Hz)"}
    for axis, prop in zip(axes, labels.PROPERTIES):
        low, high = edges[prop][0], edges[prop][-1]
        image = axis.imshow(matrices[prop], origin="lower", cmap=CONFUSION_MAP, vmin=0, vmax=1,
                            extent=(low, high, low, high), interpolation="nearest")
        axis.grid(False)
        axis.set(xlabel=f"called: {units[prop]}", ylabel=f"is: {units[prop]}", title=prop)
    figure.colorbar(image, ax=axes, label="share of the true class")
    return figure


def steering_curves(heard: pd.DataFrame) -> Figure:
    """How far the sound moved towards its target and how far the others moved, against α.

    Parameters
    ----------
    heard
        Columns steered, measured, alpha, value: the share of the distance closed where `steered` is `measured`, else the
        mean absolute change in bins.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.2))
    target = heard[heard["steered"] == heard["measured"]]
    others = heard[heard["steered"] != heard["measured"]].assign(
        pair=lambda t: t["steered"] + " → " + t["measured"]
    )
    sns.lineplot(target, x="alpha", y="value", hue="steered", palette=COLOURS, marker="o", ax=axes[0], seed=0)
    axes[0].axhline(1, color="0.5", linestyle=":")
    axes[0].axhline(0, color="0.5", linewidth=0.8)
    axes[0].set(xlabel="α", ylabel="distance to target closed (share)")
    if len(others):
        sns.lineplot(others, x="alpha", y="value", hue="pair", style="pair", palette="colorblind", markers=True,
                     errorbar=None, ax=axes[1])
    axes[1].set(xlabel="α", ylabel="change of the other properties (bins)")
    axes[0].legend(title=None, frameon=False)
    legend_beside(axes[1], title=None, frameon=False)
    return figure
