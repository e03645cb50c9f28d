"""Prompts: the vocabulary, what is refused, and the words that describe a clip."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.corpus.clip import Clip
from audiosae.errors import ParameterError
from audiosae.generation import prompts


def test_no_word_says_two_things() -> None:
    assert len(set(prompts.WORDS)) == len(prompts.WORDS)
    assert not any("," in word for word in prompts.WORDS)


def test_words_become_a_row_in_any_order() -> None:
    one, other, none = prompts.encode(["chorales, violin, high", " high ,chorales,violin", ""])
    assert one.tolist() == other.tolist() and one.sum() == 3 and none.sum() == 0
    assert {prompts.WORDS[i] for i in one.nonzero().flatten().tolist()} == {"chorales", "violin", "high"}


def test_unknown_words_and_two_of_a_kind_are_refused() -> None:
    with pytest.raises(ParameterError, match="unknown word, 'violine'.*instrument: tuba, .*violin"):
        prompts.parse("chorales, violine")
    with pytest.raises(ParameterError, match="two words for instrument: violin, flute"):
        prompts.parse("violin, flute")


@pytest.mark.parametrize(
    ("prop", "expected"),
    [
        ("pitch", ["high, chorales, tuba, soft", "high, drums, jazz kit, loud", "low, warm sound"]),
        ("amplitude", ["loud, chorales, tuba, low", "soft, drums, jazz kit", "loud, warm sound, high"]),
        (
            "timbre",
            ["drums, standard kit, together, soft", "chorales, tuba, alone, low, loud", "drums, standard kit, together, warm sound"],
        ),
    ],
)
def test_a_prompt_is_turned_to_its_other_end(prop: str, expected: list[str]) -> None:
    assert prompts.opposite(["chorales, tuba, low, soft", "drums, jazz kit, loud", "warm sound, high"], prop) == expected


@pytest.mark.parametrize(
    ("level", "notes", "row", "expected"),
    [
        # 4.5 onsets a second, −20 dBFS
        (0.1, [(0.2 * i, 0.2 * i + 0.1, 40) for i in range(9)], {}, "piano, grand piano, together, low, fast, loud"),
        (
            0.01,
            [(0.0, 1.0, midi) for midi in (72, 76, 79)],
            {"part": "vocals", "instrument": "choir, ah", "monophonic": True},
            "vocals, choir ah, alone, high, slow, soft",
        ),
        (0.04, [], {"part": "drums", "instrument": "drums, jazz"}, "drums, jazz kit, together, medium"),
        # A recording of one's own, by what is known of it.
        (0.1, [], {"part": "own recordings", "instrument": "unknown", "monophonic": True}, "alone, loud"),
    ],
)
def test_a_clip_is_described_by_its_notes_and_its_level(level: float, notes: list, row: dict, expected: str) -> None:
    line = {"part": "piano", "instrument": "grand piano", "monophonic": False, "duration": 2.0, **row}
    assert prompts.describe(Clip(np.full((2, 1000), level, dtype=np.float32), line, notes)) == expected
    assert prompts.encode([expected]).sum() == expected.count(",") + 1
