"""Many waves of different lengths at once, each with the result that it has alone.

Nothing is filled up to the length of the longest, so no silence is computed and none can leak into a shorter
neighbour. On a CPU convolutions gain nothing from a batch, and go wave by wave; an LSTM, whose steps wait for each
other, gains much, and takes all waves together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from audiosae.codecs.sections import Section, Signal

if TYPE_CHECKING:
    from audiosae.codecs import Codec

AT_ONCE = 16
"""Waves that go through a codec together. More are no faster on a CPU, and all of them are held at the frame rate."""


@torch.no_grad()
def encode(codec: Codec, waves: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Encode waves of any lengths.

    Parameters
    ----------
    codec
        Without `encoding` and `decoding` (see `sections`), it is given one wave after the other.
    waves
        Each float32 [channels, samples], on the codec's device.

    Returns
    -------
    For each, in the same order, float32 [frames, dim]: `codec.encode(wave[None])[0]`, up to rounding.
    """
    if not hasattr(codec, "encoding"):
        return [codec.encode(wave[None])[0] for wave in waves]
    return [signal[0].T.contiguous() for signal in _through(codec.encoding, [wave[None] for wave in waves])]


@torch.no_grad()
def decode(codec: Codec, latents: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Decode latents of any lengths.

    Parameters
    ----------
    codec
        As for `encode`.
    latents
        Each float32 [frames, dim], on the codec's device.

    Returns
    -------
    For each, in the same order, float32 [channels, samples]: `codec.decode(frames[None])[0]`, up to rounding.
    """
    if not hasattr(codec, "decoding"):
        return [codec.decode(frames[None])[0] for frames in latents]
    return [signal[0] for signal in _through(codec.decoding, [frames.T[None] for frames in latents])]


def _through(sections: Sequence[Section], signals: list[Signal]) -> list[Signal]:
    # Like with like: the LSTM takes as many steps as the longest of a group has.
    order = sorted(range(len(signals)), key=lambda index: signals[index].shape[-1])
    results: dict[int, Signal] = {}
    for start in range(0, len(order), AT_ONCE):
        chosen = order[start : start + AT_ONCE]
        group = [signals[index] for index in chosen]
        for section in sections:
            group = section.together(group)
        results |= zip(chosen, group, strict=True)
    return [results[index] for index in range(len(signals))]
