"""Weights and waves from a formula, so that what a codec makes of them can be recorded once and checked everywhere.

The numbers are bits of Philox, which numpy keeps the same for good; its and torch's other generators may change.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from audiosae.codecs import diffrhythm_vae, wavtokenizer

RECORDS = Path(__file__).parent

WAVTOKENIZER = {
    "75": wavtokenizer.Shape((8, 5, 4, 2), dim=16, filters=2, lstm=2, norm="weight_norm", width=64, inner=96, blocks=2),
    "40": wavtokenizer.Shape((6, 5, 5, 4), dim=16, filters=2, lstm=2, norm="weight_norm", width=64, inner=96, blocks=2),
}
"""Models whose numbers are recorded, by frames a second: the released design, much narrower."""

DIFFRHYTHM_VAE = diffrhythm_vae.Shape(encoder=4, decoder=4, multiples=(1, 2, 4, 4, 6))
"""Likewise."""

DIFFRHYTHM = {"dim": 64, "depth": 4, "ff_mult": 4, "text_dim": 512, "conv_layers": 1, "mel_dim": 64, "text_num_embeds": 20}
"""Likewise, as the authors' configuration names its sizes; they fix 32 heads, and 512 numbers for style and time."""

PROMPTS = ("calm piano", "fast drums")


def numbers(name: str, *shape: int) -> torch.Tensor:
    """float32 numbers, uniform in −1…1, that depend on a name alone."""
    bits = np.random.Philox(key=zlib.crc32(name.encode())).random_raw(math.prod(shape))
    return torch.from_numpy(((bits >> np.uint64(11)) * 2.0**-52 - 1).astype(np.float32).reshape(shape))


def weights(shapes: Mapping[str, torch.Size]) -> dict[str, torch.Tensor]:
    """Weights by name and shape, under which a signal neither dies away nor explodes."""
    return {name: _tensor(name, tuple(shape)) for name, shape in shapes.items()}


def _tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    last = name.rsplit(".", 1)[-1]
    if last == "inited":  # a codebook whose start is behind it
        return torch.ones(shape)
    if last == "window":  # of the inverse STFT
        return torch.hann_window(shape[0])
    if last == "weight_g":
        return 1 + 0.3 * numbers(name, *shape)
    if last in ("embed", "embed_avg"):  # about as far apart as what the encoder puts out
        return 0.25 * numbers(name.removesuffix("_avg"), *shape)
    if last in ("gamma", "cluster_size") or last == "weight" and (len(shape) == 1 or ".scale." in name):
        return 1 + 0.3 * numbers(name, *shape)
    if last.startswith("bias"):
        return 0.05 * numbers(name, *shape)
    if ".shift." in name or last in ("alpha", "beta"):
        return 0.2 * numbers(name, *shape)
    return numbers(name, *shape) * math.sqrt(1.5 / math.prod(shape[1:]))


def shapes(network: torch.nn.Module) -> dict[str, torch.Size]:
    """Names and shapes of what a network loads."""
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def wave(samples: int, sample_rate: int, channels: int = 1) -> torch.Tensor:
    """Two struck notes a quarter of a second, six partials each, with a little noise: [1, channels, samples]."""
    time = np.arange(samples) / sample_rate
    since = time % 0.25
    notes = (time // 0.25).astype(int)
    total = 0.02 * numbers("noise", channels, samples).numpy()
    for voice in range(2):
        pitch = 110 * 2 ** ((7 * notes + 5 * voice) % 24 / 12)
        for partial in range(1, 7):
            decay = np.exp(-since * 4 * partial) / partial
            turns = partial * pitch * time + np.arange(channels)[:, None] / 7
            total = total + 0.15 * decay * np.sin(2 * np.pi * turns)
    return torch.from_numpy(total.astype(np.float32))[None]


def some(values: torch.Tensor) -> torch.Tensor:
    """About forty of many values, evenly spaced."""
    return values.flatten()[:: max(1, values.numel() // 40)]


def style(text: str) -> torch.Tensor:
    """A style vector [512] of about the length that DiffRhythm's have, which is 1."""
    return numbers(f"style {text}", 512) * 0.0765


def told(frames: int) -> dict[str, torch.Tensor]:
    """Everything that DiffRhythm's transformer is told, for two examples."""
    tokens = (numbers("tokens", 2, frames).abs() * DIFFRHYTHM["text_num_embeds"]).long()
    return {
        "x": 1.7 * numbers("x", 2, frames, 64), "time": torch.tensor([0.1, 0.8]), "style": torch.stack([style(t) for t in PROMPTS]),
        "tokens": tokens, "sound": numbers("sound", 2, frames, 64), "start": torch.tensor([0.0, 0.4]),
        "duration": torch.tensor([0.3, 1.0]),
    }
