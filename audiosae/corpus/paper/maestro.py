"""MAESTRO (Hawthorne et al. 2019): piano competitions, on a piano that records its keys.

Layout, as maestro-v3.0.0.zip unpacks; version 2 is laid out alike:

    maestro-v3.0.0.csv                    # one line a performance: split, audio_filename, midi_filename, …
    2018/MIDI-Unprocessed_Chamber3_MID--AUDIO_10_R3_2018_wav--1.{wav,midi}

The makers' split is kept, in which no composition is on two sides; a performance is a piece. Not monophonic; notes last
as long as their key is down, the pedal aside.
"""

from __future__ import annotations

from pathlib import Path

from audiosae.corpus.paper.dataset import Dataset, Recording


def recordings(home: Path) -> list[Recording]:
    """Every performance; `CorpusError` for another layout."""
    path = MAESTRO.find(home, "maestro-v*.csv")
    return [
        Recording(
            f"{path.parent}/{row['audio_filename']}",
            f"{MAESTRO.folder}/{row['midi_filename'].rsplit('.', 1)[0]}",
            row["split"],
            "grand piano",
            "keyboard",
            monophonic=False,
            annotation=f"{path.parent}/{row['midi_filename']}",
        )
        for row in MAESTRO.table(path, ("split", "audio_filename", "midi_filename"))
    ]


MAESTRO = Dataset(
    part="piano",
    name="MAESTRO",
    folder="maestro",
    layout="maestro-v3.0.0.csv and the folders 2004, 2006, … of maestro-v3.0.0.zip, the archive with sound",
    address="https://magenta.tensorflow.org/datasets/maestro",
    licence="CC BY-NC-SA 4.0",
    hours=0.55,
    listed="maestro-v*.csv",
    recordings=recordings,
)
