"""The table of frames: latents, labels, and where each frame came from.

One Arrow file a codec, one row a frame, memory-mapped without a copy. The columns are

- `latent`: float32 list of the codec's dimension, what the decoder receives;
- `codes`: int32 list, the vector chosen from each codebook; absent where the codec has no codebooks;
- `clip`, `piece`, `part`, `split`: dictionary-coded text; `monophonic`: bool;
- `time` (s), `f0` (Hz), `confidence`, `rms` (linear), `centroid` (Hz, NaN in digital silence): see `labels.measure`;
- `pitch`, `amplitude`, `timbre`: class numbers, −1 where there is none.

The schema's metadata holds the bins' edges, the codec, its weights, its frame rate, and the size of its codebooks.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import torch
from tqdm.auto import tqdm

from audiosae import audio, labels
from audiosae.errors import AudioError, CorpusError, check_name

if TYPE_CHECKING:
    from audiosae.codecs import Codec

_KEY = b"audiosae"
_TEXT = ("clip", "piece", "part", "split")
_FLOATS = ("time", "f0", "confidence", "rms", "centroid")


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
    codes
        int32 [frames, codebooks]; None where the codec has no codebooks.
    codebook_size
        Vectors in each codebook; None likewise.
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
        """Which frames belong to a split and can be used for a property.

        For pitch these are voiced frames of monophonic clips; ensembles are looked at apart.

        Parameters
        ----------
        split
            train, validation or test; None for all.
        prop
            pitch, amplitude or timbre; None for no demand.

        Returns
        -------
        bool [frames].
        """
        keep = np.ones(len(self.table), dtype=bool)
        if split is not None:
            keep &= (self.table["split"] == split).to_numpy()
        if prop is not None:
            keep &= (self.table[prop] >= 0).to_numpy()
        if prop == "pitch":
            keep &= self.table["monophonic"].to_numpy()
        return keep


@torch.no_grad()
def extract(
    manifest: pd.DataFrame, codec: Codec, tracker: str, weights: str, device: torch.device, edges: dict[str, np.ndarray]
) -> Frames:
    """Encode every clip of a corpus and label its frames (the paper's section 3.1 and 3.2).

    Parameters
    ----------
    manifest
        From `corpus.load`.
    codec
        Already on `device`.
    tracker
        See `pitch.TRACKERS`.
    weights
        Which weights the codec has, to be kept with the table.
    device
        Where to encode.
    edges
        Of each property's bins, from `bins.load`.

    Raises
    ------
    AudioError
        If a clip cannot be used, or is shorter than a frame of the codec.
    """
    has_codes = hasattr(codec, "codes")
    latents, codes, tables = [], [], []
    for row in tqdm(list(manifest.itertuples(index=False)), desc="extracting", unit="clip"):
        wave, rate = audio.read(row.file)
        ready = torch.from_numpy(audio.for_codec(wave, rate, codec.sample_rate, codec.channels))
        if ready.shape[1] < codec.sample_rate / codec.frame_rate:
            raise AudioError(f"{row.file}: shorter than one frame of {codec.name}; use a longer clip.")
        batch = ready[None].to(device)
        if has_codes:
            chosen = codec.codes(batch)
            codes.append(chosen[0].T.cpu().numpy().astype(np.int32))
        frames = (codec.embed(chosen) if has_codes else codec.encode(batch))[0].cpu().numpy()
        if not np.isfinite(frames).all():
            raise AudioError(f"{row.file}: {codec.name} gives NaN or infinite latents for it; check codec and file.")
        mono = audio.resample(audio.to_mono(wave), rate, audio.SAMPLE_RATE)
        measured = labels.measure(mono, len(frames), codec.frame_rate, tracker)
        table = pd.DataFrame({**vars(measured), "monophonic": bool(row.monophonic)})
        for name in _TEXT:
            table[name] = getattr(row, name)
        latents.append(frames)
        tables.append(table)
    if not tables:
        raise CorpusError("the manifest lists no clips; build the corpus again.")
    table = pd.concat(tables, ignore_index=True)
    is_voiced = labels.voiced(table["confidence"].to_numpy(), table["rms"].to_numpy())
    table["pitch"] = labels.pitch_bins(table["f0"].to_numpy(), is_voiced)
    table["amplitude"] = labels.to_bins(table["rms"].to_numpy(), edges["amplitude"])
    table["timbre"] = labels.to_bins(table["centroid"].to_numpy(), edges["timbre"])
    for name in _TEXT:
        table[name] = table[name].astype("category")
    return Frames(
        np.concatenate(latents).astype(np.float32), table, edges, codec.name, weights, tracker, codec.frame_rate,
        np.concatenate(codes) if has_codes else None, codec.codebook_size if has_codes else None,
    )


def save(frames: Frames, path: str | Path) -> None:
    """Write a table of frames as an Arrow IPC file, whole or not at all."""
    path = Path(path)
    columns = {"latent": _lists(frames.latents, pa.float32())}
    if frames.codes is not None:
        columns["codes"] = _lists(frames.codes, pa.int32())
    for name in frames.table:
        values = frames.table[name]
        if name in _TEXT:
            columns[name] = pa.array(values.astype(str)).dictionary_encode()
        elif name in labels.PROPERTIES:
            columns[name] = pa.array(values.to_numpy(), type=pa.int16())
        elif name == "monophonic":
            columns[name] = pa.array(values.to_numpy())
        else:
            columns[name] = pa.array(values.to_numpy(), type=pa.float32())
    header = {
        "codec": frames.codec, "weights": frames.weights, "tracker": frames.tracker, "frame_rate": frames.frame_rate,
        "edges": {prop: list(map(float, edges)) for prop, edges in frames.edges.items()},
        "codebook_size": frames.codebook_size,
    }
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(header, sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with pa.ipc.new_file(partial, table.schema) as writer:
        writer.write_table(table)
    os.replace(partial, path)


def _lists(values: np.ndarray, kind: pa.DataType) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1), type=kind), values.shape[1])


def _array(table: pa.Table, name: str, kind: pa.DataType) -> np.ndarray:
    """[rows, length] of a column of fixed-size lists, not copied."""
    whole = table.column(name).combine_chunks()
    _demand(pa.types.is_fixed_size_list(whole.type) and whole.type.value_type == kind and whole.type.list_size > 0,
            f"{name} is {whole.type}, not lists of {kind} of one length")
    return whole.values.to_numpy(zero_copy_only=True).reshape(len(whole), -1)


def load(path: str | Path) -> Frames:
    """Map a table of frames.

    Raises
    ------
    CorpusError
        If it is missing, damaged, or not what `save` writes.
    """
    path = Path(path)
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run notebook 01_extraction, or `dvc repro`, first.")
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        table.validate(full=True)
        return _parse(table, json.loads(table.schema.metadata[_KEY]), path)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CorpusError(f"{path} is damaged or not a table of frames ({error}); run the extraction again.") from error


def _demand(condition: bool, told: str) -> None:
    if not condition:
        raise ValueError(told)


def _parse(table: pa.Table, header: dict[str, Any], path: Path) -> Frames:
    """What a file holds, looked at once; whatever is wrong with it is a ValueError."""
    _demand(isinstance(header, dict) and isinstance(header.get("edges"), dict), "its header has no edges of bins")
    missing = [name for name in ("latent", *_TEXT, "monophonic", *_FLOATS, *labels.PROPERTIES) if name not in table.column_names]
    missing += [name for name in ("codec", "weights", "tracker", "frame_rate") if name not in header]
    missing += [f"edges of {prop}" for prop in labels.PROPERTIES if prop not in header["edges"]]
    _demand(not missing, f"it lacks {', '.join(missing)}")
    _demand(len(table) > 0, "it has no rows")
    for column, kind in zip(table.columns, table.schema):
        _demand(column.null_count == 0, f"{kind.name} has empty cells")
    latents = _array(table, "latent", pa.float32())
    _demand(bool(np.isfinite(latents.min()) and np.isfinite(latents.max())), "latent holds NaN or infinite values")
    codes = _array(table, "codes", pa.int32()) if "codes" in table.column_names else None
    size = header.get("codebook_size")
    if codes is None:
        _demand(size is None, f"codebook_size is {size!r}, and there are no codes")
    else:
        _demand(type(size) is int and 0 <= codes.min() and codes.max() < size,
                f"codes go from {codes.min()} to {codes.max()}, outside a codebook of {size!r}")
    edges = {prop: np.array(header["edges"][prop], dtype=float) for prop in labels.PROPERTIES}
    for prop, values in edges.items():
        _demand(values.ndim == 1 and len(values) > 1 and bool(np.isfinite(values).all() and (np.diff(values) > 0).all()),
                f"the edges of {prop} are not two or more finite, increasing numbers")
    for name in ("codec", "weights", "tracker"):
        _demand(isinstance(header[name], str), f"{name} is {header[name]!r}, no text")
    rate = header["frame_rate"]
    _demand(type(rate) in (int, float) and 0 < rate < np.inf, f"frame_rate is {rate!r}, no number of Hz")
    rest = table.drop_columns([name for name in ("latent", "codes") if name in table.column_names]).to_pandas()
    for name in _TEXT:
        _demand(isinstance(rest[name].dtype, pd.CategoricalDtype), f"{name} is no dictionary-coded text")
        _demand(all(isinstance(value, str) for value in rest[name].cat.categories), f"{name} is no text")
    for clip in rest["clip"].cat.categories:
        check_name(clip, f"{path}, clip")
    _demand(set(rest["split"].cat.categories) <= {"train", "validation", "test"}, "a split is none of train, validation and test")
    _demand(rest["monophonic"].dtype == bool, "monophonic is not true or false")
    for name in _FLOATS:
        _demand(rest[name].dtype == np.float32, f"{name} is {rest[name].dtype}, not float32")
    for name in ("time", "confidence", "rms"):
        _demand(bool(np.isfinite(rest[name]).all()), f"{name} holds NaN or infinite values")
    for prop, values in edges.items():
        _demand(rest[prop].dtype == np.int16 and bool(rest[prop].between(-1, len(values) - 2).all()),
                f"{prop} must be int16 class numbers from −1 to {len(values) - 2}")
    return Frames(
        latents, rest, edges, header["codec"], header["weights"], header["tracker"], header["frame_rate"], codes, size
    )
