"""Ways in which the state of a stopped run may be damaged, for the tests of whoever reads one."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Trap:
    """What a hostile pickle holds: unpickled, it makes a file of the name that TRAP has."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["TRAP"],)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    """Change one bit of the largest tensor, which torch does not notice."""
    content = bytearray(path.read_bytes())
    state = torch.load(path, weights_only=True)
    largest = max(tensors(state), key=torch.numel).cpu().contiguous().numpy().tobytes()
    content[bytes(content).index(largest) + 5] ^= 1
    path.write_bytes(content)


def tensors(held: Any) -> list[torch.Tensor]:
    if isinstance(held, torch.Tensor):
        return [held]
    values = held.values() if isinstance(held, dict) else held if isinstance(held, (list, tuple)) else ()
    return [tensor for value in values for tensor in tensors(value)]


def replaced(held: Any, name: str, change: Callable[[torch.Tensor], torch.Tensor], inside: bool = False) -> Any:
    """The same, with each tensor of more than one number changed, below keys of that name."""
    if isinstance(held, torch.Tensor):
        return change(held) if inside and held.numel() > 1 else held
    if isinstance(held, dict):
        return {key: replaced(value, name, change, inside or key == name) for key, value in held.items()}
    return held


def spoilt(tensor: torch.Tensor) -> torch.Tensor:
    return tensor * float("nan") if tensor.is_floating_point() else tensor


def saved(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Write a file that torch reads, with something else in it."""
    return lambda path: torch.save(change(torch.load(path, weights_only=True)), path)


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "File is not a zip file"),
    "cut": (cut, "File is not a zip file"),
    "one bit": (flip, "the checksum of .*data/[0-9]+ in it is wrong"),
    "a list": (saved(lambda state: [1, 2, 3]), "it holds a list, and no state of a run"),
    "a key less": (saved(lambda state: {key: state[key] for key in state if key != "progress"}), "it holds .*, and not .*'progress'"),
    "other shapes": (saved(lambda state: replaced(state, "network", lambda tensor: tensor.flatten()[1:])), "size mismatch|shape"),
    "other moments": (saved(lambda state: replaced(state, "optimizer", lambda tensor: tensor.flatten()[1:])), "the moments of optimizer"),
    "NaN weights": (saved(lambda state: replaced(state, "average", spoilt)), "holds NaN or infinite values"),
    "NaN step": (saved(lambda state: {**state, "step": float("nan")}), "its step is nan, and not a whole number from 1 to"),
    "step too large": (saved(lambda state: {**state, "step": 10**9}), "its step is 1000000000, and not"),
    "another step": (saved(lambda state: {**state, "step": 1}), "its progress does not end with step 1"),
    "no progress": (saved(lambda state: {**state, "progress": 3}), "its progress does not end with step"),
    "code": (lambda path: torch.save(Trap(), path), "more than tensors and plain values, and nothing in it was run"),
    "a pickle with code": (lambda path: path.write_bytes(pickle.dumps(Trap())), "File is not a zip file"),
}
"""Each changes a file that `resume.write` wrote; and what is said of it then, as a pattern."""
