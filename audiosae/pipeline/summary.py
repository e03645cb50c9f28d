"""The stage `summary`: the figures of all stages in results/summary.json, for the book and for whoever compares.

    python -m audiosae.pipeline.summary results params.yaml

The codecs that params.yaml names count, and of the generators the first. Figures of steering are those of the evidence, over five seeds,
where that is of what is here (results/current.json), else those of section 4, from one. No time, host or commit is in it, so that equal
runs give equal bytes; a fingerprint of the arithmetic is, so that `audiosae.pipeline.verify` knows where bytes can be equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audiosae.audio.labels import PROPERTIES
from audiosae.files.params import codecs, generators
from audiosae.files.results import read, write
from audiosae.pipeline.platform_fingerprint import fingerprint

STAGES = ("extraction", "sae_training", "probing", "steering")


def summarise(results: str | Path, codecs: list[str], generator: str | None = None) -> dict[str, Any]:
    """Gather what the stages wrote into results/ for these codecs, and a generator; a `ResultsError` if a stage has not run.

    Returns
    -------
    codecs
        For each: `sae`, the grid point that later stages use, on test recordings; `probing` and `steering`, by property, where `seeds`
        says how many trainings the figures of steering are of.
    generation
        By property, see `generation.settling.summarise`.
    provenance
        For each stage and codec: hashes of inputs and code, and the parameters; and `arithmetic`, this machine's fingerprint.
    """
    gathered: dict[str, Any] = {}
    provenance: dict[str, Any] = {"data": {}, "weights": {}, "parameters": {}, "code": {}, "arithmetic": fingerprint()}

    def note(subject: str, stage: str, made: dict[str, Any]) -> None:
        for label, digest in made["inputs"].items():
            kind, what = label.split("/", 1)
            provenance[kind][f"{subject}/{what}"] = digest
        provenance["parameters"][f"{subject}/{stage}"] = made["parameters"]
        provenance["code"][f"{subject}/{stage}"] = made["code"]

    current = read(Path(results) / "current.json")["steering"]
    for codec in codecs:
        stage = {name: read(Path(results) / name / f"{codec}.json") for name in STAGES}
        for name, figures in stage.items():
            note(codec, name, figures["provenance"])
        steered = stage["steering"]["properties"]
        if current[codec] is None:
            evidence = read(Path(results) / "evidence" / "steering" / f"{codec}.json")
            note(f"{codec}/evidence", "steering", evidence["provenance"])
            steered = evidence["kinds"]["paper"]
        gathered[codec] = {
            "sae": stage["sae_training"]["chosen"],
            "probing": {prop: stage["probing"]["properties"][prop] for prop in PROPERTIES},
            "steering": {prop: steered[prop] for prop in PROPERTIES},
        }
    generation: dict[str, Any] = {}
    if generator is not None:
        figures = read(Path(results) / "generation" / f"{generator}.json")
        generation = {prop: figures["properties"][prop] for prop in PROPERTIES}
        note(generator, "generation", figures["provenance"])
    return {"codecs": gathered, "generation": generation, "provenance": provenance}


def run(folder: Path, params: Path, /) -> None:
    """Gather the results in a folder for the codecs and the first generator that params.yaml names, and write summary.json."""
    write(folder / "summary.json", summarise(folder, list(codecs(params)), next(iter(generators(params)), None)))


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
