"""EnCodec at 24 kHz (Défossez et al. 2022), through the `encodec` package.

The embedded model has half of the released one's filters, one LSTM layer for two, and plain convolutions. A latent frame sums
the first 8 codebooks (6 kb/s).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encodec.modules import SEANetDecoder, SEANetEncoder
from encodec.quantization import ResidualVectorQuantizer
from torch import nn

from audiosae.codecs import embedded, legacy, released
from audiosae.codecs.quantised import Quantised
from audiosae.files import checkpoint

SAMPLE_RATE, CHANNELS = Quantised.sample_rate, Quantised.channels
DIM = 128
RATIOS = (8, 5, 4, 2)
HOP = 320
CODEBOOKS = 8
CODES = 1024


@dataclass(frozen=True)
class Shape:
    """What differs between the released and the embedded model."""

    filters: int  # channels after the first convolution; they double at each of four down-samplings
    lstm: int  # layers of each LSTM
    norm: str  # "weight_norm" or "none"
    codebooks: int  # residual codebooks of 1024 vectors that the weights hold


RELEASED = Shape(filters=32, lstm=2, norm="weight_norm", codebooks=32)


class Network(nn.Module):
    """Encoder, residual quantiser and decoder, named as in the released checkpoint."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        sizes: dict[str, Any] = {"channels": 1, "dimension": DIM, "n_filters": shape.filters, "ratios": list(RATIOS)}
        sizes |= {"lstm": shape.lstm, "norm": shape.norm, "causal": True}
        self.encoder = SEANetEncoder(**sizes)
        self.decoder = SEANetDecoder(**sizes)
        self.quantizer = ResidualVectorQuantizer(dimension=DIM, n_q=shape.codebooks, bins=CODES, threshold_ema_dead_code=0)


class Encodec(Quantised):
    """EnCodec as a `Codec`; see `Quantised`."""

    name = "encodec"
    frame_rate = SAMPLE_RATE / HOP
    dim = DIM
    codebooks = CODEBOOKS
    codebook_size = CODES


def load(weights: str | Path) -> Encodec:
    """Load "embedded" or "released" weights, or a file of either kind; see `audiosae.codecs.load`."""
    if path := released.path(weights, released.ENCODEC_24KHZ):
        state = legacy.tensors(path, "EnCodec")
        with legacy.weight_norm():
            network = Network(RELEASED)
        checkpoint.restore(network, state, path)
        return Encodec(legacy.fold_weight_norm(network))
    return Encodec(embedded.load("encodec", weights, lambda sizes: Network(Shape(**sizes))))
