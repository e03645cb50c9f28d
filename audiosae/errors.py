"""The few kinds of error that this package raises on purpose: each message says what was wrong, where, and what to do about it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable


class AudiosaeError(Exception):
    """Base of every error that a person can mend by reading its message."""


class AudioError(AudiosaeError):
    """A recording cannot be used: unreadable, truncated, silent, too short, NaN, or with too many channels."""


class CorpusError(AudiosaeError):
    """A corpus cannot be built or read: an empty folder, too few recordings, a score that does not parse."""


class CheckpointError(AudiosaeError):
    """A checkpoint is damaged, of another shape, or made for another model."""


class DownloadError(AudiosaeError):
    """Released weights could not be fetched, or are not the file that was pinned."""


class ParameterError(AudiosaeError):
    """A parameter has an unknown name or a value outside its range."""


class NothingToShow(AudiosaeError):
    """A section has nothing to show of a codec; the message says why, and stands on the page. The stage has done its work."""


def check_name(name: object, where: str) -> None:
    """Refuse, as a `CorpusError`, a name that could lead out of the folder in which a file of that name is read or written.

    `where` says which file and which row hold it.
    """
    if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name)):
        raise CorpusError(
            f"{where}: {name!r} cannot name a file; a name has letters, digits, ., - and _ alone, begins with a letter or digit, "
            "and is at most 100 long. Build the corpus again."
        )


def report(command: Callable[[], object]) -> None:
    """Run a command; end an `AudiosaeError`, or an error of the disk, as one message on stderr and exit status 1."""
    try:
        command()
    except NothingToShow as told:
        print(told)
    except AudiosaeError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:  # a full disk, a folder without permission
        where = "".join(f", {note}" for note in getattr(error, "__notes__", []))
        print(f"error: {error}{where}; make room or change the path, and run it again.", file=sys.stderr)
        raise SystemExit(1) from None
