"""Training sparse autoencoders: a grid of widths and penalties, several seeds, and a k-sparse one (the paper's sections 3.1 and 4.1).

    python -m audiosae.sections.sae_training --codec encodec --grid small --factor 8 --l1 0.05 --k 32 --seeds 5 --epochs 20 …

Writes checkpoints/sae/CODEC.safetensors and its k-sparse like, which all later sections use (see `sae.reference`), the tables of the page, and
results/sae_training/CODEC.json.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from audiosae import frames
from audiosae.files import determinism, results, whole
from audiosae.frames import unique
from audiosae.probes import seeds as members
from audiosae.sae import SparseAutoencoder, reference, training
from audiosae.sae.training import Settings, Split


@dataclass(frozen=True)
class Training:
    """What the page shows."""

    figures: dict[str, Any]  # as in results/sae_training/CODEC.json
    points: pd.DataFrame  # one row a grid point: factor, hidden, l1, and what `training.measure` found on test recordings
    chosen: pd.Series  # the row that later sections use
    curves: pd.DataFrame  # one row a grid point and epoch: hidden, l1, epoch, and both terms of the loss

    def kinds(self) -> pd.DataFrame:
        """The autoencoders in use, and the lowest and highest figure over the seeds trained here: a row a kind and which."""
        rows = {}
        for title, found in (("the paper's", self.figures), ("k-sparse", self.figures["k_sparse"])):
            spread = pd.DataFrame(found["seeds"])
            rows[title, "in use"] = pd.Series(found["chosen"])[spread.columns]
            rows[title, "lowest of the seeds"], rows[title, "highest of the seeds"] = spread.min(), spread.max()
        return pd.DataFrame(rows).T


def run(
    codec: str, grid: str, factor: int, l1: float, k: int, seeds: int, epochs: int, batch: int, learning_rate: float, seed: int,
    project: Path = Path("."),
) -> Training:  # fmt: skip
    """Train, or read what was computed with these parameters, inputs and code.

    Parameters
    ----------
    grid
        See `training.grid`.
    factor, l1
        The grid point that later sections use: hidden size over latent size, and λ.
    k
        Active features a frame of the k-sparse autoencoder, which is as wide.
    seeds
        How often that point is trained, from `seed` on; the k-sparse one is trained once.
    epochs, batch, learning_rate, seed
        See `training.Settings`.
    project
        The project's folder.
    """
    parameters = {option: value for option, value in locals().items() if option != "project"}
    source, folder = project / f"data/frames/{codec}.arrow", project / f"data/sae_training/{codec}"
    curves_file = folder / "curves.csv"
    target = project / f"results/sae_training/{codec}.json"
    shipped = {f"weights/shipped_{kind}": reference.shipped(codec, "sae", kind, project) for kind in reference.KINDS}
    read = {"data/frames": source, **{name: path for name, path in shipped.items() if path.is_file()}}
    made = results.provenance(read, parameters, "audiosae.sections.sae_training")
    written = [reference.in_use(codec, "sae", kind, project) for kind in reference.KINDS]
    written += [members.places(codec, number, project)[0] for number in range(seeds)]
    if not results.current(target, made, curves_file, *written):
        device = determinism.prepare(seed)
        table = frames.load(source)
        rows = unique.find(table.latents)
        split = training.hold_out(rows, table.rows("train"), table.rows("test"), seed)
        latents = torch.from_numpy(rows.latents).to(device)
        dim, states = latents.shape[1], project / ".resume"
        settings = Settings(factor * dim, l1, epochs, batch, learning_rate, seed)
        curves, points = [], []
        own: dict[str, list[SparseAutoencoder]] = {kind: [] for kind in reference.KINDS}
        for times, penalty in training.grid(grid, factor, l1):
            sae, curve = training.train(latents, replace(settings, hidden=times * dim, l1=penalty), split.train, states)
            curves.append(curve.assign(hidden=times * dim, l1=penalty))
            points.append({"factor": times, "hidden": times * dim, "l1": penalty, **training.measure(sae, latents, split)})
            own["paper"] += [sae] if (times, penalty) == (factor, l1) else []
        for number in range(1, seeds):
            own["paper"].append(training.train(latents, replace(settings, seed=seed + number), split.train, states)[0])
        own["k_sparse"].append(training.train(latents, settings, split.train, states, k)[0])
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's weights
        for number, sae in enumerate(own["paper"]):
            sae.save(members.places(codec, number, project)[0], made)
        found = {}
        for kind, trained in own.items():
            of = reference.made_of(codec, table.weights, settings, k if kind == "k_sparse" else None, project)
            ships = reference.settle(codec, "sae", kind, of, partial(trained[0].save, provenance={**made, "of": of}), project)
            found[kind] = {**_figures(codec, kind, trained, latents, split, project), "shipped": ships}
        found["paper"]["chosen"] |= {"l1": l1}
        found["k_sparse"]["chosen"] |= {"k": k}
        whole.write(curves_file, pd.concat(curves).to_csv(index=False))
        counts = {"train": table.rows("train").sum(), "test": split.test.sum(), "unseen": split.unseen.sum(), "dim": dim}
        told = {"held_out": split.held_out, "distinct_frames": rows.distinct, "frames": len(table.latents)}
        told["counts"] = {of: int(count) for of, count in counts.items()}
        results.write(target, {**found["paper"], "k_sparse": found["k_sparse"], "grid": points, **told, "provenance": made})
    figures = results.read(target)
    grid_points = pd.DataFrame(figures["grid"])
    row = grid_points[(grid_points["factor"] == factor) & (grid_points["l1"] == l1)].iloc[0]
    return Training(figures, grid_points, row, pd.read_csv(curves_file))


def _figures(codec: str, kind: str, trained: list[SparseAutoencoder], latents: torch.Tensor, split: Split, project: Path) -> dict[str, Any]:
    """What `training.measure` finds of the autoencoder in use, and of those that were trained here."""
    used = reference.KINDS[kind].load(reference.in_use(codec, "sae", kind, project)).to(latents.device)
    measured = [training.measure(sae, latents, split) for sae in trained]
    spread = {name: [one[name] for one in measured] for name in measured[0]}
    return {"chosen": {"hidden": used.hidden, **training.measure(used, latents, split)}, "seeds": spread}


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
