"""Training sparse autoencoders: resumable, and the same file for the same seed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae.errors import ParameterError
from audiosae.files import resume
from audiosae.frames.unique import Rows
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.model import SparseAutoencoder, evaluate

HELD_OUT = 0.2
"""Share of the distinct rows that is kept from training where frames repeat."""

GRIDS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "small": ((4, 8), (0.005, 0.05, 0.15)),
    "paper": ((4, 8, 16, 32, 64, 128, 256), (0.005, 0.01, 0.025, 0.05, 0.1, 0.15)),
}
"""Hidden size over latent size, and λ. The paper names the ends of both ranges; the steps between are ours."""


def grid(name: str, factor: int, l1: float) -> list[tuple[int, float]]:
    """Points of a grid as (hidden size over latent size, λ), always with the chosen one; an unknown name is a `ParameterError`."""
    if name not in GRIDS:
        raise ParameterError(f"unknown grid {name!r}; known are {', '.join(GRIDS)}.")
    factors, penalties = GRIDS[name]
    return [(k, penalty) for k in sorted({*factors, factor}) for penalty in sorted({*penalties, l1})]


@dataclass(frozen=True)
class Settings:
    """Number of features, λ, what Adam is told (the batch in frames), and the seed of weights and order of frames."""

    hidden: int
    l1: float
    epochs: int
    batch: int
    learning_rate: float
    seed: int


@dataclass(frozen=True)
class Split:
    """How many frames each row stands for [rows], by what they are used for.

    Attributes
    ----------
    train, test
        Frames to train on, and those of test recordings.
    unseen
        Test frames whose row is not trained on; the FVU is measured here.
    held_out
        What keeps them apart: "recordings", or "codes" where frames repeat across recordings.
    """

    train: torch.Tensor
    test: torch.Tensor
    unseen: torch.Tensor
    held_out: str


def hold_out(rows: Rows, train: np.ndarray, test: np.ndarray, seed: int) -> Split:
    """Keep something from training that an SAE can be measured on, given the frames of training and test recordings, bool [frames].

    Where frames repeat, almost every test frame is in a training recording too, so a random part of the codes is taken out of training.
    """
    learnt, tested = rows.counts(train), rows.counts(test)
    if rows.few:
        learnt = learnt * (np.random.default_rng(seed).random(len(learnt)) >= HELD_OUT)
    trained, seen, unseen = map(torch.from_numpy, (learnt, tested, tested * (learnt == 0)))
    return Split(trained, seen, unseen, "codes" if rows.few else "recordings")


def measure(sae: SparseAutoencoder, latents: torch.Tensor, split: Split) -> dict[str, float]:
    """The figures of `evaluate` on test recordings (its FVU as fvu_test), but with the FVU of the frames that were held out."""
    test = evaluate(sae, latents, split.test)
    unseen = test if torch.equal(split.test, split.unseen) else evaluate(sae, latents, split.unseen)
    return {**test, "fvu": unseen["fvu"], "fvu_test": test["fvu"]}


class Batches:
    """Rows to train on, in batches, in another order each epoch.

    An epoch visits each row once, or several times if it has more frames than the average row, and weights each visit by the frames that
    it stands for: so no visit jolts Adam. An epoch has as many steps as over all frames, each on fewer rows.

    Parameters
    ----------
    latents, counts
        Distinct frames [rows, dim], and how many training frames each row stands for [rows], 0 for rows to leave out; None for one each.
        As attributes, without rows to leave out.
    settings
        Batch in frames, and seed.

    Raises
    ------
    ParameterError
        If there are no frames, or a setting is out of range.
    """

    def __init__(self, latents: torch.Tensor, counts: torch.Tensor | None, settings: Settings) -> None:
        counts = torch.ones(len(latents)) if counts is None else counts.cpu()
        self.latents, self.counts = latents[(counts > 0).to(latents.device)], counts[counts > 0].to(latents)
        if len(self.latents) == 0 or settings.epochs < 1 or settings.batch < 1 or settings.l1 < 0:
            raise ParameterError(f"nothing to train on, or a setting out of range: {len(self.latents)} frames, {settings}.")
        visits = (self.counts / self.counts.mean()).ceil()
        self._visited = torch.arange(len(self.latents)).repeat_interleave(visits.long().cpu()).to(latents.device)
        weights = (self.counts / visits)[self._visited]
        self._weights = weights / weights.mean()
        self._size = math.ceil(settings.batch * len(self._visited) / float(self.counts.sum()))
        self._seed = settings.seed

    def epoch(self, number: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Rows and their weights, by batch; each epoch, from 0, has a generator of its own, so that a resumed run has the same order."""
        order = torch.randperm(len(self._visited), generator=torch.Generator().manual_seed(self._seed + 1 + number))
        return [(self._visited[chosen], self._weights[chosen]) for chosen in order.to(self._visited.device).split(self._size)]


