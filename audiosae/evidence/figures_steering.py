"""Figures, tables and sentences of steering examined; all take what `audiosae.evidence.steering` wrote, by codec."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiosae.evidence.equal_effect import LEVELS
from audiosae.evidence.in_time import VARIANTS, thirds
from audiosae.evidence.steering_methods import BASELINES, METHODS
from audiosae.labels import PROPERTIES

TITLES = {
    "paper": "features: the paper's step", "relu": "features: with ReLU", "remainder": "features: change alone",
    "feature_means": "features: difference of means", "raw_probe": "latents: probe", "raw_means": "latents: difference of means",
    "signal": "signal processing",
}
STYLES = {
    "paper": ("#0072B2", "o", "-"), "relu": ("#56B4E9", "s", "-"), "remainder": ("#009E73", "D", "-"),
    "feature_means": ("#CC79A7", "v", "--"), "raw_probe": ("#E69F00", "^", "--"), "raw_means": ("#D55E00", "P", "--"),
    "signal": ("0.25", "X", ":"),
}
"""Colour (Okabe and Ito 2008), mark and line of each method."""

SAE = METHODS[:3]

QUALITY = {
    "log_mel_db": "log-mel distance (dB)", "round_trip": "round trip (1: unsteered)", "pitch_lost": "pitch lost (share of sounds)",
}

Found = dict[str, dict[str, Any]]
"""Results by codec."""


def conventions(found: Found) -> list[str]:
    """Which weights made the figures of each codec, what the λ of its SAE multiplies, and what was steered how far."""
    lines = []
    for codec, given in found.items():
        sae, made = given["sae"], given["provenance"]
        told = made["parameters"]
        goals = "; ".join(f"{prop} {' or '.join(names)}" for prop, names in given["targets"].items())
        lines.append(
            f"{codec}: {made['weights']} weights; SAE of {sae['hidden']} features on {sae['dim']} latent dimensions, λ = {sae['l1']:g} times the "
            f"sum of h over features, mean over frames, beside the squared error summed over standardised dimensions; the first "
            f"{told['seconds']:g} s of {len(given['clips'])} test clips with one voice; targets: {goals}; seed {told['seed']}."
        )
    return lines


def _grid(found: Found, columns: int, height: float = 2.6, **shared: Any) -> tuple[Figure, np.ndarray]:
    return plt.subplots(len(found), columns, figsize=(3.4 * columns, height * len(found) + 0.9), squeeze=False, **shared)


def _legend(figure: Figure, methods: tuple[str, ...]) -> None:
    handles = [plt.Line2D([], [], color=STYLES[m][0], marker=STYLES[m][1], linestyle=STYLES[m][2], label=TITLES[m]) for m in methods]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def _points(method: dict[str, Any], *names: str) -> tuple[np.ndarray, ...]:
    """Strengths, and figures at each; those without a number are left out."""
    rows = [(float(r), *(at[name] for name in names)) for r, at in method["by_strength"].items()]
    kept = sorted(row for row in rows if None not in row)
    return tuple(np.array(column) for column in zip(*kept)) if kept else (np.zeros(0),) * (1 + len(names))


def trade_off(found: Found) -> Figure:
    """Leakage against on-target, one panel a codec and property; a curve runs from strength 0 at the origin, and its marks grow with strength."""
    figure, axes = _grid(found, 3, sharex=True)
    for row, (codec, given) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            for method, (colour, marker, line) in STYLES.items():
                by_strength = given["methods"][method][prop]["by_strength"]
                _, moved, leaked = _points({"by_strength": by_strength}, "on_target", "leakage")
                axis.plot([0, *moved], [0, *leaked], line, color=colour, linewidth=1.3)
                axis.scatter(moved, leaked, s=12 * np.arange(1, len(moved) + 1), color=colour, marker=marker, zorder=3)
                for at in by_strength.values():
                    if at["on_target"] is not None and at["leakage"] is not None:
                        axis.hlines(at["leakage"], *at["on_target_ci95"], color=colour, linewidth=0.7, alpha=0.35)
                        axis.vlines(at["on_target"], *at["leakage_ci95"], color=colour, linewidth=0.7, alpha=0.35)
            axis.axvline(LEVELS["at_half"], color="0.5", linestyle=":", linewidth=1)
            axis.set_yscale("symlog", linthresh=1)
            axis.set_ylim(bottom=0)
            _bins_axis(axis)
            axis.set(title=f"{codec}: {prop} steered", xlabel="on target (share of the distance)", ylabel="leakage (bins)")
            axis.set_xlim(-0.35, 1.05)
    _legend(figure, METHODS)
    return figure


def _bins_axis(axis: Axes) -> None:
    ticks = [0, 0.5, 1, 2, 5, 10, 20, 50]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()


def quality(found: Found) -> Figure:
    """Three measures of what a sound has lost against strength, means over the three properties, one row a codec."""
    figure, axes = _grid(found, 3, sharex=True)
    for row, (codec, given) in zip(axes, found.items()):
        for axis, (name, label) in zip(row, QUALITY.items()):
            for method, (colour, marker, line) in STYLES.items():
                tables = [dict(zip(*_points(given["methods"][method][prop], name))) for prop in PROPERTIES]
                strengths = sorted(set(tables[0]).intersection(*tables[1:]))
                axis.plot(strengths, [np.mean([table[r] for table in tables]) for r in strengths], line, color=colour, marker=marker, markersize=5)
            axis.axhline(given["reconstruction"][name], color="0.5", linewidth=1, linestyle=":")
            axis.set_xscale("log", base=2)
            axis.set(title=codec, xlabel="strength r, or share of the move", ylabel=label)
            axis.set_ylim(bottom=0)
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _legend(figure, METHODS)
    return figure


def equal_effect(found: Found, level: str) -> pd.DataFrame:
    """One row a codec, property and method: strength, leakage and log-mel distance where on-target first reaches a level; a dash where it never does."""
    rows = []
    for codec, given in found.items():
        for prop in PROPERTIES:
            for method in METHODS:
                at = given["methods"][method][prop][level]
                rows.append({
                    "codec": codec, "steered": prop, "method": TITLES[method], "strength": _text(at["strength"]),
                    "leakage (bins)": _text(at["leakage"], at["leakage_ci95"]), "log-mel (dB)": _text(at["log_mel_db"], at["log_mel_db_ci95"]),
                    "resamples that get there": f"{at['reached']:.2f}", "clips": at["clips"],
                })
    return pd.DataFrame(rows).set_index(["codec", "steered", "method"])


def _text(value: float | None, bounds: list[float] | None = None) -> str:
    if value is None:
        return "–"
    return (f"{value:.2f}" + (" ({:.2f} to {:.2f})".format(*bounds) if bounds else "")).replace("-", "−")


def verdicts(found: Found) -> list[str]:
    """For each codec, property and plainer method: does any variant of the SAE's step beat it at equal effect?"""
    lines = []
    for codec, given in found.items():
        for prop in PROPERTIES:
            told = [_against(given, prop, baseline) for baseline in BASELINES]
            lines.append(f"{codec}, {prop}: " + "; ".join(told) + ".")
    return lines


