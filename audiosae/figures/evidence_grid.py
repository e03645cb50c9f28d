"""Page 6, the grid: figures over width and λ, and our ranges beside the paper's."""

from __future__ import annotations

from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.figures.evidence import FEATURES, INPUTS, PROPERTIES, Found, table
from audiosae.figures.theme import title
from audiosae.numbers import interval, number, with_interval

NAMES = {"fvu": "FVU", "sparsity": "sparsity", "l0": "L0", "dead": "dead (share)", **{prop: f"{prop} accuracy" for prop in PROPERTIES}}
OURS, PAPERS = INPUTS[FEATURES][0], "0.6"


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec."""
    given, factors = one["provenance"]["parameters"], sorted({point["factor"] for point in one["points"]})
    return (
        f"{codec}: {one['provenance']['weights']} weights; {factors[0]} to {factors[-1]} times {one['dim']} features (at most "
        f"{given['largest']}); {number(one['train_frames'], 0)} of {number(one['frames'], 0)} training frames, {given['epochs']} epochs of Adam at "
        f"{given['learning_rate']:g}; FVU on held-out {one['held_out']}"
    )


def lines(found: Found, names: list[str]) -> Figure:
    """One row of panels a figure of `NAMES`, one column a codec; in a panel, width to the right and one line a λ."""
    figure, axes = plt.subplots(
        len(names), len(found), figsize=(2.9 * len(found) + 1.2, 2.1 * len(names) + 0.5), sharex=True, sharey="row", squeeze=False
    )
    for column, (codec, one) in zip(axes.T, found.items()):
        points = pd.DataFrame([point | {prop: score["accuracy"] for prop, score in point["accuracy"].items()} for point in one["points"]])
        points["λ"] = points["l1"].map("{:g}".format)
        for axis, name in zip(column, names):
            shown = axis is axes[0, -1]
            sns.lineplot(points, x="factor", y=name, hue="λ", palette="flare", marker="o", ax=axis, legend=shown, errorbar=None)
            if name in one["majority"]:
                axis.axhline(one["majority"][name], color="0.3", linestyle=":", label="majority class" if shown else None)
            axis.set(xlabel="features / latent size", ylabel=NAMES[name])
        column[0].set_title(title(codec))
    factors = sorted({point["factor"] for one in found.values() for point in one["points"]})
    axes[0, 0].set_xscale("log", base=2)
    axes[0, 0].set_xticks(factors, [f"{factor:g}×" for factor in factors])
    for row, name in zip(axes, names):
        row[0].set_yscale("log" if name == "fvu" else "linear")
        if name != "fvu":
            row[0].set_ylim(bottom=0)
    handles, labels = axes[0, -1].get_legend_handles_labels()
    axes[0, -1].get_legend().remove()
    figure.legend(handles, [label if "class" in label else f"λ = {label}" for label in labels], loc="outside right upper", frameon=False)
    return figure


def best_points(found: Found) -> pd.DataFrame:
    """The most accurate point of each codec and property, and the range that it stands in."""
    rows = []
    for (codec, one), prop in product(found.items(), PROPERTIES):
        best = max(one["points"], key=lambda point: point["accuracy"][prop]["accuracy"])
        score = with_interval(best["accuracy"][prop]["accuracy"], best["accuracy"][prop]["ci95"])
        baseline = number(one["ranges"][prop][0]), number(one["majority"][prop])
        rows.append((codec, prop, f"{best['factor']}×, λ {best['l1']:g}", score, *baseline))
    return table(rows, "codec; property", "best point; accuracy there (95 %); lowest over the grid; majority class")


def ranges(found: Found) -> Figure:
    """Lowest to highest value over the grid: the paper's in grey, ours in blue, one panel a codec that the paper has."""
    known = {codec: one["beside_paper"] for codec, one in found.items() if one["beside_paper"]}
    count = max(1, len(known))
    figure, axes = plt.subplots(1, count, figsize=(1.5 + 3.4 * count, 2.6), squeeze=False, sharey=True)
    style = {"linewidth": 5, "solid_capstyle": "butt", "marker": "|", "markersize": 9}
    for axis, (codec, pairs) in zip(axes[0], known.items()):
        for place, pair in enumerate(pairs.values()):
            for shift, key, colour in ((0.13, "paper", PAPERS), (-0.13, "ours", OURS)):
                axis.plot(pair[key], [-place + shift] * 2, color=colour, label=key if place == 0 else None, **style)
        ticks = {"yticks": [-place for place in range(len(pairs))], "yticklabels": list(pairs)}
        axis.set(xlim=(0, 1.02), xlabel="value over the grid (share)", title=title(codec), **ticks)
    axes[0, -1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    return figure


def range_table(found: Found) -> pd.DataFrame:
    """The paper's range and ours, and whether they overlap."""
    pairs = [(codec, name, pair) for codec, one in found.items() for name, pair in one["beside_paper"].items()]
    rows = [
        (codec, name, interval(pair["paper"]), interval(pair["ours"]), "yes" if pair["overlap"] else "no") for codec, name, pair in pairs
    ]
    return table(rows, "codec; figure", "paper; ours; overlap")


def overlaps(codec: str, one: dict[str, Any]) -> str:
    """Where our range lies apart from the paper's; nothing of a codec that the paper has not."""
    if not one["beside_paper"]:
        return ""
    apart = {name: pair for name, pair in one["beside_paper"].items() if not pair["overlap"]}
    told = [f"{name} ({'higher' if pair['ours'][0] > pair['paper'][1] else 'lower'} here)" for name, pair in apart.items()]
    return f"{codec}: " + ("no overlap in " + ", ".join(told) if told else "every range overlaps the paper's")
