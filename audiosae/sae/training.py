"""Training sparse autoencoders: resumable, and the same file for the same seed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm.auto import tqdm

from audiosae.errors import ParameterError
from audiosae.files import resume
from audiosae.frames.unique import Rows
from audiosae.sae.model import Latents, SparseAutoencoder, evaluate

BLOCK, BUFFER = 256, 131072
"""Frames that stay together on the way from a disk, and those that are in memory to be shuffled: all of them where there are no more."""

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
    """Number of features, λ, what Adam is told (the batch in frames), the seed of weights and order of frames, and the precision of products."""

    hidden: int
    l1: float
    epochs: int
    batch: int
    learning_rate: float
    seed: int
    precision: str = "float32"


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


def measure(sae: SparseAutoencoder, latents: Latents, split: Split) -> dict[str, float]:
    """The figures of `evaluate` on test recordings (its FVU as fvu_test), but with the FVU of the frames that were held out."""
    test = evaluate(sae, latents, split.test)
    unseen = test if torch.equal(split.test, split.unseen) else evaluate(sae, latents, split.unseen)
    return {**test, "fvu": unseen["fvu"], "fvu_test": test["fvu"]}


class Batches:
    """Rows to train on, in batches, in another order each epoch.

    An epoch visits each row once, or several times if it has more frames than the average row, and weights each visit by the frames that
    it stands for: so no visit jolts Adam. An epoch has as many steps as over all frames, each on fewer rows.

    Rows that do not fit in memory are read in blocks: blocks are drawn at random until `BUFFER` rows are in memory, which are shuffled.

    Parameters
    ----------
    latents, counts
        Distinct frames [rows, dim], and how many training frames each row stands for [rows], 0 for rows to leave out; None for one each.
    settings
        Batch in frames, and seed.

    Raises
    ------
    ParameterError
        If there are no frames, or a setting is out of range.
    """

    def __init__(self, latents: Latents, counts: torch.Tensor | None, settings: Settings) -> None:
        counts = torch.ones(len(latents)) if counts is None else counts.cpu()
        rows = counts.nonzero()[:, 0]
        if len(rows) == 0 or settings.epochs < 1 or settings.batch < 1 or settings.l1 < 0:
            raise ParameterError(f"nothing to train on, or a setting out of range: {len(rows)} frames, {settings}.")
        counts = counts[rows].float()
        visits = (counts / counts.mean()).ceil()
        self._latents, self._visited = latents, rows.repeat_interleave(visits.long())
        weights = (counts / visits).repeat_interleave(visits.long())
        self._weights = weights / weights.mean()
        self._size = math.ceil(settings.batch * len(self._visited) / float(counts.sum()))
        self._seed = settings.seed

    def epoch(self, number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Latents and their weights, by batch; each epoch, from 0, has generators of its own, so that a resumed run has the same order."""
        within = torch.Generator().manual_seed(self._seed + 1 + number)
        blocks = np.random.default_rng((self._seed, number)).permutation(math.ceil(len(self._visited) / BLOCK))
        for group in torch.from_numpy(blocks).split(BUFFER // BLOCK):
            at = (group.sort().values[:, None] * BLOCK + torch.arange(BLOCK)).flatten()
            at = at[at < len(self._visited)]
            x = self._latents[self._visited[at].to(self._latents.device)]
            weights = self._weights[at].to(x)
            for chosen in torch.randperm(len(at), generator=within).to(x.device).split(self._size):
                yield x[chosen], weights[chosen]


def scaled_batch(batch: int, kept: int, frames: int) -> int:
    """The batch for `kept` of `frames` training frames, so that an epoch has as many steps as one over them all.

    How far the paper's loss drifts depends on the number of steps, so frames are saved and steps are not.
    """
    return math.ceil(batch * kept / frames)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """The optimiser of the paper's autoencoders."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def train(
    latents: Latents, settings: Settings, counts: torch.Tensor | None = None, states: Path | None = None,
    build: Callable[[int, int], SparseAutoencoder] = SparseAutoencoder,
    optimiser: Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer] = adam,
    after: Callable[[int, SparseAutoencoder], None] | None = None,
) -> tuple[SparseAutoencoder, pd.DataFrame]:  # fmt: skip
    """Train on the loss of section 2, averaged over frames, or on that of another kind of autoencoder.

    Parameters
    ----------
    latents, settings, counts
        See `Batches`; the latents' device is where training happens.
    states
        Folder for the state after each epoch, under a name made from settings and data; a killed run continues from there and ends with
        the same weights, and one that had ended is not run again. None keeps no state.
    build
        From the size of a latent frame and the number of features to an autoencoder.
    optimiser
        From parameters and a learning rate to what updates them.
    after
        Called with the number of each finished epoch, from 1, and the autoencoder.

    Returns
    -------
    sae
        Trained, in evaluation mode.
    curve
        One row an epoch: epoch, reconstruction, penalty (means over the epoch's batches).
    """
    batches = Batches(latents, counts, settings)
    torch.manual_seed(settings.seed)
    sae = build(latents.shape[1], settings.hidden).to(latents.device)
    sae.precision = getattr(torch, settings.precision)
    sae.standardise(latents, counts)
    optimizer = optimiser(sae.parameters(), settings.learning_rate)
    curve: list[dict[str, Any]] = []

    state_path = None if states is None else states / f"sae-{_key(latents, counts, settings, sae)}.pt"
    if state_path is not None:
        _, curve = resume.restore(state_path, {"sae": sae, "optimizer": optimizer}, settings.epochs, latents.device)

    epochs = range(len(curve), settings.epochs)
    for epoch in tqdm(epochs, desc=f"{sae.kind}, {sae.hidden} features", initial=epochs.start, total=epochs.stop, unit="epoch", leave=None):
        sums, steps = torch.zeros(2, dtype=torch.float64, device=latents.device), 0
        for x, weights in batches.epoch(epoch):
            terms = torch.stack(sae.loss(x, settings.l1, weights))
            optimizer.zero_grad()
            terms.sum().backward()
            optimizer.step()
            sums, steps = sums + terms.detach(), steps + 1
        reconstruction, penalty = (sums / steps).tolist()
        curve.append({"epoch": epoch + 1, "reconstruction": reconstruction, "penalty": penalty})
        if state_path is not None:
            state = {"sae": sae.state_dict(), "optimizer": optimizer.state_dict(), "step": epoch + 1, "progress": curve}
            resume.write(state, state_path)
        if after is not None:
            after(epoch + 1, sae)
    return sae.eval(), pd.DataFrame(curve)


def _key(latents: Latents, counts: torch.Tensor | None, settings: Settings, sae: SparseAutoencoder) -> str:
    """A name for a run of these settings on these frames."""
    said = {**asdict(settings), "kind": sae.kind, **sae.sizes}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for part in chain(latents.split(BUFFER), [] if counts is None else [counts]):
        digest.update(part.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
