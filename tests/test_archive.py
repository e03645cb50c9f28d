"""The archive of the book: whole, checked, and the same twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def archive(project: Path) -> subprocess.CompletedProcess[str]:
    """`make archive` in a folder with the Makefile and perhaps a book."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, project)
    return subprocess.run(["make", "archive"], cwd=project, capture_output=True, text=True, check=False)


def test_an_archive_holds_the_book_and_depends_on_nothing_else(tmp_path: Path) -> None:
    html = tmp_path / "book/_build/html"
    (html / "_static").mkdir(parents=True)
    (html / "index.html").write_text("<p>a</p>")
    (html / "_static" / "a.mp3").write_bytes(b"sound")
    told = archive(tmp_path).stdout
    os.utime(html / "index.html", (1, 1))
    assert archive(tmp_path).stdout == told
    [made] = (tmp_path / "book/_build").glob("*.tar.gz")
    assert told == f"{hashlib.sha256(made.read_bytes()).hexdigest()}  {made.name}\n" == made.with_name(f"{made.name}.sha256").read_text()
    with tarfile.open(made) as file:
        folder = made.name.removesuffix(".tar.gz")
        assert (
            file.extractfile(f"{folder}/_static/a.mp3").read() == b"sound"
            and file.extractfile(f"{folder}/index.html").read() == b"<p>a</p>"
        )


def test_no_book_is_said_so(tmp_path: Path) -> None:
    made = archive(tmp_path)
    assert made.returncode and "make repro" in made.stderr and not list(tmp_path.rglob("*.tar.gz"))
