"""Are the features real? Whether they come back from another seed, keep to their names, and serve one property each.

    python -m audiosae.evidence.features CODEC [--few_frames 15000] [--seeds 3] [--permutations 3999] [--halves 3] …

Three questions, of which each has a module: `agreement` of SAEs that differ in their seed, `monosemantic` features by what they do on
test recordings, and `disentanglement` and completeness. The last two are asked of the SAE's features and of codes that could take
their place (see `inputs`).
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from audiosae import labels
from audiosae.errors import report
from audiosae.evidence import agreement, disentanglement, monosemantic, naming
from audiosae.evidence import inputs as probe_inputs
from audiosae.evidence.inputs import FEATURES, RAW, UNTRAINED
from audiosae.evidence.material import Material, load
from audiosae.probes import Probe
from audiosae.sae_training import Settings

SELECTIONS = ("probe", "auroc")
"""How a feature is chosen for a class in training: what it adds to the probe's score, as the paper names features; or by the AUROC
itself, which is the best that a single feature can be hoped to do."""

TESTED = (FEATURES, UNTRAINED, RAW)
"""Codes whose single features are tested."""


def tests(
    material: Material, codes: dict[str, torch.Tensor], fitted: dict[str, dict[str, Probe]], top: int, permutations: int
) -> dict[str, Any]:
    """`monosemantic.measure` for each code and both selections.

    Parameters
    ----------
    material
        Frames and labels.
    codes, fitted
        Inputs [rows, features] and their probes, by name. Raw latents are taken with both signs: a dimension that is low for a class
        speaks for it as well as one that is high.
    top
        Largest number of features to test.
    permutations
        Of the test.

    Returns
    -------
    By selection and code, its summary; for other codes also by how much their median AUROC is `behind` the SAE's, with behind_ci95 from
    the same resamples of recordings. Beside them `whole_probe`, the same figures of the probability that the SAE's probe gives to each
    class, all its features together; `features`, by selection, the SAE's features one by one; and `classes`, by property, those that
    could be tested.
    """
    frames = {split: {prop: naming.labelled(material, split, prop) for prop in labels.PROPERTIES} for split in ("train", "test")}
    classes = {prop: naming.testable(frames["train"][prop], frames["test"][prop]) for prop in labels.PROPERTIES}
    found: dict[str, Any] = {name: {} for name in SELECTIONS}
    features, resampled = {}, {}
    every = [(prop, k) for prop in labels.PROPERTIES for k in classes[prop]]
    for name, code in tqdm(codes.items(), desc="testing features", unit="code"):
        x, own = code.cpu().numpy(), fitted[name]
        if name == RAW:
            x = np.concatenate([x, -x], axis=1)
            own = {prop: Probe(torch.cat([p.weight, -p.weight], dim=1), p.bias, p.penalty) for prop, p in own.items()}
        for selection in SELECTIONS:
            strength = np.concatenate([
                naming.contributions(own[prop], x, frames["train"][prop], classes[prop]) if selection == "probe"
                else naming.aurocs(x, frames["train"][prop], classes[prop])
                for prop in labels.PROPERTIES if classes[prop]
            ])
            named = naming.choose(strength, every, top)
            found[selection][name], rows, resampled[selection, name] = monosemantic.measure(
                x, named, frames["test"], permutations, material.seed
            )
            if name == FEATURES:
                features[selection] = rows
    said = [fitted[FEATURES][prop].logits(codes[FEATURES]).softmax(dim=1).cpu().numpy() for prop in labels.PROPERTIES]
    first = dict(zip(labels.PROPERTIES, np.cumsum([0] + [p.shape[1] for p in said])))
    whole, *_ = monosemantic.measure(
        np.concatenate(said, axis=1), [naming.Named(int(first[prop]) + k, prop, k) for prop, k in every[:top]], frames["test"],
        permutations, material.seed,
    )
    for selection, of in found.items():
        for name in codes:
            if name != FEATURES:
                apart = resampled[selection, FEATURES] - resampled[selection, name]
                of[name] |= {"behind": of[FEATURES]["median_auroc"] - of[name]["median_auroc"],
                             "behind_ci95": [float(v) for v in np.percentile(apart, [2.5, 97.5])]}
    for row in (row for rows in features.values() for row in rows):
        row["name"] = labels.class_name(row["property"], row["class"], material.table.edges[row["property"]])
    return {**found, "whole_probe": whole, "features": features, "classes": classes}


@torch.no_grad()
def encode(material: Material) -> dict[str, torch.Tensor]:
    """The four codes of every row, by name: [rows, features]."""
    train = torch.from_numpy(material.rows.of_frame[material.chosen("train")]).to(material.device)
    readers = probe_inputs.readers(material.sae, material.latents[train], material.seed)
    return {name: read(material.latents) for name, read in readers.items()}


def measure(material: Material, settings: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one codec."""
    saes, split = agreement.train(material, settings, given.seeds)
    agree, returns = agreement.measure(saes, material, split)
    codes, frames = encode(material), disentanglement.training(material)
    fitted, whole, parts = {}, {}, {}
    bar = tqdm(total=len(codes) * (1 + given.halves), desc="fitting probes", unit="code")
    for name, x in codes.items():
        fitted[name] = disentanglement.fit(material, x, frames, dict.fromkeys(frames, given.penalties), given.iterations)
        chosen = {prop: [probe.penalty] for prop, probe in fitted[name].items()}
        whole[name] = disentanglement.measure(material, x, fitted[name], frames)
        bar.update()
        parts[name] = []
        for half in disentanglement.halves(material, given.halves):
            again = disentanglement.fit(material, x, half, chosen, given.iterations)
            parts[name].append(disentanglement.measure(material, x, again, half))
            bar.update()
    bar.close()
    # The book names the SAE's features by the probes of section 3, so it is these that are put to the test.
    named = tests(
        material, {name: codes[name] for name in TESTED}, {**fitted, FEATURES: material.fitted}, given.top, given.permutations
    )
    for rows in named["features"].values():
        for row in rows:
            cosine = returns[row["feature"]]
            row["cosine"] = float(cosine) if np.isfinite(cosine) else None
    return {
        "agreement": agree,
        "monosemantic": named,
        "disentanglement": {name: disentanglement.with_range(whole[name], parts[name]) for name in codes},
    }


