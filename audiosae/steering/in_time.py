"""Steering for a part of a clip: does the property move there and nowhere else?

The latents of the middle third are steered, the others are not. Each frame of the sound is compared with the same clip without steering,
in semitones, dB or octaves towards the target. Two things blur the edges: the codec's decoder, whose outputs depend on latents around them, and the
measurement, whose windows are some 46 to 64 ms long. A *splice* shows the second alone: the middle third of the sound is cut out of a
clip that was steered throughout, and put into the one that was not. The difference is what the decoder adds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from audiosae import steering
from audiosae.audio import labels, pitch
from audiosae.errors import ParameterError
from audiosae.stats import bootstrap
from audiosae.steering.methods import FROM_CODEC, Move

if TYPE_CHECKING:
    from audiosae.codecs import Codec

VARIANTS = ("paper", "remainder")


def middle_third(frames: int) -> slice:
    """Of a clip; fewer than three frames are a `ParameterError`."""
    if frames < 3:
        raise ParameterError(f"{frames} frames have no middle third; take longer excerpts.")
    return slice(frames // 3, 2 * frames // 3)


def steer_middle(
    codec: Codec, latents: torch.Tensor, moves: dict[str, Move], unsteered: dict[str, tuple[torch.Tensor, np.ndarray]],
    goals: dict[str, dict[str, tuple[int, float]]], strength: float, tracker: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """Steer the middle third of one clip.

    Parameters
    ----------
    latents, moves, strength
        Of a clip [frames, dim]; from `methods.vectors`; the relative strength r.
    unsteered
        Latents and wave, of the SAE and of the codec, by "sae" and "codec".
    goals
        For each variant and property, the target class and its side: 1 above the clip, −1 below.

    Returns
    -------
    One record a variant and property: variant, prop, and course and spliced, the change towards the target in natural units [frames].
    """
    frames, part, found = len(latents), middle_third(len(latents)), []
    samples_a_frame = codec.sample_rate / codec.frame_rate
    cut = slice(round(part.start * samples_a_frame), round(part.stop * samples_a_frame))

    def heard(wave: np.ndarray) -> dict[str, np.ndarray]:
        """The properties of a wave [channels, samples] frame by frame, see `steering.natural`; NaN where a frame lacks one."""
        measured = labels.describe(wave, codec.sample_rate, codec.frame_rate, tracker, frames)
        audible = measured.rms > labels.SILENCE
        values = {"pitch": pitch.to_midi(np.maximum(measured.f0, 1e-3)), "amplitude": measured.rms, "timbre": measured.centroid}
        known = {"pitch": labels.voiced(measured.confidence, measured.rms), "amplitude": audible, "timbre": audible}
        return {prop: steering.natural(prop, np.where(known[prop], values[prop], np.nan)) for prop in labels.PROPERTIES}

    for variant, chosen in goals.items():
        still, wave = unsteered["codec" if variant in FROM_CODEC else "sae"]
        before = heard(wave)
        for prop, (k, side) in chosen.items():
            moved = moves[variant](latents, prop, k, strength)
            partly = still.clone()
            partly[part] = moved[part]
            whole, some = codec.decode(torch.stack([moved, partly])).cpu().numpy()
            spliced = wave.copy()
            spliced[:, cut] = whole[:, cut]
            course, ideal = (side * (heard(sound)[prop] - before[prop]) for sound in (some, spliced))
            found.append({"variant": variant, "prop": prop, "course": course, "spliced": ideal})
    return found


def thirds_of_clips(records: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Means over clips of one variant and property, from records of `steer_middle` of equal length.

    Returns
    -------
    before, inside and after, each with _ci95: mean change in the first, middle and last third, and its interval; course and spliced: means
    over clips; clips: how many. What no clip tells is null.
    """
    found: dict[str, Any] = {"clips": len(records)}
    if records:
        part = middle_third(len(records[0]["course"]))
        for name, where in (("before", slice(part.start)), ("inside", part), ("after", slice(part.stop, None))):
            means = bootstrap.trimmed_mean(np.stack([record["course"][where] for record in records]), cut=0)
            means = means[np.isfinite(means)]
            found[name] = float(means.mean()) if len(means) else None
            found[f"{name}_ci95"] = bootstrap.mean(means, seed) if len(means) > 1 else None
        for name in ("course", "spliced"):
            means = bootstrap.trimmed_mean(np.stack([record[name] for record in records], axis=1), cut=0)
            found[name] = [round(float(value), 4) if np.isfinite(value) else None for value in means]
    return found
