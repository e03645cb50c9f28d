"""Bootstrap intervals against what theory and symmetry say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae import intervals
from audiosae.errors import ParameterError


def test_an_interval_of_a_mean_is_about_two_standard_errors_each_way() -> None:
    values = np.random.default_rng(0).normal(5, 2, 100)
    low, high = intervals.mean(values, 0)
    error = values.std() / 10
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_it_holds_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for draw in range(200):
        low, high = intervals.mean(rng.normal(0, 1, 40), draw)
        held += low <= 0 <= high
    assert 0.89 <= held / 200 <= 0.99


def test_recordings_weigh_by_their_frames() -> None:
    low, high = intervals.ratio(np.array([900.0, 0.0]), np.array([1000.0, 10.0]), 0)
    assert (low, high) == (0.0, 0.9)
    assert intervals.ratio(np.array([3.0, 6.0]), np.array([4.0, 8.0]), 0) == [0.75, 0.75]


@settings(deadline=None, max_examples=15, derandomize=True)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.integers(0, 1000))
def test_an_interval_lies_within_the_values_and_repeats(values: list[float], seed: int) -> None:
    low, high = intervals.mean(np.array(values), seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert [low, high] == intervals.mean(np.array(values), seed)


def test_no_recording_is_an_error() -> None:
    with pytest.raises(ParameterError, match="at least one recording"):
        intervals.mean(np.array([]), 0)
