"""Naming pitch, amplitude and timbre from features, for one codec (the paper's sections 3.2 and 4.2).

    python -m audiosae.sections.probing --codec encodec --penalty 0.001 --iterations 100 --max_train_frames 100000 --seed 0

Writes checkpoints/probes/CODEC.safetensors and its k-sparse like, which all later sections use (see `sae.reference`), the sounds and the tables of
the page, and results/probing/CODEC.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize

from audiosae import audio, corpus, engine, probes
from audiosae.audio import labels, loudness
from audiosae.files import determinism, results
from audiosae.files.whole import writing
from audiosae.frames import Frames, unique
from audiosae.frames.unique import Rows
from audiosae.probes import Probe, seeds
from audiosae.probes.representations import FEATURES, RAW, Reader
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder, reference
from audiosae.sae.model import BATCH, Latents
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


def run(codec: str, penalty: float, iterations: int, max_train_frames: int, seed: int, project: Path = Path(".")) -> Probing:
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
    max_train_frames
        Of a property; where there are more, so many are drawn at random. Test frames are never thinned.
    seed
        Of the draw and the intervals.
    project
        The project's folder.
    """
    project = project.resolve()  # workers may be elsewhere
    read = {"data/frames": project / "data/frames" / codec}
    read |= {f"weights/{kind}": reference.in_use(codec, "sae", kind, project) for kind in reference.KINDS}
    shipped = {f"weights/shipped_{kind}": reference.shipped(codec, "probes", kind, project) for kind in reference.KINDS}
    own = seeds.trained(codec, project)
    read |= {name: path for name, path in shipped.items() if path.is_file()}
    read |= {f"weights/seed_{number}": sae for number, (sae, _) in enumerate(own)}
    parameters = {"codec": codec, "penalty": penalty, "iterations": iterations, "max_train_frames": max_train_frames, "seed": seed}
    made = results.provenance(read, parameters, "audiosae.sections.probing")
    target, arrays = project / f"results/probing/{codec}.json", project / f"data/probing/{codec}/confusion.npz"
    sounds = project / f"book/_static/sounds/{codec}/03_probing/features"
    written = [arrays, sounds / "index.json", *(probe for _, probe in own)]
    written += [reference.in_use(codec, "probes", kind, project) for kind in reference.KINDS]
    if not results.current(target, made, *written):
        device = determinism.prepare(seed)
        source = read["data/frames"]
        table, rows = unique.load(source, made["inputs"]["data/frames"])
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's weights
        fit, ships = (penalty, iterations, max_train_frames, seed, made), {}
        pieces: dict[str, tuple[Any, ...]] = {f"seed {n}": (source, "paper", *of_seed, True, *fit) for n, of_seed in enumerate(own)}
        for kind in reference.KINDS:
            place = read[f"weights/{kind}"]
            of = reference.probes_of(place, table.tracker, penalty, iterations)
            ships[kind] = reference.settle(codec, "probes", kind, of, project, probes.KIND)
            keep, fitting = reference.in_use(codec, "probes", kind, project), not ships[kind]
            pieces[kind] = (source, kind, place, keep, fitting, *fit[:-1], {**made, "of": of})
        pieces[RAW] = (source, RAW, read["weights/paper"], None, True, *fit)
        predicted = engine.each(probe_one, pieces, f"{codec}: probes", "input")
        sae = reference.load(read["weights/paper"]).to(device)
        fitted = probes.load(reference.in_use(codec, "probes", "paper", project))
        scores, confusion = {}, {}
        for prop in labels.PROPERTIES:
            label, classes, test = table.table[prop].to_numpy(), len(table.edges[prop]) - 1, table.rows("test", prop)
            train, truth, pieces_of_test = table.rows("train", prop), label[test], table.table.loc[test, "piece"].astype(str).to_numpy()
            of = {name: probes.score(found[prop], truth, pieces_of_test, seed) | {"penalty": penalty} for name, found in predicted.items()}
            learnt, error = rows.histogram(train, label, classes) if rows.few else None, np.abs(predicted["paper"][prop] - truth)
            scores[prop] = {
                **probes.baselines(label[train], truth, classes),
                **of["paper"],
                "seeds": [of[f"seed {number}"]["accuracy"] for number in range(len(own))],
                "train_frames": int(train.sum()),
                "raw_latents": of[RAW],
                "k_sparse": of["k_sparse"],
                "ceiling": None if learnt is None else probes.ceiling(learnt, rows.of_frame[test], truth, pieces_of_test, seed),
                "within_one": float((error <= 1).mean()),
                "mean_error_classes": float(error.mean()),
            }
            confusion[prop] = probes.confusion(predicted["paper"][prop], truth, classes)
        if apart := _on_ensembles(table, rows, sae, fitted["pitch"], seed):
            scores["pitch"]["ensembles"] = apart
        speaking = _write_sounds(sounds, table, rows, sae, fitted, corpus.load(project / "data/corpus").set_index("clip"))
        edges = {f"edges {prop}": table.edges[prop] for prop in labels.PROPERTIES}
        with writing(arrays) as partial_file, partial_file.open("wb") as file:
            np.savez(file, allow_pickle=False, **confusion, **edges, frames=len(table.latents), distinct=rows.distinct)
        taught = {prop: np.delete(np.arange(len(table.edges[prop]) - 1), scores[prop]["without_training"]) for prop in labels.PROPERTIES}
        cosines = agreement(seeds.load(codec, project), taught)
        figures = {"properties": scores, "directions": cosines, "speaking": speaking, "shipped": ships["paper"]}
        results.write(target, {**figures, "provenance": made})
    with np.load(arrays) as held:
        confusion, edges = ({prop: held[f"{name}{prop}"] for prop in labels.PROPERTIES} for name in ("", "edges "))
        counts = int(held["frames"]), int(held["distinct"])
    return Probing(results.read(target), confusion, edges, *counts, sounds)


