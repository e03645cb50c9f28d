"""Cards of features to search, sort and hear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from audiosae.widgets.sound import ASSETS, Answer, Live, Sound, read_index, static_address, write_folder

PEAKS = 200
"""Columns of a drawn waveform."""

Cards = Sequence[Mapping[str, Any]]
Classes = Mapping[str, Sequence[str]]
Clips = Mapping[str, Mapping[str, Any]]


def describe_clip(mono: np.ndarray, sample_rate: int, text: str) -> dict[str, Any]:
    """What a card says of a clip: text, what plays; seconds; and peaks, the largest sample in each of `PEAKS` parts, 0 to 100."""
    edges = np.linspace(0, len(mono), min(PEAKS, len(mono)) + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(mono), edges)
    shares = np.round(100 * peaks / max(float(peaks.max()), 1e-9))
    return {"text": text, "seconds": round(len(mono) / sample_rate, 3), "peaks": [int(v) for v in shares]}


def write_browser(folder: Path, title: str, cards: Cards, classes: Classes, clips: Clips, anchor: str = "feature") -> None:
    """Write the ``index.json`` of a feature browser; its sounds are those of all clips, in ``_static/sounds/clips``.

    Parameters
    ----------
    folder
        Below the book's ``_static/sounds``, two levels down, such as ``sounds/encodec/12_feature_browser``.
    title, cards, classes, clips
        What the features are of, for screen readers; `cards.cards`, `cards.class_names`, and `describe_clip` of each clip on a card.
    anchor
        The address of feature 12 on the page is ``#feature-12``, or begins with another word.
    """
    write_folder(folder, {}, _index(title, cards, classes, clips) | {"anchor": anchor})


def _index(title: str, cards: Cards, classes: Classes, clips: Clips) -> dict[str, Any]:
    """All that a browser shows."""
    named = sorted({clip["clip"] for card in cards for clip in card["clips"]})
    return {"title": title, "classes": dict(classes), "clips": {name: dict(clips[name]) for name in named}, "cards": list(cards)}


class _Browser(Live):
    _esm = ASSETS / "feature_browser.mjs"
    index = traitlets.Dict().tag(sync=True)


class LiveBrowser(_Browser):
    """Search, sort and filter features in JupyterLab, which asks Python for each clip that is played.

    Parameters as for `write_browser`, and `sound`, from a clip's name to its `Sound`.
    """

    def __init__(self, title: str, cards: Cards, classes: Classes, clips: Clips, sound: Callable[[str], Sound]) -> None:
        self._sound = sound
        super().__init__(title, index=_index(title, cards, classes, clips))

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """The MP3 of the clip that a message names."""
        return {}, [self._sound(message["clip"]).mp3()]


class FeatureBrowser(_Browser):
    """Show what `write_browser` wrote in a folder, or a `ParameterError`: what each feature speaks for, and the moments that excite it."""

    def __init__(self, folder: Path) -> None:
        index = read_index(folder)
        self._clips = folder.parents[1] / "clips"
        html = (
            f'<div class="audiosae-features" data-audiosae-features="{escape(static_address(folder), quote=True)}/index.json">'
            f"<p>{escape(index['title'])}</p><noscript><p>These cards need JavaScript.</p></noscript></div>"
        )
        super().__init__(index["title"], html, index=index)

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """The MP3 of the clip that a message names."""
        return {}, [(self._clips / f"{message['clip']}.mp3").read_bytes()]
