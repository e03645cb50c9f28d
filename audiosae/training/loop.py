"""The training loop of the codecs and of the generator.

What is kept is a moving average of the weights. A killed run continues from its last saved state and ends with the same bytes,
because every step draws from a seed of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from audiosae.errors import ParameterError
from audiosae.files import determinism, resume


@dataclass(frozen=True)
class Settings:
    """What every training is told; ranges are checked with params.yaml, see `files.params`."""

    minutes: float  # length of a render of training pieces
    clip_seconds: float  # and of its clips
    steps: int  # of AdamW
    learning_rate: float  # with a cosine schedule
    save_every: int  # steps between saved states, each with a row of progress
    seed: int  # of corpus, weights, and what each step draws
    start: str  # "scratch", or the checkpoint whose weights the run goes on from, see `runs`


class Learner(ABC):
    """A network on its device, the moving average of its weights, and its optimizer (AdamW, with these `options`)."""

    def __init__(self, name: str, network: Any, decay: float, **options: Any) -> None:
        self.name, self.network = name, network
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.optimizer = torch.optim.AdamW(network.parameters(), **options)

    def parts(self) -> dict[str, resume.Part]:
        """What a step changes, by name."""
        return {"network": self.network, "average": self.average, "optimizer": self.optimizer}

    def start(self) -> None:  # noqa: B027 – a network may start as it is
        """Set the weights before the first step."""

    @abstractmethod
    def step(self, number: int) -> None:
        """Learn from the examples of one step, which its number alone decides."""

    @abstractmethod
    def validate(self, number: int) -> dict[str, Any]:
        """One row of progress after a step: losses of the averaged weights above all."""


def run(learner: Learner, settings: Settings, states: Path, device: torch.device) -> pd.DataFrame:
    """Train, from the last saved state in the folder `states` if there is one; the learner is as before its first step.

    Returns progress: step, and what `Learner.validate` gives.

    Raises
    ------
    ParameterError
        If a loss is NaN or infinite; the last state from before is kept.
    OSError
        If the disk is full.
    """
    path, total = states / "state.pt", settings.steps
    first, progress = resume.restore(path, learner.parts(), total, device)
    if first == 0:
        learner.start()
    bar = tqdm(range(first, total), initial=first, total=total, desc=f"training {learner.name}", unit="step")
    for step in bar:
        torch.manual_seed(settings.seed + step)
        learner.step(step)
        if (step + 1) % settings.save_every == 0 or step + 1 == total:
            row = learner.validate(step)
            if not all(map(math.isfinite, row.values())):
                raise ParameterError(f"by step {step + 1} the loss of {learner.name} is {row}; lower the learning rate.")
            progress.append({"step": step + 1, **row})
            bar.set_postfix({name: f"{value:.3f}" for name, value in row.items()})
            state = {name: part.state_dict() for name, part in learner.parts().items()}
            resume.write({**state, "step": step + 1, "progress": progress}, path)
    return pd.DataFrame(progress)


def prepare(seed: int) -> torch.device:
    """`determinism.prepare`, on one thread: two trainings side by side get further than one on two threads."""
    device = determinism.prepare(seed)
    torch.set_num_threads(1)
    return device


def state_folder(name: str, made: dict[str, Any]) -> Path:
    """Where a run keeps its states and renders; a run with other settings or other code starts anew in another folder."""
    key = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:12]
    folder = resume.FOLDER / f"{name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def rate(peak: float, step: int, steps: int, warm_up: int = 1) -> float:
    """Learning rate at a step: a linear warm-up times a cosine that falls to a fiftieth."""
    return peak * min(1.0, (step + 1) / warm_up) * (0.02 + 0.98 * math.cos(math.pi * (step / steps) / 2) ** 2)


def descend(loss: torch.Tensor, network: nn.Module, optimizer: torch.optim.Optimizer, rate: float) -> None:
    """One step of an optimizer, with gradients clipped to norm 1."""
    optimizer.param_groups[0]["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


def write_curve(progress: pd.DataFrame, path: Path) -> None:
    """Keep the progress of a training as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    progress.to_csv(path, index=False, float_format="%.6g")
