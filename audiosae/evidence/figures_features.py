"""Figures, tables and sentences on whether features are real; all take what `features` wrote, by codec."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae import figures
from audiosae.evidence.figures_baselines import COLOURS as CODES
from audiosae.evidence.inputs import FEATURES, NAMES, RAW, UNTRAINED

Found = dict[str, dict[str, Any]]
"""Results by codec."""

CHANCE = {"random": "any directions", "random_same_covariance": "any, as crowded as learnt", "untrained": "untrained SAEs"}
"""What a figure calls directions that nobody learnt."""

CHANCE_COLOURS = {"random": "0.6", "random_same_covariance": "#D55E00", "untrained": CODES[UNTRAINED]}

CHOSEN = {"probe": "chosen by the probe", "auroc": "chosen by AUROC in training"}


def conventions(found: Found) -> list[str]:
    """Which weights made the figures of each codec, and what its SAEs were trained with."""
    lines = []
    for codec, one in found.items():
        made, agree = one["provenance"], one["agreement"]
        given = made["parameters"]
        lines.append(
            f"{codec}: {made['weights']} weights; {given['seeds']} SAEs of {one['disentanglement'][FEATURES]['features']} features on "
            f"{agree['dim']} latent dimensions, λ = {given['l1']:g} times the sum of h over features, mean over frames, beside the squared error summed over "
            f"standardised dimensions; {given['epochs']} epochs, seeds from {given['seed']} on."
        )
    return lines


def _panels(found: Found, height: float, width: float = 3.3) -> tuple[Figure, np.ndarray]:
    figure, axes = plt.subplots(1, len(found), figsize=(width * len(found) + 2.2, height), sharey=True, squeeze=False)
    for axis, codec in zip(axes[0], found):
        axis.set_title(codec)
    return figure, axes[0]


def _legend(figure: Figure, axes: np.ndarray) -> None:
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)


def matched_cosines(found: Found) -> Figure:
    """Histograms of the cosine between matched features of two seeds, and between matched directions that nobody learnt."""
    figure, axes = _panels(found, 2.9)
    for axis, one in zip(axes, found.values()):
        agree = one["agreement"]
        counts = np.array(agree["histogram"])
        axis.stairs(counts / counts.sum(), agree["bins"], fill=True, color=CODES[FEATURES], alpha=0.6, label="SAEs of two seeds")
        for (name, label), line in zip(CHANCE.items(), ("-", "--", ":")):
            counts = np.array(agree[name]["histogram"])
            axis.stairs(counts / counts.sum(), agree["bins"], color=CHANCE_COLOURS[name], linestyle=line, linewidth=1.6, label=label)
        axis.axvline(0.7, color="0.3", linewidth=0.8)
        axis.set(xlabel="cosine of matched directions", xlim=(0, 1))
    axes[0].set_ylabel("share of pairs")
    _legend(figure, axes)
    return figure


def agreement_table(found: Found) -> pd.DataFrame:
    """Agreement of seeds beside that of directions that nobody learnt: one row a codec and kind."""
    rows = []
    for codec, one in found.items():
        for kind, of in (("SAEs of two seeds", one["agreement"]), *((label, one["agreement"][name]) for name, label in CHANCE.items())):
            rows.append({
                "codec": codec, "directions": kind, "mean matched cosine": of["cosine"], "above 0.7 (share)": of["above_0.7"],
                "above 0.9 (share)": of["above_0.9"], "mean max cosine": of["max_cosine"],
                "correlation of activations (median)": of.get("correlation", np.nan),
            })
    return pd.DataFrame(rows).set_index(["codec", "directions"])


def agreement_sentences(found: Found) -> list[str]:
    """What agreement comes to, in words."""
    lines = []
    for codec, one in found.items():
        agree = one["agreement"]
        best = max(agree[name]["cosine"] for name in CHANCE)
        low, high = agree["range"]["above_0.7"]
        lines.append(
            f"{codec}: {agree['above_0.7']:.1%} of the features come back from another seed by the criterion of a cosine above 0.7 "
            f"({low:.1%} to {high:.1%} over pairs of seeds). The mean matched cosine is {agree['cosine']:.2f}, that of the closest "
            f"directions that nobody learnt {best:.2f}. What a seed leaves of the variance unexplained runs from "
            f"{min(agree['fvu']):.3f} to {max(agree['fvu']):.3f}."
        )
    return lines


def strips(found: Found, selection: str) -> Figure:
    """AUROC of the SAE's features on test recordings, sorted, with intervals; the medians of the controls as lines."""
    figure, axes = _panels(found, 3.6)
    for axis, one in zip(axes, found.values()):
        tested = one["monosemantic"]
        rows = sorted(tested["features"][selection], key=lambda row: row["auroc"])
        for place, row in enumerate(rows):
            colour = figures.COLOURS[row["property"]]
            axis.vlines(place, *row["auroc_ci95"], color=colour, alpha=0.35, linewidth=1.4)
            axis.plot(place, row["auroc"], "o", color=colour, markersize=4, markerfacecolor=colour if row["holm"] < 0.05 else "white")
        for name, line in ((RAW, "--"), (UNTRAINED, "-.")):
            axis.axhline(tested[selection][name]["median_auroc"], color=CODES[name], linestyle=line, label=f"{name}, median")
        axis.axhline(tested["whole_probe"]["median_auroc"], color="0.2", label="whole probe, median")
        axis.axhline(0.5, color="0.5", linestyle=":", label="chance")
        axis.set(xlabel="features, sorted", xticks=[], ylim=(0, 1.02))
    for prop, colour in figures.COLOURS.items():
        axes[0].plot([], [], "o", color=colour, label=prop)
    axes[0].plot([], [], "o", color="0.3", markerfacecolor="white", label="not confirmed")
    axes[0].set_ylabel("AUROC on test recordings")
    _legend(figure, axes)
    return figure


