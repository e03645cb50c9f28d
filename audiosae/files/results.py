"""Small JSON files of figures, each with the hashes of what made them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiosae.errors import AudiosaeError
from audiosae.files import whole
from audiosae.files.code import digest


class ResultsError(AudiosaeError):
    """A file of results is missing or unreadable, or a figure is not a finite number."""


accepted: set[str] = set()
"""SHA-256 of the programs on no record that have run in this process because the reader accepted them; see `codecs.released`."""


def provenance(inputs: Mapping[str, str | Path], parameters: Mapping[str, Any], code: str) -> dict[str, Any]:
    """What made a figure.

    Parameters
    ----------
    inputs
        Files and folders that were read, by what they are, such as "data/frames" or "weights/sae".
    code
        The module or script that computes, as for `code.digest`.

    Returns
    -------
    By name: SHA-256 of the inputs, the parameters, the hash of the code, and, where there are any, SHA-256 of the programs that ran
    because the reader accepted them. A `ResultsError` if an input is missing.
    """
    if missing := [str(path) for path in inputs.values() if not Path(path).exists()]:
        raise ResultsError(f"{', '.join(missing)}: missing, and needed here; `make repro` computes or fetches it.")
    return {
        "inputs": {name: whole.path_hash(path) for name, path in inputs.items()},
        "parameters": parameters,
        "code": digest([code]),
        **({"accepted": sorted(accepted)} if accepted else {}),
    }


def current(path: str | Path, made: Mapping[str, Any], *beside: Path) -> bool:
    """Whether a file of results has just this `provenance`, or names an accepted program besides, and the files made with it are there.

    So a notebook shows what the pipeline computed, and computes anew where a parameter, an input or the code has changed.
    """
    if not all(Path(each).is_file() for each in (path, *beside)):
        return False
    found = read(path).get("provenance", {})
    return all(found.get(name) == json.loads(json.dumps(value)) for name, value in made.items())


def write(path: str | Path, figures: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys, whole or not at all; a `ResultsError` if a figure is NaN or infinite, which must be said in words."""
    try:
        text = json.dumps(figures, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        raise ResultsError(f"{path}: a figure is NaN or infinite ({error}); nothing was written.") from error
    whole.write(path, text + "\n")


def read(path: str | Path) -> dict[str, Any]:
    """Read what `write` wrote; a `ResultsError` if the file is missing, no JSON, or JSON of another kind than figures by name."""
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
