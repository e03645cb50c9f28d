"""Acoustic labels of a frame: pitch, amplitude and timbre, as numbers and as classes (the paper's section 3.2).

Measured on the 44.1 kHz mono mix, in windows of 2048 samples centred at (i + ½) / frame_rate. The paper names its
measures and its bins, not its windows or its treatment of unvoiced frames; those are choices of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np

from audiosae import numbers
from audiosae.audio import pitch
from audiosae.audio.io import SAMPLE_RATE, mono_mix

WINDOW = 2048
PROPERTIES = ("pitch", "amplitude", "timbre")
LOWEST_NOTE, PITCH_CLASSES = 30, 66
CONFIDENCE = 0.5
SILENCE = 1e-3
"""−60 dBFS: a quieter frame has no pitch."""

BINS = 20
UNITS = {"pitch": "MIDI note", "amplitude": "RMS, full scale 1", "timbre": "spectral centroid, Hz"}


@dataclass(frozen=True)
class Measured:
    """What was measured on one clip, one number a frame."""

    time: np.ndarray  # centre of the window, s
    f0: np.ndarray  # Hz
    confidence: np.ndarray  # 0 to 1
    rms: np.ndarray  # linear, full scale 1
    centroid: np.ndarray  # Hz; NaN in digital silence


def describe(wave: np.ndarray, sample_rate: int, frame_rate: float, tracker: str, frames: int | None = None) -> Measured:
    """Measure a wave, float32 [channels, samples], at the frames of a codec: from any sound to its acoustic labels.

    Parameters
    ----------
    frame_rate
        Of the codec, in Hz.
    tracker
        One of `pitch.TRACKERS`.
    frames
        How many latent frames the codec makes of it; None for as many whole frames as the wave lasts.
    """
    return describe_mix(mono_mix(wave, sample_rate), frame_rate, tracker, frames)


def describe_mix(
    mono: np.ndarray, frame_rate: float, tracker: str, frames: int | None = None, found: pitch.Track | None = None
) -> Measured:
    """`describe`, from the mono mix [samples] at 44.1 kHz; `found`, where it is known, is what the tracker found in it."""
    times = frame_times(frames if frames is not None else int(len(mono) / SAMPLE_RATE * frame_rate), frame_rate)
    rms, centroid = level_and_brightness(mono, times)
    f0, confidence = found.at(times) if found else pitch.track(mono, times, tracker)
    return Measured(times, f0, confidence, rms, centroid)


def frame_times(frames: int, frame_rate: float) -> np.ndarray:
    """Centres of latent frames in s: (i + ½) / frame_rate."""
    return (np.arange(frames) + 0.5) / frame_rate


def windows(mono: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Windows of 2048 samples centred at `times` in s, with zeros beyond the ends: [times, 2048]."""
    starts = np.round(times * SAMPLE_RATE).astype(int)
    padded = np.pad(mono, (WINDOW // 2, WINDOW))
    starts = np.minimum(starts, len(padded) - WINDOW)
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts]


def level_and_brightness(mono: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RMS and spectral centroid in windows centred at `times`: two float32 [times], as in `Measured`."""
    cut = windows(mono, times)
    rms = librosa.feature.rms(y=cut, frame_length=WINDOW, hop_length=WINDOW, center=False)[:, 0, 0]
    centroid = librosa.feature.spectral_centroid(y=cut, sr=SAMPLE_RATE, n_fft=WINDOW, hop_length=WINDOW, center=False)[:, 0, 0]
    centroid = np.where(rms > 0, centroid, np.nan)
    return rms.astype(np.float32), centroid.astype(np.float32)


def voiced(confidence: np.ndarray, rms: np.ndarray) -> np.ndarray:
    """Frames that have a pitch: confidence at least 0.5 and RMS above −60 dBFS."""
    return (confidence >= CONFIDENCE) & (rms > SILENCE)


def pitch_bins(f0: np.ndarray, is_voiced: np.ndarray) -> np.ndarray:
    """Semitone classes of f0 in Hz: 0 is MIDI 30, 65 is MIDI 95; −1 where unvoiced (see `voiced`) or outside."""
    note = np.round(pitch.to_midi(np.maximum(f0, 1e-3))).astype(int) - LOWEST_NOTE
    return np.where(is_voiced & (note >= 0) & (note < PITCH_CLASSES), note, -1)


def equal_width_edges(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Edges of bins of equal width between the smallest and largest finite value of the training frames: [bins + 1]."""
    finite = values[np.isfinite(values)]
    return np.linspace(float(finite.min()), float(finite.max()), bins + 1)


def to_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the bin of each value, by increasing edges [bins + 1]; beyond the ends the end bins, −1 where there is no value."""
    found = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.where(np.isfinite(values), found, -1)


def centres(edges: np.ndarray) -> np.ndarray:
    """Middle of each bin, in the unit of the edges: [bins]."""
    return (edges[1:] + edges[:-1]) / 2


def pitch_edges() -> np.ndarray:
    """Edges of the pitch classes in MIDI notes: 29.5, 30.5, … 95.5."""
    return LOWEST_NOTE - 0.5 + np.arange(PITCH_CLASSES + 1)


def note_name(pitch_class: int) -> str:
    """Name of a pitch class, such as C4 for class 30 (MIDI 60)."""
    return librosa.midi_to_note(pitch_class + LOWEST_NOTE, unicode=False)


def class_name(prop: str, number: int, edges: np.ndarray) -> str:
    """What a class of a property is, in words and units."""
    middle = float(centres(edges)[number])
    if prop == "pitch":
        return f"{note_name(number)} ({pitch.to_hz(middle):.0f} Hz)"
    if prop == "amplitude":
        return f"{numbers.number(20 * np.log10(middle), 0)} dBFS"
    return f"{middle:.0f} Hz"
