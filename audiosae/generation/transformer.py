"""DiffRhythm's diffusion transformer: velocity prediction on frames of latents.

After what its authors publish (github.com/ASLP-lab/DiffRhythm at commit 28ad63c, Ning et al. 2025): blocks of the Llama kind with
full attention. Layers bear the names of the released checkpoint, so that it loads without a table of names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

FREQUENCIES = 256
"""Sines and cosines that tell the time."""

NEIGHBOURS, GROUPS = 31, 16
"""Frames that the convolution before the blocks sees, and its groups."""

ROTARY_BASE = 10000.0
EPS = 1e-6


@dataclass(frozen=True)
class Shape:
    """Sizes: numbers in a frame of latents; width, depth, heads and inner width of the blocks; numbers in the style and in the time."""

    latent: int
    width: int
    depth: int
    heads: int
    inner: int
    condition: int


class TimeEmbedding(nn.Module):
    """A time in [0, 1], or another number of that kind: [batch] -> [batch, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        """Sines and cosines of 1000 t at frequencies from 1 down to 1/10,000, then two layers."""
        half = FREQUENCIES // 2
        rates = torch.exp(torch.arange(half, device=time.device) * (-math.log(10000) / (half - 1)))
        angle = 1000 * time[:, None] * rates
        return self.time_mlp(torch.cat([angle.sin(), angle.cos()], dim=-1).to(time.dtype))


class InputEmbedding(nn.Module):
    """All that is known of each frame, `numbers` together, as one vector of a width; and two grouped convolutions over neighbours."""

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(numbers, width)
        one, other = (nn.Conv1d(width, width, NEIGHBOURS, padding=NEIGHBOURS // 2, groups=GROUPS) for _ in range(2))
        self.conv_pos_embed = nn.ModuleDict({"conv1d": nn.Sequential(one, nn.Mish(), other, nn.Mish())})

    def forward(self, frames: Sequence[torch.Tensor], whole: Sequence[torch.Tensor]) -> torch.Tensor:
        """`frames` [batch, frames, any] and `whole` [batch, any], said of each frame alike -> [batch, frames, width]."""
        count = frames[0].shape[1]
        x = self.proj(torch.cat([*frames, *(one[:, None].expand(-1, count, -1) for one in whole)], dim=-1))
        return x + self.conv_pos_embed["conv1d"](x.transpose(1, 2)).transpose(1, 2)


def angles(frames: int, size: int, device: torch.device) -> torch.Tensor:
    """Each frame's place, times rates that fall from 1 towards 1 / `ROTARY_BASE`: float32 [frames, size / 2]."""
    rates = ROTARY_BASE ** -(torch.arange(0, size, 2, device=device, dtype=torch.float32) / size)
    return torch.arange(frames, device=device, dtype=torch.float32)[:, None] * rates


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Apply rotary positions (Su et al. 2021), in the halves that Llama uses."""
    one, other = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-other, one], dim=-1) * sin


class Attention(nn.Module):
    """Self-attention over all frames, with rotary positions: [batch, frames, width] -> the same shape."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(width, width, bias=False))

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        query, key, value = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj))
        mixed = nn.functional.scaled_dot_product_attention(_turn(query, cos, sin), _turn(key, cos, sin), value)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


class GatedLayer(nn.Module):
    """Two layers, the first gated by its own SiLU (Shazeer 2020): [..., width] -> the same shape."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Attention and a gated layer, each behind a normalisation and added to what came in: [batch, frames, width] -> the same shape."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape.width, shape.heads)
        self.mlp = GatedLayer(shape.width, shape.inner)
        self.input_layernorm = nn.RMSNorm(shape.width, eps=EPS)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=EPS)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class FinalNorm(nn.Module):
    """Layer normalisation, scaled and shifted by the time."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=EPS)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """[batch, frames, width] and the time's embedding [batch, condition] -> [batch, frames, width]."""
        scale, shift = self.linear(nn.functional.silu(time))[:, None].chunk(2, dim=-1)
        return self.norm(x) * (1 + scale) + shift


class Transformer(nn.Module):
    """From noisy latents to their velocity.

    `context` is how many numbers each frame is told beside latents, style and time: in DiffRhythm lyrics, and sound to go on from.
    """

    def __init__(self, shape: Shape, context: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.time_embed = TimeEmbedding(shape.condition)
        self.input_embed = InputEmbedding(shape.latent + context + 2 * shape.condition, shape.width)
        self.transformer_blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm_out = FinalNorm(shape.width, shape.condition)
        self.proj_out = nn.Linear(shape.width, shape.latent)

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, style: torch.Tensor, context: Sequence[torch.Tensor] = (),
        added: Sequence[torch.Tensor] = (),
    ) -> torch.Tensor:  # fmt: skip
        """Predict dx/dt of latents on their way from noise (t = 0) to music (t = 1) [batch, frames, latent].

        Time and style are embedded [batch, condition], context is [batch, frames, any], and `added` [batch, frames, width] is added after
        each of the first blocks.
        """
        # What the blocks add to stays in the precision of the latents, where layers compute in a shorter one.
        x = self.input_embed([x, *context], [style, time]).to(x.dtype)
        angle = angles(x.shape[1], self.shape.width // self.shape.heads, x.device).repeat(1, 2)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        for number, block in enumerate(self.transformer_blocks):
            x = block(x, cos, sin)
            if number < len(added):
                x = x + added[number]
        return self.proj_out(self.norm_out(x, time))
