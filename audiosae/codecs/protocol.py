"""What a codec offers to the rest of the package, and a check that one does."""

from __future__ import annotations

import os
import re
from typing import Any, Protocol

import torch

from audiosae.codecs.time_limit import time_limit
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
    A codec with codebooks has three things more: `codebook_size`, vectors in each; `codes(wave)`, which were chosen, int64 [batch,
    codebooks, frames]; and `embed(codes)`, the latents that these make, so that `encode` is `embed` after `codes`.
    Latents without a way back to sound, such as hidden states of a self-supervised model, have no `decode`; see `decodes`.
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


def decodes(codec: Codec) -> bool:
    """Whether there is a way back from latents to sound."""
    return callable(getattr(codec, "decode", None))


TIME_LIMIT = "AUDIOSAE_CODEC_SECONDS"
"""The environment variable with the seconds, 600 unless set, that loading a codec of one's own may take, and that trying it may."""

_BATCH = 2


def limit(where: str, doing: str) -> Any:
    """A `time_limit` on what a codec of one's own does while it is loaded and tried; the file and the act are for the message."""
    said = os.environ.get(TIME_LIMIT, "600")
    try:
        seconds = float(said)
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds <= 1e6:
        raise ParameterError(f"{TIME_LIMIT} is {said!r}; give a number of seconds above 0, at most a million.")
    late = (
        f"{where}: {doing} took more than {seconds:g} s, and was stopped. If it needs longer, set the environment variable "
        f"{TIME_LIMIT} to more seconds; if not, something in it never ends."
    )
    return time_limit(seconds, ParameterError(late))


def check(codec: Any, where: str) -> None:
    """Try whatever claims to be a `Codec`, on the CPU, on a second of noise; `where` it came from is for messages.

    Raises
    ------
    ParameterError
        If an attribute or a method is missing or of the wrong kind, a result has the wrong shape or type or is not finite, encoding
        twice gives two results, or it takes too long: see `limit`. The first thing that is wrong is told.
    """

    def demand(condition: bool, told: str) -> None:
        if not condition:
            raise ParameterError(f"{where}: {told}.")

    def demand_number(name: str, meaning: str, kinds: Any = int, most: float = float("inf")) -> None:
        value = getattr(codec, name, None)
        fits = isinstance(value, kinds) and not isinstance(value, bool) and 0 < value <= most
        demand(fits, f"`{name}` must be {meaning}, not {value!r}")

    def demand_method(name: str) -> None:
        demand(callable(getattr(codec, name, None)), f"the method `{name}` is missing")

    def tensor(method: str, argument: torch.Tensor, shape: tuple[int | None, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        value = getattr(codec, method)(argument)
        demand(isinstance(value, torch.Tensor), f"`{method}` must return a tensor, not {type(value).__name__}")
        fits = value.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, value.shape, strict=True))
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        demand(fits, f"`{method}` must return [{wanted}], not {list(value.shape)}")
        demand(value.dtype == dtype, f"`{method}` must return {dtype}, not {value.dtype}".replace("torch.", ""))
        demand(bool(torch.isfinite(value).all()), f"`{method}` returns NaN or infinite values for noise")
        return value

    name = getattr(codec, "name", None)
    named = isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) is not None
    demand(named, f"`name` must be a word of lower-case letters, digits, - and _, not {name!r}")
    demand_number("sample_rate", "a whole number of Hz")
    demand_number("channels", "1 or 2", most=2)
    demand_number("frame_rate", "frames a second", (int, float))
    demand_number("dim", "the size of a latent frame")
    for method in ("to", "encode"):
        demand_method(method)
    demand(decodes(codec) or getattr(codec, "decode", None) is None, "`decode` must be a method, or be left out where nothing leads back")
    with limit(where, "trying the codec on a second of noise"):
        wave = 0.1 * torch.randn(_BATCH, codec.channels, codec.sample_rate, generator=torch.Generator().manual_seed(0))
        latents = tensor("encode", wave, (_BATCH, None, codec.dim))
        frames, rate = latents.shape[1], codec.frame_rate
        demand(abs(frames - rate) < 2, f"`encode` makes {frames} frames of one second, but `frame_rate` is {rate:g}")
        demand(torch.equal(codec.encode(wave), latents), "`encode` gives two results for one sound; seed what is drawn in it")
        if decodes(codec):
            samples = tensor("decode", latents, (_BATCH, codec.channels, None)).shape[2]
            fits = abs(samples / codec.sample_rate - frames / rate) < 2 / rate
            demand(fits, f"`decode` makes {samples} samples of {frames} frames, which is not their length at {codec.sample_rate} Hz")
        if hasattr(codec, "codes"):
            demand_number("codebook_size", "the number of vectors in a codebook, since there are `codes`")
            demand_method("embed")
            codes = tensor("codes", wave, (_BATCH, None, frames), torch.int64)
            least, most = int(codes.min()), int(codes.max())
            within = 0 <= least and most < codec.codebook_size
            demand(within, f"`codes` go from {least} to {most}, outside a codebook of {codec.codebook_size}")
            demand(torch.equal(codec.embed(codes), latents), "`embed` of `codes` is not what `encode` gives")
