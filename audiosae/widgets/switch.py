"""One player that controls switch among sounds."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import traitlets

from audiosae.errors import ParameterError
from audiosae.files import whole
from audiosae.widgets.live import Live
from audiosae.widgets.sound import ASSETS, Sound, drop_others, read_index, static_address, write_index
from audiosae.widgets.spectrogram import picture

MANY = 40
"""An axis of more values than this is typed, not picked from a list."""


def write_switch(
    folder: Path,
    title: str,
    axes: Mapping[str, Sequence[object]],
    render: Callable[..., Sound],
    caption: str = "",
    beside: str = "",
    pictures: bool = False,
    curves: Mapping[str, object] | None = None,
) -> None:
    """Render and write every state of a switch, and an ``index.json`` that any page can mount.

    Parameters
    ----------
    folder
        Below the book's ``_static``, used by this switch alone.
    title
        One line above the controls.
    axes
        Axis name to its values. The last axis is a slider, the others are drop-downs, or a field to type into for more than
        `MANY` whole numbers; the first value of each is where the widget starts. Names are keyword arguments of `render`; numbers
        are shown without trailing zeros.
    render
        Called as ``render(**{axis: value})`` for one state; returns a `Sound`, matched in loudness with the others.
    caption
        One sentence that says what to listen for.
    beside
        What the `Sound.beside` of every sound is, for the button that switches to it; empty for none.
    pictures
        Whether a spectrogram stands under the sound.
    curves
        Lines over the values of the last axis, with a cursor that moves with the slider: ``{"label": what they show, "by": name of
        another axis, "sets": {value of that axis: {name of the line: [a number for each value of the last axis]}}}``.

    Raises
    ------
    ParameterError
        For an axis without values, two values with one label, a sound without the one beside it, or a folder outside ``_static``.
    AudioError
        For a sound that is too loud or not finite.

    Examples
    --------
    >>> def render(clip, alpha): ...
    >>> write_switch(folder, "Pitch", {"clip": ["cello", "flute"], "alpha": [0, 1, 10, 20, 30]}, render)  # doctest: +SKIP
    """
    description = _describe(title, axes, caption, beside, curves)
    static_address(folder)
    folder.mkdir(parents=True, exist_ok=True)
    states: dict[str, dict[str, object]] = {}
    besides: dict[str, dict[str, object]] = {}
    last, name = None, ""

    def written(sound: Sound, name: str, data: bytes) -> dict[str, object]:
        found: dict[str, object] = {"file": f"{name}.mp3", "readout": list(sound.readout.items())}
        whole.write(folder / f"{name}.mp3", data)
        if pictures:
            found["picture"] = f"{name}.webp"
            whole.write(folder / f"{name}.webp", picture(sound.wave, sound.sample_rate))
        return found

    for indices in itertools.product(*(range(len(values)) for values in axes.values())):
        sound = _rendered(render, axes, indices, beside)
        key = "-".join(map(str, indices))
        states[key] = written(sound, key, sound.mp3())
        if beside:
            # One sound often stands beside many states: it is written once, under the hash of its bytes.
            if sound.beside is not last:
                last, data = sound.beside, sound.beside.mp3()
                name = "beside-" + hashlib.sha256(data).hexdigest()[:12]
                if name not in besides:
                    besides[name] = written(last, name, data)
            states[key]["beside"] = name
    drop_others(
        folder, {str(entry[kind]) for entry in [*states.values(), *besides.values()] for kind in ("file", "picture") if kind in entry}
    )
    write_index(folder, {**description, "states": states, "besides": besides}, indent=1)


def _describe(
    title: str, axes: Mapping[str, Sequence[object]], caption: str, beside: str, curves: Mapping[str, object] | None
) -> dict[str, object]:
    """Title, caption and axes as JSON-able values: the module draws its controls from them."""
    if not axes:
        raise ParameterError(f"switch “{title}”: give at least one axis.")
    described = []
    for name, values in axes.items():
        labels = [label(value) for value in values]
        if not labels or len(set(labels)) < len(labels):
            raise ParameterError(f"switch “{title}”: axis {name} needs values with different labels: {labels}.")
        typed = len(values) > MANY and all(isinstance(value, int) for value in values)
        kind = "slider" if name == list(axes)[-1] else "number" if typed else "list"
        described.append([name.replace("_", " "), labels, kind])
    found: dict[str, object] = {"title": title, "caption": caption, "axes": described}
    if beside:
        found["beside"] = beside
    if curves:
        by, sets = curves["by"], curves["sets"]
        found["curves"] = {
            "label": curves["label"],
            "by": list(axes).index(by),
            "sets": [[[name, list(values)] for name, values in sets[value].items()] for value in axes[by]],
        }
    return found


def _rendered(render: Callable[..., Sound], axes: Mapping[str, Sequence[object]], indices: Sequence[int], beside: str) -> Sound:
    """The sound of one state, given by the position of the chosen value on each axis."""
    sound = render(**{name: values[i] for (name, values), i in zip(axes.items(), indices, strict=True)})
    if beside and sound.beside is None:
        raise ParameterError(f"a sound comes without what should stand beside it, {beside}.")
    return sound


class LiveSwitch(Live):
    """Controls that choose among sounds, in JupyterLab, which asks Python for each.

    Parameters
    ----------
    title, axes, render, caption, beside, pictures, curves
        As for `write_switch`.

    Raises
    ------
    ParameterError
        For an axis without values, or two values with one label.
    """

    _esm = ASSETS / "sound_switch.mjs"
    description = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        title: str,
        axes: Mapping[str, Sequence[object]],
        render: Callable[..., Sound],
        caption: str = "",
        beside: str = "",
        pictures: bool = False,
        curves: Mapping[str, object] | None = None,
    ) -> None:
        self._title, self._axes, self._render = title, {name: list(values) for name, values in axes.items()}, render
        self._beside, self._pictures = beside, pictures
        super().__init__(description=_describe(title, self._axes, caption, beside, curves))

    def answer(self, message: Mapping[str, object]) -> tuple[dict[str, object], list[bytes]]:
        """Readout, MP3 and spectrogram of a state, or of the sound beside it."""
        sound = _rendered(self._render, self._axes, message["indices"], self._beside)
        sound = sound.beside if message["beside"] else sound
        pictures = [picture(sound.wave, sound.sample_rate)] if self._pictures else []
        return {"readout": list(sound.readout.items())}, [sound.mp3(), *pictures]


class SoundSwitch(Live):
    """Show what `write_switch` wrote: controls that choose among sounds, and what was measured on the one that plays.

    Parameters
    ----------
    folder
        That it wrote.

    Raises
    ------
    ParameterError
        If nothing was written there.
    """

    _esm = ASSETS / "sound_switch.mjs"
    description = traitlets.Dict().tag(sync=True)

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        index = read_index(self._folder)
        self._states, self._besides = index.pop("states"), index.pop("besides")
        self._title = index["title"]
        self._html = mount(f"{static_address(self._folder)}/index.json", self._title)
        super().__init__(description=index)

    def answer(self, message: Mapping[str, object]) -> tuple[dict[str, object], list[bytes]]:
        """Readout, MP3 and spectrogram of a state, or of the sound beside it."""
        state = self._states["-".join(map(str, message["indices"]))]
        state = self._besides[state["beside"]] if message["beside"] else state
        files = [state[kind] for kind in ("file", "picture") if kind in state]
        return {"readout": state["readout"]}, [(self._folder / name).read_bytes() for name in files]


def mount(address: str, title: str, told: Mapping[str, object] | None = None) -> str:
    """HTML in which the book mounts a switch.

    Parameters
    ----------
    address
        Of the ``index.json`` that `write_switch` wrote, as ``static:sounds/…/index.json``.
    title
        Shown until the widget is there, and where scripts are off.
    told
        What is to be other than in the index: title, caption, and fix, the place at which each axis stands still, or None.
    """
    other = f' data-audiosae-told="{escape(json.dumps(told, ensure_ascii=False), quote=True)}"' if told else ""
    return (
        f'<div class="audiosae-switch" data-audiosae-src="{escape(address, quote=True)}"{other}>'
        f"<p>{escape(title)}</p><noscript><p>This player needs JavaScript.</p></noscript></div>"
    )


def label(value: object) -> str:
    """Text of one value on a control; a number without trailing zeros and with a true minus sign."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}".replace("-", "−")
    return str(value)
