"""How the training of each codec differs: how it starts, and what its bottleneck does while it learns.

Every network has an `encoder` from waves to [batch, …, frames], and a `decoder` from latents [batch, dim, frames] to waves.
"""

from __future__ import annotations

from types import ModuleType

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from audiosae.codecs import diffrhythm_vae, encodec, wavtokenizer
from audiosae.training import codebooks
from audiosae.training.initialisation import scale_layers, set_weight


class Recipe:
    """One codec, for the trainer; its bottleneck is codebooks, whose vectors follow the encoder as moving averages.

    Attributes
    ----------
    module
        Of `audiosae.codecs`: has SAMPLE_RATE, CHANNELS, Shape and Network.
    crop
        Samples of a training example, whole frames.
    half
        Whether the networks run in bfloat16 while they learn: faster, and its error is far below a codec's. The VAE's latents grew
        without bound in it.
    """

    module: ModuleType
    crop: int
    half: bool = True

    def network(self, shape: object) -> nn.Module:
        """A network of a shape, with PyTorch's weights."""
        return self.module.Network(shape)

    def start(self, network: nn.Module, wave: torch.Tensor) -> None:
        """Set the weights before the first step, on one batch [batch, channels, crop]."""
        raise NotImplementedError

    def bottleneck(self, network: nn.Module, encoded: torch.Tensor, rounding: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents for the decoder, and what the bottleneck adds to the loss.

        Here, once the codebooks are in use (`rounding`): rounded latents with gradients passed straight through, and the codebooks'
        mean commitment loss. In training the codebooks move, and their dead vectors are revived.
        """
        if not rounding:
            return encoded, encoded.new_zeros(())
        if network.training:
            codebooks.revive(network.quantizer, encoded)
        latents, _, losses = network.quantizer.vq(encoded)
        return latents, losses.mean()


class Encodec(Recipe):
    """EnCodec."""

    module = encodec
    crop = 16000

    def start(self, network: nn.Module, wave: torch.Tensor) -> None:
        scale_layers(lambda: network.decoder(network.encoder(wave)), network.encoder, network.decoder)
        network.decoder.model[-1].conv.conv.weight.data.mul_(wave.std())


class WavTokenizer(Recipe):
    """WavTokenizer; its backbone starts as Vocos's does."""

    module = wavtokenizer
    crop = 24000

    def start(self, network: nn.Module, wave: torch.Tensor) -> None:
        scale_layers(lambda: network.encoder(wave), network.encoder)


class DiffRhythmVAE(Recipe):
    """DiffRhythm's VAE; it has no codebooks."""

    module = diffrhythm_vae
    crop = 32768
    half = False

    def network(self, shape: object) -> nn.Module:
        network = super().network(shape)
        for layer in network.modules():
            if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)):
                weight_norm(layer)  # as the released model was trained; `Learner.result` folds it into plain weights
        return network

    def start(self, network: nn.Module, wave: torch.Tensor) -> None:
        def latents() -> torch.Tensor:
            return diffrhythm_vae.distribution(network.encoder(wave))[0]

        scale_layers(lambda: network.decoder(latents()), network.encoder, network.decoder)
        with torch.no_grad():
            # Residual branches start small: fifteen in a row, each as loud as its input, ran away in training.
            for name, layer in network.named_modules():
                if "res_unit" in name and name.endswith("conv2"):
                    set_weight(layer, 0.1 * layer.weight)
            last, end = network.encoder.conv2, network.decoder.conv2
            set_weight(last, last.weight / latents().std())
            set_weight(end, end.weight * 0.3 * wave.std() / network.decoder(latents()).std())
        # A standard deviation of 0.02: learn to hear before learning to forget.
        network.encoder.conv2.bias.data[diffrhythm_vae.DIM :] = -4

    def bottleneck(self, network: nn.Module, encoded: torch.Tensor, rounding: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """A sample of the latents in training and their mean else, and the divergence from a standard normal, summed over the 64
        numbers of a frame."""
        mean, deviation = diffrhythm_vae.distribution(encoded)
        divergence = 0.5 * (mean.pow(2) + deviation.pow(2) - 1 - 2 * deviation.log()).sum(dim=1).mean()
        return (mean + deviation * torch.randn_like(mean) if network.training else mean), divergence


RECIPES: dict[str, Recipe] = {"encodec": Encodec(), "wavtokenizer": WavTokenizer(), "diffrhythm-vae": DiffRhythmVAE()}
