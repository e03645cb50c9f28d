"""What the generator is trained on: latents of a large render of the embedded corpus, with prompts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from audiosae import corpus, resume
from audiosae.audio import SAMPLE_RATE, for_codec
from audiosae.codecs.protocol import Codec
from audiosae.corpus.embedded import plan
from audiosae.corpus.scores import PARTS
from audiosae.generation import prompts

BATCH = 8
"""Clips that the codec encodes at a time."""


def render(
    codec: Codec, minutes: float, clip_seconds: float, seed: int, split: str, folder: Path, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Play scores of one split and encode them; kept in `folder` for a resumed run.

    Parameters
    ----------
    codec
        On `device`.
    minutes, clip_seconds, seed
        See `corpus.embedded.plan`; every part has the same share.
    split
        train or validation; no generator meets a test piece.

    Returns
    -------
    latents
        float16 [clips, frames, dim].
    hot
        The words of each clip's prompt, float32 [clips, words].
    """
    path = folder / f"{split}-{seed}.npz"
    try:
        return _kept(path)
    except FileNotFoundError:
        pass
    except resume.DAMAGE as error:
        resume.set_aside(path, error)
    latents, texts, waiting = [], [], []
    played = list(plan(minutes, clip_seconds, dict.fromkeys(PARTS, 1.0), seed, (split,)))
    for clip in corpus.play(played, clip_seconds):
        texts.append(prompts.describe(clip))
        waiting.append(torch.from_numpy(for_codec(clip.wave, SAMPLE_RATE, codec.sample_rate, codec.channels)))
        if len(waiting) == BATCH:
            latents.append(codec.encode(torch.stack(waiting).to(device)).cpu().numpy().astype(np.float16))
            waiting = []
    if waiting:
        latents.append(codec.encode(torch.stack(waiting).to(device)).cpu().numpy().astype(np.float16))
    partial = path.with_suffix(".partial.npz")
    try:
        np.savez(partial, latents=np.concatenate(latents), hot=prompts.encode(texts).numpy())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)  # where the disk was full
    return _kept(path)


def _kept(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as found:
        return found["latents"], found["hot"]
