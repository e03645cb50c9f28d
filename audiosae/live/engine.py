"""Who computes for the desk in JupyterLab: the codec itself, in Python. In a page worker.mjs does, and answers the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosae import audio, codecs, corpus, frames, probes, steering
from audiosae.audio import labels, loudness
from audiosae.codecs import Codec
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.live.index import index_of
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder, reference
from audiosae.sae.reference import in_use
from audiosae.steering import validity

SILENT = -100.0
"""LUFS that silence is told as."""

FIRING = 12
"""Features that are named as firing in a part of a sound."""


@lru_cache(maxsize=2)
def models(codec: str, weights: str, project: Path) -> tuple[Codec, Frames]:
    """A codec and the frames of its corpus; a `ParameterError` if those come from other weights."""
    table = frames.load(project / f"data/frames/{codec}")
    # A table is data, and must not name a program to run.
    if table.weights != weights:
        raise ParameterError(f"the frames of {codec} come from weights {table.weights!r}, not {weights!r}; run `dvc repro`.")
    return codecs.load(codec, weights), table


class Engine:
    """One codec with one of its autoencoders, and one clip; every public method is a question that the desk asks, see worker.mjs."""

    codec: Codec
    sae: SparseAutoencoder
    fitted: dict[str, Probe]
    table: Frames
    latents: torch.Tensor  # of the clip [frames, dim]

    def __init__(self, weights: Mapping[str, str], quantiles: list[float], project: Path) -> None:
        """`weights` by codec, see `codecs.load`; `quantiles` for `index_of`; the project whose sections have run."""
        self.weights, self.quantiles, self.project = weights, quantiles, project

    def load(self, name: str, kind: str) -> dict[str, Any]:
        """A codec with an autoencoder of a kind: what its index says. The clip at hand is kept where the codec stays."""
        before = getattr(self, "codec", None)
        self.codec, self.table = models(name, self.weights[name], self.project)
        if not codecs.decodes(self.codec):
            raise ParameterError(f"the latents of {name} have no decoder, so there is nothing to play.")
        self.sae = reference.load(in_use(name, "sae", kind, self.project))
        self.fitted = probes.load(in_use(name, "probes", kind, self.project))
        manifest = corpus.load(self.project / "data/corpus")
        index = index_of(self.codec, self.table, manifest[manifest["split"] == "test"], self.quantiles)
        kept = {"frames": len(self.latents)} if before is self.codec and hasattr(self, "latents") else {}
        return {"info": {**index, "hidden": {kind: self.sae.hidden}}, **kept}

    def clip(self, clip: str) -> dict[str, Any]:
        """A clip of the corpus, by name."""
        return self._begin(self.table.latents[(self.table.table["clip"] == clip).to_numpy()])

    @torch.no_grad()
    def sound(self, wave: np.ndarray) -> dict[str, Any]:
        """A sound of one's own [channels, samples] at the codec's rate."""
        fitting = audio.for_codec(wave, self.codec.sample_rate, self.codec.sample_rate, self.codec.channels)
        return self._begin(self.codec.encode(torch.from_numpy(fitting)[None])[0].cpu())

    def _begin(self, latents: torch.Tensor) -> dict[str, Any]:
        self.latents = latents
        return {"frames": len(latents)}

    @torch.no_grad()
    def render(
        self, direction: Mapping[str, Any] | None = None, alpha: float = 0.0, variant: str = "paper", span: list[int] | None = None
    ) -> dict[str, Any]:
        """The wave of the clip, pushed in the frames of a span; without a direction the codec's own sound."""
        moved, r = self.latents, 0.0
        if direction:
            w = self._direction(direction)
            r = steering.relative_strength(self.sae, self.latents, w, alpha)
            inside = torch.zeros(len(self.latents), 1)
            inside[slice(*span) if span else slice(None)] = 1
            moved = steering.steer(self.sae, self.latents, w, inside * steering.strength_of(self.sae, self.latents, w, r), variant)
        wave = steering.render(self.codec, moved)
        return {"wave": wave, "r": r, "loudness": self._loudness(wave)}

    def _loudness(self, wave: np.ndarray) -> float:
        """LUFS; JSON has no infinity for silence."""
        return max(loudness.loudness(wave, self.codec.sample_rate), SILENT)

    def _direction(self, direction: Mapping[str, Any]) -> torch.Tensor:
        """w [hidden]: a row of a probe, or one feature."""
        if direction["what"] == "class":
            return self.fitted[direction["property"]].weight[direction["number"]]
        return torch.eye(self.sae.hidden)[direction["number"]]

    def measure(self, wave: np.ndarray) -> dict[str, Any]:
        """What is heard in a wave [channels, samples] at the codec's rate: as the labels of the corpus were measured."""
        rate, mixed = self.codec.sample_rate, audio.to_mono(wave)
        found = labels.describe(wave, rate, self.codec.frame_rate, self.table.tracker)
        pitched = labels.voiced(found.confidence, found.rms)
        return {
            "f0": np.where(pitched, found.f0, np.nan), "rms": found.rms, "centroid": found.centroid,
            "comb": validity.comb(mixed, rate, self.codec.frame_rate), "loudness": self._loudness(wave),
        }  # fmt: skip

    @torch.no_grad()
    def firing(self, span: list[int] | None = None) -> dict[str, Any]:
        """The features that fire most in a span of the clip, with their mean activation there."""
        means = self.sae.encode(self.latents[slice(*span) if span else slice(None)]).mean(dim=0)
        strongest = means.topk(min(FIRING, self.sae.hidden))
        return {"features": [[j, v] for j, v in zip(strongest.indices.tolist(), strongest.values.tolist()) if v > 0]}
