"""Writing a corpus: whichever source the clips come from, the same files come out."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from audiosae.audio import SAMPLE_RATE, write_flac
from audiosae.corpus import folder, paper
from audiosae.corpus.clip import COLUMNS, SHORTEST, Clip
from audiosae.corpus.embedded import plan
from audiosae.corpus.performance import play
from audiosae.corpus.scores import PARTS
from audiosae.errors import CorpusError, ParameterError


def build(target: str | Path, source: str, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int) -> pd.DataFrame:
    """Write a corpus; the folder appears only when it is complete.

    Parameters
    ----------
    target
        Folder to write; replaced if it exists.
    source
        "embedded"; or "paper:" and the path of a folder with the paper's data sets; or the path of a folder of recordings.
    minutes
        Length of the corpus; where the source holds less, all of it is used.
    clip_seconds
        Length of a clip; of a recording, a rest shorter than half a second is dropped.
    shares
        Share of each part, in any unit; of the paper's data sets some may be 0, and a folder of recordings has no parts.
    seed
        Of every draw.

    Returns
    -------
    The manifest.

    Raises
    ------
    ParameterError
        If a number is out of range, or a part is missing or unknown.
    CorpusError
        If the source is, holds or lies in the target, which is replaced; or cannot be used, see `paper.clips` and `folder.choose`.
    AudioError
        If a recording cannot be read.
    """
    target = Path(target)
    partial = target.with_name(target.name + ".partial")
    _refuse_impossible(source, minutes, clip_seconds, shares)
    _refuse_own_output(source, target, partial)
    shutil.rmtree(partial, ignore_errors=True)
    clips, recordings = _clips(source, minutes, clip_seconds, shares, seed)
    rows, notes = [], []
    try:
        (partial / "audio").mkdir(parents=True)
        for clip in clips:
            name = f"audio/{clip.row['clip']}.flac"
            write_flac(partial / name, clip.wave, SAMPLE_RATE)
            rows.append({**clip.row, "file": name})
            notes += [(clip.row["clip"], *note) for note in clip.notes]
        manifest = pd.DataFrame(rows, columns=COLUMNS)
        manifest.to_csv(partial / "manifest.csv", index=False, float_format="%.6f")
        pd.DataFrame(notes, columns=["clip", "start", "end", "midi"]).to_csv(partial / "notes.csv", index=False, float_format="%.6f")
        if recordings is not None:
            recordings.to_csv(partial / "recordings.csv", index=False, float_format="%.3f")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _refuse_impossible(source: str, minutes: float, clip_seconds: float, shares: dict[str, float]) -> None:
    """Raise `ParameterError` for lengths and shares from which no corpus can be made."""
    if set(shares) != set(PARTS):
        raise ParameterError(f"corpus.shares names {sorted(shares)}; it must name exactly {sorted(PARTS)}.")
    if not all(math.isfinite(share) and share >= 0 for share in shares.values()) or not any(shares.values()):
        raise ParameterError(f"corpus.shares must be numbers from 0, and one above it; they are {shares}.")
    if source == "embedded" and not all(shares.values()):
        raise ParameterError(f"corpus.shares must be above 0 where corpus.source is embedded; they are {shares}.")
    if not 0 < minutes < math.inf:
        raise ParameterError(f"corpus.minutes must be above 0; it is {minutes}.")
    if not SHORTEST <= clip_seconds < math.inf:
        raise ParameterError(f"corpus.clip_seconds must be at least {SHORTEST}; it is {clip_seconds}.")


def _refuse_own_output(source: str, *places: Path) -> None:
    """Recordings that lie where the corpus is written would be deleted."""
    given = Path(source.removeprefix("paper:")).expanduser().resolve()
    for place in (path.resolve() for path in places if source != "embedded"):
        if given == place or given in place.parents or place in given.parents:
            raise CorpusError(f"{source}: the corpus is written to {place} and replaces what stands there; move your recordings elsewhere.")


def _clips(
    source: str, minutes: float, clip_seconds: float, shares: dict[str, float], seed: int
) -> tuple[Iterator[Clip], pd.DataFrame | None]:
    """The clips of a source; of a folder of recordings, also the table that says what became of each."""
    if source == "embedded":
        return play(plan(minutes, clip_seconds, shares, seed), clip_seconds), None
    if source.startswith("paper:"):
        return paper.clips(source.removeprefix("paper:"), minutes, clip_seconds, shares, seed), None
    recordings, clips = folder.choose(source, minutes, clip_seconds, seed)
    return clips, recordings
