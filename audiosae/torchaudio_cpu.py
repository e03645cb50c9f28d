"""Let torchaudio import beside a CPU build of torch: a step of the set-up, run as ``python -m audiosae.torchaudio_cpu``.

The wheel of torchaudio on the package index is linked against CUDA. Beside a CPU-only torch, ``import torchaudio``, and so
``import encodec``, ends with ``libc10_cuda.so: cannot open shared object file``. Its shared objects only speed up a few
filters and carry RNN-T and alignment, none of which is used here, and without them the package imports and works. So they are
set aside by renaming, and only where that very failure is seen. ``--undo`` puts them back.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from audiosae.errors import AudiosaeError, report

SET_ASIDE = ".cuda"
MISSING_CUDA = re.compile(r"lib\S*(?:cud|cublas|nvrtc)\S*: cannot open shared object file")


def library_folder() -> Path:
    """Find the folder of torchaudio's shared objects, without importing torchaudio.

    Raises
    ------
    AudiosaeError
        If torchaudio is not installed.
    """
    spec = importlib.util.find_spec("torchaudio")
    if spec is None or spec.origin is None:
        raise AudiosaeError("torchaudio is not installed in this environment; run `make setup`.")
    return Path(spec.origin).parent / "lib"


def import_failure() -> str | None:
    """Import torchaudio in a fresh process.

    Returns
    -------
    str or None
        What Python printed where the import failed, None where it succeeded.
    """
    outcome = _python("import torchaudio")
    return None if outcome.returncode == 0 else outcome.stderr.strip()


def set_aside(folder: Path) -> list[Path]:
    """Rename each ``*.so`` in a folder to ``*.so.cuda``; return the new paths."""
    return [_rename(path, path.with_name(path.name + SET_ASIDE)) for path in sorted(folder.glob("*.so"))]


def put_back(folder: Path) -> list[Path]:
    """Undo `set_aside`; return the restored paths."""
    return [_rename(path, path.with_name(path.name.removesuffix(SET_ASIDE))) for path in sorted(folder.glob("*.so" + SET_ASIDE))]


def repair() -> str:
    """Set torchaudio's shared objects aside if they are what keeps it from importing; leave it alone otherwise.

    Returns
    -------
    str
        What was found and done, in a line.

    Raises
    ------
    AudiosaeError
        If torchaudio fails to import for another reason, or beside a torch that was built for CUDA. Nothing is
        changed then.
    """
    failure = import_failure()
    if failure is None:
        return "torchaudio imports; nothing to do."
    last = failure.splitlines()[-1] if failure else "no message"
    if not MISSING_CUDA.search(failure):
        raise AudiosaeError(f"torchaudio does not import, and not for want of CUDA: {last}")
    cuda = _python("import torch; print(torch.version.cuda)").stdout.strip()
    if cuda != "None":
        raise AudiosaeError(f"torch was built for CUDA {cuda or '(unknown)'}, whose libraries are missing: {last}. Install them, or a CPU build of torch.")
    folder = library_folder()
    renamed = set_aside(folder)
    failure = import_failure()
    if failure is not None:
        put_back(folder)
        raise AudiosaeError(f"torchaudio does not import even without its shared objects: {failure.splitlines()[-1]}")
    return f"torchaudio works beside this CPU build of torch: {len(renamed)} CUDA libraries set aside in {folder}."


def main() -> None:
    """Read the command line, repair or undo, and say which."""
    parser = argparse.ArgumentParser(prog="python -m audiosae.torchaudio_cpu", description=__doc__.splitlines()[0])
    parser.add_argument("--undo", action="store_true", help="put the shared objects back")
    if parser.parse_args().undo:
        print(f"setup: {len(put_back(library_folder()))} libraries of torchaudio put back.")
    else:
        print(f"setup: {repair()}")


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def _rename(old: Path, new: Path) -> Path:
    os.replace(old, new)
    return new


if __name__ == "__main__":
    report(main)
