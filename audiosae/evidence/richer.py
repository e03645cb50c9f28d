"""Which properties, beyond the paper's three, a linear probe reads from a frame.

Every property in `properties` is treated as in the paper's section 3: measured, binned into classes, probed on training recordings, scored
on test recordings, from SAE features, raw latents and the features of an untrained SAE of the same shape. Properties differ in their
number of classes and their majority class, so accuracies do not compare; *skill* does:

    skill = (accuracy − majority) / (1 − majority)

is 0 for the majority-class baseline and 1 for a probe that is always right. Its interval resamples recordings, accuracy and majority
together. A property is *linearly there* if the lower end of the interval for SAE features is above 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, corpus, probes
from audiosae.audio import labels
from audiosae.errors import CorpusError
from audiosae.evidence.material import Material
from audiosae.evidence.properties import PROPERTIES, Clip, Property
from audiosae.frames import Frames
from audiosae.probes.representations import FEATURES, RAW, UNTRAINED, untrained
from audiosae.stats import bootstrap

INPUTS = (FEATURES, RAW, UNTRAINED)


def clips(frames: Frames, manifest: pd.DataFrame) -> Iterator[Clip]:
    """The clips behind a table of frames, in its order, with a progress bar; a `CorpusError` if the manifest lacks one."""
    rows = {row.clip: row for row in manifest.itertuples(index=False)}
    for name, table in tqdm(frames.table.groupby("clip", sort=False, observed=True), desc="measuring", unit="clip"):
        if name not in rows:
            raise CorpusError(f"the corpus has no clip {name}, which the table of frames has; run the extraction again.")
        mono = audio.mono_mix(*audio.read(rows[name].file))
        yield Clip(mono, labels.frame_times(len(table), frames.frame_rate), table, rows[name])


def measure_clips(frames: Frames, manifest: pd.DataFrame, properties: dict[str, Property]) -> dict[str, np.ndarray]:
    """Measure every property on every clip, once: by name, one value a frame [frames]."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in properties}
    for clip in clips(frames, manifest):
        for name, prop in properties.items():
            found[name].append(prop.measure(clip))
    return {name: np.concatenate(parts) for name, parts in found.items()}


@torch.no_grad()
def inputs(material: Material) -> Iterator[tuple[str, torch.Tensor]]:
    """What the probes read, by the names in `INPUTS`, one after the other so that one is in memory: [rows, inputs]."""
    yield FEATURES, material.sae.encode(material.latents)
    yield RAW, material.sae.normalised(material.latents)
    yield UNTRAINED, untrained(material.sae, material.seed).encode(material.latents)


def skill(hit: np.ndarray, constant: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any]:
    """How far a probe is above the majority-class baseline, as a share of what there is to gain.

    Parameters
    ----------
    hit, constant
        Where the probe is right, and where the majority class of training is, bool [frames].
    pieces
        The recording of each frame.
    seed
        Of the bootstrap.

    Returns
    -------
    skill and skill_ci95; None where the baseline is always right. The interval is that of accuracy − majority, resampled together, in
    units of 1 − majority on all test frames: a resample may hold the majority class alone, where 1 − majority is 0.
    """
    if constant.all():
        return {"skill": None, "skill_ci95": None}
    gained, lacking = bootstrap.over_recordings(hit.astype(float) - constant, pieces, seed), 1 - float(constant.mean())
    return {"skill": gained.mean / lacking, "skill_ci95": [bound / lacking for bound in gained.ci95]}


def vote(predicted: np.ndarray, truth: np.ndarray, clip: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any] | None:
    """Accuracy of the majority vote of each clip's frames, its interval over recordings; None where a clip has several classes.

    Parameters
    ----------
    predicted, truth, clip, pieces
        Classes, clip and recording of each frame; a recording may hold clips of several classes.
    seed
        Of the bootstrap.
    """
    table = pd.DataFrame({"predicted": predicted, "truth": truth, "clip": clip, "piece": pieces}).groupby("clip")
    if (table["truth"].nunique() > 1).any():
        return None
    winners = table["predicted"].agg(lambda answers: np.bincount(answers).argmax()).to_numpy()
    first = table[["truth", "piece"]].first()
    score = probes.score(winners, first["truth"].to_numpy(), first["piece"].to_numpy(), seed)
    return {"accuracy": score["accuracy"], "ci95": score["ci95"], "clips": len(winners)}