def descend(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    epochs: range,
    label: str,
) -> Iterator[tuple[int, list[float]]]:
    """Train on a sum of terms; after each epoch, yield how many are done, and the mean of each term over this one's batches.

    `loss` goes from rows and weights of a batch to the terms [terms]; `epochs` are those that are left to do, from 0.
    """
    for epoch in tqdm(epochs, desc=label, initial=epochs.start, total=epochs.stop, unit="epoch", leave=None):
        parts = batches.epoch(epoch)
        sums = np.zeros(1)
        for rows, weights in parts:
            terms = loss(rows, weights)
            optimizer.zero_grad()
            terms.sum().backward()
            optimizer.step()
            sums = sums + terms.detach().double().cpu().numpy()
        yield epoch + 1, (sums / len(parts)).tolist()


def train(
    latents: torch.Tensor, settings: Settings, counts: torch.Tensor | None = None, states: Path | None = None, k: int | None = None
) -> tuple[SparseAutoencoder, pd.DataFrame]:
    """Train on the loss of section 2, averaged over frames; or, given k, on that of a `KSparseAutoencoder`, which has no λ.

    Parameters
    ----------
    latents, settings, counts
        See `Batches`; the latents' device is where training happens.
    states
        Folder for the state after each epoch, under a name made from settings and data; a killed run continues from there and ends with
        the same weights. Removed when the run ends. None keeps no state.

    Returns
    -------
    sae
        Trained, in evaluation mode.
    curve
        One row an epoch: epoch, reconstruction, penalty (means over the epoch's batches).
    """
    batches = Batches(latents, counts, settings)
    latents = batches.latents
    torch.manual_seed(settings.seed)
    sae = SparseAutoencoder(latents.shape[1], settings.hidden) if k is None else KSparseAutoencoder(latents.shape[1], settings.hidden, k)
    sae = sae.to(latents.device)
    sae.standardise(latents, batches.counts)
    optimizer = torch.optim.Adam(sae.parameters(), lr=settings.learning_rate, fused=True)
    curve: list[dict[str, Any]] = []

    state_path = None if states is None else states / f"sae-{_key(latents, batches.counts, settings, k)}.pt"
    if state_path is not None:
        _, curve = resume.restore(state_path, {"sae": sae, "optimizer": optimizer}, settings.epochs, latents.device)

    def loss(rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return torch.stack(sae.loss(latents[rows], settings.l1, weights))

    label = f"{settings.hidden} features, " + (f"λ {settings.l1:g}" if k is None else f"k {k}")
    for epoch, (reconstruction, penalty) in descend(loss, optimizer, batches, range(len(curve), settings.epochs), label):
        curve.append({"epoch": epoch, "reconstruction": reconstruction, "penalty": penalty})
        if state_path is not None:
            state = {"sae": sae.state_dict(), "optimizer": optimizer.state_dict(), "step": epoch, "progress": curve}
            resume.write(state, state_path)
    if state_path is not None:
        state_path.unlink()
    return sae.eval(), pd.DataFrame(curve)


def _key(latents: torch.Tensor, counts: torch.Tensor, settings: Settings, k: int | None) -> str:
    """A name for a run of these settings on these frames."""
    digest = hashlib.sha256(json.dumps({**asdict(settings), "k": k}, sort_keys=True).encode())
    digest.update(latents.cpu().numpy().tobytes())
    digest.update(counts.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
