"""A codec as a chain of sections, each of which knows how far it looks.

Convolutions look a few frames to either side; an LSTM looks back to the beginning; attention looks at everything. Told
apart, each can be run on a long signal piece by piece (`audiosae.codecs.long`), and on many signals of different
lengths at once (`audiosae.codecs.batches`), with the numbers that the whole network gives on one whole signal.

A signal is float32 [1, channels, time], where time counts samples or frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from encodec.modules import SLSTM
from torch import nn

Signal = torch.Tensor

ONE_BY_ONE = ("cpu",)
"""Devices on which convolutions gain nothing from a batch."""


class Section(Protocol):
    """A part of an encoder or of a decoder."""

    def together(self, signals: Sequence[Signal]) -> list[Signal]:
        """Run on several whole signals; none changes with its neighbours."""
        ...

    def pieces(self, blocks: Iterable[Signal]) -> Iterator[Signal]:
        """Run on one signal that comes in blocks of any length; what comes out does not depend on where they end."""
        ...


@dataclass(frozen=True)
class Windowed:
    """A section that looks no further than `reach`; it can be run in windows that overlap by that much.

    The first and the last window touch the ends of the signal, so that padding is where it is for the whole signal.

    Attributes
    ----------
    run
        The section itself: a signal of n · `takes` samples -> one of n · `gives`. At its end a signal may have less than
        a whole frame.
    takes, gives
        Samples a frame, before and after; 1 where the section runs at the rate of the frames.
    reach
        Frames to either side on which a frame of the result depends.
    length
        Frames of result in a window: memory grows with it. Where `run` does look at everything, this is part of what
        the section computes.
    """

    run: Callable[[Signal], Signal]
    takes: int = 1
    gives: int = 1
    reach: int = 0
    length: int = 750

    def together(self, signals: Sequence[Signal]) -> list[Signal]:
        """Equal lengths in one go, where that is faster."""
        by_length: dict[int, list[int]] = {}
        for index, signal in enumerate(signals):
            by_length.setdefault(-index if signal.device.type in ONE_BY_ONE else signal.shape[-1], []).append(index)
        results: dict[int, Signal] = {}
        for indices in by_length.values():
            done = self.run(torch.cat([signals[index] for index in indices]))
            results |= zip(indices, done.split(1), strict=True)
        return [results[index] for index in range(len(signals))]

    def pieces(self, blocks: Iterable[Signal]) -> Iterator[Signal]:
        """Window after window; holds one window and the block that came last."""
        held, known = None, 0  # input not yet done with; frames at its start whose result is out already
        for block in blocks:
            held = block if held is None else torch.cat([held, block], dim=-1)
            # More than the window must be there: what is left for the last one is then more than `reach`.
            while held.shape[-1] > (seen := known + self.length + self.reach) * self.takes:
                result = self.run(held[..., : seen * self.takes])
                yield result[..., known * self.gives : (known + self.length) * self.gives]
                done = known + self.length
                known = min(done, self.reach)
                held = held[..., (done - known) * self.takes :]
        if held is not None:
            yield self.run(held)[..., known * self.gives :]


@dataclass(frozen=True)
class Recurrent:
    """An LSTM of EnCodec's kind, at the rate of the frames. Its state is carried from block to block.

    Attributes
    ----------
    layers
        With its shortcut around the LSTM.
    """

    layers: SLSTM

    def together(self, signals: Sequence[Signal]) -> list[Signal]:
        """All in one batch. Filled up at their ends: an LSTM looks back only, so no frame sees the filling."""
        steps = nn.utils.rnn.pad_sequence([signal[0].T for signal in signals])  # [time, signals, channels]
        results, _ = self._run(steps, None)
        return [results[: signal.shape[-1], index].T[None] for index, signal in enumerate(signals)]

    def pieces(self, blocks: Iterable[Signal]) -> Iterator[Signal]:
        """Block after block."""
        state = None
        for block in blocks:
            result, state = self._run(block.permute(2, 0, 1), state)
            yield result.permute(1, 2, 0)

    def _run(
        self, steps: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        result, state = self.layers.lstm(steps, state)
        return (result + steps if self.layers.skip else result), state


def seanet(layers: nn.Sequential, takes: int = 1, gives: int = 1) -> tuple[Section, Section, Section]:
    """Cut EnCodec's encoder or decoder (SEANet) before and after its LSTM.

    Parameters
    ----------
    layers
        `model` of the package's encoder, which changes the rate before the LSTM, or decoder, which does after it.
    takes
        Samples a frame, of an encoder.
    gives
        Samples a frame, of a decoder.
    """
    (at,) = (index for index, layer in enumerate(layers) if isinstance(layer, SLSTM))
    # The widest is the convolution of 7 frames next to the latents; all that runs at a higher rate looks less far.
    return (
        Windowed(layers[:at], takes=takes, reach=6), Recurrent(layers[at]), Windowed(layers[at + 1 :], gives=gives, reach=6)
    )
