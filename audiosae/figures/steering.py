"""Figures and sentences on the response to steering, from what `audiosae.steering.response` finds: for pages 4 and 9."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae.figures.evidence import PROPERTIES
from audiosae.figures.theme import COLOURS, title
from audiosae.files import results
from audiosae.numbers import listed, number, percent, with_interval
from audiosae.steering import UNITS

Responses = dict[str, dict[str, Any]]
"""What `response.respond` found, by property."""

MARKS: dict[str, tuple[str, Any]] = {"low": ("v", "--"), "high": ("^", "-")}
"""Mark and line of each target."""

PAPER = "0.15"
"""Colour of the paper's α."""


def responses(codec: str, project: Path, own: Responses) -> Responses:
    """What all seeds gave in the evidence, where that is of what is here, else what section 4 found with one; a line says which."""
    why = results.read(project / "results/current.json")["steering"][codec]
    found = own if why else results.read(project / f"results/evidence/steering/{codec}.json")["kinds"]["paper"]
    seeds, clips = (next(iter(found.values()))[name] for name in ("seeds", "clips"))
    trainings = "one training of the autoencoder" if seeds == 1 else f"{seeds} trainings of the autoencoder, resampled with the clips"
    print(f"{clips} clips; {trainings}." + (f" Of more seeds there is nothing here: {why}." if why else ""))
    return found


def dose_response(found: dict[str, Responses]) -> Figure:
    """Change towards the target against strength, one row a codec and one panel a property; the band is what random directions do."""
    figure, axes = _panels(found)
    for row, (codec, responses) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            told = responses[prop]
            strengths = np.array([-1, 0, 1]) if told.get("random") is None else np.linspace(-1, 1, 21)
            reach = np.abs(strengths) * (told["random_ci95"][1] if told.get("random_ci95") else told.get("random") or 0.0)
            axis.fill_between(strengths, -reach, reach, color="0.85", linewidth=0)
            for target, (mark, line) in MARKS.items():
                heard = [at for at in told["response"][target] if at["moved"] is not None]
                axis.plot([at["r"] for at in heard], [at["moved"] for at in heard], line, color=COLOURS[prop], linewidth=1.2)
                for at in heard:
                    if at["moved_ci95"]:
                        axis.vlines(at["r"], *at["moved_ci95"], color=COLOURS[prop], linewidth=0.8)
                    face = COLOURS[prop] if at["valid_share"] >= 0.5 else "none"
                    axis.plot(at["r"], at["moved"], mark, color=COLOURS[prop], markerfacecolor=face, markersize=6)
            axis.axhline(0, color="0.5", linewidth=0.8)
            axis.set(title=f"{title(codec)}: {prop}", xlabel="strength r", ylabel=f"towards target ({told['unit']})")
    _legend(figure, plt.Rectangle((0, 0), 1, 1, color="0.85", label="random directions"))
    return figure


def road_to_collapse(found: dict[str, Responses]) -> Figure:
    """Share of sounds that still are the clip against strength, one row a codec and one panel a property, with the paper's α in black."""
    figure, axes = _panels(found, sharey=True)
    for row, (codec, responses) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            told = responses[prop]
            for target, (mark, line) in MARKS.items():
                heard = told["response"][target]
                axis.plot([at["r"] for at in heard], [at["valid_share"] for at in heard], line, marker=mark, color=COLOURS[prop])
            for alpha, at in told.get("paper", {}).items():
                place = at["r"], at["valid_share"]
                axis.plot(*place, "X", color=PAPER, markersize=7, zorder=3)
                axis.annotate(f"α = {alpha}", place, (4, 5), textcoords="offset points", fontsize=8, color=PAPER)
            axis.set(title=f"{title(codec)}: {prop}", xlabel="strength r", ylabel="still the clip (share)", ylim=(-0.05, 1.05))
    _legend(figure, plt.Line2D([], [], color=PAPER, marker="X", linestyle="", label="the paper's α"))
    return figure


def _panels(found: dict[str, Responses], **shared: Any) -> tuple[Figure, np.ndarray]:
    return plt.subplots(len(found), 3, figsize=(3.4 * 3, 2.6 * len(found) + 0.6), squeeze=False, **shared)


def _legend(figure: Figure, last: Any) -> None:
    lines = [plt.Line2D([], [], color="0.4", marker=mark, linestyle=line, label=f"{name} target") for name, (mark, line) in MARKS.items()]
    figure.legend(handles=[*lines, last], loc="outside lower center", ncols=3, frameon=False)


def table(responses: Responses) -> pd.DataFrame:
    """What moved, a row a property and target, with the targets' names."""
    rows = {}
    for prop, target in product(PROPERTIES, MARKS):
        told = responses[prop]
        at = told["targets"][target]
        rows[prop, target] = {
            "target": at["name"],
            "moved per unit of r": f"{with_interval(at['slope'], at['slope_ci95'])} {told['unit']}",
            "random direction": with_interval(told.get("random"), told.get("random_ci95")),
            "still the clip": percent(at["valid_share"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["steered", "towards"])


def leakage(responses: Responses) -> pd.DataFrame:
    """How far the other properties moved, for each unit of r and for each unit of the steered one."""
    rows = {}
    for prop, other in product(PROPERTIES, PROPERTIES):
        told = responses[prop]
        if at := told["leakage"].get(other):
            ratio, unit = told["leakage_ratio"][other], UNITS[other]
            rows[prop, other] = {
                "per unit of r": f"{with_interval(at['slope'], at['slope_ci95'])} {unit}",
                "per unit moved": f"{with_interval(ratio['value'], ratio['ci95'])} {unit} / {told['unit']}",
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["steered", "moved along"])


def alphas(responses: Responses) -> pd.DataFrame:
    """What the paper's α do, a row a property and α; a sound that is no longer the clip has made no progress to the target."""
    rows = {
        (prop, f"α = {alpha}"): {
            "relative strength r": number(at["r"], 1),
            "still the clip": percent(at["valid_share"]),
            "buzz at the frame rate": percent(at["collapsed"]),
            "pitch lost": percent(at["pitch_lost"]),
            "progress to the target": percent(at["on_target"]),
        }
        for prop in PROPERTIES for alpha, at in responses[prop].get("paper", {}).items()
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["steered", "strength"])


def beyond_random(responses: Responses) -> str:
    """For which properties the push moves the sound further than a random one, as a sentence."""
    beyond = {prop: responses[prop].get("beyond_random_ci95") or [0, 0] for prop in PROPERTIES}
    surely, less = [prop for prop in beyond if beyond[prop][0] > 0], [prop for prop in beyond if beyond[prop][1] < 0]
    text = f"Moved further than by a random direction of the same strength, by the 95 % interval: {listed(surely, 'none')}."
    return text + (f" Moved less far: {listed(less)}." if less else "")
