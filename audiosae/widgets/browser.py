"""Cards of features to search, sort and hear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import traitlets

from audiosae.errors import ParameterError
from audiosae.widgets.live import Live
from audiosae.widgets.sound import ASSETS, Sound, read_index, static_address, write_index

PEAKS = 200
"""Columns of a drawn waveform."""

Cards = Sequence[Mapping[str, object]]
Clips = Mapping[str, Mapping[str, object]]


def describe_clip(mono: np.ndarray, sample_rate: int, text: str) -> dict[str, object]:
    """What a card says of a clip.

    Parameters
    ----------
    mono
        [samples].
    sample_rate
        In Hz.
    text
        What plays.

    Returns
    -------
    text; seconds; peaks, the largest sample in each of `PEAKS` parts, 0 to 100 of the clip's largest.
    """
    edges = np.linspace(0, len(mono), min(PEAKS, len(mono)) + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(mono), edges)
    shares = np.round(100 * peaks / max(float(peaks.max()), 1e-9))
    return {"text": text, "seconds": round(len(mono) / sample_rate, 3), "peaks": [int(v) for v in shares]}


def write_browser(folder: Path, title: str, cards: Cards, classes: Mapping[str, Sequence[str]], clips: Clips) -> None:
    """Write the ``index.json`` of a feature browser; its sounds are those of all clips, in ``_static/sounds/clips``.

    Parameters
    ----------
    folder
        Below the book's ``_static/sounds``, two levels down, such as ``sounds/encodec/12_feature_browser``.
    title
        What the features are of, for screen readers.
    cards
        From `feature_cards.cards`.
    classes
        From `feature_cards.class_names`.
    clips
        What `describe_clip` says of every clip that a card names.

    Raises
    ------
    ParameterError
        For no cards, a clip that is not described, or a folder outside ``_static``.
    """
    static_address(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_index(folder, _index(title, cards, classes, clips))


def _index(title: str, cards: Cards, classes: Mapping[str, Sequence[str]], clips: Clips) -> dict[str, object]:
    """All that a browser shows."""
    named = sorted({clip["clip"] for card in cards for clip in card["clips"]})
    if not cards or not set(named) <= clips.keys():
        raise ParameterError(f"feature browser “{title}”: needs cards, and a description of every clip that they name.")
    return {"title": title, "classes": dict(classes), "clips": {name: dict(clips[name]) for name in named}, "cards": list(cards)}


class LiveBrowser(Live):
    """Search, sort and filter features in JupyterLab, which asks Python for each clip that is played.

    Parameters
    ----------
    title, cards, classes, clips
        As for `write_browser`.
    sound
        A clip's name -> its `Sound`.

    Raises
    ------
    ParameterError
        For no cards, or a clip that is not described.
    """

    _esm = ASSETS / "feature_browser.mjs"
    index = traitlets.Dict().tag(sync=True)

    def __init__(self, title: str, cards: Cards, classes: Mapping[str, Sequence[str]], clips: Clips, sound: Callable[[str], Sound]) -> None:
        self._title, self._mp3 = title, lambda clip: sound(clip).mp3()
        super().__init__(index=_index(title, cards, classes, clips))

    def answer(self, message: Mapping[str, object]) -> tuple[dict[str, object], list[bytes]]:
        """The MP3 of the clip that a message names."""
        if message["clip"] not in self.index["clips"]:
            raise ParameterError(f"no card names the clip {message['clip']!r}.")
        return {}, [self._mp3(message["clip"])]


class FeatureBrowser(LiveBrowser):
    """Show what `write_browser` wrote: each card shows what a feature speaks for and plays the moments that excite it.

    Parameters
    ----------
    folder
        That it wrote.

    Raises
    ------
    ParameterError
        If nothing was written there.
    """

    def __init__(self, folder: Path) -> None:
        folder = Path(folder)
        index = read_index(folder)
        self._title, self._mp3 = index["title"], lambda clip: (folder.parents[1] / "clips" / f"{clip}.mp3").read_bytes()
        self._html = (
            f'<div class="audiosae-features" data-audiosae-features="{escape(static_address(folder), quote=True)}/index.json">'
            f"<p>{escape(self._title)}</p><noscript><p>These cards need JavaScript.</p></noscript></div>"
        )
        Live.__init__(self, index=index)
