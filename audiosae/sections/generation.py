"""What a music generator decides first, and whether it can be steered on the way (the paper's section 5).

Run as ``python -m audiosae.sections.generation --name small-diffrhythm --generator embedded --vae embedded …``. Writes
results/generation/NAME.json and NAME_curves.csv, what else the page shows into data/generation/NAME, and its sounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, codecs, corpus, frames, generation, steering
from audiosae.audio import loudness
from audiosae.audio.labels import PROPERTIES
from audiosae.files import determinism, results, whole
from audiosae.generation import flow, guided_steering, instruments, quality, settling, trajectory
from audiosae.generation import prompts as vocabulary
from audiosae.probes import seeds as training_seeds
from audiosae.probes.seeds import Member
from audiosae.sae.reference import in_use
from audiosae.steering import Heard
from audiosae.widgets import Sound, write_switch, write_table

CODEC = "diffrhythm-vae"

JUDGE = "checkpoints/instruments.safetensors"
"""Names the instruments of pieces, see `generation.instruments`."""

MEASURED, PLAYED = 32, 8
"""How many generated pieces are measured as the clips were, and the first pieces of how many prompts a reader hears."""

VOICED = 0.3
"""Share of a piece's frames that must have a pitch for it to be followed from state to state."""


@dataclass(frozen=True)
class Generation:
    """What the page shows: figures of `settling` and `guided_steering`, and generated pieces beside real ones, see `quality`."""

    figures: dict[str, Any]  # as in results/generation/NAME.json
    curves: pd.DataFrame
    moved: pd.DataFrame
    steering: pd.DataFrame
    frechet: pd.Series
    spread: pd.DataFrame
    instrument: pd.DataFrame | None  # None where the corpus does not name two
    arrays: dict[tuple[str, str], np.ndarray]
    """By what it is and property: of a path of `trajectory.PATHS` the mean probabilities [states, classes] by the classifiers in use; of
    "generated" and "test clips" how many frames are in each class [classes]; and "edges" of the classes."""
    sounds: Path  # folder of a table, "examples", and two switches, "states" and "steered"


