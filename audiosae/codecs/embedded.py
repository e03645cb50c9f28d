"""The small weights that ship with the repository: float16 safetensors, with the hashes of what made them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from audiosae.errors import CheckpointError
from audiosae.files import checkpoint

FOLDER = Path(__file__).parents[2] / "checkpoints"
"""Where DVC puts them."""

_TRAINER_ONLY = ("embed_avg", "cluster_size")
"""Moving averages of codebooks: not needed to encode or decode, and not shipped."""

_Network = TypeVar("_Network", bound=nn.Module)


def save(codec: str, network: nn.Module, shape: Any, path: str | Path, provenance: dict[str, Any]) -> None:
    """Write a trained codec: its weights, the dataclass of its sizes, and the hashes and settings that made it."""
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith(_TRAINER_ONLY)
    }
    checkpoint.save(path, tensors, {"kind": f"codec/{codec}", "shape": asdict(shape), "provenance": provenance})


def load(codec: str, weights: str | Path, build: Callable[[dict[str, Any]], _Network]) -> _Network:
    """Read a trained codec in float32: "embedded", or a path; `build` makes the network from the sizes in the checkpoint.

    A `CheckpointError` if the file is missing, damaged, of another codec, or does not fit its own sizes.
    """
    path = FOLDER / f"{codec}.safetensors" if weights == "embedded" else Path(weights)
    if path.suffix != ".safetensors":
        raise CheckpointError(
            f"{path} is no file of weights that {codec} knows: this project's end in .safetensors, and a released one "
            "keeps the ending that its authors gave it."
        )
    tensors, header = checkpoint.load(path, f"codec/{codec}")
    return checkpoint.rebuild(build, header.get("shape"), tensors, path, unsaved=_TRAINER_ONLY)
