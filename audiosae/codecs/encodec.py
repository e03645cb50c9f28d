"""EnCodec at 24 kHz (Défossez et al. 2022), through the `encodec` package.

The released model has 32 filters, two LSTM layers and weight normalisation; the embedded one is the same design with
16 filters, one LSTM layer and plain convolutions. A latent frame is the sum of the vectors chosen from the first 8
codebooks (6 kb/s): what the decoder receives.
"""

from __future__ import annotations

import pickle
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from encodec.modules import SEANetDecoder, SEANetEncoder
from encodec.quantization import ResidualVectorQuantizer
from torch import nn

from audiosae import checkpoint
from audiosae.codecs import released
from audiosae.errors import CheckpointError

KIND = "codec/encodec"
EMBEDDED = Path(__file__).parents[2] / "checkpoints" / "encodec.safetensors"
"""Where DVC puts the weights that ship with the repository."""

SAMPLE_RATE = 24000
DIM = 128
RATIOS = (8, 5, 4, 2)
HOP = 320
CODEBOOKS = 8


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


_TRAINER_ONLY = ("embed_avg", "cluster_size")
"""Moving averages of the codebooks: not needed to encode or decode, and not shipped."""

RELEASED = Shape(filters=32, lstm=2, norm="weight_norm", codebooks=32)


class Network(nn.Module):
    """Encoder, residual quantiser and decoder, named as in the released checkpoint.

    Parameters
    ----------
    shape
        Sizes.
    dead_code
        Moving number of uses a batch under which a code is drawn anew; matters in training alone.
    """

    def __init__(self, shape: Shape, dead_code: float = 2) -> None:
        super().__init__()
        common = dict(
            channels=1, dimension=DIM, n_filters=shape.filters, ratios=list(RATIOS), norm=shape.norm, causal=True,
            lstm=shape.lstm,
        )
        self.encoder = SEANetEncoder(**common)
        self.decoder = SEANetDecoder(**common)
        self.quantizer = ResidualVectorQuantizer(
            dimension=DIM, n_q=shape.codebooks, bins=1024, threshold_ema_dead_code=dead_code
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
    channels = 1
    frame_rate = SAMPLE_RATE / HOP
    dim = DIM

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

        The network is causal, so padding at the end of a shorter clip changes none of the frames before it.
        """
        embedding = self.network.encoder(wave)
        total = torch.zeros_like(embedding)
        for layer in self.network.quantizer.vq.layers[: self.codebooks]:
            total = total + layer.decode(layer.encode(embedding - total))
        return total.transpose(1, 2).contiguous()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, 128] -> float32 [batch, 1, 320 · frames] at 24 kHz."""
        return self.network.decoder(latents.transpose(1, 2))


def load(weights: str | Path) -> Encodec:
    """Load "embedded" or "released" weights, or a file of either kind; see `audiosae.codecs.load`."""
    if weights == "released":
        return _load_released(released.fetch(released.ENCODEC_24KHZ))
    path = EMBEDDED if weights == "embedded" else Path(weights)
    if path.suffix == ".th":
        return _load_released(path)
    tensors, header = checkpoint.load(path, KIND)
    try:
        network = Network(Shape(**header["shape"]))
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not say its shape ({error}); fetch or train it again.") from error
    tensors |= {name: value for name, value in network.state_dict().items() if name.endswith(_TRAINER_ONLY)}
    checkpoint.restore(network, tensors, path)
    return Encodec(network)


def _load_released(path: Path) -> Encodec:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is not a readable EnCodec checkpoint ({error}); fetch it again.") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path} is no dictionary of tensors, as EnCodec's checkpoint is; fetch it again.")
    with warnings.catch_warnings():
        # The released layers are named after torch's older weight normalisation, which the package still uses.
        warnings.filterwarnings("ignore", message=".*weight_norm.*is deprecated", category=FutureWarning)
        network = Network(RELEASED)
    checkpoint.restore(network, state, path)
    return Encodec(network)


def save(network: Network, shape: Shape, path: str | Path, provenance: dict[str, object]) -> None:
    """Write embedded weights as float16 safetensors, with the hashes of what made them."""
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith(_TRAINER_ONLY)
    }
    checkpoint.save(path, tensors, {"kind": KIND, "shape": asdict(shape), "provenance": provenance})
