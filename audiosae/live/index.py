"""What the desk is told of a codec before it computes anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from audiosae.audio import labels
from audiosae.codecs import Codec
from audiosae.files.params import title
from audiosae.frames import Frames
from audiosae.steering import response, validity


def index_of(codec: Codec, table: Frames, clips: pd.DataFrame, quantiles: list[float]) -> dict[str, Any]:
    """Rates, clips to choose from, classes of each property with the middles of their bins, and targets at quantiles of the training frames.

    `clips` are rows of the manifest; the desk begins with one that has a single voice, if there is one. `hidden`, the size of each autoencoder, is for the caller to fill.
    """
    single = clips[clips["monophonic"]] if clips["monophonic"].any() else clips
    return {
        "title": title(codec.name), "sampleRate": codec.sample_rate, "frameRate": codec.frame_rate, "channels": codec.channels,
        "dim": codec.dim, "hop": round(codec.sample_rate / codec.frame_rate), "buzz": validity.COMB, "hidden": {},
        "classes": {prop: [labels.class_name(prop, k, edges) for k in range(len(edges) - 1)] for prop, edges in table.edges.items()},
        "centres": {prop: np.round(labels.centres(edges).astype(float), 5).tolist() for prop, edges in table.edges.items()},
        "targets": {prop: {name: goal.number for name, goal in both.items()} for prop, both in response.goals(table, quantiles).items()},
        "begin": single["clip"].iloc[len(single) // 2],
        "clips": [{"clip": row.clip, "text": f"{row.instrument} ({row.clip})", "part": row.part} for row in clips.itertuples()],
    }  # fmt: skip
