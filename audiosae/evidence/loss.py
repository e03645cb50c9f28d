"""What the paper's λ does (section 2), asked at one width.

Do equally sparse SAEs reconstruct as well if sparsity is penalised in another way (`sae.variants`)? Does a longer training leave the
figures where they are? Does another optimiser? And does the penalty fall, with all else as it was, when the encoder is scaled?
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from audiosae import engine
from audiosae.evidence.material import Material, load
from audiosae.sae import SparseAutoencoder, training, variants
from audiosae.sae.model import evaluate
from audiosae.sae.training import Settings
from audiosae.sae.variants import PAPER, VARIANTS, VariantAutoencoder

STRENGTHS: dict[str, tuple[float, ...]] = {
    "paper": (0.005, 0.025, 0.05, 0.15, 0.5),
    "on_f": (0.005, 0.025, 0.05, 0.15, 0.5),
    "decoder_norm": (0.1, 0.25, 0.5, 1.0, 2.0),
    "plain": (0.1, 0.25, 0.5, 1.0, 2.0),
    "top_k": (8, 32, 64, 128, 256),
}
"""λ of each variant, or k: chosen so that ranges of sparsity overlap; an equal λ of two variants means nothing."""

MEASURED = (1, 2, 5, 10, 20, 40, 80)
"""Epochs after which a long training is looked at; its last is added."""

DRIFTING = ("paper", "on_f")
SPARSITIES = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Where the curves of the variants are compared."""

SCALES = (0.01, 0.1, 0.5, 2.0, 10.0)

ADAM = "Adam, 0.001"
OPTIMISERS: dict[str, tuple[Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer], float]] = {
    ADAM: (training.adam, 0.001),
    "Adam, 0.0003": (training.adam, 0.0003),
    "SGD with momentum 0.9, 0.001": (lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9), 0.001),
}
"""Optimiser and learning rate."""


def trained(
    codec: str, few_frames: int, settings: Settings, name: str, strength: float, optimiser: str, looks: Sequence[int], project: Path
) -> list[dict[str, Any]]:  # fmt: skip
    """One autoencoder of a variant and strength under one of `OPTIMISERS`: the figures of `variants.measure` after some epochs."""
    material = load(codec, few_frames, settings.seed, project)
    split, batch, _ = material.thinned_training(settings.batch)
    seen: list[dict[str, Any]] = []

    def look(epoch: int, sae: SparseAutoencoder) -> None:
        if epoch in looks:
            seen.append(variants.measure(cast(VariantAutoencoder, sae), material.latents, split))

    build = partial(VariantAutoencoder, variant=VARIANTS[name], strength=strength)
    training.train(material.latents, replace(settings, batch=batch), split.train, None, build, OPTIMISERS[optimiser][0], look)
    return seen


def train_all(codec: str, few_frames: int, settings: Settings, l1: float, long: int) -> dict[str, list[dict[str, Any]]]:
    """All trainings of this question, by what is asked of them.

    Returns
    -------
    sweep
        One row for each variant and strength: variant, strength, and the figures of `variants.measure`.
    drift
        What a long training at one λ gives, after each of `MEASURED`: variant, epoch, and figures.
    optimisers
        The paper's loss at one λ under each of `OPTIMISERS`: optimiser, learning_rate, and figures.
    """
    short, last, looks = [settings.epochs], replace(settings, epochs=long), sorted({epoch for epoch in MEASURED if epoch < long} | {long})
    usable = [(name, s) for name, strengths in STRENGTHS.items() for s in strengths if name != "top_k" or s <= settings.hidden]
    sweep = {(name, s): (settings, name, s, ADAM, short) for name, s in usable}
    drift = {name: (last, name, l1, ADAM, looks) for name in DRIFTING}
    optimisers = {name: (replace(settings, learning_rate=rate), PAPER.name, l1, name, short) for name, (_, rate) in OPTIMISERS.items()}
    asked: dict[str, dict[Any, tuple[Any, ...]]] = {"sweep": sweep, "drift": drift, "optimisers": optimisers}
    pieces = {f"{question}: {what}": (codec, few_frames, *args, Path.cwd()) for question, of in asked.items() for what, args in of.items()}
    found = engine.each(trained, pieces, f"{codec}: losses", "training")
    return {
        "sweep": [{"variant": name, "strength": s, **found[f"sweep: {(name, s)}"][0]} for name, s in sweep],
        "drift": [{"variant": name, "epoch": epoch, **row} for name in drift for epoch, row in zip(looks, found[f"drift: {name}"])],
        "optimisers": [
            {"optimiser": name, "learning_rate": rate, **found[f"optimisers: {name}"][0]} for name, (_, rate) in OPTIMISERS.items()
        ],
    }


