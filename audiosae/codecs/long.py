"""Files of any length, from disk to latents and back, in bounded memory.

    codec = codecs.load("encodec")
    frames = long.encode(codec, long.read("concert.flac", codec))
    long.write_flac("decoded.flac", long.decode(codec, frames), codec.sample_rate)

Each step hands blocks on to the next as they are asked for, so that no wave is ever held whole. What comes out is what
the codec gives for the whole wave: convolutions run in windows that overlap by as far as they look, and the state of an
LSTM is carried along. One part is not: WavTokenizer's decoder normalises over and attends to all that it is given, and in
pieces it is given windows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch

from audiosae import audio
from audiosae.codecs.sections import Section, Signal, Windowed
from audiosae.errors import AudioError, ParameterError

if TYPE_CHECKING:
    from audiosae.codecs import Codec


def encode(codec: Codec, blocks: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Encode one long wave.

    Parameters
    ----------
    codec
        Says how far it looks: has `encoding`, see `sections`.
    blocks
        The wave, cut anywhere: each float32 [1, channels, samples] at the codec's rate, on its device. A wave that is in
        memory is one block, ``[wave]``.

    Yields
    ------
    float32 [1, frames, dim]; ``torch.cat(list(…), dim=1)`` is the whole.

    Raises
    ------
    ParameterError
        If the codec does not say how far it looks.
    """
    return (block.transpose(1, 2).contiguous() for block in _chain(_sections(codec, "encoding"), blocks))


def decode(codec: Codec, blocks: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Decode many latents.

    Parameters
    ----------
    codec
        Has `decoding`, see `sections`.
    blocks
        The latents, cut anywhere: each float32 [1, frames, dim], on the codec's device.

    Yields
    ------
    float32 [1, channels, samples]; ``torch.cat(list(…), dim=2)`` is the whole.

    Raises
    ------
    ParameterError
        If the codec does not say how far it looks.
    """
    return _chain(_sections(codec, "decoding"), (block.transpose(1, 2) for block in blocks))


def read(path: str | Path, codec: Codec, seconds: float = 10.0) -> Iterator[torch.Tensor]:
    """Read a recording in blocks, at the rate and with the channels that a codec expects.

    Parameters
    ----------
    path
        A wav, flac, mp3 or ogg file.
    codec
        Gives the rate and the channels.
    seconds
        Of a block.

    Yields
    ------
    float32 [1, channels, samples]: together what `audio.read` and `audio.for_codec` give.

    Raises
    ------
    AudioError
        If the file is missing, is no audio, or holds samples that are not finite; at its end, if it is cut short.
    """
    path = Path(path)
    with audio.opened(path) as file:
        rate = file.samplerate
        blocks = _blocks(path, file, codec.channels, max(1, round(seconds * rate)))
        if rate != codec.sample_rate:
            takes, gives = (r // math.gcd(rate, codec.sample_rate) for r in (rate, codec.sample_rate))
            # The windowed sinc reaches 32 zero crossings, a little further apart than the samples of the lower rate.
            reach = math.ceil(33 / min(takes, gives)) + 1
            resample = partial(_resample, rate=rate, target=codec.sample_rate)
            blocks = Windowed(resample, takes, gives, reach, math.ceil(seconds * rate / takes)).pieces(blocks)
        yield from blocks


def write_flac(path: str | Path, blocks: Iterable[torch.Tensor], sample_rate: int) -> None:
    """Write a wave that comes in blocks [1, channels, samples] as 24-bit FLAC, whole or not at all."""
    path, blocks = Path(path), iter(blocks)
    partial_path = path.with_suffix(".partial")
    first = next(blocks)
    try:
        with soundfile.SoundFile(partial_path, "w", sample_rate, first.shape[1], "PCM_24", format="FLAC") as file:
            file.write(_interleaved(first))
            for block in blocks:
                file.write(_interleaved(block))
        os.replace(partial_path, path)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{path} could not be written ({error.error_string})") from error
    finally:
        partial_path.unlink(missing_ok=True)


def _sections(codec: Codec, way: str) -> tuple[Section, ...]:
    if not hasattr(codec, way):
        raise ParameterError(
            f"{codec.name} has no `{way}`, so it is not known how far it looks, and it cannot be run in pieces; "
            "encode and decode the wave whole, or give the codec its sections (audiosae.codecs.sections)."
        )
    return getattr(codec, way)


def _chain(sections: tuple[Section, ...], blocks: Iterable[Signal]) -> Iterator[Signal]:
    for section in sections:
        blocks = section.pieces(blocks)
    return iter(blocks)


def _blocks(path: Path, file: soundfile.SoundFile, channels: int, size: int) -> Iterator[Signal]:
    samples = 0
    for block in file.blocks(size, dtype="float32", always_2d=True):
        wave = audio.for_codec(np.ascontiguousarray(block.T), file.samplerate, file.samplerate, channels)
        bad = np.flatnonzero(~np.isfinite(wave).all(axis=0))
        if bad.size:
            raise AudioError(
                f"{path}: a sample is NaN or infinite, at {(samples + bad[0]) / file.samplerate:.3f} s; export the file again."
            )
        samples += wave.shape[1]
        yield torch.from_numpy(wave)[None]
    audio.refuse_truncated(path, file, samples)


def _resample(signal: Signal, rate: int, target: int) -> Signal:
    return torch.from_numpy(audio.resample(signal.numpy(), rate, target))


def _interleaved(block: torch.Tensor) -> np.ndarray:
    return block[0].T.cpu().numpy()
