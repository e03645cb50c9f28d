"""Sentences and tables made from figures: they follow the figures, whatever these are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audiosae.generation import conclusions
from audiosae.generation.settling import LEAD, MEASURES
from audiosae.generation.trajectory import COARSE


def settled(reading: str, **of: list | tuple) -> pd.DataFrame:
    """Rows as `settling.settled` has them: by property, state, low and high by each measure, or one for all."""
    each = {prop: found if isinstance(found, list) else [found] * 3 for prop, found in of.items()}
    rows = [(reading, prop, name, *figures) for prop, found in each.items() for name, figures in zip(MEASURES, found, strict=True)]
    return pd.DataFrame(rows, columns=["reading", "property", "measure", "settles_at", "low", "high"]).astype({"settles_at": "Int64"})


def test_the_order_and_what_the_measures_agree_on() -> None:
    """What has not settled comes last; a tie is shared."""
    one = settled("a", pitch=(5, 5, 5), timbre=(None, 11, 31), amplitude=(2, 2, 2))
    said = conclusions.order(one, "a").splitlines()
    assert said[1] == (
        "- by the ratio of sums: amplitude 2 (2 to 2), pitch 5 (5 to 5), timbre not before the last state (11 to 31); "
        "intervals apart: amplitude from pitch, amplitude from timbre and pitch from timbre"
    )
    assert said[-1] == "The three measures agree on amplitude first and timbre last."
    tied = conclusions.order(settled("a", pitch=(5, 5, 5), timbre=(5, 5, 5), amplitude=(2, 2, 2)), "a")
    assert tied.endswith("on amplitude first and pitch and timbre last.")
    pitch, timbre = [(10, 7, 17), (7, 4, 15), (18, 14, 23)], [(25, 3, 29), (4, 3, 9), (6, 3, 13)]
    mixed = conclusions.order(settled("a", pitch=pitch, timbre=timbre, amplitude=[(19, 2, 30), (30, 3, 31), (30, 22, 31)]), "a")
    assert "timbre 4 (3 to 9), pitch 7 (4 to 15), amplitude 30 (3 to 31); intervals apart: none" in mixed
    assert mixed.endswith("neither on the first place nor on the last.")


def test_pairs_name_first_what_settles_first() -> None:
    rows = [
        ("a", "pitch", "timbre", -2.0, -3.0, -1.0, 0.001),
        ("a", "pitch", "amplitude", 1.0, 0.5, 1.5, 0.01),
        ("a", "timbre", "amplitude", 0.5, -1.0, 2.0, 0.6),
        ("b", "pitch", "timbre", 0.1, -0.1, 0.3, 0.3),
        (LEAD, "pitch", "pitch on the line", -0.5, -0.75, 0.01, 0.2),
    ]
    tests = pd.DataFrame(rows, columns=["path", "first", "second", "difference", "low", "high", "p"])
    assert conclusions.pairs(tests, "a") == (
        "Prompt by prompt, by the ratio of sums, timbre settles before pitch by 2.0 (1.0 to 3.0) states (p = 0.001) "
        "and pitch settles before amplitude by 1.0 (0.5 to 1.5) states (p = 0.01)."
    )
    assert conclusions.pairs(tests, "b") == "Prompt by prompt, by the ratio of sums, no pair differs."
    assert conclusions.lead(tests).endswith("ahead of its own straight line by −0.5 (−0.8 to 0.0) states in pitch.")


def test_the_furthest_property_says_how_far_a_control_is() -> None:
    own = settled("noisy latents", pitch=(25, 24, 26), timbre=(24, 22, 25), amplitude=(20, 15, 24))
    line = settled("straight line", pitch=(26, 24, 27), timbre=(21, 22, 25), amplitude=(None, 20, 31))
    assert conclusions.distances(pd.concat([own, line]), "noisy latents", ["straight line"]) == (
        "- straight line: at most 11 by the paper's s, 11 by the ratio of sums and 11 by the projection"
    )


def test_what_moved_early_and_what_late() -> None:
    columns = ["property", "window", "share", "share_low", "share_high", "leakage", "leakage_low", "leakage_high", "pieces"]
    rows = [
        ("pitch", "early", 0.3, -0.8, 1.0, 2, 1, 3, 4),
        ("amplitude", "early", 0.98, 0.97, 0.99, 1, 1, 1, 4),
        ("pitch", "late", -0.001, -0.03, 0.0, 2, 1, 3, 3),
        ("amplitude", "late", *[np.nan] * 6, 0),
    ]
    summary = pd.DataFrame(rows, columns=columns).assign(way="another prompt")
    assert conclusions.steering(summary).splitlines() == [
        "- another prompt, early: pitch 0.30 (−0.80 to 1.00), amplitude 0.98 (0.97 to 0.99); whole interval above 0: amplitude",
        "- another prompt, late: pitch 0.00 (−0.03 to 0.00); whole interval above 0: none",
    ]
    table = conclusions.steering_table(summary)
    assert list(table.columns) == ["early, way gone", "late, way gone", "early, leakage", "late, leakage", "pieces that count"]
    assert table.loc[("another prompt", "amplitude")].tolist() == ["0.98 (0.97 to 0.99)", "–", "1.00 (1.00 to 1.00)", "–", "0"]


def test_the_table_of_states_keeps_the_order_of_readings_and_a_dash_for_what_has_not_settled() -> None:
    of = {"pitch": (None, 2, 10), "timbre": (3, 2, 10), "amplitude": (3, 2, 10), COARSE: (3, 2, 10)}
    found = conclusions.settled_table(pd.concat([settled("b", **of), settled("a", **of)]))
    assert list(found.columns) == ["pitch", COARSE, "timbre", "amplitude"]
    assert list(found.index[:4]) == [("b", "s"), ("b", "ratio of sums"), ("b", "projection"), ("a", "s")]
    assert set(found["pitch"]) == {"– (2 to 10)"} and set(found["timbre"]) == {"3 (2 to 10)"}
