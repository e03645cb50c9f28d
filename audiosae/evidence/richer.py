"""Which properties, beyond the paper's three, a linear probe reads from a frame.

Every one of `properties` is probed as in the paper's section 3. They differ in their classes, so accuracies do not compare; *skill* does:
(accuracy − majority) / (1 − majority). A property is *linearly there* if the interval for SAE features lies above 0. Features are compared
with raw latents and an untrained SAE by the difference of accuracy, frame by frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, corpus, probes
from audiosae.audio import labels
from audiosae.errors import CorpusError
from audiosae.evidence.baselines import over_recordings
from audiosae.evidence.material import Material
from audiosae.evidence.properties import PROPERTIES, Clip, Property
from audiosae.frames import Frames
from audiosae.probes.representations import FEATURES, RAW, UNTRAINED, untrained
from audiosae.stats import bootstrap


def measure_clips(frames: Frames, manifest: pd.DataFrame, properties: dict[str, Property]) -> dict[str, np.ndarray]:
    """Measure every property on every clip, once: by name, one value a frame [frames]; a `CorpusError` if the manifest lacks a clip."""
    rows = {row.clip: row for row in manifest.itertuples(index=False)}
    found: dict[str, list[np.ndarray]] = {name: [] for name in properties}
    for name, table in tqdm(frames.table.groupby("clip", sort=False, observed=True), desc="measuring", unit="clip"):
        if name not in rows:
            raise CorpusError(f"the corpus has no clip {name}, which the table of frames has; run the extraction again.")
        mono = audio.mono_mix(*audio.read(rows[name].file))
        clip = Clip(mono, labels.frame_times(len(table), frames.frame_rate), table, rows[name])
        for prop in properties:
            found[prop].append(properties[prop].measure(clip))
    return {prop: np.concatenate(parts) for prop, parts in found.items()}


def skill(hit: np.ndarray, constant: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any]:
    """How far a probe is above the majority-class baseline, as a share of what there is to gain: skill and skill_ci95.

    Given are where the probe is right, where the majority class of training is, bool, and the recording of each frame [frames]. Both
    figures are None where the baseline is always right. The interval is that of accuracy − majority in units of 1 − majority on all test frames: a resample
    may hold the majority class alone.
    """
    if constant.all():
        return {"skill": None, "skill_ci95": None}
    gained, lacking = bootstrap.over_recordings(hit.astype(float) - constant, pieces, seed), 1 - float(constant.mean())
    return {"skill": gained.mean / lacking, "skill_ci95": [bound / lacking for bound in gained.ci95]}


def vote(predicted: np.ndarray, truth: np.ndarray, clip: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any] | None:
    """Accuracy of the majority vote of each clip's frames, its interval over recordings; None where a clip has several classes.

    `predicted`, `truth`, `clip` and `pieces` are of each frame; a recording may hold clips of several classes.
    """
    table = pd.DataFrame({"predicted": predicted, "truth": truth, "clip": clip, "piece": pieces}).groupby("clip")
    if (table["truth"].nunique() > 1).any():
        return None
    winners = table["predicted"].agg(lambda answers: np.bincount(answers).argmax()).to_numpy()
    first = table[["truth", "piece"]].first()
    score = probes.score(winners, first["truth"].to_numpy(), first["piece"].to_numpy(), seed)
    return {**{name: score[name] for name in ("accuracy", "ci95")}, "clips": len(winners)}


def scores(predicted: np.ndarray, label: np.ndarray, where: dict[str, np.ndarray], ordered: bool, material: Material) -> dict[str, Any]:
    """Score the predicted classes of test frames.

    `label` is the class of every frame [frames], `where` says which frames of each split have the property, bool [frames], and `ordered`
    whether a neighbouring class is a near miss.
    """
    truth, pieces, seed = label[where["test"]], material.pieces(where["test"]), material.seed
    constant = truth == np.bincount(label[where["train"]]).argmax()
    score = probes.score(predicted, truth, pieces, seed)
    clip = material.table.table.loc[where["test"], "clip"].astype(str).to_numpy()
    return {
        **{name: score[name] for name in ("accuracy", "ci95")},
        **skill(predicted == truth, constant, pieces, seed),
        "within_one": float((np.abs(predicted - truth) <= 1).mean()) if ordered else None,
        "clip_vote": None if ordered else vote(predicted, truth, clip, pieces, seed),
    }


def probe_all(
    material: Material, measured: dict[str, np.ndarray], properties: dict[str, Property], penalties: list[float], iterations: int
) -> dict[str, Any]:
    """Fit and score all probes of what `measure_clips` measured, as in the JSON: properties, and those left_out.

    Left out are properties with fewer than two classes, or without frames in some split.
    """
    found: dict[str, dict[str, Any]] = {}
    ready, left_out = {}, []
    for name, prop in properties.items():
        label, meaning = prop.classes(measured[name], material.table)
        classes = len(meaning) - prop.ordered
        where = {split: material.table.rows(split) & (label >= 0) for split in ("train", "validation", "test")}
        if classes < 2 or not all(chosen.any() for chosen in where.values()):
            left_out.append(name)
            continue
        where["train"] = material.rows.thin(where["train"], material.few_frames, material.seed)
        learnt, checked = (material.histogram(where[split], label, classes) for split in ("train", "validation"))
        ready[name] = label, where, learnt, checked
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
            "difference": {},
        }
    hits: dict[str, np.ndarray] = {}
    sae, start = material.sae, untrained(material.sae, material.seed)
    for kind, reader in {FEATURES: sae.encode, RAW: sae.normalised, UNTRAINED: start.encode}.items():
        with torch.no_grad():
            x = reader(material.latents)
        for name, (label, where, learnt, checked) in tqdm(ready.items(), desc=f"probes of {kind}", unit="probe"):
            probe = probes.fit(x, learnt, checked, penalties, iterations)
            predicted = probe.predict(x[material.at_rows(where["test"])])
            found[name][kind] = scores(predicted, label, where, properties[name].ordered, material) | {"penalty": probe.penalty}
            right = (predicted == label[where["test"]]).astype(float)
            if kind == FEATURES:
                hits[name] = right
            else:
                gap, pieces = hits[name] - right, material.pieces(where["test"])
                found[name]["difference"][kind] = over_recordings("difference", gap, pieces, material.seed)
    for figures in found.values():
        bounds = figures[FEATURES]["skill_ci95"]
        figures["linearly_there"] = bounds is not None and bounds[0] > 0
    return {"properties": found, "left_out": left_out}


def run(codec: str, penalties: list[float], iterations: int, few_frames: int, seed: int) -> None:
    """Measure, fit, score, and write results/evidence/richer/CODEC.json.

    Parameters
    ----------
    penalties, iterations, few_frames
        Weight decays to choose from, steps of L-BFGS for each, and most training frames of a probe, where frames do not repeat.
    """
    parameters = dict(locals())
    material = Material.read(codec, few_frames, seed)
    measured = measure_clips(material.table, corpus.load("data/corpus"), PROPERTIES)
    figures = {"codec": codec, "sae": material.sae_settings(), **probe_all(material, measured, PROPERTIES, penalties, iterations)}
    material.write("richer", figures, parameters, **{"data/corpus": "data/corpus/manifest.csv"})


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
