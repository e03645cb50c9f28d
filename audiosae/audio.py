"""Reading, checking, resampling and writing sound.

A wave is a float32 array [channels, samples], full scale at ±1, next to its sample rate in Hz.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio

from audiosae.errors import AudioError

SAMPLE_RATE = 44100
"""Rate in Hz of the corpus, and of the mono mix on which labels are measured."""

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
