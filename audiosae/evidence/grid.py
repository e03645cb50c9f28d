"""The paper's grid of widths and λ (sections 2 and 3): what each point rebuilds, how sparse it is, and what a probe reads from it.

    python -m audiosae.evidence.grid CODEC [--largest 2048] ...

The grid is that of `sae_training.GRIDS["paper"]`, without the widths above `largest` features; the largest of the whole grid is 256 times
the latent. Two things are less thorough than in sections 2 and 3, so that all points are seen on a small computer: SAEs and probes learn
from at most `few_frames` training frames, with as many steps an epoch as all of them would take, and each probe has one penalty and fewer
iterations. So the point that section 2 chose comes out a little different here.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from tqdm.auto import tqdm

from audiosae import labels, probes, sae_training
from audiosae.errors import ParameterError, report
from audiosae.evidence import material, stacked, variants
from audiosae.evidence.material import Material
from audiosae.sae_training import GRIDS, Settings

PAPER = {
    "diffrhythm-vae": {"sparsity": [0.65, 0.98], "pitch": [0.75, 0.87], "amplitude": [0.17, 0.40], "timbre": [0.17, 0.35]},
    "wavtokenizer": {"sparsity": [0.993, 0.999], "pitch": [0.75, 0.82], "amplitude": [0.17, 0.30], "timbre": [0.17, 0.25]},
    "encodec": {"sparsity": [0.55, 0.95], "pitch": [0.78, 0.87], "amplitude": [0.56, 0.63], "timbre": [0.30, 0.46]},
}
"""Lowest and highest value over the grid as Paek et al. (2025, arXiv 2510.23802v1) report them; pitch, amplitude and timbre are accuracies."""


def widths(dim: int, largest: int) -> list[tuple[int, int]]:
    """The paper's widths as (hidden over latent size, hidden), those of at most `largest` features.

    Raises
    ------
    ParameterError
        If even the narrowest has more.
    """
    kept = [(factor, factor * dim) for factor in GRIDS["paper"][0] if factor * dim <= largest]
    if not kept:
        raise ParameterError(f"largest = {largest} leaves no width: the narrowest has {GRIDS['paper'][0][0] * dim} features.")
    return kept


@dataclass(frozen=True)
class Task:
    """What a probe of one property needs.

    Attributes
    ----------
    rows
        Which rows of latents are looked at [used].
    train, validation
        How many frames each of them stands for, by class [used, classes].
    at
        Which of them each test frame is [frames].
    truth, pieces
        Class and recording of each test frame [frames].
    """

    rows: torch.Tensor
    train: torch.Tensor
    validation: torch.Tensor
    at: np.ndarray
    truth: np.ndarray
    pieces: np.ndarray

    def score(self, inputs: torch.Tensor, penalty: float, iterations: int, seed: int) -> dict[str, object]:
        """Fit on inputs [used, size] and score on test frames: accuracy and ci95, see `probes.score`."""
        probe = probes.fit(inputs, self.train, self.validation, [penalty], iterations)
        found = probes.score(probe.predict(inputs)[self.at], self.truth, self.pieces, seed)
        return {name: found[name] for name in ("accuracy", "ci95")}


def task(found: Material, prop: str) -> Task:
    """The task of one property on a codec's frames."""
    where = {split: found.chosen(split, prop) for split in ("train", "validation", "test")}
    label, classes, of_frame = found.label(prop), found.classes(prop), found.rows.of_frame
    used = np.unique(of_frame[np.any(list(where.values()), axis=0)])
    train, validation = (found.histogram(where[split], label, classes)[used] for split in ("train", "validation"))
    return Task(torch.from_numpy(used), train, validation, np.searchsorted(used, of_frame[where["test"]]), label[where["test"]],
                found.pieces(where["test"]))


def ranges(points: list[dict]) -> dict[str, list[float]]:
    """Lowest and highest value over the points of each figure; a property stands for the accuracy of its probe."""
    names = ("sparsity", "l0", "dead", "fvu", "fvu_test", "scale")
    values = {name: [point[name] for point in points] for name in names}
    values |= {prop: [point["accuracy"][prop]["accuracy"] for point in points] for prop in labels.PROPERTIES}
    return {name: [min(found), max(found)] for name, found in values.items()}


