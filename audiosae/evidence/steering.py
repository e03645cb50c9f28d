"""Is the paper's way of steering a good one? Its variants beside plainer methods, at equal effect, with what each costs.

    python -m audiosae.evidence.steering CODEC --clips 12 --seconds 2 --strengths 0.5 1.5 4 --shares 0.5 1

Test clips with one voice are steered towards a low and a high target, and measured again from the sound, as in section 4. Each method is
judged against its own sound at strength 0 (see `steering_methods.FROM_CODEC`): how far the property moves, how far the others do, what it costs in
quality (`steering_quality`), the same at equal effect (`equal_effect`), and whether it keeps to a part of the clip (`in_time`).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import checkpoint, codecs, intervals, labels, steering
from audiosae.errors import ParameterError, report
from audiosae.evidence import equal_effect, in_time, steering_methods
from audiosae.evidence.equal_effect import LEVELS
from audiosae.evidence.material import Material, load
from audiosae.evidence.steering_methods import BASELINES, FROM_CODEC, METHODS, SIGNAL
from audiosae.evidence.steering_quality import log_mel_distance, round_trip
from audiosae.frames import Frames
from audiosae.sae import KIND

if TYPE_CHECKING:
    from audiosae.codecs import Codec

def chosen_clips(table: Frames, clips: int, seconds: float) -> dict[str, np.ndarray]:
    """Latents [frames, dim] of the beginnings of test clips with one voice, spread evenly over those with a pitch in 30 % of the frames.

    Raises
    ------
    ParameterError
        If there are fewer clips than asked for.
    """
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
def steer_all(
    material: Material, codec: Codec, latents: dict[str, np.ndarray], targets: dict[str, list[int]],
    moves: dict[str, steering_methods.Move], given: argparse.Namespace,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Steer every clip by every method.

    Parameters
    ----------
    material, codec
        The codec's, and itself, on the same device.
    latents
        From `chosen_clips`.
    targets
        Classes of each property.
    moves
        From `steering_methods.vectors`.
    given
        strengths, shares, time_strength.

    Returns
    -------
    sounds
        One row a sound, as `steering.effects` reads them, with method, log_mel_db and round_trip; alpha holds the relative strength or
        the share.
    parts
        See `in_time.measured`.
    """
    table, sae = material.table, material.sae
    rows, parts = [], []

    def heard(wave: np.ndarray) -> steering.Heard:
        return steering.listen(wave, codec.sample_rate, table.tracker, codec.frame_rate)

    def places(when: str, what: steering.Heard) -> dict[str, float]:
        return {f"{prop}_{when}": steering.in_bins(getattr(what, prop), table.edges[prop]) for prop in labels.PROPERTIES}

    for clip in tqdm(latents, desc=f"steering {codec.name}", unit="clip"):
        x = torch.from_numpy(latents[clip]).to(material.device)
        still = {"codec": x, "sae": sae.decode(sae.encode(x))}
        decoded = codec.decode(torch.stack([*still.values()]))
        plain = dict(zip(still, decoded.cpu().numpy()))
        before = {name: heard(wave) for name, wave in plain.items()}
        own, through_sae = round_trip(codec, sae, torch.stack([*still.values()]), decoded)

        def row(method: str, prop: str, k: int, strength: float, wave: np.ndarray, trip: float) -> dict[str, Any]:
            base = "codec" if method in FROM_CODEC else "sae"
            return {
                "clip": clip, "method": method, "steered": prop, "target": k, "alpha": strength, "round_trip": trip,
                "log_mel_db": log_mel_distance(plain[base], wave, codec.sample_rate),
                **places("before", before[base]), **places("after", heard(wave)),
            }

        rows.append(row("reconstruction", "", -1, 0.0, plain["sae"], through_sae / own) | places("before", before["codec"])
                    | {"log_mel_db": log_mel_distance(plain["codec"], plain["sae"], codec.sample_rate)})
        for prop, k in [(prop, k) for prop, ks in targets.items() for k in ks]:
            for method, move in moves.items():
                moved = torch.stack([move(x, prop, k, strength) for strength in given.strengths])
                waves = codec.decode(moved)
                trips = round_trip(codec, sae, moved, waves) / own
                rows += [row(method, prop, k, *one) for one in zip(given.strengths, waves.cpu().numpy(), trips)]
            waves = steering_methods.processed(
                plain["codec"], codec.sample_rate, before["codec"], prop, labels.centres(table.edges[prop])[k], given.shares, codec.frame_rate
            )
            rows += [row(SIGNAL, prop, k, share, wave, np.nan) for share, wave in zip(given.shares, waves)]
        parts += in_time.measured(
            codec, x, moves, {name: (still[name], plain[name]) for name in still}, targets, given.time_strength, table.tracker, table.edges
        )
    return pd.DataFrame(rows), parts


