"""The steering desk, live: any clip or sound of one's own, along any direction, by any strength. Here Python computes; in a page a worker does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from audiosae.errors import ParameterError
from audiosae.files import params
from audiosae.live.engine import Engine
from audiosae.widgets.sound import ASSETS, Answer, Live, inlined

JOBS = ("load", "clip", "sound", "render", "measure", "firing")


class LiveDesk(Live):
    """The desk in JupyterLab, for all codecs of a project whose sections have run."""

    _esm = inlined(ASSETS / "live/lab.mjs")
    codecs = traitlets.Dict().tag(sync=True)

    def __init__(self, project: Path, quantiles: list[float]) -> None:
        """`project` is its folder, with params.yaml; `quantiles` of the training frames are the targets that it begins with."""
        weights = {name: line["weights"] for name, line in params.codecs(project / "params.yaml").items()}
        self.engine = Engine(weights, quantiles, project)
        super().__init__("Steering, live", codecs={name: params.title(name) for name in weights})

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """What the engine answers to one of `JOBS`."""
        if message["job"] not in JOBS:
            raise ParameterError(f"the desk has no job {message['job']!r}.")
        told = {name: _unpacked(value, message.get("buffers", [])) for name, value in message["told"].items()}
        buffers: list[bytes] = []
        return _packed(getattr(self.engine, message["job"])(**told), buffers), buffers


def _unpacked(value: Any, buffers: list[bytes]) -> Any:
    """Channels that came as buffers, as one array; everything else as it is."""
    if isinstance(value, list) and value and isinstance(value[0], dict) and "$array" in value[0]:
        return np.stack([np.frombuffer(buffers[channel["$array"]], dtype="<f4") for channel in value])
    return value


def _packed(value: Any, buffers: list[bytes]) -> Any:
    """Arrays as buffers of 32-bit floats, each named by its place; of more than one axis, row by row."""
    if isinstance(value, dict):
        return {name: _packed(each, buffers) for name, each in value.items()}
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return [_packed(row, buffers) for row in value]
    if isinstance(value, np.ndarray):
        buffers.append(np.ascontiguousarray(value, dtype="<f4").tobytes())
        return {"$array": len(buffers) - 1}
    return value
