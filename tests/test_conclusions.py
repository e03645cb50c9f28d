"""Sentences made from figures: they follow the figures, whatever these are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audiosae.generation import conclusions, order


def settled(reading: str, **of: dict[str, tuple[int | None, int, int]]) -> pd.DataFrame:
    """Rows as `order.table` has them, from state, low and high by property and measure ("ratio" is short for the ratio of sums)."""
    rows = [(reading, prop, {"ratio": "ratio of sums"}.get(measure, measure), *figures) for prop, found in of.items() for measure, figures in found.items()]
    return pd.DataFrame(rows, columns=["reading", "property", "measure", "settles_at", "low", "high"]).astype({"settles_at": "Int64"})


def every(state: int | None, low: int, high: int) -> dict[str, tuple[int | None, int, int]]:
    """The same by every measure."""
    return dict.fromkeys(("s", "ratio", "projection"), (state, low, high))


def test_what_all_measures_agree_on_is_said_and_what_has_not_settled_is_last() -> None:
    table = settled("noisy latents", pitch=every(3, 2, 4), timbre=every(6, 4, 9), amplitude=every(None, 11, 31))
    said = conclusions.order(table, "noisy latents").splitlines()
    assert said[1] == ("- by the ratio of sums: pitch 3 (2 to 4), timbre 6 (4 to 9), amplitude not before the last state (11 to 31); "
                       "intervals apart: pitch from amplitude and timbre from amplitude")
    assert said[-1] == "The three measures agree on pitch first and amplitude last."


def test_measures_that_disagree_are_said_to() -> None:
    table = settled("a", pitch={"s": (10, 7, 17), "ratio": (7, 4, 15), "projection": (18, 14, 23)}, timbre={"s": (25, 3, 29), "ratio": (4, 3, 9), "projection": (6, 3, 18)},
                    amplitude={"s": (19, 2, 30), "ratio": (30, 3, 31), "projection": (30, 22, 31)})
    said = conclusions.order(table, "a").splitlines()
    assert said[0] == "- by the paper's s: pitch 10 (7 to 17), amplitude 19 (2 to 30), timbre 25 (3 to 29); intervals apart: none"
    assert said[2].endswith("intervals apart: timbre from amplitude")
    assert said[-1] == "The three measures agree neither on the first place nor on the last."


def test_a_tie_is_shared_by_all_who_are_in_it() -> None:
    said = conclusions.order(settled("a", pitch=every(5, 5, 5), timbre=every(5, 5, 5), amplitude=every(2, 2, 2)), "a")
    assert said.endswith("The three measures agree on amplitude first and pitch and timbre last.")


def test_pairs_name_first_what_settles_first() -> None:
    columns = ["path", "first", "second", "difference", "low", "high", "p"]
    tests = pd.DataFrame([("a", "pitch", "timbre", -2.0, -3.0, -1.0, 0.001), ("a", "pitch", "amplitude", 1.0, 0.5, 1.5, 0.01),
                          ("a", "timbre", "amplitude", 0.5, -1.0, 2.0, 0.6), ("b", "pitch", "timbre", 0.1, -0.1, 0.3, 0.3),
                          (order.LEAD, "pitch", "pitch on the line", -0.5, -0.75, 0.01, 0.2)], columns=columns)
    assert conclusions.pairs(tests, "a") == (
        "Prompt by prompt, by the ratio of sums, timbre settles before pitch by 2.0 (1.0 to 3.0) states (p = 0.001) "
        "and pitch settles before amplitude by 1.0 (0.5 to 1.5) states (p = 0.01).")
    assert conclusions.pairs(tests, "b") == "Prompt by prompt, by the ratio of sums, no pair differs."
    assert conclusions.lead(tests).endswith("ahead of its own straight line by −0.5 (−0.8 to 0.0) states in pitch.")


def test_the_furthest_property_says_how_far_a_control_is() -> None:
    table = pd.concat([settled("noisy latents", pitch=every(25, 24, 26), timbre=every(24, 22, 25), amplitude=every(20, 15, 24)),
                       settled("straight line", pitch=every(26, 24, 27), timbre=every(21, 22, 25), amplitude=every(None, 20, 31))])
    assert conclusions.distances(table, "noisy latents", ["straight line"]) == (
        "- straight line: at most 11 by the paper's s, 11 by the ratio of sums and 11 by the projection")


def test_what_moved_early_and_what_late() -> None:
    columns = ["way", "property", "window", "share", "share_low", "share_high"]
    table = pd.DataFrame([("another prompt", "pitch", "early", 0.3, -0.8, 1.0), ("another prompt", "amplitude", "early", 0.98, 0.97, 0.99),
                          ("another prompt", "pitch", "late", -0.001, -0.03, 0.0), ("another prompt", "amplitude", "late", np.nan, np.nan, np.nan)], columns=columns)
    assert conclusions.steering(table).splitlines() == [
        "- another prompt, early: pitch 0.30 (−0.80 to 1.00), amplitude 0.98 (0.97 to 0.99); whole interval above 0: amplitude",
        "- another prompt, late: pitch 0.00 (−0.03 to 0.00); whole interval above 0: none",
    ]
