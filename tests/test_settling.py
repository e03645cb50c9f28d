"""When properties settle, and in which order: known trajectories, intervals that hold, and tests whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audiosae.audio.labels import PROPERTIES
from audiosae.errors import ParameterError
from audiosae.generation import settling
from audiosae.generation.trajectory import COARSE, LINE, NOISY, PATHS, Reading

NOISE, MUSIC = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
TIMES = np.linspace(0, 1, 5)
STRAIGHT = (1 - TIMES[:, None]) * NOISE + TIMES[:, None] * MUSIC
STATES = np.arange(11)
STILL = np.zeros((11, 6))


# --- one property -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", settling.MEASURES.values())
def test_a_straight_way_is_as_far_as_time(measure) -> None:
    both = np.stack([STRAIGHT, STRAIGHT[:, ::-1]], axis=1)  # a batch of two prompts
    assert measure(both) == pytest.approx(np.stack([TIMES, TIMES], axis=1))


def test_moves_the_wrong_way_count_against_in_the_projection_alone() -> None:
    p = np.array([NOISE, NOISE - (MUSIC - NOISE), MUSIC])
    assert [measure(p)[1] for measure in settling.MEASURES.values()] == pytest.approx([1, 1, -1])


def test_a_class_that_hardly_moves_does_not_explode() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.5, 0.3], [0.4995, 0.0, 0.5005]])  # class 0 wanders, and comes back
    assert settling.progress(p)[1] == pytest.approx((0 / 0.5 + 0.3 / 0.5005) / 2)
    back = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5]])
    assert np.isnan([measure(back) for measure in settling.MEASURES.values()]).all()


@pytest.mark.parametrize(
    ("s", "at"),
    [
        ([0, 0.5, 0.95, 1.05, 1], 2),
        ([0, 0.95, 0.5, 0.95, 1], 3),
        ([0, 0.95, 1.2, 0.5, 1], 4),
        ([0, 1.2, 1.11, 1.09, 1], 3),
        ([1, 1, 1], 0),
        ([np.nan, np.nan], 1),
        ([[0, 0, 1], [0.95, 0.3, 1], [0.5, 1.05, 1], [1, 1, 1]], [3, 2, 0]),  # each of many as alone
    ],
)
def test_settled_is_for_good(s: list, at: int | list[int]) -> None:
    assert settling.settles_at(np.array(s)).tolist() == at


# --- over prompts -------------------------------------------------------------------------------------------------------


def step(at: int) -> np.ndarray:
    """Progress that jumps to 1 at one state."""
    return (STATES >= at).astype(float)


def reading(*progress: np.ndarray) -> Reading:
    """Six prompts, or as many as are given, that go from one class to another."""
    each = np.stack(progress if len(progress) > 1 else progress * 6, axis=1)
    return Reading(np.stack([1 - each, each], axis=-1), STILL, STILL)


def test_all_prompts_together_with_an_interval() -> None:
    assert settling.settling_state(np.stack([step(4)] * 8, axis=1), 0) == (4, 4, 4)
    at, low, high = settling.settling_state(np.stack([step(at) for at in (2, 2, 2, 6, 6, 6, 6, 6)], axis=1), 0)
    assert at == 6 and 2 <= low <= 6 == high
    assert settling.settling_state(np.stack([step(10)] * 3, axis=1), 0) == (None, 10, 10)


def test_a_prompt_of_unknown_progress_is_left_out_and_one_is_needed() -> None:
    known, unknown = [step(4), step(4), step(10)], np.zeros(11)  # which goes nowhere
    table, less = (settling.settled({"trained": {(NOISY, "pitch"): reading(*all_of)}}, 0) for all_of in ([*known, unknown], known))
    pd.testing.assert_frame_equal(table, less)
    assert set(table["prompts"]) == {3}
    with pytest.raises(ParameterError, match="undefined for every prompt"):
        settling.settled({"trained": {(NOISY, "pitch"): reading(unknown)}}, 0)


def test_a_sure_order_and_none() -> None:
    rng = np.random.default_rng(0)
    early = rng.integers(3, 8, 40).astype(float)
    steps = {"pitch": early, "timbre": early + rng.integers(1, 4, 40), "amplitude": rng.permutation(early)}
    unknown = {"pitch": np.nan, "timbre": 3, "amplitude": 3}
    rows = settling.paired({prop: np.append(at, unknown[prop]) for prop, at in steps.items()}, 0).set_index(["first", "second"])
    sure, none = rows.loc[("pitch", "timbre")], rows.loc[("pitch", "amplitude")]
    assert len(rows) == 3 and sure["p"] < 1e-4 and 0 < sure["low"] <= sure["difference"] <= sure["high"] < 4
    assert none["p"] > 0.05 and none["low"] < 0 < none["high"]
    same = settling.paired({"a": early, "b": early}, 0).iloc[0]
    assert same["p"] == 1 and same["difference"] == 0


def test_curves_hold_every_measure_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    random = Reading(rng.dirichlet(np.ones(5), size=(11, 6)), rng.random((11, 6)), rng.random((11, 6)))
    table = settling.curves({(NOISY, "pitch"): random, (LINE, "pitch"): random}, 0)
    assert set(table["measure"]) == {*settling.MEASURES, "agreement", "entropy"} and len(table) == 2 * 5 * 11
    assert (table["low"] <= table["mean"] + 1e-12).all() and (table["mean"] <= table["high"] + 1e-12).all()
    ends = table[(table["measure"] == "projection") & table["state"].isin([0, 10])]
    assert ends["mean"].tolist() == pytest.approx([0, 1, 0, 1])
    agreement = table[(table["path"] == LINE) & (table["measure"] == "agreement")]["mean"]
    np.testing.assert_allclose(agreement, random.agreement.mean(axis=1))


def test_the_summary_holds_the_figures_of_the_tables() -> None:
    """Pitch goes straight, and is there at the end only; the others jump, at a state of their own on each path."""
    jumps = {prop: at for at, prop in enumerate((*PROPERTIES, COARSE), start=2)}
    trained = {
        (path, prop): reading(STATES / 10 if prop == "pitch" else step(at + place) if prop != "amplitude" else step(10))
        for place, path in enumerate(PATHS)
        for prop, at in jumps.items()
    }
    settled, tests = settling.settled({"trained": trained, "untrained": trained}, 0), settling.paired_tests(trained, 0)
    found = settling.summarise(settling.curves(trained, 0), settled, tests)
    timbre, amplitude = found["properties"]["timbre"], found["properties"]["amplitude"]
    assert timbre["settles_at"] == jumps["timbre"] and timbre["settles_at_ci95"] == [jumps["timbre"]] * 2 and timbre["prompts"] == 6
    assert amplitude["settles_at"] is None and amplitude["settles_at_ci95"] == [10, 10]  # not before the last state
    assert timbre["progress"] == step(jumps["timbre"]).tolist() and set(timbre["measures"]) == {"ratio of sums", "projection"}
    assert set(timbre["paths"]) == set(PATHS) - {NOISY}
    assert timbre["paths"][LINE]["projection"]["settles_at"] == jumps["timbre"] + PATHS.index(LINE)
    assert found["properties"]["pitch"]["measures"]["ratio of sums"]["progress"] == pytest.approx(STATES / 10)
    assert len(found["settled"]) == 2 * 4 * 4 * 3 and len(found["order"]) == 9
    assert {row["difference"] for row in found["order"] if row["path"] == settling.LEAD} == {0.0, PATHS.index(LINE)}
