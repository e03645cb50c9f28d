"""Steering for a part of a clip: does the property move there and nowhere else?

The latents of the middle third are steered, the others are not. Each frame of the sound is compared with the same clip without steering,
in bins towards the target. Two things blur the edges: the codec's decoder, whose outputs depend on latents around them, and the
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
AROUND = 0.25
"""Seconds on either side of an edge in which the change is looked for."""


def middle_third(frames: int) -> slice:
    """Of a clip; fewer than three frames are a `ParameterError`."""
    if frames < 3:
        raise ParameterError(f"{frames} frames have no middle third; take longer excerpts.")
    return slice(frames // 3, 2 * frames // 3)


def transition(course: np.ndarray, edge: int, around: int, level: float) -> dict[str, int] | None:
    """How a change [frames] sets in, from 10 % to 90 % of its final level, within some frames around the first that is steered, the edge.

    Returns
    -------
    `begins`, the first frame with 10 % of the level, counted from the edge: negative where the change runs ahead of it; and `takes`,
    frames from there to the first one with 90 %. None where there is no level to rise to, or it is not reached.
    """
    first = max(edge - around, 0)
    near = course[first : edge + around]
    begun = np.flatnonzero(near >= 0.1 * level)
    if not level > 0 or not len(begun):
        return None
    settled = np.flatnonzero(near[begun[0] :] >= 0.9 * level)
    return {"begins": int(begun[0]) + first - edge, "takes": int(settled[0])} if len(settled) else None


def steer_middle(
    codec: Codec, latents: torch.Tensor, moves: dict[str, Move], unsteered: dict[str, tuple[torch.Tensor, np.ndarray]],
    targets: dict[str, list[int]], strength: float, tracker: str, edges: dict[str, np.ndarray],
) -> list[dict[str, Any]]:  # fmt: skip
    """Steer the middle third of one clip, towards the further target of each property.

    Parameters
    ----------
    latents
        Of a clip [frames, dim].
    moves, targets, strength
        From `methods.vectors`; classes of each property; the relative strength r.
    unsteered
        Latents and wave, of the SAE and of the codec, by "sae" and "codec".

    Returns
    -------
    One record a variant and property: variant, prop, and course and spliced, the change in bins towards the target [frames].
    Properties that begin nearer than `steering.MARGIN` bins to their targets are left out.
    """
    frames, found = len(latents), []
    part = middle_third(frames)
    samples_a_frame = codec.sample_rate / codec.frame_rate
    cut = slice(round(part.start * samples_a_frame), round(part.stop * samples_a_frame))

    def heard(wave: np.ndarray) -> dict[str, np.ndarray]:
        """The properties of a wave [channels, samples] frame by frame, as places in bins; NaN where a frame lacks one."""
        measured = labels.describe(wave, codec.sample_rate, codec.frame_rate, tracker, frames)
        is_voiced = labels.voiced(measured.confidence, measured.rms)
        values = {
            "pitch": np.where(is_voiced, pitch.to_midi(np.maximum(measured.f0, 1e-3)), np.nan),
            "amplitude": measured.rms,
            "timbre": np.where(measured.rms > labels.SILENCE, measured.centroid, np.nan),
        }
        return {prop: steering.in_bins(values[prop], edges[prop]) for prop in labels.PROPERTIES}

    for variant in VARIANTS:
        still, wave = unsteered["codec" if variant in FROM_CODEC else "sae"]
        before = heard(wave)
        for prop, ks in targets.items():
            values = before[prop][np.isfinite(before[prop])]
            place = np.median(values) if len(values) else np.nan
            k = max(ks, key=lambda k: abs(k - place))
            if not abs(k - place) >= steering.MARGIN:
                continue
            moved = moves[variant](latents, prop, k, strength)
            partly = still.clone()
            partly[part] = moved[part]
            whole, some = codec.decode(torch.stack([moved, partly])).cpu().numpy()
            spliced = wave.copy()
            spliced[:, cut] = whole[:, cut]
            course, ideal = (np.sign(k - place) * (heard(sound)[prop] - before[prop]) for sound in (some, spliced))
            found.append({"variant": variant, "prop": prop, "course": course, "spliced": ideal})
    return found


def thirds_of_clips(records: list[dict[str, Any]], frame_rate: float, seed: int) -> dict[str, Any]:
    """Means over clips of one variant and property, from records of `steer_middle` of equal length.

    Returns
    -------
    before, inside, after, each with _ci95
        Mean change in bins in the first, middle and last third, with an interval over clips.
    appears, vanishes
        See `transition`; the second looks back from the other end, so that its `begins` is the number of frames by which the change
        outlasts the part, as a negative number. spliced_appears and spliced_vanishes: those of the splice.
    course, spliced
        Means over clips, null where no clip has the property.
    clips
        How many.
    """
    if not records:
        return {"clips": 0}
    stacked = {name: np.stack([record[name] for record in records]) for name in ("course", "spliced")}
    frames = stacked["course"].shape[1]
    part, around = middle_third(frames), round(AROUND * frame_rate)
    found: dict[str, Any] = {"clips": len(records)}
    for name, where in (("before", slice(0, part.start)), ("inside", part), ("after", slice(part.stop, frames))):
        means = np.array([_mean(clip) for clip in stacked["course"][:, where]])
        means = means[np.isfinite(means)]
        found[name] = float(means.mean()) if len(means) else None
        found[f"{name}_ci95"] = bootstrap.mean(means, seed) if len(means) > 1 else None
    for name, values in stacked.items():
        mean = np.array([_mean(frame) for frame in values.T])
        level, prefix = _mean(mean[part]), "" if name == "course" else "spliced_"
        found[f"{prefix}appears"] = transition(mean, part.start, around, level)
        found[f"{prefix}vanishes"] = transition(mean[::-1], frames - part.stop, around, level)
        found[name] = [round(float(value), 4) if np.isfinite(value) else None for value in mean]
    return found


def _mean(values: np.ndarray) -> float:
    """Of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
