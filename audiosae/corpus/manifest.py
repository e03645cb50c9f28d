"""Reading a corpus: its manifest and its notes, checked once as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from audiosae.corpus.clip import COLUMNS, SPLITS
from audiosae.errors import CorpusError, check_name

_TEXT = ("clip", "part", "piece", "instrument", "family", "split", "file")
_MANIFEST = {**dict.fromkeys(COLUMNS, str), "seed": int, "duration": float, "monophonic": bool}
_NOTES = {"clip": str, "start": float, "end": float, "midi": int}


def load(folder: str | Path) -> pd.DataFrame:
    """Read the manifest of a corpus.

    Returns
    -------
    One row a clip, in the order in which they were made; `file` is a full path.

    Raises
    ------
    CorpusError
        If there is no corpus; if the manifest is damaged, lacks a column or a value, or names a clip twice; if a piece stands in
        two splits; or if a clip or its file has a name that leads out of the folder, through links too.
    """
    folder = Path(folder)
    path = folder / "manifest.csv"
    manifest = _read(path, _MANIFEST)
    if manifest.empty:
        raise CorpusError(f"{path} lists no clips; build the corpus again.")
    for row, (clip, name) in enumerate(zip(manifest["clip"], manifest["file"], strict=True), start=1):
        check_name(clip, f"{path}, row {row}, clip")
        for part in name.split("/"):
            check_name(part, f"{path}, row {row}, file {name!r}")
    manifest["file"] = [str(folder / name) for name in manifest["file"]]
    for told, wrong in _faults(manifest, folder):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise CorpusError(f"{path}, row {row + 1} (clip {manifest['clip'][row]}): {told}. Build the corpus again.")
    return manifest


def load_notes(folder: str | Path) -> pd.DataFrame:
    """Read the notes: clip, start (s), end (s), midi; empty for a folder of recordings; `CorpusError` if they are missing or damaged."""
    return _read(Path(folder) / "notes.csv", _NOTES)


def _read(path: Path, columns: dict[str, type]) -> pd.DataFrame:
    """A CSV file whose text stays text: a piece may well be called NA, or 007."""
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run `dvc repro corpus` first.")
    try:
        table = pd.read_csv(path, dtype=columns, keep_default_na=False)
    except ValueError as error:  # those of pandas, and bytes that are not UTF-8
        raise CorpusError(f"{path} is damaged or no CSV file in UTF-8 ({error}); build the corpus again.") from error
    if missing := [name for name in columns if name not in table]:
        raise CorpusError(f"{path} lacks the columns {', '.join(missing)}; build the corpus again.")
    return table


def _faults(manifest: pd.DataFrame, folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """What may be wrong with a row, and where it is."""
    for name in _TEXT:
        yield f"{name} is empty", (manifest[name] == "").to_numpy()
    yield f"its split is none of {', '.join(SPLITS)}", ~manifest["split"].isin(SPLITS).to_numpy()
    yield "this clip stands in two rows", manifest["clip"].duplicated().to_numpy()
    yield "its piece stands in two splits", (manifest.groupby("piece")["split"].transform("nunique") > 1).to_numpy()
    yield "duration (s) must be a number above 0", ~manifest["duration"].between(0, np.inf, inclusive="neither").to_numpy()
    files = [Path(file) for file in manifest["file"]]
    yield "its file is missing", np.array([not file.is_file() for file in files])
    inside = folder.resolve()
    yield (
        f"its file is a link that leads out of {folder}; put the file itself there",
        np.array([not file.resolve().is_relative_to(inside) for file in files]),
    )
