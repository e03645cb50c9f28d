"""The stage `desk`: what section 4 wrote for each codec, under one set of controls with the codec among them.

    python -m audiosae.desk book/_static/sounds book/_static/desk params.yaml

Nothing is computed and no sound is copied: the desk's index.json points to the sounds of the codecs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from audiosae.errors import ParameterError, report
from audiosae.params import TITLES, codecs
from audiosae.widgets.sound import write_whole

SWITCH = "04_steering/steering"
"""Where section 4 writes, below the folder of a codec."""


def merge(indices: dict[str, dict]) -> dict:
    """One switch of several: the first control chooses among them.

    Parameters
    ----------
    indices
        Name to the index.json of a `SoundSwitch`, in order. The first axis, clips, is cut to what all have; the others must be the same.

    Returns
    -------
    An index for a folder beside `sounds`, whose files lie in the folders of the names.

    Raises
    ------
    ParameterError
        If there are none, they have no clip in common, or their other axes differ.
    """
    if not indices:
        raise ParameterError("the steering desk needs a codec; params.yaml names none.")
    first = next(iter(indices.values()))
    (name, _, kind), *others = first["axes"]
    for codec, index in indices.items():
        if index["axes"][1:] != others:
            raise ParameterError(f"the steering desk needs the same properties, targets and α for every codec; {codec} has others.")
    clips = [clip for clip in first["axes"][0][1] if all(clip in index["axes"][0][1] for index in indices.values())]
    if not clips:
        raise ParameterError("the steering desk needs a clip that was steered with every codec, and there is none.")

    def moved(entry: dict, codec: str) -> dict:
        return {key: f"../sounds/{codec}/{SWITCH}/{value}" if key in ("file", "picture") else value for key, value in entry.items()}

    states, besides = {}, {}
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


def main() -> None:
    """Read the command line, merge, write index.json."""
    parser = argparse.ArgumentParser(prog="python -m audiosae.desk", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("params", type=Path)
    given = parser.parse_args()
    merged = merge({codec: json.loads((given.sounds / codec / SWITCH / "index.json").read_text(encoding="utf-8")) for codec in codecs(given.params)})
    given.target.mkdir(parents=True, exist_ok=True)
    write_whole(given.target / "index.json", (json.dumps(merged, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    report(main)
