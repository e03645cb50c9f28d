"""Sentences and tables made from figures: they follow the figures, whatever these are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audiosae.generation import conclusions
from audiosae.generation.settling import BEYOND, COARSE, CONTROLS, MEASURES
from audiosae.generation.trajectory import LINE

PROPS = ("pitch", "amplitude", "timbre", COARSE)


def estimate(value: float, low: float, high: float, name: str = "difference") -> dict:
    return {name: value, "ci95": [low, high]}


def pair(path: str, first: str, second: str, *figures: float) -> dict:
    return {"path": path, "first": first, "second": second, **estimate(*figures)}


ORDER = {
    "areas": {"a": {prop: estimate(at, at - 1, at + 1, "area") for prop, at in zip(PROPS, (14, 12.04, 11, 15))}},
    "pairs": [
        pair("a", "pitch", "timbre", 2.0, 1.0, 3.0),
        pair("a", "pitch", "amplitude", -1.96, -3.0, -0.5),
        pair("a", "timbre", "amplitude", -0.5, -2.0, 1.0),
        pair("a", "pitch", COARSE, 1.0, 0.5, 1.5),
        pair(BEYOND, "pitch", "timbre", 0.1, -0.1, 0.3),
        pair(BEYOND, "pitch", "amplitude", 0.1, -0.1, 0.3),
        pair(BEYOND, "timbre", "amplitude", 0.1, 0.0, 0.3),
        pair(BEYOND, "pitch", COARSE, 1.0, 0.5, 1.5),
    ],
    "lead": {prop: estimate(-0.5, -0.75, 0.01) for prop in PROPS},
    "controls": {control: {prop: estimate(1, 0, 2) for prop in PROPS} for control in CONTROLS},
}


def test_the_order_names_first_what_changes_first() -> None:
    assert conclusions.order(ORDER, "a") == (
        "Mean state of change: timbre 11.0 (10.0 to 12.0), amplitude 12.0 (11.0 to 13.0) and pitch 14.0 (13.0 to 15.0). "
        "Paired: pitch changes before timbre by 2.0 (1.0 to 3.0) states; amplitude changes before pitch by 2.0 (0.5 to 3.0) states; "
        "timbre and amplitude cannot be told apart."
    )


def test_nothing_is_said_to_differ_where_the_interval_holds_zero() -> None:
    said = conclusions.beyond(ORDER)
    assert "before" not in said and said.count("cannot be told apart") == 3
    assert conclusions.lead(ORDER).startswith("In states, the generation is ahead of its straight line by −0.5 (−0.8 to 0.0) in pitch, ")


def test_the_paper_s_measure_and_its_threshold() -> None:
    properties = {prop: {"settles_at": at, "settles_at_ci95": [2, 31]} for prop, at in zip(PROPS, (5, None, 7))}
    assert conclusions.settled(properties) == (
        "By the paper's measure, settled at: pitch 5 (2 to 31), amplitude not before the last state (2 to 31) and timbre 7 (2 to 31)."
    )


def test_the_order_that_the_threshold_alone_decides() -> None:
    """Pitch comes near 1 at once and nearer late; amplitude comes near at one step in the middle."""
    s = {"pitch": [0, 0.85, 0.85, 0.85, 0.97, 1], "amplitude": [0, 0, 0, 1, 1, 1], "timbre": [0, 0, 0, 0, 0, 1]}
    rows = [("a", prop, measure, t, value) for measure in MEASURES for prop, of in s.items() for t, value in enumerate(of)]
    curves = pd.DataFrame(rows, columns=["path", "property", "measure", "state", "mean"])
    found = conclusions.thresholds(curves, "a").loc["s"]
    assert found["pitch"].tolist() == ["4", "4", "1", "1", "1.5"] and set(found["amplitude"]) == {"3"}
    assert found["order"].tolist() == ["amplitude, pitch, timbre"] * 2 + ["pitch, amplitude, timbre"] * 3
    assert found.index[-1] == "area"


def test_tables_have_a_cell_for_every_figure() -> None:
    areas, pairs = conclusions.areas_table(ORDER), conclusions.pairs_table(ORDER)
    assert list(areas.columns) == ["pitch", COARSE, "timbre", "amplitude"]
    assert list(areas.index) == ["a", *(f"ahead of {control}" for control in (LINE, *CONTROLS))]
    assert areas.loc["a", "amplitude"] == "12.0 (11.0 to 13.0)" and areas.loc[f"ahead of {LINE}", "timbre"] == "−0.5 (−0.8 to 0.0)"
    assert pairs.loc["a", "pitch → amplitude"] == "−2.0 (−3.0 to −0.5)" and pairs.loc[BEYOND, f"pitch → {COARSE}"] == "1.0 (0.5 to 1.5)"
    assert list(pairs.index) == ["a", BEYOND] and pairs.notna().all(axis=None)


def test_what_moved_early_and_what_late() -> None:
    columns = ["property", "window", "share", "share_low", "share_high", "leakage", "leakage_low", "leakage_high", "pieces"]
    rows = [
        ("pitch", "early", 0.3, -0.8, 1.0, 2, 1, 3, 4),
        ("amplitude", "early", 0.98, 0.97, 0.99, 1, 1, 1, 4),
        ("pitch", "late", -0.001, -0.03, 0.0, 2, 1, 3, 3),
        ("amplitude", "late", *[np.nan] * 6, 0),
    ]
    summary = pd.DataFrame(rows, columns=columns).assign(way="another prompt")
    assert conclusions.steering(summary) == "- another prompt: early, it moves amplitude; late, it moves nothing for sure"
    table = conclusions.steering_table(summary)
    assert list(table.columns) == ["early, way gone", "late, way gone", "early, leakage", "late, leakage", "pieces that count"]
    assert table.loc[("another prompt", "amplitude")].tolist() == ["0.98 (0.97 to 0.99)", "–", "1.00 (1.00 to 1.00)", "–", "0"]
