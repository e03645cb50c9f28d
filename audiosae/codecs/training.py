"""One run of a codec's training: what it is told, its networks and optimisers, and one step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from audiosae.codecs import discriminator as judge
from audiosae.codecs.losses import reconstruction
from audiosae.codecs.recipes import Recipe
from audiosae.errors import ParameterError

AVERAGE = 0.995
"""Decay a step of the moving average of the weights."""


@dataclass(frozen=True)
class Loss:
    """What each term of the loss counts.

    Attributes
    ----------
    windows
        Of the spectra, in samples. The longest decides which intervals the spectra can tell apart: two low notes a
        semitone apart are 5 Hz apart.
    waveform, spectral, level
        See `losses.reconstruction`.
    bottleneck
        Commitment loss of the codebooks, or divergence of the VAE.
    adversarial
        See `discriminator`; in the second round alone.
    """

    windows: tuple[int, ...]
    waveform: float
    spectral: float
    level: float
    bottleneck: float
    adversarial: float


@dataclass(frozen=True)
class Settings:
    """How a codec is trained.

    Attributes
    ----------
    minutes, clip_seconds
        Length of each render of training pieces, and of its clips.
    steps, learning_rate
        Of AdamW with a cosine schedule.
    continuous
        Share of these steps before the codebooks are used.
    refine_steps, refine_rate
        Of the second round, with a cosine schedule of its own (a warm restart, Loshchilov and Hutter 2017).
    batch_size
        Examples a step, of `Recipe.crop` samples.
    save_every
        Steps between saved states, each with a line of progress.
    seed
        Of corpus, weights and crops.

    Raises
    ------
    ParameterError
        If a number is outside its range.
    """

    minutes: float
    clip_seconds: float
    steps: int
    learning_rate: float
    continuous: float
    refine_steps: int
    refine_rate: float
    batch_size: int
    save_every: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("minutes", "clip_seconds", "steps", "learning_rate", "refine_rate", "batch_size", "save_every"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"train_codec: {name} must be above 0; it is {getattr(self, name)}.")
        if not 0 <= self.continuous < 1:
            raise ParameterError(f"train_codec: continuous must be a share below 1; it is {self.continuous}.")
        if self.refine_steps < 0:
            raise ParameterError(f"train_codec: refine_steps must be 0 or more; it is {self.refine_steps}.")

    @property
    def total(self) -> int:
        """Steps of both rounds."""
        return self.steps + self.refine_steps

    @property
    def rounding_from(self) -> int:
        """The first step with codebooks."""
        return round(self.continuous * self.steps)

    def rate(self, step: int) -> float:
        """Learning rate at a step, counted over both rounds: a short warm-up, then two falling cosines."""
        if step < self.steps:
            peak, done = self.learning_rate * min(1.0, (step + 1) / 100), step / self.steps
        else:
            peak, done = self.refine_rate, (step - self.steps) / self.refine_steps
        return peak * (0.02 + 0.98 * math.cos(math.pi * done / 2) ** 2)


class Run:
    """The networks and optimisers of one run.

    Parameters
    ----------
    recipe, shape
        The codec and its sizes.
    settings, loss
        See above.
    device
        Where it runs.
    """

    def __init__(
        self, recipe: Recipe, shape: object, settings: Settings, loss: Loss, device: torch.device
    ) -> None:
        self.recipe, self.shape, self.settings, self.loss, self.device = recipe, shape, settings, loss, device
        self.network = recipe.network(shape).to(device)
        self.rounds = hasattr(self.network, "quantizer")
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
        options = dict(lr=settings.learning_rate, betas=(0.8, 0.99), weight_decay=1e-4)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), **options)
        self.judge = judge.build().to(device) if loss.adversarial else None
        self.judge_optimizer = torch.optim.AdamW(self.judge.parameters(), **options) if self.judge else None

    def parts(self) -> dict[str, Any]:
        """What a step changes, by name."""
        parts = {"network": self.network, "average": self.average, "optimizer": self.optimizer}
        return parts | ({"judge": self.judge, "judge_optimizer": self.judge_optimizer} if self.judge else {})

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, apart from its number."""
        return {name: part.state_dict() for name, part in self.parts().items()}

    def start(self, wave: torch.Tensor) -> None:
        """Set the weights before the first step, on one batch."""
        self.recipe.start(self.network, wave)
        self.average.module.load_state_dict(self.network.state_dict())

    @torch.no_grad()
    def start_rounding(self, waves: Iterable[torch.Tensor]) -> None:
        """Set the codebooks, on some batches."""
        self.recipe.start_rounding(self.network, [self.network.encoder(wave) for wave in waves], self.settings.seed)

    def step(self, wave: torch.Tensor, number: int) -> None:
        """One step of the codec on a batch [batch, channels, crop]; in the second round one of the discriminator too."""
        self.network.train()
        rate, refining = self.settings.rate(number), number >= self.settings.steps
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half):
            encoded = self.network.encoder(wave)
        latents, penalty = self.recipe.bottleneck(
            self.network, encoded.float(), rounding=number >= self.settings.rounding_from
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half):
            decoded = self.network.decoder(latents).float()
        total = self.loss.bottleneck * penalty
        for name, value in self._terms(decoded, wave).items():
            total = total + getattr(self.loss, name) * value
        if self.judge and refining:
            one, other = (heard.flatten(0, 1)[:, None] for heard in (decoded, wave))
            _descend(judge.own_loss(self.judge, one, other), self.judge, self.judge_optimizer, rate)
            total = total + self.loss.adversarial * judge.codec_loss(self.judge, one, other)
        _descend(total, self.network, self.optimizer, rate)
        self.average.update_parameters(self.network)

    @torch.no_grad()
    def validate(self, wave: torch.Tensor, rounding: bool) -> dict[str, float]:
        """Terms of the loss of the averaged weights."""
        network = self.result().eval()
        latents, _ = self.recipe.bottleneck(network, network.encoder(wave), rounding)
        return {name: float(value) for name, value in self._terms(network.decoder(latents), wave).items()}

    def _terms(self, decoded: torch.Tensor, wave: torch.Tensor) -> dict[str, torch.Tensor]:
        # Each channel counts as a clip.
        one, other = decoded.flatten(0, 1), wave.flatten(0, 1)
        return reconstruction(one, other, self.loss.windows, self.recipe.module.SAMPLE_RATE)

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


def _descend(loss: torch.Tensor, network: nn.Module, optimizer: torch.optim.Optimizer, rate: float) -> None:
    optimizer.param_groups[0]["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
