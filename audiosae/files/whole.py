"""Files written whole or not at all, and their hashes. Nothing here needs torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Yield a path beside a file's place, and move what is written there to its place when it is complete.

    The folder is made where it is missing. After an error, what stood at `path` is as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write(path: str | Path, data: str | bytes) -> None:
    """Write a file, whole or not at all; text as UTF-8, in which bytes of a path that are no UTF-8 stay as they are."""
    with writing(path) as partial:
        partial.write_bytes(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)


def file_hash(path: str | Path, algorithm: str = "sha256") -> str:
    """Hash of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def path_hash(path: str | Path) -> str:
    """SHA-256 of a file, or of the list of a folder's files, each with its own; of a path that is missing that of an empty list."""
    path = Path(path)
    if path.is_file():
        return file_hash(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = "".join(f"{file_hash(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
