"""Baselines for probing: does the SAE make a property readable, or would any layer of its width, or none at all, do as well?

The same probe is fitted on several inputs (`probes.representations`), on a control task, and with few inputs a class. Differences are taken
frame by frame before the interval over recordings, so that a hard recording is hard for both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from audiosae import probes
from audiosae.audio import labels
from audiosae.evidence.material import Material
from audiosae.probes import control_task, representations, sparse
from audiosae.probes.representations import COMPONENTS, FEATURES, RAW
from audiosae.stats import bootstrap

SPARSE = (1, 4, 16)
"""Inputs that each class of a sparse probe may read."""

UNITS = {"pitch": "semitones", "amplitude": "dB", "timbre": "Hz"}
"""Of the mean error."""


def over_recordings(name: str, values: np.ndarray, pieces: np.ndarray, seed: int, interval: str = "ci95") -> dict[str, Any]:
    """Mean of one number a frame under a name, and its interval over the frames' recordings under another; None from a single recording."""
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


def by_recording(hits: np.ndarray, pieces: np.ndarray) -> dict[str, list[int]]:
    """[frames classified correctly, frames] of each recording, from one truth value a frame, so that codecs can be paired by recording."""
    names, index = np.unique(pieces, return_inverse=True)
    right, frames = np.bincount(index, weights=hits), np.bincount(index)
    return {name: [int(count) for count in counts] for name, *counts in zip(names, right, frames)}


def behind_pitch(right: dict[str, np.ndarray], pieces: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """Accuracy of pitch minus that of each other property, on the frames that have both; `right` as of `property_figures`, by property."""
    found = {}
    for prop in right.keys() - {"pitch"}:
        gap = right["pitch"] - right[prop]
        both = np.isfinite(gap)
        found[prop] = over_recordings("difference", gap[both], pieces[both], seed) | {"frames": int(both.sum())}
    return found


def by_part(hits: dict[str, np.ndarray], parts: np.ndarray, pieces: np.ndarray, names: list[str], seed: int) -> dict[str, Any]:
    """By part of the corpus: recordings, frames, and accuracy of `sae` and `raw` from hits by input [test frames]; null without frames."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        here = parts == name
        found[name] = {"recordings": len(np.unique(pieces[here])), "frames": int(here.sum())}
        for key, read in (("sae", FEATURES), ("raw", RAW)):
            found[name][key] = over_recordings("accuracy", hits[read][here], pieces[here], seed) if here.any() else None
    return found


def property_figures(
    material: Material, prop: str, readers: dict[str, representations.Reader], types: np.ndarray, penalties: list[float], iterations: int,
    sparse_penalty: float,
) -> tuple[dict[str, Any], np.ndarray]:  # fmt: skip
    """All figures of one property, given the type of each frame for the control task [frames].

    Beside them, whether each frame is classified correctly from SAE features, NaN where it is not tested [frames].
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
        "recordings": len(np.unique(real.pieces)),
        "control_majority": probes.baselines(random[train], fake.truth, classes)["majority"],
        **{key: {} for key in ("inputs", "difference", "control", "sparse")},
    }
    hits: dict[str, np.ndarray] = {}
    for name, reader in tqdm(readers.items(), desc=f"probing {prop}", unit="input"):
        with torch.no_grad():
            x = reader(latents)
        probe, predicted, _ = probes.fit_and_score(x, real, penalties, iterations, seed)
        hits[name] = predicted == real.truth
        shape = {"size": x.shape[1], "penalty": probe.penalty}
        found["inputs"][name] = scores(predicted, real.truth, values, real.pieces, seed) | shape
        if name != FEATURES:
            gain = hits[FEATURES].astype(float) - hits[name]
            found["difference"][name] = over_recordings("difference", gain, real.pieces, seed)
        if name != COMPONENTS:  # they hold what raw latents hold
            memorised = probes.fit_and_score(x, fake, penalties, iterations, seed).predicted == fake.truth
            selectivity = over_recordings("selectivity", hits[name].astype(float) - memorised, real.pieces, seed)
            found["control"][name] = {"accuracy": float(memorised.mean()), **selectivity}
        found["sparse"][name] = {}
        for n in SPARSE:
            few = sparse.fit(x, real.train, n, sparse_penalty, iterations).predict(x)[real.row] == real.truth
            found["sparse"][name][str(n)] = over_recordings("accuracy", few, real.pieces, seed)
    counts = real.train.cpu().numpy()
    found["ceiling"] = probes.ceiling(counts, real.row, real.truth, real.pieces, seed) if material.rows.few else None
    parts = material.table.table["part"].astype(str)
    found["parts"] = by_part(hits, parts[test].to_numpy(), real.pieces, sorted(parts.unique()), seed)
    found["by_recording"] = by_recording(hits[FEATURES], real.pieces)
    right = np.full(len(label), np.nan)
    right[test] = hits[FEATURES]
    return found, right


def run(codec: str, penalties: list[float], iterations: int, sparse_penalty: float, cells: int, few_frames: int, seed: int) -> None:
    """Fit everything, and write results/evidence/baselines/CODEC.json: properties, types and sae.

    Parameters
    ----------
    penalties, iterations, sparse_penalty
        Weight decays to choose from, and steps of L-BFGS for each; weight decay of the sparse probes.
    cells, few_frames
        Cells of k-means for the control task, and most training frames, where frames do not repeat.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    train = material.latents[material.at_rows(material.chosen("train"))]
    types, kind = material.rows.of_frame, "codes"
    if not material.rows.few:
        seen, every = (material.sae.normalised(x).cpu().numpy() for x in (train, material.latents))
        types, kind = control_task.cells(seen, every, cells, seed)[types], "k-means cells"
    readers = representations.readers(material.sae, material.k_sparse, train, seed)
    properties, right = {}, {}
    for prop in labels.PROPERTIES:
        properties[prop], right[prop] = property_figures(material, prop, readers, types, penalties, iterations, sparse_penalty)
    for prop, behind in behind_pitch(right, material.table.table["piece"].astype(str).to_numpy(), seed).items():
        properties[prop]["behind_pitch"] = behind
    figures = {"properties": properties, "types": {"kind": kind, "count": int(types.max()) + 1}, "sae": material.sae_settings()}
    material.write("baselines", figures, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
