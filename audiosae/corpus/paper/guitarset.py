"""GuitarSet (Xi et al. 2018): six guitarists, each with thirty lead sheets, comping and soloing.

Layout: each of the archives that are used is unpacked into a folder of its name.

    annotation/00_BN1-129-Eb_comp.jams    # player, style and tempo and key, mode
    audio_mono-mic/00_BN1-129-Eb_comp_mic.wav

There is no split. All six play the same lead sheets on similar terms, so the split is by player: 00 to 03 train, 04
validates, 05 tests, the same for every seed. A player's two takes of one lead sheet are one piece. What the microphone
heard is used, not the pickup. A solo is taken to be monophonic (it may hold a double stop), comping is not.
"""

from __future__ import annotations

import re
from pathlib import Path

from mirdata.datasets import guitarset

from audiosae.corpus.paper.dataset import Dataset, Notes, Recording, as_notes

_TAKE = re.compile(r"\d\d_(BN|Funk|Jazz|Rock|SS)\d-\d+-[A-G][b#]?_(comp|solo)")
_SPLITS = {"04": "validation", "05": "test"}


def recordings(home: Path) -> list[Recording]:
    """Every take; `CorpusError` for another layout."""
    folder = GUITARSET.find(home, "annotation")
    names = sorted(path.stem for path in folder.glob("*.jams") if _TAKE.fullmatch(path.stem))
    if not names:
        raise GUITARSET.fault(f"{folder} holds no annotations such as 00_BN1-129-Eb_comp.jams")
    return [
        Recording(
            f"{folder.parent}/audio_mono-mic/{name}_mic.wav",
            f"{GUITARSET.folder}/{name.rpartition('_')[0]}",
            _SPLITS.get(name[:2], "train"),
            "acoustic guitar",
            "plucked",
            monophonic=name.endswith("_solo"),
            annotation=f"{folder}/{name}.jams",
        )
        for name in names
    ]


def notes(path: str) -> Notes:
    """Notes of all six strings."""
    return [note for string in range(6) for note in as_notes(guitarset.load_notes(path, string))]


GUITARSET = Dataset(
    part="guitar",
    name="GuitarSet",
    folder="guitarset",
    layout="the folders annotation and audio_mono-mic, each unpacked from the archive of that name",
    address="https://zenodo.org/records/3371780",
    licence="CC BY 4.0",
    hours=0.4,
    listed="its annotations",
    recordings=recordings,
    notes=notes,
)
