"""What the strength of the guidance does to the small generator: distance to real music, and the instrument that was asked for.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/guidance.py [--strengths 0 0.5 1 1.5 2 3 4] [--seed 1000]

Pieces answer the prompts of validation clips, so that the strength in params.yaml is chosen without a look at test clips.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, codecs, command, corpus, generation, steering
from audiosae.files import determinism
from audiosae.generation import flow, instruments, prompts, quality

PIECES, FRAMES, STATES, BATCH = 64, 108, 32, 8


@torch.no_grad()
def run(strengths: tuple[float, ...] = (0, 0.5, 1, 1.5, 2, 3, 4), seed: int = 1000) -> None:
    """Print a row a strength: Fréchet distance to training clips, shares of pieces with the instrument first and in the first three."""
    determinism.prepare(seed)
    codec, generator = codecs.load("diffrhythm-vae"), generation.load("embedded", "embedded")
    judge = instruments.load("checkpoints/instruments.safetensors")
    data = Path("data/corpus")
    manifest = corpus.load(data)
    real: dict[str, list[np.ndarray]] = {"train": [], "validation": []}
    heard = []
    for row in tqdm(manifest[manifest["split"].isin(real)].itertuples(), desc="encoding", unit="clip"):
        wave = audio.for_codec(*audio.read(row.file), codec.sample_rate, codec.channels)
        latents = codec.encode(torch.from_numpy(wave)[None])[0]
        if len(latents) >= FRAMES:
            real[row.split].append(latents[:FRAMES].numpy())
        if row.split == "validation":
            heard.append((instruments.describe(steering.render(codec, latents), codec.sample_rate), prompts.plain(str(row.instrument))))
    asked = prompts.of_corpus(manifest[manifest["split"] == "validation"], corpus.load_notes(data))
    asked = [asked[place % len(asked)] for place in np.random.default_rng(seed).permutation(PIECES)]
    noise = generator.noise(range(seed, seed + PIECES), FRAMES)
    sets = {"validation clips": np.stack(real["validation"]), "noise": noise.numpy()}
    described, names = zip(*heard, strict=True)
    shares = {"validation clips": instruments.shares(judge.places(np.stack(described), names))}
    for strength in strengths:
        pieces = torch.cat(
            [
                flow.sample(generator.velocity(asked[i : i + BATCH]), noise[i : i + BATCH], STATES, strength).noisy[-1]
                for i in tqdm(range(0, PIECES, BATCH), desc=f"strength {strength}")
            ]
        )
        spectra = np.stack([instruments.describe(steering.render(codec, piece), codec.sample_rate) for piece in pieces])
        sets[f"{strength}"] = pieces.numpy()
        shares[f"{strength}"] = instruments.shares(judge.places(spectra, list(map(prompts.instrument, asked))))
    distances = quality.distances(sets, np.stack(real["train"]), round(codec.frame_rate), seed)
    print(pd.DataFrame({"Fréchet distance": distances}).join(pd.DataFrame(shares).T).round(3).to_string())


if __name__ == "__main__":
    command.run(run)
