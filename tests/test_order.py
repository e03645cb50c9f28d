"""The order in which properties settle: intervals that hold, and tests whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiosae import results
from audiosae.generation import order
from audiosae.generation.reading import Reading

STATES = np.arange(11)


def step(at: int) -> np.ndarray:
    """Progress that jumps to 1 at one state."""
    return (STATES >= at).astype(float)


def test_each_prompt_settles_where_it_does() -> None:
    by_state = np.stack([step(3), step(7), step(10), np.full(11, np.nan)], axis=1)
    found = order.each(by_state)
    assert found[:3].tolist() == [3, 7, 10] and np.isnan(found[3])  # at the last state: not before


def test_all_prompts_together_with_an_interval() -> None:
    alike = np.stack([step(4)] * 8, axis=1)
    assert order.settled(alike, 0) == {"settles_at": 4, "settles_at_ci95": [4, 4]}
    spread = np.stack([step(at) for at in (2, 2, 2, 6, 6, 6, 6, 6)], axis=1)
    found = order.settled(spread, 0)
    assert found["settles_at"] == 6 and 2 <= found["settles_at_ci95"][0] <= 6 == found["settles_at_ci95"][1]
    assert order.settled(np.stack([step(10)] * 3, axis=1), 0) == {"settles_at": None, "settles_at_ci95": [10, 10]}


def test_a_prompt_of_unknown_progress_is_left_out() -> None:
    known = np.stack([step(4)] * 3, axis=1)
    assert order.settled(np.column_stack([known, np.full(11, np.nan)]), 0) == order.settled(known, 0)


def test_a_sure_order_and_none() -> None:
    rng = np.random.default_rng(0)
    early = rng.integers(3, 8, 40).astype(float)
    table = order.paired({"pitch": early, "timbre": early + rng.integers(1, 4, 40), "amplitude": rng.permutation(early)}, 0)
    rows = table.set_index(["first", "second"])
    assert len(rows) == 3
    sure, none = rows.loc[("pitch", "timbre")], rows.loc[("pitch", "amplitude")]
    assert sure["p"] < 1e-4 and 0 < sure["low"] <= sure["difference"] <= sure["high"] < 4
    assert none["p"] > 0.05 and none["low"] < 0 < none["high"]
    same = order.paired({"a": early, "b": early}, 0).iloc[0]
    assert same["p"] == 1 and same["difference"] == 0


def test_holms_correction_by_hand() -> None:
    assert order._holm(np.array([0.03, 0.01, 0.04])) == pytest.approx([0.06, 0.03, 0.06])
    assert order._holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])


def test_curves_hold_every_measure_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(5), size=(11, 6))
    reading = Reading(p, rng.random((11, 6)), rng.random((11, 6)))
    table = order.curves({("noisy latents", "pitch"): reading, ("straight line", "pitch"): reading}, 0)
    assert set(table["measure"]) == {*order.MEASURES, "agreement", "entropy"} and len(table) == 2 * 5 * 11
    assert (table["low"] <= table["mean"] + 1e-12).all() and (table["mean"] <= table["high"] + 1e-12).all()
    ends = table[(table["measure"] == "projection") & table["state"].isin([0, 10])]
    assert ends["mean"].tolist() == pytest.approx([0, 1, 0, 1])
    agreement = table[(table["path"] == "straight line") & (table["measure"] == "agreement")]["mean"]
    np.testing.assert_allclose(agreement, reading.agreement.mean(axis=1))


def test_rows_of_a_table_as_json_has_them(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "count": np.array([1, 2]), "share": [0.5, np.nan]})
    assert order.records(table) == [{"name": "a", "count": 1, "share": 0.5}, {"name": "b", "count": 2, "share": None}]
    results.write(tmp_path / "x.json", {"rows": order.records(table)})
