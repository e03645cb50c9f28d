"""What a steered sound has lost, in three numbers, none of which is a listener.

log_mel_db
    Distance of log-mel spectra from the sound at strength 0, at equal loudness: how much the sound has changed otherwise. It cannot tell a
    wanted change from an unwanted one, so it is compared at equal effect.
round_trip
    Distance between the steered latents and what the codec encodes of their own sound, over the same for the clip's unsteered latents: 1 for
    latents that the codec might have produced itself, more for others. It does not notice latents that are likely and ugly.
pitch_lost
    Share of the steered sounds in which no pitch is found; see `steering.summarise`. It includes what was lost before steering.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import librosa
import numpy as np
import torch

from audiosae import audio
from audiosae.audio import loudness
from audiosae.sae import SparseAutoencoder

if TYPE_CHECKING:
    from audiosae.codecs import Codec

CHECKED = 1.0
"""Seconds of each sound that make the round trip."""


def log_mel_distance(still: np.ndarray, moved: np.ndarray, sample_rate: int) -> float:
    """Root mean square difference of log-mel spectra over bands, mean over frames, in dB, of two [channels, samples] matched in LUFS.

    What is 60 dB under the loudest band of the first counts as silent. See also `similarity.log_mel_mae`, for which levels count.
    """
    still, moved = audio.to_mono(still), audio.to_mono(moved)
    gap = loudness.loudness(still, sample_rate) - loudness.loudness(moved, sample_rate)
    moved = moved * np.float32(10 ** (gap / 20) if np.isfinite(gap) else 1.0)  # what is silent stays so
    power = [librosa.feature.melspectrogram(y=wave, sr=sample_rate, n_fft=2048, hop_length=512, n_mels=64) for wave in (still, moved)]
    floor = max(float(power[0].max()) * 10 ** (-60.0 / 10), 1e-20)
    one, other = (10 * np.log10(np.maximum(bands, floor)) for bands in power)
    return float(np.sqrt(((one - other) ** 2).mean(axis=0)).mean())


def round_trip(codec: Codec, sae: SparseAutoencoder, latents: torch.Tensor, waves: torch.Tensor) -> np.ndarray:
    """Root mean square distance, in the SAE's standardised units, between latents and what the codec encodes of their sound [batch].

    Of the latents [batch, frames, dim], and of the waves [batch, channels, samples] that were decoded from them, the first second is used.
    """
    frames = min(latents.shape[1], round(CHECKED * codec.frame_rate))
    again = codec.encode(waves[..., : round(frames * codec.sample_rate / codec.frame_rate)])
    frames = min(frames, again.shape[1])
    gap = sae.normalised(again[:, :frames]) - sae.normalised(latents[:, :frames])
    return gap.pow(2).mean(dim=(1, 2)).sqrt().cpu().numpy()
