"""DiffRhythm's VAE: the autoencoder of Stable Audio ("Oobleck"), 44.1 kHz stereo, 64 numbers for 2048 samples.

The released model is a TorchScript module; the embedded one is narrower, through `diffusers`. A latent frame is the mean of the
encoder's normal distribution, or a seeded sample of it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from audiosae.codecs import embedded, legacy, released
from audiosae.errors import CheckpointError

SAMPLE_RATE = 44100
CHANNELS = 2
DIM = 64
RATIOS = (2, 4, 4, 8, 8)
HOP = 2048


@dataclass(frozen=True)
class Shape:
    """Sizes: channels next to the wave, and as multiples of them after each of the five down-samplings."""

    encoder: int
    decoder: int
    multiples: tuple[int, ...]


class Network(nn.Module):
    """Encoder and decoder with plain convolutions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        # Here, because this import takes seconds, and only this network needs it.
        from diffusers.models.autoencoders.autoencoder_oobleck import OobleckDecoder, OobleckEncoder

        with legacy.weight_norm():
            self.encoder = OobleckEncoder(shape.encoder, CHANNELS, list(RATIOS), list(shape.multiples))
            self.decoder = OobleckDecoder(shape.decoder, DIM, CHANNELS, list(RATIOS[::-1]), list(shape.multiples))
        legacy.fold_weight_norm(self)
        # The library's encoder puts out as many channels as it has next to the wave.
        self.encoder.conv2 = nn.Conv1d(shape.encoder * shape.multiples[-1], 2 * DIM, 3, padding=1)


def distribution(encoded: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of the latents: [batch, 128, frames] -> two [batch, 64, frames]."""
    mean, scale = encoded.chunk(2, dim=1)
    return mean, nn.functional.softplus(scale) + 1e-4


class DiffRhythmVAE:
    """DiffRhythm's VAE as a `Codec`.

    The encoder goes from waves [batch, 2, 2048 · frames] to mean and scale [batch, 128, frames], the decoder from latents [batch, 64,
    frames] to waves; the module holds the weights of both.
    """

    name = "diffrhythm-vae"
    sample_rate = SAMPLE_RATE
    channels = CHANNELS
    frame_rate = SAMPLE_RATE / HOP
    dim = DIM

    def __init__(
        self, encoder: Callable[[torch.Tensor], torch.Tensor], decoder: Callable[[torch.Tensor], torch.Tensor], module: nn.Module
    ) -> None:
        self._encoder, self._decoder = encoder, decoder
        self.network = module.eval()
        for parameter in module.parameters():  # TorchScript has no `requires_grad_` of a module
            parameter.requires_grad_(False)

    def to(self, device: torch.device | str) -> DiffRhythmVAE:
        """Move the weights; returns itself."""
        self.network.to(device)
        return self

    @torch.no_grad()
    def encode(self, wave: torch.Tensor, seed: int | None = None) -> torch.Tensor:
        """float32 [batch, 2, samples] at 44.1 kHz -> float32 [batch, ceil(samples / 2048), 64].

        The last frame is filled up with zeros. The level is kept (DiffRhythm itself normalises peaks to −6 dBFS). `seed` is that of a
        sample of the distribution; None for the mean.
        """
        mean, deviation = distribution(self._encoder(nn.functional.pad(wave, (0, -wave.shape[-1] % HOP))))
        if seed is not None:
            generator = torch.Generator().manual_seed(seed)
            mean = mean + deviation * torch.randn(mean.shape, generator=generator).to(mean.device)
        return mean.transpose(1, 2).contiguous()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, 64] -> float32 [batch, 2, 2048 · frames] at 44.1 kHz."""
        return self._decoder(latents.transpose(1, 2).contiguous())


def load(weights: str | Path) -> DiffRhythmVAE:
    """Load "embedded" or "released" weights, or a file of either kind; see `audiosae.codecs.load`.

    A path that ends in .pt is the authors' TorchScript module, which is loaded only if its hash is on record or accepted: see
    `released.program`.
    """
    if path := released.path(weights, released.DIFFRHYTHM_VAE):
        return _load_released(path)
    network = embedded.load("diffrhythm-vae", weights, lambda sizes: Network(Shape(**sizes)))
    return DiffRhythmVAE(network.encoder, network.decoder, network)


def _load_released(path: Path) -> DiffRhythmVAE:
    """The authors' module; TorchScript is code, which runs when it is loaded, hence the check first."""
    content = io.BytesIO(released.program(path, released.DIFFRHYTHM_VAE))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated", category=DeprecationWarning)
            module = torch.jit.load(content, map_location="cpu")
    except (RuntimeError, ValueError, OSError) as error:
        raise CheckpointError(f"{path} is no readable TorchScript module ({error}); fetch it again.") from error
    missing = [name for name in ("encode_export", "decode_export") if not hasattr(module, name)]
    if missing:
        raise CheckpointError(f"{path} is a TorchScript module without {' and '.join(missing)}: not DiffRhythm's VAE.")
    module.float()  # a copy in half precision is as good; waves come in float32
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinite values; the file is unusable.")
    return DiffRhythmVAE(module.encode_export, module.decode_export, module)
