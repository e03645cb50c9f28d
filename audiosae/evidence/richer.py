"""Which properties, beyond the paper's three, a linear probe reads from a frame.

    python -m audiosae.evidence.richer CODEC --few_frames 5000

Every property of the table in `properties` goes the way of the paper's section 3: measured, turned into classes, probed on training
recordings, scored on test recordings. SAE features, raw latents and the features of an untrained SAE of the same shape are asked
alike. Properties have unlike numbers of classes and unlike commonest classes, so accuracies do not compare; *skill* does:

    skill = (accuracy − majority) / (1 − majority)

is 0 for always saying the commonest training class and 1 for always being right (a skill score whose reference is that
constant answer). Its interval resamples recordings, accuracy and majority together. A property is *linearly there* if the lower end of the
interval for SAE features is above 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, checkpoint, corpus, intervals, labels, probes
from audiosae.errors import CorpusError, report
from audiosae.evidence import material as starting
from audiosae.evidence.inputs import FEATURES, RAW, UNTRAINED, untrained
from audiosae.evidence.material import Material
from audiosae.evidence.properties import PROPERTIES, Clip, Property
from audiosae.frames import Frames
from audiosae.sae import KIND

INPUTS = (FEATURES, RAW, UNTRAINED)


def clips(frames: Frames, manifest: pd.DataFrame) -> Iterator[Clip]:
    """The clips behind a table of frames, in its order, with a progress bar.

    Raises
    ------
    CorpusError
        If the manifest lacks a clip of the table.
    """
    rows = {row.clip: row for row in manifest.itertuples(index=False)}
    for name, table in tqdm(frames.table.groupby("clip", sort=False, observed=True), desc="measuring", unit="clip"):
        if name not in rows:
            raise CorpusError(f"the corpus has no clip {name}, which the table of frames has; run the extraction again.")
        wave, rate = audio.read(rows[name].file)
        mono = audio.resample(audio.to_mono(wave), rate, audio.SAMPLE_RATE)
        yield Clip(mono, labels.frame_times(len(table), frames.frame_rate), table, rows[name])


def measure(frames: Frames, manifest: pd.DataFrame, properties: dict[str, Property]) -> dict[str, np.ndarray]:
    """Measure every property on every clip, once: by name, one value a frame [frames]."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in properties}
    for clip in clips(frames, manifest):
        for name, prop in properties.items():
            found[name].append(prop.measure(clip))
    return {name: np.concatenate(parts) for name, parts in found.items()}


@torch.no_grad()
def shown(given: Material) -> Iterator[tuple[str, torch.Tensor]]:
    """What the probes are shown, by the names in `INPUTS`, one after the other so that one is in memory: [rows, inputs]."""
    yield FEATURES, given.sae.encode(given.latents)
    yield RAW, given.sae.normalised(given.latents)
    yield UNTRAINED, untrained(given.sae, given.seed).encode(given.latents)


def skill(hit: np.ndarray, constant: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any]:
    """What an answer is worth beyond a constant one.

    Parameters
    ----------
    hit, constant
        Where the probe is right, and where the commonest training class is, bool [frames].
    pieces
        The recording of each frame.
    seed
        Of the bootstrap.

    Returns
    -------
    skill
        (accuracy − majority) / (1 − majority); None where the constant answer is always right.
    skill_ci95
        Over recordings: the interval of accuracy − majority, resampled together, in units of 1 − majority as it is on all test frames. (A
        resample may hold the commonest class alone, where 1 − majority is 0.) Or None.
    """
    if constant.all():
        return {"skill": None, "skill_ci95": None}
    _, index = np.unique(pieces, return_inverse=True)
    gained, lacking = np.bincount(index, weights=hit.astype(float) - constant), 1 - float(constant.mean())
    bounds = intervals.ratio(gained, np.bincount(index), seed)
    return {"skill": float(gained.sum() / len(hit) / lacking), "skill_ci95": [bound / lacking for bound in bounds]}


