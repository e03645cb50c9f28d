"""One sound with what was measured on it, and the folder in which a widget's sounds lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from audiosae.audio.loudness import encode_mp3
from audiosae.errors import ParameterError
from audiosae.files import whole

ASSETS = Path(__file__).parent / "static" / "audiosae"
"""The ES modules and the style sheet; the book serves this folder as ``_static/audiosae``."""

STATIC = "static:"
"""Begins an address below the book's ``_static``; the book's own extension makes it relative to each page."""


@dataclass(frozen=True)
class Sound:
    """A sound for a listener.

    Parameters
    ----------
    wave
        float32 [samples] or [channels, samples], every peak under −1 dBFS.
    sample_rate
        In Hz.
    readout
        Measured values as text, such as ``{"pitch": "A4, 440 Hz"}``, in the order in which they are shown.
    beside
        What it can be compared with by a switch, matched with it; see `write_switch`.
    """

    wave: np.ndarray
    sample_rate: int
    readout: Mapping[str, str] = field(default_factory=dict)
    beside: Sound | None = None

    def mp3(self) -> bytes:
        """Compress; raises `AudioError` for peaks over −1 dBFS or samples that are not finite."""
        return encode_mp3(self.wave, self.sample_rate)


def static_address(folder: Path) -> str:
    """Address of a folder below ``_static``, as ``static:sounds/…``.

    Raises
    ------
    ParameterError
        If no folder above it is called ``_static``: the book would not find its sounds.
    """
    parts = folder.resolve().parts
    if "_static" not in parts[:-1]:
        raise ParameterError(f"{folder}: sounds for the book lie below a folder `_static`, such as book/_static/sounds.")
    last = len(parts) - 1 - parts[::-1].index("_static")
    return STATIC + "/".join(parts[last + 1 :])


def read_index(folder: Path) -> dict[str, object]:
    """The ``index.json`` of a widget's folder.

    Raises
    ------
    ParameterError
        If it is missing: nothing was written there.
    """
    path = folder / "index.json"
    if not path.is_file():
        raise ParameterError(f"{path} is missing: run the section that writes it, or `dvc repro`.")
    return json.loads(path.read_text(encoding="utf-8"))


def write_index(folder: Path, index: Mapping[str, object], indent: int | None = None) -> None:
    """Write ``index.json``, after the sounds, so that it never names one that is not there."""
    whole.write(folder / "index.json", (json.dumps(index, ensure_ascii=False, indent=indent) + "\n").encode())


def drop_others(folder: Path, keep: set[str]) -> None:
    """Remove the sounds and pictures that an earlier version of the widget left in its folder."""
    for path in [*folder.glob("*.mp3"), *folder.glob("*.webp")]:
        if path.name not in keep:
            path.unlink()
