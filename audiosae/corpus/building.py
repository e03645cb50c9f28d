"""Writing a corpus: whichever source the clips come from, the same files come out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from audiosae.audio import SAMPLE_RATE, write_flac
from audiosae.corpus import folder, paper, play
from audiosae.corpus.embedded import Clip, plan
from audiosae.errors import CorpusError

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
        Length and proportions, see `embedded.plan`, `paper.clips` and `folder.choose`; a folder of recordings has no parts.
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
        If the source is, holds or lies in the target, which is replaced. Else see `embedded.plan`, `paper.clips` and `folder.choose`.
    """
    target = Path(target)
    partial = target.with_name(target.name + ".partial")
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
            notes += [(clip.row["clip"], start, end, midi) for start, end, midi in clip.notes]
        manifest = pd.DataFrame(rows, columns=_COLUMNS)
        manifest.to_csv(partial / "manifest.csv", index=False, float_format="%.6f")
        pd.DataFrame(notes, columns=["clip", "start", "end", "midi"]).to_csv(
            partial / "notes.csv", index=False, float_format="%.6f"
        )
        if recordings is not None:
            recordings.to_csv(partial / "recordings.csv", index=False, float_format="%.3f")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


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
