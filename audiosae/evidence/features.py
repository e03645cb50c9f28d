"""Are the features real? Whether another seed finds them again, they fire for their class, and they serve one property each.

Each of the three questions has a module: `seed_stability`, `monosemantic` (with `naming`), and `disentanglement`. The last two are asked
of the SAE's features and of representations that could take their place (see `probes.representations`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from audiosae.audio import labels
from audiosae.evidence import disentanglement, monosemantic, naming, seed_stability
from audiosae.evidence.material import Material
from audiosae.probes import Probe, representations
from audiosae.probes.representations import FEATURES, RAW, UNTRAINED
from audiosae.sae.training import Settings
from audiosae.stats import bootstrap

SELECTIONS = ("probe", "auroc")
"""How a feature is chosen for a class in training: by what it adds to the probe's score, as the paper names features; or by its AUROC,
the best that a single feature can be hoped to do."""

TESTED = (FEATURES, UNTRAINED, RAW)
"""Codes whose single features are tested."""


def confirm_names(
    material: Material, codes: dict[str, torch.Tensor], fitted: dict[str, dict[str, Probe]], top: int, permutations: int
) -> dict[str, Any]:
    """`monosemantic.confirm` for each code and both selections.

    Parameters
    ----------
    material
        Frames and labels.
    codes, fitted
        Inputs [rows, features] and their probes, by name. Raw latents are taken with both signs: a dimension that is low for a class
        indicates it as well as one that is high.
    top, permutations
        Most features to test, and permutations of the test.

    Returns
    -------
    By selection and code, its summary; for other codes also by how much their median AUROC is `behind` the SAE's, with behind_ci95 from
    the same resamples. Beside them `whole_probe`, the same figures of the probability that the SAE's probe gives to each class;
    `features`, by selection, the SAE's features one by one; and `classes`, by property, those that could be tested.
    """
    frames = {split: {prop: naming.labelled(material, split, prop) for prop in labels.PROPERTIES} for split in ("train", "test")}
    classes = {prop: naming.testable(frames["train"][prop], frames["test"][prop]) for prop in labels.PROPERTIES}
    every = [(prop, k) for prop in labels.PROPERTIES for k in classes[prop]]
    found: dict[str, Any] = {name: {} for name in SELECTIONS}
    features, resampled = {}, {}
    for name, code in tqdm(codes.items(), desc="testing features", unit="code"):
        x, own = code.cpu().numpy(), fitted[name]
        if name == RAW:
            x = np.concatenate([x, -x], axis=1)
            own = {prop: Probe(torch.cat([p.weight, -p.weight], dim=1), p.bias, p.penalty) for prop, p in own.items()}
        for selection in SELECTIONS:
            strength = np.concatenate(
                [
                    naming.contributions(own[prop], x, frames["train"][prop], classes[prop])
                    if selection == "probe"
                    else naming.aurocs(x, frames["train"][prop], classes[prop])
                    for prop in labels.PROPERTIES
                    if classes[prop]
                ]
            )
            named = naming.choose(strength, every, top)
            found[selection][name], rows, resampled[selection, name] = monosemantic.confirm(
                x, named, frames["test"], permutations, material.seed
            )
            if name == FEATURES:
                features[selection] = rows
    said = [fitted[FEATURES][prop].logits(codes[FEATURES]).softmax(dim=1).cpu().numpy() for prop in labels.PROPERTIES]
    first = dict(zip(labels.PROPERTIES, np.cumsum([0] + [p.shape[1] for p in said])))
    named = [naming.Named(int(first[prop]) + k, prop, k) for prop, k in every[:top]]
    whole, *_ = monosemantic.confirm(np.concatenate(said, axis=1), named, frames["test"], permutations, material.seed)
    for selection, of in found.items():
        for name in codes:
            if name != FEATURES:
                apart = resampled[selection, FEATURES] - resampled[selection, name]
                of[name] |= {"behind": of[FEATURES]["median_auroc"] - of[name]["median_auroc"], "behind_ci95": bootstrap.interval(apart)}
    for row in (row for rows in features.values() for row in rows):
        row["name"] = labels.class_name(row["property"], row["class"], material.table.edges[row["property"]])
    return {**found, "whole_probe": whole, "features": features, "classes": classes}


def run(
    codec: str, l1: float, epochs: int, batch: int, learning_rate: float, seeds: int, penalties: list[float], iterations: int, halves: int,
    top: int, permutations: int, few_frames: int, seed: int,
) -> None:  # fmt: skip
    """Ask all three questions, and write results/evidence/features/CODEC.json: agreement, monosemantic and disentanglement.

    Parameters
    ----------
    codec
        Name of one that sections 1 to 3 have been run for.
    l1, epochs, batch, learning_rate
        As in section 2, whose SAE is the first of the seeds.
    seeds
        SAEs that differ in their seed.
    penalties, iterations
        Of the probes.
    halves
        Refits on halves of the recordings.
    top
        Most features to test.
    permutations
        Of the test.
    few_frames
        Most training frames to look at.
    seed
        Of all draws, and of the first SAE.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    settings = Settings(material.sae.hidden, l1, epochs, batch, learning_rate, seed)
    with threadpool_limits(1, user_api="blas"):  # sums that several threads share may come out differently from run to run
        saes, split = seed_stability.train_seeds(material, settings, seeds)
        agreement, returns = seed_stability.stability(saes, material, split)
        readers = representations.readers(material.sae, material.latents[material.at_rows(material.chosen("train"))], seed)
        with torch.no_grad():
            codes = {name: read(material.latents) for name, read in readers.items()}
        frames = disentanglement.training_frames(material)
        fitted, dci = {}, {}
        with tqdm(total=len(codes) * (1 + halves), desc="fitting probes", unit="code") as bar:
            for name, x in codes.items():
                fitted[name] = disentanglement.fit(material, x, frames, dict.fromkeys(frames, penalties), iterations)
                whole = disentanglement.dci(material, x, fitted[name], frames)
                bar.update()
                chosen, parts = {prop: [probe.penalty] for prop, probe in fitted[name].items()}, []
                for half in disentanglement.halves(material, halves):
                    again = disentanglement.fit(material, x, half, chosen, iterations)
                    parts.append(disentanglement.dci(material, x, again, half))
                    bar.update()
                dci[name] = disentanglement.with_range(whole, parts)
        # The book names the SAE's features by the probes of section 3, so it is these that are put to the test.
        tested = confirm_names(material, {name: codes[name] for name in TESTED}, {**fitted, FEATURES: material.fitted}, top, permutations)
    for row in (row for rows in tested["features"].values() for row in rows):
        cosine = returns[row["feature"]]
        row["cosine"] = float(cosine) if np.isfinite(cosine) else None
    material.write("features", {"agreement": agreement, "monosemantic": tested, "disentanglement": dci}, parameters)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
