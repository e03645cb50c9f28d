"""Writing a corpus: whichever source the clips come from, the same files come out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from audiosae.audio import SAMPLE_RATE, write_flac
from audiosae.corpus import folder, paper
from audiosae.corpus.clip import COLUMNS, Clip
from audiosae.corpus.embedded import plan
from audiosae.corpus.performance import play
from audiosae.errors import CorpusError
from audiosae.files.walk import overlap


def build(target: str | Path, source: str, minutes: float, clip_seconds: float, shares: Mapping[str, float], seed: int) -> pd.DataFrame:
    """Write a corpus, whole or not at all, and return its manifest.

    Parameters
    ----------
    target
        Folder to write; replaced if it exists.
    source
        "embedded"; or "paper:" and the path of a folder with the paper's data sets; or the path of a folder of recordings.
    minutes, clip_seconds
        Length of the corpus, at most, and of a clip.
    shares
        Share of each part, in any unit; a folder of recordings has no parts.
    seed
        Of every draw.

    Raises
    ------
    CorpusError
        If the source is, holds or lies in the target, which is replaced; or cannot be used, see `paper.clips` and `folder.choose`.
    AudioError
        If a recording cannot be read.
    """
    target = Path(target)
    partial = target.with_name(target.name + ".partial")
    if source != "embedded":
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


def _refuse_own_output(source: str, *places: Path) -> None:
    """Recordings that lie where the corpus is written would be deleted."""
    given = Path(source.removeprefix("paper:")).expanduser().resolve()
    for place in (path.resolve() for path in places):
        if overlap(given, place):
            raise CorpusError(f"{source}: the corpus is written to {place} and replaces what stands there; move your recordings elsewhere.")


def _clips(
    source: str, minutes: float, clip_seconds: float, shares: Mapping[str, float], seed: int
) -> tuple[Iterator[Clip], pd.DataFrame | None]:
    """The clips of a source; of a folder of recordings, also the table that says what became of each."""
    if source == "embedded":
        return play(plan(minutes, clip_seconds, shares, seed), clip_seconds), None
    if source.startswith("paper:"):
        return paper.clips(source.removeprefix("paper:"), minutes, clip_seconds, shares, seed), None
    recordings, clips = folder.choose(source, minutes, clip_seconds, seed)
    return clips, recordings
