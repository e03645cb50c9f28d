"""Steering: run a probe backwards to move one property of a sound (the paper's section 3.3), and measure what that did.

    f' = RMSNorm(f + α · w_k)          w_k is row k of the probe's W

then the SAE's decoder, then the codec's. What is heard is measured again from the audio. α = 0 is the SAE's own
reconstruction, so that what the SAE loses is not counted as an effect of steering. Two variants of ours stand beside the
paper's step: f' without its negative part, which no encoder could have made, and the change alone, added to the latents.

The length of w_k depends on how its probe was fitted, and so what α = 20 does. Strength is therefore told as r = α ‖w_k‖ / ‖f‖, the
length of the step beside that of the features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from audiosae.audio import labels, pitch
from audiosae.errors import ParameterError
from audiosae.numbers import number
from audiosae.sae import SparseAutoencoder

if TYPE_CHECKING:
    from audiosae.codecs import Codec

VARIANTS = ("paper", "relu", "remainder")
"""The step as published; with a ReLU before the normalisation; and x + D(f') − D(f), with D the SAE's decoder, which keeps
what the SAE cannot reconstruct."""

MARGIN = 3
"""A target counts only if it lies at least this many bins from where the clip is at α = 0; nearer, the share of the
distance that is closed says nothing."""

UNITS = {"pitch": "semitones", "amplitude": "dB", "timbre": "octaves"}
"""In which a change of each property is told; see `natural`."""

CLEAR = 1.5
"""Semitones that a pitch target keeps from the first four multiples of the codec's frame rate, at which a decoder out of its depth buzzes."""

VOICED_SHARE = 0.1
"""A clip has a pitch if at least this share of its audible frames is voiced."""


@dataclass(frozen=True)
class Heard:
    """The three properties of a decoded clip, as one number each."""

    pitch: float  #: median MIDI note over voiced frames; NaN where fewer than `VOICED_SHARE` of the audible frames are voiced
    amplitude: float  #: mean RMS of frames, linear
    timbre: float  #: mean spectral centroid of audible frames, Hz; NaN for silence
    voiced: float = float("nan")  #: share of the audible frames that have a pitch; 0 for silence

    def places(self, edges: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Each property in its bins, see `in_bins`."""
        return {prop: in_bins(getattr(self, prop), edges[prop]) for prop in labels.PROPERTIES}


@torch.no_grad()
def steer(
    sae: SparseAutoencoder, latents: torch.Tensor, direction: torch.Tensor, alpha: float | torch.Tensor, variant: str = "paper"
) -> torch.Tensor:
    """Move latents [..., frames, dim] along a direction in the space of features: the same shape, for the codec's decoder.

    Parameters
    ----------
    direction
        w_k [hidden], or one for each clip [clips, 1, hidden].
    alpha
        Strength, or one for each frame [..., frames, 1]; see `strength_of`. At 0, "remainder" gives the latents and the others the SAE's reconstruction.
    variant
        One of `VARIANTS`.
    """
    if variant not in VARIANTS:
        raise ParameterError(f"no variant {variant!r} of the steering step; variants are {', '.join(VARIANTS)}.")
    f = sae.encode(latents)
    moved = f + alpha * direction
    decoded = sae.decode(sae.renormalised(moved.relu() if variant == "relu" else moved))
    return latents + decoded - sae.decode(f) if variant == "remainder" else decoded


@torch.no_grad()
def strength_of(sae: SparseAutoencoder, latents: torch.Tensor, direction: torch.Tensor, r: float) -> torch.Tensor:
    """α = r ‖f‖ / ‖w‖ of each frame [..., frames, 1]: the step is r times as long as the features of latents [..., frames, dim]."""
    return r * sae.encode(latents).norm(dim=-1, keepdim=True) / direction.norm()


@torch.no_grad()
def relative_strength(sae: SparseAutoencoder, latents: torch.Tensor, direction: torch.Tensor, alpha: float) -> float:
    """r = α ‖w‖ / ‖f‖, with the mean ‖f‖ of latents [..., frames, dim]; of the paper's features it is √hidden in every frame."""
    return float(alpha * direction.norm() / sae.encode(latents).norm(dim=-1).mean())


def render(codec: Codec, latents: torch.Tensor) -> np.ndarray:
    """Decode latents [frames, dim] to a wave [channels, samples] at the codec's rate."""
    return codec.decode(latents[None])[0].cpu().numpy()


def listen(wave: np.ndarray, sample_rate: int, tracker: str, frame_rate: float) -> Heard:
    """Measure a decoded clip [channels, samples] as the labels were measured, see `labels.describe`."""
    measured = labels.describe(wave, sample_rate, frame_rate, tracker)
    audible = measured.rms > labels.SILENCE
    is_voiced = labels.voiced(measured.confidence, measured.rms)
    has_pitch = is_voiced.sum() >= max(1, VOICED_SHARE * audible.sum())
    return Heard(
        pitch=float(np.median(pitch.to_midi(measured.f0[is_voiced]))) if has_pitch else float("nan"),
        amplitude=float(measured.rms.mean()),
        timbre=float(measured.centroid[audible].mean()) if audible.any() else float("nan"),
        voiced=float(is_voiced.sum() / max(1, audible.sum())),
    )


def readout(heard: Heard) -> dict[str, str]:
    """What was measured, as text beside a player."""
    return {
        "pitch": "none found" if np.isnan(heard.pitch) else f"MIDI {heard.pitch:.1f} ({pitch.to_hz(heard.pitch):.0f} Hz)",
        "amplitude": f"{number(20 * np.log10(max(heard.amplitude, 1e-6)), 1)} dBFS",
        "timbre": "silence" if np.isnan(heard.timbre) else f"{heard.timbre:.0f} Hz",
    }


def in_bins(value: Any, edges: np.ndarray) -> Any:
    """Place of a value, or of an array of them, on a property's bins: 0 at the first bin's centre, 1 at the next's; not rounded."""
    return (value - edges[0]) / (edges[1] - edges[0]) - 0.5


def share_closed(before: Any, after: Any, target: Any) -> np.ndarray:
    """Share of the distance to a target that is closed: 1 at the target, 0 for no nearer, negative for further away.

    Numbers or arrays, in bins. A clip that has lost the property (`after` is NaN) has closed nothing.
    """
    return np.where(np.isnan(after), 0.0, 1 - abs(after - target) / abs(before - target))


def natural(prop: str, value: Any) -> Any:
    """A property as heard, one value or an array, on the scale in which its changes are told: MIDI notes, dB, octaves; see `UNITS`."""
    if prop == "pitch":
        return value
    return np.log2(value) if prop == "timbre" else 20 * np.log10(np.maximum(value, 1e-6))


def targets(train_classes: np.ndarray, shares: list[float], frame_rate: float | None = None) -> list[int]:
    """Target classes at quantiles of the training frames, such as [0.1, 0.9].

    With the codec's frame rate in Hz, classes are those of pitch, and each gives way to the nearest that is `CLEAR`. Two targets in one class
    are a `ParameterError`.
    """
    found = [int(q) for q in np.quantile(train_classes, shares, method="nearest")]
    if frame_rate:
        notes = labels.LOWEST_NOTE + np.arange(labels.PITCH_CLASSES)
        buzz = pitch.to_midi(frame_rate * np.arange(1, 5))
        clear = np.flatnonzero((abs(notes[:, None] - buzz) >= CLEAR).all(axis=1))
        found = [int(clear[abs(clear - k).argmin()]) for k in found]
    if len(set(found)) < len(found):
        raise ParameterError(f"the quantiles {shares} of the training frames fall into classes {found}; spread them.")
    return found
