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
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import torch
from tqdm.auto import tqdm

from audiosae import audio, labels
from audiosae.errors import AudioError, CorpusError

if TYPE_CHECKING:
    from audiosae.codecs import Codec

_KEY = b"audiosae"
_TEXT = ("clip", "piece", "part", "split")


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


def _array(column: pa.ChunkedArray) -> np.ndarray:
    """[rows, length] of a column of fixed-size lists, not copied."""
    whole = column.combine_chunks()
    return whole.values.to_numpy(zero_copy_only=True).reshape(len(whole), -1)


def load(path: str | Path) -> Frames:
    """Map a table of frames.

    Raises
    ------
    CorpusError
        If it is missing or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run notebook 01_extraction, or `dvc repro`, first.")
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        header = json.loads(table.schema.metadata[_KEY])
    except (pa.ArrowInvalid, KeyError, TypeError) as error:
        raise CorpusError(f"{path} is damaged or not a table of frames ({error}); run the extraction again.") from error
    lists = {name: _array(table.column(name)) for name in ("latent", "codes") if name in table.column_names}
    rest = table.drop_columns(list(lists)).to_pandas()
    edges = {prop: np.array(values) for prop, values in header["edges"].items()}
    return Frames(
        lists["latent"], rest, edges, header["codec"], header["weights"], header["tracker"], header["frame_rate"],
        lists.get("codes"), header.get("codebook_size"),
    )
