"""Checkpoints: safetensors with one JSON header, written whole or not at all.

safetensors keeps metadata in no stable order, so everything goes into a single key; then equal contents are equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from audiosae.errors import CheckpointError
from audiosae.files.whole import writing

_KEY = "audiosae"

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

_Module = TypeVar("_Module", bound=torch.nn.Module)


def save(path: str | Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    """Write tensors by name, and a JSON header with the kind of model, its shape, and the hashes of what made it."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with writing(path) as partial:
            save_file(contiguous, partial, metadata={_KEY: json.dumps(header, sort_keys=True)})
    except SafetensorError as error:
        raise OSError(f"{path} could not be written ({error})") from error


def load(path: str | Path, *kinds: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read tensors and header of a checkpoint whose header has one of these as its "kind".

    A `CheckpointError` if the file is missing, damaged, not from this project, or of another kind.
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
        header = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} has a damaged header ({error}); delete it and run `make repro`.") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} has a damaged header (a {type(header).__name__}, not an object); delete it and run `make repro`.")
    if header.get("kind") not in kinds:
        raise CheckpointError(f"{path} is a checkpoint of {header.get('kind')!r}, but {' or '.join(map(repr, kinds))} is needed here.")
    return tensors, header


def rebuild(
    build: Callable[[dict[str, Any]], _Module], sizes: Any, tensors: dict[str, torch.Tensor], path: str | Path,
    unsaved: tuple[str, ...] = (),
) -> _Module:  # fmt: skip
    """Make the module whose sizes a header gives, and load its tensors.

    Parameters
    ----------
    build
        Makes the module from its sizes; called twice, first on torch's device "meta", so that damaged sizes ask for no memory.
    sizes
        From the header: names to whole numbers, lists of them, or words.
    unsaved
        Endings of names that the file lacks: these tensors stay as `build` makes them.

    Raises
    ------
    CheckpointError
        If the sizes are not those of the tensors; and as `restore` does.
    """
    # No size is larger than a side of a tensor or than their number, so neither is what `build` loops over.
    most = max([len(tensors), *(side for tensor in tensors.values() for side in tensor.shape)])
    try:
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in dict(sizes).items()}
        for name, value in given.items():
            for size in value if isinstance(value, tuple) else (value,):
                if not isinstance(size, str) and (type(size) is not int or not 1 <= size <= most):
                    raise ValueError(f"{name} is {size!r}, where the tensors allow 1 to {most}")
        with torch.device("meta"):
            outline = build(given)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not say its shape ({error}); fetch or train it again.") from error
    _compare(outline, tensors, path, unsaved)
    module = build(given)
    kept = {name: tensor for name, tensor in module.state_dict().items() if name.endswith(unsaved)} if unsaved else {}
    restore(module, tensors | kept, path)
    return module


def restore(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: str | Path) -> None:
    """Load float32 copies of `tensors` into a module, all of them and no others.

    A `CheckpointError` if names, shapes or kinds of number differ, or a value is not finite.
    """
    _compare(module, tensors, path)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinite values; the file is unusable.")
    module.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()})


def _compare(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: str | Path, unsaved: tuple[str, ...] = ()) -> None:
    """Refuse tensors that are not those of a module, by name, shape and kind of number."""
    wanted = {name: tensor for name, tensor in module.state_dict().items() if not (unsaved and name.endswith(unsaved))}
    faults = [f"Missing key {name}" for name in wanted if name not in tensors]
    faults += [f"Unexpected key {name}" for name in tensors if name not in wanted]
    for name in wanted.keys() & tensors.keys():
        want, have = wanted[name], tensors[name]
        if want.shape != have.shape:
            faults.append(f"size mismatch for {name}: {list(have.shape)} in the file, {list(want.shape)} in the model")
        elif (have.dtype not in _FLOATS) if want.is_floating_point() else (have.dtype != want.dtype):
            faults.append(f"{name} is {have.dtype}, not {want.dtype}".replace("torch.", ""))
    if faults:
        shown = "; ".join(sorted(faults)[:4]) + (f"; and {len(faults) - 4} more" if len(faults) > 4 else "")
        raise CheckpointError(f"{path} does not fit {type(module).__name__}: {shown}. Fetch or train it again.")
