"""Training sparse autoencoders: a grid of widths and penalties, several seeds, and a k-sparse one (the paper's sections 3.1 and 4.1).

    python -m audiosae.sections.sae_training --codec encodec --grid small --factor 8 --l1 0.05 --k 32 --seeds 5 --epochs 20 …

Writes checkpoints/sae/CODEC.safetensors and its k-sparse like, which all later sections use (see `sae.reference`), the tables of the page, and
results/sae_training/CODEC.json. An autoencoder that was imported takes the place of the paper's.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from audiosae import engine
from audiosae.files import determinism, results, whole
from audiosae.frames import unique
from audiosae.probes import seeds as members
from audiosae.sae import SparseAutoencoder, reference, training
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.training import Settings


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
        first = "imported" if self.figures["imported"] else "the paper's"
        for title, found in ((first, self.figures), ("k-sparse", self.figures["k_sparse"])):
            spread = pd.DataFrame(found["seeds"])
            rows[title, "in use"] = pd.Series(found["chosen"])[spread.columns]
            rows[title, "lowest of the seeds"], rows[title, "highest of the seeds"] = spread.min(), spread.max()
        return pd.DataFrame(rows).T


def run(
    codec: str, grid: str, factor: int, l1: float, k: int, seeds: int, epochs: int, batch: int, learning_rate: float, seed: int,
    precision: str, project: Path = Path("."),
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
    epochs, batch, learning_rate, seed, precision
        See `training.Settings`; the k-sparse one is trained in float32.
    project
        The project's folder.
    """
    parameters = {option: value for option, value in locals().items() if option != "project"}
    project = project.resolve()  # workers may be elsewhere
    source, folder = project / f"data/frames/{codec}", project / f"data/sae_training/{codec}"
    curves_file = folder / "curves.csv"
    target = project / f"results/sae_training/{codec}.json"
    shipped = {f"weights/shipped_{kind}": reference.shipped(codec, "sae", kind, project) for kind in reference.KINDS}
    read = {"data/frames": source, **{name: path for name, path in shipped.items() if path.is_file()}}
    if (given := reference.imported(codec, project)).is_file():
        read["weights/imported"] = given
    made = results.provenance(read, parameters, "audiosae.sections.sae_training")
    written = [reference.in_use(codec, "sae", kind, project) for kind in reference.KINDS]
    seeds = seeds if "weights/imported" not in read else 1  # of one that was trained elsewhere there is no other
    written += [members.places(codec, number, project)[0] for number in range(seeds)]
    if not results.current(target, made, curves_file, *written):
        device = determinism.prepare(seed)
        table, rows = unique.load(source, made["inputs"]["data/frames"])
        split = training.hold_out(rows, table.rows("train"), table.rows("test"), seed)
        dim, states = table.latents.shape[1], project / ".resume/sae_training" / codec
        settings = Settings(factor * dim, l1, epochs, batch, learning_rate, seed, precision)
        named = {f"factor {times}, λ {penalty:g}": (times, penalty) for times, penalty in training.grid(grid, factor, l1)}
        others = [f"seed {seed + number}" for number in range(1, seeds)]
        own = {"paper": [f"factor {factor}, λ {l1:g}", *others], "k_sparse": ["k-sparse"]}
        keep = {name: members.places(codec, number, project)[0] for number, name in enumerate(own["paper"])}
        keep["k-sparse"] = folder / "k_sparse.safetensors"
        asked = {name: replace(settings, hidden=times * dim, l1=penalty) for name, (times, penalty) in named.items()}
        asked |= {name: replace(settings, seed=seed + number) for number, name in enumerate(others, 1)} | {"k-sparse": settings}
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's weights
        pieces = {
            name: (source, seed, what, k if name == "k-sparse" else None, keep.get(name), states, made) for name, what in asked.items()
        }
        trained = engine.each(train_one, pieces, f"{codec}: autoencoders", "training")
        points, curves = [], []
        for name, (times, penalty) in named.items():
            curve, measured = trained[name]
            points.append({"factor": times, "hidden": times * dim, "l1": penalty, **measured})
            curves.append(curve.assign(hidden=times * dim, l1=penalty))
        found = {}
        for kind, names in own.items():
            of = reference.made_of(codec, table.weights, settings, k if kind == "k_sparse" else None, project)
            cls, place = reference.KINDS[kind], reference.in_use(codec, "sae", kind, project)
            came, ships = kind == "paper" and "weights/imported" in read, False
            if came:
                reference.load(given).save(place, {**made, "of": {"imported": made["inputs"]["weights/imported"]}})
                shutil.copyfile(place, keep[names[0]])
            elif not (ships := reference.settle(codec, "sae", kind, of, project)):
                cls.load(keep[names[0]]).save(place, {**made, "of": of})
            used = reference.load(place).to(device)
            measured = training.measure(used, rows.latents.to(device), split)
            chosen = {"hidden": used.hidden, **measured}
            each = [measured] if came else [trained[name][1] for name in names]
            spread = {name: [one[name] for one in each] for name in measured}
            found[kind] = {"chosen": chosen, "seeds": spread, "shipped": ships, "imported": came}
        found["paper"]["chosen"] |= {"l1": None if found["paper"]["imported"] else l1}
        found["k_sparse"]["chosen"] |= {"k": k}
        whole.write(curves_file, pd.concat(curves).to_csv(index=False))
        counts = {"train": table.rows("train").sum(), "test": split.test.sum(), "unseen": split.unseen.sum(), "dim": dim}
        told = {"held_out": split.held_out, "distinct_frames": rows.distinct, "frames": len(table.latents)}
        told["counts"] = {of: int(count) for of, count in counts.items()}
        results.write(target, {**found["paper"], "k_sparse": found["k_sparse"], "grid": points, **told, "provenance": made})
        shutil.rmtree(states)
    figures = results.read(target)
    grid_points = pd.DataFrame(figures["grid"])
    row = grid_points[(grid_points["factor"] == factor) & (grid_points["l1"] == l1)].iloc[0]
    return Training(figures, grid_points, row, pd.read_csv(curves_file))


def train_one(
    source: Path, split_seed: int, settings: Settings, k: int | None, path: Path | None, states: Path, made: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, float]]:  # fmt: skip
    """Train one autoencoder on a table of frames, and keep it where a path is given: its curve, and what `training.measure` finds."""
    table, rows = unique.load(source, made["inputs"]["data/frames"])
    split = training.hold_out(rows, table.rows("train"), table.rows("test"), split_seed)
    latents = rows.latents.to(determinism.device())
    build = SparseAutoencoder if k is None else partial(KSparseAutoencoder, k=k)
    sae, curve = training.train(latents, settings, split.train, states, build)
    if path is not None:
        sae.save(path, made)
    return curve, training.measure(sae, latents, split)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
