"""Is the paper's way of steering a good one? Five trainings of it beside random directions, its variants and simpler methods.

Test clips with one voice are steered towards a low and a high target, and measured again from the sound, as in section 4. Each method is
compared with its own sound at strength 0 (see `methods.FROM_CODEC`).
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from audiosae import codecs, engine, steering
from audiosae.codecs import Codec
from audiosae.evidence.material import Material
from audiosae.probes import seeds as trainings
from audiosae.probes.seeds import Member
from audiosae.sae.reference import KINDS
from audiosae.steering import in_time, methods, response, trial
from audiosae.steering.methods import FROM_CODEC, METHODS, SIGNAL, Move
from audiosae.steering.response import COLLAPSE, NEAR, STRENGTHS, Goals, Response

ENDS = (-1.0, 1.0)
"""Relative strengths at which methods are compared, and other seeds are steered: one way, and the other."""

PART = 1.0
"""Relative strength r where the middle third alone is steered."""

Row = dict[str, Any]


@torch.no_grad()
def steer_otherwise(
    codec: Codec, member: Member, x: torch.Tensor, goals: Goals, moves: dict[str, Move], paper: list[Row], tracker: str
) -> tuple[list[Row], list[dict[str, Any]]]:  # fmt: skip
    """Such rows of all methods, with method, given those of the paper's way; and what `in_time.steer_middle` gives for valid sounds."""
    sae = member.sae
    still = {"codec": x, "sae": sae.decode(sae.encode(x))}
    before = dict(zip(still, trial.make(codec, sae, torch.stack([*still.values()]), tracker)))
    rows = [{"method": "reconstruction", "steered": "", **trial.outcome(before["codec"], before["sae"])}]
    rows += [{**row, "method": "paper"} for row in paper if row["steered"] and row["r"] in ENDS]
    for method in [method for method in moves if method != "paper"]:
        base = before["codec" if method in FROM_CODEC else "sae"]
        made = trial.outcomes(codec, sae, base, trial.push(moves[method], x, goals, ENDS), tracker)
        rows += [{"method": method, **row} for row in made]
    base = before["codec"]
    for prop, target, goal in response.each(goals):
        waves = methods.processed(base.wave, codec.sample_rate, base.heard, prop, goal.centre, [*ENDS], codec.frame_rate)
        for r, wave in zip(ENDS, waves):
            said = {"method": SIGNAL, "steered": prop, "target": target, "r": r, "alpha": np.nan}
            rows.append(said | trial.outcome(base, trial.measure(codec, wave, tracker)))
    unsteered = {name: (still[name], before[name].wave) for name in still}
    chosen = {variant: further(rows, variant, goals) for variant in in_time.VARIANTS}
    return rows, in_time.steer_middle(codec, x, moves, unsteered, chosen, PART, tracker)


def steer_clip(
    clip: str, x: torch.Tensor, codec: str, weights: str, identity: str, tracker: str, members: dict[str, list[Member]], moves: dict[str, Move], goals: Goals,
    alphas: list[float], seed: int,
) -> tuple[list[Row], list[Row], list[dict[str, Any]]]:  # fmt: skip
    """All that becomes of one clip with latents x [frames, dim]: rows by every training, rows by every method, and what `in_time.steer_middle` gives."""
    model = codecs.loaded(codec, weights, identity).to(x.device)
    rows: list[Row] = []
    for kind, of_kind in members.items():
        given = alphas if kind == "paper" else []  # which are of its normalised features
        for number, member in enumerate(of_kind):
            strengths = (*STRENGTHS, *COLLAPSE) if number == 0 else ENDS
            made = trial.by_probes(model, member, x, goals, strengths, given, 1, ENDS, tracker, seed + number)
            rows += [{"kind": kind, "seed": number, "clip": clip, **row} for row in made]
    told = ("kind", "seed", "clip")
    paper = [{name: row[name] for name in row if name not in told} for row in rows if (row["kind"], row["seed"]) == ("paper", 0)]
    steered, middles = steer_otherwise(model, members["paper"][0], x, goals, moves, paper, tracker)
    return rows, [{"seed": 0, "clip": clip, **row} for row in steered], [{"clip": clip, **row} for row in middles]


def further(rows: list[Row], method: str, goals: Goals) -> dict[str, tuple[int, float]]:
    """For each property the class of the further target whose sound at `PART` is valid, and its side; none nearer than `NEAR`."""
    found: dict[str, tuple[float, int, float]] = {}
    for row in rows:
        if row["method"] == method and row["r"] == PART and row["valid"]:
            prop, goal = row["steered"], goals[row["steered"]][row["target"]]
            away = steering.natural(prop, goal.centre) - steering.natural(prop, row[f"{prop}_before"])
            if abs(away) >= NEAR[prop] and abs(away) > found.get(prop, (0.0,))[0]:
                found[prop] = (abs(away), goal.number, float(np.sign(away)))
    return {prop: (k, side) for prop, (_, k, side) in found.items()}


