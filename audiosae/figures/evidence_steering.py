"""Page 10, steering examined: figures, tables and sentences."""

from __future__ import annotations

from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from audiosae.figures.evidence import PROPERTIES, Found, listed, sae_settings, table, with_interval

METHODS: dict[str, tuple[str, str, str, Any]] = {
    "paper": ("features: the paper's step", "#0072B2", "o", "-"),
    "relu": ("features: with ReLU", "#56B4E9", "s", "-"),
    "remainder": ("features: change alone", "#009E73", "D", "-"),
    "feature_means": ("features: difference of means", "#CC79A7", "v", "--"),
    "raw_probe": ("latents: probe", "#E69F00", "^", "--"),
    "raw_means": ("latents: difference of means", "#D55E00", "P", "--"),
    "signal": ("signal processing", "0.25", "X", ":"),
}
"""Title, colour (Okabe and Ito 2008), mark and line of each method."""

TITLES = {method: title for method, (title, *_) in METHODS.items()}
VARIANTS, BASELINES = [*METHODS][:3], [*METHODS][3:]
"""The SAE's ways to steer, and plainer methods."""

IN_TIME = ("paper", "remainder")
"""Methods that were tried on a part of a clip."""

WAYS = {"at_half": "half", "at_quarter": "a quarter"}
"""Of the distance to the target, where methods are compared."""

QUALITY = {"log_mel_db": "log-mel distance (dB)", "round_trip": "round trip (1: unsteered)", "pitch_lost": "pitch lost (share of sounds)"}


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec, and what was steered how far."""
    given = one["provenance"]["parameters"]
    goals = "; ".join(f"{prop} {' or '.join(names)}" for prop, names in one["targets"].items())
    clips = f"the first {given['seconds']:g} s of {len(one['clips'])} test clips with one voice"
    return sae_settings(codec, one, f"{clips}; targets: {goals}; seed {given['seed']}.", one["sae"])


def _grid(found: Found, **shared: Any) -> tuple[Figure, np.ndarray]:
    """One row of three panels a codec."""
    return plt.subplots(len(found), 3, figsize=(3.4 * 3, 2.6 * len(found) + 0.9), squeeze=False, **shared)


def _legend(figure: Figure, handles: list[plt.Line2D]) -> None:
    """A legend below the figure."""
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def _method_lines() -> list[plt.Line2D]:
    """What stands for each method in a legend."""
    return [
        plt.Line2D([], [], color=colour, marker=marker, linestyle=line, label=title) for title, colour, marker, line in METHODS.values()
    ]


def _points(by_strength: dict[str, Any], *names: str) -> tuple[np.ndarray, ...]:
    """Strengths, and figures at each; those without a number are left out."""
    rows = [(float(r), *(at[name] for name in names)) for r, at in by_strength.items()]
    kept = sorted(row for row in rows if None not in row)
    return tuple(np.array(column) for column in zip(*kept)) if kept else (np.zeros(0),) * (1 + len(names))


def trade_off(found: Found) -> Figure:
    """Leakage against on-target, one panel a codec and property; a curve runs from strength 0 at the origin, and its marks grow."""
    figure, axes = _grid(found, sharex=True)
    ticks = [0, 0.5, 1, 2, 5, 10, 20, 50]
    for row, (codec, one) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            for method, (_, colour, marker, line) in METHODS.items():
                by_strength = one["methods"][method][prop]["by_strength"]
                _, moved, leaked = _points(by_strength, "on_target", "leakage")
                axis.plot([0, *moved], [0, *leaked], line, color=colour, linewidth=1.3)
                axis.scatter(moved, leaked, s=12 * np.arange(1, len(moved) + 1), color=colour, marker=marker, zorder=3)
                for at in by_strength.values():
                    if at["on_target"] is not None and at["leakage"] is not None:
                        axis.hlines(at["leakage"], *at["on_target_ci95"], color=colour, linewidth=0.7, alpha=0.35)
                        axis.vlines(at["on_target"], *at["leakage_ci95"], color=colour, linewidth=0.7, alpha=0.35)
            axis.axvline(0.5, color="0.5", linestyle=":", linewidth=1)
            axis.set_yscale("symlog", linthresh=1)
            axis.set_ylim(bottom=0)
            axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
            axis.set(title=f"{codec}: {prop} steered", xlabel="on target (share of the distance)", ylabel="leakage (bins)")
            axis.set_xlim(-0.35, 1.05)
    _legend(figure, _method_lines())
    return figure


def quality(found: Found) -> Figure:
    """Three measures of what a sound has lost against strength, means over the three properties, one row a codec."""
    figure, axes = _grid(found, sharex=True)
    for row, (codec, one) in zip(axes, found.items()):
        for axis, (name, label) in zip(row, QUALITY.items()):
            for method, (_, colour, marker, line) in METHODS.items():
                tables = [dict(zip(*_points(one["methods"][method][prop]["by_strength"], name))) for prop in PROPERTIES]
                strengths = sorted(set(tables[0]).intersection(*tables[1:]))
                means = [np.mean([table[r] for table in tables]) for r in strengths]
                axis.plot(strengths, means, line, color=colour, marker=marker, markersize=5)
            axis.axhline(one["reconstruction"][name], color="0.5", linewidth=1, linestyle=":")
            axis.set_xscale("log", base=2)
            axis.set(title=codec, xlabel="strength r, or share of the move", ylabel=label)
            axis.set_ylim(bottom=0)
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _legend(figure, _method_lines())
    return figure


def equal_effect(found: Found, level: str) -> pd.DataFrame:
    """Strength, leakage and log-mel distance where on-target first reaches a level; a dash where it never does."""
    rows = []
    for codec, prop, method in product(found, PROPERTIES, METHODS):
        at = found[codec]["methods"][method][prop][level]
        costs = (with_interval(at[name], at[f"{name}_ci95"]) for name in ("leakage", "log_mel_db"))
        rows.append((codec, prop, TITLES[method], with_interval(at["strength"]), *costs, f"{at['reached']:.2f}", at["clips"]))
    return table(rows, "codec; steered; method", "strength; leakage (bins); log-mel (dB); resamples that get there; clips")


def comparisons(codec: str, one: dict[str, Any]) -> str:
    """For each property and plainer method, a line a property: does any variant of the SAE's step beat it at equal effect?"""
    return "\n".join(
        f"{codec}, {prop}: " + "; ".join(_comparison(one, prop, baseline) for baseline in BASELINES) + "." for prop in PROPERTIES
    )


