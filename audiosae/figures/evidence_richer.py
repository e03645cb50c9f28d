"""Page 7, richer properties: their skill, and what is linearly there."""

from __future__ import annotations

from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae.figures.evidence import FEATURES, INPUTS, RAW, UNTRAINED, Found, panels, probe_settings, sae_settings, table
from audiosae.figures.theme import title
from audiosae.numbers import interval, listed, number, with_interval

SHOWN = (FEATURES, RAW, UNTRAINED)


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec, and how much the probes saw."""
    most = max(prop["train_frames"] for prop in one["properties"].values())
    rest = f"probes fitted on at most {most:,} training frames, {probe_settings(one['provenance']['parameters'])}"
    return sae_settings(codec, one, rest, one["sae"])


def order(found: Found) -> list[str]:
    """Names of the properties, the one with the highest mean skill of SAE features over codecs first."""
    properties = [one["properties"] for one in found.values()]
    names = dict.fromkeys(name for each in properties for name in each)
    return sorted(names, key=lambda name: -np.mean([each[name][FEATURES]["skill"] or 0.0 for each in properties if name in each]))


def skills(found: Found) -> Figure:
    """Skill with its interval, one panel a codec, one row a property, one mark an input; filled where the interval is above 0."""
    names = order(found)
    figure, axes = panels(found, 3.1, 2.6, 0.42 * len(names) + 1.3, sharex=True)
    for axis, one in zip(axes, found.values()):
        for row, name in enumerate(names):
            for shift, kind in zip((-0.24, 0.0, 0.24), SHOWN):
                score, (colour, marker) = one["properties"].get(name, {}).get(kind, {}), INPUTS[kind]
                if score.get("skill") is not None:
                    axis.hlines(row + shift, *score["skill_ci95"], color=colour, linewidth=1.6)
                    filling = colour if score["skill_ci95"][0] > 0 else "white"
                    axis.plot(score["skill"], row + shift, marker, color=colour, markersize=5.5, markerfacecolor=filling)
        axis.axvline(0, color="0.3", linewidth=1)
        axis.set(xlabel="skill (0: majority class, 1: always right)", yticks=range(len(names)), yticklabels=names)
    axes[0].invert_yaxis()
    axes[0].set_ylabel("property")
    handles = [plt.Line2D([], [], color=INPUTS[kind][0], marker=INPUTS[kind][1], label=kind) for kind in SHOWN]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False)
    return figure


def accuracies(found: Found) -> pd.DataFrame:
    """What stands behind the skills: one row a property and codec, for SAE features, in the order of the figure."""
    rows = []
    for name, codec in product(order(found), found):
        if prop := found[codec]["properties"].get(name):
            score, known = prop[FEATURES], (prop["unit"], prop["classes"], prop["recordings"])
            near = np.nan if score["within_one"] is None else score["within_one"]
            span = interval(score["ci95"])
            rows.append((name, codec, *known, score["accuracy"], span, prop["majority"], prop["chance"], near))
    columns = "unit; classes; test recordings; accuracy; 95 % interval; majority class; at random; within one bin"
    return table(rows, "property; codec", columns)


def linearly_there(found: Found) -> list[str]:
    """What is linearly there and what is not, a sentence a codec."""
    lines = []
    for codec, one in found.items():
        names = [name for name in order(found) if name in one["properties"]]
        yes = [name for name in names if one["properties"][name]["linearly_there"]]
        no = [name for name in names if name not in yes]
        line = f"{title(codec)}, linearly there: {listed(yes)}. Not, as far as these recordings can tell: {listed(no)}."
        lines.append(line + (f" Nothing could be asked about {listed(one['left_out'])}." if one["left_out"] else ""))
    return lines


def gains(found: Found) -> list[str]:
    """Where SAE features do better than raw latents or an untrained SAE, paired by recording, a sentence a codec and input."""
    lines = []
    for (codec, one), other in product(found.items(), (RAW, UNTRAINED)):
        gaps = {name: prop["difference"][other]["ci95"] for name, prop in one["properties"].items()}
        told = [(name, *gaps[name]) for name in order(found) if gaps.get(name)]
        more, less = [name for name, low, _ in told if low > 0], [name for name, _, high in told if high < 0]
        lines.append(f"{title(codec)}, features against {other}: more about {listed(more)}, less about {listed(less)}.")
    return lines


def votes(codec: str, one: dict[str, Any]) -> str:
    """How often the majority vote of a clip's frames is right, for properties that a whole clip shares: a line each."""
    return "\n".join(
        f"{codec}: {name} of {vote['clips']} clips from {kind}: {with_interval(vote['accuracy'], vote['ci95'])} by vote of their "
        f"frames, {number(prop[kind]['accuracy'])} frame by frame."
        for name, prop in one["properties"].items()
        for kind in SHOWN
        if (vote := prop[kind]["clip_vote"])
    )
