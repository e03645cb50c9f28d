"""What the codecs and the generator learn from: larger renders of the embedded corpus.

Only training and validation pieces are played; no shipped weights have met a test piece.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from audiosae.audio import SAMPLE_RATE, for_codec
from audiosae.codecs.protocol import Codec
from audiosae.corpus import performance
from audiosae.corpus.clip import PARTS, Clip
from audiosae.corpus.embedded import plan
from audiosae.files import resume
from audiosae.generation import prompts

AUDIBLE = 1e-3
"""−60 dBFS: a crop that stays below teaches nothing."""

_Kept = TypeVar("_Kept")


def render(
    minutes: float, clip_seconds: float, seed: int, split: str, sample_rate: int, channels: int, folder: Path, chorales: float = 1.0
) -> np.ndarray:
    """Play scores of one split ("train" or "validation") at the rate of a codec: float32 [clips, channels, samples], memory-mapped.

    `folder` is where the render is kept for a resumed run; `chorales` the share of chorales, which are single voices above all, where every
    other part has 1. For the rest see `corpus.embedded.plan`.
    """

    def write(path: Path) -> None:
        clips = play(minutes, clip_seconds, seed, split, chorales)
        np.save(path, np.stack([for_codec(clip.wave, SAMPLE_RATE, sample_rate, channels) for clip in clips]))

    return _keep(folder / f"{split}-{seed}.npy", write, lambda path: np.load(path, mmap_mode="r"))


def render_latents(
    codec: Codec, minutes: float, clip_seconds: float, seed: int, split: str, folder: Path, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Play scores of one split and encode them, for the generator; parameters as for `render`, the codec on `device`.

    Returns latents, float16 [clips, frames, dim], and the words of each clip's prompt, float32 [clips, words].
    """

    def write(path: Path) -> None:
        latents, texts = [], []
        for clip in play(minutes, clip_seconds, seed, split):  # one stays in the cache, and is encoded 2.7 times as fast as one of eight
            wave = torch.from_numpy(for_codec(clip.wave, SAMPLE_RATE, codec.sample_rate, codec.channels))
            latents.append(codec.encode(wave[None].to(device))[0].cpu().numpy().astype(np.float16))
            texts.append(prompts.describe(clip))
        np.savez(path, latents=np.stack(latents), hot=prompts.encode(texts).numpy())

    def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
        with np.load(path) as found:
            return found["latents"], found["hot"]

    return _keep(folder / f"{split}-{seed}.npz", write, read)


def batch(waves: np.ndarray, size: int, crop: int, seed: int, step: int, device: torch.device, pan: bool = False) -> torch.Tensor:
    """Random crops [size, channels, crop] that are not silent; the same for the same seed and step.

    With `pan`, half of them lose up to 20 dB of their left or right channel: most stereo music is nearly the same in both.
    """
    rng = np.random.default_rng([seed, step])
    crops: list[np.ndarray] = []
    while len(crops) < size:
        clip, start = rng.integers(len(waves)), rng.integers(waves.shape[2] - crop)
        found = waves[clip, :, start : start + crop]
        if np.abs(found).max() > AUDIBLE:
            crops.append(found)
    chosen = np.stack(crops)
    if pan:
        balance = rng.uniform(-0.9, 0.9, size) * (rng.random(size) < 0.5)
        chosen = chosen * np.minimum(np.stack([1 - balance, 1 + balance], axis=1), 1).astype(np.float32)[..., None]
    return torch.from_numpy(chosen).to(device)


def play(minutes: float, clip_seconds: float, seed: int, split: str, chorales: float = 1.0) -> Iterator[Clip]:
    """Clips of one split, in equal shares of the parts but for the chorales; parameters as for `render`."""
    sessions = plan(minutes, clip_seconds, {**dict.fromkeys(PARTS, 1.0), "chorales": chorales}, seed, (split,))
    return performance.play(sessions, clip_seconds)


def _keep(path: Path, write: Callable[[Path], None], read: Callable[[Path], _Kept]) -> _Kept:
    """Read a file; where it is missing or damaged, write it first, whole or not at all."""
    try:
        return read(path)
    except FileNotFoundError:
        pass
    except resume.DAMAGE as error:
        resume.set_aside(path, error)
    partial = path.with_suffix(f".partial{path.suffix}")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)  # where the disk was full
    return read(path)
