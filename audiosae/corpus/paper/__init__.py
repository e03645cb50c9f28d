"""The third source: the paper's own five data sets, from where the user has them (section 3.1).

A folder holds one folder, or link, for each: cocochorales, damp-vsep, groove, guitarset, maestro. What is in them,
which split is used and what counts as monophonic stands at the head of the module of each.

From each recording one clip is drawn, at random; when every recording has given one, a second; and so on. So few
minutes come from many recordings, and of a long recording only the clips that are used are ever read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
from tqdm.auto import tqdm

from audiosae.audio import SAMPLE_RATE, check, resample
from audiosae.corpus.embedded import SHORTEST, Clip, check_length
from audiosae.corpus.paper.cocochorales import COCOCHORALES
from audiosae.corpus.paper.damp_vsep import DAMP_VSEP
from audiosae.corpus.paper.dataset import Dataset, Notes, Recording
from audiosae.corpus.paper.groove import GROOVE
from audiosae.corpus.paper.guitarset import GUITARSET
from audiosae.corpus.paper.maestro import MAESTRO
from audiosae.corpus.scores import PARTS, SPLITS
from audiosae.errors import AudioError, CorpusError, ParameterError

DATASETS: tuple[Dataset, ...] = (COCOCHORALES, DAMP_VSEP, GROOVE, GUITARSET, MAESTRO)

QUOTA = {"train": 0.6, "validation": 0.15, "test": 0.25}
"""How the minutes of a data set are divided, as in the embedded corpus; the makers' own splits have a smaller test."""

_SILENCE = 2.0**-23
"""A clip that stays below is silent once it is written with 24 bits."""


def clips(
    folder: str | Path, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int
) -> Iterator[Clip]:
    """Draw clips from the data sets.

    A data set has `minutes` times its share, divided over the splits by `QUOTA`. What a split cannot give is taken from
    the others, train first; what the whole data set cannot give is said and left out, so that the corpus is shorter
    and no other data set changes. Silent clips are passed over.

    Parameters
    ----------
    folder
        Holds the folders of the data sets.
    minutes
        Length of the corpus.
    clip_seconds
        Longest clip. A rest shorter than half a second is dropped.
    shares
        Share of each part, in any unit; a data set whose share is 0 is not looked for.
    seed
        Of the draws. Splits do not depend on it.

    Raises
    ------
    ParameterError
        If a part is missing or unknown, or a number is out of range.
    CorpusError
        If data sets are missing, partial or laid out otherwise, one line for each; before the first clip.
    AudioError
        If a recording that is drawn cannot be read.
    """
    if set(shares) != set(PARTS):
        raise ParameterError(f"corpus.shares names {sorted(shares)}; it must name exactly {sorted(PARTS)}.")
    if not all(0 <= share < float("inf") for share in shares.values()) or not any(shares.values()):
        raise ParameterError(f"corpus.shares must be numbers from 0, and one above it; they are {shares}.")
    if not 0 < minutes < float("inf"):
        raise ParameterError(f"corpus.minutes must be above 0; it is {minutes}.")
    check_length(clip_seconds)
    found = _recordings(Path(folder).expanduser(), [dataset for dataset in DATASETS if shares[dataset.part]])
    for dataset, recordings in found.items():
        seconds = minutes * 60 * shares[dataset.part] / sum(shares.values())
        decks = {
            split: _deck(dataset, [one for one in recordings if one.split == split], split, clip_seconds, seed)
            for split in SPLITS
        }
        with tqdm(total=round(seconds), desc=dataset.name, unit="s") as progress:
            lacking = 0.0
            for split in SPLITS:
                lacking += yield from _draw(decks[split], seconds * QUOTA[split], clip_seconds, progress)
            for split in SPLITS:
                if lacking > clip_seconds / 2:
                    lacking = yield from _draw(decks[split], lacking, clip_seconds, progress)
        if lacking > clip_seconds / 2:
            tqdm.write(
                f"{dataset.name}: {seconds / 60:.1f} min are asked for and {(seconds - lacking) / 60:.1f} min are there; "
                "all of it is used."
            )


