"""What it saves to train a stack of SAEs of one width and unlike λ in one pass, beside one after the other.

    .venv/bin/python benchmarks/grid.py [dim] [rows] [epochs] [hidden ...]

Made-up latents near a space of fewer dimensions, the six λ of the paper's grid, one thread; both ways do the same steps. Times are of the
processor, the shorter of two turns, so that a busy neighbour does not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from audiosae.files.determinism import prepare
from audiosae.sae import stacked, training


def fastest(work: Callable[[], object], turns: int = 2) -> float:
    """Processor time of some work in seconds."""
    took = []
    for _ in range(turns):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took)


def main() -> None:
    """Time both ways at each width and print a table in Markdown."""
    words = [int(word) for word in sys.argv[1:]]
    dim, rows, epochs = words[:3] if len(words) >= 3 else (128, 8192, 1)
    prepare(0)
    torch.set_num_threads(1)
    latents = torch.randn(rows, dim // 4) @ torch.randn(dim // 4, dim) + 0.3 * torch.randn(rows, dim)
    penalties = training.GRIDS["paper"][1]
    print(f"{rows} rows of {dim}, {epochs} epochs, {len(penalties)} λ\n")
    print("| features | batch | one by one, s | stack, s | ratio |\n|---|---|---|---|---|")
    for hidden in words[3:] or (256, 1024, 2048):
        for batch in (128, 1024):
            settings = training.Settings(hidden, penalties[0], epochs, batch, 1e-3, 0)

            def one_by_one(settings: training.Settings = settings) -> None:
                for l1 in penalties:
                    training.train(latents, replace(settings, l1=l1))

            apart, together = fastest(one_by_one), fastest(partial(stacked.train, latents, settings, penalties))
            print(f"| {hidden} | {batch} | {apart:.2f} | {together:.2f} | {apart / together:.2f} |", flush=True)


if __name__ == "__main__":
    main()
