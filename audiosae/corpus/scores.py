"""Pools of scores, their fixed split, and their notes.

Every score is in exactly one split, decided by a hash of its name alone. So the split is the same for any seed, any
length of corpus and any checkpoint: a codec that was trained on training scores has never met a test score, whatever
params.yaml says today.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import music21

from audiosae.corpus.clip import QUOTA
from audiosae.errors import CorpusError

PARTS = ("chorales", "vocals", "drums", "guitar", "piano")
"""Stand-ins for CocoChorales, DAMP-VSEP, Groove, GuitarSet and MAESTRO (the paper's section 3.1)."""

GROOVES = 400
"""How many drum pieces the pool holds; they are composed from their number, see `groove`."""


class Note(NamedTuple):
    """A written note: onset and duration in quarter notes, and its MIDI number."""

    onset: float
    duration: float
    midi: int


def split_of(piece: str) -> str:
    """The split of a piece, from a hash of its name: 25 % test, 15 % validation, 60 % train.

    Versions of one chorale (bwv197.7-a, bwv197.7-b) count as one piece.
    """
    work = re.sub(r"(-[a-z])?\.\w+$", "", piece)
    position = int.from_bytes(hashlib.sha256(work.encode()).digest()[:4], "big") / 2**32
    if position < QUOTA["test"]:
        return "test"
    return "validation" if position < QUOTA["test"] + QUOTA["validation"] else "train"


@lru_cache
def pool(part: str) -> tuple[str, ...]:
    """Names of all pieces from which a part may draw, in a fixed order.

    Chorales and sung lines come from Bach's chorales, guitar tunes from Ryan's Mammoth Collection (1883), piano from
    movements of Mozart, Haydn, Beethoven, Joplin, Clara and Robert Schumann. Whole collections that reserve rights, or
    whose status is unclear, are left out; the book's page on the corpus names them, and the remarks inside the others.

    Raises
    ------
    CorpusError
        If the part is unknown, or music21 was installed without its corpus.
    """
    if part == "drums":
        return tuple(f"groove/{number:03d}" for number in range(GROOVES))
    patterns = {
        "chorales": ("bach/bwv*.mxl",),
        "vocals": ("bach/bwv*.mxl",),
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
    if part not in patterns:
        raise CorpusError(f"unknown part of the corpus {part!r}; the parts are {', '.join(PARTS)}.")
    root = Path(music21.corpus.__file__).parent
    names = sorted(str(path.relative_to(root)) for pattern in patterns[part] for path in root.glob(pattern))
    if not names:
        raise CorpusError(f"music21 is installed without its scores ({root}); reinstall music21 from its wheel.")
    return tuple(names)


def voices(piece: str) -> list[list[Note]]:
    """The voices of a score, each a list of notes in order of onset; chords are spread into notes.

    Parameters
    ----------
    piece
        A name from `pool`, except a groove.

    Raises
    ------
    CorpusError
        If the score does not parse.
    """
    try:
        score = music21.corpus.parse(piece)
    except (music21.exceptions21.Music21Exception, ValueError, IndexError, AttributeError) as error:
        raise CorpusError(f"the score {piece} of music21's corpus does not parse: {error}") from error
    result = []
    for part in score.parts:
        line = []
        for element in part.flatten().notes:
            if element.duration.isGrace or isinstance(element, music21.harmony.Harmony):
                continue
            for pitch in element.pitches:
                line.append(Note(float(element.offset), float(element.quarterLength), int(pitch.midi)))
        if line:
            result.append(sorted(line))
    return result
