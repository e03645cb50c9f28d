"""The stage `labels`: pitch, level and brightness of every clip, measured once for all codecs, and the bins that they fall into.

    python -m audiosae.frames.labelling data/corpus data/labels.arrow results/bins.json --tracker swift-f0 --seed 0

The file has one row a clip, with lists of numbers: `f0`, `confidence`, `rms` and `centroid` 75 times a second, and `track_time`,
`track_f0` and `track_confidence`, what SwiftF0 found at its own frames. A codec of 75 frames a second takes its labels from there.
For another, windows lie elsewhere: level and brightness are measured anew, and pitch too if the tracker is CREPE, which has no frames
of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
from tqdm.auto import tqdm

from audiosae import audio, corpus
from audiosae.audio import labels, pitch
from audiosae.errors import CorpusError
from audiosae.files import results
from audiosae.files.determinism import prepare
from audiosae.files.whole import file_hash, writing
from audiosae.frames import bins
from audiosae.frames.bins import FRAME_RATE

_MEASURED = ("f0", "confidence", "rms", "centroid")
_TRACK = ("time", "f0", "confidence")


@dataclass(frozen=True)
class Labels:
    """Labels of the clips of a corpus: what is stored of each clip, at `FRAME_RATE`, and the track of its pitch if there is one."""

    tracker: str
    measured: dict[str, labels.Measured]
    tracks: dict[str, pitch.Track]

    def at(self, clip: str, mono: np.ndarray, frame_rate: float, frames: int) -> labels.Measured:
        """Labels of a clip at the frames of a codec, the same to the bit as from `labels.describe`.

        Parameters
        ----------
        clip
            Its name; one that is not stored is measured.
        mono
            Its mono mix [samples] at 44.1 kHz.
        frame_rate
            Of the codec, in Hz.
        frames
            How many latent frames the codec makes of it.
        """
        stored = self.measured.get(clip)
        if stored is not None and frame_rate == FRAME_RATE and frames == len(stored.time):
            return stored
        return labels.describe_mix(mono, frame_rate, self.tracker, frames, self.tracks.get(clip))


def measure(manifest: pd.DataFrame, tracker: str) -> Labels:
    """Measure every clip of a corpus, the tracker running once over each.

    Parameters
    ----------
    manifest
        From `corpus.load`.
    tracker
        See `pitch.TRACKERS`.
    """
    found = Labels(tracker, {}, {})
    for row in tqdm(list(manifest.itertuples(index=False)), desc="labelling", unit="clip"):
        mono = audio.mono_mix(*audio.read(row.file))
        if tracker == pitch.SWIFT:
            found.tracks[row.clip] = pitch.track_whole(mono)
        found.measured[row.clip] = labels.describe_mix(mono, FRAME_RATE, tracker, found=found.tracks.get(row.clip))
    return found


def save(found: Labels, path: str | Path, manifest: str | Path) -> None:
    """Write labels as an Arrow IPC file, whole or not at all, with the hash of the manifest of their corpus."""
    path = Path(path)
    clips = list(found.measured)
    columns = {"clip": pa.array(clips, pa.string())}
    for name in _MEASURED:
        columns[name] = pa.array([getattr(found.measured[clip], name) for clip in clips], pa.list_(pa.float32()))
    for name in _TRACK if found.tracks else ():
        columns[f"track_{name}"] = pa.array([getattr(found.tracks[clip], name) for clip in clips], pa.list_(pa.float64()))
    table = pa.table(columns).replace_schema_metadata({"tracker": found.tracker, "corpus": file_hash(manifest)})
    with writing(path) as partial, pa.ipc.new_file(partial, table.schema) as writer:
        writer.write_table(table)


def load(path: str | Path, tracker: str, manifest: str | Path) -> Labels:
    """Read labels of a corpus; for another tracker than the one that was run, nothing is stored, and all is measured when it is asked for.

    Raises
    ------
    CorpusError
        If the file is missing or damaged, or holds the labels of another corpus.
    """
    path = Path(path)
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run `dvc repro labels` first.")
    try:
        table = pa.ipc.open_file(path).read_all()
        table.validate(full=True)
        if table.schema.metadata[b"corpus"].decode() != file_hash(manifest):
            raise ValueError(f"it belongs to another corpus than {manifest}")
        if table.schema.metadata[b"tracker"].decode() != tracker:
            return Labels(tracker, {}, {})
        clips = table["clip"].to_pylist()
        values = {name: [row.values.to_numpy() for row in table[name]] for name in table.column_names if name != "clip"}
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorpusError(f"{path} holds no labels that can be used ({error}); run `dvc repro labels`.") from error
    times = (labels.frame_times(len(f0), FRAME_RATE) for f0 in values["f0"])
    measured = [labels.Measured(*row) for row in zip(times, *(values[name] for name in _MEASURED), strict=False)]
    tracks = (
        [pitch.Track(*row) for row in zip(*(values[f"track_{name}"] for name in _TRACK), strict=False)] if "track_time" in values else []
    )
    return Labels(tracker, dict(zip(clips, measured, strict=False)), dict(zip(clips, tracks, strict=False)))


def stage(folder: Path, target: Path, edges: Path, /, tracker: str, seed: int) -> None:
    """Measure a corpus, and write its labels and the edges of the bins.

    Parameters
    ----------
    folder
        The corpus.
    target
        Arrow file to write.
    edges
        JSON file to write.
    tracker
        swift-f0, crepe-tiny or crepe-full.
    seed
        Of the generators, from which a tracker might draw.
    """
    prepare(seed)
    manifest = corpus.load(folder)
    found = measure(manifest, tracker)
    save(found, target, folder / "manifest.csv")
    training = manifest.loc[manifest["split"] == "train", "clip"]
    results.write(
        edges,
        {
            "edges": {prop: list(map(float, values)) for prop, values in bins.find(found.measured[clip] for clip in training).items()},
            "frame_rate": FRAME_RATE,
            "units": labels.UNITS,
            "provenance": results.provenance({"data/corpus": folder / "manifest.csv"}, {}, "audiosae.frames.labelling"),
        },
    )


if __name__ == "__main__":
    from audiosae import command

    command.run(stage)
