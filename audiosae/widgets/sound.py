"""What all widgets share: a sound with what was measured on it, the folder of its files, and the page's question to Python."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from anywidget.experimental import command

from audiosae.audio.loudness import encode_mp3
from audiosae.errors import ParameterError
from audiosae.files import whole

ASSETS = Path(__file__).parent / "static" / "audiosae"
"""The ES modules and the style sheet; the book serves this folder as ``_static/audiosae``."""

STATIC = "static:"
"""Begins an address below the book's ``_static``; the book's own extension makes it relative to each page."""

Answer = tuple[dict[str, Any], list[bytes]]
"""Values, and files."""


def inlined(module: Path) -> str:
    """An ES module as one text, for JupyterLab, which fetches no other file: what it imports by a relative name stands there as a data URL."""

    def address(match: re.Match[str]) -> str:
        text = inlined(module.parent / match[1])
        return f'from "data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"'

    return re.sub(r'from "(\.{1,2}/[^"]+)"', address, module.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Sound:
    """A sound for a listener."""

    wave: np.ndarray  #: float32 [samples] or [channels, samples], every peak under −1 dBFS
    sample_rate: int
    readout: Mapping[str, str] = field(default_factory=dict)  #: measured values as text, such as {"pitch": "A4, 440 Hz"}, as shown
    beside: Sound | None = None  #: what it can be compared with by a switch, matched with it; see `write_switch`

    def mp3(self) -> bytes:
        """Compress; an `AudioError` for peaks over −1 dBFS or samples that are not finite."""
        return encode_mp3(self.wave, self.sample_rate)


def static_address(folder: Path) -> str:
    """Address of a folder below the book's ``_static``, as ``static:sounds/…``; a `ParameterError` for one elsewhere."""
    parts = folder.resolve().parts
    if "_static" not in parts[:-1]:
        raise ParameterError(f"{folder}: sounds for the book lie below a folder `_static`, such as book/_static/sounds.")
    last = len(parts) - 1 - parts[::-1].index("_static")
    return STATIC + "/".join(parts[last + 1 :])


def read_index(folder: Path) -> dict[str, Any]:
    """The ``index.json`` of a widget's folder; a `ParameterError` if nothing was written there."""
    path = folder / "index.json"
    if not path.is_file():
        raise ParameterError(f"{path} is missing: run the section that writes it, or `dvc repro`.")
    return json.loads(path.read_text(encoding="utf-8"))


def write_index(folder: Path, index: Mapping[str, Any], indent: int | None = None) -> None:
    """Write ``index.json``."""
    whole.write(folder / "index.json", json.dumps(index, ensure_ascii=False, indent=indent) + "\n")


def write_folder(folder: Path, files: Mapping[str, bytes], index: Mapping[str, Any], indent: int | None = None) -> None:
    """Write a widget's sounds and pictures by name, and ``index.json`` last, so that it never names one that is not there."""
    static_address(folder)
    for name, data in files.items():
        whole.write(folder / name, data)
    for path in [*folder.glob("*.mp3"), *folder.glob("*.webp")]:
        if path.name not in files:
            path.unlink()  # left by an earlier version of the widget
    write_index(folder, index, indent)


class Live(anywidget.AnyWidget):
    """A widget whose module asks Python for sounds; a subclass says which module, and answers.

    In the module: ``const [{ error, ...content }, buffers] = await experimental.invoke("ask", message, { signal })``.
    `html` is for pages without Python; empty where there is no such page.
    """

    _css = ASSETS / "audiosae.css"

    def __init__(self, title: str, html: str = "", **traits: Any) -> None:
        self._title, self._html = title, html
        super().__init__(**traits)

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """What a message asks for."""
        raise NotImplementedError

    @command
    def ask(self, message: Mapping[str, Any], buffers: list[bytes]) -> Answer:
        """Answer a message, and its buffers; an error, of a reader's own function too, goes to the page, where the reader sees it."""
        try:
            return self.answer({**message, "buffers": buffers} if buffers else message)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}, []

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**data, **({"text/html": self._html} if self._html else {})}, metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._title!r})"
