"""The second source: a folder of the user's own recordings.

All are read and checked first. Of copies one is kept, `corpus.minutes` are drawn, and what is drawn is listened to: does one voice
sound at a time? Only then are the recordings split. What was found, used, changed and left out is printed and comes back as a table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from audiosae.audio import SAMPLE_RATE, SUFFIXES, labels, read, read_part, resample, to_mono
from audiosae.corpus import duplicates, monophony
from audiosae.corpus.clip import SHORTEST, SPLITS, Clip, make_clip
from audiosae.corpus.search import Found, search, shown_name
from audiosae.corpus.splitting import divide
from audiosae.errors import AudioError, CorpusError

PITCHED = 0.3
"""A clip of one voice has a pitch for at least this share of its length; section 4 steers no clip with less."""

_LOSSLESS = (".wav", ".flac", ".aiff", ".aif")
_SILENCE = 2.0**-22
"""A clip that stays below is silent once it is written with 24 bits."""


@dataclass
class Recording:
    """A file that can be read."""

    path: Path
    name: str  # in tables
    rate: int
    samples: int
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

    def used(self, clip_seconds: float, monophonic: bool = False) -> float:
        """Seconds of it that are used; or only those with one voice."""
        length = int(clip_seconds * self.rate)
        return (
            sum(min(length, self.samples - start) for start, voice in self.voices.items() if voice.monophonic or not monophonic) / self.rate
        )

    def has_voice(self) -> bool:
        """Whether one of its clips is of one voice that can be labelled."""
        return any(voice.monophonic and voice.pitched >= PITCHED for voice in self.voices.values())


def choose(folder: str | Path, minutes: float, clip_seconds: float, seed: int) -> tuple[pd.DataFrame, Iterator[Clip]]:
    """Draw a corpus from recordings; a recording, whole, is one piece and in one split.

    Clips are drawn one from each recording, in a random order, then a second from each, and so on, until they last `minutes`. If the
    recordings hold less, all is used. Of recordings with the same sound (`duplicates`) the first lossless one is used. Each clip is
    measured for one voice at a time (`monophony`). A recording that passes full scale is scaled to it.

    Parameters
    ----------
    folder
        Searched with its sub-folders.
    minutes, clip_seconds
        Length of the corpus, and of the longest clip.
    seed
        Of the draw and of the split (`splitting`).

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
    found = search(folder)
    everything = _inspected(folder, found, clip_seconds)
    different = _without_copies(everything)
    passed_over = _passed_over(folder, found)
    if len(different) < 3:
        left_out = [*_remarks(everything), *passed_over]
        raise CorpusError(
            f"{folder}: {len(different)} recordings ({', '.join(SUFFIXES)}) found that differ; at least 3 are needed, one for each of "
            f"train, validation and test. Splits are by recording. {' '.join(left_out[:8])}{' …' if len(left_out) > 8 else ''}".rstrip()
        )
    rng = np.random.default_rng(seed)
    _listen(different, _drawn(different, minutes, clip_seconds, rng), clip_seconds)
    used = [recording for recording in different if recording.voices]
    lengths = np.array([recording.used(clip_seconds) for recording in used])
    for recording, split in zip(used, divide(lengths, np.array([recording.has_voice() for recording in used]), rng), strict=True):
        recording.split = split
    _refuse_too_little(folder, used)
    table = _table(folder, everything, found, clip_seconds)
    sums = table.groupby("split")["used"].sum() / 60
    print(
        f"{folder}: {len(found.recordings)} recordings, {sum(recording.seconds for recording in different) / 60:.2f} min without copies; "
        f"corpus.minutes asks for {minutes:g}, {sums[list(SPLITS)].sum():.2f} min of {len(used)} recordings are used: "
        + ", ".join(f"{split} {sums[split]:.2f}" for split in SPLITS)
    )
    print("\n".join([*_remarks(everything), *passed_over, "All of it is listed in recordings.csv, beside the manifest."]))
    return table, _clips(folder, everything, clip_seconds, seed)


def _inspected(folder: Path, found: Found, clip_seconds: float) -> list[Recording]:
    """Read every recording; all that is wrong with any of them in one error."""
    recordings, problems = [], list(found.problems)
    for path in tqdm(found.recordings, desc="reading", unit="file", disable=None):
        try:
            wave, rate = read(path)
        except AudioError as error:
            problems.append(str(error))
            continue
        length = int(clip_seconds * rate)
        starts = [
            start
            for start in range(0, wave.shape[1], length)
            if (not start or wave.shape[1] - start >= SHORTEST * rate) and np.abs(wave[:, start : start + length]).max() >= _SILENCE
        ]
        recordings.append(
            Recording(path, shown_name(path, folder), rate, wave.shape[1], float(np.abs(wave).max()), duplicates.sketch(wave, rate), starts)
        )
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
    lengths, sketches = np.array([r.seconds for r in recordings]), np.array([r.sketch for r in recordings])
    rows: list[int] = []
    for row in sorted(range(len(recordings)), key=lambda i: (recordings[i].path.suffix.lower() not in _LOSSLESS, recordings[i].path)):
        alike = np.sqrt(((sketches[rows] - sketches[row]) ** 2).mean(axis=1)) if rows else np.zeros(0)
        near = (np.abs(lengths[rows] - lengths[row]) <= duplicates.SECONDS) & (alike <= duplicates.ALIKE)
        for place in np.flatnonzero(near):
            if duplicates.correlation(excerpt(kept[place].path), excerpt(recordings[row].path)) >= duplicates.CORRELATION:
                recordings[row].note = f"left out: same sound as {kept[place].name}"
                break
        else:
            rows.append(row)
            kept.append(recordings[row])
    for recording in kept:
        if not recording.starts:
            recording.note = "left out: nothing in it can be heard"
    return [recording for recording in recordings if not recording.note]


