"""How much of a clip survives a codec: decoded against original, on pitch, loudness, brightness and waveform."""

from __future__ import annotations

import librosa
import numpy as np

from audiosae.audio import labels, pitch
from audiosae.audio.labels import Measured
from audiosae.errors import CorpusError


def si_sdr(decoded: np.ndarray, original: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019); both [samples], means removed."""
    decoded, original = decoded - decoded.mean(), original - original.mean()
    projection = decoded @ original / (original @ original) * original
    return float(10 * np.log10((projection @ projection) / ((decoded - projection) @ (decoded - projection))))


def log_mel_mae(decoded: np.ndarray, original: np.ndarray, sample_rate: int) -> float:
    """Mean absolute difference of log-mel spectra in dB, down to 80 dB below the original's peak; both [samples].

    64 bands, windows of 2048. Unlike in `steering.validity`, levels count.
    """
    a, b = (librosa.feature.melspectrogram(y=wave, sr=sample_rate, n_fft=2048, hop_length=512, n_mels=64) for wave in (original, decoded))
    floor = a.max() * 1e-8
    return float(np.abs(10 * np.log10(np.maximum(a, floor)) - 10 * np.log10(np.maximum(b, floor))).mean())


def agreement(original: list[Measured], decoded: list[Measured], monophonic: list[bool]) -> dict[str, float]:
    """Agreement of labels measured on original and on decoded clips; pitch is compared on those with a single voice.

    Returns
    -------
    pitch
        Share of frames voiced in the original whose decoded pitch, however unsure, is within 50 cents.
    rms, centroid
        Pearson correlation over frames louder than −60 dBFS, of all clips.

    Raises
    ------
    CorpusError
        If no frame of a single voice is voiced.
    """

    def both(name: str) -> tuple[np.ndarray, np.ndarray]:
        before, after = (np.concatenate([getattr(measured, name) for measured in side]) for side in (original, decoded))
        return before, after

    f0, rms, centroid = both("f0"), both("rms"), both("centroid")
    is_mono = np.repeat(monophonic, [len(measured.f0) for measured in original])
    is_voiced = is_mono & labels.voiced(both("confidence")[0], rms[0])
    if not is_voiced.any():
        raise CorpusError(
            "no test clip is a single voice with a pitch, so it cannot be said how much pitch the codec keeps; "
            "add recordings of single voices or instruments."
        )
    cents = 100 * np.abs(pitch.to_midi(f0[0]) - pitch.to_midi(f0[1]))
    audible = (rms[0] > labels.SILENCE) & np.isfinite(centroid[0]) & np.isfinite(centroid[1])
    return {
        "pitch": float((cents[is_voiced] <= 50).mean()),
        "rms": float(np.corrcoef(rms[0][audible], rms[1][audible])[0, 1]),
        "centroid": float(np.corrcoef(centroid[0][audible], centroid[1][audible])[0, 1]),
    }
