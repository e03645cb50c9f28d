"""The order in which properties settle: intervals that hold, and tests whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiosae import results
from audiosae.generation import order
from audiosae.generation.reading import COARSE, LINE, NOISY, PATHS, Reading
from audiosae.labels import PROPERTIES

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


def test_the_summary_holds_the_figures_of_the_tables() -> None:
    """Pitch goes straight, and is there at the end; the others jump, at a state of their own on each path."""
    still = np.zeros((11, 6))

    def reading(progress: np.ndarray) -> Reading:
        one = np.repeat(progress[:, None], 6, axis=1)
        return Reading(np.stack([1 - one, one], axis=-1), still, still)

    jumps = {prop: at for at, prop in enumerate((*PROPERTIES, COARSE), start=2)}
    trained = {(path, prop): reading(STATES / 10 if prop == "pitch" else step(jumps[prop] + place)) for place, path in enumerate(PATHS) for prop in jumps}
    curves, settled, tests = order.curves(trained, 0), order.table({"trained": trained, "untrained": trained}, 0), order.tests(trained, 0)
    found = order.summarise(curves, settled, tests)
    timbre = found["properties"]["timbre"]
    assert timbre["settles_at"] == jumps["timbre"] and timbre["settles_at_ci95"] == [jumps["timbre"]] * 2 and timbre["prompts"] == 6
    assert timbre["progress"] == step(jumps["timbre"]).tolist() and set(timbre["measures"]) == {"ratio of sums", "projection"}
    assert set(timbre["paths"]) == set(PATHS) - {NOISY}
    assert timbre["paths"][LINE]["projection"]["settles_at"] == jumps["timbre"] + PATHS.index(LINE)
    assert found["properties"]["pitch"]["measures"]["ratio of sums"]["progress"] == pytest.approx(STATES / 10)
    assert len(found["settled"]) == 2 * 4 * 4 * 3 and len(found["order"]) == 9
    assert {row["difference"] for row in found["order"] if row["path"] == order.LEAD} == {0.0, PATHS.index(LINE)}


def test_what_settles_at_the_last_state_only_is_null_in_the_summary() -> None:
    p = np.stack([1 - step(10), step(10)], axis=-1)[:, None].repeat(3, axis=1)
    readings = {(path, prop): Reading(p, p[..., 0], p[..., 0]) for path in PATHS for prop in (*PROPERTIES, COARSE)}
    table = order.table({"trained": readings}, 0)
    pitch = order.summarise(order.curves(readings, 0), table, order.tests(readings, 0))["properties"]["pitch"]
    assert pitch["settles_at"] is None and pitch["settles_at_ci95"] == [10, 10]
    assert set(order.wide(table)["pitch"]) == {"– (10 to 10)"}


def test_rows_of_a_table_as_json_has_them(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "count": np.array([1, 2]), "share": [0.5, np.nan]})
    assert order.records(table) == [{"name": "a", "count": 1, "share": 0.5}, {"name": "b", "count": 2, "share": None}]
    results.write(tmp_path / "x.json", {"rows": order.records(table)})
