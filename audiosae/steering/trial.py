"""Trials: steer a clip, decode it, and measure the sound: rows for `response`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from audiosae import steering
from audiosae.audio import labels
from audiosae.codecs import Codec
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder
from audiosae.steering import Heard, methods, validity
from audiosae.steering.methods import Move
from audiosae.steering.response import RANDOM, Goals, each
from audiosae.steering.validity import Signs

BATCH = 6
"""Sounds that are decoded at a time; more take longer each, by their memory."""

VOICED = 0.3
"""Share of a clip's frames that must have a pitch for it to be steered."""

Push = tuple[dict[str, Any], torch.Tensor]
"""What was pushed where, as columns of a row, and steered latents [frames, dim]."""


@dataclass(frozen=True)
class Sound:
    """A wave [channels, samples], what is heard in it, and what its validity is judged by."""

    wave: np.ndarray
    heard: Heard
    signs: Signs


@torch.no_grad()
def make(codec: Codec, sae: SparseAutoencoder, latents: torch.Tensor, tracker: str) -> Iterator[Sound]:
    """Decode and measure latents [sounds, frames, dim]."""
    for part in latents.split(BATCH):
        waves = codec.decode(part)
        for wave, trip in zip(waves.cpu().numpy(), validity.round_trip(codec, sae, part, waves)):
            yield measure(codec, wave, tracker, float(trip))


def measure(codec: Codec, wave: np.ndarray, tracker: str, trip: float = float("nan")) -> Sound:
    """Measure a wave [channels, samples] at the codec's rate; one that was not decoded from latents has no round trip."""
    heard = steering.listen(wave, codec.sample_rate, tracker, codec.frame_rate)
    return Sound(wave, heard, validity.signs(wave, codec.sample_rate, codec.frame_rate, heard.voiced, trip))


def outcome(before: Sound, after: Sound) -> dict[str, Any]:
    """What steering did to a sound, as `response.respond` reads it, with state, log_mel_db and round_trip."""
    state = validity.state(before.signs, after.signs)
    sides = (("before", before), ("after", after))
    return {
        **{f"{prop}_{when}": getattr(sound.heard, prop) for when, sound in sides for prop in labels.PROPERTIES},
        "state": state,
        "valid": state == validity.VALID,
        "collapsed": state == validity.COLLAPSED,
        "pitch_lost": bool(np.isnan(after.heard.pitch) and not np.isnan(before.heard.pitch)),
        "log_mel_db": validity.log_mel_distance(before.signs, after.signs),
        "round_trip": after.signs.trip / before.signs.trip,
    }


def outcomes(codec: Codec, sae: SparseAutoencoder, before: Sound, pushed: list[Push], tracker: str) -> Iterator[dict[str, Any]]:
    """Decode and measure what was pushed, beside the sound before: rows for `response.respond`."""
    for (said, _), after in zip(pushed, make(codec, sae, torch.stack([x for _, x in pushed]), tracker)):
        yield said | outcome(before, after)


def push(move: Move, x: torch.Tensor, goals: Goals, strengths: Sequence[float]) -> list[Push]:
    """Push latents x [frames, dim] towards each target with each relative strength."""
    return [
        ({"steered": prop, "target": target, "r": r, "alpha": np.nan}, move(x, prop, goal.number, r))
        for prop, target, goal in each(goals) for r in strengths
    ]  # fmt: skip


def push_by_alpha(
    sae: SparseAutoencoder, rows: Mapping[str, torch.Tensor], x: torch.Tensor, goals: Goals, alphas: Sequence[float]
) -> list[Push]:
    """The same with the paper's α, along the rows of probes, w_k, by property [classes, hidden]."""
    pushed = []
    for (prop, target, goal), alpha in product(each(goals), alphas):
        w = rows[prop][goal.number]
        said = {"steered": prop, "target": target, "r": steering.relative_strength(sae, x, w, alpha), "alpha": alpha}
        pushed.append((said, steering.steer(sae, x, w, alpha)))
    return pushed


def push_at_random(sae: SparseAutoencoder, x: torch.Tensor, directions: int, strengths: Sequence[float], seed: int) -> list[Push]:
    """The same along Gaussian directions in the space of features, as many as asked for."""
    drawn = torch.from_numpy(np.random.default_rng(seed).standard_normal((directions, sae.hidden), np.float32)).to(x)
    return [
        ({"steered": "", "target": RANDOM, "direction": number, "r": r, "alpha": np.nan}, methods.along_features(sae, x, w, r, "paper"))
        for number, w in enumerate(drawn) for r in strengths
    ]  # fmt: skip


@torch.no_grad()
def by_probes(
    codec: Codec, member: Member, x: torch.Tensor, goals: Goals, strengths: Sequence[float], alphas: Sequence[float],
    directions: int, random_strengths: Sequence[float], tracker: str, seed: int,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The paper's way with one training, and random directions beside it: rows for `response.respond` of latents x [frames, dim]."""
    sae, rows = member.sae, {prop: probe.weight.to(x.device) for prop, probe in member.probes.items()}
    (before,) = make(codec, sae, sae.decode(sae.encode(x))[None], tracker)
    pushed = push(methods.along_probes(sae, rows), x, goals, strengths) + push_by_alpha(sae, rows, x, goals, alphas)
    yield from outcomes(codec, sae, before, pushed + push_at_random(sae, x, directions, random_strengths, seed), tracker)


def single_voices(table: Frames, clips: int, seconds: float) -> dict[str, torch.Tensor]:
    """Latents [frames, dim] of the beginnings of test clips with one voice and a pitch in `VOICED` of the frames.

    As many as asked for, spread evenly over the list, or all where there are fewer; a `ParameterError` where there is none.
    """
    names = table.table["clip"].astype(str)
    within = table.table.groupby("clip", observed=True).cumcount() < round(seconds * table.frame_rate)
    voiced = pd.Series(table.rows("test", "pitch"))[within].groupby(names[within]).mean()
    usable = sorted(voiced.index[voiced >= VOICED])
    if not usable:
        raise ParameterError(f"no test clip has one voice and a pitch in {VOICED:.0%} of its first {seconds:g} s, so none can be steered.")
    picked = [usable[i] for i in np.linspace(0, len(usable) - 1, min(clips, len(usable))).astype(int)]
    return {clip: table.latents[((names == clip) & within).to_numpy()] for clip in picked}
