"""Training sparse autoencoders over a grid of widths and penalties, for one codec (the paper's sections 3.1 and 4.1).

    python -m audiosae.sections.sae_training --codec encodec --grid small --factor 8 --l1 0.05 --epochs 20 …

Writes checkpoints/sae/CODEC.safetensors, the tables of the page, and results/sae_training/CODEC.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from audiosae import frames
from audiosae.files import determinism, results, whole
from audiosae.frames import unique
from audiosae.sae import training


@dataclass(frozen=True)
class Training:
    """What the page shows.

    Attributes
    ----------
    figures
        As in results/sae_training/CODEC.json.
    points
        One row a grid point: factor, hidden, l1, and what `training.measure` found on test recordings.
    chosen
        The row that later sections use.
    curves
        One row a grid point and epoch: hidden, l1, epoch, and both terms of the loss.
    counts
        How many frames there are: train, test, unseen, and dim, the numbers in each.
    """

    figures: dict[str, Any]
    points: pd.DataFrame
    chosen: pd.Series
    curves: pd.DataFrame
    counts: pd.Series


def run(
    codec: str, grid: str, factor: int, l1: float, epochs: int, batch: int, learning_rate: float, seed: int, project: Path = Path(".")
) -> Training:
    """Train a grid of autoencoders, or read what was computed with these parameters, inputs and code.

    Parameters
    ----------
    grid
        See `training.grid`.
    factor, l1
        The grid point that later sections use: hidden size over latent size, and λ.
    epochs, batch, learning_rate, seed
        See `training.Settings`.
    project
        The project's folder.
    """
    source, folder = project / f"data/frames/{codec}.arrow", project / f"data/sae_training/{codec}"
    curves_file, counts_file = folder / "curves.csv", folder / "counts.csv"
    target, checkpoint = project / f"results/sae_training/{codec}.json", project / f"checkpoints/sae/{codec}.safetensors"
    parameters = dict(codec=codec, grid=grid, factor=factor, l1=l1, epochs=epochs, batch=batch, learning_rate=learning_rate, seed=seed)
    made = results.provenance({"data/frames": source}, parameters, "audiosae.sections.sae_training")
    if not results.current(target, made, curves_file, counts_file, checkpoint):
        device = determinism.prepare(seed)
        table = frames.load(source)
        rows = unique.find(table.latents)
        split = training.hold_out(rows, table.rows("train"), table.rows("test"), seed)
        latents = torch.from_numpy(rows.latents).to(device)
        dim = latents.shape[1]
        curves, points = [], []
        for k, penalty in training.grid(grid, factor, l1):
            settings = training.Settings(k * dim, penalty, epochs, batch, learning_rate, seed)
            sae, curve = training.train(latents, settings, split.train, states=project / ".resume")
            curves.append(curve.assign(hidden=k * dim, l1=penalty))
            points.append({"factor": k, "hidden": k * dim, "l1": penalty, **training.measure(sae, latents, split)})
            if (k, penalty) == (factor, l1):
                chosen, used = points[-1], sae
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's weights
        used.cpu().save(checkpoint, made)
        whole.write(curves_file, pd.concat(curves).to_csv(index=False))
        counts = {"train": table.rows("train").sum(), "test": split.test.sum(), "unseen": split.unseen.sum(), "dim": dim}
        whole.write(counts_file, pd.Series({of: int(count) for of, count in counts.items()}, name="frames").to_csv(index_label="of"))
        results.write(target, {
            "chosen": {name: value for name, value in chosen.items() if name != "factor"},
            "grid": points,
            "held_out": split.held_out,
            "distinct_frames": rows.distinct,
            "frames": len(table.latents),
            "provenance": made,
        })  # fmt: skip
    figures = results.read(target)
    grid_points = pd.DataFrame(figures["grid"])
    row = grid_points[(grid_points["factor"] == factor) & (grid_points["l1"] == l1)].iloc[0]
    return Training(figures, grid_points, row, pd.read_csv(curves_file), pd.read_csv(counts_file, index_col="of")["frames"])


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