def _gets(one: dict[str, Any], method: str, prop: str, level: str) -> bool:
    """Whether a method reaches a level."""
    return one["methods"][method][prop][level]["strength"] is not None


def _comparison(one: dict[str, Any], prop: str, baseline: str) -> str:
    """What the comparisons say of one plainer method, at half of the way, or at a quarter where no variant gets further."""
    name = TITLES[baseline]
    level = "at_half" if any(_gets(one, variant, prop, "at_half") for variant in VARIANTS) else "at_quarter"
    way, baseline_does = WAYS[level], _gets(one, baseline, prop, level)
    able = [variant for variant in VARIANTS if _gets(one, variant, prop, level)]
    if not able:
        return f"against “{name}”, no variant gets {way} of the way" + (", which it does" if baseline_does else ", nor does it")
    if not baseline_does:
        return f"“{name}” does not get {way} of the way, {listed([TITLES[v] for v in able])} {'does' if len(able) == 1 else 'do'}"
    bounds = {variant: one["comparisons"][level][variant][prop][baseline]["ci95"] for variant in able}
    less = [TITLES[v] for v, ci in bounds.items() if ci and ci[1] < 0]
    more = [v for v, ci in bounds.items() if ci and ci[0] > 0]
    if less:
        return f"{listed(less)} {'leaks' if len(less) == 1 else 'leak'} less than “{name}” at {way} of the way"
    if len(more) == len(able):
        return f"every variant that gets {way} of the way leaks more than “{name}”"
    return f"at {way} of the way no variant leaks clearly less than “{name}”"


