"""Small JSON files of figures, each with the hashes of what made them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from audiosae.checkpoint import file_hash
from audiosae.errors import AudiosaeError


class ResultsError(AudiosaeError):
    """A file of results is missing or unreadable, or a figure is not a finite number."""


accepted: set[str] = set()
"""SHA-256 of the programs on no record that have run in this process because the reader accepted them; see `codecs.released`."""


def provenance(
    inputs: dict[str, str | Path], parameters: dict[str, Any], notebook: str | Path | None = None
) -> dict[str, Any]:
    """What made a figure.

    Parameters
    ----------
    inputs
        Files that were read, by what they are, such as "data/frames" or "weights/sae".
    parameters
        As they were passed to the stage.
    notebook
        The script of the stage.

    Returns
    -------
    inputs
        SHA-256 of each.
    parameters
        As given.
    code
        SHA-256 over the notebook and the modules of this package that are loaded by now.
    accepted
        SHA-256 of each program that ran because the reader accepted it, since it could change any figure; only where there is one.
    """
    loaded = {
        name: module.__file__
        for name, module in sys.modules.items()
        if name.split(".")[0] == "audiosae" and getattr(module, "__file__", None)
    }
    if notebook is not None:
        loaded["notebook"] = str(notebook)
    code = hashlib.sha256("".join(f"{name} {file_hash(loaded[name])}\n" for name in sorted(loaded)).encode())
    return {
        "inputs": {name: file_hash(path) for name, path in inputs.items()},
        "parameters": parameters,
        "code": code.hexdigest(),
        **({"accepted": sorted(accepted)} if accepted else {}),
    }


def write(path: str | Path, figures: dict[str, Any]) -> None:
    """Write JSON with sorted keys, whole or not at all.

    Raises
    ------
    ResultsError
        If a figure is NaN or infinite: a result that is not a number must say so in words.
    """
    path = Path(path)
    try:
        text = json.dumps(figures, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        raise ResultsError(f"{path}: a figure is NaN or infinite ({error}); nothing was written.") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)


def read(path: str | Path) -> dict[str, Any]:
    """Read what `write` wrote.

    Raises
    ------
    ResultsError
        If the file is missing, no JSON, or JSON of another kind than figures by name.
    """
    path = Path(path)
    if not path.is_file():
        raise ResultsError(f"{path} is missing: run the stage that writes it, or `dvc repro`.")
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is no JSON ({error}); run the stage that writes it again.") from error
    if not isinstance(figures, dict):
        raise ResultsError(f"{path} holds a {type(figures).__name__}, not figures by name; run the stage that writes it again.")
    return figures
