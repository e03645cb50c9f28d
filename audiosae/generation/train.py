"""The stage `train_generator`: teach the embedded generator on the latents of a large render of the embedded corpus.

    python -m audiosae.generation.train checkpoints/generator.safetensors results/generation/training.csv --minutes 300 …

Training pieces only. Most steps see short excerpts, many at a time; the last ones see the ten seconds that are sampled
later. What is kept is a moving average of the weights. A killed run continues from its last saved state with the same
result, because every step draws from a seed of its own. On a GPU the same recipe runs there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from audiosae import codecs, resume
from audiosae.checkpoint import file_hash
from audiosae.codecs import embedded as codec_weights
from audiosae.determinism import prepare
from audiosae.errors import ParameterError, report
from audiosae.generation import embedded, flow
from audiosae.generation.training_data import render
from audiosae.generation.transformer import Shape

AVERAGE = 0.999
"""Decay a step of the moving average of the weights."""

CHECKS = 64
"""Validation clips, each at a time of its own."""


@dataclass(frozen=True)
class Settings:
    """How the generator is trained.

    Attributes
    ----------
    minutes, clip_seconds
        Length of the render of training pieces, and of its clips.
    steps, learning_rate
        Of AdamW with a cosine schedule.
    short_share, short_frames, short_batch
        Share of the steps that see excerpts of so many frames, so many at a time.
    batch
        Whole clips a step after that.
    unprompted
        Share of examples without their prompt, for guidance (Ho and Salimans 2022).
    save_every
        Steps between saved states, each with a line of progress.
    seed
        Of corpus, weights, noise and excerpts.

    Raises
    ------
    ParameterError
        If a number is outside its range.
    """

    minutes: float
    clip_seconds: float
    steps: int
    learning_rate: float
    short_share: float
    short_frames: int
    short_batch: int
    batch: int
    unprompted: float
    save_every: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("minutes", "clip_seconds", "steps", "learning_rate", "short_frames", "short_batch", "batch", "save_every"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"train_generator: {name} must be above 0; it is {getattr(self, name)}.")
        for name in ("short_share", "unprompted"):
            if not 0 <= getattr(self, name) <= 1:
                raise ParameterError(f"train_generator: {name} must be a share from 0 to 1; it is {getattr(self, name)}.")

    def rate(self, step: int) -> float:
        """Learning rate at a step: a short warm-up, then a falling cosine."""
        return self.learning_rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * math.cos(math.pi * step / self.steps / 2) ** 2)


def train(shape: Shape, settings: Settings, target: Path) -> pd.DataFrame:
    """Train a generator, and write its checkpoint.

    Returns
    -------
    Progress: step, and the loss on training and on validation pieces.

    Raises
    ------
    ParameterError
        If the loss is no number any more.
    CheckpointError
        If the VAE's weights are damaged.
    OSError
        If the disk is full.
    """
    parent = codec_weights.FOLDER / f"{embedded.CODEC}.safetensors"
    given = {"shape": vars(shape), "settings": vars(settings), "codec": file_hash(parent)}
    # With other code a stopped run would not end as if it had not been stopped: it starts anew.
    key = hashlib.sha256((json.dumps(given, sort_keys=True) + code()).encode()).hexdigest()[:12]
    states = resume.FOLDER / f"generator-{key}"
    states.mkdir(parents=True, exist_ok=True)
    device = prepare(settings.seed)
    codec = codecs.load(embedded.CODEC).to(device)
    length = (settings.minutes, settings.clip_seconds, settings.seed)
    latents, hot = render(codec, *length, "train", states, device)
    unseen = render(codec, CHECKS * settings.clip_seconds / 60, *length[1:], "validation", states, device)

    network = embedded.Network(shape).to(device)
    flat = torch.from_numpy(latents).float().flatten(0, 1)
    network.mean.copy_(flat.mean(dim=0))
    network.std.copy_(flat.std(dim=0))
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.01)
    parts = {"network": network, "average": average, "optimizer": optimizer}
    state_path = states / "state.pt"
    first, progress = resume.restore(state_path, parts, settings.steps, device)
    lately: list[float] = []
    for step in tqdm(range(first, settings.steps), desc="training the generator", initial=first, total=settings.steps, unit="step"):
        short = step < settings.short_share * settings.steps
        value = _loss(network, *_examples(latents, hot, settings, step, short, device))
        optimizer.param_groups[0]["lr"] = settings.rate(step)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        lately.append(float(value.detach()))
        if not math.isfinite(lately[-1]):
            raise ParameterError(f"train_generator: the loss is {lately[-1]} at step {step}; lower learning_rate.")
        if (step + 1) % settings.save_every == 0 or step + 1 == settings.steps:
            progress.append({"step": step + 1, "training": float(np.mean(lately)), "validation": _validate(average.module, *unseen, settings.seed, device)})
            lately = []
            resume.write({name: part.state_dict() for name, part in parts.items()} | {"step": step + 1, "progress": progress}, state_path)
    embedded.save(average.module, target, {**given, "code": code(), "validation": progress[-1]["validation"]})
    return pd.DataFrame(progress)


def _examples(
    latents: np.ndarray, hot: np.ndarray, settings: Settings, step: int, short: bool, device: torch.device
) -> tuple[torch.Tensor, ...]:
    """Music, words, noise and times of one step; the same for the same seed and step."""
    rng = np.random.default_rng([settings.seed, step])
    chosen = rng.integers(len(latents), size=settings.short_batch if short else settings.batch)
    frames = min(settings.short_frames, latents.shape[1]) if short else latents.shape[1]
    starts = rng.integers(latents.shape[1] - frames + 1, size=len(chosen))
    music = np.stack([latents[clip, start : start + frames] for clip, start in zip(chosen, starts)]).astype(np.float32)
    words = hot[chosen] * (rng.random((len(chosen), 1)) >= settings.unprompted)
    # Each word may be left out, so that prompts need not name all.
    words = words * (rng.random(words.shape) >= 0.1)
    noise = rng.standard_normal(music.shape, dtype=np.float32)
    time = 1 / (1 + np.exp(-rng.standard_normal(len(chosen))))
    return tuple(torch.from_numpy(np.asarray(each, dtype=np.float32)).to(device) for each in (music, words, noise, time))


def _loss(network: torch.nn.Module, music: torch.Tensor, words: torch.Tensor, noise: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    music = (music - network.mean) / network.std

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        with torch.autocast(music.device.type, torch.bfloat16):
            return network(x, t, words).float()

    return flow.loss(predict, music, noise, time)


@torch.no_grad()
def _validate(network: torch.nn.Module, latents: np.ndarray, hot: np.ndarray, seed: int, device: torch.device) -> float:
    """Loss at evenly spread times, always with the same noise."""
    rng = np.random.default_rng(seed)
    values = []
    for start in range(0, len(latents), 16):
        music = torch.from_numpy(latents[start : start + 16].astype(np.float32)).to(device)
        noise = torch.from_numpy(rng.standard_normal(music.shape, dtype=np.float32)).to(device)
        time = ((torch.arange(len(music), device=device) + 0.5) / len(music)).float()
        words = torch.from_numpy(hot[start : start + 16]).to(device)
        values.append(float(_loss(network, music, words, noise, time)) * len(music))
    return sum(values) / len(latents)


def code() -> str:
    """One hash for all modules that decide what comes out: those of generation, of the codecs and of the corpus."""
    package = Path(__file__).parents[1]
    files = [*(package / "generation" / f"{name}.py" for name in ("embedded", "flow", "prompts", "train", "training_data", "transformer")),
             *package.glob("corpus/*.py"), package / "codecs" / "diffrhythm_vae.py"]
    return hashlib.sha256("".join(file_hash(path) for path in sorted(files)).encode()).hexdigest()


def main() -> None:
    """Read the arguments that DVC makes from params.yaml, train, and leave the curve in results/."""
    parser = argparse.ArgumentParser(prog="audiosae.generation.train", description=__doc__, allow_abbrev=False)
    parser.add_argument("target", type=Path)
    parser.add_argument("curve", type=Path, help="CSV of the training curve")
    kinds: dict[str, type] = {"": Settings, "shape.": Shape}
    for prefix, kind in kinds.items():
        for name, hint in get_type_hints(kind).items():
            parser.add_argument(f"--{prefix}{name}", type=hint, required=True)
    given = vars(parser.parse_args())
    settings, shape = (kind(**{field.name: given[prefix + field.name] for field in fields(kind)}) for prefix, kind in kinds.items())
    progress = train(shape, settings, given["target"])
    given["curve"].parent.mkdir(parents=True, exist_ok=True)
    progress.to_csv(given["curve"], index=False, float_format="%.6g")


if __name__ == "__main__":
    report(main)