def scores(predicted: np.ndarray, label: np.ndarray, where: dict[str, np.ndarray], ordered: bool, material: Material) -> dict[str, Any]:
    """Score one probe on test frames.

    Parameters
    ----------
    predicted
        Classes of the test frames.
    label
        Class of every frame [frames].
    where
        Frames of each split that have the property, bool [frames].
    ordered
        Whether a neighbouring class is a near miss.
    material
        The frames.
    """
    truth, pieces, seed = label[where["test"]], material.pieces(where["test"]), material.seed
    constant = truth == np.bincount(label[where["train"]]).argmax()
    score = probes.score(predicted, truth, pieces, seed)
    clip = material.table.table.loc[where["test"], "clip"].astype(str).to_numpy()
    return {
        "accuracy": score["accuracy"],
        "ci95": score["ci95"],
        **skill(predicted == truth, constant, pieces, seed),
        "within_one": float((np.abs(predicted - truth) <= 1).mean()) if ordered else None,
        "clip_vote": None if ordered else vote(predicted, truth, clip, pieces, seed),
    }


def probe_all(
    material: Material, measured: dict[str, np.ndarray], properties: dict[str, Property], penalties: list[float], iterations: int
) -> dict[str, Any]:
    """Fit and score all probes.

    Parameters
    ----------
    material
        Frames and SAE.
    measured, properties
        From `measure_clips`, and what was measured.
    penalties, iterations
        See `probes.fit`.

    Returns
    -------
    properties
        By name; the layout is that of the JSON.
    left_out
        Properties with fewer than two classes, or without frames in some split.
    """
    found, ready, left_out = {}, {}, []
    for name, prop in properties.items():
        label, meaning = prop.classes(measured[name], material.table)
        classes = len(meaning) - prop.ordered
        where = {split: material.table.rows(split) & (label >= 0) for split in ("train", "validation", "test")}
        if classes < 2 or not all(chosen.any() for chosen in where.values()):
            left_out.append(name)
            continue
        where["train"] = material.thin(where["train"])
        ready[name] = label, where, [material.histogram(where[split], label, classes) for split in ("train", "validation")]
        found[name] = {
            "unit": prop.unit,
            "cite": prop.cite,
            "classes": classes,
            "meaning": meaning,
            "ordered": prop.ordered,
            **probes.baselines(label[where["train"]], label[where["test"]], classes),
            "recordings": len(set(material.pieces(where["test"]))),
            "frames": int(where["test"].sum()),
            "train_frames": int(where["train"].sum()),
        }
    with tqdm(total=len(ready) * len(INPUTS), desc="fitting probes", unit="probe") as bar:
        for kind, x in inputs(material):
            for name, (label, where, counts) in ready.items():
                probe = probes.fit(x, *counts, penalties, iterations)
                predicted = probe.predict(x[material.at_rows(where["test"])])
                found[name][kind] = scores(predicted, label, where, properties[name].ordered, material) | {"penalty": probe.penalty}
                bar.update()
    for figures in found.values():
        bounds = figures[FEATURES]["skill_ci95"]
        figures["linearly_there"] = bounds is not None and bounds[0] > 0
    return {"properties": found, "left_out": left_out}


def run(codec: str, penalties: list[float], iterations: int, few_frames: int, seed: int) -> None:
    """Measure, fit, score, and write results/evidence/richer/CODEC.json.

    Parameters
    ----------
    codec
        Name of one that sections 1 to 3 have been run for.
    penalties, iterations
        Weight decays to choose from, and steps of L-BFGS for each.
    few_frames
        Most training frames of a probe, where frames do not repeat.
    seed
        Of all draws.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    measured = measure_clips(material.table, corpus.load("data/corpus"), PROPERTIES)
    figures = probe_all(material, measured, PROPERTIES, penalties, iterations)
    corpus_read = {"data/corpus": "data/corpus/manifest.csv"}
    material.write("richer", {"codec": codec, "sae": material.sae_settings(), **figures}, parameters, **corpus_read)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