def by_strength(sounds: pd.DataFrame, effects: pd.DataFrame, prop: str, seed: int) -> dict[str, dict[str, Any]]:
    """Figures of one method and steered property at each strength: those of `steering.summarise`, log_mel_db with interval, and round_trip."""
    found = {}
    for strength, rows in sounds.groupby("alpha"):
        figures = steering.summarise(effects, sounds, prop, strength, seed)
        mel, trip = rows.groupby("clip")["log_mel_db"].mean(), rows["round_trip"].mean()
        found[f"{strength:g}"] = {
            **{name: figures[name] for name in ("on_target", "on_target_ci95", "leakage", "leakage_ci95", "pitch_lost", "clips")},
            "log_mel_db": float(mel.mean()), "log_mel_db_ci95": intervals.mean(mel, seed),
            "round_trip": None if np.isnan(trip) else float(trip),
        }
    return found


def summarise(sounds: pd.DataFrame, seed: int) -> dict[str, Any]:
    """What `main` writes of whole clips: methods, comparisons and reconstruction.

    Parameters
    ----------
    sounds
        From `steer_all`.
    seed
        Of the intervals.
    """
    clips, none = sorted(sounds["clip"].unique()), sounds[sounds["method"] == "reconstruction"]
    methods: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    comparisons: dict[str, dict[str, Any]] = {name: {variant: {} for variant in steering.VARIANTS} for name in LEVELS}
    for prop in labels.PROPERTIES:
        crossings: dict[str, dict[str, equal_effect.Crossing]] = {name: {} for name in LEVELS}
        for method in METHODS:
            mine = sounds[(sounds["method"] == method) & (sounds["steered"] == prop)]
            effects = steering.effects(mine)
            resampled = equal_effect.Resampled.of(mine, effects, clips, seed)
            methods[method][prop] = {"by_strength": by_strength(mine, effects, prop, seed)}
            for name, level in LEVELS.items():
                crossings[name][method] = resampled.at(level)
                methods[method][prop][name] = crossings[name][method].summary()
        for name, reached in crossings.items():
            for variant in steering.VARIANTS:
                comparisons[name][variant][prop] = {
                    baseline: equal_effect.difference(reached[variant], reached[baseline]) for baseline in BASELINES
                }
    return {
        "methods": methods, "comparisons": comparisons,
        "reconstruction": {
            "log_mel_db": float(none["log_mel_db"].mean()), "log_mel_db_ci95": intervals.mean(none["log_mel_db"], seed),
            "round_trip": float(none["round_trip"].mean()), "pitch_lost": float(none["pitch_after"].isna().mean()),
        },
    }


def main() -> None:
    """Read the arguments, steer, and write results/evidence/steering/CODEC.json."""
    parser = argparse.ArgumentParser(prog="audiosae.evidence.steering", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec")
    parser.add_argument("--clips", type=int, default=12, help="test clips with one voice")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each, from its beginning")
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.5, 1.0, 2.0, 4.0], help="of the vectors, relative to what they are added to")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0], help="of the whole move, for signal processing")
    parser.add_argument("--quantiles", type=float, nargs=2, default=[0.1, 0.9], help="low and high targets, of the training frames")
    parser.add_argument("--time_strength", type=float, default=1.0, help="relative strength of steering in a part of the clip")
    parser.add_argument("--few_frames", type=int, default=12000, help="training frames at most, for probes on latents and for means")
    parser.add_argument("--penalties", type=float, nargs="+", default=[1e-6, 3e-5, 1e-3], help="weight decays of the probes on latents")
    parser.add_argument("--iterations", type=int, default=50, help="of L-BFGS for each")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.strengths, given.shares = sorted(given.strengths), sorted(given.shares)
    material = load(given.codec, given.few_frames, given.seed)
    latents = chosen_clips(material.table, given.clips, given.seconds)
    targets = {
        prop: steering.targets(material.label(prop)[material.table.rows("train", prop)], given.quantiles) for prop in labels.PROPERTIES
    }
    codec = codecs.load(given.codec, material.table.weights).to(material.device)
    moves = steering_methods.vectors(material, targets, given.penalties, given.iterations)
    sounds, parts = steer_all(material, codec, latents, targets, moves, given)
    material.write("steering", {
        **summarise(sounds, given.seed),
        "in_time": {variant: {prop: in_time.summarise(
            [part for part in parts if (part["variant"], part["prop"]) == (variant, prop)], codec.frame_rate, given.seed
        ) for prop in labels.PROPERTIES} for variant in in_time.VARIANTS},
        "targets": {prop: [labels.class_name(prop, k, material.table.edges[prop]) for k in ks] for prop, ks in targets.items()},
        "frame_rate": codec.frame_rate, "clips": list(latents),
        "sae": {"dim": material.sae.dim, "hidden": material.sae.hidden,
                "l1": checkpoint.load(material.inputs["weights/sae"], KIND)[1]["provenance"]["parameters"]["l1"]},
    }, vars(given))


if __name__ == "__main__":
    report(main)
