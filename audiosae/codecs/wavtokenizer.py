"""WavTokenizer (Ji et al. 2024), built from the parts of `encodec` and `vocos`.

A SEANet encoder that looks both ways, one codebook of 4096 vectors, and a decoder at the rate of the frames: convolutions and
attention, a Vocos backbone, an inverse STFT. A latent frame is the chosen vector. The embedded model is narrower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from encodec.modules import SEANetEncoder
from encodec.quantization import ResidualVectorQuantizer
from torch import nn
from vocos.heads import ISTFTHead
from vocos.models import VocosBackbone

from audiosae.codecs import embedded, legacy, released
from audiosae.codecs.quantised import Quantised
from audiosae.errors import CheckpointError
from audiosae.files import checkpoint

SAMPLE_RATE, CHANNELS = Quantised.sample_rate, Quantised.channels
CODES = 4096


@dataclass(frozen=True)
class Shape:
    """What differs between the released models and the embedded one."""

    ratios: tuple[int, ...]  # down-sampling of the encoder, in the decoder's order; their product is the hop
    dim: int  # size of a latent frame
    filters: int  # of the encoder: channels after the first convolution
    lstm: int  # layers
    norm: str  # "weight_norm" or "none"
    width: int  # of the backbone: channels, a multiple of 32
    inner: int  # channels inside its ConvNeXt blocks
    blocks: int  # number of these

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return math.prod(self.ratios)


RELEASED_75 = Shape((8, 5, 4, 2), dim=512, filters=32, lstm=2, norm="weight_norm", width=768, inner=2304, blocks=12)
RELEASED_40 = replace(RELEASED_75, ratios=(6, 5, 5, 4))


class Residual(nn.Module):
    """Two convolutions, each after a group normalisation and a swish, around a shortcut: [batch, width, frames]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.GroupNorm(32, width, eps=1e-6) for _ in range(2))
        self.conv1, self.conv2 = (nn.Conv1d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.conv1(nn.functional.silu(self.norm1(x)))
        return x + self.conv2(nn.functional.silu(self.norm2(inner)))


class Attention(nn.Module):
    """One head of attention over all frames, around a shortcut: [batch, width, frames]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv1d(width, width, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm(x)
        q, k, v = (layer(normed).transpose(1, 2) for layer in (self.q, self.k, self.v))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(mixed.transpose(1, 2))


class Backbone(VocosBackbone):
    """Vocos's backbone with WavTokenizer's `pos_net` before the first norm; of four layer norms, the examples choose the first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.dim, shape.width, shape.inner, shape.blocks, adanorm_num_embeddings=4)
        blocks = [block(shape.width) for block in (Residual, Residual, Attention, Residual, Residual)]
        self.pos_net = nn.Sequential(*blocks, nn.GroupNorm(32, shape.width, eps=1e-6))

    def forward(self, x: torch.Tensor, **_: object) -> torch.Tensor:
        """[batch, dim, frames] -> [batch, frames, width]."""
        first = torch.zeros(1, dtype=torch.long, device=x.device)
        x = self.pos_net(self.embed(x)).transpose(1, 2)
        x = self.norm(x, cond_embedding_id=first).transpose(1, 2)
        for block in self.convnext:
            x = block(x, cond_embedding_id=first)
        return self.final_layer_norm(x.transpose(1, 2))


class Network(nn.Module):
    """Encoder, codebook, backbone and head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        sizes: dict[str, Any] = {"dimension": shape.dim, "n_filters": shape.filters, "ratios": list(shape.ratios), "lstm": shape.lstm}
        self.encoder = SEANetEncoder(channels=1, **sizes, norm=shape.norm, causal=False)
        self.quantizer = ResidualVectorQuantizer(dimension=shape.dim, n_q=1, bins=CODES, threshold_ema_dead_code=0)
        self.backbone = Backbone(shape)
        self.head = ISTFTHead(shape.width, n_fft=4 * shape.hop, hop_length=shape.hop, padding="same")

    def decoder(self, latents: torch.Tensor) -> torch.Tensor:
        """[batch, dim, frames] -> [batch, 1, hop · frames]."""
        features = self.backbone(latents)
        with torch.autocast(latents.device.type, enabled=False):  # a phase of many turns has no digits left in bfloat16
            return self.head(features.float())[:, None]


class WavTokenizer(Quantised):
    """WavTokenizer as a `Codec`; see `Quantised`."""

    name = "wavtokenizer"
    codebooks = 1
    codebook_size = CODES

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.hop = network.shape.hop
        self.frame_rate = SAMPLE_RATE / self.hop
        self.dim = network.shape.dim


def load(weights: str | Path) -> WavTokenizer:
    """Load "embedded" or "released" weights, or a file of either kind; see `audiosae.codecs.load`.

    One of the authors' checkpoints, which end in .ckpt, may have 75 or 40 frames a second.
    """
    if path := released.path(weights, released.WAVTOKENIZER_75):
        return _load_released(path)
    return WavTokenizer(embedded.load("wavtokenizer", weights, lambda sizes: Network(Shape(**sizes))))


def _load_released(path: Path) -> WavTokenizer:
    """Of a Lightning checkpoint, which holds discriminators and losses too, the parts that encode and decode."""
    held = legacy.tensors(path, "WavTokenizer", "state_dict")
    ours, unused = ("feature_extractor.", "backbone.", "head."), "feature_extractor.encodec.decoder."  # EnCodec's own, which nothing runs
    held = {name: tensor for name, tensor in held.items() if name.startswith(ours) and not name.startswith(unused)}
    window = held["head.istft.window"].numel() if "head.istft.window" in held else 0
    shape = {4 * shape.hop: shape for shape in (RELEASED_75, RELEASED_40)}.get(window)
    if shape is None:
        raise CheckpointError(
            f"{path} is no WavTokenizer of 75 or 40 frames a second: its head.istft.window has {window or 'no'} samples, not "
            f"{4 * RELEASED_75.hop} or {4 * RELEASED_40.hop}. Give the path of one of those."
        )
    with legacy.weight_norm():
        network = Network(shape)
    checkpoint.restore(network, {name.removeprefix("feature_extractor.encodec."): tensor for name, tensor in held.items()}, path)
    return WavTokenizer(legacy.fold_weight_norm(network))
