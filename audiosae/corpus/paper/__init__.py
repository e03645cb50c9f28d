"""The third source: the paper's own five data sets, from where the user has them (section 3.1).

A folder holds one folder, or link, for each: cocochorales, damp-vsep, groove, guitarset, maestro. What is in them,
which split is used and what counts as monophonic stands at the head of the module of each.

From each recording one clip is drawn, at random; when every recording has given one, a second; and so on. So few
minutes come from many recordings, and of a long recording only the clips that are used are ever read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from audiosae.audio import SAMPLE_RATE, check, opened, read_part, refuse_truncated, resample
from audiosae.corpus.clip import QUOTA, SHORTEST, SPLITS, Clip, make_clip
from audiosae.corpus.paper.cocochorales import COCOCHORALES
from audiosae.corpus.paper.damp_vsep import DAMP_VSEP
from audiosae.corpus.paper.dataset import Dataset, Notes, Recording
from audiosae.corpus.paper.groove import GROOVE
from audiosae.corpus.paper.guitarset import GUITARSET
from audiosae.corpus.paper.maestro import MAESTRO
from audiosae.corpus.scores import PARTS
from audiosae.errors import CorpusError

DATASETS: tuple[Dataset, ...] = (COCOCHORALES, DAMP_VSEP, GROOVE, GUITARSET, MAESTRO)

_SILENCE = 2.0**-23
"""A clip that stays below is silent once it is written with 24 bits."""


def clips(folder: str | Path, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int) -> Iterator[Clip]:
    """Draw clips from the data sets.

    A data set has `minutes` times its share, divided over the splits by `QUOTA` (the makers' own splits have a smaller test). What a
    split cannot give is taken from the others, train first; what the whole data set cannot give is said and left out. Silent clips
    are passed over.

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
    CorpusError
        If data sets are missing, partial or laid out otherwise, one line for each; before the first clip.
    AudioError
        If a recording that is drawn cannot be read.
    """
    found = _recordings(Path(folder).expanduser(), [dataset for dataset in DATASETS if shares[dataset.part]])
    for dataset, recordings in found.items():
        seconds = minutes * 60 * shares[dataset.part] / sum(shares.values())
        decks = {split: _deck(dataset, [one for one in recordings if one.split == split], split, clip_seconds, seed) for split in SPLITS}
        with tqdm(total=round(seconds), desc=dataset.name, unit="s") as progress:
            lacking = 0.0
            for split in SPLITS:
                lacking += yield from _draw(decks[split], seconds * QUOTA[split], clip_seconds, progress)
            for split in SPLITS:
                if lacking > clip_seconds / 2:
                    lacking = yield from _draw(decks[split], lacking, clip_seconds, progress)
        if lacking > clip_seconds / 2:
            tqdm.write(
                f"{dataset.name}: {seconds / 60:.1f} min are asked for and {(seconds - lacking) / 60:.1f} min are there; all of it is used."
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


def _draw(deck: Iterator[Clip], seconds: float, clip_seconds: float, progress: tqdm) -> Generator[Clip, None, float]:
    """One clip or more, until they last `seconds` as nearly as can be; returns how many seconds the deck lacks."""
    drawn = 0.0
    for clip in deck:
        yield clip
        progress.update(clip.row["duration"])
        drawn += clip.row["duration"]
        if drawn > seconds - clip_seconds / 2:
            return 0.0
    return seconds - drawn


def _deck(dataset: Dataset, recordings: list[Recording], split: str, clip_seconds: float, seed: int) -> Iterator[Clip]:
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
        start = starts.pop()
        wave, rate = read_part(recording.file, start, clip_seconds)
        if wave.any():
            check(wave, rate, where=recording.file)
        wave = np.ascontiguousarray(resample(wave, rate, SAMPLE_RATE))
        if np.abs(wave).max() < _SILENCE:
            continue
        yield make_clip(
            wave,
            _notes(dataset, recording.annotation, start / rate, wave.shape[1] / SAMPLE_RATE),
            clip=f"{dataset.part}-{split}-{next(number):05d}",
            part=dataset.part,
            piece=recording.piece,
            instrument=recording.instrument,
            family=recording.family,
            seed=seed,
            monophonic=recording.monophonic,
            split=split,
        )


def _starts(path: str, clip_seconds: float) -> list[int]:
    """Where the clips of a recording begin, in samples of its own rate; only the header is read."""
    with opened(Path(path)) as file:
        refuse_truncated(Path(path), file, file.frames)
        shortest = SHORTEST * file.samplerate
        every = range(0, file.frames, int(clip_seconds * file.samplerate))
        return [start for start in every if file.frames - start >= shortest]


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
