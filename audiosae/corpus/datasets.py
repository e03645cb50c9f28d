"""The paper's five data sets (section 3.1): where they are obtained, how they lie on disk, and how they are split.

The book's page on the paper's data sets shows the layouts.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import mirdata.io
from mirdata.datasets import guitarset

from audiosae.corpus.clip import SPLITS, split_of
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


def _notes(found: mirdata.annotations.NoteData | None) -> Notes:
    """mirdata's notes as plain tuples; a pitch between semitones is rounded."""
    if found is None:
        return []
    times = found.intervals.tolist()
    return [(start, end, round(midi)) for (start, end), midi in zip(times, found.pitches.tolist(), strict=True)]


def _midi_notes(path: str) -> Notes:
    """Notes of a MIDI file; drums left out."""
    return _notes(mirdata.io.load_notes_from_midi(path))


@dataclass(frozen=True)
class Dataset:
    """One of the paper's data sets, and how to read it."""

    part: str  # of `corpus.shares`
    name: str
    folder: str
    layout: str  # what belongs into that folder, for messages
    address: str
    licence: str
    listed: str  # what names its files, for messages
    recordings: Callable[[Dataset, Path], list[Recording]]  # all below its folder, in a fixed order, whether or not their files are there
    notes: Callable[[str], Notes] = _midi_notes  # of an annotation

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
        found = self.recordings(self, home)
        files = [path for recording in found for path in (recording.file, recording.annotation) if path]
        if missing := [path for path in files if not os.path.isfile(path)]:
            raise self.fault(
                f"{len(missing)} of the {len(files)} files named by {self.listed} are missing, the first is {missing[0]}; "
                "unpack the data set again"
            )
        there = {recording.split for recording in found}
        if lacking := [split for split in SPLITS if split not in there]:
            raise self.fault(f"{home} has no recordings for {' or '.join(lacking)}, and every split needs some")
        return found

    def find(self, home: Path, pattern: str) -> Path:
        """The file or folder by which the layout is known: in the home, or one folder deeper; of several, the last by name."""
        found = sorted(home.glob(pattern)) or sorted(home.glob(f"*/{pattern}"))
        if not found:
            raise self.fault(
                f"{home} is not laid out as expected; {pattern} was looked for in it and one folder deeper. It should hold {self.layout}"
            )
        return found[-1]

    def table(self, path: Path, *columns: str) -> list[dict[str, str]]:
        """The lines of the CSV table in which the makers list their files, and their split in a column `split`."""
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := sorted({"split", *columns} - set(reader.fieldnames or ())):
                raise self.fault(f"{path} lacks the columns {', '.join(missing)}; unpack it again")
            rows = list(reader)
        if unknown := sorted({str(row["split"]) for row in rows} - set(SPLITS)):
            raise self.fault(f"{path} names the splits {', '.join(unknown)}; known are {', '.join(SPLITS)}")
        return rows


_ENSEMBLES = {"string": "strings", "brass": "brass", "woodwind": "woodwind"}
_FAMILIES = {
    "strings": ("violin", "viola", "cello", "double bass"),
    "brass": ("trumpet", "horn", "trombone", "tuba"),
    "woodwind": ("flute", "oboe", "clarinet", "bassoon", "saxophone"),
}
_FAMILY = {instrument: family for family, instruments in _FAMILIES.items() for instrument in instruments}


def _cocochorales(data: Dataset, home: Path) -> list[Recording]:
    """Mix and stems of every track, as Wu et al. (2022) unpack: string_track000001/stems_audio/0_violin.wav.

    The paper does not say whether it took mixes or stems, so both are used: a stem is a single voice and monophonic, a mix is not. So
    four clips in five are single voices. The makers' split is kept; a track is a piece. Some of the archives will do.
    """
    main = data.find(home, "main_dataset")
    found = []
    for folder, split in {"train": "train", "valid": "validation", "test": "test"}.items():
        for track in sorted((main / folder).glob("*_track*")):
            # The description of the format writes stems_MIDI, the code that made it stems_midi.
            midi = "stems_MIDI" if (track / "stems_MIDI").is_dir() else "stems_midi"
            voices = {
                path.stem for path in (*track.glob("stems_audio/*.wav"), *track.glob(f"{midi}/*.mid")) if re.match(r"\d_.", path.name)
            }
            ensemble = track.name.split("_track")[0]
            files = [("mix.wav", "mix.mid", f"{ensemble} ensemble", _ENSEMBLES.get(ensemble, "mixed"))]
            for voice in sorted(voices) or ["0_violin"]:
                instrument = voice.split("_", 1)[1].replace("_", " ")
                files.append((f"stems_audio/{voice}.wav", f"{midi}/{voice}.mid", instrument, _FAMILY.get(instrument, "unknown")))
            piece = f"{data.folder}/{track.name}"
            for wav, mid, instrument, family in files:
                found.append(Recording(f"{track}/{wav}", piece, split, instrument, family, wav != "mix.wav", f"{track}/{mid}"))
    return found


