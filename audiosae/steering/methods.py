"""Ways to move one property of a sound towards a target: through the SAE's features, through the latents, and by signal processing.

Along a vector, a step is as long as a share r of what it is added to:

    features     α = r ‖f‖ / ‖w‖          of each frame
    latents      β = r √dim / ‖w‖         in standardised units, where a latent frame is √dim long in root mean square

Features are never negative and so have a large mean; standardised latents have none. So equal r is not equal effort, and methods are
compared by what else they change per unit that the property moves, see `response.compare`.

The difference of means (Marks and Tegmark 2023, arXiv 2310.06824) is the simplest direction: from all frames that have the property to
those of the target class. Signal processing works on the codec's sound itself, as a listener would: a gain, a spectral tilt, and a phase
vocoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import librosa
import numpy as np
import scipy.optimize
import scipy.signal
import torch

from audiosae import audio, probes, steering
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder
from audiosae.steering import Heard

FEATURE_MEANS, RAW_PROBE, RAW_MEANS, SIGNAL = "feature_means", "raw_probe", "raw_means", "signal"
METHODS = (*steering.VARIANTS, FEATURE_MEANS, RAW_PROBE, RAW_MEANS, SIGNAL)

FROM_CODEC = ("remainder", RAW_PROBE, RAW_MEANS, SIGNAL)
"""Methods whose strength 0 is the codec's own sound; that of the others is the SAE's reconstruction."""

STEEPEST = 24.0
"""Largest tilt in dB at either end of the spectrum. More would lift the codec's noise above the music."""

Counts = tuple[torch.Tensor, torch.Tensor]
"""How many training and validation frames of one property each row of latents stands for, by class [rows, classes]."""

Move = Callable[[torch.Tensor, str, int, float], torch.Tensor]
"""Latents [frames, dim], property, target class, relative strength r -> steered latents of the same shape."""


def along_latents(sae: SparseAutoencoder, latents: torch.Tensor, direction: torch.Tensor, strength: float) -> torch.Tensor:
    """Add a direction [dim], in the SAE's standardised units, to latents [..., dim] with relative strength r."""
    return latents + strength * sae.dim**0.5 / direction.norm() * direction * sae.std


def along_features(sae: SparseAutoencoder, latents: torch.Tensor, direction: torch.Tensor, strength: float, variant: str) -> torch.Tensor:
    """`steering.steer` with α such that α ‖w‖ / ‖f‖ is the given strength in every frame."""
    return steering.steer(sae, latents, direction, steering.strength_of(sae, latents, direction, strength), variant)


def along_probes(sae: SparseAutoencoder, rows: Mapping[str, torch.Tensor], variant: str = "paper") -> Move:
    """`along_features`, with the rows of probes, w_k, by property [classes, hidden]."""
    return lambda x, prop, k, r: along_features(sae, x, rows[prop][k], r, variant)


def difference_of_means(values: torch.Tensor, target: torch.Tensor, every: torch.Tensor) -> torch.Tensor:
    """From the mean of all frames to that of the target class: [numbers].

    Each row of `values` [rows, numbers] stands for `target` frames of that class, and for `every` frames of any [rows].
    """
    if not target.sum():
        raise ParameterError("no training frame of the target class is left for a mean; raise few_frames or move the quantiles.")
    target, every = target.to(values), every.to(values)
    return target @ values / target.sum() - every @ values / every.sum()


@torch.no_grad()
def _means(sae: SparseAutoencoder, latents: torch.Tensor, counts: torch.Tensor, targets: list[int]) -> dict[int, list[torch.Tensor]]:
    """For each target class the difference of means of features and of standardised latents."""
    every = counts.sum(dim=1)
    used = every > 0
    spaces = [space(latents[used]) for space in (sae.encode, sae.normalised)]
    return {k: [difference_of_means(values, counts[used, k], every[used]) for values in spaces] for k in targets}


