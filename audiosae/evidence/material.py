"""What every question starts from: a codec's frames, its SAE and probes, and the same recordings kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosae import determinism, distinct, frames, probes, results
from audiosae.distinct import Rows
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder


@dataclass(frozen=True)
class Material:
    """What sections 1 to 3 made of one codec.

    Attributes
    ----------
    codec
        Its name.
    table
        Frames with labels.
    rows
        What stands for them; see `distinct`.
    latents
        float32 [rows, dim], on `device`.
    sae
        The one that the later sections use.
    fitted
        Its probes, by property.
    few_frames
        Largest number of training frames that a question looks at, drawn by lot; frames that repeat are never thinned,
        since they cost nothing.
    seed
        Of the lot, and of whatever else is drawn.
    device
        Where to compute.
    inputs
        Hashes' sources: the files that were read, by what they are.
    """

    codec: str
    table: Frames
    rows: Rows
    latents: torch.Tensor
    sae: SparseAutoencoder
    fitted: dict[str, Probe]
    few_frames: int
    seed: int
    device: torch.device
    inputs: dict[str, str]

    def chosen(self, split: str, prop: str | None = None) -> np.ndarray:
        """Frames of a split that can be used for a property, bool [frames]; of training frames no more than `few_frames`."""
        return self.thin(self.table.rows(split, prop)) if split == "train" else self.table.rows(split, prop)

    def thin(self, where: np.ndarray) -> np.ndarray:
        """Keep at most `few_frames` of the frames marked in bool [frames], by lot, unless frames repeat."""
        at = np.flatnonzero(where)
        if self.rows.few or len(at) <= self.few_frames:
            return where
        kept = np.zeros_like(where)
        kept[np.random.default_rng(self.seed).choice(at, self.few_frames, replace=False)] = True
        return kept

    def histogram(self, where: np.ndarray, label: np.ndarray, classes: int) -> torch.Tensor:
        """How often each row has each class among chosen frames, as `probes.fit` wants it: int64 [rows, classes]."""
        return torch.from_numpy(self.rows.histogram(where, label, classes)).to(self.device)

    def counts(self, where: np.ndarray) -> torch.Tensor:
        """How many of the chosen frames each row stands for, as `sae_training.train` wants it: int64 [rows]."""
        return torch.from_numpy(self.rows.counts(where))

    def label(self, prop: str) -> np.ndarray:
        """Class of every frame, −1 where there is none [frames]."""
        return self.table.table[prop].to_numpy()

    def classes(self, prop: str) -> int:
        """How many classes a property has."""
        return len(self.table.edges[prop]) - 1

    def pieces(self, where: np.ndarray) -> np.ndarray:
        """The recording of each chosen frame, as text."""
        return self.table.table.loc[where, "piece"].astype(str).to_numpy()

    def write(self, question: str, figures: dict[str, Any], parameters: dict[str, Any]) -> Path:
        """Write results/evidence/QUESTION/CODEC.json with its provenance; return its path."""
        path = Path("results", "evidence", question, f"{self.codec}.json")
        made = {**results.provenance(self.inputs, parameters), "weights": self.table.weights}
        results.write(path, {**figures, "provenance": made})
        return path


def load(codec: str, few_frames: int, seed: int) -> Material:
    """Read what sections 1 to 3 made, from the project's folder, and fix whatever would differ from run to run.

    Parameters
    ----------
    codec
        Name of one whose sections have run.
    few_frames, seed
        See `Material`.

    Raises
    ------
    ParameterError
        If `few_frames` is not positive.
    AudiosaeError
        If a file is missing or damaged.
    """
    if few_frames < 1:
        raise ParameterError(f"few_frames must be at least 1; got {few_frames}.")
    device = determinism.prepare(seed)
    inputs = {"data/frames": f"data/frames/{codec}.arrow", "weights/sae": f"checkpoints/sae/{codec}.safetensors",
              "weights/probes": f"checkpoints/probes/{codec}.safetensors"}
    table = frames.load(inputs["data/frames"])
    rows = distinct.find(table.latents)
    return Material(
        codec, table, rows, torch.from_numpy(rows.latents).to(device),
        SparseAutoencoder.load(inputs["weights/sae"]).to(device), probes.load(inputs["weights/probes"]),
        few_frames, seed, device, inputs,
    )
