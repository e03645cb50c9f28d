"""One player that controls switch among sounds: computed on demand in JupyterLab, read from files in the book."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import anywidget
import traitlets

from audiosae.errors import ParameterError
from audiosae.widgets.sound import ASSETS, Sound, drop_others, static_address, write_whole
from audiosae.widgets.spectrogram import picture

MANY = 40
"""An axis of more values than this is typed, not picked from a list."""


class SoundSwitch:
    """Controls that choose among sounds, and what was measured on the one that plays.

    With a folder, every state is rendered when the object is made, not when it is shown: an error in a display
    method would be printed and forgotten, here it stops the notebook.

    Parameters
    ----------
    title
        One line above the controls.
    axes
        Axis name to its values. The last axis is a slider, the others are drop-downs, or a field to type into for more than
        `MANY` whole numbers; the first value of each is where the widget starts. Names are keyword arguments of `render`; numbers are shown without trailing zeros.
    render
        Called as ``render(**{axis: value})`` for one state; returns a `Sound`, matched in loudness with the others.
    folder
        Below the book's ``_static``, used by this widget alone: every state is written there, with an
        ``index.json`` that any page can mount. None asks `render` live, as JupyterLab does.
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
    >>> SoundSwitch("Pitch", {"clip": ["cello", "flute"], "alpha": [0, 1, 10, 20, 30]}, render)  # doctest: +SKIP
    """

    def __init__(
        self,
        title: str,
        axes: Mapping[str, Sequence[object]],
        render: Callable[..., Sound],
        folder: Path | None = None,
        caption: str = "",
        beside: str = "",
        pictures: bool = False,
        curves: Mapping[str, object] | None = None,
    ) -> None:
        self.title = title
        self.axes = {name: list(values) for name, values in axes.items()}
        self.caption, self.beside, self.pictures, self.curves = caption, beside, pictures, curves
        self._render = render
        if not self.axes:
            raise ParameterError(f"SoundSwitch “{title}”: give at least one axis.")
        for name, values in self.axes.items():
            labels = [label(value) for value in values]
            if not labels or len(set(labels)) < len(labels):
                raise ParameterError(f"SoundSwitch “{title}”: axis {name} needs values with different labels: {labels}.")
        self._folder = None if folder is None else Path(folder)
        self._live: _LiveSwitch | None = None
        if self._folder is not None:
            self._address = static_address(self._folder)
            self._write(self._folder)

    def describe(self) -> dict[str, object]:
        """Title, caption and axes as JSON-able values; both forms of the widget draw their controls from it."""
        found: dict[str, object] = {
            "title": self.title,
            "caption": self.caption,
            "axes": [[name.replace("_", " "), [label(value) for value in values], self._kind(name)] for name, values in self.axes.items()],
        }
        if self.beside:
            found["beside"] = self.beside
        if self.curves:
            by, sets = self.curves["by"], self.curves["sets"]
            found["curves"] = {
                "label": self.curves["label"], "by": list(self.axes).index(by),
                "sets": [[[name, list(values)] for name, values in sets[value].items()] for value in self.axes[by]],
            }
        return found

    def _kind(self, name: str) -> str:
        if name == list(self.axes)[-1]:
            return "slider"
        values = self.axes[name]
        return "number" if len(values) > MANY and all(isinstance(value, int) for value in values) else "list"

    def sound(self, indices: Sequence[int]) -> Sound:
        """Render one state.

        Parameters
        ----------
        indices
            The position of the chosen value on each axis, in the order of the axes.
        """
        sound = self._render(**{name: values[i] for (name, values), i in zip(self.axes.items(), indices, strict=True)})
        if self.beside and sound.beside is None:
            raise ParameterError(f"SoundSwitch “{self.title}”: a sound comes without what should stand beside it, {self.beside}.")
        return sound

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        states: dict[str, dict[str, object]] = {}
        besides: dict[str, dict[str, object]] = {}

        def written(sound: Sound, name: str, data: bytes) -> dict[str, object]:
            found: dict[str, object] = {"file": f"{name}.mp3", "readout": list(sound.readout.items())}
            write_whole(folder / f"{name}.mp3", data)
            if self.pictures:
                found["picture"] = f"{name}.webp"
                write_whole(folder / f"{name}.webp", picture(sound.wave, sound.sample_rate))
            return found

        for indices in itertools.product(*(range(len(values)) for values in self.axes.values())):
            sound = self.sound(indices)
            key = "-".join(map(str, indices))
            states[key] = written(sound, key, sound.mp3())
            if self.beside:
                # One sound often stands beside many states: it is written once, under the hash of its bytes.
                data = sound.beside.mp3()
                name = "beside-" + hashlib.sha256(data).hexdigest()[:12]
                if name not in besides:
                    besides[name] = written(sound.beside, name, data)
                states[key]["beside"] = name
        drop_others(folder, {str(entry[kind]) for entry in [*states.values(), *besides.values()] for kind in ("file", "picture") if kind in entry})
        index = json.dumps({**self.describe(), "states": states, "besides": besides}, ensure_ascii=False, indent=1)
        # Last, so that an index never names a sound that is not there.
        write_whole(folder / "index.json", (index + "\n").encode())

    def _repr_mimebundle_(self, **options: object) -> object:
        if self._folder is not None:
            return {"text/html": mount(f"{self._address}/index.json", self.title), "text/plain": repr(self)}
        if self._live is None:
            self._live = _LiveSwitch(self)
        return self._live._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"SoundSwitch({self.title!r})"


class _LiveSwitch(anywidget.AnyWidget):
    """The view in JupyterLab: asks Python for one state at a time."""

    _esm = ASSETS / "sound_switch.mjs"
    _css = ASSETS / "audiosae.css"
    description = traitlets.Dict().tag(sync=True)

    def __init__(self, switch: SoundSwitch) -> None:
        self._switch = switch
        super().__init__(description=switch.describe())
        self.on_msg(self._answer)

    def _answer(self, _: object, message: dict[str, object], __: list[bytes]) -> None:
        answer = {"request": message["request"]}
        try:
            sound = self._switch.sound(message["indices"])
            if message["beside"]:
                sound = sound.beside
            data = [sound.mp3(), *([picture(sound.wave, sound.sample_rate)] if self._switch.pictures else [])]
        except Exception as error:  # whatever a reader's own `render` raises belongs before the reader's eyes
            self.send({**answer, "error": f"{type(error).__name__}: {error}"})
            return
        self.send({**answer, "readout": list(sound.readout.items())}, data)


def mount(address: str, title: str, told: Mapping[str, object] | None = None) -> str:
    """HTML in which the book mounts a switch.

    Parameters
    ----------
    address
        Of the ``index.json`` that a `SoundSwitch` wrote, as ``static:sounds/…/index.json``.
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
