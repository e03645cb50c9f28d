"""The stage `corpus`: python -m audiosae.corpus data/corpus --source embedded --minutes 15 …"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from audiosae import command
from audiosae.corpus.building import build


@dataclass(frozen=True)
class Shares:
    """Share of each part, in any unit."""

    chorales: float
    vocals: float
    drums: float
    guitar: float
    piano: float


def stage(target: str, /, source: str, minutes: float, clip_seconds: float, shares: Shares, seed: int) -> None:
    """Build a corpus in a folder, and print how much there is of each part; the parameters are those of `build`."""
    manifest = build(target, source, minutes, clip_seconds, asdict(shares), seed)
    summary = manifest.groupby("part", sort=False).agg(
        pieces=("piece", "nunique"), clips=("clip", "size"), minutes=("duration", lambda s: round(s.sum() / 60, 2))
    )
    print(summary.to_string())


if __name__ == "__main__":
    command.run(stage)
