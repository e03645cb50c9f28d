"""The default corpus: which pieces are played, by whom, how loud.

`plan` draws one `Session` a piece; `performance` turns a session into clips and depends on nothing else. So sessions can be played in
any order, on any number of processes, with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from audiosae.corpus.clip import PARTS, QUOTA, SPLITS, split_of
from audiosae.corpus.scores import pool

_LOUDEST, _RANGE = -12.0, 30.0
"""Clips are spread over 30 dB of loudness, from −12 to −42 LUFS, more of them loud than soft."""


class Session(NamedTuple):
    """One piece, played once: a clip, or for chorales two single voices and, in turn, the ensemble or a third voice."""

    part: str
    piece: str
    split: str
    kind: str  # stems, sung, drums, solo, strummed or piano
    order: int  # within part and split: walks through the instruments, so that each family is heard in each split
    levels: tuple[float, ...]  # in LUFS, one a clip
    seed: int  # of the excerpt, the tempo, the key and the touch


def plan(minutes: float, clip_seconds: float, shares: Mapping[str, float], seed: int, splits: tuple[str, ...] = SPLITS) -> list[Session]:
    """Draw the sessions of a corpus.

    `shares` are those of the five parts, in any unit. A codec is trained on `splits` without "test".
    """
    total = sum(shares.values())
    quota_total = sum(QUOTA[split] for split in splits)
    sessions = []
    for part_number, part in enumerate(PARTS):
        clips = 3 if part == "chorales" else 1
        wanted = minutes * 60 * shares[part] / total / clip_seconds / clips
        for split in splits:
            count = max(1, round(wanted * QUOTA[split] / quota_total))
            rng = np.random.default_rng([seed, part_number, SPLITS.index(split)])
            levels = _LOUDEST - _RANGE * (rng.permutation(np.linspace(0, 1, count * clips)) ** 1.5)
            decks: dict[str, list[str]] = {}
            for order in range(count):
                kind, source = _kind(part, order)
                if not decks.get(source):
                    deck = [piece for piece in pool(source) if split_of(piece) == split]
                    decks[source] = [deck[i] for i in rng.permutation(len(deck))]
                chosen = tuple(float(x) for x in levels[order * clips : (order + 1) * clips])
                piece = decks[source].pop()
                sessions.append(Session(part, piece, split, kind, order, chosen, int(rng.integers(2**31))))
    return sessions


def _kind(part: str, order: int) -> tuple[str, str]:
    """What is played, and the pool that its score comes from."""
    if part == "guitar":  # like GuitarSet: solos and comping; four-part chorales make good chords
        return ("solo", "guitar") if order % 2 == 0 else ("strummed", "chorales")
    return {"chorales": "stems", "vocals": "sung", "drums": "drums", "piano": "piano"}[part], part
