"""What a codec offers to the rest of the package, and a check that one does."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

import torch

from audiosae.errors import ParameterError


class Codec(Protocol):
    """Waves to latents and back.

    Attributes
    ----------
    name
        For tables and file names: lower-case letters, digits, - and _.
    sample_rate
        In Hz.
    channels
        1 or 2.
    frame_rate
        Latent frames a second. Frame i stands for the sound around (i + ½) / frame_rate.
    dim
        Size of a latent frame.

    Notes
    -----
    A codec with codebooks has three things more: `codebook_size`, how many vectors each of them holds;
    `codes(wave)`, which vectors were chosen, int64 [batch, codebooks, frames]; and `embed(codes)`, the latents that these
    make, so that `encode` is `embed` after `codes`.
    """

    name: str
    sample_rate: int
    channels: int
    frame_rate: float
    dim: int

    def to(self, device: torch.device | str) -> Codec:
        """Move the weights; returns itself."""
        ...

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, channels, samples] -> float32 [batch, frames, dim]. Never changes level."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 [batch, frames, dim], on the codebook or not -> float32 [batch, channels, samples]."""
        ...


_METHODS = ("to", "encode", "decode")

_BATCH = 2

TIME_LIMIT = "AUDIOSAE_CODEC_SECONDS"
"""The environment variable with the seconds that loading a codec of one's own may take, and that trying it may."""

_SECONDS = 600.0


class _TimeUp(BaseException):
    """No `Exception`, so that a codec that catches those does not catch this."""


@contextmanager
def time_limit(where: str, doing: str) -> Iterator[None]:
    """End what takes longer than `TIME_LIMIT` says, or ten minutes.

    A signal does it, so Python code is ended, and what waits or sleeps; a single call into compiled code is ended only when
    it returns, and a bare `except` in a loop holds the signal up. Outside the main thread, and on systems without such
    signals, there is no limit. Nor is there one later, when the codec works on the corpus.

    Parameters
    ----------
    where
        The codec's file, for the message.
    doing
        What takes so long, for the message.

    Raises
    ------
    ParameterError
        When the time is up, or if `TIME_LIMIT` is no number of seconds.
    """
    said = os.environ.get(TIME_LIMIT, str(_SECONDS))
    try:
        seconds = float(said)
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds <= 1e6:
        raise ParameterError(f"{TIME_LIMIT} is {said!r}; give a number of seconds above 0, at most a million.")
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TimeUp:
        raise ParameterError(
            f"{where}: {doing} took more than {seconds:g} s, and was stopped. If it needs longer, set the environment variable "
            f"{TIME_LIMIT} to more seconds; if not, something in it never ends."
        ) from None
    finally:
        signal.signal(signal.SIGALRM, before)


def check(codec: Any, where: str) -> None:
    """Try a codec on a second of noise.

    Parameters
    ----------
    codec
        Whatever claims to be a `Codec`, on the CPU.
    where
        What it came from, for messages.

    Raises
    ------
    ParameterError
        If an attribute or a method is missing or of the wrong kind, a result has the wrong shape or type or is not finite,
        encoding twice gives two results, or it takes too long: see `time_limit`. The first thing that is wrong is told.
    """
    with time_limit(where, "trying the codec on a second of noise"):
        _check(codec, where)


def _check(codec: Any, where: str) -> None:
    def demand(condition: bool, told: str) -> None:
        if not condition:
            raise ParameterError(f"{where}: {told}.")

    def number(name: str, kinds: type | tuple[type, ...]) -> bool:
        value = getattr(codec, name, None)
        return isinstance(value, kinds) and not isinstance(value, bool) and value > 0

    name = getattr(codec, "name", None)
    demand(isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) is not None,
           f"`name` must be a word of lower-case letters, digits, - and _, not {name!r}")
    demand(number("sample_rate", int), f"`sample_rate` must be a whole number of Hz, not {getattr(codec, 'sample_rate', None)!r}")
    demand(number("channels", int) and codec.channels <= 2, f"`channels` must be 1 or 2, not {getattr(codec, 'channels', None)!r}")
    demand(number("frame_rate", (int, float)), f"`frame_rate` must be frames a second, not {getattr(codec, 'frame_rate', None)!r}")
    demand(number("dim", int), f"`dim` must be the size of a latent frame, not {getattr(codec, 'dim', None)!r}")
    for method in _METHODS:
        demand(callable(getattr(codec, method, None)), f"the method `{method}` is missing")

    wave = 0.1 * torch.randn(_BATCH, codec.channels, codec.sample_rate, generator=torch.Generator().manual_seed(0))
    latents = codec.encode(wave)
    _demand_tensor(demand, "encode", latents, (_BATCH, None, codec.dim), torch.float32)
    frames = latents.shape[1]
    demand(abs(frames - codec.frame_rate) < 2,
           f"`encode` makes {frames} frames of one second, but `frame_rate` is {codec.frame_rate:g}")
    demand(torch.equal(codec.encode(wave), latents), "`encode` gives two results for one sound; seed what is drawn in it")
    decoded = codec.decode(latents)
    _demand_tensor(demand, "decode", decoded, (_BATCH, codec.channels, None), torch.float32)
    demand(abs(decoded.shape[2] / codec.sample_rate - frames / codec.frame_rate) < 2 / codec.frame_rate,
           f"`decode` makes {decoded.shape[2]} samples of {frames} frames, which is not their length at {codec.sample_rate} Hz")
    if hasattr(codec, "codes"):
        demand(number("codebook_size", int), "a codec with `codes` needs `codebook_size`, a whole number")
        codes = codec.codes(wave)
        _demand_tensor(demand, "codes", codes, (_BATCH, None, frames), torch.int64)
        demand(0 <= int(codes.min()) and int(codes.max()) < codec.codebook_size,
               f"`codes` go from {int(codes.min())} to {int(codes.max())}, outside a codebook of {codec.codebook_size}")
        demand(callable(getattr(codec, "embed", None)), "a codec with `codes` needs the method `embed`")
        demand(torch.equal(codec.embed(codes), latents), "`embed` of `codes` is not what `encode` gives")


def _demand_tensor(demand: Any, method: str, value: Any, shape: tuple[int | None, ...], dtype: torch.dtype) -> None:
    demand(isinstance(value, torch.Tensor), f"`{method}` must return a tensor, not {type(value).__name__}")
    fits = value.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, value.shape))
    wanted = ", ".join("any" if size is None else str(size) for size in shape)
    demand(fits, f"`{method}` must return [{wanted}], not {list(value.shape)}")
    demand(value.dtype == dtype, f"`{method}` must return {dtype}, not {value.dtype}".replace("torch.", ""))
    demand(bool(torch.isfinite(value).all()), f"`{method}` returns NaN or infinite values for noise")
