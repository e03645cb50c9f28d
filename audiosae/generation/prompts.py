"""Text prompts from a small vocabulary, and the words that describe a clip of the corpus.

A prompt is a list of words with commas between them, in any order: "chorales, violin, alone, high, loud, fast". It names
at most one word of each kind; what it leaves out is left to the generator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from audiosae import audio
from audiosae.corpus.clip import PARTS, Clip
from audiosae.corpus.instruments import BY_NAME, ENSEMBLES, KITS
from audiosae.errors import ParameterError

REGISTERS = {"low": 54.0, "middle": 70.0, "high": np.inf}
"""Mean MIDI note of a clip up to which each word holds."""

DYNAMICS = {"soft": -34.0, "medium": -24.0, "loud": np.inf}
"""Level of a clip in dBFS (root mean square) up to which each word holds."""

PACES = {"slow": 2.0, "moderate": 4.0, "fast": np.inf}
"""Onsets a second up to which each word holds; a chord counts once."""


def plain(instrument: str) -> str:
    """An instrument of the manifest as a word of a prompt, without a comma: "choir, ah" is "choir ah", "drums, jazz" is "jazz kit"."""
    if instrument.startswith("drums, "):
        return f"{instrument.removeprefix('drums, ')} kit"
    return instrument.replace(",", "")


KINDS: dict[str, tuple[str, ...]] = {
    "part": tuple(PARTS),
    "instrument": (*map(plain, BY_NAME), *ENSEMBLES, *(f"{kit} kit" for kit in KITS)),
    "players": ("alone", "together"),
    "register": tuple(REGISTERS),
    "dynamics": tuple(DYNAMICS),
    "pace": tuple(PACES),
}
"""The vocabulary, by what a word says."""

WORDS: tuple[str, ...] = tuple(word for words in KINDS.values() for word in words)

OPPOSITES = {
    # Drums have neither register nor pace, and nobody plays them alone; see `describe`.
    "timbre": (
        ("part", "instrument", "register", "pace", "players"),
        "drums",
        "chorales, tuba, alone, low",
        "drums, standard kit, together",
    ),
    "pitch": (("register",), "high", "low", "high"),
    "amplitude": (("dynamics",), "loud", "soft", "loud"),
}
"""For each property the kinds of word that speak of it, the word that turns it to its lower end, and words for that and for the upper end."""


def _split(prompt: str) -> list[str]:
    """What stands between the commas of a prompt, known or not."""
    return [word.strip() for word in prompt.split(",") if word.strip()]


def parse(prompt: str) -> list[str]:
    """Words of a prompt; an unknown one, or two of one kind, are a `ParameterError`."""
    words = _split(prompt)
    for word in words:
        if word not in WORDS:
            known = "; ".join(f"{kind}: {', '.join(of)}" for kind, of in KINDS.items())
            raise ParameterError(f"the prompt {prompt!r} has an unknown word, {word!r}. Known are, {known}.")
    for kind, of in KINDS.items():
        if len(found := [word for word in words if word in of]) > 1:
            raise ParameterError(f"the prompt {prompt!r} names two words for {kind}: {', '.join(found)}; keep one.")
    return words


def encode(prompts: Sequence[str]) -> torch.Tensor:
    """1 for each word that a prompt names: float32 [prompts, words]."""
    hot = torch.zeros(len(prompts), len(WORDS))
    for row, prompt in enumerate(prompts):
        hot[row, [WORDS.index(word) for word in parse(prompt)]] = 1
    return hot


def describe(clip: Clip) -> str:
    """The prompt that a clip of the corpus answers; of recordings of one's own, whose instrument nobody named, it says less."""
    words = [clip.row["part"], plain(str(clip.row["instrument"])), "alone" if clip.row["monophonic"] else "together"]
    if clip.notes:
        starts = {round(start, 2) for start, _, _ in clip.notes}
        words.append(_word(REGISTERS, float(np.mean([midi for _, _, midi in clip.notes]))))
        words.append(_word(PACES, len(starts) / float(clip.row["duration"])))
    words.append(_word(DYNAMICS, 10 * np.log10(max(float(np.mean(np.square(clip.wave))), 1e-12))))
    return ", ".join(str(word) for word in words if word in WORDS)


def of_corpus(manifest: pd.DataFrame, notes: pd.DataFrame) -> list[str]:
    """The prompt that each clip answers, in the order of the manifest; both tables from `corpus.load` and `corpus.load_notes`."""
    by_clip = {clip: list(table[["start", "end", "midi"]].itertuples(index=False, name=None)) for clip, table in notes.groupby("clip")}
    return [describe(Clip(audio.read(row["file"])[0], row, by_clip.get(row["clip"], []))) for row in manifest.to_dict("records")]


def instrument(prompt: str) -> str | None:
    """The instrument of the vocabulary that a prompt names, if any; other words may be unknown."""
    return next((word for word in _split(prompt) if word in KINDS["instrument"]), None)


def opposite(prompts: Sequence[str], prop: str) -> list[str]:
    """Each prompt with the words for one property turned to its other end, see `OPPOSITES`; words that the vocabulary does not know stay."""
    kinds, sign, lower, upper = OPPOSITES[prop]
    replaced = {word for kind in kinds for word in KINDS[kind]}
    asked = map(_split, prompts)
    return [", ".join([lower if sign in words else upper, *(word for word in words if word not in replaced)]) for words in asked]


def _word(limits: dict[str, float], value: float) -> str:
    return next(word for word, limit in limits.items() if value <= limit)
