"""What the paper's λ buys (section 2): its loss beside others at equal sparsity, its drift, and its way out.

    python -m audiosae.evidence.loss CODEC [--factor 8] ...

Four questions are asked at one width. Do SAEs that are as sparse rebuild as well if sparsity is priced in another way (`variants`)?
Does a longer training leave the figures where they are? Does another optimiser? And does the penalty fall, with all else as it
was, when the SAE of section 2 has its encoder scaled? SAEs learn from at most `few_frames` training frames, with as many steps an epoch
as all of them would take.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from tqdm.auto import tqdm

from audiosae import sae_training
from audiosae.errors import report
from audiosae.evidence import material, stacked, variants
from audiosae.evidence.material import Material
from audiosae.evidence.stacked import Optimiser, Stack
from audiosae.evidence.variants import PAPER, VARIANTS
from audiosae.sae import SparseAutoencoder
from audiosae.sae_training import Settings, Split

STRENGTHS: dict[str, tuple[float, ...]] = {
    "paper": (0.005, 0.025, 0.05, 0.15, 0.5),
    "on_f": (0.005, 0.025, 0.05, 0.15, 0.5),
    "decoder_norm": (0.1, 0.25, 0.5, 1.0, 2.0),
    "plain": (0.1, 0.25, 0.5, 1.0, 2.0),
    "top_k": (8, 32, 64, 128, 256),
}
"""λ of each variant, or k: chosen so that the ranges of sparsity overlap, since equal λ of two variants mean nothing."""

MEASURED = (1, 2, 5, 10, 20, 40, 80)
"""Epochs after which a long training is looked at; its last is added."""

DRIFTING = ("paper", "on_f")
SPARSITIES = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Where the curves of the variants are compared."""

SCALES = (0.01, 0.1, 0.5, 2.0, 10.0)

OPTIMISERS: dict[str, tuple[Optimiser, float]] = {
    "Adam, 0.001": (stacked.adam, 0.001),
    "Adam, 0.0003": (stacked.adam, 0.0003),
    "SGD with momentum 0.9, 0.001": (lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9), 0.001),
}
"""Optimiser and learning rate."""


def sweep(latents: torch.Tensor, split: Split, settings: Settings) -> list[dict[str, object]]:
    """One SAE for each variant and strength: variant, strength, and the figures of `variants.measure`."""
    points = []
    for name, strengths in tqdm(STRENGTHS.items(), desc="variants", unit="variant"):
        usable = [s for s in strengths if name != "top_k" or s <= settings.hidden]
        members = stacked.train(latents, settings, usable, split.train, VARIANTS[name])
        points += [{"variant": name, "strength": sae.strength, **variants.measure(sae, latents, split)} for sae in members]
    return points


def at_equal(points: list[dict], axis: str, value: float) -> float | None:
    """The held-out FVU of one variant where its curve passes a value of `axis`, by linear interpolation; None beyond its ends."""
    curve = sorted((point[axis], point["fvu"]) for point in points)
    x, y = np.array(curve).T
    return float(np.interp(value, x, y)) if x[0] <= value <= x[-1] else None


def drift(latents: torch.Tensor, split: Split, settings: Settings, steps_per_epoch: int) -> list[dict[str, object]]:
    """Follow a long training at one λ: variant, epoch, step, and the figures of `variants.measure`."""
    seen: list[dict[str, object]] = []

    for name in DRIFTING:
        def look(epoch: int, stack: Stack, name: str = name) -> None:
            if epoch in (*MEASURED, settings.epochs):
                (sae,) = stack.members()
                seen.append({"variant": name, "epoch": epoch, "step": epoch * steps_per_epoch,
                             **variants.measure(sae, latents, split)})

        stacked.train(latents, settings, [settings.l1], split.train, VARIANTS[name], after=look)
    return seen


def optimisers(latents: torch.Tensor, split: Split, settings: Settings) -> list[dict[str, object]]:
    """The paper's loss at one λ under each of `OPTIMISERS`: optimiser, learning_rate, and the figures of `variants.measure`."""
    found = []
    for name, (optimiser, rate) in OPTIMISERS.items():
        (sae,) = stacked.train(latents, replace(settings, learning_rate=rate), [settings.l1], split.train, PAPER, optimiser)
        found.append({"optimiser": name, "learning_rate": rate, **variants.measure(sae, latents, split)})
    return found


