"""DAMP-VSEP (Smule 2019): half a minute of amateur singing each, with the backing track apart.

Layout, as the lists of files in github.com/groadabike/DAMP-VSEP-Singles show it (the description at Zenodo is open, the
files are not):

    18/IT/en/1000106951_2735676261/       # a number, country, language, arrangement_performance
        vocal.ogg                         # in duets also vocal2.ogg: each singer has a file
        background.m4a  mix.m4a           # not read

There is no split, and the names of folders do not say who sings. Performances are split by arrangement, by a hash of
its number, so that no song is on two sides; a singer may be. All performances of an arrangement are one piece. One
singer at a microphone is monophonic. There are no notes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from audiosae.corpus.paper.dataset import Dataset, Recording
from audiosae.corpus.scores import split_of

_VOCAL = re.compile(r"vocal\d*\.ogg")


def recordings(home: Path) -> list[Recording]:
    """Every vocal track; `CorpusError` if no folder is named as a performance."""
    found = []
    for folder, inner, files in os.walk(home):
        inner.sort()
        performance = re.fullmatch(r"(\d+)_\d+", os.path.basename(folder))
        if not performance:
            continue
        piece = f"{DAMP_VSEP.folder}/{performance[1]}"
        for vocal in sorted(filter(_VOCAL.fullmatch, files)) or ["vocal.ogg"]:
            path = os.path.join(folder, vocal)
            found.append(Recording(path, piece, split_of(piece), "voice", "voice", monophonic=True))
    if not found:
        raise DAMP_VSEP.fault(
            f"{home} is not laid out as expected; no folder in it is named arrangement_performance, such as "
            f"1000106951_2735676261. It should hold {DAMP_VSEP.layout}"
        )
    return found


DAMP_VSEP = Dataset(
    part="vocals",
    name="DAMP-VSEP",
    folder="damp-vsep",
    layout="the folders of the archives as they are, down to 18/IT/en/1000106951_2735676261/vocal.ogg",
    address="https://zenodo.org/records/3553059",
    licence="Smule's Research Data License Agreement, on request, for research",
    hours=11.7,
    listed="its folders of performances",
    recordings=recordings,
)
