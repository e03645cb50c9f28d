"""The built book as one file that can be deposited: ``python -m audiosae.archive``, from the project's folder.

Writes book/_build/audiosae-book-VERSION.zip and its SHA-256 beside it. Two archives of one book have the same bytes. Unpacked, it is
read with any file server.
"""

from __future__ import annotations

import os
import zipfile
from importlib.metadata import version
from pathlib import Path

from audiosae.checkpoint import file_hash
from audiosae.errors import ParameterError, report

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold, for all files, so that the bytes depend on the book alone."""


def pack(html: Path, target: Path) -> str:
    """Pack a folder of pages, whole or not at all.

    Parameters
    ----------
    html
        The built book.
    target
        The zip to write; its checksum goes beside it, in the form of sha256sum.

    Returns
    -------
    The SHA-256.

    Raises
    ------
    ParameterError
        If there is no book.
    """
    if not (html / "index.html").is_file():
        raise ParameterError(f"{html} holds no book; `make repro` builds it.")
    partial = target.with_name(target.name + ".partial")
    with zipfile.ZipFile(partial, "w") as archive:
        for path in sorted(path for path in html.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(html).as_posix()}", EPOCH)
            entry.external_attr = 0o644 << 16
            # Sounds and pictures are compressed already.
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in (".mp3", ".webp", ".png") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    digest = file_hash(partial)
    os.replace(partial, target)
    target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    return digest


def main() -> None:
    """Pack the book of the project in the working directory."""
    build = Path.cwd() / "book" / "_build"
    target = build / f"audiosae-book-{version('audiosae')}.zip"
    digest = pack(build / "html", target)
    print(f"{target.relative_to(Path.cwd())}, {target.stat().st_size / 1e6:.1f} MB, SHA-256 {digest}")


if __name__ == "__main__":
    report(main)