def vectors(
    sae: SparseAutoencoder, latents: torch.Tensor, on_features: dict[str, Probe], counts: dict[str, Counts],
    targets: dict[str, list[int]], penalties: list[float], iterations: int,
) -> dict[str, Move]:  # fmt: skip
    """The methods that add a vector, all but `SIGNAL`, by name.

    Parameters
    ----------
    latents
        The rows that means and probes are taken from [rows, dim], on the SAE's device.
    on_features
        The probes of section 3, by property.
    counts, targets
        Of the rows, and classes, by property.
    penalties, iterations
        Of the probes on latents; see `probes.fit`.
    """
    rows = {prop: probe.weight.to(latents.device) for prop, probe in on_features.items()}
    means = {prop: _means(sae, latents, counts[prop][0], ks) for prop, ks in targets.items()}
    on_latents = {prop: probes.fit(sae.normalised(latents), *counts[prop], penalties, iterations) for prop in targets}
    return {
        **{variant: along_probes(sae, rows, variant) for variant in steering.VARIANTS},
        FEATURE_MEANS: lambda x, prop, k, r: along_features(sae, x, means[prop][k][0], r, "paper"),
        RAW_PROBE: lambda x, prop, k, r: along_latents(sae, x, on_latents[prop].weight[k], r),
        RAW_MEANS: lambda x, prop, k, r: along_latents(sae, x, means[prop][k][1], r),
    }


def tilt(wave: np.ndarray, sample_rate: int, pivot: float, strength: float) -> np.ndarray:
    """Tilt the spectrum of a wave [channels, samples] about a frequency by a first-order filter, and keep its root mean square.

    H(s) = (G s + ω) / (s + G ω) has gain 1/G far below the pivot in Hz, 1 at it, and G far above; the strength is 20 log10 G, in dB.
    """
    g, omega = 10 ** (strength / 20), 2 * sample_rate * np.tan(np.pi * pivot / sample_rate)
    filtered = scipy.signal.lfilter(*scipy.signal.bilinear([g, omega], [1, g * omega], sample_rate), wave)
    level = np.sqrt((filtered**2).mean())
    return (filtered * (np.sqrt((wave**2).mean()) / level if level else 1.0)).astype(np.float32)


def tilt_towards(wave: np.ndarray, sample_rate: int, pivot: float, target: float, frame_rate: float) -> float:
    """The tilt in dB that brings the mean spectral centroid to a target in Hz, or as near as `STEEPEST` allows.

    `frame_rate` is that of the windows in which the centroid is measured; the rest as for `tilt`.
    """

    def missing(strength: float) -> float:
        mono = audio.mono_mix(tilt(wave, sample_rate, pivot, strength), sample_rate)
        times = labels.frame_times(int(len(mono) / audio.SAMPLE_RATE * frame_rate), frame_rate)
        rms, centroid = labels.level_and_brightness(mono, times)
        return float(centroid[rms > labels.SILENCE].mean()) - target

    if missing(-STEEPEST) >= 0:
        return -STEEPEST
    if missing(STEEPEST) <= 0:
        return STEEPEST
    return float(scipy.optimize.brentq(missing, -STEEPEST, STEEPEST, xtol=0.1))


def processed(
    wave: np.ndarray, sample_rate: int, heard: Heard, prop: str, target: float, shares: list[float], frame_rate: float
) -> list[np.ndarray]:
    """Move a property by signal processing: one wave a share; none where the wave lacks the property.

    Parameters
    ----------
    wave, heard
        [channels, samples], in floating point so that a gain does not clip; and what was measured of it.
    target, frame_rate
        A MIDI note, a linear RMS, or Hz; and as for `tilt_towards`.
    shares
        Of the whole move, negative for the opposite one: of the semitones of a phase vocoder (librosa), the decibels of a gain, or those of `tilt`.
    """
    before = getattr(heard, prop)
    if not np.isfinite(before) or before == 0:
        return []
    if prop == "pitch":
        return [librosa.effects.pitch_shift(wave, sr=sample_rate, n_steps=share * (target - before)) for share in shares]
    if prop == "amplitude":
        return [wave * np.float32((target / before) ** share) for share in shares]
    whole = tilt_towards(wave, sample_rate, before, target, frame_rate)
    return [tilt(wave, sample_rate, before, share * whole) for share in shares]
