"""One way through a folder of a user's, links followed, every place visited once, hidden files left out; and whether two places touch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """A folder, its sub-folders and its files in order of name, and how many of either are hidden."""

    folder: Path
    below: list[str]
    files: list[str]
    hidden: int


def overlap(one: Path, other: Path) -> bool:
    """Whether two paths are the same, or one lies inside the other."""
    return one == other or one in other.parents or other in one.parents


def walk(folder: Path, refuse: Callable[[OSError], None]) -> Iterator[Place]:
    """Visit a folder, its sub-folders, and folders that are linked there; `refuse` is called for one that cannot be read.

    What begins with a dot is hidden: macOS writes ``._name.wav`` beside ``name.wav``, and it is no sound.
    """
    visited = set()
    for top, below, files in os.walk(folder, onerror=refuse, followlinks=True):
        place = os.stat(top)
        if (place.st_dev, place.st_ino) in visited:  # a link that leads back
            below.clear()
            continue
        visited.add((place.st_dev, place.st_ino))
        hidden = sum(name.startswith(".") for name in (*below, *files))
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Place(Path(top), below, sorted(name for name in files if not name.startswith(".")), hidden)
