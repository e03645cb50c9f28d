"""The paper's grid of widths and λ (sections 2 and 3): how well each SAE reconstructs, how sparse it is, and what a probe reads from it.

So that a small computer sees all points, training frames are thinned (see `Material.thinned_training`) and each probe has one penalty and
few iterations: the point that section 2 chose comes out slightly different.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from audiosae import engine, probes
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence.material import Material, load
from audiosae.evidence.paper import RANGES
from audiosae.files import results, resume
from audiosae.sae import training, variants
from audiosae.sae.training import GRIDS, Settings
from audiosae.sae.variants import PAPER, VariantAutoencoder


def widths(dim: int, largest: int) -> list[tuple[int, int]]:
    """The paper's widths as (hidden over latent size, hidden), up to `largest` features; a `ParameterError` if even the first has more."""
    kept = [(factor, factor * dim) for factor in GRIDS["paper"][0] if factor * dim <= largest]
    if not kept:
        raise ParameterError(f"largest = {largest} leaves no width: the narrowest has {GRIDS['paper'][0][0] * dim} features.")
    return kept


def ranges(points: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Lowest and highest value over the points of each figure; a property stands for the accuracy of its probe."""
    values = [point | {prop: score["accuracy"] for prop, score in point["accuracy"].items()} for point in points]
    names = ("sparsity", "l0", "dead", "fvu", "fvu_test", "scale", *labels.PROPERTIES)
    return {name: [min(point[name] for point in values), max(point[name] for point in values)] for name in names}


def beside_paper(paper: dict[str, list[float]], ours: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """The paper's range and ours, for each figure of which the paper gives one, and whether they overlap."""
    return {
        name: {"paper": theirs, "ours": ours[name], "overlap": max(theirs[0], ours[name][0]) <= min(theirs[1], ours[name][1])}
        for name, theirs in paper.items()
    }


def point(codec: str, few_frames: int, factor: int, settings: Settings, penalty: float, iterations: int, project: Path) -> dict[str, Any]:
    """One autoencoder with its probes: factor, hidden, l1, the figures of `variants.measure`, and accuracy with ci95 by property.

    It is kept in .resume when it is done, so that a run that was stopped goes on from there.
    """
    material = load(codec, few_frames, settings.seed, project)
    kept = project / resume.FOLDER / "grid" / f"{codec}-{settings.hidden}-{settings.l1:g}.json"
    parameters = {**asdict(settings), "few_frames": few_frames, "penalty": penalty, "iterations": iterations}
    made = results.provenance(material.inputs, parameters, "audiosae.evidence.grid")
    if not results.current(kept, made):
        split, batch, _ = material.thinned_training(settings.batch)
        build = partial(VariantAutoencoder, variant=PAPER, strength=settings.l1)
        sae, _ = training.train(material.latents, replace(settings, batch=batch), split.train, build=build)
        accuracy = {}
        for prop in labels.PROPERTIES:
            used, task = material.task(prop)
            with torch.no_grad():
                x = sae.encode(material.latents[used])
            found = probes.fit_and_score(x, task, [penalty], iterations, settings.seed).scores
            accuracy[prop] = {name: found[name] for name in ("accuracy", "ci95")}
        measured = variants.measure(cast(VariantAutoencoder, sae), material.latents, split)
        figures = {"factor": factor, "hidden": settings.hidden, "l1": settings.l1, **measured, "accuracy": accuracy}
        results.write(kept, {"point": figures, "provenance": made})
    return results.read(kept)["point"]


def run(
    codec: str, largest: int, epochs: int, batch: int, learning_rate: float, few_frames: int, penalty: float, iterations: int, seed: int
) -> None:
    """Train and probe every point of the grid, and write results/evidence/grid/CODEC.json.

    It holds points (factor, hidden, l1, the figures of `variants.measure`, and accuracy with ci95 by property), majority (accuracy of the
    majority class by property), ranges, beside_paper, and sizes.

    Points are computed side by side (see `engine`), and kept: a run that was stopped goes on.

    Parameters
    ----------
    largest, few_frames
        Most features of an SAE (256 times the latent is the whole of `training.GRIDS["paper"]`), and most training frames.
    epochs, batch, learning_rate
        As in section 2; the batch in frames, if all training frames were used.
    penalty, iterations
        Weight decay of the probes, and steps of L-BFGS.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    sizes = material.thinned_training(batch)[2]
    pieces = {
        f"{hidden} features, λ {l1:g}": (
            codec,
            few_frames,
            factor,
            Settings(hidden, l1, epochs, batch, learning_rate, seed),
            penalty,
            iterations,
            Path.cwd(),
        )
        for factor, hidden in widths(material.latents.shape[1], largest)
        for l1 in GRIDS["paper"][1]
    }
    points = list(engine.each(point, pieces, f"{codec}: grid", "point").values())
    tasks = {prop: material.task(prop) for prop in labels.PROPERTIES}
    ours = ranges(points)
    figures = {
        "points": points,
        "majority": {prop: float((task.truth == int(task.train.sum(dim=0).argmax())).mean()) for prop, (_, task) in tasks.items()},
        "ranges": ours,
        "beside_paper": beside_paper(RANGES.get(codec, {}), ours),
        "test_recordings": len(np.unique(material.pieces(material.table.rows("test")))),
    }
    material.write("grid", figures | sizes, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
