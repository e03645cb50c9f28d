"""Writing a corpus: whichever source the clips come from, the same files come out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from audiosae.audio import SAMPLE_RATE, write_flac
from audiosae.corpus import folder, paper, play
from audiosae.corpus.embedded import Clip, plan

_COLUMNS = ["clip", "part", "piece", "instrument", "family", "seed", "duration", "monophonic", "split", "file"]


def build(
    target: str | Path, source: str, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int
) -> pd.DataFrame:
    """Write a corpus; the folder appears only when it is complete.

    Parameters
    ----------
    target
        Folder to write; replaced if it exists.
    source
        "embedded"; or "paper:" and the path of a folder with the paper's data sets; or the path of a folder of
        recordings.
    minutes, shares
        Length and proportions, see `embedded.plan` and `paper.clips`; a folder of recordings is taken whole.
    clip_seconds
        Length of a clip.
    seed
        Of every draw.

    Returns
    -------
    The manifest.

    Raises
    ------
    CorpusError, ParameterError, AudioError
        See `embedded.plan`, `paper.clips` and `folder.clips`.
    """
    target = Path(target)
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    clips = _clips(source, minutes, clip_seconds, shares, seed)
    rows, notes = [], []
    try:
        (partial / "audio").mkdir(parents=True)
        for clip in clips:
            name = f"audio/{clip.row['clip']}.flac"
            write_flac(partial / name, clip.wave, SAMPLE_RATE)
            rows.append({**clip.row, "file": name})
            notes += [(clip.row["clip"], start, end, midi) for start, end, midi in clip.notes]
        manifest = pd.DataFrame(rows, columns=_COLUMNS)
        manifest.to_csv(partial / "manifest.csv", index=False, float_format="%.6f")
        pd.DataFrame(notes, columns=["clip", "start", "end", "midi"]).to_csv(
            partial / "notes.csv", index=False, float_format="%.6f"
        )
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _clips(source: str, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int) -> Iterator[Clip]:
    if source == "embedded":
        return play(plan(minutes, clip_seconds, shares, seed), clip_seconds)
    if source.startswith("paper:"):
        return paper.clips(source.removeprefix("paper:"), minutes, clip_seconds, shares, seed)
    return folder.clips(source, clip_seconds, seed)