def pairings(found: Found) -> list[str]:
    """How often a variant of the SAE's step clearly leaks less than each plainer method at half of the way, and how often more."""
    lines = []
    for baseline in BASELINES:
        pairs = []
        for one, prop, variant in product(found.values(), PROPERTIES, VARIANTS):
            does = [_gets(one, method, prop, "at_half") for method in (variant, baseline)]
            pairs.append((*does, one["comparisons"]["at_half"][variant][prop][baseline]["ci95"]))
        both = [ci for variant_does, baseline_does, ci in pairs if variant_does and baseline_does]
        less, more = sum(bool(ci) and ci[1] < 0 for ci in both), sum(bool(ci) and ci[0] > 0 for ci in both)
        only_baseline = sum(baseline_does and not variant_does for variant_does, baseline_does, _ in pairs)
        only_variant = sum(variant_does and not baseline_does for variant_does, baseline_does, _ in pairs)
        lines.append(
            f"{TITLES[baseline]}: of {len(pairs)} pairings with a variant, both get half of the way in {len(both)}. There the variant leaks "
            f"clearly less in {less}, clearly more in {more}. In {only_baseline} the variant does not get there and the plainer method does; "
            f"the reverse holds in {only_variant}."
        )
    return lines


def courses(found: Found) -> Figure:
    """Change towards the target over time, mean over clips, one panel a codec and property; the middle third is steered."""
    figure, axes = _grid(found)
    for row, (codec, one) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            for variant in IN_TIME:
                part, rate, colour = one["in_time"][variant][prop], one["frame_rate"], METHODS[variant][1]
                if not part["clips"]:
                    continue
                course, splice = (np.array(part[name], dtype=float) for name in ("course", "spliced"))
                frames = len(course)
                times = (np.arange(frames) + 0.5) / rate
                axis.plot(times, course, color=colour, linewidth=1.4)
                axis.plot(times, splice, color=colour, linewidth=1, linestyle=":")
                axis.axvspan(frames // 3 / rate, 2 * frames // 3 / rate, color="0.9", zorder=0)
            axis.axhline(0, color="0.4", linewidth=0.8)
            axis.set(title=f"{codec}: {prop} steered", xlabel="time (s)", ylabel="towards target (bins)")
    lines = [plt.Line2D([], [], color=METHODS[variant][1], label=TITLES[variant]) for variant in IN_TIME]
    _legend(figure, [*lines, plt.Line2D([], [], color="0.3", linestyle=":", label="splice of the steered sound")])
    return figure


def in_time(found: Found) -> pd.DataFrame:
    """Change in each third with its interval, and how many frames the change takes at each edge, beside the splice."""
    rows = []
    for codec, prop, variant in product(found, PROPERTIES, IN_TIME):
        part = found[codec]["in_time"][variant][prop]
        if part["clips"]:
            thirds = (with_interval(part[name], part[f"{name}_ci95"]) for name in ("before", "inside", "after"))
            edges = (f"{_edge(part[name])}; splice {_edge(part[f'spliced_{name}'])}" for name in ("appears", "vanishes"))
            rows.append((codec, prop, TITLES[variant], *thirds, *edges, part["clips"]))
    columns = "before (bins); inside (bins); after (bins); appears (frames); vanishes (frames); clips"
    return table(rows, "codec; steered; method", columns)


def _edge(edge: dict[str, int] | None) -> str:
    """When a change begins, and how long it takes."""
    return "–" if edge is None else f"{edge['begins']:+d}, takes {edge['takes']}".replace("-", "−")


def confinement(codec: str, one: dict[str, Any]) -> str:
    """Where the steered third clearly moves, and how much of that its neighbours do: a sentence a method."""
    lines = []
    for variant in IN_TIME:
        parts = {prop: part for prop, part in one["in_time"][variant].items() if part["clips"]}
        moved = {prop: part for prop, part in parts.items() if part["inside_ci95"] and part["inside_ci95"][0] > 0}
        shares = []
        for prop, part in moved.items():
            outside = max(abs(part[name]) for name in ("before", "after") if part[name] is not None)
            shares.append(f"{outside / part['inside']:.1%} for {prop}")
        clearly = f"the steered third clearly moves towards the target for {listed(list(moved), 'none')}"
        beside = f"; the third beside it that moves more does so by {listed(shares)} of that." if shares else "."
        lines.append(f"{codec}, {TITLES[variant]}: {clearly}{beside}")
    return "\n".join(lines)
