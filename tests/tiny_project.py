"""A project small enough to steer within seconds: tones, a codec that nobody trained, an autoencoder and probes at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from audiosae import audio, codecs, corpus, frames, probes
from audiosae.audio import labels, pitch
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.reference import in_use

CODEC = "mel"
WEIGHTS = str(Path(__file__).parents[1] / "examples/mel_codec.py")
NOTES = {"train-0": 50, "train-1": 60, "train-2": 70, "NA": 55, "007": 64}
"""Clip to MIDI note; the last two are test clips, whose names a careless reader of CSV files takes for something else."""


def make(root: Path) -> Path:
    """Write data/ and checkpoints/ into a folder, as the sections before steering would; return the folder."""
    (root / "data/corpus/audio").mkdir(parents=True)
    time = np.arange(44100) / 44100
    lines = ["clip,part,piece,instrument,family,seed,duration,monophonic,split,file"]
    for number, (clip, note) in enumerate(NOTES.items()):
        wave = sum(np.sin(2 * np.pi * pitch.to_hz(note) * n * time) / n for n in range(1, 2 + number)) * 0.05 * (number + 1)
        soundfile.write(root / f"data/corpus/audio/{clip}.flac", wave, 44100)
        split = "train" if clip.startswith("train") else "test"
        lines.append(f"{clip},tones,{clip},sine,none,0,1.0,True,{split},audio/{clip}.flac")
    (root / "data/corpus/manifest.csv").write_text("\n".join(lines) + "\n")
    edges = {"pitch": labels.pitch_edges(), "amplitude": np.linspace(0, 0.3, 21), "timbre": np.linspace(0, 2000, 21)}
    codec = codecs.load(CODEC, WEIGHTS)
    latents, tables = [], []
    for row in corpus.load(root / "data/corpus").itertuples():
        wave, rate = audio.read(row.file)
        latents.append(codec.encode(torch.from_numpy(audio.for_codec(wave, rate, codec.sample_rate, 1))[None])[0].numpy())
        table = pd.DataFrame(vars(labels.describe(wave, rate, codec.frame_rate, "swift-f0", len(latents[-1]))))
        table["pitch"] = labels.pitch_bins(table["f0"].to_numpy(), labels.voiced(table["confidence"], table["rms"]).to_numpy())
        table["amplitude"] = labels.to_bins(table["rms"].to_numpy(), edges["amplitude"])
        table["timbre"] = labels.to_bins(table["centroid"].to_numpy(), edges["timbre"])
        tables.append(table.assign(monophonic=True, clip=row.clip, piece=row.piece, part=row.part, split=row.split))
    table = Frames(np.concatenate(latents), pd.concat(tables, ignore_index=True), edges, CODEC, WEIGHTS, "swift-f0", codec.frame_rate)
    frames.save(table, root / f"data/frames/{CODEC}")
    torch.manual_seed(0)
    sae = SparseAutoencoder(64, 128).eval().requires_grad_(False)
    sae.standardise(table.latents[:])
    sparse = KSparseAutoencoder(64, 128, 8).eval().requires_grad_(False)
    sparse.load_state_dict({**sae.state_dict(), "threshold": torch.tensor(0.2)})
    fitted = {prop: Probe(torch.randn(len(edges[prop]) - 1, 128) * 0.1, torch.zeros(len(edges[prop]) - 1), 0.0) for prop in edges}
    for kind, autoencoder in (("paper", sae), ("k_sparse", sparse)):
        autoencoder.save(in_use(CODEC, "sae", kind, root))
        probes.save(fitted, in_use(CODEC, "probes", kind, root), {})
    return root
