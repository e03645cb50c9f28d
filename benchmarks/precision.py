"""What bfloat16 in the large products of training changes: time, and the figures of section 2, beside what another seed changes.

    .venv/bin/python benchmarks/precision.py [--codecs encodec …] [--seeds 3] [--factor 8] [--epochs 20]

Reads data/frames, and trains the paper's autoencoder at one point of the grid in both precisions from some seeds, in turns. Prints a table in
Markdown: medians over seeds, and in brackets lowest and highest.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from audiosae import command, frames
from audiosae.files import determinism
from audiosae.frames import unique
from audiosae.sae import training


def run(codecs: tuple[str, ...] = ("encodec", "wavtokenizer", "diffrhythm-vae"), seeds: int = 3, factor: int = 8, epochs: int = 20) -> None:
    """Train in both precisions, and print what comes out."""
    device = determinism.prepare(0)
    print("| codec | products in | FVU of held-out frames | active features (L0) | seconds |\n|---|---|---|---|---|")
    for codec in codecs:
        table = frames.load(Path("data/frames") / codec)
        rows = unique.find(table.latents)
        split = training.hold_out(rows, table.rows("train"), table.rows("test"), 0)
        latents = rows.latents.to(device)
        settings = training.Settings(factor * latents.shape[1], 0.05, epochs, 1024, 0.001, 0)
        found: dict[str, dict[str, list[float]]] = {name: {"fvu": [], "l0": [], "seconds": []} for name in ("float32", "bfloat16")}
        for seed in range(seeds):
            for precision, figures in found.items():
                start = time.perf_counter()
                sae, _ = training.train(latents, replace(settings, seed=seed, precision=precision), split.train)
                figures["seconds"].append(time.perf_counter() - start)
                measured = training.measure(sae, latents, split)
                figures["fvu"].append(measured["fvu"])
                figures["l0"].append(measured["l0"])
        for precision, figures in found.items():
            fvu, l0, seconds = figures.values()
            spread = f"{median(fvu):.4f} ({min(fvu):.4f} to {max(fvu):.4f})"
            print(f"| {codec} | {precision} | {spread} | {median(l0):.1f} | {min(seconds):.1f} |", flush=True)


if __name__ == "__main__":
    command.run(run)
