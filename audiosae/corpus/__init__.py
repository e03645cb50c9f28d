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

import pandas as pd
from tqdm.auto import tqdm

from audiosae.corpus.embedded import Clip, Session, perform
from audiosae.determinism import THREADS
from audiosae.errors import CorpusError


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
        If there is no corpus, or a piece stands in two splits.
    """
    folder = Path(folder)
    path = folder / "manifest.csv"
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run `dvc repro corpus` first.")
    manifest = pd.read_csv(path)
    shared = manifest.groupby("piece")["split"].nunique()
    if (shared > 1).any():
        raise CorpusError(f"{path}: piece {shared[shared > 1].index[0]} stands in two splits; build the corpus again.")
    manifest["file"] = [str(folder / name) for name in manifest["file"]]
    return manifest


def load_notes(folder: str | Path) -> pd.DataFrame:
    """Read the notes: clip, start (s), end (s), midi; empty for a folder of recordings."""
    return pd.read_csv(Path(folder) / "notes.csv")
