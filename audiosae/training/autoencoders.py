"""The stage `train_sae`: the autoencoders and probes that ship, of each kind one for a codec, in half precision.

python -m audiosae.training.autoencoders --codec encodec --factor 8 --l1 0.05 --k 32 --epochs 20 … --penalty 0.001 --iterations 100
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from audiosae import frames, probes
from audiosae.files import determinism
from audiosae.files.code import digest
from audiosae.frames import unique
from audiosae.sae import SparseAutoencoder, reference, training
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.training import Settings
from audiosae.sections import probing


def train(
    codec: str, factor: int, l1: float, k: int, epochs: int, batch: int, learning_rate: float, precision: str, seed: int, penalty: float,
    iterations: int, max_train_frames: int,
) -> None:  # fmt: skip
    """Train on the frames of section 1 with the parameters of sections 2 and 3, and write checkpoints/shipped/CODEC.

    The probes are fitted to the features of the rounded autoencoder.
    """
    project, device = Path("."), determinism.prepare(seed)
    table = frames.load(project / "data/frames" / codec)
    rows = unique.find(table.latents)
    split = training.hold_out(rows, table.rows("train"), table.rows("test"), seed)
    latents = rows.latents.to(device)
    settings = Settings(factor * latents.shape[1], l1, epochs, batch, learning_rate, seed, precision)
    code = digest(["audiosae.training.autoencoders"])
    for kind, cls in reference.KINDS.items():
        sparsity, build = (k, partial(KSparseAutoencoder, k=k)) if kind == "k_sparse" else (None, SparseAutoencoder)
        place, beside = (reference.shipped(codec, part, kind, project) for part in ("sae", "probes"))
        sae, _ = training.train(latents, settings, split.train, project / ".resume", build)
        sae.save(place, {"of": reference.made_of(codec, table.weights, settings, sparsity, project), "code": code}, half=True)
        fitted = probing.fit_all(cls.load(place).to(device).encode, table, rows, penalty, iterations, max_train_frames, seed)
        of = reference.probes_of(place, table.tracker, penalty, iterations)
        probes.save(fitted, beside, {"of": of, "code": code}, half=True)
        print(place, beside)


if __name__ == "__main__":
    from audiosae import command

    command.run(train)
