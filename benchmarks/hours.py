"""Sections 1 to 3 on as many hours of music as the paper had: time, memory, and what lies on the disk.

    .venv/bin/python benchmarks/hours.py --folder /somewhere/large [--hours 31] [--codec encodec] [--epochs 1]

There is less music here, so clips of the corpus are repeated under other names, each time shifted in a circle and at another level, so that
their frames differ. The scores do not follow, and are left out. The folder is a copy of the project, and stays; what is done in it is not done again.

Memory is of all processes of a stage together, looked at every second: what they hold for themselves, and with it the pages of files that
they have mapped, which the kernel takes back where they are needed for something else.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from engines import ROOT, calls, copy, own

from audiosae import audio, command, corpus, engine
from audiosae.files import params

LEVELS = (0.3, 1.0)
"""Range of the factors by which clips are made unlike."""


def repeat(files: list[str], targets: list[Path], seeds: list[int]) -> None:
    """Write clips anew, each shifted and at another level."""
    for file, target, seed in zip(files, targets, seeds):
        wave, rate = audio.read(file)
        rng = np.random.default_rng(seed)
        audio.write_flac(target, rng.uniform(*LEVELS) * np.roll(wave, rng.integers(wave.shape[1]), axis=1), rate)


def write_corpus(folder: Path, hours: float) -> None:
    """Write so many hours into a folder, with their manifest."""
    manifest = corpus.load(ROOT / "data/corpus")
    turns = int(np.ceil(hours * 3600 / manifest["duration"].sum()))
    pieces, tables = {}, []
    for turn in range(turns):
        table = manifest.assign(**{name: [f"{value}-{turn}" for value in manifest[name]] for name in ("clip", "piece")})
        targets = [folder / "audio" / f"{clip}.flac" for clip in table["clip"]]
        if not all(target.is_file() for target in targets):
            pieces[f"turn {turn}"] = (table["file"].tolist(), targets, [turn * len(table) + n for n in range(len(table))])
        tables.append(table.assign(file=[f"audio/{target.name}" for target in targets]))
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    engine.each(repeat, pieces, "repeating clips", "turn")
    pd.concat(tables).to_csv(folder / "manifest.csv", index=False)
    (folder / "notes.csv").write_text("clip,start,end,midi\n")


def memory(process: psutil.Process) -> tuple[float, float]:
    """What a process and those below it hold, in GB: their own, and with mapped files; pages that several share are counted once."""
    own = everything = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            lines = dict(line.split(":") for line in Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()[1:])
        except (OSError, ValueError):  # it ended just now
            continue
        own += int(lines["Pss_Anon"].split()[0]) / 1e6
        everything += int(lines["Pss"].split()[0]) / 1e6
    return own, everything


def size(path: Path) -> float:
    """What lies in a file or folder, in GB."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()) / 1e9


def run(folder: Path, hours: float = 31.0, codec: str = "encodec", epochs: int = 1, workers: int = 2) -> None:
    """Run sections 1 to 3, and print a table in Markdown."""
    project = folder / f"loky-{workers}"
    if not (project / "params.yaml").is_file():
        copy(folder, "loky", workers)
    write_corpus(project / "data/corpus", hours)
    said = params.read(ROOT / "params.yaml")
    said["sae_training"] |= {"epochs": epochs, "seeds": 2}
    places = {
        "labels": "data/labels.arrow",
        "extraction": f"data/frames/{codec}",
        "sae_training": "data/sae_training",
        "probing": "data/probing",
    }
    print(f"| {hours:g} hours, {codec} | minutes | memory, GB | with mapped files, GB | on disk, GB |\n|---|---|---|---|---|")
    print(f"| corpus | | | | {size(project / 'data/corpus'):.2f} |", flush=True)
    every = calls(codec, said)
    for stage, place in places.items():
        began, most = time.monotonic(), [0.0, 0.0]
        process = subprocess.Popen([sys.executable, "-c", every[stage]], cwd=project, env=own(project))
        while process.poll() is None:
            most = [max(pair) for pair in zip(most, memory(psutil.Process(process.pid)))]
            time.sleep(1)
        if process.returncode:
            raise SystemExit(f"{stage} failed")
        minutes = (time.monotonic() - began) / 60
        print(f"| {stage} | {minutes:.1f} | {most[0]:.2f} | {most[1]:.2f} | {size(project / place):.2f} |", flush=True)


if __name__ == "__main__":
    command.run(run)
