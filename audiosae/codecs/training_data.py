"""What the codecs are trained on: a larger render of the embedded corpus, and random crops of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from audiosae import corpus, resume
from audiosae.audio import SAMPLE_RATE, for_codec
from audiosae.corpus.embedded import plan
from audiosae.corpus.scores import PARTS

AUDIBLE = 1e-3
"""−60 dBFS: a crop that stays below teaches nothing."""


def render(
    minutes: float, clip_seconds: float, seed: int, split: str, sample_rate: int, channels: int, folder: Path,
    chorales: float = 1.0,
) -> np.ndarray:
    """Play scores of one split; kept in `folder` for a resumed run.

    Parameters
    ----------
    minutes, clip_seconds, seed
        See `corpus.embedded.plan`.
    split
        train or validation; no codec meets a test piece.
    sample_rate, channels
        Of the codec.
    folder
        Where the render is kept.
    chorales
        Share of chorales, which are single voices above all; every other part has 1.

    Returns
    -------
    float32 [clips, channels, samples], memory-mapped.
    """
    path = folder / f"{split}-{seed}.npy"
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        pass
    except resume.DAMAGE as error:
        resume.set_aside(path, error)
    sessions = plan(minutes, clip_seconds, {**dict.fromkeys(PARTS, 1.0), "chorales": chorales}, seed, (split,))
    played = corpus.play(sessions, clip_seconds)
    waves = [for_codec(clip.wave, SAMPLE_RATE, sample_rate, channels) for clip in played]
    partial = path.with_suffix(".partial.npy")
    try:
        np.save(partial, np.stack(waves))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)  # where the disk was full
    return np.load(path, mmap_mode="r")


def batch(waves: np.ndarray, size: int, crop: int, seed: int, step: int, device: torch.device) -> torch.Tensor:
    """Random crops [size, channels, crop] that are not silent; the same for the same seed and step."""
    rng = np.random.default_rng([seed, step])
    crops = []
    while len(crops) < size:
        clip, start = rng.integers(len(waves)), rng.integers(waves.shape[2] - crop)
        found = waves[clip, :, start : start + crop]
        if np.abs(found).max() > AUDIBLE:
            crops.append(found)
    return torch.from_numpy(np.stack(crops)).to(device)
