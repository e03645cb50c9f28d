"""Codecs in a form that the ONNX exporter takes with a free time axis: the same sums from other layers.

What stands in the way, in the packages' own layers: `encodec` works out padding as a Python number of the length; nn.LSTM exports, but takes the
example's length for the only one; attention exports in four dimensions alone; the inverse STFT is no ONNX operator.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from audiosae.codecs import Codec
from audiosae.codecs.quantised import Quantised

OPSET = 20
"""Version of the ONNX operators."""


class Conv(nn.Module):
    """`encodec`'s SConv1d for a signal of whole strides, which then needs no extra padding."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.conv = layer.conv.conv
        (kernel,), (stride,), (dilation,) = self.conv.kernel_size, self.conv.stride, self.conv.dilation
        total = (kernel - 1) * dilation - (stride - 1)
        self.padding = (total, 0) if layer.causal else (total - total // 2, total // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(functional.pad(x, self.padding, mode="reflect") if any(self.padding) else x)


class ConvTranspose(nn.Module):
    """`encodec`'s SConvTranspose1d."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.conv = layer.convtr.convtr
        total = self.conv.kernel_size[0] - self.conv.stride[0]
        self.right = math.ceil(total * layer.trim_right_ratio) if layer.causal else total // 2
        self.left = total - self.right

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return y[..., self.left : -self.right] if self.right else y[..., self.left :]


class Lstm(nn.Module):
    """`encodec`'s SLSTM as ONNX's own operator, which computes in the runtime only: here it gives no values."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        lstm = layer.lstm
        self.width, self.skip, self.layers = lstm.hidden_size, layer.skip, lstm.num_layers
        for number in range(self.layers):
            w, r, b, c = (_gates(getattr(lstm, f"{name}_l{number}")) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            self.register_buffer(f"w{number}", w[None])
            self.register_buffer(f"r{number}", r[None])
            self.register_buffer(f"b{number}", torch.cat([b, c])[None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[1, width, frames] -> the same."""
        x = y = x.permute(2, 0, 1)
        shape, last = (y.shape[0], 1, 1, self.width), (1, 1, self.width)
        for number in range(self.layers):
            given = (y, *(getattr(self, f"{name}{number}") for name in "wrb"))
            y, _, _ = torch.onnx.ops.symbolic_multi_out(
                "LSTM", given, attrs={"hidden_size": self.width}, dtypes=(y.dtype,) * 3, shapes=(shape, last, last), version=OPSET
            )
            y = y.squeeze(1)
        return (y + x if self.skip else y).permute(1, 2, 0)


def _gates(weights: torch.Tensor) -> torch.Tensor:
    """From torch's order, input, forget, cell, output, to ONNX's: input, output, forget, cell."""
    i, f, c, o = weights.detach().chunk(4)
    return torch.cat([i, o, f, c])


class Attention(nn.Module):
    """WavTokenizer's attention, spelt out."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.norm, self.q, self.k, self.v, self.proj_out = layer.norm, layer.q, layer.k, layer.v, layer.proj_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm(x)
        q, k, v = self.q(normed), self.k(normed), self.v(normed)
        shares = torch.softmax(q.transpose(1, 2) @ k * q.shape[1] ** -0.5, dim=-1)
        return x + self.proj_out((shares @ v.transpose(1, 2)).transpose(1, 2))


class InverseStft(nn.Module):
    """Vocos's head: the inverse DFT by its two symmetries as two products of matrices, the overlap-add by shifts.

    The matrices are made of ranges inside the graph, so they are no bytes of the file, and the runtime works them out once.
    """

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.out, self.size, self.hop = head.out, head.istft.n_fft, head.istft.hop_length
        self.register_buffer("window", head.istft.window.clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[1, frames, width] -> [1, hop · frames]."""
        half = self.size // 2
        magnitude, phase = self.out(x)[0].split(half + 1, dim=1)
        magnitude = torch.exp(magnitude).clamp(max=1e2)
        k = torch.arange(half + 1)
        angle = torch.remainder(k[:, None] * k[None, :], self.size).float() * (2 * math.pi / self.size)
        scale = torch.where((k == 0) | (k == half), 1.0 / self.size, 2.0 / self.size).float()[:, None]
        even = (magnitude * torch.cos(phase)) @ (torch.cos(angle) * scale)  # about the middle of the window
        odd = (magnitude * torch.sin(phase)) @ (torch.sin(angle) * scale)
        frames = torch.cat([even - odd, torch.flip((even + odd)[:, 1:half], (1,))], dim=1) * self.window
        wave, envelope = (self._overlapped(part) for part in (frames, self.window.square() + 0 * frames))
        return (wave / envelope)[None]

    def _overlapped(self, frames: torch.Tensor) -> torch.Tensor:
        """Windows [frames, size] -> samples [hop · frames], without the half windows before and behind."""
        parts, around = self.size // self.hop, (self.size - self.hop) // 2
        pieces = frames.reshape(-1, parts, self.hop)
        total = sum(functional.pad(pieces[:, i], (0, 0, i, parts - 1 - i)) for i in range(parts))
        return total.reshape(-1)[around:-around]


class Snake(nn.Module):
    """x + sin²(a x) / b of `diffusers`, with both exponentials worked out."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.register_buffer("a", torch.exp(layer.alpha.detach()))
        self.register_buffer("b", 1 / (torch.exp(layer.beta.detach()) + 1e-9))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.b * torch.sin(self.a * x).square()


REPLACED = {
    "SConv1d": Conv, "SConvTranspose1d": ConvTranspose, "SLSTM": Lstm, "Attention": Attention, "ISTFTHead": InverseStft, "Snake1d": Snake,
}  # fmt: skip
"""What stands in for which class."""


def replace(module: nn.Module) -> nn.Module:
    """Put the layers above in place of those that they stand for, inside a module."""
    for name, child in list(module.named_children()):
        stands_in = REPLACED.get(type(child).__name__)
        setattr(module, name, stands_in(child) if stands_in else replace(child))
    return module


class Decoder(nn.Module):
    """A codec's `decode` as a module: latents [1, frames, dim] -> wave [1, channels, hop · frames]."""

    def __init__(self, codec: Any) -> None:
        super().__init__()
        self.codec = codec
        self.network = getattr(codec, "network", codec)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.codec.decode(latents)


class Encoder(Decoder):
    """A codec's `encode`: wave [1, channels, hop · frames] -> latents [1, frames, dim]."""

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return self.codec.encode(wave)


class QuantisedEncoder(nn.Module):
    """The same of a codec with residual codebooks, without their codes."""

    def __init__(self, codec: Quantised) -> None:
        super().__init__()
        self.network = codec.network.encoder
        layers = codec.network.quantizer.vq.layers[: codec.codebooks]
        for number, layer in enumerate(layers):
            self.register_buffer(f"book{number}", layer._codebook.embed.clone())
        self.count = len(layers)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        embedding = self.network(wave)[0].T
        total = torch.zeros_like(embedding)
        for number in range(self.count):
            book = getattr(self, f"book{number}")
            distance = book.square().sum(dim=1) - 2 * ((embedding - total) @ book.T)  # but for what is equal for all vectors
            total = total + functional.embedding(distance.argmin(dim=1), book)
        return total[None]


def modules(codec: Codec) -> dict[str, nn.Module]:
    """`decoder` and `encoder` of a codec, copied, for one sound at a time."""
    copied: Any = copy.deepcopy(codec)
    replace(getattr(copied, "network", copied))
    return {"decoder": Decoder(copied), "encoder": QuantisedEncoder(copied) if isinstance(copied, Quantised) else Encoder(copied)}


class Velocity(nn.Module):
    """The embedded generator's velocities for one piece, with the prompt's words and without them: [1, frames, dim] -> [2, frames, dim]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: torch.Tensor, time: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Latents x_t in the VAE's units, t [1], and words of the prompt as ones and zeros [1, words]."""
        z = ((latents - self.network.mean) / self.network.std).expand(2, -1, -1)
        both = torch.cat([words, torch.zeros_like(words)])
        return self.network(z, time.expand(2), both) * self.network.std
