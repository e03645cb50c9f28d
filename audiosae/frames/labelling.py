"""The stage `labels`: pitch, level and brightness of every clip, measured once for all codecs, and the bins that they fall into.

    python -m audiosae.frames.labelling data/corpus data/labels.arrow results/bins.json --tracker swift-f0 --seed 0

The file has one row a clip with lists of numbers: `f0`, `confidence`, `rms` and `centroid` at `FRAME_RATE`, and in `track_…` what SwiftF0
found at frames of its own. A codec of another rate has its level and brightness measured anew, and its pitch too unless there is a track.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc

from audiosae import audio, corpus, engine
from audiosae.audio import labels, pitch
from audiosae.errors import CorpusError
from audiosae.files import results
from audiosae.files.determinism import prepare
from audiosae.files.whole import file_hash, writing
from audiosae.frames import bins
from audiosae.frames.bins import FRAME_RATE
from audiosae.frames.table import CLIPS

_MEASURED = ("f0", "confidence", "rms", "centroid")
_TRACK = ("time", "f0", "confidence")


@dataclass(frozen=True)
class Labels:
    """What is stored of each clip: its labels at `FRAME_RATE`, and the track of its pitch if there is one."""

    tracker: str
    measured: dict[str, labels.Measured] = field(default_factory=dict)
    tracks: dict[str, pitch.Track] = field(default_factory=dict)

    def at(self, clip: str, mono: np.ndarray, frame_rate: float, frames: int) -> labels.Measured:
        """Labels of a clip at the frames of a codec, the same to the bit as from `labels.describe`.

        A clip that is not stored is measured, on its mono mix [samples] at 44.1 kHz; `frames` is how many the codec makes of it.
        """
        stored = self.measured.get(clip)
        if stored is not None and frame_rate == FRAME_RATE and frames == len(stored.time):
            return stored
        return labels.describe_mix(mono, frame_rate, self.tracker, frames, self.tracks.get(clip))


def measure(manifest: pd.DataFrame, tracker: str) -> Labels:
    """Measure every clip of a corpus, the tracker (see `pitch.TRACKERS`) running once over each."""
    groups = range(0, len(manifest), CLIPS)
    pieces = {f"clips from {first}": (manifest["file"].iloc[first : first + CLIPS].tolist(), tracker) for first in groups}
    found, clips = Labels(tracker), iter(manifest["clip"])
    for of_part in engine.each(_measure, pieces, "labelling", "part").values():
        for measured, track in of_part:
            clip = next(clips)
            found.measured[clip] = measured
            if track is not None:
                found.tracks[clip] = track
    return found


def _measure(files: list[str], tracker: str) -> list[tuple[labels.Measured, pitch.Track | None]]:
    """Labels and track of some clips."""
    found = []
    for file in files:
        with engine.naming(file):
            mono = audio.mono_mix(*audio.read(file))
            track = pitch.track_whole(mono) if tracker == pitch.SWIFT else None
            found.append((labels.describe_mix(mono, FRAME_RATE, tracker, found=track), track))
    return found


def save(found: Labels, path: Path, manifest: Path) -> None:
    """Write labels as an Arrow IPC file, whole or not at all, with the hash of the manifest of their corpus."""
    columns = {"clip": pa.array(list(found.measured), pa.string())}
    for name in _MEASURED:
        columns[name] = pa.array([getattr(clip, name) for clip in found.measured.values()], pa.list_(pa.float32()))
    for name in _TRACK if found.tracks else ():
        columns[f"track_{name}"] = pa.array([getattr(track, name) for track in found.tracks.values()], pa.list_(pa.float64()))
    table = pa.table(columns).replace_schema_metadata({"tracker": found.tracker, "corpus": file_hash(manifest)})
    with writing(path) as partial, pa.ipc.new_file(partial, table.schema) as writer:
        writer.write_table(table)


def load(path: Path, tracker: str, manifest: Path) -> Labels:
    """Read labels of a corpus; those of another tracker than was run are not stored, and are measured when asked for.

    A `CorpusError` if the file is missing or damaged, or holds the labels of another corpus.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is missing: run `dvc repro labels` first.")
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        table.validate(full=True)
        if table.schema.metadata[b"corpus"].decode() != file_hash(manifest):
            raise ValueError(f"it belongs to another corpus than {manifest}")
        if table.schema.metadata[b"tracker"].decode() != tracker:
            return Labels(tracker)
        clips = table["clip"].to_pylist()
        values = {name: [row.values.to_numpy() for row in table[name]] for name in table.column_names if name != "clip"}
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorpusError(f"{path} holds no labels that can be used ({error}); run `dvc repro labels`.") from error
    times = (labels.frame_times(len(f0), FRAME_RATE) for f0 in values["f0"])
    measured = map(labels.Measured, times, *(values[name] for name in _MEASURED))
    tracks = map(pitch.Track, *(values.get(f"track_{name}", []) for name in _TRACK))
    return Labels(tracker, dict(zip(clips, measured)), dict(zip(clips, tracks)))


def stage(folder: Path, target: Path, edges: Path, /, tracker: str, seed: int) -> None:
    """Measure a corpus, and write its labels (an Arrow file) and the edges of the bins (JSON).

    Parameters
    ----------
    tracker
        swift-f0, crepe-tiny or crepe-full.
    seed
        Of the generators, from which a tracker might draw.
    """
    prepare(seed)
    manifest = corpus.load(folder.resolve())  # workers may be elsewhere
    found = measure(manifest, tracker)
    save(found, target, folder / "manifest.csv")
    training = manifest.loc[manifest["split"] == "train", "clip"]
    results.write(
        edges,
        {
            "edges": {prop: values.tolist() for prop, values in bins.find(found.measured[clip] for clip in training).items()},
            "frame_rate": FRAME_RATE,
            "units": labels.UNITS,
            "provenance": results.provenance({"data/corpus": folder / "manifest.csv"}, {}, "audiosae.frames.labelling"),
        },
    )


if __name__ == "__main__":
    from audiosae import command

    command.run(stage)
