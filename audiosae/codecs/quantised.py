"""Codecs with residual codebooks: EnCodec, and WavTokenizer, which has one."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn


class Quantised:
    """An encoder, residual codebooks and a decoder as a `Codec`; a latent frame is the sum of the vectors that were chosen.

    Parameters
    ----------
    network
        With loaded weights: `encoder` from waves to [batch, dim, frames], `quantizer`, and `decoder` from latents of that form to waves.
    codebooks
        How many of the codebooks a latent sums up.
    """

    name: str
    sample_rate = 24000
    channels = 1
    frame_rate: float
    dim: int
    codebook_size: int

    def __init__(self, network: nn.Module, codebooks: int) -> None:
        self.network = network.eval().requires_grad_(False)
        self.codebooks = codebooks

    def to(self, device: torch.device | str) -> Self:
        """Move the weights; returns itself."""
        self.network.to(device)
        return self

    @torch.no_grad()
    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] at 24 kHz -> float32 [batch, ceil(samples / hop), dim].

        A last frame that is not whole is filled up by reflection, not with zeros. EnCodec looks back only, except that its first frames,
        which have nothing to look back on, see a reflection of up to the seventh; WavTokenizer's convolutions look a few frames ahead.
        """
        return self._round(wave)[1].transpose(1, 2).contiguous()

    @torch.no_grad()
    def codes(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] at 24 kHz -> int64 [batch, codebooks, frames], which vector of each codebook."""
        return self._round(wave)[0]

    @torch.no_grad()
    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        """int64 [batch, codebooks, frames] -> float32 [batch, frames, dim]: `encode` is `embed` after `codes`."""
        layers = self.network.quantizer.vq.layers
        total = sum(layer.decode(chosen) for layer, chosen in zip(layers, codes.unbind(1), strict=False))
        return total.transpose(1, 2).contiguous()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, dim] -> float32 [batch, 1, hop · frames] at 24 kHz.

        WavTokenizer's attention and group normalisation see all frames: there, what is decoded depends on how much is decoded at once.
        """
        return self.network.decoder(latents.transpose(1, 2))

    def _round(self, wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes [batch, codebooks, frames], and the sum of their vectors [batch, dim, frames]."""
        embedding = self.network.encoder(wave)
        total, codes = torch.zeros_like(embedding), []
        for layer in self.network.quantizer.vq.layers[: self.codebooks]:
            codes.append(layer.encode(embedding - total))
            total = total + layer.decode(codes[-1])
        return torch.stack(codes, dim=1), total
