"""What a frame can be asked: the paper's three properties, and others, one entry of a table each.

A property of your own is one more entry in `PROPERTIES`. Spectra are of the windows in `labels`. A frame quieter than −60 dBFS has none:
there the numbers would tell of the last bits of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import librosa
import numpy as np
import pandas as pd

from audiosae.audio import SAMPLE_RATE, labels
from audiosae.audio.pitch import to_midi
from audiosae.frames import Frames
from audiosae.frames.bins import FRAME_RATE

STEP = 1 / FRAME_RATE
"""Onsets are looked for between two windows so many seconds apart, whatever the codec's own frame rate."""

SMALLEST_RISE = 0.1
"""dB; smaller ones share the first class of onset strength."""

FLOOR = 1e-10
"""Of flatness: powers under −100 dB of a window's strongest bin count as that much, whatever the level of the clip."""

_SHAPE: dict[str, Any] = dict(n_fft=labels.WINDOW, hop_length=labels.WINDOW, center=False)


@dataclass(frozen=True)
class Clip:
    """A clip as a property sees it: float32 [samples] at 44.1 kHz, centres of its frames in s [frames], its rows in the table of frames,
    and its line in the manifest."""

    mono: np.ndarray
    times: np.ndarray
    table: pd.DataFrame
    row: Any

    @cached_property
    def windows(self) -> np.ndarray:
        """Samples around each frame, [frames, 2048]."""
        return labels.windows(self.mono, self.times)

    @cached_property
    def spectrum(self) -> np.ndarray:
        """Magnitudes [frames, 1025, 1]: an axis of time with one step, as librosa wants it."""
        return np.abs(librosa.stft(self.windows, **_SHAPE))

    @property
    def sounding(self) -> np.ndarray:
        """Which frames are louder than −60 dBFS, bool [frames]."""
        return self.table["rms"].to_numpy() > labels.SILENCE


@dataclass(frozen=True)
class Property:
    """Something to ask of a frame.

    Attributes
    ----------
    unit, cite
        What it is measured in, and where the definition comes from.
    measure
        A clip -> one value a frame: numbers, NaN where a frame has none, or names of classes, empty where it has none.
    edges
        The frames and the values of training frames -> edges of bins, in the unit. None for names, which are classes without an order.
    """

    unit: str
    measure: Callable[[Clip], np.ndarray]
    edges: Callable[[Frames, np.ndarray], np.ndarray] | None
    cite: str

    @property
    def ordered(self) -> bool:
        """Whether its classes have an order, so that a neighbour is a near miss."""
        return self.edges is not None

    def classes(self, values: np.ndarray, frames: Frames) -> tuple[np.ndarray, list[str] | list[float]]:
        """Turn what `measure` gave for all clips of a table, one after the other [frames], into classes.

        Returns
        -------
        label
            Class of each frame, −1 where it has none [frames]. Names that do not occur in both a training and a test recording have none.
        meaning
            Edges of the bins [classes + 1], or the names [classes].
        """
        train, test = frames.rows("train"), frames.rows("test")
        if self.edges is not None:
            edges = self.edges(frames, values[train])
            return labels.to_bins(values, edges), list(map(float, edges))
        names = sorted({*values[train]} & {*values[test]} - {""})
        found = {name: number for number, name in enumerate(names)}
        return np.array([found.get(name, -1) for name in values]), list(map(str, names))


def equal_width(frames: Frames, train: np.ndarray) -> np.ndarray:
    """Edges of twenty bins of equal width over the values of training frames, as for the paper's timbre."""
    return labels.equal_width_edges(train)


def equal_ratio(frames: Frames, train: np.ndarray) -> np.ndarray:
    """Edges of twenty bins of equal ratio from `SMALLEST_RISE` up: most rises are tiny, and bins of equal width would put nearly all in one."""
    return np.geomspace(SMALLEST_RISE, float(train.max()), labels.BINS + 1)


def of_section_3(prop: str) -> Callable[[Frames, np.ndarray], np.ndarray]:
    """The edges that a property has in the table of frames, which all codecs share."""
    return lambda frames, train: frames.edges[prop]


def pitch(clip: Clip) -> np.ndarray:
    """Tracked pitch of voiced frames of monophonic clips, in MIDI notes."""
    usable = clip.row.monophonic & (clip.table["pitch"] >= 0).to_numpy()
    return np.where(usable, to_midi(np.maximum(clip.table["f0"].to_numpy(), 1e-3)), np.nan)


