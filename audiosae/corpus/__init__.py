"""The corpus: clips of music with a manifest, from scores, from the paper's data sets or from a folder of recordings.

`building.build` writes a corpus, `load` reads its manifest. A corpus is a folder with

- `manifest.csv`: clip, part, piece, instrument, family, seed, duration (s), monophonic, split, file;
- `notes.csv`: clip, start (s), end (s), midi: what the score asked for, or what was annotated, where either exists;
- `audio/`: the clips, 24-bit FLAC at 44.1 kHz.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from audiosae.corpus.embedded import Clip, Session, perform
from audiosae.corpus.scores import SPLITS
from audiosae.determinism import THREADS
from audiosae.errors import CorpusError, check_name

_TEXT = ("clip", "part", "piece", "instrument", "family", "split", "file")


def play(sessions: list[Session], clip_seconds: float) -> Iterator[Clip]:
    """Perform sessions on two processes, in order, with a progress bar."""
    with ProcessPoolExecutor(THREADS) as workers:
        played = workers.map(partial(perform, clip_seconds=clip_seconds), sessions, chunksize=4)
        for clips in tqdm(played, total=len(sessions), desc="playing", unit="piece"):
            yield from clips


def load(folder: str | Path) -> pd.DataFrame:
    """Read the manifest of a corpus.

    Returns
    -------
    One row a clip, in the order in which they were made; `file` is a full path.

    Raises
    ------
    CorpusError
        If there is no corpus; if the manifest is damaged, lacks a column or a value, or names a clip twice; if a piece stands in
        two splits; or if a clip or its file has a name that leads out of the folder, through links too.
    """
    folder = Path(folder)
    path = folder / "manifest.csv"
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run `dvc repro corpus` first.")
    manifest = _read(path)
    try:
        _check(manifest, folder, path)
    except KeyError as error:
        raise CorpusError(f"{path} lacks the column {error}; build the corpus again.") from error
    manifest["file"] = [str(folder / name) for name in manifest["file"]]
    return manifest


def load_notes(folder: str | Path) -> pd.DataFrame:
    """Read the notes: clip, start (s), end (s), midi; empty for a folder of recordings.

    Raises
    ------
    CorpusError
        If the file is missing or damaged.
    """
    path = Path(folder) / "notes.csv"
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run `dvc repro corpus` first.")
    notes = _read(path)
    numbers = ("start", "end", "midi")
    if not {"clip", *numbers} <= set(notes) or not (notes.empty or all(_finite(notes[name]) for name in numbers)):
        raise CorpusError(
            f"{path}: needs the columns clip, start, end and midi, the last three finite numbers; build the corpus again."
        )
    return notes


def _read(path: Path) -> pd.DataFrame:
    """A CSV file whose text stays text: a piece may well be called NA, or 007."""
    try:
        return pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False)
    except ValueError as error:  # those of pandas, and bytes that are not UTF-8
        raise CorpusError(f"{path} is damaged or no CSV file in UTF-8 ({error}); build the corpus again.") from error


def _finite(column: pd.Series) -> bool:
    """Whether a column holds finite numbers, and no booleans."""
    return column.dtype.kind in "iuf" and bool(np.isfinite(column).all())


def _check(manifest: pd.DataFrame, folder: Path, path: Path) -> None:
    """Look at a manifest once, as it is read; a column that is missing raises KeyError."""
    shared = manifest.groupby("piece")["split"].nunique()
    if (shared > 1).any():
        raise CorpusError(f"{path}: piece {shared[shared > 1].index[0]} stands in two splits; build the corpus again.")
    if manifest.empty:
        raise CorpusError(f"{path} lists no clips; build the corpus again.")
    faults = [f"{name} is empty in row {(manifest[name] == '').argmax() + 1}" for name in _TEXT if (manifest[name] == "").any()]
    unknown = sorted(set(manifest["split"]) - set(SPLITS))
    if unknown:
        faults.append(f"unknown split {unknown[0]!r}; known are {', '.join(SPLITS)}")
    if manifest["clip"].duplicated().any():
        faults.append(f"clip {manifest['clip'][manifest['clip'].duplicated()].iloc[0]} stands in two rows")
    if manifest["monophonic"].dtype != bool:
        faults.append("monophonic must be True or False in every row")
    if not (_finite(manifest["seed"]) and _finite(manifest["duration"]) and (manifest["duration"] > 0).all()):
        faults.append("seed must be a number, and duration (s) a number above 0, in every row")
    if faults:
        raise CorpusError(f"{path}: {'; '.join(faults)}. Build the corpus again.")
    inside = folder.resolve()
    for row, (clip, name) in enumerate(zip(manifest["clip"], manifest["file"]), start=1):
        check_name(clip, f"{path}, row {row}, clip")
        for part in name.split("/"):
            check_name(part, f"{path}, row {row}, file {name!r}")
        if not (folder / name).is_file():
            raise CorpusError(f"{path}, row {row}: {folder / name} is missing; build the corpus again.")
        if not (folder / name).resolve().is_relative_to(inside):
            raise CorpusError(
                f"{path}, row {row}: {folder / name} is a link that leads out of {folder}; put the file itself there, or build the "
                "corpus again."
            )
