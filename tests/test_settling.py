"""When a property settles: known trajectories, and the edge cases of the paper's ratio."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.generation import settling

NOISE, MUSIC = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
TIMES = np.linspace(0, 1, 5)
STRAIGHT = (1 - TIMES[:, None]) * NOISE + TIMES[:, None] * MUSIC


@pytest.mark.parametrize("measure", settling.MEASURES.values())
def test_a_straight_way_is_as_far_as_time(measure) -> None:
    assert measure(STRAIGHT) == pytest.approx(TIMES)
    both = np.stack([STRAIGHT, STRAIGHT[:, ::-1]], axis=1)  # a batch of two prompts
    assert measure(both) == pytest.approx(np.stack([TIMES, TIMES], axis=1))


def test_moves_the_wrong_way_count_against_in_the_projection_alone() -> None:
    p = np.array([NOISE, NOISE - (MUSIC - NOISE), MUSIC])
    assert settling.progress(p)[1] == pytest.approx(1) and settling.ratio_of_sums(p)[1] == pytest.approx(1)
    assert settling.projection(p)[1] == pytest.approx(-1)


def test_a_class_that_hardly_moves_does_not_explode() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.5, 0.3], [0.4995, 0.0, 0.5005]])  # class 0 wanders, and comes back
    by_hand = (0 / 0.5 + 0.3 / 0.5005) / 2
    assert settling.progress(p)[1] == pytest.approx(by_hand)
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


def test_agreement_and_entropy() -> None:
    first = np.array([[0.9, 0.9, 0.9, 0.9], [0.9, 0.9, 0.1, 0.1], [0.1, 0.9, 0.1, 0.1]])
    assert settling.agreement(np.stack([first, 1 - first], axis=-1)) == pytest.approx([0.25, 0.75, 1])
    assert settling.entropy(np.array([[0.25] * 4, [1, 0, 0, 0]])) == pytest.approx([2, 0])