def beside(paper: dict[str, list[float]], ours: dict[str, list[float]]) -> dict[str, dict[str, object]]:
    """The paper's range and ours, for each figure of which the paper gives one, and whether they overlap."""
    return {name: {"paper": theirs, "ours": ours[name], "overlap": max(theirs[0], ours[name][0]) <= min(theirs[1], ours[name][1])}
            for name, theirs in paper.items()}


def wider_is_better(points: list[dict], name: str) -> float | None:
    """Share of λ at which a figure falls with each step of width; None if there is one width."""
    by_l1: dict[float, list[float]] = {}
    for point in sorted(points, key=lambda point: point["hidden"]):
        by_l1.setdefault(point["l1"], []).append(point[name])
    falls = [bool(np.all(np.diff(values) < 0)) for values in by_l1.values()]
    return float(np.mean(falls)) if all(len(values) > 1 for values in by_l1.values()) else None


def measure(found: Material, given: argparse.Namespace) -> dict[str, object]:
    """Train and probe every point; see the head of this module for what is saved.

    Returns
    -------
    points
        factor, hidden, l1, the figures of `variants.measure`, and accuracy: {property: {accuracy, ci95}}.
    majority
        {property: accuracy of always saying the commonest training class}.
    ranges, beside_paper, wider_is_better
        See the functions; the last for the FVU of what was held out and of all test frames.
    held_out, frames, train_frames, test_recordings, dim
        What was held out for the FVU, and sizes.
    """
    every, kept = found.table.rows("train"), found.chosen("train")
    split = sae_training.hold_out(found.rows, kept, found.table.rows("test"), given.seed)
    batch = stacked.scaled_batch(given.batch, int(kept.sum()), int(every.sum()))
    tasks = {prop: task(found, prop) for prop in labels.PROPERTIES}
    penalties, dim, points = GRIDS["paper"][1], found.latents.shape[1], []
    sizes = widths(dim, given.largest)
    progress = tqdm(total=len(sizes) * len(penalties), desc=f"{found.codec}: grid", unit="point")
    for factor, hidden in sizes:
        settings = Settings(hidden, penalties[0], given.epochs, batch, given.learning_rate, given.seed)
        for l1, sae in zip(penalties, stacked.train(found.latents, settings, penalties, split.train)):
            with torch.no_grad():
                scores = {prop: work.score(sae.encode(found.latents[work.rows]), given.penalty, given.iterations, given.seed)
                          for prop, work in tasks.items()}
            points.append({"factor": factor, "hidden": hidden, "l1": l1, **variants.measure(sae, found.latents, split),
                           "accuracy": scores})
            progress.update()
    progress.close()
    ours = ranges(points)
    return {
        "points": points,
        "majority": {prop: float((work.truth == int(work.train.sum(dim=0).argmax())).mean()) for prop, work in tasks.items()},
        "ranges": ours,
        "beside_paper": beside(PAPER.get(found.codec, {}), ours),
        "wider_is_better": {name: wider_is_better(points, name) for name in ("fvu", "fvu_test")},
        "held_out": split.held_out, "dim": dim, "frames": int(every.sum()), "train_frames": int(kept.sum()),
        "test_recordings": len(np.unique(found.pieces(found.table.rows("test")))),
    }


def main() -> None:
    """Read the command line, go through the grid, write results/evidence/grid/CODEC.json."""
    parser = argparse.ArgumentParser(prog="python -m audiosae.evidence.grid", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec")
    parser.add_argument("--largest", type=int, default=2048, help="most features of an SAE; 256 times the latent is the whole grid")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1024, help="frames, if all training frames were used")
    parser.add_argument("--learning_rate", type=float, default=0.001)
    parser.add_argument("--few_frames", type=int, default=15000, help="most training frames, for SAEs and for probes")
    parser.add_argument("--penalty", type=float, default=0.00001, help="factor of ½‖W‖² of the probes")
    parser.add_argument("--iterations", type=int, default=40, help="of L-BFGS")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = material.load(given.codec, given.few_frames, given.seed)
    found.write("grid", measure(found, given), vars(given))


if __name__ == "__main__":
    report(main)