def tested_table(found: Found) -> pd.DataFrame:
    """Single features put to the test: one row a codec, selection and code, with intervals in brackets."""
    rows = []
    for codec, one in found.items():
        tested = one["monosemantic"]
        kinds = [(chosen, name, tested[selection][name]) for selection, chosen in CHOSEN.items() for name in (FEATURES, UNTRAINED, RAW)]
        for chosen, name, of in [*kinds, ("none", "whole probe", tested["whole_probe"])]:
            rows.append({
                "codec": codec, "choice": chosen, "of": name, "tested": of["tested"],
                "confirmed (share)": _with(of["share_confirmed"], of["share_confirmed_ci95"]),
                "median AUROC": _with(of["median_auroc"], of["median_auroc_ci95"]),
                "median precision": _with(of["median_precision"], of["median_precision_ci95"]),
                "mostly on its class (share)": _with(of["mostly"], of["mostly_ci95"]),
            })
    return pd.DataFrame(rows).set_index(["codec", "choice", "of"])


def _with(value: float, interval: list[float]) -> str:
    return f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"


def tested_sentences(found: Found) -> list[str]:
    """What the test of single features comes to, in words."""
    lines = []
    for codec, one in found.items():
        tested = one["monosemantic"]
        own = tested["probe"][FEATURES]
        apart = []
        for name in (UNTRAINED, RAW):
            other = tested["probe"][name]
            low, high = other["behind_ci95"]
            verdict = "more than" if low > 0 else "less than" if high < 0 else "not to be told from"
            apart.append(f"{verdict} that of {name} (difference {other['behind']:+.2f}, {low:+.2f} to {high:+.2f})".replace("-", "−"))
        lines.append(
            f"{codec}: {own['confirmed']} of {own['tested']} features are confirmed as firing more on the class they are named after than "
            f"elsewhere. Their median AUROC is {own['median_auroc']:.2f}, {', and '.join(apart)}; the whole probe has "
            f"{tested['whole_probe']['median_auroc']:.2f}. {own['mostly']:.0%} spend most of their activation within one class of it."
        )
    return lines


def best_and_worst(found: Found, count: int) -> pd.DataFrame:
    """The features, chosen by the probe, that keep to their names best and least."""
    rows = []
    for codec, one in found.items():
        ordered = sorted(one["monosemantic"]["features"]["probe"], key=lambda row: -row["auroc"])
        for row in ordered if len(ordered) <= 2 * count else ordered[:count] + ordered[-count:]:
            rows.append({
                "codec": codec, "feature": row["feature"], "named after": f"{row['property']}, {row['name']}",
                "AUROC": _with(row["auroc"], row["auroc_ci95"]), "precision": row["precision"], "frames there (share)": row["base"],
                "p (Holm)": row["holm"], "cosine in other seeds": row["cosine"],
            })
    return pd.DataFrame(rows).set_index(["codec", "feature"])


def dci(found: Found) -> Figure:
    """Disentanglement, completeness, informativeness and features used, by code; lines span refits on halves."""
    measures = {"disentanglement": "disentanglement", "completeness": "completeness", "informativeness": "informativeness\n(accuracy)",
                "features_used": "features used"}
    figure, axes = plt.subplots(1, len(measures), figsize=(11.5, 2.9))
    for axis, (measure, label) in zip(axes, measures.items()):
        for number, (codec, one) in enumerate(found.items()):
            for place, name in enumerate(NAMES):
                of = one["disentanglement"][name]
                x = number + 0.2 * (place - (len(NAMES) - 1) / 2)
                axis.bar(x, of[measure], 0.18, color=CODES[name], label=name if number == 0 else None)
                axis.vlines(x, *of["halves"][measure], color="0.15")
        axis.set(xticks=range(len(found)), ylabel=label)
        axis.set_xticklabels(list(found), rotation=20, ha="right")
    _legend(figure, axes)
    return figure


def dci_sentences(found: Found) -> list[str]:
    """What disentanglement comes to, in words."""
    lines = []
    for codec, one in found.items():
        of = one["disentanglement"]
        d, used = of[FEATURES]["disentanglement"], of[FEATURES]["features_used"]
        higher = [name for name in NAMES if name != FEATURES and of[name]["disentanglement"] >= d]
        others = f"{', '.join(higher)} {'has' if len(higher) == 1 else 'have'} as much or more" if higher else "no other code has as much"
        lines.append(
            f"{codec}: disentanglement of the SAE's features is {d:.3f} of at most 1; {others}. "
            f"A property is spread as if evenly over {used:.0f} of {of[FEATURES]['features']} features."
        )
    return lines
