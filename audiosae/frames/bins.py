"""Edges of the pitch, amplitude and timbre classes, the same for all codecs (the paper's section 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audiosae.audio import labels
from audiosae.errors import CorpusError
from audiosae.files import results

FRAME_RATE = 75.0
"""Of EnCodec and WavTokenizer, in Hz: the training clips are measured at it."""


def arrays(edges: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Edges of each property [classes + 1] from lists in a file; an error if one is missing or does not increase."""
    found = {prop: np.array(edges[prop], dtype=float) for prop in labels.PROPERTIES}
    for prop, values in found.items():
        if not (values.ndim == 1 and len(values) > 1 and np.isfinite(values).all() and (np.diff(values) > 0).all()):
            raise ValueError(f"edges of {prop} must increase")
    return found


def find(training: Iterable[labels.Measured]) -> dict[str, np.ndarray]:
    """Edges from the training clips: 66 semitones in MIDI notes, and 20 equal steps between the extremes of RMS and of centroid in Hz."""
    clips = list(training)
    if not clips:
        raise CorpusError("the manifest lists no training clips; build the corpus again.")
    return {
        "pitch": labels.pitch_edges(),
        "amplitude": labels.equal_width_edges(np.concatenate([clip.rms for clip in clips])),
        "timbre": labels.equal_width_edges(np.concatenate([clip.centroid for clip in clips])),
    }


def load(path: str | Path) -> dict[str, np.ndarray]:
    """Read the edges that the stage `labels` wrote; a `ResultsError` if the file is missing or damaged."""
    try:
        return arrays(results.read(path)["edges"])
    except (KeyError, TypeError, ValueError) as error:
        raise results.ResultsError(f"{path} lacks the edges of bins ({error}); run `dvc repro labels`.") from error
