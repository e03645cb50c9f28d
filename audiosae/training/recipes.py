"""How the training of each codec differs: how it starts, and what its bottleneck does while it learns.

With PyTorch's own initial weights the latents hardly move, and the decoder learns a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

from audiosae.codecs import diffrhythm_vae, encodec, wavtokenizer
from audiosae.training import codebooks

_CONVOLUTIONS = (nn.Conv1d, nn.ConvTranspose1d)


@dataclass
class Recipe:
    """One codec, for the trainer.

    `bottleneck` goes from a network, what its encoder gives, and whether codebooks are in use, to the latents for the decoder, and what is
    added to the loss.
    """

    module: ModuleType  # whose Network has an `encoder` (waves to [batch, …, frames]) and a `decoder` ([batch, dim, frames] to waves)
    crop: int  # samples of a validation example, whole frames
    windows: tuple[int, ...]  # in samples, of the spectra in which validation examples are compared: the same in every run
    start: Callable[[Any, torch.Tensor], None]  # sets a network's weights before the first step, on one batch [batch, channels, crop]
    bottleneck: Callable[[Any, torch.Tensor, bool], tuple[torch.Tensor, torch.Tensor]]
    half: bool = True  # whether the networks learn in bfloat16, which is faster; the VAE's latents grew without bound in it
    normalised: bool = False  # whether the network learns with weight normalisation, which `Learner.result` folds into plain weights

    def network(self, shape: Any) -> nn.Module:
        """A network to train, with PyTorch's weights."""
        network = self.module.Network(shape)
        if self.normalised:
            for layer in network.modules():
                if isinstance(layer, _CONVOLUTIONS):
                    weight_norm(layer)
        return network


@torch.no_grad()
def scale_layers(run: Callable[[], object], *parts: nn.Module) -> None:
    """Orthogonal weights in the convolutions of parts, rescaled layer by layer to unit variance on one batch (Mishkin and Matas 2016).

    `run` sends the batch through the parts, in the order in which the layers depend on each other.
    """

    def rescale(layer: Any, _: object, output: torch.Tensor) -> torch.Tensor:
        _set_weight(layer, layer.weight / output.std())
        return output / output.std()

    hooks = []
    for module in nn.ModuleList(parts).modules():
        if isinstance(module, _CONVOLUTIONS):
            _set_weight(module, nn.init.orthogonal_(torch.empty_like(module.weight)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            hooks.append(module.register_forward_hook(rescale))
    run()
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def copy_weights(plain: nn.Module, network: nn.Module) -> None:
    """Give a network to train the weights of a plain one of the same sizes, also where it keeps direction and length apart."""
    weights = plain.state_dict()
    for name, layer in network.named_modules():
        if is_parametrized(layer, "weight"):
            _set_weight(layer, weights.pop(f"{name}.weight"))
    network.load_state_dict(weights, strict=False)


@torch.no_grad()
def _set_weight(layer: Any, weight: torch.Tensor) -> None:
    """Give a convolution its weight, also where it keeps direction and length apart (weight normalisation)."""
    if is_parametrized(layer, "weight"):
        layer.weight = weight
    else:
        layer.weight.copy_(weight)


def _start_encodec(network: Any, wave: torch.Tensor) -> None:
    scale_layers(lambda: network.decoder(network.encoder(wave)), network.encoder, network.decoder)
    network.decoder.model[-1].conv.conv.weight.data.mul_(wave.std())


def _start_wavtokenizer(network: Any, wave: torch.Tensor) -> None:
    """The backbone starts as Vocos's does."""
    scale_layers(lambda: network.encoder(wave), network.encoder)


@torch.no_grad()
def _start_vae(network: Any, wave: torch.Tensor) -> None:
    def latents() -> torch.Tensor:
        return diffrhythm_vae.distribution(network.encoder(wave))[0]

    scale_layers(lambda: network.decoder(latents()), network.encoder, network.decoder)
    # Residual branches start small: fifteen in a row, each as loud as its input, ran away in training.
    for name, layer in network.named_modules():
        if "res_unit" in name and name.endswith("conv2"):
            _set_weight(layer, 0.1 * layer.weight)
    last, end = network.encoder.conv2, network.decoder.conv2
    _set_weight(last, last.weight / latents().std())
    _set_weight(end, end.weight * 0.3 * wave.std() / network.decoder(latents()).std())
    # A standard deviation of 0.02: learn to hear before learning to forget.
    last.bias[diffrhythm_vae.DIM :] = -4


def _round(network: Any, encoded: torch.Tensor, rounding: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Once the codebooks are in use: rounded latents with gradients passed straight through, and the mean commitment loss.

    In training the codebooks follow the encoder as moving averages, and their dead vectors are revived.
    """
    if not rounding:
        return encoded, encoded.new_zeros(())
    if network.training:
        codebooks.revive(network.quantizer, encoded)
    latents, _, losses = network.quantizer.vq(encoded)
    return latents, losses.mean()


def _sample(network: Any, encoded: torch.Tensor, _: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """A sample of the latents in training and their mean else, and the divergence from a standard normal, summed over a frame."""
    mean, deviation = diffrhythm_vae.distribution(encoded)
    divergence = 0.5 * (mean.pow(2) + deviation.pow(2) - 1 - 2 * deviation.log()).sum(dim=1).mean()
    return (mean + deviation * torch.randn_like(mean) if network.training else mean), divergence


RECIPES = {
    "encodec": Recipe(encodec, 16000, (256, 512, 1024, 2048), _start_encodec, _round),
    "wavtokenizer": Recipe(wavtokenizer, 24000, (256, 512, 1024, 2048, 4096), _start_wavtokenizer, _round),
    "diffrhythm-vae": Recipe(diffrhythm_vae, 32768, (512, 1024, 2048, 4096, 8192), _start_vae, _sample, half=False, normalised=True),
}
