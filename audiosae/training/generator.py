"""The stage `train_generator`: train the embedded generator on the latents of a large render of the embedded corpus.

    python -m audiosae.training.generator --target checkpoints/generator.safetensors --curve results/generation/training.csv
        --minutes 200 …

Most steps see short excerpts, many at a time; the last ones see the ten seconds that are sampled later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro

from audiosae import codecs, command
from audiosae.codecs import embedded as codec_weights
from audiosae.files import checkpoint
from audiosae.files.code import digest
from audiosae.files.whole import file_hash
from audiosae.generation import embedded, flow
from audiosae.generation.transformer import Shape
from audiosae.training import loop, runs
from audiosae.training.data import render_latents

AVERAGE = 0.999
"""Decay a step of the moving average of the weights."""

CHECKS = 64
"""Validation clips, each at a time of its own."""


@dataclass(frozen=True)
class Settings(loop.Settings):
    """How the generator is trained, besides `loop.Settings`."""

    short_share: float  # share of the steps that see excerpts
    short_frames: int  # their frames
    short_batch: int  # how many at a time
    batch: int  # whole clips a step after that
    unprompted: float  # share of examples without their prompt, for guidance (Ho and Salimans 2022)

    @property
    def short_steps(self) -> int:
        """How many steps see excerpts."""
        return round(self.short_share * self.steps)


class Learner(loop.Learner):
    """The generator that is trained, from latents and words (`render_latents`) of training and of validation pieces."""

    def __init__(self, shape: Shape, settings: Settings, known: tuple, unseen: tuple, device: torch.device) -> None:
        self.settings, self.known, self.unseen, self.device = settings, known, unseen, device
        network = embedded.Network(shape).to(device)
        frames = torch.from_numpy(known[0]).float().flatten(0, 1)
        network.mean.copy_(frames.mean(dim=0))
        network.std.copy_(frames.std(dim=0))
        super().__init__("the generator", network, AVERAGE, betas=(0.9, 0.95), weight_decay=0.01)
        self.lately: list[float] = []  # losses since the last row of progress

    def start(self) -> None:
        """The statistics of the latents are those of this run's music; the weights may be another run's."""
        if self.settings.start != runs.SCRATCH:
            tensors, _ = checkpoint.load(self.settings.start, embedded.KIND)
            kept = {name: tensor for name, tensor in tensors.items() if name not in ("mean", "std")}
            self.network.load_state_dict(kept, strict=False)
            self.average.module.load_state_dict(self.network.state_dict())

    def step(self, number: int) -> None:
        value = _loss(self.network, *self._examples(number))
        loop.descend(value, self.network, self.optimizer, loop.rate(self.settings.learning_rate, number, self.settings.steps, warm_up=200))
        self.average.update_parameters(self.network)
        self.lately.append(float(value.detach()))

    @torch.no_grad()
    def validate(self, number: int) -> dict[str, Any]:
        """Loss on training pieces since the last row, and on validation pieces at evenly spread times with the same noise."""
        training, self.lately = float(np.mean(self.lately)), []
        latents, hot = self.unseen
        rng = np.random.default_rng(self.settings.seed)
        values = []
        for start in range(0, len(latents), 16):
            music = torch.from_numpy(latents[start : start + 16].astype(np.float32)).to(self.device)
            noise = torch.from_numpy(rng.standard_normal(music.shape, dtype=np.float32)).to(self.device)
            time = ((torch.arange(len(music), device=self.device) + 0.5) / len(music)).float()
            words = torch.from_numpy(hot[start : start + 16]).to(self.device)
            values.append(float(_loss(self.average.module, music, words, noise, time)) * len(music))
        return {"training": training, "validation": sum(values) / len(latents)}

    def _examples(self, step: int) -> tuple[torch.Tensor, ...]:
        """Music, words, noise and times of one step; the same for the same seed and step."""
        settings, (latents, hot) = self.settings, self.known
        rng = np.random.default_rng([settings.seed, step])
        short = step < settings.short_steps
        chosen = rng.integers(len(latents), size=settings.short_batch if short else settings.batch)
        frames = min(settings.short_frames, latents.shape[1]) if short else latents.shape[1]
        starts = rng.integers(latents.shape[1] - frames + 1, size=len(chosen))
        music = np.stack([latents[clip, start : start + frames] for clip, start in zip(chosen, starts, strict=True)]).astype(np.float32)
        words = hot[chosen] * (rng.random((len(chosen), 1)) >= settings.unprompted)
        # Each word may be left out, so that prompts need not name all.
        words = words * (rng.random(words.shape) >= 0.1)
        noise = rng.standard_normal(music.shape, dtype=np.float32)
        time = 1 / (1 + np.exp(-rng.standard_normal(len(chosen))))
        return tuple(torch.from_numpy(np.asarray(each, dtype=np.float32)).to(self.device) for each in (music, words, noise, time))


def _loss(network: Any, music: torch.Tensor, words: torch.Tensor, noise: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """The flow's loss, on standardised latents."""
    music = (music - network.mean) / network.std

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with torch.autocast(music.device.type, torch.bfloat16):
            return network(x, t, words).float()

    return flow.loss(predict, music, noise, time)


def train(shape: Shape, settings: Settings, target: Path) -> None:
    """Train a generator, and write its checkpoint, which tells of this run and of all before it.

    Raises
    ------
    ParameterError
        If a start has other sizes than the shape, or the loss is no number any more.
    CheckpointError
        If the start is missing, damaged, or no generator.
    """
    before = runs.earlier(settings.start, embedded.KIND, vars(shape))
    codec_file = file_hash(codec_weights.FOLDER / f"{embedded.CODEC}.safetensors")
    made: dict[str, Any] = {"settings": vars(settings), "codec": codec_file, "code": digest(["audiosae.training.generator"])}
    made["parent"] = file_hash(settings.start) if before else None
    states = loop.state_folder("generator", {"shape": vars(shape), **made})
    device = loop.prepare(settings.seed)
    codec = codecs.load(embedded.CODEC).to(device)
    seconds, seed = settings.clip_seconds, settings.seed
    known = render_latents(codec, settings.minutes, seconds, seed, "train", states, device)
    unseen = render_latents(codec, CHECKS * seconds / 60, seconds, seed, "validation", states, device)
    learner = Learner(shape, settings, known, unseen, device)
    made["progress"] = loop.run(learner, settings, states, device).to_dict("records")
    made["corpus"] = hashlib.sha256(known[0].tobytes()).hexdigest()
    short = settings.short_batch * min(settings.short_frames / codec.frame_rate, seconds)
    whole = settings.batch * seconds
    made["heard"] = (settings.short_steps * short + (settings.steps - settings.short_steps) * whole) / 3600
    network: Any = learner.average.module
    embedded.save(network, target, {"codec": codec_file, "runs": [*before, made]})


def stage(target: Path, curve: Path, settings: Annotated[Settings, tyro.conf.arg(name="")], shape: Shape) -> None:
    """Train the generator; write its checkpoint (target) and the curve (CSV)."""
    train(shape, settings, target)
    loop.write_curve(runs.curve(runs.told(target, embedded.KIND)), curve)


if __name__ == "__main__":
    command.run(stage)
