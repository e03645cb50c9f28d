"""Steering: run a probe backwards to move one property of a sound (the paper's section 3.3), and measure what that did.

    f' = RMSNorm(f + α · w_k)          w_k is row k of the probe's W

then the SAE's decoder, then the codec's. What is heard is measured again from the audio. α = 0 is the SAE's own
reconstruction, so that what the SAE loses is not counted as an effect of steering. Two variants of ours stand beside the
paper's step: f' without its negative part, which no encoder could have made, and the change alone, added to the latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from audiosae.audio import labels, pitch
from audiosae.errors import ParameterError
from audiosae.sae import SparseAutoencoder, rms_norm
from audiosae.stats import bootstrap

if TYPE_CHECKING:
    from audiosae.codecs import Codec

VARIANTS = ("paper", "relu", "remainder")
"""The step as published; with a ReLU before the normalisation; and x + D(f') − D(f), with D the SAE's decoder, which keeps
what the SAE cannot reconstruct."""

MARGIN = 3
"""A target counts only if it lies at least this many bins from where the clip is at α = 0; nearer, the share of the
distance that is closed says nothing."""

VOICED_SHARE = 0.1
"""A clip has a pitch if at least this share of its audible frames is voiced."""


@dataclass(frozen=True)
class Heard:
    """The three properties of a decoded clip, as one number each."""

    pitch: float
    """Median MIDI note over voiced frames; NaN where fewer than a tenth of the audible frames are voiced."""
    amplitude: float
    """Mean RMS of frames, linear."""
    timbre: float
    """Mean spectral centroid of audible frames, Hz; NaN for silence."""

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
        Strength, or one for each frame [frames, 1]. At 0, "remainder" gives the latents and the others the SAE's reconstruction.
    variant
        One of `VARIANTS`.
    """
    if variant not in VARIANTS:
        raise ParameterError(f"no variant {variant!r} of the steering step; variants are {', '.join(VARIANTS)}.")
    f = sae.encode(latents)
    moved = f + alpha * direction
    decoded = sae.decode(rms_norm(moved.relu() if variant == "relu" else moved))
    return latents + decoded - sae.decode(f) if variant == "remainder" else decoded


def relative_strength(sae: SparseAutoencoder, direction: torch.Tensor, alpha: float) -> float:
    """α ‖w_k‖ / ‖f‖: how far a step goes, in units of the feature vector, whose norm is √hidden by construction."""
    return float(alpha * direction.norm() / sae.hidden**0.5)


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
    )


def readout(heard: Heard) -> dict[str, str]:
    """What was measured, as text beside a player."""
    return {
        "pitch": "none found" if np.isnan(heard.pitch) else f"MIDI {heard.pitch:.1f} ({pitch.to_hz(heard.pitch):.0f} Hz)",
        "amplitude": f"{20 * np.log10(max(heard.amplitude, 1e-6)):.1f} dBFS",
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


def targets(train_classes: np.ndarray, shares: list[float]) -> list[int]:
    """Target classes at quantiles of the training frames, such as [0.1, 0.9]; two in one class are a `ParameterError`."""
    found = [int(q) for q in np.quantile(train_classes, shares, method="nearest")]
    if len(set(found)) < len(found):
        raise ParameterError(f"the quantiles {shares} of the training frames fall into classes {found}; spread them.")
    return found


def effects(heard: pd.DataFrame) -> pd.DataFrame:
    """What each steering did to each property.

    Parameters
    ----------
    heard
        One row a clip, target and α: clip, steered, target (class), alpha, and the place of each property in bins at α = 0 and
        after, such as pitch_before and pitch_after.

    Returns
    -------
    Long table: clip, steered, target, alpha, measured, value. `value` is the share of the distance closed where `measured` is
    `steered`, for targets at least `MARGIN` bins away, and the absolute change in bins elsewhere (NaN where either is unknown).
    """
    kept = heard[["clip", "steered", "target", "alpha"]]
    parts = []
    for prop in labels.PROPERTIES:
        before, after, own = heard[f"{prop}_before"], heard[f"{prop}_after"], heard["steered"] == prop
        value = np.where(own, share_closed(before, after, heard["target"]), (after - before).abs())
        near = ~((before - heard["target"]).abs() >= MARGIN)  # also where the clip had no pitch to begin with
        parts.append(kept.assign(measured=prop, value=value)[~(own & near)])
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def summarise(effects: pd.DataFrame, heard: pd.DataFrame, prop: str, alpha: float, seed: int) -> dict[str, Any]:
    """Figures of one steered property at a strength, from `effects` and what that was made of.

    Returns
    -------
    on_target, on_target_ci95
        Mean share of the distance to the target that is closed, and its interval over clips. None where no clip counts.
    leakage, leakage_ci95
        Mean absolute change of the other two properties in their bins, likewise.
    clips
        How many count for `on_target`.
    pitch_lost
        Share of the steered sounds that have no pitch.
    alpha, by_alpha
        As given; and `on_target` at every strength.
    """
    steered = effects[effects["steered"] == prop]
    own, others = steered[steered["measured"] == prop], steered[steered["measured"] != prop].dropna()
    on_target, leakage = (_by_clip(table, alpha) for table in (own, others))
    lost = heard[(heard["steered"] == prop) & (heard["alpha"] == alpha)]["pitch_after"].isna()
    strengths = sorted(heard["alpha"].unique().tolist())
    found: dict[str, Any] = {
        "clips": len(on_target),
        "pitch_lost": float(lost.mean()),
        "alpha": alpha,
        "by_alpha": {f"{strength:g}": float(_by_clip(own, strength).mean()) if len(on_target) else None for strength in strengths},
    }
    for name, values in (("on_target", on_target), ("leakage", leakage)):
        found[name] = float(values.mean()) if len(values) else None
        found[f"{name}_ci95"] = bootstrap.mean(values, seed) if len(values) else None
    return found


def _by_clip(table: pd.DataFrame, alpha: float) -> pd.Series:
    return table[table["alpha"] == alpha].groupby("clip")["value"].mean()