def fvu_at(points: list[dict[str, Any]], sparsity: float) -> float | None:
    """The held-out FVU of one variant where its curve passes a sparsity, by linear interpolation; None beyond its ends."""
    x, y = np.array(sorted((point["sparsity"], point["fvu"]) for point in points)).T
    return float(np.interp(sparsity, x, y)) if x[0] <= sparsity <= x[-1] else None


@torch.no_grad()
def escape(sae: SparseAutoencoder, latents: torch.Tensor, counts: torch.Tensor) -> dict[str, Any]:
    """Multiply encoder weights and bias by c, in double precision: so is h, and the penalty; but for RMSNorm's small constant, all else stays.

    `counts` are the frames that each row of latents stands for. Returns penalty (mean of Σ h over frames) and fvu before, and for each c,
    `scaled`, the same after, with penalty_ratio, and the largest changes of f and of x̂ (standardised) as shares of the largest value.
    """
    counts = counts.to(latents.device)
    latents, counts = latents[counts > 0].double(), counts[counts > 0].double()

    def read(c: float) -> tuple[torch.Tensor, torch.Tensor, float, float]:
        scaled = copy.deepcopy(sae).double()
        scaled.encoder.weight.mul_(c)
        scaled.encoder.bias.mul_(c)
        penalty = counts @ scaled.activations(latents).sum(dim=1) / counts.sum()
        f = scaled.encode(latents)
        return f, scaled.normalised(scaled.decode(f)), float(penalty), evaluate(scaled, latents, counts)["fvu"]

    features, rebuilt, penalty, fvu = read(1.0)
    rows = []
    for c in SCALES:
        f, x, cost, share = read(c)
        pairs = {"features_change": (features, f), "reconstruction_change": (rebuilt, x)}
        changes = {name: float((after - before).abs().max() / before.abs().max()) for name, (before, after) in pairs.items()}
        rows.append({"c": c, "penalty": cost, "penalty_ratio": cost / penalty, "fvu": share, **changes})
    return {"penalty": penalty, "fvu": fvu, "scaled": rows}


def summary(points: list[dict[str, Any]], drifting: list[dict[str, Any]]) -> dict[str, Any]:
    """What verdicts cite: fvu_at_sparsity, by sparsity and variant, None where its curve does not reach; sparsity_range by variant; and drift.

    The last has by variant first_epoch, last_epoch, scale_ratio (rms of h at the end over that after the first epoch), and sparsity and
    fvu by epoch.
    """
    own = {name: [point for point in points if point["variant"] == name] for name in STRENGTHS}
    found: dict[str, Any] = {
        "fvu_at_sparsity": {f"{value:g}": {name: fvu_at(curve, value) for name, curve in own.items()} for value in SPARSITIES},
        "sparsity_range": {name: [f([p["sparsity"] for p in curve]) for f in (min, max)] for name, curve in own.items()},
        "drift": {},
    }
    for name in DRIFTING:
        rows = [row for row in drifting if row["variant"] == name]
        first, last = rows[0], rows[-1]
        found["drift"][name] = {
            "first_epoch": first["epoch"],
            "last_epoch": last["epoch"],
            "scale_ratio": last["scale"] / first["scale"],
            **{figure: {str(row["epoch"]): row[figure] for row in rows} for figure in ("sparsity", "fvu")},
        }
    return found


def run(codec: str, factor: int, l1: float, epochs: int, long: int, batch: int, learning_rate: float, few_frames: int, seed: int) -> None:
    """Ask all four questions, and write results/evidence/loss/CODEC.json.

    It holds sweep, drift, optimisers, escape and summary (see the functions of these names), and what they were asked of.

    Parameters
    ----------
    factor, few_frames
        Hidden size over latent size, and most training frames; see `Material.thinned_training`.
    l1, long
        λ of the long training and of the optimisers, and epochs of the former.
    epochs, batch, learning_rate
        As in section 2; the batch in frames, if all training frames were used.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    split, thinned, sizes = material.thinned_training(batch)
    latents = material.latents
    settings = Settings(factor * latents.shape[1], l1, epochs, batch, learning_rate, seed)
    steps = int(np.ceil(int(split.train.sum()) / thinned))
    found = train_all(codec, few_frames, settings, l1, long)
    found["drift"] = [{**row, "step": row["epoch"] * steps} for row in found["drift"]]
    figures = {
        **found,
        "escape": escape(material.sae, latents, split.test),
        "summary": summary(found["sweep"], found["drift"]),
        "l1": l1,
        "hidden": settings.hidden,
        "batch": thinned,
        "steps_per_epoch": steps,
    }
    material.write("loss", figures | sizes, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
