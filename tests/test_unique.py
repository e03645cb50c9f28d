"""Distinct rows: found to the bit, counted, and left alone where frames hardly repeat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.frames import Mapped, unique


def repeating(codes: list[int], dim: int = 3) -> np.ndarray:
    """Frames of a codec with one codebook."""
    book = np.random.default_rng(0).standard_normal((max(codes) + 1, dim)).astype(np.float32)
    return book[codes]


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.lists(st.integers(0, 3), min_size=16, max_size=60), st.integers(1, 5))
def test_rows_rebuild_the_frames_and_none_is_there_twice(codes: list[int], dim: int) -> None:
    latents = repeating(codes, dim)
    rows = unique.find(Mapped([latents]))
    assert rows.few and rows.distinct == len(rows.latents) == len(set(codes))
    np.testing.assert_array_equal(rows.latents[rows.of_frame], latents)
    np.testing.assert_array_equal(rows.latents, latents[[codes.index(code) for code in dict.fromkeys(codes)]])  # as they first occur


def test_rows_that_differ_in_one_bit_are_two() -> None:
    latents = repeating([0] * 20)
    latents[3, 1] = np.nextafter(latents[3, 1], np.float32(9))
    assert unique.find(Mapped([latents])).distinct == 2


@pytest.mark.parametrize(("codes", "few"), [(5, True), (6, False)])
def test_a_quarter_of_the_frames_is_few_and_more_stay_on_disk(codes: int, few: bool) -> None:
    latents = Mapped([repeating([k % codes for k in range(20)])])
    rows = unique.find(latents)
    assert (rows.few, rows.distinct) == (few, codes)
    assert (rows.latents is latents) == (not few)


@pytest.mark.parametrize("codes", [5, 50])
def test_rows_do_not_depend_on_parts_or_on_how_many_are_read_together(codes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = repeating([k * 7 % codes for k in range(60)])
    whole = unique.find(Mapped([latents]))
    monkeypatch.setattr(unique, "AT_A_TIME", 7)
    parted = unique.find(Mapped(np.split(latents, [1, 11, 30])))
    np.testing.assert_array_equal(parted.of_frame, whole.of_frame)
    np.testing.assert_array_equal(parted.latents, whole.latents)


def test_numbers_of_few_digits_do_not_share_a_hash() -> None:
    """Signs and powers of two differ in the first bits of a number alone."""
    signs = np.array(np.meshgrid(*[[-2.0, -1.0, 0.0, 1.0, 2.0]] * 6), np.float32).reshape(6, -1).T.copy()
    assert unique.find(Mapped([signs])).distinct == 5**6


def test_thinned_frames_are_drawn_at_random_unless_they_repeat() -> None:
    rows = unique.find(Mapped([np.arange(40, dtype=np.float32)[:, None]]))
    marked = np.arange(40) % 2 == 0
    kept = rows.thin(marked, 5, 0)
    assert (
        kept.sum() == 5 and (marked | ~kept).all() and (kept == rows.thin(marked, 5, 0)).all() and (kept != rows.thin(marked, 5, 1)).any()
    )
    assert rows.thin(marked, 20, 0) is marked
    few = unique.find(Mapped([repeating([k % 2 for k in range(40)])]))
    assert few.thin(marked, 5, 0) is marked


def test_examples_are_the_rows_of_the_histogram_that_are_used() -> None:
    rows = unique.find(Mapped([repeating([0, 1, 0, 2, 0, 1, 0, 1, 1, 1])]), few=0.5)
    labels, chosen = np.array([2, 0, 2, 1, 0, 1, -1, 9, 1, 1]), np.array([1, 0, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    used, counts = rows.examples(chosen, labels, 3)
    assert used.tolist() == [0, 2] and counts.tolist() == rows.histogram(chosen, labels, 3)[[0, 2]].tolist() == [[1, 0, 2], [0, 1, 0]]


def test_where_frames_hardly_repeat_each_is_a_row() -> None:
    latents = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    latents[7] = latents[3]
    rows = unique.find(Mapped([latents]))
    assert not rows.few and rows.distinct == 49
    np.testing.assert_array_equal(rows.latents, latents)
    assert rows.of_frame.tolist() == list(range(50))


def test_counts_and_histogram_by_hand() -> None:
    rows = unique.find(Mapped([repeating([0, 1, 0, 1, 0, 1, 0, 1, 1, 1])]), few=0.5)
    labels = np.array([2, 0, 2, 1, 0, 1, -1, 9, 1, 1])
    chosen = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 1], dtype=bool)
    assert rows.counts(chosen).tolist() == [3, 4]
    assert rows.histogram(chosen, labels, 3).tolist() == [[1, 0, 2], [1, 3, 0]]
    assert rows.histogram(np.zeros(10, dtype=bool), labels, 3).tolist() == [[0] * 3] * 2
