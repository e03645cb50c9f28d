"""The stage `corpus`: python -m audiosae.corpus TARGET --source embedded --minutes 15 …"""

from __future__ import annotations

import argparse

from audiosae.corpus.building import build
from audiosae.corpus.scores import PARTS
from audiosae.errors import report


def main() -> None:
    """Read the arguments that DVC makes from params.yaml, and build."""
    parser = argparse.ArgumentParser(prog="audiosae.corpus", description=__doc__, allow_abbrev=False)
    parser.add_argument("target")
    parser.add_argument("--source", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--clip_seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    for part in PARTS:
        parser.add_argument(f"--shares.{part}", type=float, required=True)
    given = vars(parser.parse_args())
    shares = {part: given[f"shares.{part}"] for part in PARTS}
    manifest = build(
        given["target"], given["source"], given["minutes"], given["clip_seconds"], shares, given["seed"]
    )
    summary = manifest.groupby("part", sort=False).agg(
        pieces=("piece", "nunique"), clips=("clip", "size"), minutes=("duration", lambda s: round(s.sum() / 60, 2))
    )
    print(summary.to_string())


if __name__ == "__main__":
    report(main)
