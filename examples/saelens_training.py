"""Train a sparse autoencoder of SAELens on the latents of a codec, then judge it here.

Section 1 has run (`dvc repro extraction@encodec`). In an environment with `sae-lens` and this package (`make peers` makes .venv/peers):

    .venv/peers/bin/python examples/saelens_training.py --architecture topk --target saelens_output
    .venv/bin/python -m audiosae.interchange.importing --codec encodec --source saelens_output
    .venv/bin/dvc repro
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from sae_lens import (
    JumpReLUTrainingSAE,
    JumpReLUTrainingSAEConfig,
    LoggingConfig,
    StandardTrainingSAE,
    StandardTrainingSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)  # fmt: skip
from sae_lens.config import SAETrainerConfig
from sae_lens.training.sae_trainer import SAETrainer

from audiosae import frames

BUILD: dict[str, Any] = {
    "standard": lambda size, k: StandardTrainingSAE(StandardTrainingSAEConfig(**size, l1_coefficient=0.05)),
    "topk": lambda size, k: TopKTrainingSAE(TopKTrainingSAEConfig(**size, k=k)),
    "jumprelu": lambda size, k: JumpReLUTrainingSAE(JumpReLUTrainingSAEConfig(**size, l0_coefficient=0.01)),
}


def shuffled(latents: torch.Tensor, batch: int, seed: int) -> Iterator[torch.Tensor]:
    """Batches of frames without end, in another order each epoch."""
    draw = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(latents), generator=draw).split(batch)[:-1]:
            yield latents[rows]


def main(
    target: Path, codec: str = "encodec", architecture: Literal["standard", "topk", "jumprelu"] = "standard", factor: int = 8, k: int = 32,
    epochs: int = 20, batch: int = 1024, seed: int = 0, project: Path = Path("."),
) -> None:  # fmt: skip
    """Train on the frames of training recordings, and save for inference.

    Parameters
    ----------
    factor
        Number of features over the size of a latent.
    k
        Active features a frame, of `topk`.
    epochs, batch
        How often each frame is seen, and frames of a step.
    """
    table = frames.load(project / "data/frames" / codec)
    latents = table.latents[torch.from_numpy(table.rows("train").nonzero()[0])]
    torch.manual_seed(seed)
    size = {"d_in": latents.shape[1], "d_sae": factor * latents.shape[1], "normalize_activations": "expected_average_only_in"}
    steps = epochs * max(1, len(latents) // batch)
    settings = SAETrainerConfig(steps * batch, min(batch, len(latents)), lr=1e-3, lr_end=1e-3, logger=LoggingConfig(log_to_wandb=False))
    sae = SAETrainer(settings, BUILD[architecture](size, k), shuffled(latents, settings.train_batch_size_samples, seed)).fit()
    sae.cfg.metadata["model_name"], sae.cfg.metadata["hook_name"] = codec, "latents"
    sae.save_inference_model(target)
    print(f"{target}: {architecture}, {sae.cfg.d_sae} features on {len(latents)} frames")


if __name__ == "__main__":
    tyro.cli(main)
