"""Distinct rows: found to the bit, counted, and left alone where frames hardly repeat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.frames import unique


def repeating(codes: list[int], dim: int = 3) -> np.ndarray:
    """Frames of a codec with one codebook."""
    book = np.random.default_rng(0).standard_normal((max(codes) + 1, dim)).astype(np.float32)
    return book[codes]


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.lists(st.integers(0, 3), min_size=16, max_size=60), st.integers(1, 5))
def test_rows_rebuild_the_frames_and_none_is_there_twice(codes: list[int], dim: int) -> None:
    latents = repeating(codes, dim)
    rows = unique.find(latents)
    assert rows.few and rows.distinct == len(rows.latents) == len(set(codes))
    np.testing.assert_array_equal(rows.latents[rows.of_frame], latents)
    np.testing.assert_array_equal(rows.latents, latents[[codes.index(code) for code in dict.fromkeys(codes)]])  # as they first occur


def test_rows_that_differ_in_one_bit_are_two() -> None:
    latents = repeating([0] * 20)
    latents[3, 1] = np.nextafter(latents[3, 1], np.float32(9))
    assert unique.find(latents).distinct == 2


@pytest.mark.parametrize(("codes", "few"), [(5, True), (6, False)])
def test_a_quarter_of_the_frames_is_few_and_a_mapped_table_is_not_kept(codes: int, few: bool) -> None:
    latents = repeating([k % codes for k in range(20)])
    latents.flags.writeable = False
    rows = unique.find(latents)
    assert (rows.few, rows.distinct) == (few, codes)
    assert rows.latents.flags.writeable and not np.shares_memory(rows.latents, latents)


def test_where_frames_hardly_repeat_each_is_a_row() -> None:
    latents = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    latents[7] = latents[3]
    rows = unique.find(latents)
    assert not rows.few and rows.distinct == 49
    np.testing.assert_array_equal(rows.latents, latents)
    assert rows.of_frame.tolist() == list(range(50))


def test_counts_and_histogram_by_hand() -> None:
    rows = unique.find(repeating([0, 1, 0, 1, 0, 1, 0, 1, 1, 1]), few=0.5)
    labels = np.array([2, 0, 2, 1, 0, 1, -1, 9, 1, 1])
    chosen = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 1], dtype=bool)
    assert rows.counts(chosen).tolist() == [3, 4]
    assert rows.histogram(chosen, labels, 3).tolist() == [[1, 0, 2], [1, 3, 0]]
    assert rows.histogram(np.zeros(10, dtype=bool), labels, 3).tolist() == [[0] * 3] * 2
