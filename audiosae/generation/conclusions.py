"""What the figures of section 5 say, as tables and Markdown made from them, so that no sentence outlives the run it was true for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from audiosae.audio.labels import PROPERTIES
from audiosae.generation.settling import LEAD, MAIN, MEASURES
from audiosae.generation.trajectory import COARSE

CALLED = {measure: "the paper's s" if measure == "s" else f"the {measure}" for measure in MEASURES}
SURE = 0.05
"""Two properties differ, prompt by prompt, where p is below this."""


def order(settled: pd.DataFrame, path: str) -> str:
    """When the properties settle along a path, from `settling.settled`: one line a measure, and what the measures agree on."""
    lines = []
    ends: dict[str, list[set[str]]] = {"first": [], "last": []}
    for measure, called in CALLED.items():
        rows = _rows(settled, path, measure)
        at = rows["at"].sort_values(kind="stable")
        low, high = rows["low"], rows["high"]
        apart = [f"{a} from {b}" for a, b in combinations(at.index, 2) if high[a] < low[b] or high[b] < low[a]]
        when = ", ".join(f"{prop} {_state(rows.loc[prop], 'not before the last state')}" for prop in at.index)
        lines.append(f"- by {called}: {when}; intervals apart: {_listed(apart, 'none')}")
        ends["first"].append(set(at.index[at == at.min()]))
        ends["last"].append(set(at.index[at == at.max()]))
    agreed = [f"{_listed(sorted(same))} {place}" for place, sets in ends.items() if (same := set.intersection(*sets))]
    said = f"on {_listed(agreed)}" if agreed else "neither on the first place nor on the last"
    return "\n".join([*lines, "", f"The three measures agree {said}."])


def pairs(tests: pd.DataFrame, path: str) -> str:
    """Which properties settle one after the other, prompt by prompt, along a path of `settling.paired_tests`."""
    found = []
    for row in tests[(tests["path"] == path) & (tests["p"] < SURE)].to_dict("records"):
        names, bounds = (row["first"], row["second"]), (row["low"], row["high"])
        if row["difference"] < 0:
            names, bounds = names[::-1], (-row["high"], -row["low"])
        states = _with_interval(abs(row["difference"]), *bounds)
        found.append(f"{names[0]} settles before {names[1]} by {states} states (p = {row['p']:.2g})")
    return f"Prompt by prompt, by {CALLED[MAIN]}, {_listed(found, 'no pair differs')}."


def lead(tests: pd.DataFrame) -> str:
    """By how many states the generation is ahead of its own straight line, to stand after `pairs`; `tests` as there."""
    rows = tests[tests["path"] == LEAD].to_dict("records")
    ahead = [f"{_with_interval(row['difference'], row['low'], row['high'])} states in {row['first']}" for row in rows]
    return f"Likewise, the generation is ahead of its own straight line by {_listed(ahead)}."


def distances(settled: pd.DataFrame, path: str, controls: Sequence[str]) -> str:
    """How far from where they settle on a path the three properties settle on others, which are readings in `settled`: one line each."""
    lines = []
    for control in controls:
        away = {
            called: (_rows(settled, path, measure)["at"] - _rows(settled, control, measure)["at"]).abs().max()
            for measure, called in CALLED.items()
        }
        lines.append(f"- {control}: at most {_listed([f'{states} by {called}' for called, states in away.items()])}")
    return "\n".join(lines)


def steering(summary: pd.DataFrame) -> str:
    """How far each way of steering goes, from `guided_steering.summarise`: one line a way and window."""
    lines = []
    for (way, window), rows in summary.dropna(subset="share").groupby(["way", "window"], sort=False):
        said = [f"{row['property']} {_estimate(row, 'share')}" for row in rows.to_dict("records")]
        moved = rows.loc[rows["share_low"] > 0, "property"].tolist()
        lines.append(f"- {way}, {window}: {', '.join(said)}; whole interval above 0: {_listed(moved, 'none')}")
    return "\n".join(lines)


def settled_table(settled: pd.DataFrame) -> pd.DataFrame:
    """One row a reading and measure, one column a property, as "21 (18 to 24)"; a dash for not before the last state."""
    texts = settled.assign(text=settled.apply(_state, axis=1, never="–"))
    shaped = texts.pivot(index=["reading", "measure"], columns="property", values="text")
    rows = pd.MultiIndex.from_frame(settled[["reading", "measure"]].drop_duplicates())
    return shaped.loc[rows, ["pitch", COARSE, "timbre", "amplitude"]]


def tests_table(tests: pd.DataFrame) -> pd.DataFrame:
    """`tests` as in `pairs`, rounded."""
    rounded = tests.round({"difference": 2, "low": 2, "high": 2}).assign(p=tests["p"].map("{:.2g}".format))
    return rounded.set_index(["path", "first", "second"])


def steering_table(summary: pd.DataFrame) -> pd.DataFrame:
    """`summary` as in `steering`: a row a way and property, two columns a window, as "0.96 (0.93 to 1.00)"; a dash for no piece."""
    table: dict[tuple[str, str], dict[str, str]] = {}
    for (way, prop), group in summary.groupby(["way", "property"], sort=False):
        columns = (("way gone", "share"), ("leakage", "leakage"))
        cells = {f"{row['window']}, {title}": _estimate(row, name) for title, name in columns for row in group.to_dict("records")}
        table[way, prop] = {**cells, "pieces that count": str(int(group["pieces"].min()))}
    named = pd.DataFrame.from_dict(table, orient="index").rename_axis(["", "property"])
    return named.sort_index(level=0, sort_remaining=False, ascending=False)


def _rows(settled: pd.DataFrame, reading: str, measure: str) -> pd.DataFrame:
    """One row a property, with `at`, where the last state (which then ends the interval) stands for "not before"."""
    rows = settled[(settled["reading"] == reading) & (settled["measure"] == measure)].set_index("property").loc[list(PROPERTIES)]
    return rows.assign(at=rows["settles_at"].fillna(rows["high"]))


def _state(row: pd.Series, never: str) -> str:
    return f"{never if pd.isna(row['settles_at']) else row['settles_at']} ({row['low']} to {row['high']})"


def _estimate(row: dict[str, float], name: str) -> str:
    return _with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], 2) if pd.notna(row[name]) else "–"


def _with_interval(value: float, low: float, high: float, digits: int = 1) -> str:
    return f"{value:z.{digits}f} ({low:z.{digits}f} to {high:z.{digits}f})".replace("-", "−")


def _listed(words: Sequence[str], none: str = "") -> str:
    """one, two and three"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or none
