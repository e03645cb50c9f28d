"""Baselines for probing: is it the SAE that names a property, or would anything of its width, or of none, do as well?

    python -m audiosae.evidence.baselines CODEC [--few_frames 12000] [--penalties …] [--iterations 50] [--cells 512] [--seed 0]

The same probe is fitted on four inputs (see `inputs`), on a control task (`control`), and with few inputs a class
(`sparse_probe`). Each figure is a mean over test frames with an interval over recordings; differences are taken frame by frame
first, so that a hard recording is hard for both sides.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from audiosae import checkpoint, intervals, labels, probes, sae
from audiosae.errors import report
from audiosae.evidence import control, sparse_probe
from audiosae.evidence import inputs as probe_inputs
from audiosae.evidence.inputs import COMPONENTS, FEATURES, NAMES, RAW
from audiosae.evidence.material import Material, load
from audiosae.probes import Probe

SPARSE = (1, 4, 16)
"""Inputs that each class of a sparse probe may read."""

UNITS = {"pitch": "semitones", "amplitude": "dB", "timbre": "Hz"}
"""Of the mean error."""


@dataclass(frozen=True)
class Sample:
    """The frames of one task, cut to the rows that any of them needs.

    Attributes
    ----------
    latents
        [rows, dim].
    train, validation
        How many frames each row stands for, by class [rows, classes].
    row
        The row of each test frame.
    truth
        Its class.
    pieces, parts
        Its recording, and the part of the corpus that this is of.
    """

    latents: torch.Tensor
    train: torch.Tensor
    validation: torch.Tensor
    row: np.ndarray
    truth: np.ndarray
    pieces: np.ndarray
    parts: np.ndarray


def sample(material: Material, prop: str, label: np.ndarray) -> Sample:
    """The frames that can be used for a property, with its own classes or with others.

    Parameters
    ----------
    material
        See `material`.
    prop
        Decides which frames are taken, and how many classes there are.
    label
        The class of every frame [frames].
    """
    train, validation, test = (material.chosen(split, prop) for split in ("train", "validation", "test"))
    used = material.rows.counts(train | validation | test) > 0
    place = np.cumsum(used) - 1
    counts = [material.histogram(where, label, material.classes(prop))[torch.from_numpy(used)] for where in (train, validation)]
    return Sample(
        material.latents[torch.from_numpy(used)], *counts, place[material.rows.of_frame[test]], label[test],
        material.pieces(test), material.table.table.loc[test, "part"].astype(str).to_numpy(),
    )


def over_recordings(values: np.ndarray, pieces: np.ndarray, seed: int) -> tuple[float, list[float] | None]:
    """Mean of one number a frame, with an interval over recordings.

    Parameters
    ----------
    values
        Such as whether a frame is named rightly, or how much that differs between two probes [frames].
    pieces
        The recording of each frame.
    seed
        Of the bootstrap.

    Returns
    -------
    mean
        Over frames.
    ci95
        [low, high]; None from a single recording, which says nothing of others.
    """
    _, index = np.unique(pieces, return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    return float(np.mean(values)), intervals.ratio(sums, counts, seed) if len(counts) > 1 else None


def natural(prop: str, edges: np.ndarray) -> np.ndarray:
    """The centre of each class in a unit that says how far off a wrong one is: semitones, dB or Hz [classes]."""
    centres = labels.centres(edges)
    return 20 * np.log10(centres) if prop == "amplitude" else centres


def scores(predicted: np.ndarray, truth: np.ndarray, values: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any]:
    """How often a probe is right, how often nearly, and how far off it is.

    Parameters
    ----------
    predicted, truth
        Classes [frames].
    values
        What each class stands for, from `natural` [classes].
    pieces, seed
        See `over_recordings`.

    Returns
    -------
    accuracy, ci95, within_one, within_one_ci95, mean_error, mean_error_ci95.
    """
    found: dict[str, Any] = {}
    for name, interval, value in (
        ("accuracy", "ci95", predicted == truth),
        ("within_one", "within_one_ci95", np.abs(predicted - truth) <= 1),
        ("mean_error", "mean_error_ci95", np.abs(values[predicted] - values[truth])),
    ):
        found[name], found[interval] = over_recordings(value, pieces, seed)
    return found


def parts(hits: dict[str, np.ndarray], of_frame: np.ndarray, pieces: np.ndarray, names: list[str], seed: int) -> dict[str, Any]:
    """Accuracy of SAE features and of raw latents within each part of the corpus.

    Parameters
    ----------
    hits
        By input, whether each test frame is named rightly [frames].
    of_frame
        The part of each.
    pieces, seed
        See `over_recordings`.
    names
        Of the parts; one that has no test frame is listed with null scores.

    Returns
    -------
    By part: sae, raw (each accuracy and ci95), recordings, frames.
    """
    found = {}
    for name in names:
        here = of_frame == name
        both = {}
        for key, read in (("sae", FEATURES), ("raw", RAW)):
            value = over_recordings(hits[read][here], pieces[here], seed) if here.any() else None
            both[key] = None if value is None else dict(zip(("accuracy", "ci95"), value))
        found[name] = {**both, "recordings": int(len(np.unique(pieces[here]))), "frames": int(here.sum())}
    return found


def property_figures(
    material: Material, prop: str, readers: dict[str, probe_inputs.Reader], types: np.ndarray, given: argparse.Namespace, bar: tqdm
) -> dict[str, Any]:
    """All that is asked of one property; see the module.

    Parameters
    ----------
    material, prop
        The codec's, and which.
    readers
        From `inputs.readers`.
    types
        Of the control task, one a frame of the table.
    given
        penalties, iterations, sparse_penalty, seed.
    bar
        Steps once an input.
    """
    seed, classes, label = given.seed, material.classes(prop), material.label(prop)
    train = material.chosen("train", prop)
    learnt, by_lot = label[train], control.labels(types, label[train], classes, seed)
    real, fake = sample(material, prop, label), sample(material, prop, by_lot)
    values = natural(prop, material.table.edges[prop])
    found: dict[str, Any] = {
        **probes.baselines(learnt, real.truth, classes), "unit": UNITS[prop],
        "frames": {"train": len(learnt), "test": len(real.truth)}, "recordings": int(len(np.unique(real.pieces))),
        "control_majority": probes.baselines(by_lot[train], fake.truth, classes)["majority"],
        "inputs": {}, "difference": {}, "control": {}, "sparse": {},
    }
    hits: dict[str, np.ndarray] = {}
    for name, reader in readers.items():
        with torch.no_grad():
            x = reader(real.latents)

        def named(probe: Probe, x: torch.Tensor = x) -> np.ndarray:
            return probe.predict(x)[real.row]

        probe = probes.fit(x, real.train, real.validation, given.penalties, given.iterations)
        predicted = named(probe)
        hits[name] = predicted == real.truth
        found["inputs"][name] = {
            **scores(predicted, real.truth, values, real.pieces, seed), "size": x.shape[1], "penalty": probe.penalty,
        }
        if name != FEATURES:
            gained = over_recordings(hits[FEATURES].astype(float) - hits[name], real.pieces, seed)
            found["difference"][name] = dict(zip(("difference", "ci95"), gained))
        if name != COMPONENTS:  # they hold what raw latents hold
            by_heart = named(probes.fit(x, fake.train, fake.validation, given.penalties, given.iterations)) == fake.truth
            selectivity = over_recordings(hits[name].astype(float) - by_heart, real.pieces, seed)
            found["control"][name] = {
                "accuracy": float(by_heart.mean()), **dict(zip(("selectivity", "ci95"), selectivity)),
            }
        found["sparse"][name] = {}
        for n in SPARSE:
            few = named(sparse_probe.fit(x, real.train, n, given.sparse_penalty, given.iterations)) == real.truth
            found["sparse"][name][str(n)] = dict(zip(("accuracy", "ci95"), over_recordings(few, real.pieces, seed)))
        bar.update()
    counts = real.train.cpu().numpy()
    found["ceiling"] = probes.ceiling(counts, real.row, real.truth, real.pieces, seed) if material.rows.few else None
    names = sorted(material.table.table["part"].astype(str).unique())
    found["parts"] = parts(hits, real.parts, real.pieces, names, seed)
    return found


def main() -> None:
    """Read the arguments, fit everything, and write results/evidence/baselines/CODEC.json."""
    parser = argparse.ArgumentParser(prog="audiosae.evidence.baselines", description=__doc__, allow_abbrev=False)
    parser.add_argument("codec")
    parser.add_argument("--few_frames", type=int, default=12000, help="training frames at most, where frames do not repeat")
    parser.add_argument("--penalties", type=float, nargs="+", default=[1e-6, 3e-5, 1e-3], help="weight decays to choose from")
    parser.add_argument("--iterations", type=int, default=50, help="of L-BFGS for each")
    parser.add_argument("--sparse_penalty", type=float, default=1e-6, help="weight decay of the sparse probes")
    parser.add_argument("--cells", type=int, default=512, help="of k-means, for the control task where frames do not repeat")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    material = load(given.codec, given.few_frames, given.seed)
    train = material.latents[torch.from_numpy(material.rows.of_frame[material.chosen("train")])]
    if material.rows.few:
        types = material.rows.of_frame
    else:
        seen, every = (material.sae.normalised(x).cpu().numpy() for x in (train, material.latents))
        types = control.cells(seen, every, given.cells, given.seed)[material.rows.of_frame]
    readers = probe_inputs.readers(material.sae, train, given.seed)
    with tqdm(total=len(labels.PROPERTIES) * len(NAMES), desc=f"probing {given.codec}", unit="input") as bar:
        properties = {prop: property_figures(material, prop, readers, types, given, bar) for prop in labels.PROPERTIES}
    _, header = checkpoint.load(material.inputs["weights/sae"], sae.KIND)
    material.write("baselines", {
        "properties": properties, "types": {"kind": "codes" if material.rows.few else "k-means cells", "count": int(types.max()) + 1},
        "sae": {"dim": material.sae.dim, "hidden": material.sae.hidden, "l1": header["provenance"]["parameters"]["l1"]},
    }, vars(given))


if __name__ == "__main__":
    report(main)
