"""The table of frames: latents, labels, and where each frame came from.

A folder a codec, with an Arrow file for each `CLIPS` clips, one row a frame. Latents stay on disk and are memory-mapped; all else of a frame, some
40 bytes, is in memory. The columns are

- `latent`: float32 list of the codec's dimension, what the decoder receives;
- `codes`: int32 list, the vector chosen from each codebook; absent where the codec has no codebooks;
- `time` (s), `f0` (Hz), `confidence`, `rms` (linear), `centroid` (Hz, NaN in digital silence): see `labels.Measured`;
- `clip`, `piece`, `part`, `split`: dictionary-coded text; `monophonic`: bool;
- `pitch`, `amplitude`, `timbre`: class numbers, −1 where there is none.

The schema's metadata holds the bins' edges, the codec, its weights, its frame rate, the size of its codebooks, and a hash of what a part is made of.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
from pydantic import BaseModel, ConfigDict, Field

from audiosae.audio import labels
from audiosae.errors import CorpusError, check_name
from audiosae.files.whole import writing
from audiosae.frames import bins
from audiosae.frames.mapped import Mapped

CLIPS = 32
"""In a part: few enough to be a small loss when a worker is lost, and to fit in memory."""

_KEY = b"audiosae"
TEXT = ("clip", "piece", "part", "split")
_COLUMNS = {
    **dict.fromkeys(("time", "f0", "confidence", "rms", "centroid"), pa.float32()),
    "monophonic": pa.bool_(),
    **dict.fromkeys(TEXT, pa.dictionary(pa.int32(), pa.large_string())),
    **dict.fromkeys(labels.PROPERTIES, pa.int16()),
}


class _Header(BaseModel):
    """What the file says of all frames."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    codec: str
    weights: str
    tracker: str
    frame_rate: Annotated[float, Field(gt=0)]
    edges: dict[str, list[float]]
    codebook_size: int | None = None
    of: str = ""


@dataclass(frozen=True)
class Frames:
    """A table of frames.

    Attributes
    ----------
    latents
        [frames, dim], of which rows come into memory when asked for; from an array where one is given, and codes likewise.
    table
        Every other column, one row a frame.
    edges
        For each property, the edges of its bins: MIDI notes, linear RMS, Hz.
    codec, weights, tracker
        What made the table.
    frame_rate
        In Hz.
    codes, codebook_size
        int32 [frames, codebooks], and vectors in each codebook; None where the codec has no codebooks.
    """

    latents: Mapped
    table: pd.DataFrame
    edges: dict[str, np.ndarray]
    codec: str
    weights: str
    tracker: str
    frame_rate: float
    codes: Mapped | None = None
    codebook_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("latents", "codes"):
            if isinstance(values := getattr(self, name), np.ndarray):
                object.__setattr__(self, name, Mapped([values]))

    def rows(self, split: str | None = None, prop: str | None = None) -> np.ndarray:
        """Which frames belong to a split and have a class of a property, bool [frames]; None for no such demand.

        For pitch these are voiced frames of monophonic clips; ensembles are looked at apart.
        """
        keep = np.ones(len(self.table), dtype=bool)
        if split is not None:
            keep &= (self.table["split"] == split).to_numpy()
        if prop is not None:
            keep &= (self.table[prop] >= 0).to_numpy()
        if prop == "pitch":
            keep &= self.table["monophonic"].to_numpy()
        return keep


def save(frames: Frames, folder: str | Path, number: int = 0, of: str = "") -> None:
    """Write a table of frames as one part of a folder, whole or not at all, with what `made_of` is to say of it."""
    columns = {"latent": _lists(np.asarray(frames.latents), pa.float32())}
    if frames.codes is not None:
        columns["codes"] = _lists(np.asarray(frames.codes), pa.int32())
    for name, kind in _COLUMNS.items():
        values = frames.table[name]
        columns[name] = pa.array(values.astype(str)).dictionary_encode() if name in TEXT else pa.array(values.to_numpy(), type=kind)
    header = {name: getattr(frames, name) for name in ("codec", "weights", "tracker", "frame_rate", "codebook_size")}
    header |= {"edges": {prop: list(map(float, edges)) for prop, edges in frames.edges.items()}, "of": of}
    table = pa.table(columns).combine_chunks().replace_schema_metadata({_KEY: json.dumps(header, sort_keys=True)})
    with writing(part(folder, number)) as partial, pa.ipc.new_file(partial, table.schema) as writer:
        writer.write_table(table)


