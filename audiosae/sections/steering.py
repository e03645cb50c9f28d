"""Steering one property of real clips, for one codec (the paper's sections 3.3 and 4.3): what moves, and what moves with it.

Run as ``python -m audiosae.sections.steering --codec encodec --weights embedded --tracker swift-f0 --alphas 1 10 20 30 …``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, codecs, corpus, frames, probes, steering
from audiosae.audio import labels, loudness
from audiosae.codecs import Codec
from audiosae.files import determinism, results, whole
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder
from audiosae.steering import Heard
from audiosae.widgets import Sound, write_switch, write_table

VOICED = 0.3
"""Share of a clip's frames that must have a pitch for it to be steered."""

HEARD = 4
"""How many of the steered clips a reader hears, spread over the list."""


@dataclass(frozen=True)
class Steering:
    """What the page shows."""

    figures: dict[str, Any]
    """As in results/steering/CODEC.json: ``properties``, of each the figures of `steering.summarise`, and ``provenance``."""
    targets: pd.DataFrame
    """One row a property and target: property, class, target (in words), step: α‖w‖/‖f‖ at the figures' α."""
    heard: pd.DataFrame
    """One row a clip, property, target and α, as for `steering.effects`."""
    sounds: Path
    """Folder of a table, "reconstructed", and a switch, "steering"."""


