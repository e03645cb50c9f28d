"""From timed notes to sound, with sampled instruments.

The sampler is TinySoundFont, the samples are TimGM6mb, which travels inside pretty_midi. (symusic's renderer, which
is faster still, plays many of this SoundFont's programs up to an octave out of tune.)
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import tinysoundfont

from audiosae.audio import SAMPLE_RATE
from audiosae.audio.loudness import PEAK, loudness

_DRUM_BANK, _DRUM_CHANNEL = 128, 9


class Event(NamedTuple):
    """A played note: start and duration in seconds, MIDI number, velocity from 1 to 127."""

    start: float
    duration: float
    midi: int
    velocity: int


class Track(NamedTuple):
    """What one instrument plays."""

    program: int  # of General MIDI, or a kit where `drums` is true
    events: list[Event]
    drums: bool = False
    pan: int = 64  # from 0 (left) to 127 (right)


@lru_cache(maxsize=1)
def _soundfont() -> bytes:
    return files("pretty_midi").joinpath("TimGM6mb.sf2").read_bytes()


def render(tracks: list[Track], seconds: float) -> np.ndarray:
    """Play at most 9 pitched tracks, and drums, together: float32 [2, samples] at 44.1 kHz, the end faded out over 30 ms."""
    synth = tinysoundfont.Synth(gain=-12, samplerate=SAMPLE_RATE)
    font = synth.sfload(_soundfont())
    total = int(round(seconds * SAMPLE_RATE))
    changes: list[tuple[int, int, int, int, int]] = []  # (sample, 0 off or 1 on, channel, key, velocity)
    for number, track in enumerate(tracks):
        channel = _DRUM_CHANNEL if track.drums else number
        if track.drums:
            synth.program_select(channel, font, _DRUM_BANK, track.program, True)
        else:
            synth.program_select(channel, font, 0, track.program)
        synth.control_change(channel, 10, track.pan)
        for event in track.events:
            start = int(event.start * SAMPLE_RATE)
            end = int((event.start + event.duration) * SAMPLE_RATE)
            changes.append((start, 1, channel, event.midi, event.velocity))
            changes.append((max(end, start + 1), 0, channel, event.midi, 0))
    blocks, now = [], 0
    # At one instant notes end before others begin, or a repeated note would cut itself short.
    for sample, on, channel, key, velocity in sorted(changes):
        sample = min(sample, total)
        if sample > now:
            blocks.append(_generate(synth, sample - now))
            now = sample
        if on:
            synth.noteon(channel, key, velocity)
        else:
            synth.noteoff(channel, key)
    if now < total:
        blocks.append(_generate(synth, total - now))
    wave = np.concatenate(blocks, axis=1)
    fade = min(total, int(0.03 * SAMPLE_RATE))
    wave[:, total - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wave


def _generate(synth: tinysoundfont.Synth, samples: int) -> np.ndarray:
    return np.frombuffer(bytes(synth.generate(samples)), dtype=np.float32).reshape(-1, 2).T.copy()


def to_loudness(wave: np.ndarray, target: float) -> np.ndarray:
    """Scale float32 [2, samples] at 44.1 kHz, not silent, to a loudness in LUFS, or as near as a peak of −1 dBFS allows."""
    gain = 10 ** ((target - loudness(wave, SAMPLE_RATE)) / 20)
    peak = float(np.abs(wave).max())
    return wave * np.float32(min(gain, PEAK * 0.999 / peak))