def part(folder: str | Path, number: int) -> Path:
    """Where a part is kept, from 0."""
    return Path(folder) / f"part-{number:05}.arrow"


def made_of(path: Path) -> str | None:
    """The hash with which a part was saved; None where there is none that can be read."""
    try:
        return _open(path)[1].of if path.is_file() else None
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        return None


def _open(path: Path) -> tuple[pa.Table, _Header]:
    """A part, mapped."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return table, _Header.model_validate_json(table.schema.metadata[_KEY])


def _lists(values: np.ndarray, kind: pa.DataType) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1), type=kind), values.shape[1])


def load(folder: str | Path) -> Frames:
    """Map a table of frames; a `CorpusError` if it is missing, damaged, or not what `save` writes."""
    paths = [part(folder, number) for number, _ in enumerate(Path(folder).glob("part-*.arrow"))]
    if not paths or not all(path.is_file() for path in paths):
        raise CorpusError(f"{folder} is missing, or lacks parts: run notebook 01_extraction, or `dvc repro`, first.")
    parts = [_part(path) for path in paths]
    headers = [header.model_dump(exclude={"of"}) for _, header in parts]
    if any(header != headers[0] for header in headers):
        raise CorpusError(f"{folder} has parts of unlike codecs or settings; delete it, and run the extraction again.")
    whole = pa.concat_tables([table.select(list(_COLUMNS)) for table, _ in parts]).unify_dictionaries()
    found = Frames(
        Mapped([_array(table, "latent") for table, _ in parts]),
        whole.to_pandas(),
        bins.arrays(headers[0].pop("edges")),
        **headers[0],
        codes=Mapped([_array(table, "codes") for table, _ in parts]) if "codes" in parts[0][0].column_names else None,
    )
    for clip in found.table["clip"].cat.categories:
        check_name(clip, f"{folder}, clip")
    return found


def _part(path: Path) -> tuple[pa.Table, _Header]:
    """A part that was looked at whole."""
    try:
        table, header = _open(path)
        table.validate(full=True)
        _check_columns(table)
        _check_values(table, header)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path} is damaged or not a table of frames ({error}); run the extraction again.") from error
    return table, header


def _array(table: pa.Table, name: str) -> np.ndarray:
    """[rows, length] of a column of fixed-size lists, not copied."""
    (whole,) = table.column(name).chunks  # as `save` writes it; to combine chunks would copy them
    return whole.values.to_numpy(zero_copy_only=True).reshape(len(whole), -1)


def _check_columns(table: pa.Table) -> None:
    """Refuse columns of other types or lengths than `save` writes."""
    lists = {"latent": pa.float32(), **({"codes": pa.int32()} if "codes" in table.column_names else {})}
    for name, kind in {**lists, **_COLUMNS}.items():
        found = table.schema.field(name).type
        of_one_length = pa.types.is_fixed_size_list(found) and found.value_type == kind
        if not (of_one_length if name in lists else found == kind):
            raise ValueError(f"{name} is {found}, not {'lists of one length of ' if name in lists else ''}{kind}")
        if table[name].null_count or table[name].num_chunks != 1:
            raise ValueError(f"{name} has empty cells, or is in several chunks")


def _check_values(table: pa.Table, header: _Header) -> None:
    """Refuse values out of range."""
    for name in ("latent", "time", "confidence", "rms"):
        values = _array(table, name) if name == "latent" else table[name].to_numpy()
        if not (np.isfinite(values.min()) and np.isfinite(values.max())):
            raise ValueError(f"{name} holds NaN or infinite values")
    codes, size = _array(table, "codes") if "codes" in table.column_names else None, header.codebook_size
    if (codes is None) != (size is None):
        raise ValueError(f"codebook_size is {size}, and there are {'no ' if codes is None else ''}codes")
    if codes is not None and size is not None and not 0 <= codes.min() <= codes.max() < size:
        raise ValueError(f"codes go from {codes.min()} to {codes.max()}, outside a codebook of {size}")
    if not {*table["split"].unique().to_pylist()} <= {"train", "validation", "test"}:
        raise ValueError("a split is none of train, validation and test")
    for prop, edges in bins.arrays(header.edges).items():
        last, found = len(edges) - 2, table[prop].to_numpy()
        if not -1 <= found.min() <= found.max() <= last:
            raise ValueError(f"{prop} must be class numbers from −1 to {last}")
