"""One player that controls switch among sounds."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from audiosae.errors import ParameterError
from audiosae.widgets.sound import ASSETS, Answer, Live, Sound, inlined, read_index, static_address, write_folder
from audiosae.widgets.spectrogram import picture


def write_switch(
    folder: Path, title: str, axes: Mapping[str, Sequence[Any]], render: Callable[..., Sound], caption: str = "", beside: str = "",
    pictures: bool = False, curves: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Render and write every state of a switch, and an ``index.json`` that any page can mount.

    Parameters
    ----------
    folder
        Below the book's ``_static``, used by this switch alone.
    axes
        Axis name to its values, whose labels must differ. The last axis is a slider, the others are drop-downs. The widget starts at the first value of each, and at 0 on a slider that has it. Names are keyword
        arguments of `render`; numbers are shown without trailing zeros.
    render
        Called as ``render(**{axis: value})`` for one state; returns a `Sound`, matched in loudness with the others.
    caption
        What to listen for.
    beside
        What the `Sound.beside` of every sound is, for the button that switches to it; empty for none.
    pictures
        Whether a spectrogram stands under the sound.
    curves
        Lines over the values of the last axis, with a cursor that moves with the slider: ``{"label": what they show, "by": name of
        another axis, "sets": {value of that axis: {name of the line: [a number for each value of the last axis]}}}``.
    """
    index = _describe(title, axes, caption, beside)
    if curves:
        by, sets = curves["by"], curves["sets"]
        lines = [[[name, list(values)] for name, values in sets[value].items()] for value in axes[by]]
        index["curves"] = {"label": curves["label"], "by": list(axes).index(by), "sets": lines}
    files: dict[str, Future[bytes]] = {}
    states: dict[str, dict[str, Any]] = {}
    besides: dict[str, dict[str, Any]] = {}
    last, name = None, ""

    def entry(sound: Sound, name: str, data: Future[bytes]) -> dict[str, Any]:
        found: dict[str, Any] = {"file": f"{name}.mp3", "readout": list(sound.readout.items())}
        files[f"{name}.mp3"] = data
        if pictures:
            found["picture"] = f"{name}.webp"
            files[f"{name}.webp"] = pool.submit(picture, sound.wave, sound.sample_rate)
        return found

    with ThreadPoolExecutor() as pool:  # one state is compressed while the next is rendered
        for indices in itertools.product(*(range(len(values)) for values in axes.values())):
            key, sound = "-".join(map(str, indices)), _render(render, axes, indices)
            states[key] = entry(sound, key, pool.submit(sound.mp3))
            if beside:
                # One sound often stands beside many states: it is written once, under the hash of its bytes.
                if (other := _beside(sound, beside)) is not last:
                    last, data = other, pool.submit(other.mp3)
                    name = "beside-" + hashlib.sha256(data.result()).hexdigest()[:12]
                    if name not in besides:
                        besides[name] = entry(other, name, data)
                states[key]["beside"] = name
    made = {name: data.result() for name, data in files.items()}
    write_folder(folder, made, {**index, "states": states, "besides": besides}, indent=1)


def _describe(title: str, axes: Mapping[str, Sequence[Any]], caption: str, beside: str) -> dict[str, Any]:
    """Title, caption and axes as the module draws its controls from them."""
    described = []
    for name, values in axes.items():
        labels = [label(value) for value in values]
        if not labels or len(set(labels)) < len(labels):
            raise ParameterError(f"switch “{title}”: axis {name} needs values with different labels: {labels}.")
        kind = "slider" if name == list(axes)[-1] else "list"
        described.append([name.replace("_", " "), labels, kind])
    return {"title": title, "caption": caption, "axes": described, **({"beside": beside} if beside else {})}


def _render(render: Callable[..., Sound], axes: Mapping[str, Sequence[Any]], indices: Sequence[int]) -> Sound:
    """The sound of one state, given by the position of the chosen value on each axis."""
    return render(**{name: values[i] for (name, values), i in zip(axes.items(), indices, strict=True)})


def _beside(sound: Sound, what: str) -> Sound:
    if sound.beside is None:
        raise ParameterError(f"a sound comes without what should stand beside it, {what}.")
    return sound.beside


class SoundSwitch(Live):
    """Show what `write_switch` wrote in a folder, or a `ParameterError`: controls, and what was measured on the sound that plays."""

    _esm = inlined(ASSETS / "sound_switch.mjs")
    description = traitlets.Dict().tag(sync=True)

    def __init__(self, folder: Path) -> None:
        self._folder, index = folder, read_index(folder)
        self._states, self._besides = index.pop("states"), index.pop("besides")
        super().__init__(index["title"], mount(f"{static_address(folder)}/index.json", index["title"]), description=index)

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Readout, MP3 and spectrogram of a state, or of the sound beside it."""
        state = self._states["-".join(map(str, message["indices"]))]
        state = self._besides[state["beside"]] if message["beside"] else state
        files = [state[kind] for kind in ("file", "picture") if kind in state]
        return {"readout": state["readout"]}, [(self._folder / name).read_bytes() for name in files]


def mount(address: str, title: str, told: Mapping[str, Any] | None = None) -> str:
    """HTML in which the book mounts the switch of an index, as ``static:sounds/…/index.json``.

    The title is shown until the widget is there, and where scripts are off. `told` is what is to be other than in the index: title, caption,
    and fix, the place at which each axis stands still, or None.
    """
    other = f' data-audiosae-told="{escape(json.dumps(told, ensure_ascii=False), quote=True)}"' if told else ""
    return (
        f'<div class="audiosae-switch" data-audiosae-src="{escape(address, quote=True)}"{other}>'
        f"<p>{escape(title)}</p><noscript><p>This player needs JavaScript.</p></noscript></div>"
    )


def label(value: Any) -> str:
    """Text of one value on a control; a number without trailing zeros and with a true minus sign."""
    return f"{value:g}".replace("-", "−") if isinstance(value, (int, float)) else str(value)
