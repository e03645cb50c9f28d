"""Bootstrap intervals against what theory and symmetry say, and corrections for many tests by hand."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.errors import ParameterError
from audiosae.stats import bootstrap
from audiosae.stats.holm import holm


def test_an_interval_of_a_mean_is_about_two_standard_errors_each_way() -> None:
    values = np.random.default_rng(0).normal(5, 2, 100)
    error = values.std() / 10
    expected = [values.mean() - 1.96 * error, values.mean() + 1.96 * error]
    assert bootstrap.mean(values, 0) == pytest.approx(expected, abs=0.15 * error)
    resampled = bootstrap.weights(100, 0) @ values / 100
    assert bootstrap.interval(resampled) == pytest.approx(expected, abs=0.15 * error)


def test_it_holds_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(1)
    intervals = [bootstrap.mean(rng.normal(0, 1, 40), draw) for draw in range(200)]
    assert 0.89 <= np.mean([low <= 0 <= high for low, high in intervals]) <= 0.99


def test_recordings_weigh_by_their_frames() -> None:
    assert bootstrap.ratio(np.array([3.0, 6.0]), np.array([4.0, 8.0]), 0) == [0.75, 0.75]
    hits, recordings = np.repeat([1.0, 0.0], [900, 110]), np.repeat(["a", "b"], [1000, 10])
    assert bootstrap.over_recordings(hits, recordings, 0) == (900 / 1010, [0.0, 0.9], 2)


def test_resamples_without_a_figure_are_left_out() -> None:
    assert bootstrap.interval(np.append(np.arange(1001.0), [np.nan, np.inf])) == [25, 975]


def test_no_recording_is_an_error() -> None:
    with pytest.raises(ParameterError, match="at least one recording"):
        bootstrap.mean(np.array([]), 0)


@pytest.mark.parametrize("p, corrected", [
    ([0.03, 0.01, 0.04], [0.06, 0.03, 0.06]),
    ([0.03, 0.01, 0.02, 0.9], [0.06, 0.04, 0.06, 0.9]),
    ([0.5, 0.9], [1.0, 1.0]),
])  # fmt: skip
def test_holms_correction_by_hand(p: list[float], corrected: list[float]) -> None:
    assert holm(np.array(p)) == pytest.approx(corrected)
