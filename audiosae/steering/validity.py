"""Is a steered sound still the clip? Five measures beside the unsteered sound, each with a bound::

    silent        no sample above −60 dBFS
    comb          energy at multiples of the codec's frame rate: a decoder out of its depth buzzes there, and trackers take that for a low note
    voiced        what is left of the frames that have a pitch
    log-mel       distance of the spectra at equal loudness, and the course: whether the sound changes when the clip does
    round trip    distance between the latents and what the codec encodes of their sound

None of them is a listener. They find sounds that have fallen apart, not those that are merely worse; and a change that was wanted has to pass:
another level, pitch or brightness is still the clip. The bounds are set by 13 test clips of 2 s, reconstructed by the shipped autoencoders::

                                                                EnCodec    WavTokenizer    DiffRhythm-VAE
    processed, 104 sounds: valid                                    97 %            97 %              95 %
        comb, largest rise in 97 of 100                             0.09            0.09              0.11
        voiced share that is left, at least                         0.64            0.56              0.73
        log-mel distance in dB, at most                              9.3            11.0               8.6
        course, at least                                            0.79            0.80              0.76
        round trip, largest rise                                    0.31            0.56              0.80
    another of the clips, 156 pairs: invalid                        98 %            94 %             100 %
        course, at most in 97 of 100                                0.68            0.72              0.58
    pitch low, α = 20 and 30, 26 sounds: invalid                    81 %             8 %             100 %

Processed: gain ±12 dB, tilt ±12 dB, pitch ±2 and ±5 semitones; of these the invalid ones mostly have a pitch that the tracker does not reach. Pitch low
is steered by the paper's step. The 16 sounds of EnCodec that end at 75 Hz, its frame rate, are all a collapse; those that are valid still
have their own pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import librosa
import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist

from audiosae import audio
from audiosae.audio import labels, loudness
from audiosae.sae import SparseAutoencoder

if TYPE_CHECKING:
    from audiosae.codecs import Codec

VALID, SILENT, COLLAPSED, PITCH_LOST, OTHER = STATES = ("valid", "silent", "collapsed", "pitch lost", "another sound")

COMB = 0.2  # largest rise of `comb`
VOICED = 0.5  # least share of the unsteered sound's voiced frames that are left
COURSE = 0.7  # least `course`
DISTANCE = 12.0  # largest `log_mel_distance`, dB
TRIP = 1.0  # largest rise of `round_trip`: 1 is how far the codec's latents lie from their own mean

WIDTH, MULTIPLES = 0.08, 12
"""A frequency lies on the comb within this share of the frame rate; and how many multiples must carry it."""

CHECKED = 1.0  # seconds of each sound that make the round trip
RANGE = 40.0  # dB under the loudest band, below which nothing counts


@dataclass(frozen=True)
class Signs:
    """What the validity of one sound is judged by."""

    comb: float
    voiced: float  # share of the audible frames that have a pitch
    silent: bool  # no sample exceeds −60 dBFS
    mel: np.ndarray  # see `log_mel`
    trip: float  # see `round_trip`; NaN for a sound that was not decoded from latents


def signs(wave: np.ndarray, sample_rate: int, frame_rate: float, voiced: float, trip: float = float("nan")) -> Signs:
    """Of a wave [channels, samples]; frame_rate is the codec's, in Hz, and voiced as in `steering.Heard`."""
    mono = audio.to_mono(wave)
    silent = bool(np.abs(mono).max(initial=0.0) <= labels.SILENCE)
    return Signs(comb(mono, sample_rate, frame_rate), voiced, silent, log_mel(mono, sample_rate), trip)


