"""The paper's grid of widths and λ (sections 2 and 3): how well each SAE reconstructs, how sparse it is, and what a probe reads from it.

So that a small computer sees all points, training frames are thinned (see `Material.thinned_training`) and each probe has one penalty and
few iterations: the point that section 2 chose comes out slightly different.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from audiosae import probes
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence.material import Material
from audiosae.evidence.paper import RANGES
from audiosae.sae import stacked, variants
from audiosae.sae.training import GRIDS, Settings


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


def run(
    codec: str, largest: int, epochs: int, batch: int, learning_rate: float, few_frames: int, penalty: float, iterations: int, seed: int
) -> None:
    """Train and probe every point of the grid, and write results/evidence/grid/CODEC.json.

    It holds points (factor, hidden, l1, the figures of `variants.measure`, and accuracy with ci95 by property), majority (accuracy of the
    majority class by property), ranges, beside_paper, and sizes.

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
    split, batch, sizes = material.thinned_training(batch)
    tasks = {prop: material.task(prop) for prop in labels.PROPERTIES}
    strengths, points = GRIDS["paper"][1], []
    for factor, hidden in tqdm(widths(material.latents.shape[1], largest), desc=f"{codec}: grid", unit="width"):
        settings = Settings(hidden, strengths[0], epochs, batch, learning_rate, seed)
        for l1, sae in zip(strengths, stacked.train(material.latents, settings, strengths, split.train)):
            accuracy = {}
            for prop, (used, task) in tasks.items():
                with torch.no_grad():
                    x = sae.encode(material.latents[used])
                found = probes.fit_and_score(x, task, [penalty], iterations, seed).scores
                accuracy[prop] = {name: found[name] for name in ("accuracy", "ci95")}
            measured = variants.measure(sae, material.latents, split)
            points.append({"factor": factor, "hidden": hidden, "l1": l1, **measured, "accuracy": accuracy})
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
