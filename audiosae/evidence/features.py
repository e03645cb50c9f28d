"""Are the features real? Whether another seed finds them again (`seed_stability`), they fire for their class (`monosemantic`), and they
serve one property each (`disentanglement`), beside representations that could take their place (`probes.representations`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from audiosae.audio import labels
from audiosae.evidence import disentanglement, monosemantic, seed_stability
from audiosae.evidence.material import Material
from audiosae.evidence.monosemantic import Labelled, Named
from audiosae.probes import Probe, representations
from audiosae.probes import seeds as members
from audiosae.probes.representations import FEATURES, K_SPARSE, RAW, UNTRAINED
from audiosae.sae import training
from audiosae.sae.training import Settings
from audiosae.stats import bootstrap

SELECTIONS = ("probe", "auroc")
"""How a feature is chosen for a class in training: by what it adds to the probe's score, as the paper names features; or by its AUROC,
the best that a single feature can be hoped to do."""

TESTED = (FEATURES, K_SPARSE, UNTRAINED, RAW)
"""Codes whose single features are tested."""


def labelled(material: Material, split: str, prop: str) -> Labelled:
    """The frames of a split that a property is known for; of training frames no more than the material allows."""
    chosen = material.chosen(split, prop)
    return Labelled(material.rows.of_frame[chosen], material.label(prop)[chosen], material.pieces(chosen))


def confirm_names(
    material: Material, codes: dict[str, torch.Tensor], fitted: dict[str, dict[str, Probe]], top: int, permutations: int
) -> dict[str, Any]:
    """`monosemantic.confirm` for codes [rows, features] with their probes; raw latents with both signs, since low ones tell a class too.

    Returns
    -------
    By selection and code, its summary; for other codes also by how much their median AUROC is `behind` the SAE's, with behind_ci95 from
    the same resamples. Beside them `whole_probe`, the same figures of the probability that the SAE's probe gives to each class;
    `features`, by selection, the SAE's features one by one; and `classes`, by property, those that could be tested.
    """
    train, test = ({prop: labelled(material, split, prop) for prop in labels.PROPERTIES} for split in ("train", "test"))
    classes = {prop: monosemantic.testable(train[prop], test[prop]) for prop in labels.PROPERTIES}
    every = [(prop, k) for prop, ks in classes.items() for k in ks]
    found: dict[str, Any] = {name: {} for name in SELECTIONS}
    features, resampled = {}, {}
    for name, code in tqdm(codes.items(), desc="testing features", unit="code"):
        x, own = code.cpu().numpy(), fitted[name]
        if name == RAW:
            x = np.concatenate([x, -x], axis=1)
            own = {prop: Probe(torch.cat([p.weight, -p.weight], dim=1), p.bias, p.penalty) for prop, p in own.items()}
        for selection in SELECTIONS:
            aurocs = selection == "auroc"
            strengths = [
                monosemantic.aurocs(x, train[prop], ks) if aurocs else monosemantic.contributions(own[prop], x, train[prop], ks)
                for prop, ks in classes.items()
                if ks
            ]
            named = monosemantic.choose(np.concatenate(strengths), every, top)
            summary, rows, drawn = monosemantic.confirm(x, named, test, permutations, material.seed)
            found[selection][name], resampled[selection, name] = summary, drawn
            if name == FEATURES:
                for row in rows:
                    row["name"] = labels.class_name(row["property"], row["class"], material.table.edges[row["property"]])
                features[selection] = rows
            else:
                summary["behind"] = found[selection][FEATURES]["median_auroc"] - summary["median_auroc"]
                summary["behind_ci95"] = bootstrap.interval(resampled[selection, FEATURES] - drawn)
    said = [fitted[FEATURES][prop].logits(codes[FEATURES]).softmax(dim=1).cpu().numpy() for prop in labels.PROPERTIES]
    first = dict(zip(labels.PROPERTIES, np.cumsum([0] + [p.shape[1] for p in said]).tolist()))
    named = [Named(first[prop] + k, prop, k) for prop, k in every[:top]]
    whole, *_ = monosemantic.confirm(np.concatenate(said, axis=1), named, test, permutations, material.seed)
    return {**found, "whole_probe": whole, "features": features, "classes": classes}


def run(
    codec: str, epochs: int, batch: int, learning_rate: float, seeds: int, penalties: list[float], iterations: int, halves: int, top: int,
    permutations: int, few_frames: int, seed: int,
) -> None:  # fmt: skip
    """Ask all three questions, and write results/evidence/features/CODEC.json: agreement, monosemantic and disentanglement.

    Parameters
    ----------
    epochs, batch, learning_rate, seeds
        Of the k-sparse SAEs, as in section 2, whose is the first, and how many are compared; of the paper's kind, those of section 2 are.
    penalties, iterations, halves
        Of the probes, and how many refits on halves of the recordings.
    top, permutations, few_frames
        Most features to test, permutations of the test, and most training frames to look at.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    settings = Settings(material.k_sparse.hidden, 0.0, epochs, batch, learning_rate, seed)
    with threadpool_limits(1, user_api="blas"):  # sums that several threads share may come out differently from run to run
        split = training.hold_out(material.rows, material.table.rows("train"), material.table.rows("test"), seed)
        agreement, returns = seed_stability.stability([member.sae for member in members.load(codec)], material, split)
        sparse = seed_stability.train_seeds(material, settings, seeds)
        agreement["k_sparse"], _ = seed_stability.stability(sparse, material, split)
        train = material.latents[material.at_rows(material.chosen("train"))]
        readers = representations.readers(material.sae, material.k_sparse, train, seed)
        with torch.no_grad():
            codes = {name: read(material.latents) for name, read in readers.items()}
        fitted, dci = {}, {}
        for name, x in tqdm(codes.items(), desc="fitting probes", unit="code"):
            fitted[name], dci[name] = disentanglement.measure(material, x, penalties, iterations, halves)
        # The book names the SAE's features by the probes of section 3, so it is these that are put to the test.
        tested = confirm_names(material, {name: codes[name] for name in TESTED}, {**fitted, FEATURES: material.fitted}, top, permutations)
    for row in (row for rows in tested["features"].values() for row in rows):
        cosine = returns[row["feature"]]
        row["cosine"] = float(cosine) if np.isfinite(cosine) else None
    figures = {"agreement": agreement, "monosemantic": tested, "disentanglement": dci, "sae": material.sae_settings()}
    material.write("features", figures, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
