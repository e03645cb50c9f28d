"""Where one loudness or brightness class ends and the next begins, for all codecs alike (the paper's section 3.2).

Twenty bins of equal width between the smallest and the largest value in the training clips, measured 75 times a second.
A codec with another frame rate looks at other moments of the same clips; what it finds outside goes to the end bins.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from audiosae.audio import labels
from audiosae.errors import CorpusError
from audiosae.files import results

FRAME_RATE = 75.0
"""Of EnCodec and WavTokenizer, in Hz."""


def _increasing(edges: list[float]) -> list[float]:
    if not (np.diff(edges) > 0).all():
        raise ValueError("edges must increase")
    return edges


_Increasing = Annotated[list[float], Field(min_length=2), AfterValidator(_increasing)]


class Edges(BaseModel):
    """Edges of the bins of every property, as files hold them."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    pitch: _Increasing
    amplitude: _Increasing
    timbre: _Increasing

    def arrays(self) -> dict[str, np.ndarray]:
        """For each property, its edges [bins + 1]."""
        return {prop: np.array(getattr(self, prop), dtype=float) for prop in labels.PROPERTIES}


def find(training: Iterable[labels.Measured]) -> dict[str, np.ndarray]:
    """Find the edges of the bins of every property.

    Parameters
    ----------
    training
        What was measured on each training clip.

    Returns
    -------
    pitch
        29.5, 30.5, … in MIDI notes; see `labels.pitch_edges`.
    amplitude, timbre
        [21], in linear RMS and in Hz.

    Raises
    ------
    CorpusError
        If there is no training clip.
    """
    clips = list(training)
    if not clips:
        raise CorpusError("the manifest lists no training clips; build the corpus again.")
    return {
        "pitch": labels.pitch_edges(),
        "amplitude": labels.equal_width_edges(np.concatenate([clip.rms for clip in clips])),
        "timbre": labels.equal_width_edges(np.concatenate([clip.centroid for clip in clips])),
    }


def load(path: str | Path) -> dict[str, np.ndarray]:
    """Read the edges that the stage `labels` wrote.

    Raises
    ------
    ResultsError
        If the file is missing or damaged, or holds no increasing edges for a property.
    """
    try:
        return Edges.model_validate(results.read(path).get("edges")).arrays()
    except ValidationError as error:
        raise results.ResultsError(f"{path} lacks the edges of bins ({error}); run `dvc repro labels`.") from error
