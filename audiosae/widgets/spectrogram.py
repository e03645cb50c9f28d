"""A spectrogram to stand under a player: small, on one scale for all sounds, so that two can be compared by eye."""

from __future__ import annotations

import io
from functools import cache

import librosa
import numpy as np
from PIL import Image

from audiosae.audio import to_mono

SIZE = (480, 112)  # width and height in pixels
RANGE = (-90.0, -10.0)  # levels from black to white: of a mel band, dB below that of a full-scale sine
LOWEST = 40.0  # Hz


def picture(wave: np.ndarray, sample_rate: int) -> bytes:
    """Draw a sound [channels, samples] or [samples] as a WebP: time to the right, mel bands from 40 Hz to half the sample rate upwards."""
    from matplotlib import colormaps  # here, as a section that writes no pictures does without matplotlib

    mono = to_mono(np.atleast_2d(wave))
    window = np.hanning(2048).astype(np.float32)
    spectrum = librosa.stft(mono, n_fft=2048, hop_length=max(64, len(mono) // SIZE[0]), window=window)
    bands = _filters(sample_rate) @ np.abs(spectrum) ** 2
    level = 10 * np.log10(np.maximum(bands / (window.sum() / 2) ** 2, 1e-12))
    shade = np.clip((level - RANGE[0]) / (RANGE[1] - RANGE[0]), 0, 1)[::-1]
    colours = (colormaps["magma"](shade)[..., :3] * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(colours).resize(SIZE, Image.Resampling.BILINEAR).save(buffer, "WEBP", quality=60, method=4)
    return buffer.getvalue()


@cache
def _filters(sample_rate: int) -> np.ndarray:
    """Mel filters, [bands, frequencies]."""
    return librosa.filters.mel(sr=sample_rate, n_fft=2048, n_mels=SIZE[1], fmin=LOWEST, norm=None)
