"""The second source: a folder of the user's own recordings.

All are read and checked first. Of copies one is kept, `corpus.minutes` are drawn, and what is drawn is listened to: does one voice
sound at a time? Only then are the recordings split. What was found, used, changed and left out is printed and comes back as a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from audiosae.audio import SAMPLE_RATE, labels, read, read_part, resample, to_mono
from audiosae.audio.io import SUFFIXES
from audiosae.corpus import duplicates, monophony
from audiosae.corpus.clip import QUOTA, SHORTEST, SPLITS, Clip, in_turn, make_clip
from audiosae.errors import AudioError, CorpusError
from audiosae.files.walk import walk

PITCHED = 0.3
"""A clip of one voice has a pitch for at least this share of its length; section 4 steers no clip with less."""

OTHER_SUFFIXES = frozenset(
    ".m4a .m4b .mp4 .aac .wma .caf .w64 .rf64 .au .snd .oga .spx .webm .mka .mkv .mov .avi .3gp .amr .ac3 .ape .wv .tta .dsf .dff".split()
)
"""Formats that hold sound and are not read; files in them are named, all others only counted."""

_LOSSLESS = (".wav", ".flac", ".aiff", ".aif")
_UNREAD = "left out: this format is not read; convert it to wav or flac"
_SILENCE = 2.0**-22  # a clip that stays below is silent once it is written with 24 bits
_DRAWS, _NEAR = 100, 0.05  # so many splits are drawn; the first within so much of the quota is taken, or the nearest


@dataclass
class Found:
    """What a folder holds."""

    recordings: list[Path] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)  # names of files with sound in other formats
    hidden: int = 0
    others: int = 0
    problems: list[str] = field(default_factory=list)  # folders that cannot be searched

    def remarks(self) -> list[str]:
        """A line for each file with sound in another format, and one for what is no sound."""
        lines = [f"{name}: {_UNREAD}." for name in self.unread]
        if self.hidden or self.others:
            lines.append(f"Passed over: hidden files and folders ({self.hidden}), and files that are no sound ({self.others}).")
        return lines


@dataclass
class Recording:
    """A file that can be read, and what becomes of it."""

    path: Path
    name: str  # in tables
    rate: int
    samples: int
    clip_seconds: float
    peak: float  # largest magnitude of a sample, also once a clip is brought to 44.1 kHz
    sketch: np.ndarray  # see `duplicates.sketch`
    starts: list[int]  # where its clips begin, in samples; silent ones left out
    voices: dict[int, monophony.Voice] = field(default_factory=dict)  # in the clips that are used, by where they begin
    split: str = ""
    note: str = ""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.rate

    def used(self, monophonic: bool = False) -> float:
        """Seconds of it that are used; or only those with one voice."""
        length = int(self.clip_seconds * self.rate)
        starts = [start for start, voice in self.voices.items() if voice.monophonic or not monophonic]
        return sum(min(length, self.samples - start) for start in starts) / self.rate

    def has_voice(self) -> bool:
        """Whether one of its clips is of one voice that can be labelled."""
        return any(voice.monophonic and voice.pitched >= PITCHED for voice in self.voices.values())

    def cut(self, start: int) -> np.ndarray:
        """One clip [channels, samples] at 44.1 kHz, not yet scaled."""
        wave, rate = read_part(self.path, start, self.clip_seconds)
        return resample(wave, rate, SAMPLE_RATE)


def choose(folder: str | Path, minutes: float, clip_seconds: float, seed: int) -> tuple[pd.DataFrame, Iterator[Clip]]:
    """Draw a corpus from recordings; a recording, whole, is one piece and in one split.

    Clips are drawn one from each recording, in a random order, then a second from each, and so on, until they last `minutes`. If the
    recordings hold less, all is used. Of recordings with the same sound (`duplicates`) the first lossless one is used. Each clip is
    measured for one voice at a time (`monophony`). A recording that passes full scale is scaled to it.

    Returns
    -------
    recordings
        Of every file with sound: file, seconds, split, monophonic (share of what is used), used (s), note.
    clips
        To be written.

    Raises
    ------
    CorpusError
        With one line for each file or folder that cannot be used; or if too little music is left, with what is lacking.
    """
    folder = Path(folder)
    found = _search(folder)
    everything = _inspected(folder, found, clip_seconds)
    different = _without_copies(everything)
    if len(different) < 3:
        left_out = [*_remarks(everything), *found.remarks()]
        raise CorpusError(
            f"{folder}: {len(different)} recordings ({', '.join(SUFFIXES)}) found that differ; at least 3 are needed, one for each of "
            f"train, validation and test. Splits are by recording. {' '.join(left_out[:8])}{' …' if len(left_out) > 8 else ''}".rstrip()
        )
    rng = np.random.default_rng(seed)
    _listen(different, _drawn(different, minutes, clip_seconds, rng))
    used = [recording for recording in different if recording.voices]
    splits = divide(np.array([recording.used() for recording in used]), np.array([recording.has_voice() for recording in used]), rng)
    for recording, split in zip(used, splits, strict=True):
        recording.split = split
    _refuse_too_little(folder, used)
    table = _table(everything, found)
    sums = table.groupby("split")["used"].sum() / 60
    print(
        f"{folder}: {len(found.recordings)} recordings, {sum(recording.seconds for recording in different) / 60:.2f} min without copies; "
        f"corpus.minutes asks for {minutes:g}, {sums[list(SPLITS)].sum():.2f} min of {len(used)} recordings are used: "
        + ", ".join(f"{split} {sums[split]:.2f}" for split in SPLITS)
    )
    print("\n".join([*_remarks(everything), *found.remarks(), "All of it is listed in recordings.csv, beside the manifest."]))
    return table, _clips(everything, seed)


def _search(folder: Path) -> Found:
    """Look through a folder, its sub-folders, and folders that are linked there."""
    if not folder.is_dir():
        raise CorpusError(
            f"corpus.source is {str(folder)!r}, which is neither 'embedded' nor a folder; give the path of a folder "
            f"with {', '.join(SUFFIXES)} files, or 'paper:' and the path of a folder with the paper's data sets."
        )
    found = Found()

    def unreadable(error: OSError) -> None:
        found.problems.append(f"{error.filename}: this folder cannot be read ({error.strerror}); check its permissions, or move it away.")

    unread = []
    for place in walk(folder, unreadable):
        found.hidden += place.hidden
        for path in (place.folder / name for name in place.files):
            suffix = path.suffix.lower()
            if suffix in SUFFIXES:
                found.recordings.append(path)
            elif suffix in OTHER_SUFFIXES:
                unread.append(path)
            else:
                found.others += 1
    found.recordings.sort()
    found.unread = [_shown_name(path, folder) for path in sorted(unread)]
    return found


def _shown_name(path: Path, folder: Path) -> str:
    """A path below the folder as text that can be printed, and that no spreadsheet takes for a formula."""
    name = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in path.relative_to(folder).as_posix()
    )
    return f"./{name}" if name[0] in "=+-@" else name


def _inspected(folder: Path, found: Found, clip_seconds: float) -> list[Recording]:
    """Read every recording; all that is wrong with any of them in one error."""
    recordings, problems = [], list(found.problems)
    for path in tqdm(found.recordings, desc="reading", unit="file", disable=None):
        try:
            wave, rate = read(path)
        except AudioError as error:
            problems.append(str(error))
            continue
        samples, length = wave.shape[1], int(clip_seconds * rate)
        starts = [
            start
            for start in range(0, samples, length)
            if (not start or samples - start >= SHORTEST * rate) and np.abs(wave[:, start : start + length]).max() >= _SILENCE
        ]
        peak, sketch = float(np.abs(wave).max()), duplicates.sketch(wave, rate)
        recordings.append(Recording(path, _shown_name(path, folder), rate, samples, clip_seconds, peak, sketch, starts))
    if problems:
        what = "files and folders" if found.problems else "files"
        raise CorpusError(
            f"{len(problems)} of {len(found.recordings) + len(found.problems)} {what} cannot be used:\n  " + "\n  ".join(problems)
        )
    return recordings


def _without_copies(recordings: list[Recording]) -> list[Recording]:
    """Those that are left when of each sound the first lossless file is kept; the others get a note."""

    @lru_cache(maxsize=32)
    def excerpt(path: Path) -> np.ndarray:
        return duplicates.excerpt(*read(path))

    kept: list[Recording] = []
    for recording in sorted(recordings, key=lambda one: (one.path.suffix.lower() not in _LOSSLESS, one.path)):
        for other in kept:
            if (
                abs(other.seconds - recording.seconds) <= duplicates.SECONDS
                and np.sqrt(((other.sketch - recording.sketch) ** 2).mean()) <= duplicates.ALIKE
                and duplicates.correlation(excerpt(other.path), excerpt(recording.path)) >= duplicates.CORRELATION
            ):
                recording.note = f"left out: same sound as {other.name}"
                break
        else:
            kept.append(recording)
            if not recording.starts:
                recording.note = "left out: nothing in it can be heard"
    return [recording for recording in recordings if not recording.note]


def _drawn(recordings: list[Recording], minutes: float, clip_seconds: float, rng: np.random.Generator) -> dict[int, list[int]]:
    """Where the clips begin that fill the minutes, by the place of the recording; three recordings at least."""
    drawn: dict[int, list[int]] = {}
    seconds = 0.0
    # A list, so that the split that is drawn next does not depend on the minutes.
    for i, start in list(in_turn(len(recordings), lambda i: rng.permutation(recordings[i].starts), rng)):
        if seconds >= minutes * 60 - clip_seconds / 2 and len(drawn) >= 3:
            break
        drawn.setdefault(i, []).append(start)
        seconds += min(clip_seconds, recordings[i].seconds - start / recordings[i].rate)
    return drawn


def _listen(recordings: list[Recording], drawn: dict[int, list[int]]) -> None:
    """Measure the clips that were drawn, and note what is scaled or not drawn."""
    for i, recording in enumerate(tqdm(recordings, desc="listening", unit="file", disable=None)):
        for start in sorted(drawn.get(i, [])):
            cut = recording.cut(start)
            peak = float(np.abs(cut).max())
            if peak < _SILENCE:  # all that it holds is higher than the new rate can carry
                continue
            recording.peak = max(recording.peak, peak)
            recording.voices[start] = monophony.measure(to_mono(cut) / max(1.0, recording.peak))
        if i not in drawn:
            recording.note = "not drawn: the others fill corpus.minutes"
        elif not recording.voices:
            recording.note = "left out: nothing in it can be heard"
        elif recording.peak > 1:
            recording.note = f"scaled to a peak of 1: its peak at 44.1 kHz was {recording.peak:.3f}"


def divide(seconds: np.ndarray, has_voice: np.ndarray, rng: np.random.Generator) -> list[str]:
    """Split recordings, whole, so that each split has a single voice if that can be, and comes near its quota.

    `seconds` says how much is used of each recording, three at least; `has_voice` whether it has a clip with a single voice.
    """
    quota = np.array([QUOTA[split] for split in SPLITS])

    def fault(chosen: np.ndarray) -> tuple[int, float]:
        without_voice = sum(not has_voice[chosen == number].any() for number in range(len(SPLITS)))
        shares = np.bincount(chosen, seconds, len(SPLITS)) / seconds.sum()
        return without_voice, max(float(np.abs(shares - quota).max()), _NEAR)

    draws = [_deal(seconds, quota, rng.permutation(len(seconds))) for _ in range(_DRAWS)]
    return [SPLITS[number] for number in min(draws, key=fault)]


def _deal(seconds: np.ndarray, quota: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Hand out recordings in an order, each to the split that lacks most, and the last ones to splits that have none."""
    lacking = quota * seconds.sum()
    empty = np.ones(len(quota), dtype=bool)
    chosen = np.zeros(len(seconds), dtype=int)
    for place, i in enumerate(order):
        must = empty.any() and len(order) - place <= empty.sum()
        chosen[i] = number = int(np.argmax(np.where(empty | (not must), lacking, -np.inf)))
        lacking[number] -= seconds[i]
        empty[number] = False
    return chosen


