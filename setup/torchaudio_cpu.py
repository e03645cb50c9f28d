"""Let torchaudio import beside a CPU build of torch: a step of `make setup`. With --undo, put everything back.

The wheel of torchaudio on the package index is linked against CUDA, so that beside a CPU-only torch ``import torchaudio``, and with it
``import encodec``, fails. None of its shared objects is used here, and without them the package works. So they are set aside by
renaming, and only where that very failure is seen.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

MISSING_CUDA = re.compile(r"lib\S*(?:cud|cublas|nvrtc)\S*: cannot open shared object file")


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def import_failure() -> list[str]:
    """The lines that Python prints where torchaudio does not import; the missing library may be named in the middle of them."""
    outcome = python("import torchaudio")
    return [] if outcome.returncode == 0 else outcome.stderr.splitlines() or ["no message"]


def put_back(folder: Path) -> str:
    """Rename ``*.so.cuda`` to ``*.so`` again."""
    found = list(folder.glob("*.so.cuda"))
    for path in found:
        path.rename(path.with_suffix(""))
    return f"{len(found)} libraries of torchaudio put back."


def repair(folder: Path) -> str:
    """Set torchaudio's shared objects aside if they are what keeps it from importing, and say so; else change nothing."""
    failure = import_failure()
    if not failure:
        return "torchaudio imports; nothing to do."
    if not MISSING_CUDA.search("\n".join(failure)):
        sys.exit(f"error: torchaudio does not import, and not for want of CUDA: {failure[-1]}")
    cuda = python("import torch; print(torch.version.cuda)").stdout.strip()
    if cuda != "None":
        sys.exit(
            f"error: torch was built for CUDA {cuda or '(unknown)'}, whose libraries are missing: {failure[-1]}. "
            "Install them, or a CPU build of torch."
        )
    found = list(folder.glob("*.so"))
    for path in found:
        path.rename(f"{path}.cuda")
    if failure := import_failure():
        put_back(folder)
        sys.exit(f"error: torchaudio does not import even without its shared objects: {failure[-1]}")
    return f"torchaudio works beside this CPU build of torch: {len(found)} CUDA libraries set aside in {folder}."


if __name__ == "__main__":
    spec = importlib.util.find_spec("torchaudio")
    if spec is None or spec.origin is None:
        sys.exit("error: torchaudio is not installed in this environment; run `make setup`.")
    library = Path(spec.origin).parent / "lib"
    print(f"setup: {put_back(library) if sys.argv[1:] == ['--undo'] else repair(library)}")
