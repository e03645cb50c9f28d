"""One player that controls switch among sounds: computed on demand in JupyterLab, read from files in the book."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import anywidget
import traitlets

from audiosae.errors import ParameterError
from audiosae.widgets.sound import ASSETS, Sound, drop_others, static_address, write_whole


class SoundSwitch:
    """Controls that choose among sounds, and what was measured on the one that plays.

    With a folder, every state is rendered when the object is made, not when it is shown: an error in a display
    method would be printed and forgotten, here it stops the notebook.

    Parameters
    ----------
    title
        One line above the controls.
    axes
        Axis name to its values. The last axis is a slider, the others are drop-downs; the first value of each is
        where the widget starts. Names are keyword arguments of `render`; numbers are shown without trailing zeros.
    render
        Called as ``render(**{axis: value})`` for one state; returns a `Sound`, matched in loudness with the others.
    folder
        Below the book's ``_static``, used by this widget alone: every state is written there, with an
        ``index.json`` that any page can mount. None asks `render` live, as JupyterLab does.
    caption
        One sentence that says what to listen for.

    Raises
    ------
    ParameterError
        For an axis without values, two values with one label, or a folder outside ``_static``.
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
    ) -> None:
        self.title = title
        self.axes = {name: list(values) for name, values in axes.items()}
        self.caption = caption
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
        return {
            "title": self.title,
            "caption": self.caption,
            "axes": [[name.replace("_", " "), [label(value) for value in values]] for name, values in self.axes.items()],
        }

    def sound(self, indices: Sequence[int]) -> Sound:
        """Render one state.

        Parameters
        ----------
        indices
            The position of the chosen value on each axis, in the order of the axes.
        """
        return self._render(**{name: values[i] for (name, values), i in zip(self.axes.items(), indices, strict=True)})

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        states: dict[str, dict[str, object]] = {}
        for indices in itertools.product(*(range(len(values)) for values in self.axes.values())):
            sound = self.sound(indices)
            key = "-".join(map(str, indices))
            write_whole(folder / f"{key}.mp3", sound.mp3())
            states[key] = {"file": f"{key}.mp3", "readout": list(sound.readout.items())}
        drop_others(folder, {f"{key}.mp3" for key in states})
        index = json.dumps({**self.describe(), "states": states}, ensure_ascii=False, indent=1)
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
            data = sound.mp3()
        except Exception as error:  # whatever a reader's own `render` raises belongs before the reader's eyes
            self.send({**answer, "error": f"{type(error).__name__}: {error}"})
            return
        self.send({**answer, "readout": list(sound.readout.items())}, [data])


def mount(address: str, title: str) -> str:
    """HTML in which the book mounts a switch.

    Parameters
    ----------
    address
        Of the ``index.json`` that a `SoundSwitch` wrote, as ``static:sounds/…/index.json``.
    title
        Shown until the widget is there, and where scripts are off.
    """
    return (
        f'<div class="audiosae-switch" data-audiosae-src="{escape(address, quote=True)}">'
        f"<p>{escape(title)}</p><noscript><p>This player needs JavaScript.</p></noscript></div>"
    )


def label(value: object) -> str:
    """Text of one value on a control; a number without trailing zeros and with a true minus sign."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}".replace("-", "−")
    return str(value)
