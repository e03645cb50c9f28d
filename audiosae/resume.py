"""States of long runs: written whole, read back after a run was stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from audiosae.codecs import legacy
from audiosae.errors import CheckpointError

FOLDER = Path(".resume")
"""Outside the outputs of any stage, which DVC deletes before it runs one."""


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """What `write` wrote.

    Raises
    ------
    CheckpointError
        If the file is damaged.
    """
    try:
        return torch.load(path, weights_only=True, map_location=device)
    except legacy.DAMAGE as error:
        raise CheckpointError(f"{path}, where a stopped run left off, is damaged; delete it to start anew.") from error


def write(state: dict[str, Any], path: Path) -> None:
    """Keep a state; the one before is lost only when this one is complete.

    Raises
    ------
    OSError
        If the disk is full.
    """
    partial = path.with_suffix(".partial")
    try:
        torch.save(state, partial)
    except RuntimeError as error:  # torch's word for a disk that is full
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} could not be written ({error})") from error
    os.replace(partial, path)
