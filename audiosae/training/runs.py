"""A training is a chain of runs, and a checkpoint tells of all that led to it.

The first run starts from scratch. Each further one goes on from a checkpoint, with settings of its own, hours or days later and on any
machine. A run is kept as its settings, the hashes of its code, music and parent, how much music it `heard` in hours, and its progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from audiosae.errors import ParameterError
from audiosae.files import checkpoint

SCRATCH = "scratch"
"""A start from new weights."""


def earlier(start: str, kind: str, shape: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that led to a start, `SCRATCH` or a checkpoint of a kind, whose sizes must be those that are given.

    Raises
    ------
    ParameterError
        If its sizes are others.
    CheckpointError
        If it is missing, damaged, or of another kind.
    """
    if start == SCRATCH:
        return []
    _, header = checkpoint.load(start, kind)
    sizes = {name: tuple(size) if isinstance(size, list) else size for name, size in header["shape"].items()}
    if sizes != dict(shape):
        raise ParameterError(f"{start} has the sizes {sizes}, and shape says {dict(shape)}; make them equal, or start from {SCRATCH}.")
    return header["provenance"]["runs"]


def told(path: str | Path, kind: str) -> list[dict[str, Any]]:
    """The runs that a checkpoint tells of; errors as of `checkpoint.load`."""
    return checkpoint.load(path, kind)[1]["provenance"]["runs"]


def curve(runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Progress of all runs: run (from 1), hours of music heard since the first, step of its run, and what was measured then."""
    rows, before = [], 0.0
    for number, run in enumerate(runs, 1):
        for row in run["progress"]:
            rows.append({"run": number, "hours": before + run["heard"] * row["step"] / run["settings"]["steps"], **row})
        before += run["heard"]
    table = pd.DataFrame(rows)
    leading = [name for name in ("run", "hours", "step", "quantised") if name in table]
    return table[[*leading, *(name for name in table if name not in leading)]]
