"""How fast a training step of each codec is, by precision and by batch: seconds of music learnt from in a second.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/training.py [--threads 1] [--steps 4]
    MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=16000000000 OMP_NUM_THREADS=1 .venv/bin/python benchmarks/training.py

The shapes and losses are those of params.yaml, the music is noise. The second line keeps freed memory, so that the kernel need not clear it
again for each large tensor. A row is the fastest of several steps.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosae import command
from audiosae.files import determinism, params
from audiosae.training.codec import Learner, Settings
from audiosae.training.losses import Loss
from audiosae.training.recipes import RECIPES

MUSIC = 6.4
"""Seconds of music a step, however many examples share them."""

BATCHES = (1, 4, 8)
"""Examples a step, each shorter the more there are."""


def step_seconds(name: str, said: dict[str, Any], batch: int, half: bool, steps: int) -> tuple[float, float]:
    """Seconds of the fastest of some steps, and how many seconds of music it learns from."""
    module, shape, loss = RECIPES[name].module, said.pop("shape"), Loss(**said.pop("loss"))
    hop = 9600 if name != "diffrhythm-vae" else 2048
    crop = round(MUSIC * module.SAMPLE_RATE / batch / hop) * hop
    settings = Settings(**{**said, "start": "scratch", "batch_size": batch, "crop": crop, "continuous": 1.0})
    sizes = module.Shape(**{key: tuple(size) if isinstance(size, list) else size for key, size in shape.items()})
    noise = np.random.default_rng(0).normal(0, 0.1, (2 * batch, module.CHANNELS, 2 * crop)).astype(np.float32)
    learner = Learner(name, sizes, settings, loss, noise, torch.zeros(0))
    learner.recipe = replace(learner.recipe, half=half)
    taken = []
    for number in range(steps):
        begun = time.perf_counter()
        learner.step(number)
        taken.append(time.perf_counter() - begun)
    return min(taken), batch * crop / module.SAMPLE_RATE


def run(threads: int = 1, steps: int = 4) -> None:
    """Print a row for each codec, precision and batch."""
    determinism.prepare(0)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    print(f"{'codec':16}{'precision':>11}{'batch':>7}{'s a step':>10}{'x real time':>13}")
    for name in RECIPES:
        for half in (False, True):
            for batch in BATCHES:
                said = params.read(Path("params.yaml"))["train_codec"][name]
                seconds, music = step_seconds(name, said, batch, half, steps)
                print(f"{name:16}{'bfloat16' if half else 'float32':>11}{batch:7}{seconds:10.2f}{music / seconds:13.1f}", flush=True)


if __name__ == "__main__":
    command.run(run)
