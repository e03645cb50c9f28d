"""Steering one property of real clips, for one codec (the paper's sections 3.3 and 4.3): what moves, and what moves with it.

Run as ``python -m audiosae.sections.steering --codec encodec --weights embedded --tracker swift-f0 --alphas 20 30 …``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from audiosae import audio, codecs, corpus, engine, frames, probes, steering
from audiosae.audio import labels, loudness
from audiosae.codecs import Codec
from audiosae.errors import NothingToShow
from audiosae.files import determinism, results, whole
from audiosae.frames import Frames
from audiosae.numbers import number
from audiosae.probes import Probe
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder, reference
from audiosae.sae.reference import in_use
from audiosae.steering import methods, response, trial, validity
from audiosae.steering.response import STRENGTHS, TARGETS, Goal, Goals
from audiosae.steering.trial import Sound as Steered
from audiosae.widgets import Sound, write_switch, write_table

DIRECTIONS = 2  # random ones, beside those of the probes
HEARD = 2  # how many of the steered clips are recorded for readers, spread over the list; the desk steers any
RECORDED = (-1.0, 0.0, 1.0, 2.0)  # with which strengths
SHARES = (0.0, 0.5, 1.0)  # of the way to a target, by signal processing

LACKS = "These latents have no decoder, so there is no sound to steer. Sections 1 to 3 and the feature browser show what they hold."
Made = tuple[Steered, dict[str, str]]
"""A sound, and words on how it was made."""

Mover = Callable[[torch.Tensor, str, Goal], list[Made]]
"""Takes latents [frames, dim], a property and a target, and gives the sounds of all steps of a switch."""

_NUMBERS = ("direction", "alpha", *(f"{prop}_{when}" for prop in labels.PROPERTIES for when in ("before", "after")))


@dataclass(frozen=True)
class Steering:
    """What the page shows."""

    figures: dict[str, Any]  # as in results/steering/CODEC.json: "properties", of each the figures of `response.respond`
    measured: pd.DataFrame  # one row a steered sound, as for `response.respond`
    sounds: Path  # folder of a table, "reconstructed", and two switches, "steering" and "processed"


def run(
    codec: str, weights: str, tracker: str, alphas: list[int | float], quantiles: list[float], clips: int, seconds: float, seed: int,
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
        The paper's strengths at which sounds are measured, beside `response.STRENGTHS`.
    quantiles
        Low and high targets: quantiles of the training frames.
    clips, seconds
        How many test clips with one voice are steered, and how much of each, from its beginning. Readers hear whole clips.
    seed
        Of the random directions and the intervals.
    project
        The project's folder.
    """
    parameters = {option: value for option, value in locals().items() if option != "project"}
    files = {
        "data/frames": project / f"data/frames/{codec}",
        "weights/sae": in_use(codec, "sae", project=project),
        "weights/probes": in_use(codec, "probes", project=project),
    }
    if weights not in ("embedded", "released"):
        files["weights/codec"] = codecs.source(codec, weights)
    made = partial(results.provenance, files, parameters, "audiosae.sections.steering")
    figures, measured = project / f"results/steering/{codec}.json", project / f"data/steering/{codec}/measured.csv"
    sounds = project / f"book/_static/sounds/{codec}/04_steering"
    if results.current(figures, made(), measured) and "lacks" in results.read(figures):
        raise NothingToShow(LACKS)
    if not results.current(
        figures, made(), measured, *(sounds / name / "index.json" for name in ("reconstructed", "steering", "processed"))
    ):
        device = determinism.prepare(seed)
        model, sae = codecs.load(codec, weights).to(device), reference.load(files["weights/sae"]).to(device)
        if not codecs.decodes(model):
            sounds.mkdir(parents=True, exist_ok=True)
            whole.write(measured, "")
            results.write(figures, {"properties": dict.fromkeys(labels.PROPERTIES), "lacks": LACKS, "provenance": made()})
            raise NothingToShow(LACKS)
        fitted, table = probes.load(files["weights/probes"]), frames.load(files["data/frames"])
        desk = _Desk(model, sae, fitted, table, corpus.load(project / "data/corpus").set_index("clip"), tracker, quantiles)
        figures.unlink(missing_ok=True)  # from here on its sounds may be new: a run that is killed leaves no figures beside them
        write_table(sounds / "reconstructed", desk.reconstructions(), "One test clip of each part, matched in loudness.")
        chosen = trial.single_voices(table, clips, seconds)
        shared = (codec, weights, codecs.identity(codec, weights), tracker, Member(sae, fitted), desk.goals, alphas, seed)
        made_of = engine.each(steer_clip, {clip: (clip, x, *shared) for clip, x in chosen.items()}, f"{codec}: steering", "clip")
        rows = [row for of_clip in made_of.values() for row in of_clip]
        heard = list(chosen)[:: max(1, len(chosen) // HEARD)][:HEARD]
        desk.write_switch(sounds / "steering", "Steering one property of a sound", heard, "r", RECORDED, desk.steered)
        desk.write_switch(sounds / "processed", "The same by signal processing", heard, "share of the way", SHARES, desk.processed)
        found = pd.DataFrame(rows)
        whole.write(measured, found.to_csv(index=False))
        summary = {prop: response.respond(found, prop, goals, table.edges, seed).figures for prop, goals in desk.goals.items()}
        results.write(figures, {"properties": summary, "provenance": made()})  # now it is known which programs ran
    # Text stays text: a clip may well be called 007, or NA.
    found = pd.read_csv(measured, dtype={"clip": str}, keep_default_na=False, na_values=dict.fromkeys(_NUMBERS, ""))
    return Steering(results.read(figures), found, sounds)


def steer_clip(
    clip: str, latents: torch.Tensor, codec: str, weights: str, identity: str, tracker: str, member: Member, goals: Goals,
    alphas: Sequence[float], seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows for `response.respond` of a clip with latents [frames, dim]."""
    device = determinism.device()
    model, member, x = codecs.loaded(codec, weights, identity).to(device), member.to(device), latents.to(device)
    rows = trial.by_probes(model, member, x, goals, STRENGTHS, alphas, DIRECTIONS, STRENGTHS, tracker, seed)
    return [{"seed": 0, "clip": clip, **row} for row in rows]


class _Desk:
    """A codec with all that steers it."""

    def __init__(
        self, codec: Codec, sae: SparseAutoencoder, fitted: dict[str, Probe], table: Frames, manifest: pd.DataFrame, tracker: str,
        quantiles: list[float],
    ) -> None:  # fmt: skip
        self.codec, self.sae, self.table, self.manifest, self.tracker = codec, sae, table, manifest, tracker
        self.device = next(sae.parameters()).device
        self.rows = {prop: probe.weight.to(self.device) for prop, probe in fitted.items()}
        self.goals = response.goals(table, quantiles)
        self.move = methods.along_probes(sae, self.rows)

    def reconstructions(self) -> dict[str, dict[str, Sound]]:
        """One test clip of each part: the original, decoded, and decoded from the SAE."""
        rows = {}
        for row in self.manifest[self.manifest["split"] == "test"].drop_duplicates("part").itertuples():
            x = self._latents(row.Index)
            with torch.no_grad():
                through = [steering.render(self.codec, y) for y in (x, self.sae.decode(self.sae.encode(x)))]
            waves = loudness.match_loudness([self._read(row.Index), *through], self.codec.sample_rate)
            named = zip(("original", "decoded", "decoded from the SAE"), waves, strict=True)
            rows[f"{row.part}: {row.instrument}"] = {name: Sound(wave, self.codec.sample_rate) for name, wave in named}
        return rows

    def steered(self, x: torch.Tensor, prop: str, goal: Goal) -> list[Made]:
        """Sounds of latents x [frames, dim], pushed along the probe with each strength of `RECORDED`."""
        with torch.no_grad():
            moved = torch.stack([self.move(x, prop, goal.number, r) for r in RECORDED])
        of_one = steering.relative_strength(self.sae, x, self.rows[prop][goal.number], 1.0)
        made = trial.make(self.codec, self.sae, moved, self.tracker)
        return [(sound, {"the paper's α": number(r / of_one, 1)}) for r, sound in zip(RECORDED, made, strict=True)]

    def processed(self, x: torch.Tensor, prop: str, goal: Goal) -> list[Made]:
        """The codec's own sound of latents x [frames, dim], moved by signal processing; left as it is where it lacks the property."""
        plain = trial.measure(self.codec, steering.render(self.codec, x), self.tracker)
        waves = methods.processed(plain.wave, self.codec.sample_rate, plain.heard, prop, goal.centre, [*SHARES], self.codec.frame_rate)
        return [(trial.measure(self.codec, wave, self.tracker), {}) for wave in waves] or [(plain, {})] * len(SHARES)

    def write_switch(self, folder: Path, title: str, clips: Sequence[str], axis: str, steps: Sequence[float], moved: Mover) -> None:
        """Sounds of some clips in steps towards each target, of which one step is 0, with the original beside each."""
        spread = {f"{self.manifest.loc[clip, 'instrument']} ({clip})": clip for clip in clips}
        still = steps.index(0.0)

        @lru_cache(maxsize=1)
        def original(clip: str) -> tuple[Steered, torch.Tensor]:
            return trial.measure(self.codec, self._read(clip), self.tracker), self._latents(clip)

        @lru_cache(maxsize=1)
        def row(clip: str, prop: str, target: str) -> tuple[list[Made], list[np.ndarray], Sound]:
            """Every step, and its wave to compare by ear, with one gain where loudness is the subject; the original."""
            plain, x = original(clip)
            made = moved(x, prop, self.goals[prop][target])
            waves = [plain.wave, *(sound.wave for sound, _ in made)]
            first, *others = loudness.shared_gain(waves) if prop == "amplitude" else loudness.match_loudness(waves, self.codec.sample_rate)
            return made, others, Sound(first, self.codec.sample_rate, steering.readout(plain.heard))

        def render(clip: str, property: str, target: str, **step: float) -> Sound:
            made, waves, beside = row(spread[clip], property, target)
            place = steps.index(step[axis])
            (sound, words), signs = made[place], made[still][0].signs
            readout = {"target": f"{property} {self.goals[property][target].name}", **words}
            readout["sound"] = validity.told(validity.state(signs, sound.signs), self.codec.frame_rate)
            return Sound(waves[place], self.codec.sample_rate, readout | steering.readout(sound.heard), beside=beside)

        axes: dict[str, list[Any]] = {"clip": list(spread), "property": list(labels.PROPERTIES), "target": list(TARGETS), axis: list(steps)}
        caption = "Does the chosen property move, do the others stay, and is it still the clip?"
        write_switch(folder, title, axes, render, caption, beside="the original", pictures=True)

    def _read(self, clip: str) -> np.ndarray:
        """[channels, samples] as the codec takes it."""
        return audio.for_codec(*audio.read(self.manifest.loc[clip, "file"]), self.codec.sample_rate, self.codec.channels)

    def _latents(self, clip: str) -> torch.Tensor:
        """[frames, dim]."""
        return self.table.latents[(self.table.table["clip"] == clip).to_numpy()].to(self.device)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
