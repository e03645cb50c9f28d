"""What lies in a folder of recordings: sound that is read, sound that is not, and the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from audiosae.audio import SUFFIXES
from audiosae.errors import CorpusError
from audiosae.files.walk import walk

OTHER_SUFFIXES = frozenset(
    ".m4a .m4b .mp4 .aac .wma .caf .w64 .rf64 .au .snd .oga .spx .webm .mka .mkv .mov .avi .3gp .amr .ac3 .ape .wv .tta .dsf .dff".split()
)
"""Formats that hold sound and are not read; files in them are named, all others only counted."""


@dataclass
class Found:
    """What a folder holds: recordings, sound in other formats, hidden and other files by number, and what could not be searched."""

    recordings: list[Path] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)
    hidden: int = 0
    others: int = 0
    problems: list[str] = field(default_factory=list)


def search(folder: str | Path) -> Found:
    """Look through a folder, its sub-folders, and folders that are linked there.

    Raises
    ------
    CorpusError
        If there is no such folder, or it cannot be reached.
    """
    folder = Path(folder)
    try:
        there = folder.is_dir()
    except OSError as error:
        raise CorpusError(f"{folder}: this folder cannot be reached ({error.strerror}); check its permissions.") from error
    if not there:
        raise CorpusError(
            f"corpus.source is {str(folder)!r}, which is neither 'embedded' nor a folder; give the path of a folder "
            f"with {', '.join(SUFFIXES)} files, or 'paper:' and the path of a folder with the paper's data sets."
        )
    found = Found()

    def unreadable(error: OSError) -> None:
        found.problems.append(f"{error.filename}: this folder cannot be read ({error.strerror}); check its permissions, or move it away.")

    for place in walk(folder, unreadable):
        found.hidden += place.hidden
        for path in (place.folder / name for name in place.files):
            suffix = path.suffix.lower()
            if suffix in SUFFIXES:
                found.recordings.append(path)
            elif suffix in OTHER_SUFFIXES:
                found.unread.append(path)
            else:
                found.others += 1
    found.recordings.sort()
    found.unread.sort()
    return found


def shown_name(path: Path, folder: Path) -> str:
    """A path below the folder as text that can be printed, and that no spreadsheet takes for a formula."""
    name = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in path.relative_to(folder).as_posix()
    )
    return f"./{name}" if name[0] in "=+-@" else name
