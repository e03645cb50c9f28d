"""What the figures of section 5 say, as Markdown that is made from them: a sentence that was typed outlives the run it was true for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from audiosae.generation.order import LEAD, MAIN, MEASURES
from audiosae.labels import PROPERTIES

CALLED = {measure: "the paper's s" if measure == "s" else f"the {measure}" for measure in MEASURES}
SURE = 0.05
"""Two properties differ, prompt by prompt, where p is below this."""


def order(settled: pd.DataFrame, path: str) -> str:
    """When the three properties settle along a path: one line a measure, from first to last, and what the measures agree on.

    Parameters
    ----------
    settled
        From `order.table`.
    path
        One of `reading.PATHS`.
    """
    lines, firsts, lasts = [], [], []
    for measure, called in CALLED.items():
        rows = _rows(settled, path, measure)
        at = rows["at"].sort_values(kind="stable")
        apart = [f"{one} from {other}" for one, other in combinations(at.index, 2)
                 if rows.loc[one, "high"] < rows.loc[other, "low"] or rows.loc[other, "high"] < rows.loc[one, "low"]]
        lines.append(f"- by {called}: {', '.join(f'{prop} {_state(rows.loc[prop])}' for prop in at.index)}; "
                     f"intervals apart: {_listed(apart, 'none')}")
        firsts.append(set(at.index[at == at.min()]))
        lasts.append(set(at.index[at == at.max()]))
    agreed = [f"{_listed(sorted(same))} {place}" for place, same in
              (("first", set.intersection(*firsts)), ("last", set.intersection(*lasts))) if same]
    said = f"The three measures agree on {_listed(agreed)}." if agreed else "The three measures agree neither on the first place nor on the last."
    return "\n".join([*lines, "", said])


def pairs(tests: pd.DataFrame, path: str) -> str:
    """Which properties settle one after the other, prompt by prompt.

    Parameters
    ----------
    tests
        From `order.tests`.
    path
        As it is called there.
    """
    found = []
    for row in tests[(tests["path"] == path) & (tests["p"] < SURE)].to_dict("records"):
        names, bounds = (row["first"], row["second"]), (row["low"], row["high"])
        if row["difference"] < 0:
            names, bounds = names[::-1], (-row["high"], -row["low"])
        found.append(f"{names[0]} settles before {names[1]} by {_with_interval(abs(row['difference']), *bounds)} states (p = {row['p']:.2g})")
    return f"Prompt by prompt, by {CALLED[MAIN]}, {_listed(found, 'no pair differs')}."


def lead(tests: pd.DataFrame) -> str:
    """By how many states the generation is ahead of its own straight line, to stand after `pairs`; `tests` as there."""
    ahead = [f"{_with_interval(row['difference'], row['low'], row['high'])} states in {row['first']}"
             for row in tests[tests["path"] == LEAD].to_dict("records")]
    return f"Likewise, the generation is ahead of its own straight line by {_listed(ahead)}."


def distances(settled: pd.DataFrame, path: str, controls: Sequence[str]) -> str:
    """How far from where they settle on a path the three properties settle on others: one line a control.

    Parameters
    ----------
    settled
        From `order.table`.
    path, controls
        Names of readings there.
    """
    lines = []
    for control in controls:
        away = {called: int((_rows(settled, path, measure)["at"] - _rows(settled, control, measure)["at"]).abs().max()) for measure, called in CALLED.items()}
        lines.append(f"- {control}: at most {_listed([f'{states} by {called}' for called, states in away.items()])}")
    return "\n".join(lines)


def steering(summary: pd.DataFrame) -> str:
    """How far each way of steering goes: one line a way and window.

    Parameters
    ----------
    summary
        From `steered.summarise`.
    """
    lines = []
    for (way, window), rows in summary.dropna(subset="share").groupby(["way", "window"], sort=False):
        said = [f"{row['property']} {_with_interval(row['share'], row['share_low'], row['share_high'], 2)}" for row in rows.to_dict("records")]
        moved = rows.loc[rows["share_low"] > 0, "property"].tolist()
        lines.append(f"- {way}, {window}: {', '.join(said)}; whole interval above 0: {_listed(moved, 'none')}")
    return "\n".join(lines)


def _rows(settled: pd.DataFrame, reading: str, measure: str) -> pd.DataFrame:
    """One row a property, with `at`, where the last state (which then ends the interval) stands for "not before"."""
    rows = settled[(settled["reading"] == reading) & (settled["measure"] == measure)].set_index("property").loc[list(PROPERTIES)]
    return rows.assign(at=rows["settles_at"].fillna(rows["high"]))


def _state(row: Mapping[str, object]) -> str:
    return f"{'not before the last state' if pd.isna(row['settles_at']) else row['settles_at']} ({row['low']} to {row['high']})"


def _with_interval(value: float, low: float, high: float, digits: int = 1) -> str:
    return f"{value:z.{digits}f} ({low:z.{digits}f} to {high:z.{digits}f})".replace("-", "−")


def _listed(words: Sequence[str], none: str = "") -> str:
    """one, two and three"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or none