def run(
    name: str, generator: str, vae: str, tracker: str, texts: str, prompts: int, seconds: float, states: int, strength: float, batch: int,
    steered: int, steered_seconds: float, alpha: float, precision: str, seed: int, project: Path = Path("."),
) -> Generation:  # fmt: skip
    """Generate, read every state, and steer; or read what was computed with these parameters, inputs and code.

    Parameters
    ----------
    name
        Of the results.
    generator, vae
        See `generation.load`.
    tracker
        See `pitch.TRACKERS`.
    texts
        A file with one prompt a line, from the project's folder; empty for the prompts that the test clips answer.
    prompts, seconds
        How many pieces are generated, and how long each is.
    states, strength, batch
        States of a generation, noise and music among them; the guidance scale; and how many pieces are made at a time.
    steered, steered_seconds, alpha
        How many pieces are steered on the way, how long they are, and the strength of the control vector.
    precision
        Of DiffRhythm's layers; see `generation.load`.
    seed
        Of the noise, the choice of prompts and the intervals.
    project
        The project's folder.
    """
    parameters = {option: value for option, value in locals().items() if option not in ("name", "project")}
    files = {
        "data/frames": project / f"data/frames/{CODEC}",
        "weights/sae": in_use(CODEC, "sae", project=project),
        "weights/probes": in_use(CODEC, "probes", project=project),
        "weights/generator": codecs.source("generator", generator),
        "weights/judge": project / JUDGE,
    }
    for number, (sae, probes) in enumerate(training_seeds.trained(CODEC, project)[1:], start=1):
        files |= {f"weights/sae, seed {number}": sae, f"weights/probes, seed {number}": probes}
    if vae not in ("embedded", "released"):
        files["weights/codec"] = codecs.source(CODEC, vae)
    if texts:
        files["texts"] = project / texts
    made = partial(results.provenance, files, parameters, "audiosae.sections.generation")
    figures, rounded = (project / f"results/generation/{name}{ending}" for ending in (".json", "_curves.csv"))
    folder, sounds = project / "data/generation" / name, project / "book/_static/sounds" / name
    written = [rounded, *(folder / file for file in ("curves.csv", "moved.csv", "arrays.npz"))]
    written += [sounds / widget / "index.json" for widget in ("examples", "states", "steered")]
    if results.current(figures, made(), *written):
        return _load(figures, folder, sounds)

    windows = guided_steering.thirds(states)
    device = determinism.prepare(seed)
    table = frames.load(files["data/frames"])
    codec, members = codecs.load(CODEC, vae).to(device), [one.to(device) for one in training_seeds.load(CODEC, project)]
    studio = _Studio(codec, generation.load(generator, vae, precision).to(device), members[0], table, tracker, states, strength)
    manifest = corpus.load(project / "data/corpus")
    asked = _asked(files.get("texts"), manifest, project, prompts, seed)
    seeds = [seed + 1 + number for number in range(prompts)]
    length, shorter = (int(np.ceil(duration * codec.frame_rate)) for duration in (seconds, steered_seconds))
    readers = {"": members, trajectory.UNTRAINED: [trajectory.untrained(member, seed + n) for n, member in enumerate(members)]}
    final, readings = trajectory.generate(studio.generator, asked, seeds, readers, length, states, strength, batch)
    judge = instruments.load(files["weights/judge"])
    described: list[np.ndarray] = []
    waves: list[np.ndarray] = []
    for piece in tqdm(final, desc="decoding", unit="piece"):
        wave = steering.render(codec, piece)
        described.append(instruments.describe(wave, codec.sample_rate))
        waves += [wave] if len(waves) < MEASURED else []
    _write_examples(sounds / "examples", asked, waves, codec.sample_rate)
    heard = quality.classes(waves, codec.sample_rate, tracker, codec.frame_rate, table.edges)
    noise = studio.generator.noise(seeds, length).cpu().numpy()
    judgement, arrays = _music(studio, final.cpu().numpy(), noise, heard, seed)
    judgement["instrument"] = _recognition(studio, judge, np.stack(described), asked, manifest)
    arrays["chance/instrument"] = np.array(1 / len(judge.names))
    voiced = (heard["pitch"] >= 0).groupby(heard["piece"]).mean()
    clear = [number for number in voiced.index if "alone" in asked[number] and voiced[number] >= VOICED]
    played = clear[0] if clear else 0
    _write_states(sounds / "states", studio, asked[played], seeds[played], length)
    fewer = list(dict.fromkeys([*clear, *range(prompts)]))[:steered]  # those in which a pitch is heard come first
    own, start = [asked[number] for number in fewer], studio.generator.noise([seeds[number] for number in fewer], shorter)
    moved = _steer(sounds / "steered", studio, own, start, windows, alpha)
    arrays |= {f"{path}/{prop}": readings[path, prop].p[:, 0].mean(axis=1) for path in trajectory.PATHS for prop in PROPERTIES}
    curves, steered_table = settling.curves(readings, seed), guided_steering.summarise(moved, seed)
    steered_rows = steered_table.astype(object).where(steered_table.notna(), None).to_dict("records")  # None where no piece counts
    summary = {**settling.summarise(readings, seed), "judgement": judgement, "steering": steered_rows, "seeds": len(members)}
    whole.write(rounded, curves.to_csv(index=False, float_format="%.6g"))
    whole.write(folder / "curves.csv", curves.to_csv(index=False))
    whole.write(folder / "moved.csv", moved.to_csv(index=False))
    with whole.writing(folder / "arrays.npz") as partly, open(partly, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    results.write(figures, {**summary, "provenance": made()})  # now it is known which programs ran
    return _load(figures, folder, sounds)


def _load(path: Path, folder: Path, sounds: Path) -> Generation:
    """What the page shows, from files."""
    figures = results.read(path)
    judgement = figures["judgement"]
    curves, moved = (pd.read_csv(folder / file) for file in ("curves.csv", "moved.csv"))
    with np.load(folder / "arrays.npz") as stored:
        arrays = {tuple(key.split("/")): values for key, values in stored.items()}
    instrument = {who: rates for who, rates in judgement["instrument"].items() if rates}
    chance = {"by chance, first": float(arrays.pop(("chance", "instrument")))}
    frechet = pd.Series(judgement["frechet"])[["test clips", "generated", "noise"]]
    spread = pd.DataFrame(judgement["spread"]).T[list(PROPERTIES)]
    heard = pd.DataFrame(instrument).T.assign(**chance).astype({"pieces": int}) if instrument else None
    return Generation(figures, curves, moved, pd.DataFrame(figures["steering"]), frechet, spread, heard, arrays, sounds)


@dataclass(frozen=True)
class _Studio:
    """A generator, the codec that decodes its music, and all that reads and measures it."""

    codec: codecs.Codec
    generator: generation.Generator
    reader: Member
    table: frames.Frames
    tracker: str
    states: int
    guidance_scale: float

    def sample(self, velocity: flow.Velocity, noise: torch.Tensor, **options: Any) -> flow.Trajectory:
        return flow.sample(velocity, noise, self.states, self.guidance_scale, **options)

    def hear(self, latents: Iterable[torch.Tensor]) -> tuple[list[np.ndarray], list[Heard]]:
        """Decode pieces, and measure them as the clips were measured."""
        waves = [steering.render(self.codec, one) for one in tqdm(latents, desc="decoding", unit="piece")]
        return waves, [steering.listen(wave, self.codec.sample_rate, self.tracker, self.codec.frame_rate) for wave in waves]


def _asked(texts: Path | None, manifest: pd.DataFrame, project: Path, count: int, seed: int) -> list[str]:
    """Prompts from a file, or those that the test clips answer, in random order; the first ones again where there are too few."""
    if texts:
        asked = [line.strip() for line in texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        asked = vocabulary.of_corpus(manifest[manifest["split"] == "test"], corpus.load_notes(project / "data/corpus"))
        asked = [asked[number] for number in np.random.default_rng(seed).permutation(len(asked))]
    return [asked[number % len(asked)] for number in range(count)]


def _write_examples(folder: Path, asked: Sequence[str], waves: Sequence[np.ndarray], sample_rate: int) -> None:
    """The first piece of each of some prompts."""
    shown = list(dict.fromkeys(asked[: len(waves)]))[:PLAYED]
    levelled = loudness.match_loudness([waves[asked.index(prompt)] for prompt in shown], sample_rate)
    rows = {prompt: {"generated": Sound(wave, sample_rate)} for prompt, wave in zip(shown, levelled, strict=True)}
    write_table(folder, rows, "The first generated piece for each prompt, matched in loudness.")


def _music(
    studio: _Studio, final: np.ndarray, noise: np.ndarray, heard: pd.DataFrame, seed: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Whether it is music: figures for results/, and arrays for the page."""
    table = studio.table
    sets = {"test clips": quality.clips(table, "test"), "generated": final, "noise": noise}
    real, other = (table.table[table.rows(split)][list(PROPERTIES)] for split in ("test", "train"))
    judgement = {
        "frechet": quality.distances(sets, quality.clips(table, "train"), round(studio.codec.frame_rate), seed),
        "spread": {"generated": quality.spread(heard, real), "training clips": quality.spread(other, real)},
    }
    arrays = {}
    for prop, edges in table.edges.items():
        arrays[f"edges/{prop}"] = edges
        for who, of in (("generated", heard[prop]), ("test clips", real[prop])):
            arrays[f"{who}/{prop}"] = np.bincount(of[of >= 0], minlength=len(edges) - 1)
    return judgement, arrays


def _recognition(
    studio: _Studio, judge: instruments.Judge, generated: np.ndarray, asked: Sequence[str], manifest: pd.DataFrame
) -> dict[str, dict[str, float] | None]:
    """How often the judge hears the instrument that was asked for, and how often that of test clips, as they are and decoded."""
    test, rate = manifest[manifest["split"] == "test"], studio.codec.sample_rate
    names = [vocabulary.plain(str(name)) for name in test["instrument"]]
    original, decoded = [], []
    for row in test.itertuples():
        original.append(instruments.describe(audio.for_codec(*audio.read(row.file), rate, studio.codec.channels), rate))
        latents = studio.table.latents[(studio.table.table["clip"] == row.clip).to_numpy()]
        decoded.append(instruments.describe(steering.render(studio.codec, latents), rate))
    return {
        "generated": instruments.shares(judge.places(generated, list(map(vocabulary.instrument, asked)))),
        "test clips, decoded": instruments.shares(judge.places(np.stack(decoded), names)),
        "test clips": instruments.shares(judge.places(np.stack(original), names)),
    }


def _write_states(folder: Path, studio: _Studio, prompt: str, seed: int, length: int) -> None:
    """One generation, state by state: as it is, and the estimate of where it will end, with one gain for all."""
    trip = studio.sample(studio.generator.velocity([prompt]), studio.generator.noise([seed], length), progress="generating")
    ways = {"the state itself": trip.noisy[:, 0], "the estimate of the music": trip.clean[:, 0]}
    last = studio.states - 1  # where both ways are the music, which is decoded once
    waves, heard = studio.hear([*trip.noisy[:, 0], *trip.clean[:-1, 0]])
    waves, heard = [*waves, waves[last]], [*heard, heard[last]]
    levelled = loudness.shared_gain(waves)
    gone = {}
    for way, latents in ways.items():
        read = trajectory.read(latents[:, None], [studio.reader])
        gone[way] = {prop: np.nan_to_num(settling.share_of_way(read[prop].p)[:, 0, 0]).round(4).tolist() for prop in PROPERTIES}

    def play(sound: str, state: int) -> Sound:
        place = list(ways).index(sound) * studio.states + state
        return Sound(levelled[place], studio.codec.sample_rate, steering.readout(heard[place]))

    axes: dict[str, list[Any]] = {"sound": list(ways), "state": list(range(studio.states))}
    caption = "Which comes first: a note, a colour, a level? What is measured stands below."
    curves = {"label": "progress of this piece", "by": "sound", "sets": gone}
    write_switch(folder, f"From noise to music: {prompt}", axes, play, caption, pictures=True, curves=curves)


def _steer(folder: Path, studio: _Studio, own: list[str], start: torch.Tensor, windows: dict[str, range], alpha: float) -> pd.DataFrame:
    """Steer some pieces early or late, by control vector or by another prompt: what became of each, and the sounds of the first."""
    table, edges = studio.table, studio.table.edges
    ours = studio.generator.velocity(own)
    path = studio.sample(ours, start, progress="not steered").noisy
    unsteered, before = studio.hear(path[-1])
    moved, first = [], {}
    for prop in PROPERTIES:
        classes = table.table.loc[table.rows("train", prop), prop].to_numpy()
        goals = steering.targets(classes, [0.1, 0.9], table.frame_rate if prop == "pitch" else None)
        towards = guided_steering.furthest([heard.places(edges)[prop] for heard in before], goals)
        directions = torch.stack([studio.reader.probes[prop].weight[k] for k in towards])
        asking = studio.generator.velocity(vocabulary.opposite(own, prop))
        _, there = studio.hear(studio.sample(asking, start, progress=f"{prop}: the other prompts").noisy[-1])
        reached = [heard.places(edges)[prop] for heard in there]
        for when, window in windows.items():
            for way, velocity, steer, target in (
                ("control vector", ours, guided_steering.control(studio.reader.sae, directions, alpha, window), towards),
                ("another prompt", guided_steering.changed(ours, asking, window, studio.states), None, reached),
            ):
                # What lies before the window is as it was.
                waves, after = studio.hear(studio.sample(velocity, path[window.start], steer=steer, first=window.start).noisy[-1])
                found = guided_steering.effect(before, after, prop, target, edges)
                moved.append(pd.DataFrame({"way": way, "property": prop, "window": when, "prompt": own}).join(found))
                first[way, prop, when] = waves[0], after[0]

    @cache
    def levelled(way: str, prop: str) -> list[np.ndarray]:
        row = [unsteered[0], *(first[way, prop, when][0] for when in windows)]
        return loudness.shared_gain(row) if prop == "amplitude" else loudness.match_loudness(row, studio.codec.sample_rate)

    def compare(way: str, property: str, steered: str) -> Sound:
        heard = before[0] if steered == "not" else first[way, property, steered][1]
        return Sound(levelled(way, property)[["not", *windows].index(steered)], studio.codec.sample_rate, steering.readout(heard))

    axes = {"way": ["control vector", "another prompt"], "property": list(PROPERTIES), "steered": ["not", *windows]}
    caption = "Does the sound follow when it is pushed early? When it is pushed late?"
    write_switch(folder, f"Steered on the way: {own[0]}", axes, compare, caption)
    return pd.concat(moved, ignore_index=True)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
