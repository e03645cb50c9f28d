"""What it saves to train and probe on the distinct frames of a codec with one codebook, with counts.

    .venv/bin/python benchmarks/distinct_frames.py [epochs] [iterations]

A made-up table of a quarter of an hour at 75 Hz: 67,000 frames of 512 numbers out of a book of 4096, used as unevenly
as the words of a language, with labels that depend on the code. The same functions run once on the distinct rows and
once with every frame as a row of its own. Both do the same number of steps. Times are of the processor, on one thread,
so that a busy neighbour does not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from audiosae import probes, sae
from audiosae.files.determinism import prepare
from audiosae.frames import unique
from audiosae.sae import training as sae_training

FRAMES, CODES, DIM, CLASSES = 67_000, 4096, 512, 66
FACTOR, L1, BATCH = 8, 0.05, 1024


def timed(work: Callable[..., Any], *arguments: object, **options: object) -> tuple[Any, float]:
    """The result of some work, and its processor time in seconds."""
    start = time.process_time()
    result = work(*arguments, **options)
    return result, time.process_time() - start


def main() -> None:
    """Make the table, time both ways, and print them side by side."""
    epochs, iterations = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (2, 10)
    prepare(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    # Vectors of a book lie near a space of far fewer dimensions than they have.
    book = rng.standard_normal((CODES, 40)) @ rng.standard_normal((40, DIM)) / 40**0.5
    book += 0.3 * rng.standard_normal((CODES, DIM))
    share = 1 / (10 + np.arange(CODES))
    codes = rng.choice(CODES, FRAMES, p=share / share.sum())
    latents = book.astype(np.float32)[codes]
    labels = (codes % CLASSES + (rng.random(FRAMES) < 0.3)) % CLASSES
    part = rng.random(FRAMES)
    train, validation, test = part < 0.7, (part >= 0.7) & (part < 0.8), part >= 0.8

    settings = sae_training.Settings(FACTOR * DIM, L1, epochs, BATCH, 1e-3, 0)
    found: dict[str, dict[str, float]] = {}
    for name, few in (("distinct rows", unique.FEW), ("every frame", 0.0)):
        rows, finding = timed(unique.find, latents, few)
        x = torch.from_numpy(rows.latents)
        counts = torch.from_numpy(rows.counts(train))
        (model, _), training = timed(sae_training.train, x, settings, counts)
        with torch.no_grad():
            features, encoding = timed(model.encode, x)
        histograms = [torch.from_numpy(rows.histogram(chosen, labels, CLASSES)) for chosen in (train, validation)]
        probe, probing = timed(probes.fit, features, *histograms, [1e-4], iterations)
        hit = probe.predict(features)[rows.of_frame[test]] == labels[test]
        found[name] = {
            "rows": len(x),
            "finding, s": finding,
            f"SAE, {epochs} epochs, s": training,
            "encoding, s": encoding,
            f"probe, {iterations} iterations, s": probing,
            "FVU, all test frames": sae.evaluate(model, x, torch.from_numpy(rows.counts(test)))["fvu"],
            "probe accuracy": hit.mean(),
        }
    print(f"{'':28} {'distinct rows':>14} {'every frame':>14} {'ratio':>7}")
    for measure, mine in found["distinct rows"].items():
        other = found["every frame"][measure]
        print(f"{measure:28} {mine:14.4g} {other:14.4g} {other / mine:7.1f}")


if __name__ == "__main__":
    main()
