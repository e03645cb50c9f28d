"""All features of a codec's autoencoders, to search, sort and hear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from audiosae.widgets.sound import ASSETS, Answer, Live, inlined, read_index, static_address

PEAKS = 200
"""Columns of a drawn waveform."""


def describe_clip(mono: np.ndarray, sample_rate: int, text: str) -> dict[str, Any]:
    """What a card says of a clip: text, what plays; seconds; and peaks, the largest sample in each of `PEAKS` parts, 0 to 100."""
    edges = np.linspace(0, len(mono), min(PEAKS, len(mono)) + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(mono), edges)
    shares = np.round(100 * peaks / max(float(peaks.max()), 1e-9))
    return {"text": text, "seconds": round(len(mono) / sample_rate, 3), "peaks": [int(v) for v in shares]}


class FeatureBrowser(Live):
    """Show what the stage `live` wrote in the folder of a codec, or a `ParameterError`: all features, and the clips that excite them."""

    _esm = inlined(ASSETS / "feature_browser.mjs")
    index = traitlets.Dict().tag(sync=True)

    def __init__(self, folder: Path) -> None:
        self._folder, self._sounds = folder, folder.parents[1] / "sounds/clips"
        index = read_index(folder)
        html = (
            f'<div class="audiosae-features" data-audiosae-features="{escape(static_address(folder), quote=True)}/index.json">'
            f"<p>Features of {escape(index['title'])}</p><noscript><p>The browser of features needs JavaScript.</p></noscript></div>"
        )
        super().__init__(index["title"], html, index={**index, "described": read_index(self._sounds)})

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """The features of the kind of autoencoder that a message names, or the MP3 of its clip."""
        if "kind" in message:
            return features(self._folder, message["kind"]), []
        return {}, [(self._sounds / f"{message['clip']}.mp3").read_bytes()]


def features(folder: Path, kind: str) -> dict[str, Any]:
    """Read what the stage `live` wrote of all features of an autoencoder of a kind, see `live.features.survey`."""
    return json.loads((folder / kind / "features.json").read_text(encoding="utf-8"))
