"""EnCodec at 24 kHz (Défossez et al. 2022), through the `encodec` package.

The released model has 32 filters, two LSTM layers and weight normalisation; the embedded one is the same design with
16 filters, one LSTM layer and plain convolutions. A latent frame is the sum of the vectors chosen from the first 8
codebooks (6 kb/s): what the decoder receives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from encodec.modules import SEANetDecoder, SEANetEncoder
from encodec.quantization import ResidualVectorQuantizer
from torch import nn

from audiosae import checkpoint
from audiosae.codecs import embedded, legacy, released
from audiosae.codecs.sections import Section, Windowed, seanet

SAMPLE_RATE = 24000
CHANNELS = 1
DIM = 128
RATIOS = (8, 5, 4, 2)
HOP = 320
CODEBOOKS = 8
CODES = 1024


@dataclass(frozen=True)
class Shape:
    """What differs between the released and the embedded model.

    Attributes
    ----------
    filters
        Channels after the first convolution; they double at each of four down-samplings.
    lstm
        Layers of the LSTM in the encoder and in the decoder.
    norm
        "weight_norm" or "none".
    codebooks
        Residual codebooks of 1024 vectors that the weights hold.
    """

    filters: int
    lstm: int
    norm: str
    codebooks: int


RELEASED = Shape(filters=32, lstm=2, norm="weight_norm", codebooks=32)


class Network(nn.Module):
    """Encoder, residual quantiser and decoder, named as in the released checkpoint.

    Parameters
    ----------
    shape
        Sizes.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        common = dict(
            channels=1, dimension=DIM, n_filters=shape.filters, ratios=list(RATIOS), norm=shape.norm, causal=True,
            lstm=shape.lstm,
        )
        self.encoder = SEANetEncoder(**common)
        self.decoder = SEANetDecoder(**common)
        self.quantizer = ResidualVectorQuantizer(
            dimension=DIM, n_q=shape.codebooks, bins=CODES, threshold_ema_dead_code=0
        )


class Encodec:
    """EnCodec as a `Codec`.

    Parameters
    ----------
    network
        With loaded weights.
    codebooks
        How many of the residual codebooks a latent sums up.
    """

    name = "encodec"
    sample_rate = SAMPLE_RATE
    channels = CHANNELS
    frame_rate = SAMPLE_RATE / HOP
    dim = DIM
    codebook_size = CODES

    def __init__(self, network: Network, codebooks: int = CODEBOOKS) -> None:
        self.network = network.eval().requires_grad_(False)
        self.codebooks = codebooks

    def to(self, device: torch.device | str) -> Encodec:
        """Move the weights; returns itself."""
        self.network.to(device)
        return self

    @torch.no_grad()
    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] at 24 kHz -> float32 [batch, ceil(samples / 320), 128].

        A frame depends on those before it, with two exceptions: the first, which have nothing to look back on, see a
        reflection of up to the seventh; and a last frame that is not whole is filled up by reflection, not with zeros.
        """
        return self._round(self.network.encoder(wave))[1].transpose(1, 2).contiguous()

    @torch.no_grad()
    def codes(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] at 24 kHz -> int64 [batch, codebooks, frames], which vector of each codebook."""
        return self._round(self.network.encoder(wave))[0]

    @torch.no_grad()
    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        """int64 [batch, codebooks, frames] -> float32 [batch, frames, 128]: `encode` is `embed` after `codes`."""
        layers = self.network.quantizer.vq.layers
        total = sum(layer.decode(chosen) for layer, chosen in zip(layers, codes.unbind(1)))
        return total.transpose(1, 2).contiguous()

    def _round(self, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total, codes = torch.zeros_like(embedding), []
        for layer in self.network.quantizer.vq.layers[: self.codebooks]:
            codes.append(layer.encode(embedding - total))
            total = total + layer.decode(codes[-1])
        return torch.stack(codes, dim=1), total

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, 128] -> float32 [batch, 1, 320 · frames] at 24 kHz."""
        return self.network.decoder(latents.transpose(1, 2))

    @property
    def encoding(self) -> tuple[Section, ...]:
        """What `encode` does, for long files and batches: see `sections`."""
        return *seanet(self.network.encoder.model, takes=HOP), Windowed(lambda embedding: self._round(embedding)[1])

    @property
    def decoding(self) -> tuple[Section, ...]:
        """What `decode` does, likewise."""
        return seanet(self.network.decoder.model, gives=HOP)


def load(weights: str | Path) -> Encodec:
    """Load "embedded" or "released" weights, or a file of either kind; see `audiosae.codecs.load`."""
    if weights == "released":
        return _load_released(released.fetch(released.ENCODEC_24KHZ))
    if Path(weights).suffix == ".th":
        return _load_released(Path(weights))
    return Encodec(embedded.load("encodec", weights, lambda sizes: Network(Shape(**sizes))))


def _load_released(path: Path) -> Encodec:
    state = legacy.tensors(path, "EnCodec")
    with legacy.weight_norm():
        network = Network(RELEASED)
    checkpoint.restore(network, state, path)
    return Encodec(legacy.fold_weight_norm(network))
