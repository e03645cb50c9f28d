"""Naming pitch, amplitude and timbre from features, for one codec (the paper's sections 3.2 and 4.2).

    python -m audiosae.sections.probing --codec encodec --penalties 0.000001 0.001 --iterations 50 --seed 0

Writes checkpoints/probes/CODEC.safetensors, the sounds and the tables of the page, and results/probing/CODEC.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, corpus, frames, probes
from audiosae.audio import labels, loudness
from audiosae.files import determinism, results
from audiosae.files.whole import writing
from audiosae.frames import Frames, unique
from audiosae.frames.unique import Rows
from audiosae.probes import Probe
from audiosae.probes.representations import FEATURES, RAW
from audiosae.sae import SparseAutoencoder
from audiosae.widgets import Sound, write_table

QUANTILES = (0.1, 0.5, 0.9)
"""A low, a middle and a high class of each property is heard."""

MOMENTS, SECONDS = 3, 1.2
"""How many sounds there are for a class, and how long each is."""


@dataclass(frozen=True)
class Probing:
    """What the page shows.

    Attributes
    ----------
    figures
        As in results/probing/CODEC.json: ``properties`` and ``speaking``.
    confusion
        By property, shares of the test frames of each true class (row) by the class named (column); NaN rows have none.
    edges
        By property, edges of its classes.
    frames, distinct
        How many frames there are, and how many differ.
    sounds
        Folder of a table of sounds: where the top feature of a class is strongest.
    """

    figures: dict[str, Any]
    confusion: dict[str, np.ndarray]
    edges: dict[str, np.ndarray]
    frames: int
    distinct: int
    sounds: Path

    @property
    def repeats(self) -> bool:
        """Whether frames repeat, so that no probe of one frame can pass a ceiling."""
        return self.figures["properties"]["pitch"]["ceiling"] is not None

    def accuracies(self) -> pd.DataFrame:
        """One row a property and what it is read from, or a baseline: property, input, accuracy, and the interval's low and high."""
        rows = []
        for prop in labels.PROPERTIES:
            found = self.figures["properties"][prop]
            for name, scores in ((FEATURES, found), (RAW, found["raw_latents"])):
                rows.append((prop, name, scores["accuracy"], *scores["ci95"]))
            rows += [(prop, name, found[key], np.nan, np.nan) for name, key in (("majority class", "majority"), ("chance", "chance"))]
        return pd.DataFrame(rows, columns=["property", "input", "accuracy", "low", "high"])


def run(codec: str, penalties: list[float], iterations: int, seed: int, project: Path = Path(".")) -> Probing:
    """Fit and score the probes, or read what was computed with these parameters, inputs and code.

    Parameters
    ----------
    codec
        Its frames are in data/frames, its autoencoder in checkpoints/sae.
    penalties
        Candidates for the factor of ½‖W‖²; the best on validation recordings is taken.
    iterations
        Of L-BFGS, for each.
    seed
        Of the intervals.
    project
        The project's folder.
    """
    read = {"data/frames": project / f"data/frames/{codec}.arrow", "weights/sae": project / f"checkpoints/sae/{codec}.safetensors"}
    parameters = {"codec": codec, "penalties": penalties, "iterations": iterations, "seed": seed}
    made = results.provenance(read, parameters, "audiosae.sections.probing")
    target, arrays = project / f"results/probing/{codec}.json", project / f"data/probing/{codec}/confusion.npz"
    checkpoint, sounds = project / f"checkpoints/probes/{codec}.safetensors", project / f"book/_static/sounds/{codec}/03_probing/features"
    if not results.current(target, made, arrays, checkpoint, sounds / "index.json"):
        device = determinism.prepare(seed)
        table = frames.load(read["data/frames"])
        rows = unique.find(table.latents)
        latents = torch.from_numpy(rows.latents).to(device)
        sae = SparseAutoencoder.load(read["weights/sae"]).to(device)
        with torch.no_grad():
            inputs = {FEATURES: sae.encode(latents), RAW: sae.normalised(latents)}
        tasks = {prop: _task(prop, table, rows, device) for prop in labels.PROPERTIES}
        asked = [(prop, name) for prop in tasks for name in inputs]
        fits = probes.fit_each([(inputs[name], tasks[prop].train, tasks[prop].validation) for prop, name in asked], penalties, iterations)
        every = dict(zip(asked, tqdm(fits, desc="fitting probes", total=len(asked), unit="probe"), strict=True))
        fitted, scores, confusion = {}, {}, {}
        for prop, task in tasks.items():
            fitted[prop], predicted, on_features = probes.scored(every[prop, FEATURES], inputs[FEATURES], task, seed)
            error, classes = np.abs(predicted - task.truth), task.train.shape[1]
            ceiling = probes.ceiling(task.train.cpu().numpy(), task.row, task.truth, task.pieces, seed) if rows.few else None
            scores[prop] = {
                **probes.baselines(table.table.loc[table.rows("train", prop), prop].to_numpy(), task.truth, classes),
                **on_features,
                "raw_latents": probes.scored(every[prop, RAW], inputs[RAW], task, seed).scores,
                "ceiling": ceiling,
                "within_one": float((error <= 1).mean()),
                "mean_error_classes": float(error.mean()),
            }
            confusion[prop] = probes.confusion(predicted, task.truth, classes)
        if apart := _on_ensembles(table, rows, inputs[FEATURES], fitted["pitch"], seed):
            scores["pitch"]["ensembles"] = apart
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's weights
        speaking = _write_sounds(sounds, table, rows, inputs[FEATURES], fitted, corpus.load(project / "data/corpus").set_index("clip"))
        probes.save(fitted, checkpoint, made)
        edges = {f"edges {prop}": table.edges[prop] for prop in labels.PROPERTIES}
        kept: dict[str, Any] = {**confusion, **edges, "frames": len(table.latents), "distinct": rows.distinct}
        with writing(arrays) as partial, partial.open("wb") as file:
            np.savez(file, **kept)
        results.write(target, {"properties": scores, "speaking": speaking, "provenance": made})
    with np.load(arrays) as held:
        confusion, edges = ({prop: held[f"{name}{prop}"] for prop in labels.PROPERTIES} for name in ("", "edges "))
        counts = int(held["frames"]), int(held["distinct"])
    return Probing(results.read(target), confusion, edges, *counts, sounds)