@torch.no_grad()
def escape(sae: SparseAutoencoder, latents: torch.Tensor, counts: torch.Tensor) -> dict[str, object]:
    """Multiply encoder weights and bias by c, in double precision: h, and with it the penalty, is multiplied by c, the rest stays.

    RMSNorm's small constant is all that keeps this from being exact; it is felt only by a frame whose h is about as small.

    Parameters
    ----------
    sae
        That of section 2; left as it is.
    latents, counts
        Rows to look at, and the frames that each stands for.

    Returns
    -------
    penalty, fvu
        Mean of Σ h over frames, and FVU, before.
    scaled
        For each c: c, penalty, penalty_ratio (after over before), fvu, and the largest change of f and of x̂ (standardised), as shares
        of the largest value.
    """
    counts = counts.to(latents.device)
    latents, counts = latents[counts > 0].double(), counts[counts > 0].double()

    def read(c: float) -> tuple[torch.Tensor, torch.Tensor, float, float]:
        scaled = SparseAutoencoder(sae.dim, sae.hidden).to(latents.device)
        scaled.load_state_dict(sae.state_dict())
        scaled.double()
        scaled.encoder.weight *= c
        scaled.encoder.bias *= c
        penalty = counts @ scaled.activations(latents).sum(dim=1) / counts.sum()
        f = scaled.encode(latents)
        return f, scaled.normalised(scaled.decode(f)), float(penalty), variants.unexplained(scaled, latents, counts)

    features, rebuilt, penalty, fvu = read(1.0)
    rows = []
    for c in SCALES:
        f, x, cost, share = read(c)
        rows.append({"c": c, "penalty": cost, "penalty_ratio": cost / penalty, "fvu": share,
                     "features_change": float((f - features).abs().max() / features.abs().max()),
                     "reconstruction_change": float((x - rebuilt).abs().max() / rebuilt.abs().max())})
    return {"penalty": penalty, "fvu": fvu, "scaled": rows}


def summary(points: list[dict], drifting: list[dict]) -> dict[str, object]:
    """What a verdict cites.

    Returns
    -------
    fvu_at_sparsity
        {sparsity: {variant: FVU, or None where its curve does not reach}}; at one width this is at equal L0 too.
    sparsity_range
        {variant: [lowest, highest]}.
    drift
        {variant: first_epoch, last_epoch, scale_ratio (rms of h at the end over that after the first epoch), sparsity and fvu by epoch}.
    """
    by_variant = {name: [point for point in points if point["variant"] == name] for name in STRENGTHS}
    by_drift = {name: [row for row in drifting if row["variant"] == name] for name in DRIFTING}
    return {
        "fvu_at_sparsity": {f"{value:g}": {name: at_equal(found, "sparsity", value) for name, found in by_variant.items()}
                            for value in SPARSITIES},
        "sparsity_range": {name: [min(p["sparsity"] for p in found), max(p["sparsity"] for p in found)]
                           for name, found in by_variant.items()},
        "drift": {name: {
            "first_epoch": rows[0]["epoch"], "last_epoch": rows[-1]["epoch"], "scale_ratio": rows[-1]["scale"] / rows[0]["scale"],
            "sparsity": {str(row["epoch"]): row["sparsity"] for row in rows},
            "fvu": {str(row["epoch"]): row["fvu"] for row in rows},
        } for name, rows in by_drift.items()},
    }


def measure(found: Material, given: argparse.Namespace) -> dict[str, object]:
    """Ask all four questions; see the functions for what each answers.

    Returns
    -------
    sweep, drift, optimisers, escape, summary
        See the functions of these names.
    l1, hidden, dim, batch, steps_per_epoch, held_out, frames, train_frames
        What it was asked of.
    """
    every, kept = found.table.rows("train"), found.chosen("train")
    split = sae_training.hold_out(found.rows, kept, found.table.rows("test"), given.seed)
    batch = stacked.scaled_batch(given.batch, int(kept.sum()), int(every.sum()))
    dim = found.latents.shape[1]
    settings = Settings(given.factor * dim, given.l1, given.epochs, batch, given.learning_rate, given.seed)
    steps = int(np.ceil(int(split.train.sum()) / batch))
    points = sweep(found.latents, split, settings)
    drifting = drift(found.latents, split, replace(settings, epochs=given.long), steps)
    return {
        "sweep": points, "drift": drifting, "optimisers": optimisers(found.latents, split, settings),
        "escape": escape(found.sae, found.latents, split.test), "summary": summary(points, drifting),
        "l1": given.l1, "hidden": settings.hidden, "dim": dim, "batch": batch, "steps_per_epoch": steps,
        "held_out": split.held_out, "frames": int(every.sum()), "train_frames": int(kept.sum()),
    }


def main() -> None:
    """Read the command line, train and measure, write results/evidence/loss/CODEC.json."""
    parser = argparse.ArgumentParser(prog="python -m audiosae.evidence.loss", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec")
    parser.add_argument("--factor", type=int, default=4, help="hidden size over latent size")
    parser.add_argument("--l1", type=float, default=0.05, help="λ of the long training and of the optimisers")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--long", type=int, default=40, help="epochs of the long training")
    parser.add_argument("--batch", type=int, default=1024, help="frames, if all training frames were used")
    parser.add_argument("--learning_rate", type=float, default=0.001, help="of the variants and the long training")
    parser.add_argument("--few_frames", type=int, default=8000, help="most training frames")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = material.load(given.codec, given.few_frames, given.seed)
    found.write("loss", measure(found, given), vars(given))


if __name__ == "__main__":
    report(main)
