"""A codec whose answers are known, as the questions of `audiosae.evidence` read it, and what a question writes about it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.evidence import seed_stability
from audiosae.evidence.material import Material
from audiosae.frames import Frames, Mapped, unique
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder


def material(
    latents: np.ndarray,
    table: pd.DataFrame,
    sae: SparseAutoencoder,
    edges: dict[str, np.ndarray] | None = None,
    fitted: dict[str, Probe] | None = None,
    few_frames: int = 10_000,
    codec: str = "toy",
    rate: float = 75.0,
) -> Material:
    """Material from frames and an SAE, on the CPU, with seed 0; its k-sparse one has the same weights and keeps what is above 0."""
    rows = unique.find(Mapped([latents]))
    k_sparse = KSparseAutoencoder(sae.dim, sae.hidden, 2).eval()
    k_sparse.load_state_dict({**sae.state_dict(), "threshold": torch.tensor(0.0)})
    frames = Frames(latents, table, edges or {}, codec, "embedded", "swift-f0", rate)
    return Material(codec, frames, rows, rows.latents[:], sae, fitted or {}, k_sparse, few_frames, 0, {})


def ask(monkeypatch: pytest.MonkeyPatch, question: ModuleType, made: Material, **parameters: Any) -> dict[str, Any]:
    """Run a question on material, and return the figures that it would write; it has to write them once, under its own name."""
    written: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(Material, "read", lambda codec, few_frames, seed: made)
    for module in (question, seed_stability):
        monkeypatch.setattr(module, "load", lambda *_: made, raising=False)
    monkeypatch.setattr(Material, "write", lambda self, name, figures, given, **inputs: written.append((name, figures, given)))
    monkeypatch.setattr(Material, "sae_settings", lambda self: {"dim": self.sae.dim})
    given = {"codec": made.codec, "few_frames": made.few_frames, "seed": made.seed, **parameters}
    question.run(**given)
    ((name, figures, told),) = written
    assert name == question.__name__.rpartition(".")[2] and told == given
    return figures
