"""The stage `train_codec`: train one of the small codecs on a larger render of the embedded corpus.

    python -m audiosae.training.codec encodec --target checkpoints/encodec.safetensors --curve results/codec/encodec_training.csv
        --account results/codec/encodec.json --minutes 60 …

A codec with codebooks starts without them; then they start from k-means, and the rest of the steps rounds to them. A second,
shorter round refines the result on another render with more single voices, since extreme notes are rare in the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import tyro
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from audiosae.codecs import embedded
from audiosae.errors import ParameterError, report
from audiosae.files import checkpoint, results
from audiosae.files.code import digest
from audiosae.files.determinism import prepare
from audiosae.training import codebooks, loop, losses
from audiosae.training.data import batch, render
from audiosae.training.recipes import RECIPES

AVERAGE = 0.995
"""Decay a step of the moving average of the weights."""

CHECKS = 32
"""Validation examples."""

REFINE_CHORALES = 3.0
"""Share of chorales in the second render; every other part has 1."""


@dataclass(frozen=True)
class Loss:
    """Weight of each term of the loss.

    Attributes
    ----------
    windows
        Of the spectra, in samples; the longest decides which intervals they can tell apart.
    waveform, spectral, level
        See `losses.reconstruction`.
    bottleneck
        Commitment loss of the codebooks, or divergence of the VAE.
    adversarial
        See `losses.adversarial`; in the second round alone.
    """

    windows: tuple[int, ...]
    waveform: float
    spectral: float
    level: float
    bottleneck: float
    adversarial: float


@dataclass(frozen=True)
class Settings(loop.Settings):
    """How a codec is trained, besides `loop.Settings`.

    Attributes
    ----------
    continuous
        Share of `steps` before the codebooks are used, below 1.
    refine_steps, refine_rate
        Of the second round, with a cosine schedule of its own (a warm restart, Loshchilov and Hutter 2017).
    batch_size
        Examples a step, of `Recipe.crop` samples.
    """

    continuous: float
    refine_steps: int
    refine_rate: float
    batch_size: int

    @property
    def total(self) -> int:
        """Steps of both rounds."""
        return self.steps + self.refine_steps

    @property
    def rounding_from(self) -> int:
        """The first step with codebooks."""
        return round(self.continuous * self.steps)

    def rate(self, step: int) -> float:
        """Learning rate at a step, counted over both rounds."""
        if step < self.steps:
            return loop.rate(self.learning_rate, step, self.steps, warm_up=100)
        return loop.rate(self.refine_rate, step - self.steps, self.refine_steps)


class Learner(loop.Learner):
    """A codec that is trained.

    Parameters
    ----------
    name, shape
        The codec, a name in `RECIPES`, and its sizes.
    waves, refining
        What the two rounds draw examples from, float32 [clips, channels, samples].
    checks
        Validation examples [batch, channels, crop], on the device where it is to run.
    """

    def __init__(
        self, name: str, shape: Any, settings: Settings, loss: Loss, waves: np.ndarray, refining: np.ndarray, checks: torch.Tensor
    ) -> None:
        self.recipe, self.settings, self.loss, self.device = RECIPES[name], settings, loss, checks.device
        self.shape, self.waves, self.refining, self.checks = shape, waves, refining, checks
        options: dict[str, Any] = {"betas": (0.8, 0.99), "weight_decay": 1e-4}
        super().__init__(name, self.recipe.network(shape).to(self.device), AVERAGE, **options)
        self.rounds = hasattr(self.network, "quantizer")
        self.judges: dict[str, Any] = {}
        if loss.adversarial:
            judge = losses.discriminator().to(self.device)
            self.judges = {"judge": judge, "judge_optimizer": torch.optim.AdamW(judge.parameters(), **options)}

    def parts(self) -> dict[str, Any]:
        return super().parts() | self.judges

    def start(self) -> None:
        self.recipe.start(self.network, self._examples(self.waves, self.settings.seed, self.settings.steps))
        self.average.module.load_state_dict(self.network.state_dict())

    def step(self, number: int) -> None:
        """One step of the codec; in the second round one of the discriminator too."""
        settings, refining = self.settings, number >= self.settings.steps
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half)
        if self.rounds and number == settings.rounding_from:
            with torch.no_grad():
                seen = [self.network.encoder(self._examples(self.waves, settings.seed + 1, each)) for each in range(codebooks.BATCHES)]
            codebooks.start(self.network.quantizer, seen, settings.seed)
        wave = self._examples(self.refining if refining else self.waves, settings.seed, number)
        self.network.train()
        with half:
            encoded = self.network.encoder(wave)
        latents, penalty = self.recipe.bottleneck(self.network, encoded.float(), number >= settings.rounding_from)
        with half:
            decoded = self.network.decoder(latents).float()
        total = self.loss.bottleneck * penalty
        for name, value in self._terms(decoded, wave).items():
            total = total + getattr(self.loss, name) * value
        rate = settings.rate(number)
        if self.judges and refining:
            judge, optimizer = self.judges.values()
            one, other = (heard.flatten(0, 1)[:, None] for heard in (decoded, wave))
            loop.descend(losses.discrimination(judge, one, other), judge, optimizer, rate)
            total = total + self.loss.adversarial * losses.adversarial(judge, one, other)
        loop.descend(total, self.network, self.optimizer, rate)
        self.average.update_parameters(self.network)

    @torch.no_grad()
    def validate(self, number: int) -> dict[str, Any]:
        """Whether the codebooks are in use, and the terms of the loss of the averaged weights."""
        network, rounding = self.result().eval(), number >= self.settings.rounding_from
        latents, _ = self.recipe.bottleneck(network, network.encoder(self.checks), rounding)
        terms = self._terms(network.decoder(latents), self.checks)
        return {"quantised": self.rounds and rounding, **{name: float(value) for name, value in terms.items()}}

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

    def _examples(self, waves: np.ndarray, seed: int, step: int) -> torch.Tensor:
        return batch(waves, self.settings.batch_size, self.recipe.crop, seed, step, self.device)

    def _terms(self, decoded: torch.Tensor, wave: torch.Tensor) -> dict[str, torch.Tensor]:
        """Each channel counts as a clip."""
        return losses.reconstruction(decoded.flatten(0, 1), wave.flatten(0, 1), self.loss.windows, self.recipe.module.SAMPLE_RATE)


def train(codec: str, shape: Any, settings: Settings, loss: Loss, target: Path) -> pd.DataFrame:
    """Train a codec, whose `Shape` is given, and write its checkpoint.

    Returns
    -------
    Progress: step, quantised or not, and the terms of the loss on validation pieces.

    Raises
    ------
    ParameterError
        If the clips are shorter than an example, or the loss is no number any more.
    OSError
        If the disk is full.
    """
    recipe = RECIPES[codec]
    rate, crop = recipe.module.SAMPLE_RATE, recipe.crop
    if settings.clip_seconds * rate <= crop:
        raise ParameterError(
            f"clip_seconds must be above {crop / rate:.2f}, the length of a training example of {codec}; it is {settings.clip_seconds}."
        )
    if settings.rounding_from >= settings.total:
        raise ParameterError(f"continuous is {settings.continuous}, which leaves no step that uses the codebooks; lower it.")
    made: dict[str, Any] = {"codec": codec, "shape": vars(shape), "settings": vars(settings), "loss": vars(loss)}
    made["code"] = digest(["audiosae.training.codec"])
    states = loop.state_folder(codec, made)
    device = prepare(settings.seed)
    torch.use_deterministic_algorithms(device.type == "cpu")  # the quantiser's scatter has no such form on a GPU
    length = (settings.minutes, settings.clip_seconds)
    sound: dict[str, Any] = {"sample_rate": rate, "channels": recipe.module.CHANNELS, "folder": states}
    waves = render(*length, settings.seed, "train", **sound)
    refining = render(*length, settings.seed + 1, "train", **sound, chorales=REFINE_CHORALES)
    unseen = render(2, settings.clip_seconds, settings.seed, "validation", **sound)
    checks = batch(unseen, CHECKS, crop, settings.seed, 0, device)
    learner = Learner(codec, shape, settings, loss, waves, refining, checks)
    progress = loop.run(learner, settings, states, device)
    corpus = [hashlib.sha256(data.tobytes()).hexdigest() for data in (waves, refining)]
    embedded.save(codec, learner.result(), shape, target, {"corpus": corpus, "parent": None, **made})
    return progress


def describe(codec: str, path: Path) -> dict[str, Any]:
    """What the book tells of a trained codec, read from its checkpoint: the count of its `numbers` (codebooks included), the steps,
    the hours of music in both renders and in all examples, and the size of the file."""
    tensors, header = checkpoint.load(path, f"codec/{codec}")
    settings, recipe = header["provenance"]["settings"], RECIPES[codec]
    steps = settings["steps"] + settings["refine_steps"]
    return {
        "numbers": sum(tensor.numel() for tensor in tensors.values()),
        "steps": steps,
        "hours_rendered": 2 * settings["minutes"] / 60,
        "hours_heard": steps * settings["batch_size"] * recipe.crop / recipe.module.SAMPLE_RATE / 3600,
        "mega_bytes": path.stat().st_size / 1e6,
    }


def stage(codec: str) -> Callable[..., None]:
    """The command that trains one codec; which sizes it takes depends on the codec."""

    def run(target: Path, curve: Path, account: Path, settings: Settings, shape: Any, loss: Loss) -> None:
        loop.write_curve(train(codec, shape, settings, loss, target), curve)
        results.write(account, describe(codec, target))

    run.__annotations__ |= {"settings": Annotated[Settings, tyro.conf.arg(name="")], "shape": RECIPES[codec].module.Shape}
    run.__doc__ = f"Train {codec}; write its checkpoint (target), the curve (CSV), and what the book tells of it (account, JSON)."
    return run


if __name__ == "__main__":
    report(lambda: tyro.extras.subcommand_cli_from_dict({codec: stage(codec) for codec in RECIPES}))
