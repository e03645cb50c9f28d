"""The order in which properties settle: intervals that hold, and tests whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiosae.audio.labels import PROPERTIES
from audiosae.errors import ParameterError
from audiosae.files import results
from audiosae.generation import order
from audiosae.generation.settling import MEASURES
from audiosae.generation.trajectory import COARSE, LINE, NOISY, PATHS, Reading

STATES = np.arange(11)
STILL = np.zeros((11, 6))


def step(at: int) -> np.ndarray:
    """Progress that jumps to 1 at one state."""
    return (STATES >= at).astype(float)


def reading(*progress: np.ndarray) -> Reading:
    """Six prompts, or as many as are given, that go from one class to another."""
    each = np.stack(progress if len(progress) > 1 else progress * 6, axis=1)
    return Reading(np.stack([1 - each, each], axis=-1), STILL, STILL)


def test_all_prompts_together_with_an_interval() -> None:
    assert order.settling_state(np.stack([step(4)] * 8, axis=1), 0) == (4, 4, 4)
    at, low, high = order.settling_state(np.stack([step(at) for at in (2, 2, 2, 6, 6, 6, 6, 6)], axis=1), 0)
    assert at == 6 and 2 <= low <= 6 == high
    assert order.settling_state(np.stack([step(10)] * 3, axis=1), 0) == (None, 10, 10)


def test_a_prompt_of_unknown_progress_is_left_out_and_one_is_needed() -> None:
    known, unknown = [step(4), step(4), step(10)], np.zeros(11)  # which goes nowhere
    table, less = (order.settled({"trained": {(NOISY, "pitch"): reading(*all_of)}}, 0) for all_of in ([*known, unknown], known))
    pd.testing.assert_frame_equal(table, less)
    assert set(table["prompts"]) == {3}
    with pytest.raises(ParameterError, match="undefined for every prompt"):
        order.settled({"trained": {(NOISY, "pitch"): reading(unknown)}}, 0)


def test_a_sure_order_and_none() -> None:
    rng = np.random.default_rng(0)
    early = rng.integers(3, 8, 40).astype(float)
    later = early + rng.integers(1, 4, 40)
    table = order.paired(
        {"pitch": np.append(early, np.nan), "timbre": np.append(later, 3), "amplitude": np.append(rng.permutation(early), 3)}, 0
    )
    rows = table.set_index(["first", "second"])
    assert len(rows) == 3
    sure, none = rows.loc[("pitch", "timbre")], rows.loc[("pitch", "amplitude")]
    assert sure["p"] < 1e-4 and 0 < sure["low"] <= sure["difference"] <= sure["high"] < 4
    assert none["p"] > 0.05 and none["low"] < 0 < none["high"]
    same = order.paired({"a": early, "b": early}, 0).iloc[0]
    assert same["p"] == 1 and same["difference"] == 0


def test_curves_hold_every_measure_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    random = Reading(rng.dirichlet(np.ones(5), size=(11, 6)), rng.random((11, 6)), rng.random((11, 6)))
    table = order.curves({("noisy latents", "pitch"): random, ("straight line", "pitch"): random}, 0)
    assert set(table["measure"]) == {*MEASURES, "agreement", "entropy"} and len(table) == 2 * 5 * 11
    assert (table["low"] <= table["mean"] + 1e-12).all() and (table["mean"] <= table["high"] + 1e-12).all()
    ends = table[(table["measure"] == "projection") & table["state"].isin([0, 10])]
    assert ends["mean"].tolist() == pytest.approx([0, 1, 0, 1])
    agreement = table[(table["path"] == "straight line") & (table["measure"] == "agreement")]["mean"]
    np.testing.assert_allclose(agreement, random.agreement.mean(axis=1))


def test_the_summary_holds_the_figures_of_the_tables() -> None:
    """Pitch goes straight, and is there at the end; the others jump, at a state of their own on each path."""
    jumps = {prop: at for at, prop in enumerate((*PROPERTIES, COARSE), start=2)}
    trained = {
        (path, prop): reading(STATES / 10 if prop == "pitch" else step(at + place))
        for place, path in enumerate(PATHS)
        for prop, at in jumps.items()
    }
    settled, tests = order.settled({"trained": trained, "untrained": trained}, 0), order.paired_tests(trained, 0)
    found = order.summarise(order.curves(trained, 0), settled, tests)
    timbre = found["properties"]["timbre"]
    assert timbre["settles_at"] == jumps["timbre"] and timbre["settles_at_ci95"] == [jumps["timbre"]] * 2 and timbre["prompts"] == 6
    assert timbre["progress"] == step(jumps["timbre"]).tolist() and set(timbre["measures"]) == {"ratio of sums", "projection"}
    assert set(timbre["paths"]) == set(PATHS) - {NOISY}
    assert timbre["paths"][LINE]["projection"]["settles_at"] == jumps["timbre"] + PATHS.index(LINE)
    assert found["properties"]["pitch"]["measures"]["ratio of sums"]["progress"] == pytest.approx(STATES / 10)
    assert len(found["settled"]) == 2 * 4 * 4 * 3 and len(found["order"]) == 9
    assert {row["difference"] for row in found["order"] if row["path"] == order.LEAD} == {0.0, PATHS.index(LINE)}


def test_what_settles_at_the_last_state_only_is_null_in_the_summary() -> None:
    readings = {(path, prop): reading(step(10)) for path in PATHS for prop in (*PROPERTIES, COARSE)}
    curves, settled, tests = order.curves(readings, 0), order.settled({"trained": readings}, 0), order.paired_tests(readings, 0)
    pitch = order.summarise(curves, settled, tests)["properties"]["pitch"]
    assert pitch["settles_at"] is None and pitch["settles_at_ci95"] == [10, 10]


def test_rows_of_a_table_as_json_has_them(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "count": np.array([1, 2]), "share": [0.5, np.nan]})
    assert order.records(table) == [{"name": "a", "count": 1, "share": 0.5}, {"name": "b", "count": 2, "share": None}]
    results.write(tmp_path / "x.json", {"rows": order.records(table)})