def _damp_vsep(data: Dataset, home: Path) -> list[Recording]:
    """Every vocal track of DAMP-VSEP (Smule 2019): 18/IT/en/ARRANGEMENT_PERFORMANCE/vocal.ogg, and vocal2.ogg in duets.

    There is no split. Performances are split by arrangement, by a hash of its number, so that no song is on two sides; a singer may be,
    since nothing says who sings. All performances of an arrangement are one piece. There are no notes.
    """
    found = []
    for folder, inner, files in os.walk(home):
        inner.sort()
        if performance := re.fullmatch(r"(\d+)_\d+", os.path.basename(folder)):
            piece = f"{data.folder}/{performance[1]}"
            for vocal in sorted(name for name in files if re.fullmatch(r"vocal\d*\.ogg", name)) or ["vocal.ogg"]:
                found.append(Recording(os.path.join(folder, vocal), piece, split_of(piece), "voice", "voice", monophonic=True))
    if not found:
        raise data.fault(
            f"{home} is not laid out as expected; no folder in it is named arrangement_performance, such as "
            f"1000106951_2735676261. It should hold {data.layout}"
        )
    return found


def _groove(data: Dataset, home: Path) -> list[Recording]:
    """Every performance of the Groove MIDI Dataset (Gillick et al. 2019) that has a sound, in the makers' split; a drum has no pitch."""
    path = data.find(home, "info.csv")
    return [
        Recording(
            f"{path.parent}/{row['audio_filename']}", f"{data.folder}/{row['id']}", row["split"], "drums, Roland TD-11", "drums", False
        )
        for row in data.table(path, "id", "audio_filename")
        if row["audio_filename"]
    ]


def _guitarset(data: Dataset, home: Path) -> list[Recording]:
    """Every take of GuitarSet (Xi et al. 2018), by the microphone; a solo is taken to be monophonic, comping is not.

    There is no split. All six guitarists play the same lead sheets on similar terms, so the split is by player: 00 to 03 train, 04
    validation, 05 test. A player's two takes of one lead sheet are one piece.
    """
    folder = data.find(home, "annotation")
    take = re.compile(r"\d\d_(BN|Funk|Jazz|Rock|SS)\d-\d+-[A-G][b#]?_(comp|solo)")
    names = sorted(path.stem for path in folder.glob("*.jams") if take.fullmatch(path.stem))
    if not names:
        raise data.fault(f"{folder} holds no annotations such as 00_BN1-129-Eb_comp.jams")
    return [
        Recording(
            f"{folder.parent}/audio_mono-mic/{name}_mic.wav",
            f"{data.folder}/{name.rpartition('_')[0]}",
            {"04": "validation", "05": "test"}.get(name[:2], "train"),
            "acoustic guitar",
            "plucked",
            monophonic=name.endswith("_solo"),
            annotation=f"{folder}/{name}.jams",
        )
        for name in names
    ]


def _maestro(data: Dataset, home: Path) -> list[Recording]:
    """Every performance of MAESTRO (Hawthorne et al. 2019), in the makers' split; notes last as long as their key is down."""
    path = data.find(home, "maestro-v*.csv")
    return [
        Recording(
            f"{path.parent}/{row['audio_filename']}",
            f"{data.folder}/{row['midi_filename'].rsplit('.', 1)[0]}",
            row["split"],
            "grand piano",
            "keyboard",
            monophonic=False,
            annotation=f"{path.parent}/{row['midi_filename']}",
        )
        for row in data.table(path, "audio_filename", "midi_filename")
    ]


def _guitarset_notes(path: str) -> Notes:
    """Notes of all six strings."""
    return [note for string in range(6) for note in _notes(guitarset.load_notes(path, string))]


DATASETS = (
    Dataset(
        part="chorales",
        name="CocoChorales",
        folder="cocochorales",
        layout="main_dataset/train, main_dataset/valid and main_dataset/test, with the folders of tracks from the archives",
        address="https://magenta.tensorflow.org/datasets/cocochorales",
        licence="CC BY 4.0",
        listed="its tracks",
        recordings=_cocochorales,
    ),
    Dataset(
        part="vocals",
        name="DAMP-VSEP",
        folder="damp-vsep",
        layout="the folders of the archives as they are, down to 18/IT/en/1000106951_2735676261/vocal.ogg",
        address="https://zenodo.org/records/3553059",
        licence="Smule's Research Data License Agreement, on request, for research",
        listed="its folders of performances",
        recordings=_damp_vsep,
    ),
    Dataset(
        part="drums",
        name="Groove MIDI Dataset",
        folder="groove",
        layout="info.csv and the folders drummer1, drummer2, … of groove-v1.0.0.zip, the archive with sound",
        address="https://magenta.tensorflow.org/datasets/groove",
        licence="CC BY 4.0",
        listed="info.csv",
        recordings=_groove,
    ),
    Dataset(
        part="guitar",
        name="GuitarSet",
        folder="guitarset",
        layout="the folders annotation and audio_mono-mic, each unpacked from the archive of that name",
        address="https://zenodo.org/records/3371780",
        licence="CC BY 4.0",
        listed="its annotations",
        recordings=_guitarset,
        notes=_guitarset_notes,
    ),
    Dataset(
        part="piano",
        name="MAESTRO",
        folder="maestro",
        layout="maestro-v3.0.0.csv and the folders 2004, 2006, … of maestro-v3.0.0.zip, the archive with sound",
        address="https://magenta.tensorflow.org/datasets/maestro",
        licence="CC BY-NC-SA 4.0",
        listed="maestro-v*.csv",
        recordings=_maestro,
    ),
)
