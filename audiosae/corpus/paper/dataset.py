"""What the readers share: what a data set is, what a recording is, and how a gap in one is told."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import mirdata.io

from audiosae.corpus.clip import SPLITS
from audiosae.errors import CorpusError

Notes = list[tuple[float, float, int]]
"""Start and end in s of the recording, and MIDI number."""


class Recording(NamedTuple):
    """A sound file, its line in the manifest, and the file in which its notes are written down, if there is one."""

    file: str
    piece: str
    split: str
    instrument: str
    family: str
    monophonic: bool
    annotation: str = ""


def midi_notes(path: str) -> Notes:
    """Notes of a MIDI file, through mirdata; drums left out."""
    return as_notes(mirdata.io.load_notes_from_midi(path))


def as_notes(found: mirdata.annotations.NoteData | None) -> Notes:
    """mirdata's notes as plain tuples; a pitch between semitones is rounded."""
    if found is None:
        return []
    times = found.intervals.tolist()
    return [(start, end, round(midi)) for (start, end), midi in zip(times, found.pitches.tolist(), strict=False)]


@dataclass(frozen=True)
class Dataset:
    """One of the paper's data sets (section 3.1), and how to read it.

    Attributes
    ----------
    part
        The share of `corpus.shares` that it takes.
    name, folder
        As its makers call it, and the name of its folder.
    layout, listed
        What belongs into that folder, and what names its files, for messages.
    address, licence
        Where it is obtained, and on which terms.
    hours
        How much of it the paper used.
    recordings
        Lists every recording below its folder, in a fixed order, without looking whether its files are there.
    notes
        Reads the annotation of a recording.
    """

    part: str
    name: str
    folder: str
    layout: str
    address: str
    licence: str
    hours: float
    listed: str
    recordings: Callable[[Path], list[Recording]]
    notes: Callable[[str], Notes] = midi_notes

    def fault(self, what: str) -> CorpusError:
        """The error that says what is wrong, where the data set is obtained, and how to go on without it."""
        return CorpusError(
            f"{self.name}: {what}. It is obtained from {self.address} (licence: {self.licence}). To go on without it, "
            f"set corpus.shares.{self.part} to 0."
        )

    def read(self, folder: Path) -> list[Recording]:
        """Every recording of the data set, below the folder of all data sets, checked to be there.

        Raises
        ------
        CorpusError
            If the data set is missing, laid out in another way, or partial; or if a split is empty.
        """
        home = folder / self.folder
        if not home.is_dir():
            raise self.fault(f"there is no folder {home}; put there, or link, {self.layout}")
        found = self.recordings(home)
        files = [path for recording in found for path in (recording.file, recording.annotation) if path]
        missing = [path for path in files if not os.path.isfile(path)]
        if missing:
            raise self.fault(
                f"{len(missing)} of the {len(files)} files named by {self.listed} are missing, the first is {missing[0]}; "
                "unpack the data set again"
            )
        there = {recording.split for recording in found}
        if lacking := [split for split in SPLITS if split not in there]:
            raise self.fault(f"{home} has no recordings for {' or '.join(lacking)}, and every split needs some")
        return found

    def find(self, home: Path, pattern: str) -> Path:
        """The file or folder by which the layout is known: in the home, or one folder deeper; of several, the last by name.

        Raises
        ------
        CorpusError
            If there is none.
        """
        found = sorted(home.glob(pattern)) or sorted(home.glob(f"*/{pattern}"))
        if not found:
            raise self.fault(
                f"{home} is not laid out as expected; {pattern} was looked for in it and one folder deeper. It should hold {self.layout}"
            )
        return found[-1]

    def table(self, path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
        """The lines of the CSV table in which the makers list their files and, in a column `split`, their split.

        Raises
        ------
        CorpusError
            If one of `columns` is missing, or a split is none of train, validation and test.
        """
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := sorted(set(columns) - set(reader.fieldnames or ())):
                raise self.fault(f"{path} lacks the columns {', '.join(missing)}; unpack it again")
            rows = list(reader)
        if unknown := sorted({str(row["split"]) for row in rows} - set(SPLITS)):
            raise self.fault(f"{path} names the splits {', '.join(unknown)}; known are {', '.join(SPLITS)}")
        return rows
