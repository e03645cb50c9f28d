"""What every question starts from: the frames of a codec, its SAE and probes, and which frames may be used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosae import frames, probes
from audiosae.errors import ParameterError
from audiosae.evidence import subject
from audiosae.files import checkpoint, determinism, results
from audiosae.frames import Frames, unique
from audiosae.frames.unique import Rows
from audiosae.probes import Probe, Task
from audiosae.sae import KIND, SparseAutoencoder, training
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.reference import in_use
from audiosae.sae.training import Split


@dataclass(frozen=True)
class Material:
    """What sections 1 to 3 made of one codec.

    Attributes
    ----------
    table, rows, latents
        Frames with labels, what stands for them (see `frames.unique`), and this as float32 [rows, dim], on the device where to compute.
    sae, fitted, k_sparse
        The paper's SAE that the later sections use, its probes by property, and the k-sparse SAE.
    few_frames
        Most training frames that a question looks at, drawn at random. Frames that repeat are never thinned, since they cost nothing.
    inputs
        The files that were read, by what they are.
    """

    codec: str
    table: Frames
    rows: Rows
    latents: torch.Tensor
    sae: SparseAutoencoder
    fitted: dict[str, Probe]
    k_sparse: KSparseAutoencoder
    few_frames: int
    seed: int
    inputs: dict[str, str | Path]

    @classmethod
    def read(cls, codec: str, few_frames: int, seed: int) -> Material:
        """Read the files of a codec below the current folder, and seed and pin whatever would differ from run to run."""
        determinism.prepare(seed)
        load.cache_clear()  # the files may be others than before
        return load(codec, few_frames, seed, Path.cwd())

    def write(self, question: str, figures: dict[str, Any], parameters: dict[str, Any], **inputs: str) -> None:
        """Write results/evidence/QUESTION/CODEC.json with what it is `of` and its provenance; `inputs` are files that this question alone reads."""
        path = Path("results", "evidence", question, f"{self.codec}.json")
        made = results.provenance({**self.inputs, **inputs}, parameters, f"audiosae.evidence.{question}")
        results.write(path, {**figures, "of": subject.of(self.codec), "provenance": {**made, "weights": self.table.weights}})
        print(path)

    def chosen(self, split: str, prop: str | None = None) -> np.ndarray:
        """Frames of a split that can be used for a property, bool [frames]; of training frames no more than `few_frames`."""
        rows = self.table.rows(split, prop)
        return self.rows.thin(rows, self.few_frames, self.seed) if split == "train" else rows

    def label(self, prop: str) -> np.ndarray:
        """Class of every frame, −1 where there is none [frames]."""
        return self.table.table[prop].to_numpy()

    def classes(self, prop: str) -> int:
        """How many classes a property has."""
        return len(self.table.edges[prop]) - 1

    def pieces(self, where: np.ndarray) -> np.ndarray:
        """The recording of each chosen frame, as text."""
        return self.table.table.loc[where, "piece"].astype(str).to_numpy()

    def histogram(self, where: np.ndarray, label: np.ndarray, classes: int) -> torch.Tensor:
        """How often each row has each class among chosen frames, as `probes.fit` wants it: int64 [rows, classes]."""
        return torch.from_numpy(self.rows.histogram(where, label, classes)).to(self.latents.device)

    def labelled(self, split: str, prop: str) -> torch.Tensor:
        """The `histogram` of a property over the chosen frames of a split."""
        return self.histogram(self.chosen(split, prop), self.label(prop), self.classes(prop))

    def at_rows(self, where: np.ndarray) -> torch.Tensor:
        """The row of each chosen frame [frames], beside the latents."""
        return torch.from_numpy(self.rows.of_frame[where]).to(self.latents.device)

    def task(self, prop: str, label: np.ndarray | None = None) -> tuple[torch.Tensor, Task]:
        """The rows of latents that frames with a property use [used], and what a probe on these learns: its classes, or others [frames]."""
        label = self.label(prop) if label is None else label
        train, validation, test = (self.chosen(split, prop) for split in ("train", "validation", "test"))
        used = np.unique(self.rows.of_frame[train | validation | test])
        learnt, checked = (self.histogram(where, label, self.classes(prop))[used] for where in (train, validation))
        row = np.searchsorted(used, self.rows.of_frame[test])
        return torch.from_numpy(used), Task(learnt, checked, row, label[test], self.pieces(test))

    def thinned_training(self, batch: int) -> tuple[Split, int, dict[str, Any]]:
        """What SAEs learn from when frames are saved and steps are not: `training.hold_out`, batch, and sizes for the results.

        The batch, in frames, makes as many steps an epoch as `batch` does over all training frames.
        """
        kept = self.chosen("train")
        split = training.hold_out(self.rows, kept, self.table.rows("test"), self.seed)
        frames, used = int(self.table.rows("train").sum()), int(kept.sum())
        sizes = {"held_out": split.held_out, "dim": self.latents.shape[1], "frames": frames, "train_frames": used}
        return split, training.scaled_batch(batch, used, frames), sizes

    def sae_settings(self) -> dict[str, Any]:
        """dim, hidden and l1 (λ) of the SAE, for the results."""
        _, header = checkpoint.load(self.inputs["weights/sae"], KIND)
        return {"dim": self.sae.dim, "hidden": self.sae.hidden, "l1": header["provenance"]["of"]["l1"]}


@lru_cache(maxsize=1)
def load(codec: str, few_frames: int, seed: int, project: Path) -> Material:
    """The same in a worker of the engine, which seeds and pins for itself; read once a process."""
    if few_frames < 1:
        raise ParameterError(f"few_frames must be at least 1; got {few_frames}.")
    device = determinism.device()
    inputs: dict[str, str | Path] = {
        "data/frames": project / "data/frames" / codec,
        "weights/sae": in_use(codec, "sae", project=project),
        "weights/probes": in_use(codec, "probes", project=project),
        "weights/k_sparse": in_use(codec, "sae", "k_sparse", project),
    }
    table = frames.load(inputs["data/frames"])
    rows = unique.find(table.latents)
    sae, fitted = SparseAutoencoder.load(inputs["weights/sae"]).to(device), probes.load(inputs["weights/probes"])
    k_sparse = KSparseAutoencoder.load(inputs["weights/k_sparse"]).to(device)
    return Material(codec, table, rows, rows.latents[:].to(device), sae, fitted, k_sparse, few_frames, seed, inputs)