def comb(mono: np.ndarray, sample_rate: int, frame_rate: float) -> float:
    """How far a sound [samples] is a buzz at the codec's frame rate: 0 to 1.

    The share of its energy within `WIDTH` of a multiple of the rate. A note that lies at a multiple has such energy too, but at some multiples
    alone; a buzz is at all. So it is no more than the median of the same shares around each of the first `MULTIPLES`.
    """
    power = np.abs(np.fft.rfft(mono * np.hanning(len(mono)))) ** 2
    place = np.fft.rfftfreq(len(mono), 1 / sample_rate) / frame_rate
    multiple = np.round(place).astype(int)
    near = (np.abs(place - multiple) <= WIDTH) & (multiple >= 1)
    on_comb, energy = np.bincount(multiple, np.where(near, power, 0.0)), np.bincount(multiple, power)
    shares = on_comb[1:] / np.maximum(energy[1:], 1e-20)
    return float(min(on_comb.sum() / max(energy.sum(), 1e-20), np.median(shares[:MULTIPLES])))


def log_mel(mono: np.ndarray, sample_rate: int) -> np.ndarray:
    """Power in 64 mel bands of a sound [samples], brought to −23 LUFS: [bands, frames]. A silent one stays so."""
    level = loudness.loudness(mono, sample_rate)
    gain = 10 ** ((-23 - level) / 20) if np.isfinite(level) else 1.0
    return _filters(sample_rate) @ np.abs(librosa.stft(mono * np.float32(gain), n_fft=2048, hop_length=512)) ** 2


@lru_cache(maxsize=4)
def _filters(sample_rate: int) -> csr_array:
    return csr_array(librosa.filters.mel(sr=sample_rate, n_fft=2048, n_mels=64))  # nearly all zero


def _decibels(one: Signs, other: Signs) -> tuple[np.ndarray, np.ndarray]:
    """Log-mel spectra of two sounds, with what lies `RANGE` under the loudest band of the first raised to there."""
    floor, frames = max(float(one.mel.max()) * 10 ** (-RANGE / 10), 1e-20), min(one.mel.shape[1], other.mel.shape[1])
    first, second = (10 * np.log10(np.maximum(sound.mel[:, :frames], floor)) for sound in (one, other))
    return first, second


def log_mel_distance(still: Signs, moved: Signs) -> float:
    """Root mean square difference of log-mel spectra over bands, mean over frames, in dB, at equal loudness."""
    one, other = _decibels(still, moved)
    return float(np.sqrt(((one - other) ** 2).mean(axis=0)).mean())


def course(still: Signs, moved: Signs) -> float:
    """Does the sound change when the clip does? NaN where nothing changes.

    The correlation, over all pairs of frames, of how far apart their log-mel spectra lie in one sound and in the other. A gain, a filter and
    another pitch leave it nearly as it is; a hum, or other music, has another course.
    """
    one, other = (pdist(bands.T) for bands in _decibels(still, moved))
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else float("nan")


def round_trip(codec: Codec, sae: SparseAutoencoder, latents: torch.Tensor, waves: torch.Tensor) -> np.ndarray:
    """Root mean square distance, in the SAE's standardised units, between latents and what the codec encodes of their sound [batch].

    Of the latents [batch, frames, dim], and of the waves [batch, channels, samples] that were decoded from them, the first second is used.
    """
    frames = min(latents.shape[1], round(CHECKED * codec.frame_rate))
    again = codec.encode(waves[..., : round(frames * codec.sample_rate / codec.frame_rate)])
    frames = min(frames, again.shape[1])
    gap = sae.normalised(again[:, :frames]) - sae.normalised(latents[:, :frames])
    return gap.pow(2).mean(dim=(1, 2)).sqrt().cpu().numpy()


def state(still: Signs, moved: Signs) -> str:
    """One of `STATES`: whether a steered sound still is the clip, or what has become of it."""
    if moved.silent:
        return SILENT
    if moved.comb - still.comb > COMB:
        return COLLAPSED
    if moved.voiced < VOICED * still.voiced:
        return PITCH_LOST
    if log_mel_distance(still, moved) > DISTANCE or course(still, moved) < COURSE or moved.trip - still.trip > TRIP:
        return OTHER
    return VALID


def told(state: str, frame_rate: float) -> str:
    """A state in words, beside a player."""
    return {VALID: "still the clip", COLLAPSED: f"collapsed: {frame_rate:.3g} Hz buzz", OTHER: "no longer the clip"}.get(state, state)
