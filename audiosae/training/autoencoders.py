"""The stage `train_sae`: the autoencoders and probes that ship, of each kind one for a codec, in half precision.

python -m audiosae.training.autoencoders --codec encodec --factor 8 --l1 0.05 --k 32 --epochs 20 … --penalty 0.001 --iterations 100
"""

from __future__ import annotations

from pathlib import Path

import torch

from audiosae import frames, probes
from audiosae.audio import labels
from audiosae.files import determinism
from audiosae.files.code import digest
from audiosae.frames import unique
from audiosae.sae import features_of, reference, training
from audiosae.sae.training import Settings
from audiosae.sections import probing


def train(
    codec: str, factor: int, l1: float, k: int, epochs: int, batch: int, learning_rate: float, seed: int, penalty: float, iterations: int
) -> None:
    """Train on the frames of section 1 with the parameters of sections 2 and 3, and write checkpoints/shipped/CODEC.

    The probes are fitted to the features of the rounded autoencoder.
    """
    project, device = Path("."), determinism.prepare(seed)
    table = frames.load(project / f"data/frames/{codec}.arrow")
    rows = unique.find(table.latents)
    split = training.hold_out(rows, table.rows("train"), table.rows("test"), seed)
    latents = torch.from_numpy(rows.latents).to(device)
    settings = Settings(factor * latents.shape[1], l1, epochs, batch, learning_rate, seed)
    tasks = {prop: probing.task(prop, table, rows, device) for prop in labels.PROPERTIES}
    code = digest(["audiosae.training.autoencoders"])
    for kind, cls in reference.KINDS.items():
        sparsity = k if kind == "k_sparse" else None
        place, beside = (reference.shipped(codec, part, kind, project) for part in ("sae", "probes"))
        sae, _ = training.train(latents, settings, split.train, project / ".resume", sparsity)
        sae.save(place, {"of": reference.made_of(codec, table.weights, settings, sparsity, project), "code": code}, half=True)
        features = features_of(cls.load(place).to(device), latents)
        fitted = probes.fit_all(features, tasks, penalty, iterations)
        of = reference.probes_of(place, table.tracker, penalty, iterations)
        probes.save(fitted, beside, {"of": of, "code": code}, half=True)
        print(place, beside)


if __name__ == "__main__":
    from audiosae import command

    command.run(train)
