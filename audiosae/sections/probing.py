"""Naming pitch, amplitude and timbre from features, for one codec (the paper's sections 3.2 and 4.2).

    python -m audiosae.sections.probing --codec encodec --penalty 0.001 --iterations 100 --seed 0

Writes checkpoints/probes/CODEC.safetensors and its k-sparse like, which all later sections use (see `sae.reference`), the sounds and the tables of
the page, and results/probing/CODEC.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize
from tqdm.auto import tqdm

from audiosae import audio, corpus, frames, probes
from audiosae.audio import labels, loudness
from audiosae.files import determinism, results
from audiosae.files.whole import writing
from audiosae.frames import Frames, unique
from audiosae.frames.unique import Rows
from audiosae.probes import Probe, seeds
from audiosae.probes.representations import FEATURES, RAW
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder, features_of, reference
from audiosae.widgets import Sound, write_table

QUANTILES = (0.1, 0.5, 0.9)
"""A low, a middle and a high class of each property is heard."""

MOMENTS, SECONDS = 3, 1.2
"""How many sounds there are for a class, and how long each is."""


@dataclass(frozen=True)
class Probing:
    """What the page shows."""

    figures: dict[str, Any]  # as in results/probing/CODEC.json
    confusion: dict[str, np.ndarray]  # by property, shares of the test frames of each true class (row) by the class named; NaN for none
    edges: dict[str, np.ndarray]  # by property, edges of its classes
    frames: int
    distinct: int  # how many of the frames differ
    sounds: Path  # folder of a table of sounds: where the top feature of a class is strongest

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


def run(codec: str, penalty: float, iterations: int, seed: int, project: Path = Path(".")) -> Probing:
    """Fit and score the probes, or read what was computed with these parameters, inputs and code.

    Parameters
    ----------
    codec
        Its frames are in data/frames, its autoencoders where section 2 writes them.
    penalty
        Factor of ½‖W‖². It is not chosen: from 0.0001 to 0.01 accuracies differ by less than their standard errors, and a choice among
        such near ties would change the norm of W, and with it what α means, from run to run.
    iterations
        Of L-BFGS.
    seed
        Of the intervals.
    project
        The project's folder.
    """
    read = {"data/frames": project / f"data/frames/{codec}.arrow"}
    read |= {f"weights/{kind}": reference.in_use(codec, "sae", kind, project) for kind in reference.KINDS}
    shipped = {f"weights/shipped_{kind}": reference.shipped(codec, "probes", kind, project) for kind in reference.KINDS}
    own = seeds.trained(codec, project)
    read |= {name: path for name, path in shipped.items() if path.is_file()}
    read |= {f"weights/seed_{number}": sae for number, (sae, _) in enumerate(own)}
    parameters = {"codec": codec, "penalty": penalty, "iterations": iterations, "seed": seed}
    made = results.provenance(read, parameters, "audiosae.sections.probing")
    target, arrays = project / f"results/probing/{codec}.json", project / f"data/probing/{codec}/confusion.npz"
    sounds = project / f"book/_static/sounds/{codec}/03_probing/features"
    written = [arrays, sounds / "index.json", *(probe for _, probe in own)]
    written += [reference.in_use(codec, "probes", kind, project) for kind in reference.KINDS]
    if not results.current(target, made, *written):
        device = determinism.prepare(seed)
        table = frames.load(read["data/frames"])
        rows = unique.find(table.latents)
        latents = torch.from_numpy(rows.latents).to(device)
        tasks = {prop: task(prop, table, rows, device) for prop in labels.PROPERTIES}
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's weights
        spread: dict[str, list[float]] = {prop: [] for prop in tasks}
        for sae_file, probes_file in tqdm(own, desc="fitting probes", unit="autoencoder"):
            sae = SparseAutoencoder.load(sae_file).to(device)
            x = features_of(sae, latents)
            fitted = probes.fit_all(x, tasks, penalty, iterations)
            probes.save(fitted, probes_file, made)
            for prop, probe in fitted.items():
                spread[prop].append(probes.scored(probe, x, tasks[prop], seed).scores["accuracy"])
        in_use = {}
        for kind, cls in reference.KINDS.items():
            x = features_of(cls.load(reference.in_use(codec, "sae", kind, project)).to(device), latents)
            of = reference.probes_of(read[f"weights/{kind}"], table.tracker, penalty, iterations)
            fit_here = partial(lambda x, path: probes.save(probes.fit_all(x, tasks, penalty, iterations), path, made), x)
            ships = reference.settle(codec, "probes", kind, of, fit_here, project, probes.KIND)
            in_use[kind] = x, probes.load(reference.in_use(codec, "probes", kind, project)), ships
        features, fitted, ships = in_use["paper"]
        raw = SparseAutoencoder.load(read["weights/paper"]).to(device).normalised(latents)
        on_raw = probes.fit_all(raw, tasks, penalty, iterations)
        scores, confusion = {}, {}
        for prop, of_prop in tasks.items():
            _, predicted, on_features = probes.scored(fitted[prop], features, of_prop, seed)
            error, classes = np.abs(predicted - of_prop.truth), of_prop.train.shape[1]
            learnt = of_prop.train.cpu().numpy()
            scores[prop] = {
                **probes.baselines(table.table.loc[table.rows("train", prop), prop].to_numpy(), of_prop.truth, classes),
                **on_features,
                "seeds": spread[prop],
                "train_frames": int(learnt.sum()),
                "raw_latents": probes.scored(on_raw[prop], raw, of_prop, seed).scores,
                "k_sparse": probes.scored(in_use["k_sparse"][1][prop], in_use["k_sparse"][0], of_prop, seed).scores,
                "ceiling": probes.ceiling(learnt, of_prop.row, of_prop.truth, of_prop.pieces, seed) if rows.few else None,
                "within_one": float((error <= 1).mean()),
                "mean_error_classes": float(error.mean()),
            }
            confusion[prop] = probes.confusion(predicted, of_prop.truth, classes)
        if apart := _on_ensembles(table, rows, features, fitted["pitch"], seed):
            scores["pitch"]["ensembles"] = apart
        speaking = _write_sounds(sounds, table, rows, features, fitted, corpus.load(project / "data/corpus").set_index("clip"))
        edges = {f"edges {prop}": table.edges[prop] for prop in labels.PROPERTIES}
        with writing(arrays) as partial_file, partial_file.open("wb") as file:
            np.savez(file, allow_pickle=False, **confusion, **edges, frames=len(table.latents), distinct=rows.distinct)
        cosines = agreement(seeds.load(codec, project), {prop: of_prop.train.sum(dim=0) > 0 for prop, of_prop in tasks.items()})
        figures = {"properties": scores, "directions": cosines, "speaking": speaking, "shipped": ships}
        results.write(target, {**figures, "provenance": made})
    with np.load(arrays) as held:
        confusion, edges = ({prop: held[f"{name}{prop}"] for prop in labels.PROPERTIES} for name in ("", "edges "))
        counts = int(held["frames"]), int(held["distinct"])
    return Probing(results.read(target), confusion, edges, *counts, sounds)


@torch.no_grad()
def agreement(members: Sequence[Member], learnt: Mapping[str, torch.Tensor]) -> dict[str, dict[str, Any]]:
    """How alike the directions W_dec w_k of several seeds are: by property the cosine, median over classes, of each pair of
    seeds, and the mean over pairs.

    They are taken behind the decoder, in standardised latents, since features of two seeds cannot be compared one by one. `learnt` marks the classes
    that have training frames, bool [classes]. Nothing for a single member.
    """
    found = {}
    for prop, classes in learnt.items() if len(members) > 1 else ():
        decoded = [normalize(member.probes[prop].weight[classes.cpu()] @ member.sae.decoder.weight.T, dim=1) for member in members]
        cosines = torch.stack([(one * other).sum(dim=1) for one, other in combinations(decoded, 2)])
        by_pair = cosines.median(dim=1).values
        found[prop] = {"cosine": float(by_pair.mean()), "seeds": by_pair.tolist()}
    return found


def task(prop: str, table: Frames, rows: Rows, device: torch.device) -> probes.Task:
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
