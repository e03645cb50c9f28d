"""Page 8, whether features are real: figures, tables and sentences."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae.figures import evidence
from audiosae.figures.evidence import FEATURES, INPUTS, RAW, UNTRAINED, Found
from audiosae.figures.theme import COLOURS, title
from audiosae.numbers import difference, percent, with_interval

CHANCE = {
    "random": ("random directions", "0.6", "-"),
    "random_same_covariance": ("random, with the learnt covariance", "0.3", "--"),
    "untrained": ("untrained SAEs", INPUTS[UNTRAINED][0], ":"),
}
"""Label, colour and line of directions that were not learned."""

CHOSEN = {"probe": "chosen by the probe", "auroc": "chosen by AUROC in training"}


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec."""
    given = one["provenance"]["parameters"]
    rest = f"{given['epochs']} epochs, seeds from {given['seed']} on."
    return evidence.sae_settings(codec, one, rest, one["sae"], f"{given['seeds']} SAEs")


def matched_cosines(found: Found) -> Figure:
    """Histograms of the cosine between matched features of two seeds, and between matched directions that nobody learnt."""
    figure, axes = evidence.panels(found, 3.3, 2.2, 2.9)
    filled = {"label": "SAEs of two seeds", "fill": True, "color": INPUTS[FEATURES][0], "alpha": 0.6}
    for axis, one in zip(axes, found.values()):
        agree = one["agreement"]
        lines = [(agree[name], {"label": label, "color": colour, "linestyle": line}) for name, (label, colour, line) in CHANCE.items()]
        for of, look in [(agree, filled), *((of, {**look, "linewidth": 1.6}) for of, look in lines)]:
            axis.stairs(np.array(of["histogram"]) / np.sum(of["histogram"]), agree["bins"], **look)
        axis.axvline(0.7, color="0.3", linewidth=0.8)
        axis.set(xlabel="cosine of matched directions", xlim=(0, 1))
    axes[0].set_ylabel("share of pairs")
    evidence.legend(figure, axes[0])
    return figure


def agreement(found: Found) -> pd.DataFrame:
    """Agreement of seeds beside that of directions that nobody learnt: one row a codec and kind."""
    rows = []
    for codec, one in found.items():
        agree = one["agreement"]
        for kind, of in {"SAEs of two seeds": agree, **{label: agree[name] for name, (label, *_) in CHANCE.items()}}.items():
            rows.append((codec, kind, of["cosine"], of["above_0.7"], of["above_0.9"], of["max_cosine"], of.get("correlation", np.nan)))
    columns = "mean matched cosine; above 0.7 (share); above 0.9 (share); mean max cosine; correlation of activations (median)"
    return evidence.table(rows, "codec; directions", columns)


def agreement_sentences(codec: str, one: dict[str, Any]) -> str:
    """How well seeds agree, in words."""
    agree = one["agreement"]
    low, high = agree["range"]["above_0.7"]
    return (
        f"{codec}: {percent(agree['above_0.7'], 1)} of the features come back from another seed by the criterion of a cosine above 0.7 "
        f"({percent(low, 1)} to {percent(high, 1)} over pairs of seeds). The mean matched cosine is {agree['cosine']:.2f}, that of the closest "
        f"directions that nobody learnt {max(agree[name]['cosine'] for name in CHANCE):.2f}. What a seed leaves of the variance "
        f"unexplained runs from {min(agree['fvu']):.3f} to {max(agree['fvu']):.3f}."
    )


def strips(found: Found, selection: str) -> Figure:
    """AUROC of the SAE's features on test recordings, sorted, with intervals; the medians of the controls as lines."""
    figure, axes = evidence.panels(found, 3.3, 2.2, 3.6)
    for axis, one in zip(axes, found.values()):
        tested = one["monosemantic"]
        for place, row in enumerate(sorted(tested["features"][selection], key=lambda row: row["auroc"])):
            colour = COLOURS[row["property"]]
            axis.vlines(place, *row["auroc_ci95"], color=colour, alpha=0.35, linewidth=1.4)
            axis.plot(place, row["auroc"], "o", color=colour, markersize=4, markerfacecolor=colour if row["holm"] < 0.05 else "white")
        for name, line in ((RAW, "--"), (UNTRAINED, "-.")):
            axis.axhline(tested[selection][name]["median_auroc"], color=INPUTS[name][0], linestyle=line, label=f"{name}, median")
        axis.axhline(tested["whole_probe"]["median_auroc"], color="0.2", label="whole probe, median")
        axis.axhline(0.5, color="0.5", linestyle=":", label="chance")
        axis.set(xlabel="features, sorted", xticks=[], ylim=(0, 1.02))
    for prop, colour in COLOURS.items():
        axes[0].plot([], [], "o", color=colour, label=prop)
    axes[0].plot([], [], "o", color="0.3", markerfacecolor="white", label="not confirmed")
    axes[0].set_ylabel("AUROC on test recordings")
    evidence.legend(figure, axes[0])
    return figure