def main() -> None:
    """Measure, and write JSON."""
    parser = argparse.ArgumentParser(prog="audiosae.evidence.features", description=__doc__, allow_abbrev=False)
    parser.add_argument("codec")
    parser.add_argument("--few_frames", type=int, default=15000, help="training frames to look at, at most")
    parser.add_argument("--l1", type=float, default=0.05, help="λ; this and the next three as in section 2")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1024, help="frames")
    parser.add_argument("--learning_rate", type=float, default=0.001)
    parser.add_argument("--seeds", type=int, default=3, help="SAEs that differ in their seed, that of section 2 among them")
    parser.add_argument("--penalties", type=float, nargs="+", default=[1e-5, 1e-3], help="of the probes")
    parser.add_argument("--iterations", type=int, default=30, help="of the probes")
    parser.add_argument("--halves", type=int, default=3, help="refits on halves of the recordings")
    parser.add_argument("--top", type=int, default=60, help="features to test, at most")
    parser.add_argument("--permutations", type=int, default=3999)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    material = load(given.codec, given.few_frames, given.seed)
    settings = Settings(material.sae.hidden, given.l1, given.epochs, given.batch, given.learning_rate, given.seed)
    with threadpool_limits(1, user_api="blas"):  # sums that several threads share may come out differently from run to run
        figures = measure(material, settings, given)
    print(material.write("features", figures, vars(given)))


if __name__ == "__main__":
    report(main)
