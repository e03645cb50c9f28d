"""A spectrogram to stand under a player: small, on one scale for all sounds, so that two can be compared by eye."""

from __future__ import annotations

import io

import librosa
import matplotlib
import numpy as np
from PIL import Image

from audiosae.audio import to_mono

SIZE = (480, 112)
"""Width and height in pixels."""

RANGE = (-90.0, -10.0)
"""Levels from black to white: of a mel band, dB below that of a full-scale sine."""

LOWEST = 40.0
"""Hz."""


def picture(wave: np.ndarray, sample_rate: int) -> bytes:
    """Draw a sound as a WebP: time from left to right, mel bands from 40 Hz to half the sample rate upwards.

    Parameters
    ----------
    wave
        [channels, samples] or [samples], full scale 1.
    sample_rate
        In Hz.
    """
    width, height = SIZE
    mono = to_mono(np.atleast_2d(wave))
    hop = max(64, len(mono) // width)
    window = np.hanning(2048).astype(np.float32)
    power = np.abs(librosa.stft(mono, n_fft=2048, hop_length=hop, window=window)) ** 2
    bands = librosa.filters.mel(sr=sample_rate, n_fft=2048, n_mels=height, fmin=LOWEST, norm=None) @ power
    level = 10 * np.log10(np.maximum(bands / (window.sum() / 2) ** 2, 1e-12))
    shade = np.clip((level - RANGE[0]) / (RANGE[1] - RANGE[0]), 0, 1)[::-1]
    colours = (matplotlib.colormaps["magma"](shade)[..., :3] * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(colours).resize(SIZE, Image.Resampling.BILINEAR).save(buffer, "WEBP", quality=60, method=4)
    return buffer.getvalue()
