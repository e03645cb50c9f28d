"""What the authors' checkpoints ask for: pickles, read as data alone, and torch's older weight normalisation."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import remove_weight_norm

from audiosae.errors import CheckpointError

_Network = TypeVar("_Network", bound=nn.Module)


def tensors(path: Path, owner: str, *inside: str) -> dict[str, torch.Tensor]:
    """Read a pickled dictionary of tensors, which may lie under a key, the first of `inside` that is there; nothing in the pickle is run.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or holds something else than `owner`'s checkpoint does.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # whose text proposes to run what is in the file
        raise CheckpointError(
            f"{path} is damaged, or holds more than tensors and plain values, and nothing in it was run; fetch the "
            f"{owner} checkpoint again."
        ) from error
    except (OSError, EOFError, LookupError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable {owner} checkpoint ({error}); fetch it again.") from error
    if inside:
        state = next((state[key] for key in inside if key in state), None) if isinstance(state, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path} is no dictionary of tensors, as {owner}'s checkpoint is; fetch it again.")
    return state


@contextmanager
def weight_norm() -> Iterator[None]:
    """Build layers named after torch's older weight normalisation, as the checkpoints are, without its warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*weight_norm.*is deprecated", category=FutureWarning)
        yield


def fold_weight_norm(network: _Network) -> _Network:
    """Work the normalised weights out once; returns the network, which is then fit to run, not to train or to load."""
    for module in network.modules():
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)
    return network
