"""Groove MIDI Dataset (Gillick et al. 2019): drummers on an electronic kit, with the kit's own sound.

Layout, as groove-v1.0.0.zip unpacks and as mirdata's loader expects it:

    info.csv                              # one line a performance: id, audio_filename, split, …
    drummer1/session1/1_funk_80_beat_4-4.{wav,mid}

The makers' split is kept; a performance is a piece. A few performances have no sound, and an empty audio_filename: they
are left out. Not monophonic, and no notes: a drum has no pitch.
"""

from __future__ import annotations

from pathlib import Path

from mirdata.datasets import groove_midi

from audiosae.corpus.paper.dataset import Dataset, Recording, mirdata_tracks


def recordings(home: Path) -> list[Recording]:
    """Every performance that has a sound.

    Raises
    ------
    CorpusError
        If the layout is another one.
    """
    path = GROOVE.find(home, "info.csv")
    rows = GROOVE.table(path, ("id", "split", "audio_filename", "midi_filename"))
    lines = {row["id"]: row for row in rows if row["audio_filename"]}
    files = {name: {"audio": row["audio_filename"], "midi": row["midi_filename"]} for name, row in lines.items()}
    return [
        Recording(
            track.audio_path, f"{GROOVE.folder}/{track.track_id}", track.split, "drums, Roland TD-11", "drums",
            monophonic=False,
        )
        for track in mirdata_tracks(groove_midi, path.parent, files, lines)
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
