"""Baselines for probing: does the SAE make a property readable, or would any layer of its width, or none at all, do as well?

The same probe is fitted on four inputs (see `probes.representations`), on a control task (`probes.control_task`), and with few inputs a
class (`probes.sparse`). Each figure is a mean over test frames with an interval over recordings; differences are taken frame by frame
first, so that a hard recording is hard for both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from audiosae import probes
from audiosae.audio import labels
from audiosae.evidence.material import Material
from audiosae.probes import control_task, representations, sparse
from audiosae.probes.representations import COMPONENTS, FEATURES, NAMES, RAW
from audiosae.stats import bootstrap

SPARSE = (1, 4, 16)
"""Inputs that each class of a sparse probe may read."""

UNITS = {"pitch": "semitones", "amplitude": "dB", "timbre": "Hz"}
"""Of the mean error."""


@dataclass(frozen=True)
class Fits:
    """How probes are fitted: weight decays to choose from, steps of L-BFGS for each, and the weight decay of sparse probes."""

    penalties: list[float]
    iterations: int
    sparse_penalty: float


def over_recordings(name: str, values: np.ndarray, pieces: np.ndarray, seed: int, interval: str = "ci95") -> dict[str, Any]:
    """Mean of one number a frame under a name, and its interval over recordings under another; None from a single recording.

    Parameters
    ----------
    values
        Such as whether a frame is classified correctly, or how much that differs between two probes [frames].
    pieces
        The recording of each frame.
    seed
        Of the bootstrap.
    """
    found = bootstrap.over_recordings(values, pieces, seed)
    return {name: found.mean, interval: found.ci95 if found.recordings > 1 else None}


def natural(prop: str, edges: np.ndarray) -> np.ndarray:
    """The centre of each class in the unit of errors: semitones, dB or Hz [classes]."""
    centres = labels.centres(edges)
    return 20 * np.log10(centres) if prop == "amplitude" else centres


def scores(predicted: np.ndarray, truth: np.ndarray, values: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any]:
    """accuracy, within_one (class of the truth) and mean_error of a probe, with intervals; `values` are from `natural` [classes]."""
    return {
        **over_recordings("accuracy", predicted == truth, pieces, seed),
        **over_recordings("within_one", np.abs(predicted - truth) <= 1, pieces, seed, "within_one_ci95"),
        **over_recordings("mean_error", np.abs(values[predicted] - values[truth]), pieces, seed, "mean_error_ci95"),
    }


def by_part(hits: dict[str, np.ndarray], parts: np.ndarray, pieces: np.ndarray, names: list[str], seed: int) -> dict[str, Any]:
    """Accuracy of SAE features and of raw latents within each part of the corpus.

    Parameters
    ----------
    hits
        By input, whether each test frame is classified correctly [frames].
    parts, pieces
        The part and the recording of each.
    names
        Of the parts; one that has no test frame is listed with null scores.
    seed
        Of the bootstrap.

    Returns
    -------
    By part: sae, raw (each accuracy and ci95), recordings, frames.
    """
    found = {}
    for name in names:
        here = parts == name
        both = {
            key: over_recordings("accuracy", hits[read][here], pieces[here], seed) if here.any() else None
            for key, read in (("sae", FEATURES), ("raw", RAW))
        }
        found[name] = {**both, "recordings": int(len(np.unique(pieces[here]))), "frames": int(here.sum())}
    return found


def property_figures(
    material: Material, prop: str, readers: dict[str, representations.Reader], types: np.ndarray, fits: Fits, bar: tqdm
) -> dict[str, Any]:
    """All figures of one property.

    Parameters
    ----------
    material, prop
        The codec's, and which.
    readers
        From `representations.readers`.
    types
        Of the control task, one a frame of the table.
    fits
        How to fit probes.
    bar
        Advances once an input.
    """
    seed, classes, label = material.seed, material.classes(prop), material.label(prop)
    train, test = material.chosen("train", prop), material.chosen("test", prop)
    learnt, random = label[train], control_task.labels(types, label[train], classes, seed)
    (used, real), (_, fake) = material.task(prop), material.task(prop, random)
    latents, values = material.latents[used], natural(prop, material.table.edges[prop])
    found: dict[str, Any] = {
        **probes.baselines(learnt, real.truth, classes),
        "unit": UNITS[prop],
        "frames": {"train": len(learnt), "test": len(real.truth)},
        "recordings": int(len(np.unique(real.pieces))),
        "control_majority": probes.baselines(random[train], fake.truth, classes)["majority"],
        **{key: {} for key in ("inputs", "difference", "control", "sparse")},
    }
    hits: dict[str, np.ndarray] = {}
    for name, reader in readers.items():
        with torch.no_grad():
            x = reader(latents)
        probe, predicted, _ = probes.fit_and_score(x, real, fits.penalties, fits.iterations, seed)
        hits[name] = predicted == real.truth
        shape = {"size": x.shape[1], "penalty": probe.penalty}
        found["inputs"][name] = scores(predicted, real.truth, values, real.pieces, seed) | shape
        if name != FEATURES:
            gain = hits[FEATURES].astype(float) - hits[name]
            found["difference"][name] = over_recordings("difference", gain, real.pieces, seed)
        if name != COMPONENTS:  # they hold what raw latents hold
            memorised = probes.fit_and_score(x, fake, fits.penalties, fits.iterations, seed).predicted == fake.truth
            selectivity = over_recordings("selectivity", hits[name].astype(float) - memorised, real.pieces, seed)
            found["control"][name] = {"accuracy": float(memorised.mean()), **selectivity}
        found["sparse"][name] = {}
        for n in SPARSE:
            few = sparse.fit(x, real.train, n, fits.sparse_penalty, fits.iterations).predict(x)[real.row] == real.truth
            found["sparse"][name][str(n)] = over_recordings("accuracy", few, real.pieces, seed)
        bar.update()
    counts = real.train.cpu().numpy()
    found["ceiling"] = probes.ceiling(counts, real.row, real.truth, real.pieces, seed) if material.rows.few else None
    parts = material.table.table["part"].astype(str)
    found["parts"] = by_part(hits, parts[test].to_numpy(), real.pieces, sorted(parts.unique()), seed)
    return found


def run(codec: str, penalties: list[float], iterations: int, sparse_penalty: float, cells: int, few_frames: int, seed: int) -> None:
    """Fit everything, and write results/evidence/baselines/CODEC.json: properties, types and sae.

    Parameters
    ----------
    codec
        Name of one that sections 1 to 3 have been run for.
    penalties, iterations
        Weight decays to choose from, and steps of L-BFGS for each.
    sparse_penalty
        Weight decay of the sparse probes.
    cells
        Of k-means, for the control task where frames do not repeat.
    few_frames
        Most training frames, where frames do not repeat.
    seed
        Of all draws.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    train = material.latents[material.at_rows(material.chosen("train"))]
    types = material.rows.of_frame
    if not material.rows.few:
        seen, every = (material.sae.normalised(x).cpu().numpy() for x in (train, material.latents))
        types = control_task.cells(seen, every, cells, seed)[types]
    readers = representations.readers(material.sae, train, seed)
    fits = Fits(penalties, iterations, sparse_penalty)
    with tqdm(total=len(labels.PROPERTIES) * len(NAMES), desc=f"probing {codec}", unit="input") as bar:
        properties = {prop: property_figures(material, prop, readers, types, fits, bar) for prop in labels.PROPERTIES}
    kind = "codes" if material.rows.few else "k-means cells"
    figures = {"properties": properties, "types": {"kind": kind, "count": int(types.max()) + 1}, "sae": material.sae_settings()}
    material.write("baselines", figures, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
