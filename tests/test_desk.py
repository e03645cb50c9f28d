"""The steering desk: switches of several codecs under one set of controls."""

from __future__ import annotations

import pytest

from audiosae.errors import ParameterError
from audiosae.widgets.steering_desk import merge


def index(clips: list[str], tag: str) -> dict:
    states = {
        f"{i}-{j}": {
            "file": f"{i}-{j}.mp3",
            "picture": f"{i}-{j}.webp",
            "readout": [["from", f"{tag} {clip} {j}"]],
            "beside": f"beside-{clip}",
        }
        for i, clip in enumerate(clips)
        for j in range(2)
    }
    besides = {f"beside-{clip}": {"file": f"beside-{clip}.mp3", "readout": []} for clip in clips}
    axes = [["clip", clips, "list"], ["α", ["0", "1"], "slider"]]
    return {"title": "T", "caption": "C", "axes": axes, "beside": "the original", "states": states, "besides": besides}


def test_each_state_is_that_of_its_codec_and_clip() -> None:
    made = merge({"encodec": index(["a", "b", "c"], "E"), "own": index(["c", "a"], "O")})
    assert made["axes"] == [["codec", ["EnCodec", "own"], "list"], ["clip", ["a", "c"], "list"], ["α", ["0", "1"], "slider"]]
    assert len(made["states"]) == 2 * 2 * 2
    for key, said in {"0-0-1": "E a 1", "0-1-0": "E c 0", "1-0-1": "O a 1", "1-1-0": "O c 0"}.items():
        assert made["states"][key]["readout"] == [["from", said]]
    state = made["states"]["1-0-1"]
    assert state["file"] == "../sounds/own/04_steering/steering/1-1.mp3"
    assert made["besides"][state["beside"]]["file"] == "../sounds/own/04_steering/steering/beside-a.mp3"
    assert set(made["besides"]) == {f"{codec}/beside-{clip}" for codec in ("encodec", "own") for clip in "ac"}


def test_codecs_without_a_common_clip_are_refused() -> None:
    with pytest.raises(ParameterError, match="clip"):
        merge({"x": index(["a"], ""), "y": index(["b"], "")})
