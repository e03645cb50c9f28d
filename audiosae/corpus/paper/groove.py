"""Groove MIDI Dataset (Gillick et al. 2019): drummers on an electronic kit, with the kit's own sound.

Layout, as groove-v1.0.0.zip unpacks:

    info.csv                              # one line a performance: id, audio_filename, split, …
    drummer1/session1/1_funk_80_beat_4-4.{wav,mid}

The makers' split is kept; a performance is a piece. A few performances have no sound, and an empty audio_filename: they
are left out. Not monophonic, and no notes: a drum has no pitch.
"""

from __future__ import annotations

from pathlib import Path

from audiosae.corpus.paper.dataset import Dataset, Recording


def recordings(home: Path) -> list[Recording]:
    """Every performance that has a sound; `CorpusError` for another layout."""
    path = GROOVE.find(home, "info.csv")
    return [
        Recording(
            f"{path.parent}/{row['audio_filename']}",
            f"{GROOVE.folder}/{row['id']}",
            row["split"],
            "drums, Roland TD-11",
            "drums",
            monophonic=False,
        )
        for row in GROOVE.table(path, ("id", "split", "audio_filename", "midi_filename"))
        if row["audio_filename"]
    ]


GROOVE = Dataset(
    part="drums",
    name="Groove MIDI Dataset",
    folder="groove",
    layout="info.csv and the folders drummer1, drummer2, … of groove-v1.0.0.zip, the archive with sound",
    address="https://magenta.tensorflow.org/datasets/groove",
    licence="CC BY 4.0",
    hours=7.8,
    listed="info.csv",
    recordings=recordings,
)
