"""States of long runs: written whole, read back after a run was stopped, and set aside where they are damaged."""

from __future__ import annotations

import copy
import os
import pickle
import struct
import sys
import textwrap
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from audiosae.files.whole import writing

FOLDER = Path(".resume")
"""Outside the outputs of any stage, which DVC deletes before it runs one."""

MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
"""What Adam and AdamW keep of each parameter; torch looks at neither the names nor the shapes when it loads them."""

DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError,
    pickle.UnpicklingError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a damaged file, or loading what is in it, may raise. Not OSError: that is the disk, and the file may be whole."""


Part = torch.nn.Module | torch.optim.Optimizer
"""What a run changes."""


def restore(path: Path, parts: Mapping[str, Part], total: int, device: torch.device) -> tuple[int, list[dict[str, Any]]]:
    """Go on from what `write` wrote; where that cannot be, leave all parts as they are, so that the run starts anew.

    A file that is damaged, or that is no state of this run, is named on stderr and set aside as NAME.damaged.

    Parameters
    ----------
    path
        The state: the `state_dict` of each part by its name, and what is returned as `step` and `progress`.
    parts
        By name, as they are before the first step.
    total
        Steps of the whole run.

    Returns
    -------
    Steps that are done, 0 where the run starts anew; and progress, a row for each state so far, which begins with its step.
    """
    if not path.is_file():
        return 0, []
    fresh = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
    try:
        state = _read(path, device)
        _check(state, parts, total)
        for name, part in parts.items():
            part.load_state_dict(state[name])
            if isinstance(part, torch.optim.Optimizer):
                _check_moments(name, part)
        return state["step"], state["progress"]
    except torch.OutOfMemoryError:  # no fault of the file
        raise
    except DAMAGE as error:
        for name, part in parts.items():
            part.load_state_dict(fresh[name])  # a part of the state may be in it by now
        set_aside(path, error)
        return 0, []


def set_aside(path: Path, error: Exception) -> None:
    """Rename what a stopped run left and nobody can use, and say so on stderr; it is then made anew."""
    aside = path.with_name(path.name + ".damaged")
    os.replace(path, aside)
    wrong = textwrap.shorten(str(error), 200, placeholder=" …") or type(error).__name__
    print(
        f"{path}, where a stopped run left off, cannot be used: {wrong}. It is set aside as {aside.name}, and the run starts anew.",
        file=sys.stderr,
        flush=True,
    )


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """What is in the file, if every byte is as it was written, which torch itself does not look at."""
    with zipfile.ZipFile(path) as file:
        if broken := file.testzip():
            raise ValueError(f"the checksum of {broken} in it is wrong")
    try:
        return torch.load(path, weights_only=True, map_location=device)
    except pickle.UnpicklingError as error:  # whose text proposes to run what is in the file
        raise ValueError("it holds more than tensors and plain values, and nothing in it was run") from error


def _check(state: Any, parts: Mapping[str, Part], total: int) -> None:
    """Whether this is a state of such a run; the shapes of tensors are left to the parts."""
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}, and no state of a run")
    expected = {*parts, "step", "progress"}
    if state.keys() != expected:
        raise ValueError(f"it holds {sorted(map(str, state))}, and not {sorted(expected)}")
    step, progress = state["step"], state["progress"]
    if type(step) is not int or not 1 <= step <= total:
        raise ValueError(f"its step is {step!r}, and not a whole number from 1 to {total}")
    if not isinstance(progress, list) or not progress or next(iter(progress[-1].values())) != step:
        raise ValueError(f"its progress does not end with step {step}")
    if not all(torch.isfinite(tensor).all() for tensor in _tensors(state)):
        raise ValueError("a tensor in it holds NaN or infinite values")


def _tensors(held: Any) -> Iterator[torch.Tensor]:
    """All tensors in nested dictionaries and lists."""
    if isinstance(held, torch.Tensor):
        yield held
    elif isinstance(held, (dict, list, tuple)):
        for value in held.values() if isinstance(held, dict) else held:
            yield from _tensors(value)


def _check_moments(name: str, optimizer: torch.optim.Optimizer) -> None:
    for parameter, moments in optimizer.state.items():
        if moments.keys() != MOMENTS or any(moments[each].shape not in ((), parameter.shape) for each in MOMENTS):
            raise ValueError(f"the moments of {name} do not fit the parameters")


def write(state: dict[str, Any], path: Path) -> None:
    """Keep a state; the one before is lost only when this one is complete. A full disk is an OSError."""
    try:
        with writing(path) as partial:
            torch.save(state, partial)
    except RuntimeError as error:  # torch's word for a disk that is full
        raise OSError(f"{path} could not be written ({error})") from error
