"""The archive of the book: whole, checked, and the same twice."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from audiosae.archive import pack
from audiosae.errors import ParameterError


def test_an_archive_holds_the_book_and_depends_on_nothing_else(tmp_path: Path) -> None:
    html = tmp_path / "html"
    (html / "_static").mkdir(parents=True)
    (html / "index.html").write_text("<p>a</p>")
    (html / "_static" / "a.mp3").write_bytes(b"sound")
    digest = pack(html, tmp_path / "book-1.zip")
    os.utime(html / "index.html", (1, 1))
    assert pack(html, tmp_path / "book-1.zip") == digest
    assert hashlib.sha256((tmp_path / "book-1.zip").read_bytes()).hexdigest() == digest
    assert (tmp_path / "book-1.zip.sha256").read_text() == f"{digest}  book-1.zip\n"
    with zipfile.ZipFile(tmp_path / "book-1.zip") as archive:
        assert archive.read("book-1/_static/a.mp3") == b"sound" and archive.read("book-1/index.html") == b"<p>a</p>"


def test_no_book_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="make repro"):
        pack(tmp_path, tmp_path / "book.zip")
    assert not list(tmp_path.glob("book*"))