def _refuse_too_little(folder: Path, used: list[Recording]) -> None:
    """Stop where a later section is sure to fail: probes of pitch need a single voice in every split, steering two notes."""
    single = [recording for recording in used if recording.has_voice()]
    if lacking := [split for split in SPLITS if not any(recording.split == split for recording in single)]:
        names = ", ".join(recording.name for recording in single[:5]) or "none"
        raise CorpusError(
            f"{folder}: too little music with one voice at a time (a melody, singing, speech), which pitch is learnt from: "
            f"there would be none in {', '.join(lacking)}. Of the {len(used)} recordings that are used, {len(single)} have it ({names}); "
            f"3 are needed, one for each split. Drums, noise and chords do not count. Add {max(1, 3 - len(single))} more."
        )
    voices = [voice for recording in used if recording.split == "train" for voice in recording.voices.values() if voice.monophonic]
    notes = {note for voice in voices for note in voice.notes}
    if len(notes) < 2:
        raise CorpusError(
            f"{folder}: the recordings with one voice in train hold one note only ({labels.note_name(min(notes))}); pitch is learnt and "
            "steered between notes. Add recordings with other notes."
        )


def _remarks(recordings: list[Recording]) -> list[str]:
    return [f"{one.name}: {one.note}." for one in recordings if one.note and not one.note.startswith("not drawn")]


def _table(recordings: list[Recording], found: Found) -> pd.DataFrame:
    rows = []
    for one in recordings:
        used = one.used()
        rows.append((one.name, one.seconds, one.split, one.used(monophonic=True) / used if used else np.nan, used, one.note))
    rows += [(name, np.nan, "", np.nan, 0.0, _UNREAD) for name in found.unread]
    return pd.DataFrame(rows, columns=["file", "seconds", "split", "monophonic", "used", "note"])


def _clips(recordings: list[Recording], seed: int) -> Iterator[Clip]:
    """The clips that were chosen, in the order of the files."""
    for number, recording in enumerate(recordings):
        for start, voice in recording.voices.items():
            row = {
                "clip": f"own-{number:04d}-{start // int(recording.clip_seconds * recording.rate):03d}",
                "part": "own recordings",
                "piece": recording.name,
                "split": recording.split,
                "monophonic": voice.monophonic,
                **dict.fromkeys(("instrument", "family"), "unknown"),
                "seed": seed,
            }
            yield make_clip(recording.cut(start) / max(1.0, recording.peak), [], row)
