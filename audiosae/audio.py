"""Reading, checking, resampling and writing sound.

A wave is a float32 array [channels, samples], full scale at ±1, next to its sample rate in Hz.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
import torch
import torchaudio

from audiosae.errors import AudioError

SAMPLE_RATE = 44100
"""Rate in Hz of the corpus, and of the mono mix on which labels are measured."""

PEAK = 10 ** (-1 / 20)
"""Largest sample that a listener is given: −1 dBFS."""

MP3_OVERSHOOT = 1.0
"""Headroom for compression, dB: over the corpus's clips, whole, cut, and at 24 kHz, a decoded MP3 peaked up to 0.9 dB
above its wave. Noise that is clipped flat can go further."""

CEILING = PEAK * 10 ** (-MP3_OVERSHOOT / 20)
"""Largest sample before compression."""

_MATCHED = 0.005
"""How near to its target, in LU, a sound has to be."""

_ROUNDS = 8
"""Of measuring and scaling. Two are the rule, three or four where a clip lies about the meter's gate."""

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")


def read(path: str | Path) -> tuple[np.ndarray, int]:
    """Read a recording whole, and refuse one that is damaged.

    Parameters
    ----------
    path
        A wav, flac, mp3 or ogg file.

    Returns
    -------
    wave
        float32 [channels, samples].
    sample_rate
        In Hz.

    Raises
    ------
    AudioError
        If the file is missing, is no audio, ends before its header says, or fails `check`.
    """
    path = Path(path)
    with opened(path) as file:
        wave, sample_rate = file.read(dtype="float32", always_2d=True).T, file.samplerate
        refuse_truncated(path, file, wave.shape[1])
    check(wave, sample_rate, where=str(path))
    return np.ascontiguousarray(wave), sample_rate


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a recording; what libsndfile says against it, now or while it is read, becomes an `AudioError`."""
    if not path.is_file():
        raise AudioError(f"{path}: there is no such file; check the path.")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: cannot be read as audio ({error.error_string}); it may be damaged or cut short. "
            "Replace it, or convert it to wav or flac."
        ) from error


def refuse_truncated(path: Path, file: soundfile.SoundFile, samples: int) -> None:
    """Raise `AudioError` if a recording that gave so many samples has lost its end."""
    # libsndfile trusts the length of a wav file over its header, and leaves only this remark in its log.
    truncated = "should be" in file.extra_info and path.suffix.lower() == ".wav"
    truncated |= path.suffix.lower() == ".ogg" and not _ogg_is_whole(path)
    if truncated or samples != file.frames:
        raise AudioError(f"{path}: the file ends before its header says (truncated); copy or export it again.")


def _ogg_is_whole(path: Path) -> bool:
    """Whether the last page is complete and flagged as the last (RFC 3533, section 6); libsndfile does not ask."""
    data = path.read_bytes()
    page = data[data.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return False
    segments = page[26]
    return len(page) >= 27 + segments + sum(page[27 : 27 + segments])


def check(wave: np.ndarray, sample_rate: int, where: str) -> None:
    """Refuse a wave from which nothing can be learned.

    Parameters
    ----------
    wave
        [channels, samples].
    sample_rate
        In Hz.
    where
        Name of the recording, for the message.

    Raises
    ------
    AudioError
        For more than two channels, samples that are not finite, silence, or less than one analysis frame (2048
        samples at 44.1 kHz).
    """
    if wave.ndim != 2 or not 1 <= wave.shape[0] <= 2:
        raise AudioError(
            f"{where}: {wave.shape[0]} channels; only mono and stereo are understood. Mix it down to one or two."
        )
    if wave.shape[1] < 2048 * sample_rate / SAMPLE_RATE:
        raise AudioError(
            f"{where}: {wave.shape[1]} samples at {sample_rate} Hz is shorter than one analysis frame "
            f"({2048 / SAMPLE_RATE * 1000:.0f} ms); use a longer clip."
        )
    bad = np.flatnonzero(~np.isfinite(wave).all(axis=0))
    if bad.size:
        raise AudioError(
            f"{where}: {bad.size} samples are NaN or infinite, the first at {bad[0] / sample_rate:.3f} s; "
            "export the file again."
        )
    if not wave.any():
        raise AudioError(f"{where}: pure silence; remove the file, or check that the right track was exported.")


def resample(wave: np.ndarray, sample_rate: int, target_rate: int) -> np.ndarray:
    """Change the sample rate with a windowed sinc (torchaudio).

    Parameters
    ----------
    wave
        float32 [..., samples].
    sample_rate, target_rate
        In Hz.

    Returns
    -------
    float32 [..., ceil(samples · target_rate / sample_rate)].
    """
    if sample_rate == target_rate:
        return wave
    tensor = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
    return torchaudio.functional.resample(tensor, sample_rate, target_rate, lowpass_filter_width=32).numpy()


def to_mono(wave: np.ndarray) -> np.ndarray:
    """Mix channels down by their mean: [channels, samples] -> [samples]."""
    return wave.mean(axis=0)


def for_codec(wave: np.ndarray, sample_rate: int, codec_rate: int, channels: int) -> np.ndarray:
    """Bring a wave to the rate and channel count that a codec expects.

    Parameters
    ----------
    wave
        float32 [channels, samples].
    sample_rate, codec_rate
        In Hz.
    channels
        1 mixes down by the mean; 2 doubles a mono wave.

    Returns
    -------
    float32 [channels, samples at codec_rate]. The level is not changed.
    """
    if channels == 1:
        wave = to_mono(wave)[None]
    elif wave.shape[0] == 1:
        wave = np.repeat(wave, 2, axis=0)
    return resample(wave, sample_rate, codec_rate)


def loudness(wave: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, by pyloudnorm).

    Parameters
    ----------
    wave
        [channels, samples] or [samples]; shorter than 0.4 s is padded with silence to one gating block.
    sample_rate
        In Hz.

    Returns
    -------
    LUFS; −inf for silence.
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

    The meter leaves out blocks under −70 LUFS, and more of a quiet clip counts once it is turned up. So each is
    measured again after scaling, until all agree. Where the target would push any peak over, the whole set is turned
    down together, so that it stays matched.

    Parameters
    ----------
    waves
        Each [channels, samples] or [samples]; what is silent, or all of it under the gate, is not turned up.
    sample_rate
        In Hz.
    target
        In LUFS.

    Returns
    -------
    The waves, scaled, in the same order.
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
        matched = [wave * np.float32(10 ** (gain / 20)) for wave, gain in zip(waves, gains)]
    return shared_gain(matched, limit_only=True)


def shared_gain(waves: Sequence[np.ndarray], limit_only: bool = False) -> list[np.ndarray]:
    """One gain for a whole comparison whose subject is loudness: the loudest peak goes to just under `CEILING`.

    Parameters
    ----------
    waves
        Each [channels, samples] or [samples].
    limit_only
        Turn down where needed, never up.

    Returns
    -------
    The waves, all scaled by the same factor.
    """
    peak = _peak(waves)
    gain = 0.999 * CEILING / peak if peak else 1.0
    gain = min(gain, 1.0) if limit_only else gain
    return [wave * np.float32(gain) for wave in waves]


def _peak(waves: Sequence[np.ndarray]) -> float:
    return max((float(np.abs(wave).max(initial=0.0)) for wave in waves), default=0.0)


def encode_mp3(wave: np.ndarray, sample_rate: int) -> bytes:
    """Compress for the book or for a widget; the same wave gives the same bytes.

    Parameters
    ----------
    wave
        float [channels, samples] or [samples], peak at most `CEILING`.
    sample_rate
        In Hz, one that MP3 knows (24000 and 44100 are).

    Returns
    -------
    The MP3 file.

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


