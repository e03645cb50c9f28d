"""Page 06, the grid: heat maps over width and λ, and our ranges beside the paper's."""

from __future__ import annotations

from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from audiosae.figures.evidence import PROPERTIES, Found, table

NAMES = {
    "fvu": "FVU (held out)",
    "sparsity": "sparsity (share of zeros)",
    "l0": "L0 (active a frame)",
    "dead": "dead features (share)",
    **{prop: f"{prop} accuracy" for prop in PROPERTIES},
}
OURS, PAPERS = "#0072B2", "0.6"


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec."""
    given, factors = one["provenance"]["parameters"], sorted({point["factor"] for point in one["points"]})
    return (
        f"{codec}: {one['provenance']['weights']} weights; {factors[0]} to {factors[-1]} times {one['dim']} features (at most "
        f"{given['largest']}); {one['train_frames']:,} of {one['frames']:,} training frames, {given['epochs']} epochs of Adam at "
        f"{given['learning_rate']:g}; FVU on held-out {one['held_out']}"
    )


def heat_maps(found: Found, names: list[str]) -> Figure:
    """One row of panels a codec, one column a figure of `NAMES`; in a panel, width upwards and λ to the right."""
    figure, axes = plt.subplots(len(found), len(names), figsize=(4.1 * len(names), 0.9 + 1.9 * len(found)), squeeze=False)
    for row, (codec, one) in zip(axes, found.items()):
        points = pd.DataFrame([point | {prop: score["accuracy"] for prop, score in point["accuracy"].items()} for point in one["points"]])
        for axis, name in zip(row, names):
            grid = points.pivot(index="factor", columns="l1", values=name).sort_index(ascending=False)
            grid.index, grid.columns = [f"{factor:g}×" for factor in grid.index], [f"{l1:g}" for l1 in grid.columns]
            shape = ".0f" if name == "l0" else ".3f" if grid.to_numpy().max() < 0.1 else ".2f"
            sns.heatmap(grid, annot=True, fmt=shape, annot_kws={"size": 8}, cmap="viridis", ax=axis, cbar=False)
            axis.set(xlabel="λ", ylabel="features over latent size", title=f"{codec}: {NAMES[name]}")
            axis.title.set_fontsize(9)
            axis.tick_params(axis="y", rotation=0)
    return figure


def best_points(found: Found) -> pd.DataFrame:
    """The most accurate point of each codec and property, and the range that it stands in."""
    rows = []
    for (codec, one), prop in product(found.items(), PROPERTIES):
        best = max(one["points"], key=lambda point: point["accuracy"][prop]["accuracy"])
        score = "{accuracy:.3f} [{ci95[0]:.3f}, {ci95[1]:.3f}]".format(**best["accuracy"][prop])
        baseline = f"{one['ranges'][prop][0]:.3f}", f"{one['majority'][prop]:.3f}"
        rows.append((codec, prop, f"{best['factor']}×, λ {best['l1']:g}", score, *baseline))
    return table(rows, "codec; property", "best point; accuracy there [95 %]; lowest over the grid; commonest class")


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
        axis.set(xlim=(0, 1.02), xlabel="value over the grid (share)", title=codec, **ticks)
    axes[0, -1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    return figure


def range_table(found: Found) -> pd.DataFrame:
    """The paper's range and ours, and whether they overlap."""
    pairs = [(codec, name, pair) for codec, one in found.items() for name, pair in one["beside_paper"].items()]
    span = "{:.3f} to {:.3f}".format
    rows = [(codec, name, span(*pair["paper"]), span(*pair["ours"]), "yes" if pair["overlap"] else "no") for codec, name, pair in pairs]
    return table(rows, "codec; figure", "paper; ours; overlap")


def overlaps(codec: str, one: dict[str, Any]) -> str:
    """Where our range lies apart from the paper's; nothing of a codec that the paper has not."""
    if not one["beside_paper"]:
        return ""
    apart = {name: pair for name, pair in one["beside_paper"].items() if not pair["overlap"]}
    told = [f"{name} ({'higher' if pair['ours'][0] > pair['paper'][1] else 'lower'} here)" for name, pair in apart.items()]
    return f"{codec}: " + ("no overlap in " + ", ".join(told) if told else "every range overlaps the paper's")
