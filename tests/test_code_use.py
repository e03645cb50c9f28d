"""How much of a codebook is used, on codes whose use is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audiosae.code_use import perplexity, summarise
from audiosae.frames import Frames


@pytest.mark.parametrize(
    ("counts", "expected"), [([7], 1), ([5, 5, 5, 5], 4), ([2, 1, 1], 2**1.5), ([1000, 1], 1.0079)]
)
def test_perplexity_of_known_counts(counts: list[int], expected: float) -> None:
    codes = np.repeat(np.arange(len(counts)) * 3, counts)
    assert perplexity(codes) == pytest.approx(expected, rel=1e-4)
    assert perplexity(codes[::-1]) == pytest.approx(expected, rel=1e-4)


def table(codes: np.ndarray | None, splits: list[str]) -> Frames:
    return Frames(
        np.zeros((len(splits), 2), np.float32), pd.DataFrame({"split": splits}), {}, "small", "embedded", "swift-f0", 75.0,
        codes, None if codes is None else 8,
    )


def test_perplexity_is_of_test_clips_and_use_is_of_all() -> None:
    codes = np.array([[0, 5], [1, 5], [2, 5], [2, 6], [3, 7]])
    found = summarise(table(codes, ["train", "train", "test", "test", "test"]))
    assert found["size"] == 8 and found["share_in_use"] == [4 / 8, 3 / 8]
    assert found["perplexity"] == pytest.approx([3 / 4 ** (1 / 3), 3])


def test_a_continuous_codec_has_nothing_to_use() -> None:
    assert summarise(table(None, ["test"])) is None
