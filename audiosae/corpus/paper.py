"""The third source: the paper's own five data sets, from where the user has them (section 3.1).

A folder holds one folder, or link, for each: cocochorales, damp-vsep, groove, guitarset, maestro; see `datasets`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from audiosae.audio import SAMPLE_RATE, read_part, resample
from audiosae.audio.io import check, read_length
from audiosae.corpus.clip import PARTS, QUOTA, SHORTEST, SPLITS, Clip, in_turn, make_clip
from audiosae.corpus.datasets import DATASETS, Dataset, Notes, Recording
from audiosae.errors import CorpusError

_SILENCE = 2.0**-23  # a clip that stays below is silent once it is written with 24 bits


def clips(folder: str | Path, minutes: float, clip_seconds: float, shares: Mapping[str, float], seed: int) -> Iterator[Clip]:
    """Draw clips from the data sets.

    A data set has `minutes` times its share, divided over the splits by `QUOTA`. What a split cannot give is taken from the others, train
    first; what the whole data set cannot give is said and left out. Each recording gives one clip, at random, before one gives a second.
    Silent clips are passed over. A data set whose share is 0 is not looked for.

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
    """All clips of a split, in the order in which they are drawn; only what is drawn is read."""
    rng = np.random.default_rng([seed, PARTS.index(dataset.part), SPLITS.index(split)])

    def starts(i: int) -> np.ndarray:
        samples, rate = read_length(recordings[i].file)
        every = range(0, samples, int(clip_seconds * rate))
        return rng.permutation([start for start in every if samples - start >= SHORTEST * rate])[::-1]

    number = 0
    for i, start in in_turn(len(recordings), starts, rng):
        recording = recordings[i]
        wave, rate = read_part(recording.file, start, clip_seconds)
        if wave.any():
            check(wave, rate, where=recording.file)
        wave = np.ascontiguousarray(resample(wave, rate, SAMPLE_RATE))
        if np.abs(wave).max() < _SILENCE:
            continue
        notes = _notes(dataset, recording.annotation, start / rate, wave.shape[1] / SAMPLE_RATE)
        clip = f"{dataset.part}-{split}-{number:05d}"
        yield make_clip(wave, notes, {**recording._asdict(), "clip": clip, "part": dataset.part, "seed": seed})
        number += 1


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
