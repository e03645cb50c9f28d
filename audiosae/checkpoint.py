"""Checkpoints: safetensors with one JSON header, written whole or not at all.

safetensors keeps metadata in no stable order, so everything goes into a single key; then equal contents are equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from audiosae.errors import CheckpointError

_KEY = "audiosae"


def save(path: str | Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header; the file appears only when it is complete.

    Parameters
    ----------
    path
        Ends in .safetensors.
    tensors
        By name.
    header
        Anything JSON can say: the kind of model, its shape, and the hashes of what made it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(contiguous, partial, metadata={_KEY: json.dumps(header, sort_keys=True)})
    except SafetensorError as error:
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} could not be written ({error})") from error
    os.replace(partial, path)


def load(path: str | Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint of one kind.

    Parameters
    ----------
    path
        File written by `save`.
    kind
        What the header's "kind" must be.

    Returns
    -------
    tensors, header

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, not from this project, or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; `make repro` fetches shipped weights and trains the others.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); delete it and run `make repro` to get it again.") from error
    if _KEY not in metadata:
        raise CheckpointError(f"{path} holds tensors but no audiosae header; it was not written by this project.")
    try:
        header = dict(json.loads(metadata[_KEY]))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path} has a damaged header ({error}); delete it and run `make repro`.") from error
    if header.get("kind") != kind:
        raise CheckpointError(f"{path} is a checkpoint of {header.get('kind')!r}, but {kind!r} is needed here.")
    return tensors, header


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def restore(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: str | Path) -> None:
    """Load float32 copies of `tensors` into a module, all of them and no others.

    Raises
    ------
    CheckpointError
        If names or shapes differ, or a value is not finite.
    """
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinite values; the file is unusable.")
    try:
        module.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor
                                for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit {type(module).__name__}: {error}") from error
