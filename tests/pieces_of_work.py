"""What test_engine.py has workers do, apart from it, so that they need not import all that a test needs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_info

from audiosae import engine
from audiosae.errors import AudioError


def compute(seed: int) -> tuple[np.ndarray, int, list[int], int]:
    """Sums that depend on how they are split among threads, and on whether the smallest numbers are flushed to zero."""
    x = torch.randn(400, 700, generator=torch.Generator().manual_seed(seed))
    tiny = torch.full((8,), 1e-30) * 1e-10
    sums = torch.cat([(x @ x.T).sum(dim=0), torch.log(tiny + 1e-44), tiny])
    product = x.numpy().T @ x.numpy()
    threads = [pool["num_threads"] for pool in threadpool_info()]
    return np.concatenate([sums.numpy(), product.sum(axis=0)]), torch.get_num_threads(), threads, os.getpid()


def write_or_die(folder: Path, name: str, deaths: int) -> str:
    """Say that a piece ran; the first times that a piece with deaths runs, its process is killed."""
    ran = len(list(folder.glob(f"{name}-*")))
    (folder / f"{name}-{ran}").write_text("")
    if ran < deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return name.upper()


def fail(kind: str) -> str:
    if kind == "audio":
        raise AudioError("a.wav: it is silent")
    if kind == "disk":
        raise OSError(28, "No space left on device")
    if kind == "gpu":
        raise torch.OutOfMemoryError("CUDA out of memory")
    if kind == "slow":
        time.sleep(0.3)
    return kind


def divide(file: str) -> float:
    with engine.naming(file):
        return 1 / 0
