"""The table of frames: latents, labels, and where each frame came from.

One Arrow file a codec, one row a frame, memory-mapped without a copy. The columns are

- `latent`: float32 list of the codec's dimension, what the decoder receives;
- `codes`: int32 list, the vector chosen from each codebook; absent where the codec has no codebooks;
- `time` (s), `f0` (Hz), `confidence`, `rms` (linear), `centroid` (Hz, NaN in digital silence): see `labels.Measured`;
- `clip`, `piece`, `part`, `split`: dictionary-coded text; `monophonic`: bool;
- `pitch`, `amplitude`, `timbre`: class numbers, −1 where there is none.

The schema's metadata holds the bins' edges, the codec, its weights, its frame rate, and the size of its codebooks.
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


@dataclass(frozen=True)
class Frames:
    """A table of frames in memory.

    Attributes
    ----------
    latents
        float32 [frames, dim], read-only where the file is mapped.
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

    latents: np.ndarray
    table: pd.DataFrame
    edges: dict[str, np.ndarray]
    codec: str
    weights: str
    tracker: str
    frame_rate: float
    codes: np.ndarray | None = None
    codebook_size: int | None = None

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


def save(frames: Frames, path: str | Path) -> None:
    """Write a table of frames as an Arrow IPC file, whole or not at all."""
    columns = {"latent": _lists(frames.latents, pa.float32())}
    if frames.codes is not None:
        columns["codes"] = _lists(frames.codes, pa.int32())
    for name, kind in _COLUMNS.items():
        values = frames.table[name]
        columns[name] = pa.array(values.astype(str)).dictionary_encode() if name in TEXT else pa.array(values.to_numpy(), type=kind)
    header = {name: getattr(frames, name) for name in ("codec", "weights", "tracker", "frame_rate", "codebook_size")}
    header["edges"] = {prop: list(map(float, edges)) for prop, edges in frames.edges.items()}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(header, sort_keys=True)})
    with writing(path) as partial, pa.ipc.new_file(partial, table.schema) as writer:
        writer.write_table(table)


def _lists(values: np.ndarray, kind: pa.DataType) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1), type=kind), values.shape[1])


def load(path: str | Path) -> Frames:
    """Map a table of frames; a `CorpusError` if it is missing, damaged, or not what `save` writes."""
    path = Path(path)
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run notebook 01_extraction, or `dvc repro`, first.")
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        table.validate(full=True)
        header = _Header.model_validate_json(table.schema.metadata[_KEY])
        _check_columns(table)
        found = Frames(
            _array(table, "latent"),
            table.select(list(_COLUMNS)).to_pandas(),
            bins.arrays(header.edges),
            **header.model_dump(exclude={"edges"}),
            codes=_array(table, "codes") if "codes" in table.column_names else None,
        )
        _check_values(found)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path} is damaged or not a table of frames ({error}); run the extraction again.") from error
    for clip in found.table["clip"].cat.categories:
        check_name(clip, f"{path}, clip")
    return found


def _array(table: pa.Table, name: str) -> np.ndarray:
    """[rows, length] of a column of fixed-size lists, not copied."""
    whole = table.column(name).combine_chunks()
    return whole.values.to_numpy(zero_copy_only=True).reshape(len(whole), -1)


def _check_columns(table: pa.Table) -> None:
    """Refuse columns of other types or lengths than `save` writes."""
    lists = {"latent": pa.float32(), **({"codes": pa.int32()} if "codes" in table.column_names else {})}
    for name, kind in {**lists, **_COLUMNS}.items():
        found = table.schema.field(name).type
        of_one_length = pa.types.is_fixed_size_list(found) and found.value_type == kind
        if not (of_one_length if name in lists else found == kind):
            raise ValueError(f"{name} is {found}, not {'lists of one length of ' if name in lists else ''}{kind}")
        if table[name].null_count:
            raise ValueError(f"{name} has empty cells")


def _check_values(found: Frames) -> None:
    """Refuse values out of range."""
    numbers = {"latent": found.latents, **{name: found.table[name].to_numpy() for name in ("time", "confidence", "rms")}}
    for name, values in numbers.items():
        if not (np.isfinite(values.min()) and np.isfinite(values.max())):
            raise ValueError(f"{name} holds NaN or infinite values")
    if (found.codes is None) != (found.codebook_size is None):
        raise ValueError(f"codebook_size is {found.codebook_size}, and there are {'no ' if found.codes is None else ''}codes")
    if found.codes is not None and not 0 <= found.codes.min() <= found.codes.max() < found.codebook_size:
        raise ValueError(f"codes go from {found.codes.min()} to {found.codes.max()}, outside a codebook of {found.codebook_size}")
    if not set(found.table["split"].cat.categories) <= {"train", "validation", "test"}:
        raise ValueError("a split is none of train, validation and test")
    for prop, edges in found.edges.items():
        if not found.table[prop].between(-1, len(edges) - 2).all():
            raise ValueError(f"{prop} must be class numbers from −1 to {len(edges) - 2}")
