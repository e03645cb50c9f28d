"""When properties change, and in which order: known trajectories, planted shifts that are recovered, and intervals that know of seeds."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.audio.labels import PROPERTIES
from audiosae.errors import ParameterError
from audiosae.generation import settling
from audiosae.generation.settling import BEYOND, COARSE, CONTROLS
from audiosae.generation.trajectory import ESTIMATE, LINE, NOISY, OTHER_LINE, PATHS, UNTRAINED, Reading

NOISE, MUSIC = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
TIMES = np.linspace(0, 1, 5)
STRAIGHT = (1 - TIMES[:, None]) * NOISE + TIMES[:, None] * MUSIC
STATES = np.arange(32)
RNG = np.random.default_rng(0)


# --- one property -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", settling.MEASURES.values())
def test_a_straight_way_is_as_far_as_time(measure) -> None:
    both = np.stack([STRAIGHT, STRAIGHT[:, ::-1]], axis=1)  # a batch of two prompts
    assert measure(both) == pytest.approx(np.stack([TIMES, TIMES], axis=1))
    assert settling.area(measure(both)) == pytest.approx([2.5, 2.5])


def test_the_area_is_the_mean_state_of_change() -> None:
    rising = np.sort(np.r_[0, RNG.random(30), 1])
    each = np.stack([STATES >= 10, STATES / 31, rising], axis=1).astype(float)
    assert settling.area(each) == pytest.approx([10, 16, (STATES[1:] * np.diff(rising)).sum()])


def test_a_class_that_hardly_moves_does_not_explode() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.5, 0.3], [0.4995, 0.0, 0.5005]])  # class 0 wanders, and comes back
    assert settling.progress(p)[1] == pytest.approx((0 / 0.5 + 0.3 / 0.5005) / 2)
    assert settling.share_of_way(p)[1] == pytest.approx(0.6 / (0.6 + 1.0))
    back = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5]])
    assert np.isnan([measure(back)[-1] for measure in settling.MEASURES.values()]).all()


def test_the_share_of_the_way_is_bounded_even_where_a_piece_ends_near_its_start() -> None:
    p = RNG.dirichlet(np.ones(5), size=(32, 20))
    p[-1] = 0.99 * p[0] + 0.01 * p[-1]
    s = settling.share_of_way(p)
    assert ((s >= 0) & (s <= 1)).all() and (s[0] == 0).all() and (s[-1] == 1).all()
    assert s[1:-1] == pytest.approx(0.5, abs=0.1)  # as far from the one end as from the other
    assert settling.share_of_way(p[::-1]) == pytest.approx(1 - s[::-1])


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


def test_another_threshold_is_another_state() -> None:
    s = np.array([0, 0.85, 0.93, 0.97, 1])
    assert [int(settling.settles_at(s, close)) for close in (0.2, 0.1, 0.05, 0.01)] == [1, 2, 3, 4]


def test_classes_are_put_together_evenly_and_nothing_is_lost() -> None:
    p = RNG.dirichlet(np.ones(66), size=(3, 2))
    found = settling.pool(p)
    assert found.shape == (3, 2, 20) and found.sum(axis=-1) == pytest.approx(np.ones((3, 2)))
    assert found[0, 0, 0] == pytest.approx(p[0, 0, :4].sum()) and found[0, 0, -1] == pytest.approx(p[0, 0, -3:].sum())
    assert set(settling.pool(np.ones((1, 66)))[0]) == {3, 4}


# --- over prompts and seeds ---------------------------------------------------------------------------------------------


def reading(at: np.ndarray, classes: int = 66) -> Reading:
    """Progress that jumps from the first class to the last at a state, by member and prompt [members, prompts]; NaN for nowhere."""
    s = (STATES[:, None, None] >= at).astype(float)
    p = np.zeros((*s.shape, classes))
    p[..., 0], p[..., -1] = 1 - s, s
    return Reading(p, np.zeros_like(s))


def readings(**jumps: np.ndarray) -> dict[tuple[str, str], Reading]:
    """Every property jumps at the same states on all paths, trained or not."""
    return {(path + end, prop): reading(at) for path in PATHS for end in ("", UNTRAINED) for prop, at in jumps.items()}


def row(order: dict, path: str, first: str, second: str) -> tuple[float, float, float]:
    (found,) = [row for row in order["pairs"] if (row["path"], row["first"], row["second"]) == (path, first, second)]
    return found["difference"], *found["ci95"]


EARLY = RNG.integers(3, 8, (5, 40))


def test_planted_shifts_are_recovered() -> None:
    """Timbre changes 1 to 3 states after pitch, in amplitude prompts are shuffled; the line is two states late, in timbre three."""
    later = EARLY + RNG.integers(1, 4, EARLY.shape)
    given = readings(pitch=EARLY, timbre=later, amplitude=RNG.permuted(EARLY, axis=1))
    given |= {
        (LINE, prop): reading(at + 2 + (prop == "timbre")) for prop, at in {"pitch": EARLY, "timbre": later, "amplitude": EARLY}.items()
    }
    found = settling.order(given, 0)
    assert found["areas"][NOISY]["pitch"]["area"] == pytest.approx(EARLY.mean())
    difference, low, high = row(found, NOISY, "pitch", "timbre")
    assert difference == pytest.approx((later - EARLY).mean()) and 1 < low < difference < high < 3
    _, low, high = row(found, NOISY, "pitch", "amplitude")
    assert low < 0 < high
    assert found["lead"]["pitch"] == {"difference": pytest.approx(2), "ci95": pytest.approx([2, 2])}
    assert found["lead"]["timbre"]["difference"] == pytest.approx(3)
    assert row(found, BEYOND, "pitch", "timbre") == pytest.approx((-1, -1, -1))  # of the order a state less than the line shows


def test_each_control_is_set_against_its_own_reading() -> None:
    given = readings(pitch=EARLY, timbre=EARLY, amplitude=EARLY)
    shifts = {OTHER_LINE: 1, NOISY + UNTRAINED: 2, ESTIMATE: 10, ESTIMATE + UNTRAINED: 14}
    given |= {(path, "timbre"): reading(EARLY + shift) for path, shift in shifts.items()}
    found = settling.order(given, 0)["controls"]
    assert {control: round(of["timbre"]["difference"], 9) for control, of in found.items()} == dict(zip(CONTROLS, (1, 2, 4)))
    assert {of["pitch"]["difference"] for of in found.values()} == {0}


def test_equal_paths_differ_by_nothing_and_the_number_of_classes_does_not_matter() -> None:
    found = settling.order(readings(pitch=EARLY, timbre=EARLY, amplitude=EARLY), 0)
    assert all(row["difference"] == 0 and row["ci95"] == [0, 0] for row in found["pairs"])
    assert found["areas"][LINE][COARSE] == found["areas"][NOISY]["pitch"] and found["seeds"] == 5


def test_seeds_that_differ_widen_the_interval() -> None:
    """Five seeds two states apart, with the same mean: the interval is about as wide as that of a mean of five."""
    by_seed = np.array([-4, -2, 0, 2, 4])[:, None]
    alike, apart = (
        settling.order(readings(pitch=10 + by, timbre=10 + by, amplitude=10 + by), 0)["areas"][NOISY]["pitch"]
        for by in (np.zeros((5, 40)), by_seed + np.zeros((5, 40)))
    )
    assert alike == {"area": pytest.approx(10), "ci95": pytest.approx([10, 10])}
    assert apart["area"] == pytest.approx(10) and apart["ci95"] == pytest.approx([10 - 2.4, 10 + 2.4], abs=0.41)


def test_a_difference_within_every_seed_is_sure_though_seeds_differ() -> None:
    by_seed = np.array([-4, -2, 0, 2, 4])[:, None] + np.full((5, 40), 10)
    found = settling.order(readings(pitch=by_seed, timbre=by_seed + 1, amplitude=by_seed), 0)
    assert row(found, NOISY, "pitch", "timbre") == pytest.approx((1, 1, 1))


def test_a_prompt_of_unknown_progress_is_left_out_and_one_is_needed() -> None:
    at = EARLY[:, :4].astype(float)
    at[2, 3] = np.nan  # one member sees nothing move
    found, less = (settling.summarise(readings(pitch=each, timbre=each, amplitude=each), 0) for each in (at, at[:, :3]))
    assert found == less
    with pytest.raises(ParameterError, match="undefined for every prompt"):
        settling.known(np.full((5, 4), np.nan))


def test_curves_hold_every_measure_with_its_interval() -> None:
    random = Reading(RNG.dirichlet(np.ones(5), size=(11, 5, 6)), RNG.random((11, 5, 6)))
    table = settling.curves({(path, prop): random for path in PATHS for prop in PROPERTIES}, 0)
    assert set(table["measure"]) == {*settling.MEASURES, "entropy"} and len(table) == 4 * 3 * 3 * 11
    assert (table["low"] <= table["mean"] + 1e-12).all() and (table["mean"] <= table["high"] + 1e-12).all()
    one = table[(table["path"] == LINE) & (table["property"] == "pitch")]
    entropy, s = (one[one["measure"] == measure]["mean"] for measure in ("entropy", "share of the way"))
    np.testing.assert_allclose(entropy, random.entropy.mean(axis=(1, 2)))
    assert settling.area(s.to_numpy()) == pytest.approx(settling.area(settling.share_of_way(random.p)).mean())


def test_the_summary_holds_the_paper_s_measure_beside_the_area() -> None:
    jumps = {"pitch": np.full((5, 8), 4), "amplitude": np.full((5, 8), 31), "timbre": np.full((5, 8), 6)}
    given = readings(**jumps)
    given[LINE, "timbre"] = reading(np.tile([2, 2, 2, 9, 9, 9, 9, 9], (5, 1)))
    found = settling.summarise(given, 0)
    timbre, amplitude = found["properties"]["timbre"], found["properties"]["amplitude"]
    own = {"progress": (STATES >= 6).astype(float).tolist(), "settles_at": 6, "settles_at_ci95": [6, 6], "area": 6, "area_ci95": [6, 6]}
    assert {key: pytest.approx(value) for key, value in own.items()} == {key: timbre[key] for key in own}
    assert amplitude["settles_at"] is None and amplitude["settles_at_ci95"] == [31, 31]  # not before the last state
    assert set(timbre["paths"]) == set(PATHS) - {NOISY} and set(timbre["paths"][LINE]) == set(own)
    line = timbre["paths"][LINE]
    assert line["settles_at"] == 9 and line["settles_at_ci95"] == [2, 9] or line["settles_at_ci95"] == [9, 9]
    assert line["area"] == found["order"]["areas"][LINE]["timbre"]["area"] == pytest.approx((3 * 2 + 5 * 9) / 8)


def test_one_piece_whose_ratio_explodes_moves_no_curve_of_the_paper_s_measure() -> None:
    values = np.ones((3, 2, 9))
    values[1] = 0.5
    wild = values.copy()
    wild[1, 0, 0] = 1000.0
    assert (settling.medians(wild, 0) == settling.medians(values, 0)).mean() > 0.99
    assert settling.medians(values, 0).shape[1:] == (3,) and set(np.unique(settling.medians(values, 0)[:, 1])) == {0.5}
