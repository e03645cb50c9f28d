"""The second source: a folder of the user's own recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audiosae.audio import SAMPLE_RATE, SUFFIXES, read, resample
from audiosae.corpus.embedded import SHORTEST, Clip, check_length
from audiosae.errors import AudioError, CorpusError


def recordings(folder: str | Path) -> list[Path]:
    """Every wav, flac, mp3 and ogg file under a folder, in order of name.

    Raises
    ------
    CorpusError
        If the folder does not exist, or holds fewer than the three recordings that three splits need.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError(
            f"corpus.source is {str(folder)!r}, which is neither 'embedded' nor a folder; give the path of a folder "
            f"with {', '.join(SUFFIXES)} files, or 'paper:' and the path of a folder with the paper's data sets."
        )
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(found) < 3:
        raise CorpusError(
            f"{folder}: {len(found)} recordings ({', '.join(SUFFIXES)}) found; at least 3 are needed, one for each of "
            "train, validation and test. Splits are by recording."
        )
    return found


def clips(folder: str | Path, clip_seconds: float, seed: int) -> Iterator[Clip]:
    """Read recordings and cut them into clips; a recording, whole, is one piece and in one split.

    Every file is read and checked before the first clip is handed out, so that one bad file stops the stage at once.
    Clips are taken to be monophonic where the pitch tracker is confident: a folder says nothing about that.

    Parameters
    ----------
    folder
        Searched with its sub-folders.
    clip_seconds
        Longest clip. A rest shorter than half a second is dropped.
    seed
        Of the split: 60 % train, 15 % validation, 25 % test of the recordings, at least one each.

    Raises
    ------
    CorpusError
        With one line for each file that cannot be used.
    """
    check_length(clip_seconds)
    paths = recordings(folder)
    problems = []
    for path in paths:
        try:
            read(path)
        except AudioError as error:
            problems.append(str(error))
    if problems:
        raise CorpusError(f"{len(problems)} of {len(paths)} files cannot be used:\n  " + "\n  ".join(problems))
    order = np.random.default_rng(seed).permutation(len(paths))
    test = max(1, round(0.25 * len(paths)))
    validation = max(1, round(0.15 * len(paths)))
    split = {int(i): "test" if n < test else "validation" if n < test + validation else "train"
             for n, i in enumerate(order)}
    for number, path in enumerate(paths):
        wave, rate = read(path)
        wave = resample(wave, rate, SAMPLE_RATE)
        length = int(clip_seconds * SAMPLE_RATE)
        for take, start in enumerate(range(0, wave.shape[1], length)):
            cut = wave[:, start : start + length]
            if take and cut.shape[1] < SHORTEST * SAMPLE_RATE or not cut.any():
                continue
            row = {
                "clip": f"own-{number:04d}-{take:03d}",
                "part": "own recordings",
                "piece": path.relative_to(folder).as_posix(),
                "instrument": "unknown",
                "family": "unknown",
                "seed": seed,
                "duration": cut.shape[1] / SAMPLE_RATE,
                "monophonic": True,
                "split": split[number],
            }
            yield Clip(cut, row, [])
