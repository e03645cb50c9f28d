"""What the figures of section 5 say, as tables and Markdown made from them, so that no sentence outlives the run it was true for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audiosae.audio.labels import PROPERTIES
from audiosae.generation.settling import BEYOND, COARSE, MEASURES, PAIRS, area, settles_at
from audiosae.generation.trajectory import LINE
from audiosae.numbers import listed, with_interval

THRESHOLDS = (0.05, 0.1, 0.2, 0.3)
"""How near to 1 progress has to stay; the paper does not give its own."""

Order = Mapping[str, Any]
"""As `settling.order` returns it."""


def order(order: Order, path: str) -> str:
    """At which state properties change along a path, and which of their differences are sure."""
    areas = order["areas"][path]
    states = [f"{prop} {_estimate(areas[prop], 'area')}" for prop in sorted(PROPERTIES, key=lambda prop: areas[prop]["area"])]
    return f"Mean state of change: {listed(states)}. Paired: {_differences(order, path)}."


def beyond(order: Order) -> str:
    """What is left of the order on the noisy latents once that of the straight line is subtracted."""
    return f"With the straight line's differences subtracted: {_differences(order, BEYOND)}."


def lead(order: Order) -> str:
    """By how many states the generation changes before its own straight line."""
    states = [f"{_estimate(order['lead'][prop])} in {prop}" for prop in PROPERTIES]
    return f"In states, the generation is ahead of its straight line by {listed(states)}."


def settled(properties: Mapping[str, Any]) -> str:
    """When properties settle by the paper's measure, on the noisy latents; from the figures of `settling.summarise`."""
    states = []
    for prop in PROPERTIES:
        at, (low, high) = properties[prop]["settles_at"], properties[prop]["settles_at_ci95"]
        states.append(f"{prop} {'not before the last state' if at is None else at} ({low} to {high})")
    return f"By the paper's measure, settled at: {listed(states)}."


def thresholds(curves: pd.DataFrame, path: str) -> pd.DataFrame:
    """When the mean curves of `settling.curves` settle, and in which order, by measure and threshold; and their areas, which need none."""
    rows = {}
    for measure in MEASURES:
        of = curves[(curves["path"] == path) & (curves["measure"] == measure)]
        s = of.pivot(index="state", columns="property", values="mean")[list(PROPERTIES)]
        states = {f"settled within {close}": settles_at(s.to_numpy(), close) for close in THRESHOLDS}
        states["area"] = area(s.to_numpy()).round(1)
        for name, at in states.items():
            found = pd.Series(at, s.columns)
            rows[measure, name] = {**found.map("{:g}".format), "order": ", ".join(found.sort_values(kind="stable").index)}
    return pd.DataFrame.from_dict(rows, orient="index")


def areas_table(order: Order) -> pd.DataFrame:
    """Mean state of change by path; below, by how many states the generation is ahead of each control."""
    rows = {path: {prop: _estimate(figure, "area") for prop, figure in of.items()} for path, of in order["areas"].items()}
    for control, of in {LINE: order["lead"], **order["controls"]}.items():
        rows[f"ahead of {control}"] = {prop: _estimate(figure) for prop, figure in of.items()}
    return pd.DataFrame(rows).T[["pitch", COARSE, "timbre", "amplitude"]]


def pairs_table(order: Order) -> pd.DataFrame:
    """By how many states the second property of a pair changes after the first: a row a path, a column a pair."""
    cells: dict[str, dict[str, str]] = {f"{first} → {second}": {} for first, second in PAIRS}
    for row in order["pairs"]:
        cells[f"{row['first']} → {row['second']}"][row["path"]] = _estimate(row)
    return pd.DataFrame(cells)


def steering(summary: pd.DataFrame) -> str:
    """What each way of steering moves, from `guided_steering.summarise`: one line a way."""
    lines = []
    for way, rows in summary.groupby("way", sort=False):
        moved = {when: of.loc[of["share_low"] > 0, "property"].tolist() for when, of in rows.groupby("window", sort=False)}
        lines.append(f"- {way}: " + "; ".join(f"{when}, it moves {listed(props, 'nothing for sure')}" for when, props in moved.items()))
    return "\n".join(lines)


def steering_table(summary: pd.DataFrame) -> pd.DataFrame:
    """`summary` as in `steering`: a row a way and property, two columns a window, as "0.96 (0.93 to 1.00)"; a dash for no piece."""
    table: dict[tuple[str, str], dict[str, str]] = {}
    for (way, prop), group in summary.groupby(["way", "property"], sort=False):
        cells = {}
        for title, name in (("way gone", "share"), ("leakage", "leakage")):
            for row in group.to_dict("records"):
                told = with_interval(row[name], (row[f"{name}_low"], row[f"{name}_high"]))
                cells[f"{row['window']}, {title}"] = told if pd.notna(row[name]) else "–"
        table[way, prop] = {**cells, "pieces that count": str(int(group["pieces"].min()))}
    named = pd.DataFrame.from_dict(table, orient="index").rename_axis(["", "property"])
    return named.sort_index(level=0, sort_remaining=False, ascending=False)


def _differences(order: Order, path: str) -> str:
    """Which property changes before which along a path of `pairs`, and which cannot be told apart."""
    said = []
    for row in order["pairs"]:
        first, second, (low, high) = row["first"], row["second"], row["ci95"]
        if row["path"] != path or COARSE in (first, second):
            continue
        if low <= 0 <= high:
            said.append(f"{first} and {second} cannot be told apart")
        elif low > 0:
            said.append(f"{first} changes before {second} by {_estimate(row)} states")
        else:
            said.append(f"{second} changes before {first} by {with_interval(-row['difference'], (-high, -low), 1)} states")
    return "; ".join(said)


def _estimate(row: Mapping[str, Any], name: str = "difference") -> str:
    return with_interval(row[name], row["ci95"], 1)