@torch.no_grad()
def agreement(members: Sequence[Member], learnt: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """How alike the directions W_dec w_k of several seeds are: by property the cosine, median over classes, of each pair of
    seeds, and the mean over pairs.

    They are taken behind the decoder, in standardised latents, since features of two seeds cannot be compared one by one. `learnt` lists the classes
    that have training frames. Nothing for a single member.
    """
    found = {}
    for prop, classes in learnt.items() if len(members) > 1 else ():
        decoded = [normalize(member.probes[prop].weight[classes] @ member.sae.decoder.weight.T, dim=1) for member in members]
        cosines = torch.stack([(one * other).sum(dim=1) for one, other in combinations(decoded, 2)])
        by_pair = cosines.median(dim=1).values
        found[prop] = {"cosine": float(by_pair.mean()), "seeds": by_pair.tolist()}
    return found


def probe_one(
    source: Path, kind: str, sae_file: Path, keep: Path | None, fitting: bool, penalty: float, iterations: int, max_train_frames: int, seed: int,
    made: dict[str, Any],
) -> dict[str, np.ndarray]:  # fmt: skip
    """Fit probes on the features of an autoencoder of a kind, or on `RAW` latents, and keep them where a path is given; or read those that are kept.

    Returns
    -------
    By property, the class that is named for each test frame [frames].
    """
    table, rows = unique.load(source, made["inputs"]["data/frames"])
    sae = reference.load(sae_file).to(determinism.device())
    reader = sae.normalised if kind == RAW else sae.encode
    fitted = fit_all(reader, table, rows, penalty, iterations, max_train_frames, seed) if fitting else probes.load(cast(Path, keep))
    if fitting and keep is not None:
        probes.save(fitted, keep, made)
    return {prop: _predicted(probe, reader, rows, table.rows("test", prop)) for prop, probe in fitted.items()}


def fit_all(reader: Reader, table: Frames, rows: Rows, penalty: float, iterations: int, most: int, seed: int) -> dict[str, Probe]:
    """A probe for each property on what a reader makes of latents, from at most so many training frames, drawn at random."""
    latents, fitted = rows.latents.to(determinism.device()), {}
    for prop in labels.PROPERTIES:
        where = rows.thin(table.rows("train", prop), most, seed)
        used, counts = rows.examples(where, table.table[prop].to_numpy(), len(table.edges[prop]) - 1)
        x = torch.cat(list(_read(reader, latents, used)))
        fitted[prop] = probes.fit(x, counts.to(x.device), counts.to(x.device), [penalty], iterations)  # one penalty, so nothing to validate
    return fitted


@torch.no_grad()
def _read(reader: Reader, latents: Latents, rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """What a reader makes of rows of latents, some at a time."""
    for part in rows.split(BATCH):
        yield reader(latents[part.to(latents.device)])


def _predicted(probe: Probe, reader: Reader, rows: Rows, where: np.ndarray) -> np.ndarray:
    """The class that a probe names for each frame that is marked in bool [frames]."""
    used, at = np.unique(rows.of_frame[where], return_inverse=True)
    read = _read(reader, rows.latents.to(determinism.device()), torch.from_numpy(used))
    return np.concatenate([probe.predict(x.to(probe.weight.device)) for x in read])[at]


def _on_ensembles(table: Frames, rows: Rows, sae: SparseAutoencoder, probe: Probe, seed: int) -> dict[str, Any] | None:
    """How often the pitch probe agrees with the tracker on test ensembles; None where there are none."""
    of = table.table
    ensemble = ((of["split"] == "test") & ~of["monophonic"] & (of["part"] != "drums") & (of["pitch"] >= 0)).to_numpy()
    if not ensemble.any():
        return None
    predicted = _predicted(probe, sae.encode, rows, ensemble)
    return probes.score(predicted, of.loc[ensemble, "pitch"].to_numpy(), of.loc[ensemble, "piece"].astype(str).to_numpy(), seed)


def _top(table: Frames, rows: Rows, sae: SparseAutoencoder, probe: Probe, prop: str, k: int) -> tuple[int, float]:
    """The feature that adds most to the score of a class over its training frames, and how much."""
    members = torch.from_numpy(rows.of_frame[table.rows("train", prop) & (table.table[prop] == k).to_numpy()])
    # One block, as in `_total` of `audiosae.sae.model`.
    sums = torch.empty(len(members.split(BATCH)), probe.weight.shape[1], device=determinism.device())
    for number, x in enumerate(_read(sae.encode, rows.latents.to(determinism.device()), members)):
        sums[number] = x.sum(dim=0)
    return probes.top_features(probe, sums.sum(dim=0).cpu() / len(members), k, 1)[0]


def _write_sounds(
    folder: Path, table: Frames, rows: Rows, sae: SparseAutoencoder, fitted: dict[str, Probe], manifest: pd.DataFrame
) -> dict[str, list[dict[str, Any]]]:
    """Write the moments in which the top feature of a class is strongest, and say which features these are."""
    train = table.rows("train")
    sounding: dict[str, dict[str, Sound]] = {}
    named: dict[str, list[dict[str, Any]]] = {prop: [] for prop in labels.PROPERTIES}
    for prop in labels.PROPERTIES:
        of_classes = table.table.loc[table.rows("train", prop), prop]
        for k in (int(np.quantile(of_classes, quantile, method="nearest")) for quantile in QUANTILES):
            feature, contribution = _top(table, rows, sae, fitted[prop], prop, k)
            named[prop].append({"class": k, "feature": feature, "contribution": contribution})
    wanted = sorted({one["feature"] for of in named.values() for one in of})
    latents = rows.latents.to(determinism.device())
    activations = np.concatenate([x[:, wanted].cpu().numpy() for x in _read(sae.encode, latents, torch.arange(len(latents)))])
    for prop, k, feature in ((prop, one["class"], one["feature"]) for prop, of in named.items() for one in of):
        activation = activations[rows.of_frame[train], wanted.index(feature)]
        moments = table.table.loc[train, ["clip", "time"]].assign(activation=activation)
        moments = moments.sort_values("activation", ascending=False, kind="stable").drop_duplicates("clip").head(MOMENTS)
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
