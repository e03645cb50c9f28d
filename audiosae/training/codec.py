"""The stage `train_codec`: train one of the small codecs on a larger render of the embedded corpus.

    python -m audiosae.training.codec encodec --target checkpoints/encodec.safetensors --curve results/codec/encodec_training.csv
        --account results/codec/encodec.json --start scratch --minutes 60 …

From scratch, a codec with codebooks begins without them; then they start from k-means, and the rest of the steps rounds to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from audiosae.audio import labels, similarity
from audiosae.audio.pitch import SWIFT
from audiosae.codecs import embedded
from audiosae.errors import ParameterError, report
from audiosae.files import checkpoint, results
from audiosae.files.code import digest
from audiosae.files.whole import file_hash
from audiosae.training import codebooks, loop, losses
from audiosae.training import runs as chain
from audiosae.training.data import batch, render
from audiosae.training.losses import Loss
from audiosae.training.recipes import RECIPES, copy_weights

CHECKS = 32
"""Validation examples."""

TRACKED = 50.0
"""Frames a second whose pitch is compared on them."""


@dataclass(frozen=True)
class Settings(loop.Settings):
    """How a codec is trained in one run, besides `loop.Settings`."""

    continuous: float  # share of `steps` before the codebooks are used, below 1; 0 for a run that goes on
    chorales: float  # share of chorales in the render; every other part has 1. Extreme notes are rare elsewhere
    batch_size: int  # examples a step
    crop: int  # their samples (whole frames)
    average: float  # decay a step of the moving average of the weights

    @property
    def rounding_from(self) -> int:
        """The first step with codebooks."""
        return round(self.continuous * self.steps)


class Learner(loop.Learner):
    """A codec of `RECIPES` that is trained, on examples drawn from waves, float32 [clips, channels, samples].

    It is validated on `checks` [batch, channels, crop], and runs on their device.
    """

    def __init__(self, name: str, shape: Any, settings: Settings, loss: Loss, waves: np.ndarray, checks: torch.Tensor) -> None:
        self.recipe, self.settings, self.loss, self.device = RECIPES[name], settings, loss, checks.device
        self.shape, self.waves, self.checks = shape, waves, checks
        network = self.recipe.network(shape).to(self.device)
        super().__init__(name, network, settings.average, betas=(0.8, 0.99), weight_decay=1e-4)
        self.rounds = hasattr(self.network, "quantizer")

    def start(self) -> None:
        settings = self.settings
        if settings.start == chain.SCRATCH:
            self.recipe.start(self.network, self._examples(settings.seed, settings.steps))
        else:
            made = embedded.load(self.name, settings.start, lambda sizes: self.recipe.module.Network(self.recipe.module.Shape(**sizes)))
            copy_weights(made, self.network)
            if self.rounds:
                with torch.no_grad():
                    seen = self.network.encoder(self._examples(settings.seed, settings.steps))
                codebooks.resume(self.network.quantizer, seen.shape[0] * seen.shape[2])
        self.average.module.load_state_dict(self.network.state_dict())

    def step(self, number: int) -> None:
        """One step of the codec."""
        settings = self.settings
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half)
        if self.rounds and settings.start == chain.SCRATCH and number == settings.rounding_from:
            with torch.no_grad():
                seen = [self.network.encoder(self._examples(settings.seed + 1, each)) for each in range(codebooks.BATCHES)]
            codebooks.start(self.network.quantizer, seen, settings.seed)
        wave = self._examples(settings.seed, number)
        self.network.train()
        with half:
            encoded = self.network.encoder(wave)
        latents, penalty = self.recipe.bottleneck(self.network, encoded.float(), number >= settings.rounding_from)
        with half:
            decoded = self.network.decoder(latents).float()
        terms = losses.reconstruction(decoded, wave, self.loss, self.recipe.module.SAMPLE_RATE)
        rate = loop.rate(settings.learning_rate, number, settings.steps, warm_up=100)
        loop.descend(self.loss.total({**terms, "bottleneck": penalty}), self.network, self.optimizer, rate)
        self.average.update_parameters(self.network)

    @torch.no_grad()
    def validate(self, number: int) -> dict[str, Any]:
        """Whether the codebooks are in use, and how far the averaged weights are off: the same in every run, see `measure`."""
        network, rounding = self.result().eval(), number >= self.settings.rounding_from
        latents, _ = self.recipe.bottleneck(network, network.encoder(self.checks), rounding)
        found = measure(network.decoder(latents), self.checks, self.recipe.windows, self.recipe.module.SAMPLE_RATE)
        return {"quantised": self.rounds and rounding, **found}

    def result(self) -> nn.Module:
        """The averaged weights, plain, with the codebooks as they are: these are averages already."""
        for mean, current in zip(self.average.module.buffers(), self.network.buffers(), strict=True):
            mean.copy_(current)
        state = self.average.module.state_dict()
        for name, layer in self.average.module.named_modules():
            if is_parametrized(layer, "weight"):
                state = {key: value for key, value in state.items() if not key.startswith(f"{name}.parametrizations.")}
                state[f"{name}.weight"] = layer.weight.detach()
        plain = self.recipe.module.Network(self.shape).to(self.device)
        plain.load_state_dict(state)
        return plain

    def _examples(self, seed: int, step: int) -> torch.Tensor:
        return batch(
            self.waves, self.settings.batch_size, self.settings.crop, seed, step, self.device, pan=self.recipe.module.CHANNELS == 2
        )


def measure(decoded: torch.Tensor, original: torch.Tensor, windows: tuple[int, ...], sample_rate: int) -> dict[str, float]:
    """How far decoded examples are off, apart from the weights of any loss; waves [batch, channels, samples].

    Returns
    -------
    spectral, level
        As in `losses`, each channel a clip.
    log_mel_db, pitch
        As on the pages: `similarity.log_mel_mae`, mean over examples, and the share of voiced frames within 50 cents.
    """
    if not torch.isfinite(decoded).all():
        return dict.fromkeys(("spectral", "level", "log_mel_db", "pitch"), float("nan"))  # which stops the run
    reference, scale = losses.normalise(original.flatten(0, 1))
    found = decoded.flatten(0, 1) / scale
    pairs = [[each.cpu().numpy() for each in pair] for pair in zip(decoded, original, strict=True)]
    mel = [similarity.log_mel_mae(one.mean(axis=0), other.mean(axis=0), sample_rate) for one, other in pairs]
    after, before = ([labels.describe(wave, sample_rate, TRACKED, SWIFT) for wave in side] for side in zip(*pairs, strict=True))
    return {
        "spectral": float(losses.spectral(found, reference, windows)),
        "level": float(losses.level(found, reference, sample_rate)),
        "log_mel_db": float(np.mean(mel)),
        "pitch": similarity.agreement(before, after, [True] * len(pairs))["pitch"],
    }


def train(codec: str, shape: Any, settings: Settings, loss: Loss, target: Path) -> None:
    """Train a codec, whose `Shape` is given, and write its checkpoint, which tells of this run and of all before it.

    Raises
    ------
    ParameterError
        If the clips are shorter than an example, a start has other sizes than the shape, or the loss is no number any more.
    CheckpointError
        If the start is missing, damaged, or of another codec.
    OSError
        If the disk is full.
    """
    recipe = RECIPES[codec]
    rate, crop = recipe.module.SAMPLE_RATE, settings.crop
    if settings.clip_seconds * rate <= crop:
        raise ParameterError(
            f"clip_seconds must be above {crop / rate:.2f}, the length of a training example of {codec}; it is {settings.clip_seconds}."
        )
    if settings.rounding_from >= settings.steps:
        raise ParameterError(f"continuous is {settings.continuous}, which leaves no step that uses the codebooks; lower it.")
    runs = chain.earlier(settings.start, f"codec/{codec}", vars(shape))
    made: dict[str, Any] = {"settings": vars(settings), "loss": vars(loss), "code": digest(["audiosae.training.codec"])}
    made["parent"] = file_hash(settings.start) if runs else None
    states = loop.state_folder(codec, {"codec": codec, "shape": vars(shape), **made})
    device = loop.prepare(settings.seed)
    torch.use_deterministic_algorithms(device.type == "cpu")  # the quantiser's scatter has no such form on a GPU
    sound: dict[str, Any] = {"sample_rate": rate, "channels": recipe.module.CHANNELS, "folder": states}
    waves = render(settings.minutes, settings.clip_seconds, settings.seed, "train", **sound, chorales=settings.chorales)
    unseen = render(2, 5.0, 0, "validation", **sound)
    checks = batch(unseen, CHECKS, recipe.crop, 0, 0, device)
    learner = Learner(codec, shape, settings, loss, waves, checks)
    progress = loop.run(learner, settings, states, device)
    made["corpus"] = hashlib.sha256(waves.tobytes()).hexdigest()
    made["heard"] = settings.steps * settings.batch_size * crop / rate / 3600
    made["progress"] = progress.to_dict("records")
    embedded.save(codec, learner.result(), shape, target, {"codec": codec, "runs": [*runs, made]})


def describe(codec: str, path: Path) -> dict[str, Any]:
    """What the book tells of a trained codec, read from its checkpoint: the count of its `numbers` (codebooks included), the steps and
    the runs they belong to, the hours of music rendered and in all examples, and the size of the file."""
    tensors, header = checkpoint.load(path, f"codec/{codec}")
    runs = header["provenance"]["runs"]
    return {
        "numbers": sum(tensor.numel() for tensor in tensors.values()),
        "runs": len(runs),
        "steps": sum(run["settings"]["steps"] for run in runs),
        "hours_rendered": sum(run["settings"]["minutes"] for run in runs) / 60,
        "hours_heard": sum(run["heard"] for run in runs),
        "mega_bytes": path.stat().st_size / 1e6,
    }


def stage(codec: str) -> Callable[..., None]:
    """The command that trains one codec; which sizes it takes depends on the codec."""

    def run(target: Path, curve: Path, account: Path, settings: Settings, shape: Any, loss: Loss) -> None:
        train(codec, shape, settings, loss, target)
        loop.write_curve(chain.curve(chain.told(target, f"codec/{codec}")), curve)
        results.write(account, describe(codec, target))

    run.__annotations__ |= {"settings": Annotated[Settings, tyro.conf.arg(name="")], "shape": RECIPES[codec].module.Shape}
    run.__doc__ = f"Train {codec}; write its checkpoint (target), the curve (CSV), and what the book tells of it (account, JSON)."
    return run


if __name__ == "__main__":
    report(lambda: tyro.extras.subcommand_cli_from_dict({codec: stage(codec) for codec in RECIPES}))
