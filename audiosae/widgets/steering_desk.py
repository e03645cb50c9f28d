"""The stage `desk`: what section 4 wrote for each codec, under one set of controls with the codec among them.

    Run as ``python -m audiosae.widgets.steering_desk book/_static/sounds book/_static/desk params.yaml``.

Nothing is computed and no sound is copied: the desk's index.json points to the sounds of the codecs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audiosae.errors import ParameterError
from audiosae.files.params import TITLES, codecs
from audiosae.widgets.sound import read_index, write_index

SWITCH = "04_steering/steering"
"""Where section 4 writes, below the folder of a codec."""


def merge(indices: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One switch of several, by name: the first control chooses among them, and the second among the clips that all have.

    The index is for a folder beside `sounds`, whose files lie in the folders of the names.
    """
    first = next(iter(indices.values()))
    (name, _, kind), *others = first["axes"]
    clips = [clip for clip in first["axes"][0][1] if all(clip in index["axes"][0][1] for index in indices.values())]
    if not clips:
        raise ParameterError("the steering desk needs a clip that was steered with every codec, and there is none.")

    def moved(entry: dict[str, Any], codec: str) -> dict[str, Any]:
        return {key: f"../sounds/{codec}/{SWITCH}/{value}" if key in ("file", "picture") else value for key, value in entry.items()}

    states: dict[str, Any] = {}
    besides: dict[str, Any] = {}
    for number, (codec, index) in enumerate(indices.items()):
        places = {index["axes"][0][1].index(clip): place for place, clip in enumerate(clips)}
        for key, state in index["states"].items():
            clip, rest = key.split("-", 1)
            if int(clip) in places:
                states[f"{number}-{places[int(clip)]}-{rest}"] = {**moved(state, codec), "beside": f"{codec}/{state['beside']}"}
        besides |= {f"{codec}/{key}": moved(entry, codec) for key, entry in index["besides"].items()}
    axes = [["codec", [TITLES.get(codec, codec) for codec in indices], "list"], [name, clips, kind], *others]
    used = {state["beside"] for state in states.values()}
    return {**first, "axes": axes, "states": states, "besides": {key: entry for key, entry in besides.items() if key in used}}


def write(sounds: Path, target: Path, params: Path, /) -> None:
    """Merge the switches of all codecs.

    Parameters
    ----------
    sounds
        Folder with one folder a codec.
    target
        Folder beside it, where index.json is written.
    params
        Of params.yaml, which names the codecs.
    """
    write_index(target, merge({codec: read_index(sounds / codec / SWITCH) for codec in codecs(params)}))


if __name__ == "__main__":
    from audiosae import command

    command.run(write)
