"""Sound for a listener: alternatives at one loudness, excerpts, and compression that never goes over −1 dBFS."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyloudnorm
import soundfile

from audiosae.errors import AudioError

PEAK = 10 ** (-1 / 20)
"""Largest sample that a listener is given: −1 dBFS."""

MP3_OVERSHOOT = 1.0
"""Headroom for compression, dB: over the corpus's clips, a decoded MP3 peaked up to 0.9 dB above its wave."""

CEILING = PEAK * 10 ** (-MP3_OVERSHOOT / 20)
"""Largest sample before compression."""

_MATCHED = 0.005  # how near to its target, in LU, a sound has to be
_ROUNDS = 8  # of measuring and scaling; two are the rule, three or four where a clip lies about the meter's gate


def loudness(wave: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, by pyloudnorm), −inf for silence.

    The wave is [channels, samples] or [samples]; one shorter than 0.4 s is padded with silence to one gating block.
    """
    samples = np.atleast_2d(wave).T.astype(np.float64)
    block = int(np.ceil(0.4 * sample_rate)) + 1
    if len(samples) < block:
        samples = np.pad(samples, ((0, block - len(samples)), (0, 0)))
    if not samples.any():
        return -np.inf
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(samples))


def match_loudness(waves: Sequence[np.ndarray], sample_rate: int, target: float = -23.0) -> list[np.ndarray]:
    """Bring alternatives to one loudness, with room for compression under −1 dBFS.

    Each is measured again after scaling: the meter leaves out blocks under −70 LUFS, so more of a quiet clip counts once it is
    turned up. Where the target (LUFS) would push any peak over, all are turned down together, so that they stay matched. Silent
    waves stay silent.
    """
    matched = list(waves)
    peaks = 20 * np.log10([max(_peak([wave]), 1e-9) for wave in waves])
    gains = np.zeros(len(matched))  # dB
    for _ in range(_ROUNDS):
        away = np.array([target - loudness(wave, sample_rate) for wave in matched])
        away[~np.isfinite(away)] = 0.0
        if np.abs(away).max(initial=0.0) < _MATCHED:
            break
        gains += away
        over = max(float((peaks + gains).max()) - 20 * np.log10(0.999 * CEILING), 0.0)
        gains, target = gains - over, target - over
        matched = [wave * np.float32(10 ** (gain / 20)) for wave, gain in zip(waves, gains, strict=False)]
    return shared_gain(matched, limit_only=True)


def shared_gain(waves: Sequence[np.ndarray], limit_only: bool = False) -> list[np.ndarray]:
    """One gain for a whole comparison whose subject is loudness: the loudest peak goes to just under `CEILING`.

    With `limit_only` they are turned down where needed, never up.
    """
    peak = _peak(waves)
    gain = 0.999 * CEILING / peak if peak else 1.0
    gain = min(gain, 1.0) if limit_only else gain
    return [wave * np.float32(gain) for wave in waves]


def _peak(waves: Sequence[np.ndarray]) -> float:
    return max((float(np.abs(wave).max(initial=0.0)) for wave in waves), default=0.0)


def encode_mp3(wave: np.ndarray, sample_rate: int) -> bytes:
    """Compress a wave [channels, samples] or [samples] to an MP3 file; the same wave gives the same bytes.

    Raises
    ------
    AudioError
        If a sample is not finite, or larger than `CEILING`: scale first with `match_loudness` or `shared_gain`.
    """
    samples = np.atleast_2d(wave).T
    if not np.isfinite(samples).all():
        raise AudioError("a sound for a listener holds NaN or infinite samples; nothing was written.")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > CEILING:
        raise AudioError(
            f"a sound for a listener peaks at {20 * np.log10(peak):.1f} dBFS, over the "
            f"{20 * np.log10(CEILING):.0f} dBFS that leave room for compression; "
            "scale it with match_loudness or shared_gain."
        )
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format="MP3")
    return buffer.getvalue()


def excerpt(wave: np.ndarray, sample_rate: int, time: float, seconds: float) -> np.ndarray:
    """Cut `seconds` around a `time` in s from a wave [channels, samples], with 10 ms fades so that the cut does not click.

    The excerpt is moved inwards where the wave begins or ends; a shorter wave is taken whole.
    """
    length = min(int(seconds * sample_rate), wave.shape[1])
    start = int(np.clip(time * sample_rate - length / 2, 0, wave.shape[1] - length))
    cut = wave[:, start : start + length].copy()
    fade = min(length // 2, int(0.01 * sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    cut[:, :fade] *= ramp
    cut[:, length - fade :] *= ramp[::-1]
    return cut
