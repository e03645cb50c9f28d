"""Is the paper's way of steering a good one? Its variants beside plainer methods, at equal effect, with what each costs.

Test clips with one voice are steered towards a low and a high target, and measured again from the sound, as in section 4. Each method is
compared with its own sound at strength 0 (see `methods.FROM_CODEC`).
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import codecs, steering
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence.material import Material
from audiosae.frames import Frames
from audiosae.stats import bootstrap
from audiosae.steering import equal_effect, in_time, methods
from audiosae.steering.equal_effect import LEVELS
from audiosae.steering.methods import BASELINES, FROM_CODEC, METHODS, SIGNAL
from audiosae.steering.quality import log_mel_distance, round_trip

if TYPE_CHECKING:
    from audiosae.codecs import Codec


def chosen_clips(table: Frames, clips: int, seconds: float) -> dict[str, np.ndarray]:
    """Latents [frames, dim] of the beginnings of test clips with one voice, spread evenly over those with a pitch in 30 % of the frames."""
    frames = round(seconds * table.frame_rate)
    place = table.table.groupby("clip", observed=True).cumcount().to_numpy()
    voiced = pd.Series(table.rows("test", "pitch") & (place < frames)).groupby(table.table["clip"].astype(str)).sum()
    usable = sorted(voiced.index[voiced >= 0.3 * frames])
    if len(usable) < clips:
        raise ParameterError(f"{len(usable)} test clips have one voice and a pitch, fewer than the {clips} asked for; lower --clips.")
    names = table.table["clip"].astype(str).to_numpy()
    picked = [usable[i] for i in np.linspace(0, len(usable) - 1, clips).astype(int)]
    return {clip: table.latents[(names == clip) & (place < frames)].copy() for clip in picked}


@torch.no_grad()
def steer_clip(
    material: Material, codec: Codec, clip: str, x: torch.Tensor, targets: dict[str, list[int]], moves: dict[str, methods.Move],
    strengths: list[float], shares: list[float], time_strength: float,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
    """Steer one clip with latents x [frames, dim] by `methods.vectors` and by signal processing; how far, see `run`.

    Returns one row a sound, as `steering.effects` reads them, with method, log_mel_db and round_trip, where alpha holds the relative
    strength or the share; and what `in_time.steer_middle` gives.
    """
    table, sae, rate = material.table, material.sae, codec.sample_rate
    still = {"codec": x, "sae": sae.decode(sae.encode(x))}
    decoded = codec.decode(torch.stack([*still.values()]))
    plain = dict(zip(still, decoded.cpu().numpy()))
    own, through_sae = round_trip(codec, sae, torch.stack([*still.values()]), decoded)
    before = {name: steering.listen(wave, rate, table.tracker, codec.frame_rate) for name, wave in plain.items()}
    rows: list[dict[str, Any]] = []

    def add(method: str, prop: str, k: int, strength: float, wave: np.ndarray, trip: float) -> None:
        base = "codec" if method in (*FROM_CODEC, "reconstruction") else "sae"
        row = {"clip": clip, "method": method, "steered": prop, "target": k, "alpha": strength, "round_trip": trip}
        row["log_mel_db"] = log_mel_distance(plain[base], wave, rate)
        for when, heard in (("before", before[base]), ("after", steering.listen(wave, rate, table.tracker, codec.frame_rate))):
            row |= {f"{measured}_{when}": place for measured, place in heard.places(table.edges).items()}
        rows.append(row)

    add("reconstruction", "", -1, 0.0, plain["sae"], through_sae / own)
    for prop, k in [(prop, k) for prop, ks in targets.items() for k in ks]:
        for method, move in moves.items():
            moved = torch.stack([move(x, prop, k, strength) for strength in strengths])
            waves = codec.decode(moved)
            trips = round_trip(codec, sae, moved, waves) / own
            for strength, wave, trip in zip(strengths, waves.cpu().numpy(), trips):
                add(method, prop, k, strength, wave, trip)
        target = labels.centres(table.edges[prop])[k]
        processed = methods.processed(plain["codec"], rate, before["codec"], prop, target, shares, codec.frame_rate)
        for share, wave in zip(shares, processed):
            add(SIGNAL, prop, k, share, wave, np.nan)
    unsteered = {name: (still[name], plain[name]) for name in still}
    return rows, in_time.steer_middle(codec, x, moves, unsteered, targets, time_strength, table.tracker, table.edges)


def by_strength(sounds: pd.DataFrame, effects: pd.DataFrame, prop: str, seed: int) -> dict[str, dict[str, Any]]:
    """Figures of one method and steered property at each strength: those of `steering.summarise`, log_mel_db with interval, and round_trip."""
    found = {}
    for strength, rows in sounds.groupby("alpha"):
        figures = steering.summarise(effects, sounds, prop, strength, seed)
        mel, trip = rows.groupby("clip")["log_mel_db"].mean(), rows["round_trip"].mean()
        found[f"{strength:g}"] = {
            **{name: figures[name] for name in ("on_target", "on_target_ci95", "leakage", "leakage_ci95", "pitch_lost", "clips")},
            "log_mel_db": float(mel.mean()),
            "log_mel_db_ci95": bootstrap.mean(mel, seed),
            "round_trip": None if np.isnan(trip) else float(trip),
        }
    return found


def whole_clips(sounds: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Figures of the sounds of `steer_clip`: methods, comparisons and reconstruction; `seed` is that of the intervals."""
    clips, none = sorted(sounds["clip"].unique()), sounds[sounds["method"] == "reconstruction"]
    found: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    comparisons: dict[str, dict[str, Any]] = {name: {variant: {} for variant in steering.VARIANTS} for name in LEVELS}
    for prop in labels.PROPERTIES:
        crossings = {}
        for method in METHODS:
            mine = sounds[(sounds["method"] == method) & (sounds["steered"] == prop)]
            effects = steering.effects(mine)
            resampled = equal_effect.Resampled.of(mine, effects, clips, seed)
            found[method][prop] = {"by_strength": by_strength(mine, effects, prop, seed)}
            for name, level in LEVELS.items():
                crossings[name, method] = resampled.at(level)
                found[method][prop][name] = crossings[name, method].summary()
        for name, variant in product(LEVELS, steering.VARIANTS):
            comparisons[name][variant][prop] = {
                baseline: equal_effect.difference(crossings[name, variant], crossings[name, baseline]) for baseline in BASELINES
            }
    reconstruction = {
        "log_mel_db": float(none["log_mel_db"].mean()),
        "log_mel_db_ci95": bootstrap.mean(none["log_mel_db"], seed),
        "round_trip": float(none["round_trip"].mean()),
        "pitch_lost": float(none["pitch_after"].isna().mean()),
    }
    return {"methods": found, "comparisons": comparisons, "reconstruction": reconstruction}