def vote(predicted: np.ndarray, truth: np.ndarray, clip: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any] | None:
    """Accuracy of the commonest answer in each clip; None where a clip has frames of several classes.

    Parameters
    ----------
    predicted, truth
        Classes [frames].
    clip, pieces
        The clip and the recording of each frame. A recording may hold clips of several classes, so the vote is the clip's; the
        interval is over recordings.
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


def judged(predicted: np.ndarray, label: np.ndarray, where: dict[str, np.ndarray], ordered: bool, given: Material) -> dict[str, Any]:
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
    given
        The frames.
    """
    truth, pieces = label[where["test"]], given.pieces(where["test"])
    constant = truth == np.bincount(label[where["train"]]).argmax()
    score = probes.score(predicted, truth, pieces, given.seed)
    clip = given.table.table.loc[where["test"], "clip"].astype(str).to_numpy()
    return {
        "accuracy": score["accuracy"], "ci95": score["ci95"], **skill(predicted == truth, constant, pieces, given.seed),
        "within_one": float((np.abs(predicted - truth) <= 1).mean()) if ordered else None,
        "clip_vote": None if ordered else vote(predicted, truth, clip, pieces, given.seed),
    }


def probe_all(
    given: Material, measured: dict[str, np.ndarray], properties: dict[str, Property], penalties: list[float], iterations: int
) -> dict[str, Any]:
    """Fit and score all probes.

    Parameters
    ----------
    given
        Frames and SAE.
    measured
        From `measure`.
    properties
        As measured.
    penalties, iterations
        See `probes.fit`.

    Returns
    -------
    properties
        By name; the layout is that of the JSON.
    left_out
        Names of properties with fewer than two classes, or without frames in some split, and so nothing to tell.
    """
    found, ready, left_out = {}, {}, []
    for name, prop in properties.items():
        label, meaning = prop.classes(measured[name], given.table)
        classes = len(meaning) - prop.ordered
        where = {split: given.table.rows(split) & (label >= 0) for split in ("train", "validation", "test")}
        if classes < 2 or not all(chosen.any() for chosen in where.values()):
            left_out.append(name)
            continue
        where["train"] = given.thin(where["train"])
        counts = [given.histogram(where[split], label, classes) for split in ("train", "validation")]
        ready[name] = label, where, counts
        baselines = probes.baselines(label[where["train"]], label[where["test"]], classes)
        found[name] = {
            "unit": prop.unit, "cite": prop.cite, "classes": classes, "meaning": meaning, "ordered": prop.ordered,
            **baselines, "recordings": len(set(given.pieces(where["test"]))), "frames": int(where["test"].sum()),
            "train_frames": int(where["train"].sum()),
        }
    with tqdm(total=len(ready) * len(INPUTS), desc="fitting probes", unit="probe") as bar:
        for kind, x in shown(given):
            for name, (label, where, counts) in ready.items():
                probe = probes.fit(x, *counts, penalties, iterations)
                predicted = probe.predict(x[given.rows.of_frame[where["test"]]])
                found[name][kind] = {**judged(predicted, label, where, properties[name].ordered, given), "penalty": probe.penalty}
                bar.update()
    for figures in found.values():
        bounds = figures[FEATURES]["skill_ci95"]
        figures["linearly_there"] = bounds is not None and bounds[0] > 0
    return {"properties": found, "left_out": left_out}


def main() -> None:
    """Measure, fit, score, and write JSON."""
    parser = argparse.ArgumentParser(prog="audiosae.evidence.richer", description=__doc__, allow_abbrev=False)
    parser.add_argument("codec")
    parser.add_argument("--corpus", type=Path, default=Path("data/corpus"))
    parser.add_argument("--penalties", type=float, nargs="+", default=[1e-6, 1e-5, 1e-4, 1e-3])
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--few_frames", type=int, default=5000, help="training frames a probe, where frames do not repeat")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    given = starting.load(options.codec, options.few_frames, options.seed)
    given = replace(given, inputs={**given.inputs, "data/corpus": str(options.corpus / "manifest.csv")})
    measured = measure(given.table, corpus.load(options.corpus), PROPERTIES)
    figures = probe_all(given, measured, PROPERTIES, options.penalties, options.iterations)
    _, header = checkpoint.load(given.inputs["weights/sae"], KIND)
    sae = {"dim": given.sae.dim, "hidden": given.sae.hidden, "l1": header["provenance"]["parameters"]["l1"]}
    given.write("richer", {"codec": options.codec, "sae": sae, **figures}, {**vars(options), "corpus": str(options.corpus)})


if __name__ == "__main__":
    report(main)
