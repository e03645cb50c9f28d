"""The sections that split, under each engine and with one or two workers: how long they take, whether they write the same bytes, and what more workers would bring.

    .venv/bin/python benchmarks/engines.py [--codec diffrhythm-vae] [--engines loky:1 loky:2 dask:2 ray:2]

Each engine works in a copy of the project with the corpus of this one; its stages run one after another, in processes of their own. A stage's time
is that of what splits, by piece, and of all else. From one worker's times follows what W workers would take, if nothing held them up:

    T(W) = serial + Σ over what splits of ⌈pieces / W⌉ · seconds a piece

What this leaves out is the start of workers, some seconds a stage, and that cores of one machine share its memory.

Prints Markdown. The exit status is 1 if any byte differs.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from audiosae import command
from audiosae.files import params, whole
from audiosae.pipeline.released import copy_project

ROOT = Path(__file__).resolve().parents[1]

STAGES = ("labels", "extraction", "sae_training", "probing")
"""In the order in which they need each other."""

AHEAD = (1, 2, 16, 256)
"""Workers for which times are worked out."""

CHILD = """
import json, sys, time
began = time.perf_counter()
from audiosae import engine
each, split = engine.each, []
def timed(work, pieces, label, unit):
    start = time.perf_counter()
    found = each(work, pieces, label, unit)
    split.append((label, len(pieces), time.perf_counter() - start))
    return found
engine.each = timed
{call}
print(json.dumps({{"seconds": time.perf_counter() - began, "split": split}}))
"""


def calls(codec: str, said: dict[str, Any]) -> dict[str, str]:
    """What each stage runs, as Python."""
    given = {name: ", ".join(f"{key}={value!r}" for key, value in said[name].items()) for name in STAGES[1:]}
    weights = said["codecs"][codec]["weights"]
    return {
        "labels": "from pathlib import Path\nfrom audiosae.frames import labelling\n"
        f"labelling.stage(Path('data/corpus'), Path('data/labels.arrow'), Path('results/bins.json'), {given['extraction']})",
        "extraction": f"from audiosae.sections import extraction\nextraction.run({codec!r}, weights={weights!r}, {given['extraction']})",
        "sae_training": f"from audiosae.sections import sae_training\nsae_training.run({codec!r}, {given['sae_training']})",
        "probing": f"from audiosae.sections import probing\nprobing.run({codec!r}, {given['probing']})",
    }


def copy(folder: Path, backend: str, workers: int) -> Path:
    """What git keeps, with the corpus, the weights and the environment of this project, and an engine of its own."""
    project = folder / f"{backend}-{workers}"
    copy_project(ROOT, project)
    for name in ("data/corpus", "checkpoints"):
        shutil.copytree(ROOT / name, project / name)
    said = f'engine: {{backend: {backend}, workers: {workers}, address: ""}}\n\n'
    text = (project / "params.yaml").read_text(encoding="utf-8")
    whole.write(project / "params.yaml", re.sub(r"^engine:.*?\n\n", said, text, count=1, flags=re.DOTALL | re.MULTILINE))
    return project


def own(project: Path) -> dict[str, str]:
    """An environment in which a copy's own package is found, by workers too, and threads that wait do not spin, as in dvc.yaml."""
    return {**os.environ, "PYTHONPATH": str(project), "PYTHONHASHSEED": "0", "GOMP_SPINCOUNT": "10000"}


def run(codec: str = "diffrhythm-vae", engines: tuple[str, ...] = ("loky:1", "loky:2", "dask:1", "dask:2", "ray:1", "ray:2")) -> None:
    """Time the stages under some engines, the first of them with one worker; each is given as BACKEND:WORKERS."""
    said, times, written = params.read(ROOT / "params.yaml"), {}, {}
    said["sae_training"]["seeds"], said["probing"]["iterations"] = 2, 20  # shorter, and split in the same way
    with tempfile.TemporaryDirectory(prefix="audiosae-engines-") as folder:
        for each in engines:
            backend, workers = each.split(":")
            project, times[each] = copy(Path(folder), backend, int(workers)), {}
            for stage, call in calls(codec, said).items():
                print(f"{each}: {stage}", file=sys.stderr, flush=True)
                command_line = [".venv/bin/python", "-c", CHILD.format(call=call)]
                done = subprocess.run(command_line, cwd=project, env=own(project), stdout=subprocess.PIPE, text=True, check=True)
                times[each][stage] = json.loads(done.stdout.splitlines()[-1])
            made = (project / name for name in ("data", "results", "checkpoints", "book/_static/sounds"))
            written[each] = {
                str(path.relative_to(project)): whole.file_hash(path)
                for place in made
                for path in sorted(place.rglob("*"))
                if path.is_file()
            }
            shutil.rmtree(project)
    print(f"| {codec} | " + " | ".join(f"{each}, s" for each in engines) + " |\n|---" + "|---" * len(engines) + "|")
    for stage in STAGES:
        print(f"| {stage} | " + " | ".join(f"{times[each][stage]['seconds']:.0f}" for each in engines) + " |")
    first = engines[0]
    differing = {each: [name for name in written[first] if written[each].get(name) != written[first][name]] for each in engines}
    print(
        f"\n{len(written[first])} files; that differ from {first}: "
        + ", ".join(f"{each} {len(names)}" for each, names in differing.items())
    )
    print(
        "\n| | serial, s | pieces | seconds a piece | "
        + " | ".join(f"{count} workers, s" for count in AHEAD)
        + " |\n|---"
        + "|---" * (3 + len(AHEAD))
        + "|"
    )
    for stage in STAGES:
        alone, split = times[first][stage]["seconds"], times[first][stage]["split"]
        serial = alone - sum(took for *_, took in split)
        ahead = [serial + sum(math.ceil(count / workers) * took / count for _, count, took in split) for workers in AHEAD]
        pieces = " + ".join(str(count) for _, count, _ in split)
        of_piece = " + ".join(f"{took / count:.1f}" for _, count, took in split)
        print(f"| {stage} | {serial:.1f} | {pieces} | {of_piece} | " + " | ".join(f"{value:.0f}" for value in ahead) + " |")
    if any(differing.values()):
        raise SystemExit(f"other bytes: {differing}")


if __name__ == "__main__":
    command.run(run)
