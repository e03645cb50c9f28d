"""The corpus: clips of music with a manifest, from scores or from a folder of recordings.

`build` writes a corpus, `load` reads its manifest. A corpus is a folder with

- `manifest.csv`: clip, part, piece, instrument, family, seed, duration (s), monophonic, split, file;
- `notes.csv`: clip, start (s), end (s), midi: what the score asked for, where there is one;
- `audio/`: the clips, 24-bit FLAC at 44.1 kHz.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from audiosae.audio import SAMPLE_RATE, write_flac
from audiosae.corpus import folder as own
from audiosae.corpus.embedded import Clip, Session, perform, plan
from audiosae.determinism import THREADS
from audiosae.errors import CorpusError

_COLUMNS = ["clip", "part", "piece", "instrument", "family", "seed", "duration", "monophonic", "split", "file"]


def play(sessions: list[Session], clip_seconds: float) -> Iterator[Clip]:
    """Perform sessions on two processes, in order, with a progress bar."""
    with ProcessPoolExecutor(THREADS) as workers:
        played = workers.map(partial(perform, clip_seconds=clip_seconds), sessions, chunksize=4)
        for clips in tqdm(played, total=len(sessions), desc="playing", unit="piece"):
            yield from clips


def build(
    target: str | Path, source: str, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int
) -> pd.DataFrame:
    """Write a corpus; the folder appears only when it is complete.

    Parameters
    ----------
    target
        Folder to write; replaced if it exists.
    source
        "embedded", or the path of a folder of recordings.
    minutes, shares
        Length and proportions of the embedded corpus, see `embedded.plan`.
    clip_seconds
        Length of a clip.
    seed
        Of every draw.

    Returns
    -------
    The manifest.

    Raises
    ------
    CorpusError, ParameterError
        See `embedded.plan` and `folder.clips`.
    """
    target = Path(target)
    partial_target = target.with_name(target.name + ".partial")
    shutil.rmtree(partial_target, ignore_errors=True)
    if source == "embedded":
        clips = play(plan(minutes, clip_seconds, shares, seed), clip_seconds)
    else:
        clips = own.clips(source, clip_seconds, seed)
    rows, notes = [], []
    try:
        (partial_target / "audio").mkdir(parents=True)
        for clip in clips:
            name = f"audio/{clip.row['clip']}.flac"
            write_flac(partial_target / name, clip.wave, SAMPLE_RATE)
            rows.append({**clip.row, "file": name})
            notes += [(clip.row["clip"], start, end, midi) for start, end, midi in clip.notes]
        manifest = pd.DataFrame(rows, columns=_COLUMNS)
        manifest.to_csv(partial_target / "manifest.csv", index=False, float_format="%.6f")
        pd.DataFrame(notes, columns=["clip", "start", "end", "midi"]).to_csv(
            partial_target / "notes.csv", index=False, float_format="%.6f"
        )
        shutil.rmtree(target, ignore_errors=True)
        partial_target.rename(target)
    finally:
        shutil.rmtree(partial_target, ignore_errors=True)
    return manifest


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
    """Read what the scores asked for: clip, start (s), end (s), midi; empty for a folder of recordings."""
    return pd.read_csv(Path(folder) / "notes.csv")