def chroma(clip: Clip) -> np.ndarray:
    """Name of the tracked pitch without its octave.

    Not of the largest bin of a chromagram: in windows of 2048 samples bins are several semitones apart in the bass.
    """
    note = pitch(clip)
    names = np.array(librosa.midi_to_note(np.nan_to_num(note, nan=60.0), octave=False, unicode=False))
    return np.where(np.isfinite(note), names, "")


def strongest_chroma(clip: Clip) -> np.ndarray:
    """Name of the pitch class with the most power, chords included; none for drums."""
    power = librosa.feature.chroma_stft(S=clip.spectrum**2, sr=SAMPLE_RATE, n_fft=labels.WINDOW, tuning=0.0)[..., 0]
    names = np.array(librosa.midi_to_note(np.arange(60, 72), octave=False, unicode=False))[power.argmax(axis=1)]
    return np.where(clip.sounding & (clip.row.family != "drums"), names, "")


def family(clip: Clip) -> np.ndarray:
    """Family of the instrument that plays a monophonic clip, where it sounds."""
    return np.where(clip.sounding & clip.row.monophonic, clip.row.family, "")


def flatness(clip: Clip) -> np.ndarray:
    """Spectral flatness, 10 log₁₀ of the geometric over the arithmetic mean of the power spectrum: 0 dB for white noise."""
    power = clip.spectrum**2
    power = power / np.maximum(power.max(axis=1, keepdims=True), np.finfo(power.dtype).tiny)
    found = 10 * np.log10(librosa.feature.spectral_flatness(S=power, amin=FLOOR, power=1.0)[:, 0, 0])
    return np.where(clip.sounding, found, np.nan)


def onset_strength(clip: Clip) -> np.ndarray:
    """Spectral flux: mean over mel bands of the rise in dB within `STEP` up to a frame, falls counting as 0."""
    before = np.abs(librosa.stft(labels.windows(clip.mono, np.maximum(clip.times - STEP, 0)), **_SHAPE))
    mel = librosa.feature.melspectrogram(S=np.concatenate([before, clip.spectrum], axis=-1) ** 2, sr=SAMPLE_RATE)
    return librosa.onset.onset_strength(S=librosa.power_to_db(mel), center=False)[:, -1]


def rolloff(clip: Clip) -> np.ndarray:
    """Frequency under which 85 % of the magnitudes of a spectrum lie."""
    found = librosa.feature.spectral_rolloff(S=clip.spectrum, sr=SAMPLE_RATE, n_fft=labels.WINDOW)[:, 0, 0]
    return np.where(clip.sounding, found, np.nan)


def crossings(clip: Clip) -> np.ndarray:
    """How often the wave changes its sign."""
    share = librosa.feature.zero_crossing_rate(clip.windows, frame_length=labels.WINDOW, hop_length=labels.WINDOW, center=False)
    return np.where(clip.sounding, share[:, 0, 0] * SAMPLE_RATE, np.nan)


_PAPER = "Paek et al. 2025, section 3.2"
_PEETERS = "Peeters 2004; librosa (McFee et al. 2015)"

PROPERTIES: dict[str, Property] = {
    "pitch": Property("MIDI note", pitch, of_section_3("pitch"), _PAPER),
    "amplitude": Property("RMS, full scale 1", lambda clip: clip.table["rms"].to_numpy(), of_section_3("amplitude"), _PAPER),
    "timbre": Property("spectral centroid, Hz", lambda clip: clip.table["centroid"].to_numpy(), of_section_3("timbre"), _PAPER),
    "chroma": Property("pitch class of the tracked pitch", chroma, None, "the tracker's pitch, modulo octave"),
    "strongest chroma": Property("pitch class", strongest_chroma, None, "librosa (McFee et al. 2015), chroma_stft"),
    "instrument family": Property("family", family, None, "the corpus"),
    "spectral flatness": Property("dB", flatness, equal_width, "Dubnov 2004; librosa (McFee et al. 2015)"),
    "onset strength": Property("dB in 1/75 s", onset_strength, equal_ratio, "Böck and Widmer 2013; librosa (McFee et al. 2015)"),
    "spectral rolloff": Property("Hz", rolloff, equal_width, _PEETERS),
    "zero crossings": Property("1/s", crossings, equal_width, _PEETERS),
}
"""By name, in the order in which pages list them."""
