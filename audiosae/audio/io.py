"""Reading, checking, resampling and writing sound.

A wave is a float32 array [channels, samples], full scale at ±1, next to its sample rate in Hz.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
import torchaudio

from audiosae.errors import AudioError
from audiosae.files import whole

SAMPLE_RATE = 44100
"""Rate in Hz of the corpus, and of the mono mix on which labels are measured."""

SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".mp3", ".ogg", ".opus")
"""Formats that are read, and in which a file that was cut short is noticed."""

_RATES = (4_000, 384_000)  # other rates, in Hz, are damaged headers
_BLOCK = 2**22  # samples to read at a time: memory grows with what a file holds, not with what its header claims
_LARGEST_KERNEL = 2**22  # numbers in torchaudio's longest filter (32 MB); from 384 to 44.1 kHz it has 0.2 million


def read(path: str | Path) -> tuple[np.ndarray, int]:
    """Read a whole recording, one of `SUFFIXES`, and refuse a damaged one.

    Returns
    -------
    wave
        float32 [channels, samples].
    sample_rate
        In Hz.

    Raises
    ------
    AudioError
        If the file is missing, cannot be opened, is no audio, has an impossible sample rate, is truncated, or fails `check`.
    """
    path = Path(path)
    with _opened(path) as file:
        size = max(1, _BLOCK // file.channels)
        blocks = [file.read(size, dtype="float32", always_2d=True)]
        while len(blocks[-1]) == size and sum(map(len, blocks)) < file.frames:
            blocks.append(file.read(size, dtype="float32", always_2d=True))
        wave, sample_rate = np.concatenate(blocks).T, file.samplerate
        _refuse_truncated(path, file, wave.shape[1])
    check(wave, sample_rate, where=str(path))
    return np.ascontiguousarray(wave), sample_rate


def read_part(path: str | Path, start: int, seconds: float) -> tuple[np.ndarray, int]:
    """Read `seconds` of a recording from sample `start` on, or as much as there is: as `read`, without `check`."""
    path = Path(path)
    with _opened(path) as file:
        file.seek(start)
        length = min(int(seconds * file.samplerate), file.frames - start)
        wave = file.read(length, dtype="float32", always_2d=True).T
        _refuse_truncated(path, file, file.frames if wave.shape[1] == length else 0)
        return np.ascontiguousarray(wave), file.samplerate


def read_length(path: str | Path) -> tuple[int, int]:
    """Samples of a recording and its sample rate in Hz; only the header is read."""
    path = Path(path)
    with _opened(path) as file:
        _refuse_truncated(path, file, file.frames)
        return file.frames, file.samplerate


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a recording; whatever is wrong with it, now or while it is read, becomes an `AudioError`."""
    try:
        if not path.is_file():
            raise AudioError(f"{path}: there is no such file; check the path.")
        source = _completed(path)
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); check its permissions.") from error
    try:
        with soundfile.SoundFile(source) as file:
            if not _RATES[0] <= file.samplerate <= _RATES[1]:
                raise AudioError(
                    f"{path}: its header gives a sample rate of {file.samplerate} Hz; rates from {_RATES[0]} to {_RATES[1]} Hz "
                    "are read. Export it again, or mend its header."
                )
            if file.frames >= 2**62:  # how libsndfile says that it does not know
                raise AudioError(f"{path}: its header does not say how long it is; convert it to wav, or export it again.")
            yield file
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: cannot be read as audio ({error.error_string}); it may be damaged or cut short. "
            "Replace it, or convert it to wav or flac."
        ) from error


def _completed(path: Path) -> bytes | io.BytesIO:
    """What to open: the path, or for a wav whose header gives its sound no length, a copy in memory that does.

    A program that writes to a pipe cannot go back and fill in the length. Some leave 0, which libsndfile takes at its word.
    """
    with path.open("rb") as file:
        if file.read(12)[::8] != b"RW":  # RIFF....WAVE
            return os.fsencode(path)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                break
            file.seek(size + size % 2, io.SEEK_CUR)
        else:
            return os.fsencode(path)
        start = file.tell()
        follows = file.read(4)
        if size or len(follows) < 4 or follows.isascii() and follows.decode().isprintable():  # another chunk, so it is empty
            return os.fsencode(path)
        file.seek(0)
        content = bytearray(file.read())
    struct.pack_into("<I", content, start - 4, len(content) - start)
    return io.BytesIO(content)


