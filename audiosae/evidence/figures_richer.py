"""Figures, tables and sentences of the richer properties; all take what `richer` wrote, by codec."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae.evidence.inputs import FEATURES, RAW, UNTRAINED

STYLES = {FEATURES: ("#0072B2", "o"), RAW: ("#E69F00", "^"), UNTRAINED: ("#56B4E9", "s")}
"""Colour (Okabe and Ito 2008) and mark of each input."""

Found = dict[str, dict[str, Any]]
"""Results by codec."""


def conventions(found: Found) -> list[str]:
    """Which weights made the figures of each codec, what the λ of its SAE multiplies, and how much the probes saw."""
    lines = []
    for codec, figures in found.items():
        sae, made = figures["sae"], figures["provenance"]
        given = made["parameters"]
        most = max(prop["train_frames"] for prop in figures["properties"].values())
        lines.append(
            f"{codec}: {made['weights']} weights; SAE of {sae['hidden']} features on {sae['dim']} latent dimensions, λ = {sae['l1']:g} "
            f"times the sum of h over features, mean over frames, beside the squared error summed over standardised dimensions; "
            f"probes fitted on at most {most:,} training frames, weight decay from {', '.join(f'{p:g}' for p in sorted(given['penalties']))}, "
            f"{given['iterations']} steps of L-BFGS each; seed {given['seed']}."
        )
    return lines


def order(found: Found) -> list[str]:
    """Names of the properties, the one with the highest mean skill of SAE features over codecs first."""
    names = dict.fromkeys(name for figures in found.values() for name in figures["properties"])
    return sorted(names, key=lambda name: -np.mean([
        figures["properties"][name][FEATURES]["skill"] or 0.0 for figures in found.values() if name in figures["properties"]
    ]))


def skills(found: Found) -> Figure:
    """Skill with its interval, one panel a codec, one row a property, one mark an input; filled where the interval is above 0."""
    names = order(found)
    figure, axes = plt.subplots(
        1, len(found), figsize=(3.1 * len(found) + 2.6, 0.42 * len(names) + 1.3), sharey=True, sharex=True, squeeze=False
    )
    for axis, (codec, figures) in zip(axes[0], found.items()):
        for row, name in enumerate(names):
            for shift, (kind, (colour, marker)) in zip((-0.24, 0.0, 0.24), STYLES.items()):
                score = figures["properties"].get(name, {}).get(kind)
                if score is None or score["skill"] is None:
                    continue
                low, high = score["skill_ci95"]
                axis.hlines(row + shift, low, high, color=colour, linewidth=1.6)
                axis.plot(score["skill"], row + shift, marker, color=colour, markersize=5.5,
                          markerfacecolor=colour if low > 0 else "white")
        axis.axvline(0, color="0.3", linewidth=1)
        axis.set(title=codec, xlabel="skill (0: commonest class, 1: always right)", yticks=range(len(names)), yticklabels=names)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_ylabel("property")
    handles = [plt.Line2D([], [], color=colour, marker=marker, label=kind) for kind, (colour, marker) in STYLES.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False)
    return figure


def accuracies(found: Found) -> pd.DataFrame:
    """What stands behind the skills: one row a property and codec, for SAE features, in the order of the figure."""
    rows = []
    for name in order(found):
        for codec, figures in found.items():
            if name not in figures["properties"]:
                continue
            prop = figures["properties"][name]
            score = prop[FEATURES]
            rows.append({
                "property": name, "codec": codec, "unit": prop["unit"], "classes": prop["classes"], "test recordings": prop["recordings"],
                "accuracy": score["accuracy"], "95 % interval": "{:.2f} to {:.2f}".format(*score["ci95"]),
                "commonest class": prop["majority"], "at random": prop["chance"],
                "within one bin": np.nan if score["within_one"] is None else score["within_one"],
            })
    return pd.DataFrame(rows).set_index(["property", "codec"])


def there(found: Found) -> list[str]:
    """What is linearly there and what is not, a sentence a codec."""
    lines = []
    for codec, figures in found.items():
        names = [name for name in order(found) if name in figures["properties"]]
        yes = [name for name in names if figures["properties"][name]["linearly_there"]]
        no = [name for name in names if name not in yes]
        line = f"{codec}, linearly there: {_list(yes)}. Not, as far as these recordings can tell: {_list(no)}."
        lines.append(line + (f" Nothing could be asked about {_list(figures['left_out'])}." if figures["left_out"] else ""))
    return lines


def gains(found: Found) -> list[str]:
    """Where SAE features do better than raw latents or an untrained SAE by intervals that do not meet, a sentence a codec and input."""
    lines = []
    for codec, figures in found.items():
        for other in (RAW, UNTRAINED):
            scored = {name: [prop[kind]["skill_ci95"] for kind in (FEATURES, other)] for name, prop in figures["properties"].items()}
            both = {name: pair for name, pair in scored.items() if None not in pair}
            more = [name for name in order(found) if name in both and both[name][0][0] > both[name][1][1]]
            less = [name for name in order(found) if name in both and both[name][0][1] < both[name][1][0]]
            lines.append(f"{codec}, features against {other}: more about {_list(more)}, less about {_list(less)}.")
    return lines


def votes(found: Found) -> list[str]:
    """How often the commonest answer in a clip is right, for properties that a whole clip shares."""
    lines = []
    for codec, figures in found.items():
        for name, prop in figures["properties"].items():
            for kind in STYLES:
                if vote := prop[kind]["clip_vote"]:
                    lines.append(f"{codec}: {name} of {vote['clips']} clips from {kind}: {vote['accuracy']:.2f} by vote of their frames "
                                 f"(interval {vote['ci95'][0]:.2f} to {vote['ci95'][1]:.2f}), {prop[kind]['accuracy']:.2f} frame by frame.")
    return lines


def _list(names: list[str]) -> str:
    """“a, b and c”; “nothing” where there is none."""
    if not names:
        return "nothing"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