def run(
    codec: str, weights: str, tracker: str, alphas: list[int | float], quantiles: list[float], clips: int, seed: int,
    project: Path = Path("."),
) -> Steering:  # fmt: skip
    """Steer test clips, or read what was computed with these parameters, inputs and code.

    Parameters
    ----------
    codec, weights
        See `codecs.load`.
    tracker
        See `pitch.TRACKERS`.
    alphas
        Strengths of steering; figures are taken at 20, or at the largest where 20 is not among them.
    quantiles
        Low and high targets: quantiles of the training frames.
    clips
        How many monophonic test clips are steered.
    seed
        Of the intervals.
    project
        The project's folder.
    """
    parameters = {option: value for option, value in locals().items() if option != "project"}
    files = {
        "data/frames": project / f"data/frames/{codec}.arrow",
        "weights/sae": project / f"checkpoints/sae/{codec}.safetensors",
        "weights/probes": project / f"checkpoints/probes/{codec}.safetensors",
    }
    if weights not in ("embedded", "released"):
        files["weights/codec"] = codecs.source(codec, weights)
    made = partial(results.provenance, files, parameters, "audiosae.sections.steering")
    figures, tables = project / f"results/steering/{codec}.json", project / f"data/steering/{codec}"
    sounds = project / f"book/_static/sounds/{codec}/04_steering"
    written = [tables / "targets.csv", tables / "heard.csv", sounds / "reconstructed/index.json", sounds / "steering/index.json"]
    if not results.current(figures, made(), *written):
        device = determinism.prepare(seed)
        model, sae = codecs.load(codec, weights).to(device), SparseAutoencoder.load(files["weights/sae"]).to(device)
        fitted, table = probes.load(files["weights/probes"]), frames.load(files["data/frames"])
        desk = _Desk(model, sae, fitted, table, corpus.load(project / "data/corpus").set_index("clip"), tracker)
        figures.unlink(missing_ok=True)  # from here on its sounds may be new: a run that is killed leaves no figures beside them
        write_table(sounds / "reconstructed", desk.reconstructions(), "One test clip of each part, matched in loudness.")
        goals = desk.goals(quantiles)
        chosen = desk.single_voices(clips)
        heard = pd.DataFrame([row for clip in tqdm(chosen, desc="steering", unit="clip") for row in desk.effects(clip, goals, alphas)])
        desk.write_switch(sounds / "steering", chosen[:: max(1, len(chosen) // HEARD)][:HEARD], goals, quantiles, alphas)
        strongest = 20 if 20 in alphas else max(alphas)
        rows = []
        for prop, k in [(prop, k) for prop, ks in goals.items() for k in ks]:
            step = steering.relative_strength(sae, fitted[prop].weight[k], strongest)
            rows.append((prop, k, labels.class_name(prop, k, table.edges[prop]), step))
        targets = pd.DataFrame(rows, columns=["property", "class", "target", "step"])
        whole.write(tables / "targets.csv", targets.to_csv(index=False))
        whole.write(tables / "heard.csv", heard.to_csv(index=False))
        effects = steering.effects(heard)
        summary = {prop: steering.summarise(effects, heard, prop, strongest, seed) for prop in goals}
        for prop, ks in goals.items():
            summary[prop] |= {"targets": ks, "relative_strength": targets.loc[targets["property"] == prop, "step"].tolist()}
        results.write(figures, {"properties": summary, "provenance": made()})  # now it is known which programs ran
    # Text stays text: a clip may well be called 007, or NA.
    targets, heard = (pd.read_csv(path, dtype={"clip": str}, keep_default_na=False, na_values=[""]) for path in written[:2])
    return Steering(results.read(figures), targets, heard, sounds)


class _Desk:
    """A codec with all that steers it; each sound is made and measured once."""

    def __init__(
        self, codec: Codec, sae: SparseAutoencoder, fitted: dict[str, Probe], table: Frames, manifest: pd.DataFrame, tracker: str
    ) -> None:
        self.codec, self.sae, self.fitted, self.table, self.manifest, self.tracker = codec, sae, fitted, table, manifest, tracker
        self._once = cache(self._steer)
        self._original = cache(lambda clip: self._heard(self._read(clip)))

    def reconstructions(self) -> dict[str, dict[str, Sound]]:
        """One test clip of each part: the original, decoded, and decoded from the SAE."""
        rows = {}
        for row in self.manifest[self.manifest["split"] == "test"].drop_duplicates("part").itertuples():
            x = self._latents(row.Index)
            with torch.no_grad():
                through = [steering.render(self.codec, y) for y in (x, self.sae.decode(self.sae.encode(x)))]
            waves = loudness.match_loudness([self._read(row.Index), *through], self.codec.sample_rate)
            sounds = [Sound(wave, self.codec.sample_rate) for wave in waves]
            rows[f"{row.part}: {row.instrument}"] = dict(zip(("original", "decoded", "decoded from the SAE"), sounds, strict=True))
        return rows

    def goals(self, quantiles: list[float]) -> dict[str, list[int]]:
        """Target classes of each property."""
        rows = {prop: self.table.rows("train", prop) for prop in labels.PROPERTIES}
        return {prop: steering.targets(self.table.table.loc[kept, prop].to_numpy(), quantiles) for prop, kept in rows.items()}

    def single_voices(self, count: int) -> list[str]:
        """Monophonic test clips that have a pitch for long enough, spread evenly over the list."""
        table = self.table.table
        voiced = table[self.table.rows("test", "pitch")].groupby("clip", observed=True, sort=True).size()
        voiced = voiced[voiced >= VOICED * table.groupby("clip", observed=True).size().reindex(voiced.index)]
        return list(voiced.index[np.linspace(0, len(voiced) - 1, min(count, len(voiced))).astype(int)])

    def effects(self, clip: str, goals: Mapping[str, Sequence[int]], alphas: Sequence[float]) -> Iterator[dict[str, Any]]:
        """Where each steering of a clip took each property, in bins: rows for `steering.effects`."""
        _, before = self.steered(clip, "pitch", goals["pitch"][0], 0)
        for prop, ks in goals.items():
            for k, alpha in itertools.product(ks, alphas):
                _, after = self.steered(clip, prop, k, alpha)
                row = {"clip": clip, "steered": prop, "target": k, "alpha": alpha}
                for when, heard in (("before", before), ("after", after)):
                    row |= {f"{p}_{when}": place for p, place in heard.places(self.table.edges).items()}
                yield row

    def steered(self, clip: str, prop: str, k: int, alpha: float) -> tuple[np.ndarray, Heard]:
        """Wave and measurements of one steered clip; α = 0 is the SAE's reconstruction whatever the target."""
        return self._once(clip, prop, k, alpha) if alpha else self._once(clip, labels.PROPERTIES[0], 0, 0)

    def _steer(self, clip: str, prop: str, k: int, alpha: float) -> tuple[np.ndarray, Heard]:
        direction = self.fitted[prop].weight[k].to(next(self.sae.parameters()).device)
        return self._heard(steering.render(self.codec, steering.steer(self.sae, self._latents(clip), direction, alpha)))

    def write_switch(
        self, folder: Path, clips: Sequence[str], goals: Mapping[str, Sequence[int]], quantiles: Sequence[float], alphas: Sequence[float]
    ) -> None:
        """Sounds of some clips at every strength, 0 among them, with the original beside each."""
        spread = {f"{self.manifest.loc[clip, 'instrument']} ({clip})": clip for clip in clips}
        names = ["low", "high"] if len(quantiles) == 2 else [f"{q:.0%} of the training frames lie below" for q in quantiles]
        strengths = [0, *alphas]

        @lru_cache(maxsize=1)
        def levelled(clip: str, prop: str, k: int) -> tuple[Sound, list[np.ndarray]]:
            """The original and every strength of one steering, to compare by ear: with one gain where loudness is the subject."""
            original, heard = self._original(clip)
            row = [original, *(self.steered(clip, prop, k, alpha)[0] for alpha in strengths)]
            original, *row = loudness.shared_gain(row) if prop == "amplitude" else loudness.match_loudness(row, self.codec.sample_rate)
            return Sound(original, self.codec.sample_rate, steering.readout(heard)), row

        def render(clip: str, property: str, target: str, α: float) -> Sound:
            k = goals[property][names.index(target)]
            original, row = levelled(spread[clip], property, k)
            aim = {"target": f"{property} {labels.class_name(property, k, self.table.edges[property])}"}
            readout = aim | steering.readout(self.steered(spread[clip], property, k, α)[1])
            return Sound(row[strengths.index(α)], self.codec.sample_rate, readout, beside=original)

        axes: dict[str, list[Any]] = {"clip": list(spread), "property": list(labels.PROPERTIES), "target": names, "α": strengths}
        caption = "Does the chosen property move, and do the others stay?"
        write_switch(folder, "Steering one property of a sound", axes, render, caption, beside="the original", pictures=True)

    def _read(self, clip: str) -> np.ndarray:
        """[channels, samples] as the codec takes it."""
        return audio.for_codec(*audio.read(self.manifest.loc[clip, "file"]), self.codec.sample_rate, self.codec.channels)

    def _heard(self, wave: np.ndarray) -> tuple[np.ndarray, Heard]:
        return wave, steering.listen(wave, self.codec.sample_rate, self.tracker, self.codec.frame_rate)

    def _latents(self, clip: str) -> torch.Tensor:
        """[frames, dim]."""
        x = torch.from_numpy(self.table.latents[(self.table.table["clip"] == clip).to_numpy()].copy())
        return x.to(next(self.sae.parameters()).device)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