def _task(prop: str, table: Frames, rows: Rows, device: torch.device) -> probes.Task:
    """All frames that can be used for a property."""
    label, classes = table.table[prop].to_numpy(), len(table.edges[prop]) - 1
    train, validation, test = (table.rows(split, prop) for split in ("train", "validation", "test"))
    learnt, checked = (torch.from_numpy(rows.histogram(where, label, classes)).to(device) for where in (train, validation))
    return probes.Task(learnt, checked, rows.of_frame[test], label[test], table.table.loc[test, "piece"].astype(str).to_numpy())


def _on_ensembles(table: Frames, rows: Rows, features: torch.Tensor, probe: Probe, seed: int) -> dict[str, Any] | None:
    """How often the pitch probe agrees with the tracker on test ensembles; None where there are none."""
    of = table.table
    ensemble = ((of["split"] == "test") & ~of["monophonic"] & (of["part"] != "drums") & (of["pitch"] >= 0)).to_numpy()
    if not ensemble.any():
        return None
    predicted = probe.predict(features)[rows.of_frame[ensemble]]
    return probes.score(predicted, of.loc[ensemble, "pitch"].to_numpy(), of.loc[ensemble, "piece"].astype(str).to_numpy(), seed)


def _write_sounds(
    folder: Path, table: Frames, rows: Rows, features: torch.Tensor, fitted: dict[str, Probe], manifest: pd.DataFrame
) -> dict[str, list[dict[str, Any]]]:
    """Write the moments in which the top feature of a class is strongest, and say which features these are."""
    train = table.rows("train")
    sounding: dict[str, dict[str, Sound]] = {}
    named: dict[str, list[dict[str, Any]]] = {prop: [] for prop in labels.PROPERTIES}
    for prop in labels.PROPERTIES:
        usable = table.rows("train", prop)
        for quantile in QUANTILES:
            k = int(np.quantile(table.table.loc[usable, prop], quantile, method="nearest"))
            members = rows.of_frame[usable & (table.table[prop] == k).to_numpy()]
            ((feature, contribution),) = probes.top_features(fitted[prop], features[members], k, 1)
            named[prop].append({"class": k, "feature": feature, "contribution": contribution})
            activation = features[:, feature].cpu().numpy()[rows.of_frame[train]]
            moments = table.table[train].assign(activation=activation).sort_values("activation", ascending=False, kind="stable")
            moments = moments.drop_duplicates("clip").head(MOMENTS)
            cuts = [loudness.excerpt(*audio.read(manifest.loc[m.clip, "file"]), m.time, SECONDS) for m in moments.itertuples()]
            waves = loudness.shared_gain(cuts) if prop == "amplitude" else loudness.match_loudness(cuts, audio.SAMPLE_RATE)
            row = sounding[f"{prop}, {labels.class_name(prop, k, table.edges[prop])}: feature {feature}"] = {}
            for place, (wave, m) in enumerate(zip(waves, moments.itertuples()), start=1):
                readout = {"from": manifest.loc[m.clip, "instrument"], "activation": f"{m.activation:.1f}"}
                row[f"{place}."] = Sound(wave, audio.SAMPLE_RATE, readout)
    write_table(folder, sounding, "Where the feature that speaks most for a class is strongest.")
    return named


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