def _against(given: dict[str, Any], prop: str, baseline: str) -> str:
    """What the comparisons say of one plainer method, at half of the way, or at a quarter where no variant gets further."""
    name = TITLES[baseline]

    def gets(method: str, level: str) -> bool:
        return given["methods"][method][prop][level]["strength"] is not None

    level = "at_half" if any(gets(variant, "at_half") for variant in SAE) else "at_quarter"
    way = "half" if level == "at_half" else "a quarter"
    able = [variant for variant in SAE if gets(variant, level)]
    if not able:
        return f"against “{name}”, no variant gets {way} of the way" + (", which it does" if gets(baseline, level) else ", nor does it")
    if not gets(baseline, level):
        return f"“{name}” does not get {way} of the way, {_list([TITLES[v] for v in able])} {'does' if len(able) == 1 else 'do'}"
    bounds = {variant: given["comparisons"][level][variant][prop][baseline]["ci95"] for variant in able}
    less = [TITLES[v] for v, ci in bounds.items() if ci and ci[1] < 0]
    more = [v for v, ci in bounds.items() if ci and ci[0] > 0]
    if less:
        return f"{_list(less)} {'leaks' if len(less) == 1 else 'leak'} less than “{name}” at {way} of the way"
    if len(more) == len(able):
        return f"every variant that gets {way} of the way leaks more than “{name}”"
    return f"at {way} of the way no variant leaks clearly less than “{name}”"


