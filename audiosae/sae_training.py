"""Train an SAE: one screen, resumable, and the same file for the same seed."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae.errors import ParameterError
from audiosae.sae import SparseAutoencoder


@dataclass(frozen=True)
class Settings:
    """What decides a training run, next to the frames.

    Attributes
    ----------
    hidden
        Number of features.
    l1
        λ.
    epochs, batch, learning_rate
        Of Adam.
    seed
        Of weights and order of frames.
    """

    hidden: int
    l1: float
    epochs: int
    batch: int
    learning_rate: float
    seed: int


GRIDS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "small": ((4, 8), (0.005, 0.05, 0.15)),
    "paper": ((4, 8, 16, 32, 64, 128, 256), (0.005, 0.01, 0.025, 0.05, 0.1, 0.15)),
}
"""Hidden size over latent size, and λ. The paper names the ends of both ranges; the steps between are ours."""


def grid(name: str, factor: int, l1: float) -> list[tuple[int, float]]:
    """Points of a grid as (hidden size over latent size, λ), with the chosen point always among them.

    Raises
    ------
    ParameterError
        If there is no grid of that name.
    """
    if name not in GRIDS:
        raise ParameterError(f"unknown grid {name!r}; known are {', '.join(GRIDS)}.")
    factors, penalties = GRIDS[name]
    return [(k, penalty) for k in sorted({*factors, factor}) for penalty in sorted({*penalties, l1})]


def train(
    latents: torch.Tensor, settings: Settings, states: str | Path | None = None, progress: bool = True
) -> tuple[SparseAutoencoder, pd.DataFrame]:
    """Train on the loss of section 2.

    Parameters
    ----------
    latents
        Training frames [frames, dim]; their device is where training happens.
    settings
        See `Settings`.
    states
        Folder for the state after each epoch, under a name made from settings and data; a killed run continues from
        there and ends with the same weights. Removed when the run ends. None keeps no state.
    progress
        Show a bar.

    Returns
    -------
    sae
        Trained, in evaluation mode.
    curve
        One row an epoch: epoch, reconstruction, penalty (means over the epoch's batches).

    Raises
    ------
    ParameterError
        If there are no frames, or a setting is not positive.
    """
    if len(latents) == 0 or settings.epochs < 1 or settings.batch < 1 or settings.l1 < 0:
        raise ParameterError(f"nothing to train on, or a setting out of range: {len(latents)} frames, {settings}.")
    torch.manual_seed(settings.seed)
    sae = SparseAutoencoder(latents.shape[1], settings.hidden).to(latents.device)
    sae.standardise(latents)
    optimizer = torch.optim.Adam(sae.parameters(), lr=settings.learning_rate)
    curve: list[dict[str, float]] = []

    state_path = None if states is None else Path(states) / f"sae-{_key(latents, settings)}.pt"
    if state_path is not None and state_path.is_file():
        state = torch.load(state_path, weights_only=True, map_location=latents.device)
        sae.load_state_dict(state["sae"])
        optimizer.load_state_dict(state["optimizer"])
        curve = state["curve"]

    for epoch in tqdm(range(len(curve), settings.epochs), desc=f"{settings.hidden} features, λ {settings.l1:g}",
                      initial=len(curve), total=settings.epochs, unit="epoch", disable=not progress):
        # Each epoch has a generator of its own, so that a resumed run sees the frames in the same order.
        order = torch.randperm(len(latents), generator=torch.Generator().manual_seed(settings.seed + 1 + epoch))
        sums = np.zeros(2)
        batches = order.to(latents.device).split(settings.batch)
        for rows in batches:
            reconstruction, penalty = sae.loss(latents[rows], settings.l1)
            optimizer.zero_grad()
            (reconstruction + penalty).backward()
            optimizer.step()
            sums += reconstruction.item(), penalty.item()
        reconstruction_mean, penalty_mean = (sums / len(batches)).tolist()
        curve.append({"epoch": epoch + 1, "reconstruction": reconstruction_mean, "penalty": penalty_mean})
        if state_path is not None:
            _save_state(state_path, sae, optimizer, curve)
    if state_path is not None:
        state_path.unlink()
    return sae.eval(), pd.DataFrame(curve)


def _key(latents: torch.Tensor, settings: Settings) -> str:
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    digest.update(latents.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _save_state(
    path: Path, sae: SparseAutoencoder, optimizer: torch.optim.Optimizer, curve: list[dict[str, float]]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({"sae": sae.state_dict(), "optimizer": optimizer.state_dict(), "curve": curve}, partial)
    os.replace(partial, path)
