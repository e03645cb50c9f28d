"""Codecs with residual codebooks: EnCodec, and WavTokenizer, which has one."""

from __future__ import annotations

from typing import Any, Self

import torch


class Quantised:
    """An encoder, residual codebooks and a decoder as a `Codec`; a latent frame is the sum of the chosen vectors.

    Parameters
    ----------
    network
        With `encoder` (waves to [batch, dim, frames]), `quantizer`, and `decoder` (the way back).
    """

    name: str
    sample_rate = 24000
    channels = 1
    frame_rate: float
    dim: int
    codebooks: int
    codebook_size: int

    def __init__(self, network: Any) -> None:
        self.network = network.eval().requires_grad_(False)

    def to(self, device: torch.device | str) -> Self:
        """Move the weights; returns itself."""
        self.network.to(device)
        return self

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] at 24 kHz -> float32 [batch, ceil(samples / hop), dim].

        A last frame that is not whole is filled up by reflection. EnCodec looks back only (its first frames see a reflection);
        WavTokenizer looks a few frames ahead.
        """
        return self.embed(self.codes(wave))

    @torch.no_grad()
    def codes(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] at 24 kHz -> int64 [batch, codebooks, frames], which vector of each codebook."""
        embedding = self.network.encoder(wave)
        total, codes = torch.zeros_like(embedding), []
        for layer in self.network.quantizer.vq.layers[: self.codebooks]:
            codes.append(layer.encode(embedding - total))
            total = total + layer.decode(codes[-1])
        return torch.stack(codes, dim=1)

    @torch.no_grad()
    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        """int64 [batch, codebooks, frames] -> float32 [batch, frames, dim]: `encode` is `embed` after `codes`."""
        return self.network.quantizer.decode(codes.transpose(0, 1)).transpose(1, 2).contiguous()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, dim] -> float32 [batch, 1, hop · frames] at 24 kHz.

        WavTokenizer's attention and group normalisation see all frames that are decoded at once.
        """
        return self.network.decoder(latents.transpose(1, 2))
