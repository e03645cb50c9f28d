"""The stage `corpus`: python -m audiosae.corpus data/corpus --source embedded --minutes 15 …"""

from __future__ import annotations

from typing import TypedDict

from audiosae.corpus.building import build


class Shares(TypedDict):
    """Share of each part, in any unit."""

    chorales: float
    vocals: float
    drums: float
    guitar: float
    piano: float


def stage(target: str, /, source: str, minutes: float, clip_seconds: float, shares: Shares, seed: int) -> None:
    """Build a corpus, and print how much there is of each part.

    Parameters
    ----------
    target
        Folder to write.
    source
        embedded; or paper: and the folder of the paper's data sets; or a folder of recordings.
    minutes
        Length of the corpus.
    clip_seconds
        Length of a clip.
    shares
        Of the parts.
    seed
        Of every draw.
    """
    manifest = build(target, source, minutes, clip_seconds, dict(shares), seed)
    summary = manifest.groupby("part", sort=False).agg(
        pieces=("piece", "nunique"), clips=("clip", "size"), minutes=("duration", lambda s: round(s.sum() / 60, 2))
    )
    print(summary.to_string())


if __name__ == "__main__":
    from audiosae import command

    command.run(stage)
