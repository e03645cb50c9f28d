"""Pools of scores, and their notes.

The split of a score is fixed by its name alone (`clip.split_of`), whatever the seed and the length of the corpus: no codec that was
trained on training scores has ever met a test score.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import music21

from audiosae.errors import CorpusError

GROOVES = 400
"""How many drum pieces the pool holds; they are composed from their number, see `groove`."""

_CHORALES = ("bach/bwv*.mxl",)
_PATTERNS = {
    "chorales": _CHORALES,
    "vocals": _CHORALES,
    "guitar": ("ryansMammoth/*.abc",),
    "piano": (
        "mozart/*/*.mxl",
        "haydn/*/*.mxl",
        "beethoven/opus59no*/*.mxl",
        "joplin/*.mxl",
        "schumann_clara/*.mxl",
        "schumann_robert/opus41no1/*.mxl",
    ),
}
"""Whole collections that reserve rights, or whose status is unclear, are left out; the book's page on the corpus names them."""


class Note(NamedTuple):
    """A written note: onset and duration in quarter notes, and its MIDI number."""

    onset: float
    duration: float
    midi: int


@lru_cache
def pool(part: str) -> tuple[str, ...]:
    """Names of all pieces from which a part may draw, in a fixed order.

    Chorales and sung lines come from Bach's chorales, guitar tunes from Ryan's Mammoth Collection (1883), piano from movements of
    Mozart, Haydn, Beethoven, Joplin, Clara and Robert Schumann.
    """
    if part == "drums":
        return tuple(f"groove/{number:03d}" for number in range(GROOVES))
    root = Path(music21.corpus.__file__).parent
    names = sorted(str(path.relative_to(root)) for pattern in _PATTERNS[part] for path in root.glob(pattern))
    if not names:
        raise CorpusError(f"music21 is installed without its scores ({root}); reinstall music21 from its wheel.")
    return tuple(names)


def voices(piece: str) -> list[list[Note]]:
    """The voices of a score from a `pool`, each a list of notes in order of onset; chords are spread into notes."""
    result = []
    for part in music21.corpus.parse(piece).parts:
        line = []
        for element in part.flatten().notes:
            if element.duration.isGrace or isinstance(element, music21.harmony.Harmony):
                continue
            for pitch in element.pitches:
                line.append(Note(float(element.offset), float(element.quarterLength), int(pitch.midi)))
        if line:
            result.append(sorted(line))
    return result