def beaten(found: Found) -> list[str]:
    """How often a variant of the SAE's step clearly leaks less than each plainer method at half of the way, and how often more, over codecs and properties."""
    lines = []
    for baseline in BASELINES:
        pairs = [
            (given["methods"][variant][prop]["at_half"]["strength"], given["methods"][baseline][prop]["at_half"]["strength"],
             given["comparisons"]["at_half"][variant][prop][baseline]["ci95"])
            for given in found.values() for prop in PROPERTIES for variant in SAE
        ]
        both = [ci for one, other, ci in pairs if one is not None and other is not None]
        less, more = sum(bool(ci) and ci[1] < 0 for ci in both), sum(bool(ci) and ci[0] > 0 for ci in both)
        alone = sum(one is None and other is not None for one, other, _ in pairs)
        lines.append(
            f"{TITLES[baseline]}: of {len(pairs)} pairings with a variant, both get half of the way in {len(both)}. There the variant leaks clearly "
            f"less in {less}, clearly more in {more}. In {alone} the variant does not get there and the plainer method does; "
            f"the reverse holds in {sum(one is not None and other is None for one, other, _ in pairs)}."
        )
    return lines


def courses(found: Found) -> Figure:
    """Change towards the target over time, mean over clips, one panel a codec and property; the middle third is steered."""
    figure, axes = _grid(found, 3)
    for row, (codec, given) in zip(axes, found.items()):
        for axis, prop in zip(row, PROPERTIES):
            for variant in VARIANTS:
                part = given["in_time"][variant][prop]
                if not part["clips"]:
                    continue
                course, splice = (np.array(part[name], dtype=float) for name in ("course", "spliced"))
                steered, rate = thirds(len(course)), given["frame_rate"]
                times = (np.arange(len(course)) + 0.5) / rate
                axis.plot(times, course, color=STYLES[variant][0], linewidth=1.4)
                axis.plot(times, splice, color=STYLES[variant][0], linewidth=1, linestyle=":")
                axis.axvspan(steered.start / rate, steered.stop / rate, color="0.9", zorder=0)
            axis.axhline(0, color="0.4", linewidth=0.8)
            axis.set(title=f"{codec}: {prop} steered", xlabel="time (s)", ylabel="towards target (bins)")
    handles = [plt.Line2D([], [], color=STYLES[v][0], label=TITLES[v]) for v in VARIANTS]
    handles.append(plt.Line2D([], [], color="0.3", linestyle=":", label="splice of the steered sound"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def in_time(found: Found) -> pd.DataFrame:
    """Change in each third with its interval, and how many frames the change takes at each edge, beside the splice."""
    rows = []
    for codec, given in found.items():
        for prop in PROPERTIES:
            for variant in VARIANTS:
                part = given["in_time"][variant][prop]
                if not part["clips"]:
                    continue
                rows.append({
                    "codec": codec, "steered": prop, "method": TITLES[variant],
                    **{f"{name} (bins)": _text(part[name], part[f"{name}_ci95"]) for name in ("before", "inside", "after")},
                    **{f"{name} (frames)": f"{_frames(part[name])}; splice {_frames(part[f'spliced_{name}'])}" for name in ("appears", "vanishes")},
                    "clips": part["clips"],
                })
    return pd.DataFrame(rows).set_index(["codec", "steered", "method"])


def _frames(edge: dict[str, int] | None) -> str:
    return "–" if edge is None else f"{edge['begins']:+d}, takes {edge['takes']}".replace("-", "−")


def kept_inside(found: Found) -> list[str]:
    """Where the steered third clearly moves, and how much of that its neighbours do: a sentence a codec and method."""
    lines = []
    for codec, given in found.items():
        for variant in VARIANTS:
            parts = {prop: part for prop, part in given["in_time"][variant].items() if part["clips"]}
            moved = {prop: part for prop, part in parts.items() if part["inside_ci95"] and part["inside_ci95"][0] > 0}
            line = f"{codec}, {TITLES[variant]}: the steered third clearly moves towards the target for {_list(list(moved))}"
            shares = [
                f"{max(abs(part[name]) for name in ('before', 'after') if part[name] is not None) / part['inside']:.1%} for {prop}"
                for prop, part in moved.items()
            ]
            lines.append(line + (f"; the third beside it that moves more does so by {_list(shares)} of that." if shares else "."))
    return lines


def _list(names: list[str]) -> str:
    if not names:
        return "none"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
