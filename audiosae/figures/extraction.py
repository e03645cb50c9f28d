"""Figures of section 1: the corpus, its labels, its latents."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.audio import labels, pitch
from audiosae.figures.theme import COLOURS
from audiosae.frames import Frames


def coverage(notes: pd.DataFrame, manifest: pd.DataFrame) -> Figure:
    """Where the notes of monophonic clips lie, by family of instruments: seconds a semitone."""
    table = notes.merge(manifest.loc[manifest["monophonic"], ["clip", "family"]], on="clip")
    look = {"multiple": "stack", "discrete": True, "palette": "colorblind", "linewidth": 0}
    figure, axis = plt.subplots(figsize=(8, 3))
    sns.histplot(table, x="midi", weights=table["end"] - table["start"], hue="family", ax=axis, **look)
    axis.set(xlabel="note (MIDI number; 60 is middle C)", ylabel="length (s)", xlim=(29.5, 95.5))
    return figure


def label_histograms(frames: Frames) -> Figure:
    """How the training frames fall into the classes of the three properties."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.7))
    titles = {"pitch": "note (MIDI number)", "amplitude": "RMS (full scale 1)", "timbre": "spectral centroid (Hz)"}
    for axis, prop in zip(axes, labels.PROPERTIES, strict=True):
        edges = frames.edges[prop]
        classes = frames.table.loc[frames.rows("train", prop), prop].to_numpy()
        counts = np.bincount(classes, minlength=len(edges) - 1)
        axis.bar(labels.centres(edges), counts / counts.sum(), width=np.diff(edges) * 0.9, color=COLOURS[prop])
        axis.set(xlabel=titles[prop], ylabel="share of frames", title=prop)
    second = axes[1].secondary_xaxis("top", functions=(lambda x: 20 * np.log10(np.maximum(x, 1e-4)), lambda x: 10 ** (np.asarray(x) / 20)))
    second.set_xticks([-30, -20, -15, -10])
    second.set_xlabel("dBFS")
    axes[1].set_title("")
    return figure


def clip_latents(frames: Frames, clip: str) -> Figure:
    """One clip as the SAE sees it: standardised latents over time, with the pitch that was measured."""
    rows = (frames.table["clip"] == clip).to_numpy()
    latents, table = frames.latents[rows].numpy(), frames.table[rows]
    standard = (latents - latents.mean(axis=0)) / (latents.std(axis=0) + 1e-6)
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 4.4), sharex=True, height_ratios=(1, 2))
    times = table["time"].to_numpy()
    note = np.where(table["pitch"] >= 0, pitch.to_midi(table["f0"]), np.nan)
    above.plot(times, note, ".", color=COLOURS["pitch"], markersize=3)
    above.set(ylabel="note (MIDI)", title=clip)
    extent = (times[0], times[-1], 0, latents.shape[1])
    image = below.imshow(standard.T, aspect="auto", origin="lower", cmap="vlag", vmin=-3, vmax=3, extent=extent, interpolation="nearest")
    below.grid(False)
    below.set(xlabel="time (s)", ylabel="latent dimension")
    figure.colorbar(image, ax=below, label="standard deviations")
    return figure
