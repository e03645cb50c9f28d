"""The Fréchet distance: against its closed form in two ways."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.errors import ParameterError
from audiosae.generation import frechet

RNG = np.random.default_rng(0)
ONE, OTHER = RNG.standard_normal((500, 4)), 2 * RNG.standard_normal((400, 4)) @ RNG.standard_normal((4, 4)) + 1


def test_equal_sets_have_no_distance_and_a_shift_has_its_square() -> None:
    assert frechet.distance(ONE, ONE) == pytest.approx(0, abs=1e-9)
    assert frechet.distance(ONE, ONE + [3, 0, 0, 4]) == pytest.approx(25)


def test_a_change_of_scale_alone() -> None:
    """tr((1 − 2)² Σ), about the mean."""
    centred = ONE - ONE.mean(axis=0)
    assert frechet.distance(centred, 2 * centred) == pytest.approx(np.trace(np.cov(ONE, rowvar=False)))


def test_it_is_the_formula_and_symmetric() -> None:
    first, second = np.cov(ONE, rowvar=False), np.cov(OTHER, rowvar=False)
    shared = np.sqrt(np.linalg.eigvals(first @ second).real).sum()  # of the product that is not symmetric
    expected = ((ONE.mean(0) - OTHER.mean(0)) ** 2).sum() + np.trace(first + second) - 2 * shared
    assert frechet.distance(ONE, OTHER) == pytest.approx(expected)
    assert frechet.distance(OTHER, ONE) == pytest.approx(expected)


def test_windows_are_summed_up_without_the_rest_of_a_clip() -> None:
    latents = np.arange(2 * 7 * 1, dtype=np.float32).reshape(2, 7, 1)
    found = frechet.windows(latents, 3)
    assert found.tolist() == [[1, pytest.approx((2 / 3) ** 0.5)], [4, pytest.approx((2 / 3) ** 0.5)],
                              [8, pytest.approx((2 / 3) ** 0.5)], [11, pytest.approx((2 / 3) ** 0.5)]]


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(ParameterError, match="windows of 8 frames"):
        frechet.windows(np.zeros((1, 7, 2)), 8)
    with pytest.raises(ParameterError, match="no distance"):
        frechet.distance(ONE[:1], OTHER)
