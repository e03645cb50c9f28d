"""Cards of features to search, sort and hear: clips computed on demand in JupyterLab, read from files in the book."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import anywidget
import traitlets

from audiosae.errors import ParameterError
from audiosae.widgets.sound import ASSETS, Sound, static_address, write_whole


class FeatureBrowser:
    """Search, sort and filter features; each card shows what a feature speaks for and plays the moments that excite it.

    Parameters
    ----------
    title
        What the features are of, for screen readers.
    cards
        From `feature_cards.cards`.
    classes
        From `feature_cards.class_names`.
    clips
        What `clips.describe` says of every clip that a card names.
    sound
        A clip's name -> its `Sound`; for JupyterLab.
    folder
        Below the book's ``_static``, used by this widget alone: ``index.json`` is written there, which looks for the clips in
        ``_static/sounds/clips``. None asks `sound` live.

    Raises
    ------
    ParameterError
        For no cards, a clip that is not described, or a folder outside ``_static``.
    """

    def __init__(
        self, title: str, cards: Sequence[Mapping[str, object]], classes: Mapping[str, Sequence[str]], clips: Mapping[str, Mapping[str, object]],
        sound: Callable[[str], Sound] | None = None, folder: Path | None = None,
    ) -> None:
        named = sorted({clip["clip"] for card in cards for clip in card["clips"]})
        if not cards or not set(named) <= clips.keys():
            raise ParameterError(f"FeatureBrowser “{title}”: needs cards, and a description of every clip that they name.")
        if (sound is None) == (folder is None):
            raise ParameterError(f"FeatureBrowser “{title}”: give either sound, to compute, or folder, to write.")
        self.title = title
        self.index = {"title": title, "classes": dict(classes), "clips": {name: dict(clips[name]) for name in named}, "cards": list(cards)}
        self.sound = sound
        self._live: _LiveBrowser | None = None
        self._address = ""
        if folder is not None:
            self._address = f"{static_address(Path(folder))}/index.json"
            Path(folder).mkdir(parents=True, exist_ok=True)
            write_whole(Path(folder) / "index.json", (json.dumps(self.index, ensure_ascii=False) + "\n").encode())

    def _repr_mimebundle_(self, **options: object) -> object:
        if self._address:
            return {"text/html": mount(self._address, self.title), "text/plain": repr(self)}
        if self._live is None:
            self._live = _LiveBrowser(self)
        return self._live._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"FeatureBrowser({self.title!r})"


class _LiveBrowser(anywidget.AnyWidget):
    """The view in JupyterLab: asks Python for one clip at a time."""

    _esm = ASSETS / "feature_browser.mjs"
    _css = ASSETS / "audiosae.css"
    index = traitlets.Dict().tag(sync=True)

    def __init__(self, browser: FeatureBrowser) -> None:
        self._sound = browser.sound
        super().__init__(index=browser.index)
        self.on_msg(self._answer)

    def _answer(self, _: object, message: dict[str, object], __: list[bytes]) -> None:
        answer = {"request": message["request"]}
        try:
            data = self._sound(message["clip"]).mp3()
        except Exception as error:  # whatever a reader's own function raises belongs before the reader's eyes
            self.send({**answer, "error": f"{type(error).__name__}: {error}"})
            return
        self.send(answer, [data])


def mount(address: str, title: str) -> str:
    """HTML in which the book mounts a browser; `address` is that of its index, as ``static:sounds/…/index.json``."""
    return (
        f'<div class="audiosae-features" data-audiosae-features="{escape(address, quote=True)}">'
        f"<p>{escape(title)}</p><noscript><p>These cards need JavaScript.</p></noscript></div>"
    )