def _drawn(recordings: list[Recording], minutes: float, clip_seconds: float, rng: np.random.Generator) -> dict[int, list[int]]:
    """Where the clips begin that fill the minutes, by the place of the recording; three recordings at least."""
    waiting = deque((int(i), deque(rng.permutation(recordings[i].starts).tolist())) for i in rng.permutation(len(recordings)))
    drawn: dict[int, list[int]] = {}
    seconds = 0.0
    while waiting and (seconds < minutes * 60 - clip_seconds / 2 or len(drawn) < 3):
        i, starts = waiting.popleft()
        start = starts.popleft()
        drawn.setdefault(i, []).append(start)
        seconds += min(clip_seconds, recordings[i].seconds - start / recordings[i].rate)
        if starts:
            waiting.append((i, starts))
    return drawn


def _listen(recordings: list[Recording], drawn: dict[int, list[int]], clip_seconds: float) -> None:
    """Measure the clips that were drawn, and note what is scaled or not drawn."""
    for i, recording in enumerate(tqdm(recordings, desc="listening", unit="file", disable=None)):
        for start in sorted(drawn.get(i, [])):
            cut = _cut(recording, start, clip_seconds)
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


def _cut(recording: Recording, start: int, clip_seconds: float) -> np.ndarray:
    """One clip [channels, samples] at 44.1 kHz, not yet scaled."""
    wave, rate = read_part(recording.path, start, clip_seconds)
    return resample(wave, rate, SAMPLE_RATE)


def _refuse_too_little(folder: Path, used: list[Recording]) -> None:
    """Stop where a later section is sure to fail: probes of pitch need a single voice in every split, steering two notes."""
    single = [recording for recording in used if recording.has_voice()]
    lacking = [split for split in SPLITS if not any(recording.split == split for recording in single)]
    if lacking:
        names = ", ".join(recording.name for recording in single[:5]) or "none"
        raise CorpusError(
            f"{folder}: too little music with one voice at a time (a melody, singing, speech), which pitch is learnt from: "
            f"there would be none in {', '.join(lacking)}. Of the {len(used)} recordings that are used, {len(single)} have it ({names}); "
            f"3 are needed, one for each split. Drums, noise and chords do not count. Add {max(1, 3 - len(single))} more."
        )
    notes = frozenset().union(*(v.notes for r in used if r.split == "train" for v in r.voices.values() if v.monophonic))
    if len(notes) < 2:
        raise CorpusError(
            f"{folder}: the recordings with one voice in train hold one note only ({labels.note_name(min(notes))}); pitch is learnt and "
            "steered between notes. Add recordings with other notes."
        )


def _passed_over(folder: Path, found: Found) -> list[str]:
    """A line for each file with sound in another format, and one for what is no sound."""
    lines = [f"{shown_name(path, folder)}: {_UNREAD}." for path in found.unread]
    if found.hidden or found.others:
        lines.append(f"Passed over: hidden files and folders ({found.hidden}), and files that are no sound ({found.others}).")
    return lines


_UNREAD = "left out: this format is not read; convert it to wav or flac"


def _remarks(recordings: list[Recording]) -> list[str]:
    return [
        f"{recording.name}: {recording.note}." for recording in recordings if recording.note and not recording.note.startswith("not drawn")
    ]


def _table(folder: Path, recordings: list[Recording], found: Found, clip_seconds: float) -> pd.DataFrame:
    rows = []
    for recording in recordings:
        used = recording.used(clip_seconds)
        share = recording.used(clip_seconds, monophonic=True) / used if used else np.nan
        rows.append((recording.name, recording.seconds, recording.split, share, used, recording.note))
    rows += [(shown_name(path, folder), np.nan, "", np.nan, 0.0, _UNREAD) for path in found.unread]
    return pd.DataFrame(rows, columns=["file", "seconds", "split", "monophonic", "used", "note"])


def _clips(folder: Path, recordings: list[Recording], clip_seconds: float, seed: int) -> Iterator[Clip]:
    """The clips that were chosen, in the order of the files."""
    for number, recording in enumerate(recordings):
        for start, voice in recording.voices.items():
            wave = _cut(recording, start, clip_seconds) / max(1.0, recording.peak)
            yield make_clip(
                wave,
                [],
                clip=f"own-{number:04d}-{start // int(clip_seconds * recording.rate):03d}",
                part="own recordings",
                piece=recording.name,
                instrument="unknown",
                family="unknown",
                seed=seed,
                monophonic=voice.monophonic,
                split=recording.split,
            )