def _refuse_truncated(path: Path, file: soundfile.SoundFile, samples: int) -> None:
    """Raise `AudioError` if a recording that gave so many samples has lost its end."""
    # libsndfile trusts the length of a file over its header, and leaves only these remarks in its log.
    sizes = re.findall(r"^\s*(?:data|SSND|Riff size)\s*: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    truncated = any(int(said) > int(there) and not _streamed(int(said)) for said, there in sizes)
    truncated |= path.suffix.lower() in (".ogg", ".opus") and not _ogg_is_whole(path)
    if truncated or samples != file.frames:
        raise AudioError(f"{path}: the file ends before its header says (truncated); copy or export it again.")


def _streamed(size: int) -> bool:
    """Whether a length is what programs write that do not know it yet: near the end of 31 or of 32 bits."""
    return 2**31 - 2**16 <= size <= 2**31 or size >= 2**32 - 2**16


def _ogg_is_whole(path: Path) -> bool:
    """Whether the last page is complete and flagged as the last (RFC 3533, section 6); libsndfile does not ask."""
    data = path.read_bytes()
    page = data[data.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return False
    segments = page[26]
    return len(page) >= 27 + segments + sum(page[27 : 27 + segments])


def check(wave: np.ndarray, sample_rate: int, where: str) -> None:
    """Raise `AudioError`, naming the recording `where`, for a wave from which nothing can be learned.

    That is one with more than two channels, samples that are not finite, silence, or less than one analysis frame.
    """
    if not 1 <= wave.shape[0] <= 2:
        raise AudioError(f"{where}: {wave.shape[0]} channels; only mono and stereo are understood. Mix it down to one or two.")
    if wave.shape[1] < 2048 * sample_rate / SAMPLE_RATE:
        raise AudioError(
            f"{where}: {wave.shape[1]} samples at {sample_rate} Hz is shorter than one analysis frame "
            f"({2048 / SAMPLE_RATE * 1000:.0f} ms); use a longer clip."
        )
    bad = np.flatnonzero(~np.isfinite(wave).all(axis=0))
    if bad.size:
        raise AudioError(
            f"{where}: {bad.size} samples are NaN or infinite, the first at {bad[0] / sample_rate:.3f} s; export the file again."
        )
    if not wave.any():
        raise AudioError(f"{where}: pure silence; remove the file, or check that the right track was exported.")


def resample(wave: np.ndarray, sample_rate: int, target_rate: int) -> np.ndarray:
    """Change the sample rate: float32 [..., samples] -> float32 [..., ceil(samples · target_rate / sample_rate)].

    By a windowed sinc (torchaudio), or by SoX's resampler between rates with no simple ratio: torchaudio keeps a filter for each
    phase between two rates, which from 44,099 to 44,100 Hz would fill 16 GB.
    """
    if sample_rate == target_rate:
        return wave
    common = math.gcd(sample_rate, target_rate)
    if sample_rate // common * (target_rate // common) > _LARGEST_KERNEL:
        samples = -(-wave.shape[-1] * target_rate // sample_rate)
        found = librosa.resample(wave, orig_sr=sample_rate, target_sr=target_rate, res_type="soxr_vhq", fix=False)
        return librosa.util.fix_length(found, size=samples).astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
    return torchaudio.functional.resample(tensor, sample_rate, target_rate, lowpass_filter_width=32).numpy()


def to_mono(wave: np.ndarray) -> np.ndarray:
    """Mix channels down by their mean: [channels, samples] -> [samples]."""
    return wave.mean(axis=0)


def mono_mix(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """What labels are measured on: [channels, samples] -> float32 [samples at 44.1 kHz], mixed down and then resampled."""
    return resample(to_mono(wave), sample_rate, SAMPLE_RATE)


def for_codec(wave: np.ndarray, sample_rate: int, codec_rate: int, channels: int) -> np.ndarray:
    """Bring a wave to a codec's rate and channels (mixed down by the mean, or doubled), its level unchanged.

    float32 [channels, samples] -> float32 [channels, samples at codec_rate].
    """
    if channels == 1:
        wave = to_mono(wave)[None]
    elif wave.shape[0] == 1:
        wave = np.repeat(wave, 2, axis=0)
    return resample(wave, sample_rate, codec_rate)


def write_flac(path: str | Path, wave: np.ndarray, sample_rate: int) -> None:
    """Write a wave [channels, samples] as 24-bit FLAC, whole or not at all."""
    buffer = io.BytesIO()
    soundfile.write(buffer, wave.T, sample_rate, format="FLAC", subtype="PCM_24")
    whole.write(path, buffer.getvalue())
