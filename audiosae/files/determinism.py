"""Make two runs on one machine give the same bytes."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

THREADS = 2
"""Sums are split by thread, and floating-point sums depend on the split: the count is fixed, not read off the machine."""


def prepare(seed: int) -> torch.device:
    """Seed every generator, fix the thread count, and return the device (see `device`)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(THREADS)
    fix_arithmetic()
    return device()


def fix_arithmetic() -> None:
    """Make torch compute alike in every process, and on a GPU from run to run."""
    # Sparse activations decay into denormal numbers, on which a CPU is many times slower.
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True, warn_only=False)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it torch refuses every product on a GPU
    # Memory is written before it is read here; to fill it first costs up to a fifth of a training.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch makes it a property


def device() -> torch.device:
    """A GPU if torch sees one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute on so many threads inside a ``with``, and on as many as before after it.

    One for L-BFGS: on two threads, one probe once differed in its last bits between two equal runs; on one thread, none has.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