def _recordings(folder: Path, datasets: list[Dataset]) -> dict[Dataset, list[Recording]]:
    """Every recording of the data sets; all that is wrong with any of them in one error."""
    if not folder.is_dir():
        raise CorpusError(
            f"corpus.source is 'paper:{folder}', and there is no such folder; give the one that holds the folders "
            f"{', '.join(dataset.folder for dataset in datasets)}."
        )
    found, problems = {}, []
    for dataset in datasets:
        try:
            found[dataset] = dataset.read(folder)
        except CorpusError as error:
            problems.append(str(error))
    if problems:
        raise CorpusError("\n".join(problems))
    return found


def _draw(
    deck: Iterator[Clip], seconds: float, clip_seconds: float, progress: tqdm
) -> Generator[Clip, None, float]:
    """One clip or more, until they last `seconds` as nearly as can be; returns how many seconds the deck lacks."""
    drawn = 0.0
    for clip in deck:
        yield clip
        progress.update(clip.row["duration"])
        drawn += clip.row["duration"]
        if drawn > seconds - clip_seconds / 2:
            return 0.0
    return seconds - drawn


def _deck(
    dataset: Dataset, recordings: list[Recording], split: str, clip_seconds: float, seed: int
) -> Iterator[Clip]:
    """All clips of a split, in the order in which they are drawn."""
    rng = np.random.default_rng([seed, PARTS.index(dataset.part), SPLITS.index(split)])
    order = rng.permutation(len(recordings))
    waiting: deque[tuple[Recording, list[int] | None]] = deque((recordings[i], None) for i in order)
    number = count()
    while waiting:
        recording, starts = waiting.popleft()
        if starts is None:  # its first turn
            starts = [int(start) for start in rng.permutation(_starts(recording.file, clip_seconds))]
        if not starts:
            continue
        waiting.append((recording, starts))
        wave, start = _cut(recording.file, starts.pop(), clip_seconds)
        if np.abs(wave).max() < _SILENCE:
            continue
        row = {
            "clip": f"{dataset.part}-{split}-{next(number):05d}",
            "part": dataset.part,
            "piece": recording.piece,
            "instrument": recording.instrument,
            "family": recording.family,
            "seed": seed,
            "duration": wave.shape[1] / SAMPLE_RATE,
            "monophonic": recording.monophonic,
            "split": split,
        }
        yield Clip(wave, row, _notes(dataset, recording.annotation, start, wave.shape[1] / SAMPLE_RATE))


@contextmanager
def _opened(path: str) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(path) as file:
            if path.endswith(".wav") and "should be" in file.extra_info:  # see audio.read
                raise AudioError(f"{path}: the file ends before its header says (truncated); unpack it again.")
            yield file
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: cannot be read as audio ({error.error_string}); it may be damaged or cut short. Unpack it again."
        ) from error


def _starts(path: str, clip_seconds: float) -> list[int]:
    """Where the clips of a recording begin, in samples of its own rate; only the header is read."""
    with _opened(path) as file:
        shortest = SHORTEST * file.samplerate
        every = range(0, file.frames, int(clip_seconds * file.samplerate))
        return [start for start in every if file.frames - start >= shortest]


def _cut(path: str, start: int, clip_seconds: float) -> tuple[np.ndarray, float]:
    """A clip at `SAMPLE_RATE`, and where it begins in s."""
    with _opened(path) as file:
        rate = file.samplerate
        length = min(int(clip_seconds * rate), file.frames - start)
        file.seek(start)
        wave = file.read(length, dtype="float32", always_2d=True).T
    if wave.shape[1] < length:
        raise AudioError(f"{path}: the file ends before its header says (truncated); unpack it again.")
    if wave.any():
        check(wave, rate, where=path)
    return np.ascontiguousarray(resample(wave, rate, SAMPLE_RATE)), start / rate


def _notes(dataset: Dataset, annotation: str, start: float, seconds: float) -> Notes:
    """What of a recording's notes lies in a clip, in s of the clip."""
    if not annotation:
        return []
    try:
        written = dataset.notes(annotation)
    except (OSError, EOFError, ValueError, LookupError) as error:
        raise dataset.fault(f"the notes in {annotation} cannot be read ({error}); unpack it again") from error
    return sorted(
        (max(begin - start, 0.0), min(end - start, seconds), midi)
        for begin, end, midi in written
        if begin < start + seconds and end > start
    )