def run(
    codec: str, clips: int, seconds: float, strengths: list[float], shares: list[float], quantiles: list[float], time_strength: float,
    penalties: list[float], iterations: int, few_frames: int, seed: int,
) -> None:  # fmt: skip
    """Steer, measure, and write results/evidence/steering/CODEC.json.

    It holds the figures of `whole_clips`, in_time (see `in_time.thirds_of_clips`) by variant and property, and what was steered how.

    Parameters
    ----------
    clips, seconds
        Test clips with one voice, and how much of each, from its beginning.
    strengths
        Of the vectors, relative to what they are added to.
    shares
        Of the whole move, for signal processing.
    quantiles
        Low and high targets, of the training frames.
    time_strength
        Relative strength of steering in a part of the clip.
    penalties, iterations
        Weight decays of the probes on latents to choose from, and steps of L-BFGS for each.
    few_frames
        Most training frames, for probes on latents and for means.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    table, sae = material.table, material.sae
    latents = chosen_clips(table, clips, seconds)
    targets = {prop: steering.targets(material.label(prop)[table.rows("train", prop)], quantiles) for prop in labels.PROPERTIES}
    model = codecs.load(codec, table.weights).to(material.latents.device)
    counts = {prop: (material.labelled("train", prop), material.labelled("validation", prop)) for prop in targets}
    moves = methods.vectors(sae, material.latents, material.fitted, counts, targets, penalties, iterations)
    rows, parts = [], []
    for clip in tqdm(latents, desc=f"steering {codec}", unit="clip"):
        x = torch.from_numpy(latents[clip]).to(material.latents.device)
        sounds, confined = steer_clip(material, model, clip, x, targets, moves, sorted(strengths), sorted(shares), time_strength)
        rows += sounds
        parts += confined
    thirds: dict[str, dict[str, Any]] = {variant: {} for variant in in_time.VARIANTS}
    for variant, prop in product(in_time.VARIANTS, labels.PROPERTIES):
        own = [part for part in parts if (part["variant"], part["prop"]) == (variant, prop)]
        thirds[variant][prop] = in_time.thirds_of_clips(own, model.frame_rate, seed)
    figures = {
        **whole_clips(pd.DataFrame(rows), seed),
        "in_time": thirds,
        "targets": {prop: [labels.class_name(prop, k, table.edges[prop]) for k in ks] for prop, ks in targets.items()},
        "frame_rate": model.frame_rate,
        "clips": list(latents),
        "sae": material.sae_settings(),
    }
    material.write("steering", figures, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
