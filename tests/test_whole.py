"""Files that are written whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from audiosae.files import whole


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/a.txt"
    with whole.writing(path) as partial:
        partial.write_text("half")
        assert not path.exists() and partial.parent == path.parent
    assert path.read_text() == "half" and os.listdir(path.parent) == ["a.txt"]
    whole.write(path, "λ")
    assert path.read_bytes() == "λ".encode() and os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_what_stood_there_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(type(error)), whole.writing(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["a.txt"]


def test_a_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert whole.file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    assert whole.file_hash(tmp_path / "a", "md5") == hashlib.md5(b"abc").hexdigest()