def paper_is_best(paper: Response, means: dict[str, Any]) -> bool:
    """Whether the paper's way surely moves further than random directions, and leaks less of one property than `means`, more of none."""
    beyond, told = paper.figures["beyond_random_ci95"], [one["told"] for one in means.values()]
    return bool(beyond) and beyond[0] > 0 and "less" in told and "more" not in told


def run(
    codec: str, clips: int, seconds: float, seeds: int, alphas: list[float], quantiles: list[float], penalties: list[float], iterations: int,
    few_frames: int, seed: int,
) -> None:  # fmt: skip
    """Steer, measure, and write results/evidence/steering/CODEC.json.

    It holds what `summarise` returns, reconstruction (what the SAE alone does to the codec's sound), in_time (see
    `in_time.thirds_of_clips`) by variant and property, and what was steered.

    Parameters
    ----------
    clips, seconds
        Test clips with one voice, all where there are fewer, and how much of each, from its beginning.
    seeds
        Trainings of the autoencoder and its probes. The first is steered by all methods, and with all strengths.
    alphas, quantiles
        The paper's strengths; low and high targets, of the training frames.
    penalties, iterations, few_frames
        Of the probes on latents: weight decays to choose from, steps of L-BFGS for each, and most training frames, for means too.
    seed
        Of random directions and intervals.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    table, device = material.table, material.latents.device
    members = {kind: [Member(one.sae.to(device), one.probes) for one in trainings.load(codec, kind=kind)[:seeds]] for kind in KINDS}
    chosen = {clip: x.to(device) for clip, x in trial.single_voices(table, clips, seconds).items()}
    goals = response.goals(table, quantiles)
    classes = {prop: [goal.number for goal in both.values()] for prop, both in goals.items()}
    counts = {prop: (material.labelled("train", prop), material.labelled("validation", prop)) for prop in goals}
    moves = methods.vectors(material.sae, material.latents, material.fitted, counts, classes, penalties, iterations)

    shared = (codec, table.weights, codecs.identity(codec, table.weights), table.tracker, members, moves, goals, alphas, seed)
    found = engine.each(steer_clip, {clip: (clip, x, *shared) for clip, x in chosen.items()}, f"steering {codec}", "clip")
    rows, others, middles = ([row for of_clip in found.values() for row in of_clip[part]] for part in range(3))
    # Clips that are shorter have no middle third like the others'.
    long = round(seconds * table.frame_rate)
    parts = [row for row in middles if len(chosen[row["clip"]]) == long]
    sounds = pd.DataFrame(others)
    rebuilt = sounds[sounds["method"] == "reconstruction"]
    middle: dict[str, dict[str, Any]] = {variant: {} for variant in in_time.VARIANTS}
    for variant, prop in product(middle, goals):
        middle[variant][prop] = in_time.thirds_of_clips([p for p in parts if (p["variant"], p["prop"]) == (variant, prop)], seed)
    figures = {
        **summarise(pd.DataFrame(rows), sounds, goals, table.edges, seed),
        "reconstruction": {name: float(rebuilt[name].mean()) for name in ("log_mel_db", "pitch_lost", "valid")},
        "in_time": middle,
        "frame_rate": table.frame_rate,
        "clips": list(chosen),
        "sae": material.sae_settings(),
    }
    trained = {
        f"weights/{part}_{number}": str(path)
        for number, places in enumerate(trainings.trained(codec)[1:seeds], 1)
        for part, path in zip(("sae", "probes"), places)
    }
    material.write("steering", figures, parameters, **trained)


def summarise(trained: pd.DataFrame, methodical: pd.DataFrame, goals: Goals, edges: dict[str, np.ndarray], seed: int) -> dict[str, Any]:
    """kinds, methods, comparisons and paper_is_best of the sounds of `trial.by_probes`, with kind, and of `steer_otherwise`."""

    def respond(sounds: pd.DataFrame) -> dict[str, Response]:
        return {prop: response.respond(sounds, prop, both, edges, seed) for prop, both in goals.items()}

    kinds = {kind: respond(table) for kind, table in trained.groupby("kind", sort=False)}
    by_method = {method: respond(methodical[methodical["method"] == method]) for method in METHODS}
    paper, means = by_method["paper"], by_method[methods.FEATURE_MEANS]

    def figures(ways: dict[str, dict[str, Response]]) -> dict[str, Any]:
        return {way: {prop: found.figures for prop, found in by_prop.items()} for way, by_prop in ways.items()}

    return {
        "kinds": figures(kinds),
        "methods": figures(by_method),
        "comparisons": {
            method: {prop: {"leakage_ratio_difference": response.compare(paper[prop], found[prop])} for prop in goals}
            for method, found in by_method.items()
            if method != "paper"
        },
        "paper_is_best": {prop: paper_is_best(kinds["paper"][prop], response.compare(paper[prop], means[prop])) for prop in goals},
    }


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