def write_flac(path: str | Path, wave: np.ndarray, sample_rate: int) -> None:
    """Write a wave [channels, samples] as 24-bit FLAC, whole or not at all."""
    path = Path(path)
    partial = path.with_suffix(".partial")
    try:
        soundfile.write(partial, wave.T, sample_rate, format="FLAC", subtype="PCM_24")
    except soundfile.LibsndfileError as error:
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} could not be written ({error.error_string})") from error
    os.replace(partial, path)


def excerpt(wave: np.ndarray, sample_rate: int, time: float, seconds: float) -> np.ndarray:
    """Cut around a moment, with 10 ms fades so that the cut does not click.

    Parameters
    ----------
    wave
        [channels, samples].
    sample_rate
        In Hz.
    time
        Middle of the excerpt, s; moved inwards where the wave begins or ends.
    seconds
        Length; a shorter wave is taken whole.

    Returns
    -------
    float32 [channels, samples].
    """
    length = min(int(seconds * sample_rate), wave.shape[1])
    start = int(np.clip(time * sample_rate - length / 2, 0, wave.shape[1] - length))
    cut = wave[:, start : start + length].copy()
    fade = min(length // 2, int(0.01 * sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    cut[:, :fade] *= ramp
    cut[:, length - fade :] *= ramp[::-1]
    return cut
