"""A judge that names the instrument of a clip: logistic regression on statistics of its log-mel spectrum.

It knows the instruments of the embedded corpus, and was trained on training pieces, as they are and as the VAE decodes them, since
generated music is heard through the VAE. `training.judge` trains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import torch

from audiosae.audio import mono_mix
from audiosae.audio.io import SAMPLE_RATE
from audiosae.files import checkpoint

KIND = "judge/instruments"
WINDOW, HOP, BANDS = 2048, 1024, 64
QUANTILES = 0.1, 0.5, 0.9

_DEPTH = 80.0  # dB below the loudest band that are looked at
_HEARD = 40.0  # dB below the loudest frame at which a frame still counts


def describe(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Statistics of a wave [channels, samples] that do not change with its level: float64 [384].

    Of each mel band in dB, less the mean of all: mean, standard deviation and mean absolute change over the frames that are heard, and
    three quantiles of its distance from the mean of the frame.
    """
    mono = mono_mix(wave, sample_rate)
    power = librosa.feature.melspectrogram(y=mono, sr=SAMPLE_RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS).astype(np.float64)
    level = 10 * np.log10(np.maximum(power, max(power.max(), 1e-12) * 10 ** (-_DEPTH / 10)))
    level -= level.mean()
    loudest = level.max(axis=0)
    heard = level[:, loudest > loudest.max() - _HEARD]
    change = np.abs(np.diff(heard, axis=1)).mean(axis=1) if heard.shape[1] > 1 else np.zeros(BANDS)
    colour = np.quantile(heard - heard.mean(axis=0), QUANTILES, axis=1)
    return np.concatenate([heard.mean(axis=1), heard.std(axis=1), change, *colour])


@dataclass(frozen=True)
class Judge:
    """Instruments by name, and the scores it gives them: ``(describe(wave) − mean) / scale · weightᵀ + bias``."""

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def places(self, described: np.ndarray, asked: Sequence[str | None]) -> np.ndarray:
        """The place of each clip's instrument among all, from statistics [clips, 384]; 1 is heard rightly, NaN is not known."""
        scores = (described - self.mean) / self.scale @ self.weight.T + self.bias
        order = np.argsort(np.argsort(-scores, axis=1), axis=1) + 1
        return np.array([order[row, self.names.index(name)] if name in self.names else np.nan for row, name in enumerate(asked)])

    def save(self, path: str | Path, provenance: dict) -> None:
        """Write a checkpoint."""
        tensors = {name: torch.from_numpy(getattr(self, name)).float() for name in ("mean", "scale", "weight", "bias")}
        checkpoint.save(path, tensors, {"kind": KIND, "names": list(self.names), "provenance": provenance})


def load(path: str | Path) -> Judge:
    """Read a checkpoint; a `CheckpointError` where it is missing, damaged or of another kind."""
    tensors, header = checkpoint.load(path, KIND)
    return Judge(tuple(header["names"]), **{name: tensor.double().numpy() for name, tensor in tensors.items()})


def shares(places: np.ndarray) -> dict[str, float] | None:
    """Shares heard first and in the first three of the clips whose instrument is known, and how many these are; None where none is."""
    known = places[np.isfinite(places)]
    if not len(known):
        return None
    return {"heard first": float((known == 1).mean()), "heard in the first three": float((known <= 3).mean()), "pieces": len(known)}