def tested(found: Found) -> pd.DataFrame:
    """Single features put to the test: one row a codec, selection and code, with intervals in brackets."""
    rows = []
    for codec, one in found.items():
        of = one["monosemantic"]
        kinds = [(chosen, name, of[selection][name]) for selection, chosen in CHOSEN.items() for name in (FEATURES, UNTRAINED, RAW)]
        for chosen, name, row in [*kinds, ("none", "whole probe", of["whole_probe"])]:
            keys = ("share_confirmed", "median_auroc", "median_precision", "mostly")
            rows.append((codec, chosen, name, row["tested"], *(with_interval(row[key], row[f"{key}_ci95"]) for key in keys)))
    columns = "tested; confirmed (share); median AUROC; median precision; mostly on its class (share)"
    return evidence.table(rows, "codec; choice; of", columns)


def tested_sentences(codec: str, one: dict[str, Any]) -> str:
    """What the test of single features comes to, in words."""
    whole, own, apart = one["monosemantic"]["whole_probe"], one["monosemantic"]["probe"][FEATURES], []
    for name in (UNTRAINED, RAW):
        other = one["monosemantic"]["probe"][name]
        low, high = other["behind_ci95"]
        verdict = "more than" if low > 0 else "less than" if high < 0 else "not to be told from"
        apart.append(f"{verdict} that of {name} (difference {difference(other['behind'], other['behind_ci95'])})")
    return (
        f"{codec}: {own['confirmed']} of {own['tested']} features are confirmed as firing more on the class they are named after than "
        f"elsewhere. Their median AUROC is {own['median_auroc']:.2f}, {', and '.join(apart)}; the whole probe has "
        f"{whole['median_auroc']:.2f}. {percent(own['mostly'])} spend most of their activation within one class of it."
    )


def best_and_worst(found: Found, count: int) -> pd.DataFrame:
    """The features, chosen by the probe, that keep to their names best and least."""
    rows = []
    for codec, one in found.items():
        ordered = sorted(one["monosemantic"]["features"]["probe"], key=lambda row: -row["auroc"])
        for row in ordered if len(ordered) <= 2 * count else ordered[:count] + ordered[-count:]:
            auroc, name = with_interval(row["auroc"], row["auroc_ci95"]), f"{row['property']}, {row['name']}"
            rows.append((codec, row["feature"], name, auroc, row["precision"], row["base"], row["holm"], row["cosine"]))
    columns = "named after; AUROC; precision; frames there (share); p (Holm); cosine in other seeds"
    return evidence.table(rows, "codec; feature", columns)


def dci(found: Found) -> Figure:
    """Disentanglement, completeness, informativeness and features used, by code; lines span refits on halves."""
    measures = ("disentanglement", "completeness", "informativeness", "features_used")
    labels = ("disentanglement", "completeness", "informativeness\n(accuracy)", "features used")
    figure, axes = plt.subplots(1, len(measures), figsize=(11.5, 2.9))
    for axis, measure, label in zip(axes, measures, labels):
        for number, one in enumerate(found.values()):
            for name, shift in evidence.side_by_side([*INPUTS], 0.16).items():
                of = one["disentanglement"][name]
                axis.bar(number + shift, of[measure], 0.15, color=INPUTS[name][0], label=name if number == 0 else None)
                axis.vlines(number + shift, *of["halves"][measure], color="0.15")
        axis.set(xticks=range(len(found)), ylabel=label)
        axis.set_xticklabels(map(title, found), rotation=20, ha="right")
    evidence.legend(figure, axes[0])
    return figure


def dci_sentences(codec: str, one: dict[str, Any]) -> str:
    """What disentanglement comes to, in words."""
    codes = one["disentanglement"]
    own = codes[FEATURES]
    higher = [name for name in INPUTS if name != FEATURES and codes[name]["disentanglement"] >= own["disentanglement"]]
    told = f"{', '.join(higher)} {'has' if len(higher) == 1 else 'have'} as much or more" if higher else "no other code has as much"
    return (
        f"{codec}: disentanglement of the SAE's features is {own['disentanglement']:.3f} of at most 1; {told}. "
        f"A property is spread as if evenly over {own['features_used']:.0f} of {own['features']} features."
    )
