"""What the paper's whole grid costs for a codec: time and memory of a point at each width, measured as far as this machine goes and worked out beyond.

    .venv/bin/python benchmarks/paper_grid.py [--codec diffrhythm-vae] [--minutes 5]

A point is an autoencoder with its three probes, on one thread and in a process of its own, as the engine runs it; λ changes neither figure, so one of the six
stands for all. A width that would take longer than `--minutes` is worked out: time and memory beyond those of the width before grow with it. All points, on W
workers, then take 6 · Σ seconds / W, and no less than the widest.

The whole grid itself, which goes on where it was stopped (settings as in params.yaml):

    .venv/bin/python -m audiosae.evidence.grid --codec diffrhythm-vae --largest 131072 --epochs 20 …
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from audiosae import command, frames
from audiosae.files import params
from audiosae.sae.training import GRIDS

CHILD = """
import json, resource, sys, time
from pathlib import Path
from audiosae.evidence import grid
from audiosae.evidence.material import load
from audiosae.files import determinism
from audiosae.sae.training import Settings
from threadpoolctl import threadpool_limits
codec, few, factor, hidden, penalty, iterations, *settings, kept = json.loads(sys.argv[1])
determinism.prepare(0)
grid.resume.FOLDER = Path(kept)  # the point is computed, whatever was kept before
load(codec, few, settings[-1], Path.cwd())
start = time.perf_counter()
with determinism.threads(1), threadpool_limits(1):
    grid.point(codec, few, factor, Settings(hidden, *settings), penalty, iterations, Path.cwd())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([time.perf_counter() - start, peak / 1e6]))
"""


def run(codec: str = "diffrhythm-vae", minutes: float = 5.0) -> None:
    """Measure a point at each width, and print a table in Markdown."""
    said = params.read("params.yaml")["evidence"]["grid"]
    dim = frames.load(Path("data/frames") / codec).latents.shape[1]
    factors, penalties = GRIDS["paper"]
    print(f"| {codec}: features | seconds a point | memory, GB | |\n|---|---|---|---|")
    total, before, last = 0.0, [(0, 0.0, 0.0)], 0.0
    for factor in factors:
        hidden = factor * dim
        expected = before[-1][1] * hidden / max(before[-1][0], 1)
        if expected < 60 * minutes:
            settings = (hidden, penalties[2], said["epochs"], said["batch"], said["learning_rate"], said["seed"])
            with tempfile.TemporaryDirectory() as kept:
                told = [codec, said["few_frames"], factor, hidden, said["penalty"], said["iterations"], *settings[1:], kept]
                done = subprocess.run([sys.executable, "-c", CHILD, json.dumps(told)], stdout=subprocess.PIPE, text=True, check=True)
            seconds, memory = json.loads(done.stdout.splitlines()[-1])
            before.append((hidden, seconds, memory))
            how = "measured"
        else:
            (narrow, _, less), (wide, took, more) = before[-2:]
            seconds, memory, how = took * hidden / wide, more + (more - less) * (hidden - wide) / (wide - narrow), "worked out"
        total, last = total + len(penalties) * seconds, seconds
        print(f"| {hidden} | {seconds:.1f} | {memory:.2f} | {how} |", flush=True)
    ahead = ", ".join(f"{max(total / workers, last) / 3600:.2f} h on {workers}" for workers in (1, 2, 16, 42))
    print(f"\nAll {len(factors) * len(penalties)} points: {ahead} workers.")


if __name__ == "__main__":
    command.run(run)
