"""One clip on its way through codec, autoencoder, probe and steering, as a strip of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from audiosae import frames, probes, steering
from audiosae.figures.theme import title
from audiosae.sae import reference
from audiosae.sae.reference import in_use
from audiosae.steering import response

SHOWN = 64
"""Features in the pictures, those that change most over the clip."""


def strip(codec: str, quantiles: list[float], project: Path) -> Figure:
    """Six pictures of the last clip that section 4 steered for pitch: sound, latents, features, probe, push at r = 1, and sound again.

    `quantiles` are those of section 4, which decide the targets.
    """
    folder = project / f"book/_static/sounds/{codec}/04_steering/steering"
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    axes = {name: values for name, values, _ in index["axes"]}
    place = [len(axes["clip"]) - 1, axes["property"].index("pitch"), axes["target"].index("low"), axes["r"].index("1")]
    state = index["states"]["-".join(map(str, place))]
    clip = axes["clip"][-1].rpartition("(")[2].rstrip(")")
    table = frames.load(project / f"data/frames/{codec}")
    sae = reference.load(in_use(codec, "sae", project=project))
    probe = probes.load(in_use(codec, "probes", project=project))["pitch"]
    x = table.latents[(table.table["clip"] == clip).to_numpy()]
    target = response.goals(table, quantiles)["pitch"]["low"].number
    with torch.no_grad():
        features, row = sae.encode(x), probe.weight[target]
        pushed = sae.renormalised(features + steering.strength_of(sae, x, row, 1.0) * row)
        probabilities = torch.softmax(probe.logits(features), dim=1)
        latents = sae.normalised(x)
    most = features.std(dim=0).topk(min(SHOWN, features.shape[1])).indices.sort().values
    seconds = len(x) / table.frame_rate
    figure, panels = plt.subplots(2, 3, figsize=(8.4, 4.2), sharex=True, dpi=75)  # six noisy pictures: fewer pixels, fewer bytes
    spectrograms = [np.asarray(Image.open(folder / name)) for name in (index["besides"][state["beside"]]["picture"], state["picture"])]
    pictures = [
        ("1 · sound", "pitch", spectrograms[0], {}),
        (f"2 · latents of {title(codec)}", "dimension", latents.T, {"cmap": "vlag", "vmin": -3, "vmax": 3}),
        ("3 · features", f"{len(most)} of {features.shape[1]}", features[:, most].T, {"cmap": "magma", "vmin": 0, "vmax": 4}),
        ("4 · probe", "pitch class", probabilities.T, {"cmap": "magma", "vmin": 0, "vmax": 1}),
        ("5 · features, pushed", f"{len(most)} of {features.shape[1]}", pushed[:, most].T, {"cmap": "magma", "vmin": 0, "vmax": 4}),
        ("6 · sound", "pitch", spectrograms[1], {}),
    ]
    for axis, (name, label, image, look) in zip(panels.flat, pictures, strict=True):
        upright = {"origin": "lower"} if look else {}  # a spectrogram stands upright as it is
        axis.imshow(np.asarray(image), aspect="auto", interpolation="nearest", extent=(0, seconds, 0, 1), **upright, **look)
        axis.set(yticks=[], ylabel=label)
        axis.set_title(name, loc="left", fontsize=10)
        axis.grid(False)
    for axis in panels[1]:
        axis.set_xlabel("time (s)")
    return figure
