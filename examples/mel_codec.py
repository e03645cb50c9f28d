"""A codec that nobody trained: 64 log-mel bands, and Griffin-Lim for the way back.

Its frames are plain spectra, so it makes a control. What a sparse autoencoder finds in them was not put there by a
neural encoder.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torchaudio.functional import melscale_fbanks
from torchaudio.transforms import GriffinLim, Spectrogram

WINDOW, HOP = 1024, 320
FLOOR = 1e-4  # amplitude under which a band counts as silent


class MelCodec(nn.Module):
    """What the other chapters ask of a codec: five attributes, `encode`, `decode`, and `to`, which nn.Module has."""

    name = "mel"
    sample_rate = 24000
    channels = 1
    frame_rate = sample_rate / HOP
    dim = 64

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = Spectrogram(WINDOW, hop_length=HOP, power=1.0, center=False)
        self.griffin_lim = GriffinLim(WINDOW, hop_length=HOP, power=1.0, n_iter=16, rand_init=False)
        bands = melscale_fbanks(WINDOW // 2 + 1, 20.0, self.sample_rate / 2, self.dim, self.sample_rate)
        self.register_buffer("gather", bands / bands.sum(0))  # a band is the mean of its bins …
        self.register_buffer("spread", (bands / bands.sum(1, keepdim=True).clamp_min(1e-3)).T)  # … and goes back to them

    @torch.no_grad()
    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] -> float32 [batch, frames, 64]: natural logarithms of amplitudes."""
        # So much on either side that frame i is centred at (i + ½) hops, where its labels are measured.
        around = (WINDOW - HOP) // 2
        padded = nn.functional.pad(wave[:, 0], (around, around + -wave.shape[-1] % HOP))
        amplitudes = self.spectrum(padded).transpose(1, 2) @ self.gather
        return amplitudes.clamp_min(FLOOR).log()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, 64], any values -> float32 [batch, 1, 320 · frames]."""
        amplitudes = latents.clamp(math.log(FLOOR), math.log(WINDOW)).exp() @ self.spread
        wave = self.griffin_lim(nn.functional.pad(amplitudes.transpose(1, 2), (0, 1)))
        return nn.functional.pad(wave, (HOP // 2, -(HOP // 2)))[:, None]  # half a hop later, as above


def load() -> MelCodec:
    """Called by the project when params.yaml names this file."""
    return MelCodec()
