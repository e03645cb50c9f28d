"""Is it music of the kind that was asked for? Generated pieces beside test clips.

How far their latents are from real ones, whether the properties are spread alike, and whether the classifiers hear the instrument that the
prompt names. The first is a Fréchet distance: each window of a second is summed up by mean and standard deviation of each latent dimension,
and each set of windows by a normal distribution, as in the Fréchet inception distance (Heusel et al. 2017):

    d² = ‖μ_1 − μ_2‖² + tr(Σ_1 + Σ_2 − 2 (Σ_1^½ Σ_2 Σ_1^½)^½)

The number has no meaning alone: real against real and noise against real are its two ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import wasserstein_distance

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.generation.prompts import instrument, plain
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

DRAWS = 10
"""Random choices of windows over which a Fréchet distance is averaged."""


def windows(latents: np.ndarray, frames: int) -> np.ndarray:
    """Mean and deviation of latents [clips, frames, dim] in windows of some frames that do not overlap: float64 [windows, 2 · dim]."""
    count = latents.shape[1] // frames
    if count < 1:
        raise ParameterError(f"windows of {frames} frames do not fit into clips of {latents.shape[1]}.")
    cut = latents[:, : count * frames].reshape(-1, frames, latents.shape[2]).astype(np.float64)
    return np.concatenate([cut.mean(axis=1), cut.std(axis=1)], axis=1)


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """d² between two sets of windows [windows, numbers]; `ParameterError` if a set has fewer than two."""
    if min(len(one), len(other)) < 2:
        raise ParameterError(f"sets of {len(one)} and {len(other)} windows have no distance; give two windows or more each.")
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = _root(first)
    shared = np.trace(_root(root @ second @ root))
    return float(((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * shared)


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues, but for rounding; scipy's sqrtm needs full rank."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def distances(sets: Mapping[str, np.ndarray], reference: np.ndarray, frames: int, seed: int) -> dict[str, float]:
    """Fréchet distances of several sets of latents [clips, frames, dim] to one, by windows of some frames.

    The distance grows where windows are few, so each set gives as many as the smallest one has, drawn anew `DRAWS` times.
    """
    known = {name: windows(latents, frames) for name, latents in sets.items()}
    real = windows(reference, frames)
    count = min(map(len, [real, *known.values()]))
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in known}
    for _ in range(DRAWS):
        against = rng.permutation(real)[:count]
        for name, of in known.items():
            found[name].append(frechet(rng.permutation(of)[:count], against))
    return {name: float(np.mean(values)) for name, values in found.items()}


def clips(frames: Frames, split: str) -> np.ndarray:
    """Latents of the clips of one split that are as long as most: [clips, frames, dim]."""
    of = [frames.latents[rows] for _, rows in _by_clip(frames, split)]
    length = int(np.median([len(latents) for latents in of]))
    return np.stack([latents for latents in of if len(latents) == length])


def spread(generated: pd.DataFrame, real: pd.DataFrame) -> dict[str, float]:
    """How far the frames of two tables of classes, −1 for none, differ in each property: Wasserstein's distance, in bins."""
    found = {}
    for prop in labels.PROPERTIES:
        one, other = (table.loc[table[prop] >= 0, prop].to_numpy() for table in (generated, real))
        if not len(one) or not len(other):
            raise ParameterError(f"no frame of one of the two sets has a {prop}; more music is needed.")
        found[prop] = float(wasserstein_distance(one, other))
    return found


def classes(
    waves: Sequence[np.ndarray], sample_rate: int, tracker: str, frame_rate: float, edges: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Measure decoded waves [channels, samples] as the clips were: pitch, amplitude and timbre of each frame as classes, and its wave's number."""
    tables = []
    for number, wave in enumerate(waves):
        measured = labels.describe(wave, sample_rate, frame_rate, tracker)
        pitch = labels.pitch_bins(measured.f0, labels.voiced(measured.confidence, measured.rms))
        amplitude, timbre = labels.to_bins(measured.rms, edges["amplitude"]), labels.to_bins(measured.centroid, edges["timbre"])
        tables.append(pd.DataFrame({"pitch": pitch, "amplitude": amplitude, "timbre": timbre, "piece": number}))
    return pd.concat(tables, ignore_index=True)


@torch.no_grad()
def profile(latents: np.ndarray, sae: SparseAutoencoder, probes: Mapping[str, Probe]) -> np.ndarray:
    """What the classifiers say of a clip [frames, dim]: the roots of the mean probabilities of all classes, one property behind
    the other. The distance between two is Hellinger's."""
    f = sae.encode(torch.from_numpy(latents).to(sae.mean.device))
    return np.sqrt(np.concatenate([probe.logits(f).softmax(dim=-1).mean(dim=0).cpu().numpy() for probe in probes.values()]))


def recognition(
    final: np.ndarray, asked: Sequence[str], frames: Frames, manifest: pd.DataFrame, sae: SparseAutoencoder, probes: Mapping[str, Probe]
) -> tuple[dict[str, dict[str, float] | None], int]:
    """Whether the instrument that was asked for is heard: its place among all, by distance from their profiles over training clips.

    Returns
    -------
    Shares "heard first" and "heard in the first three", and the number of "pieces" whose instrument is known, of the "generated" latents
    [pieces, frames, dim] and of the "test clips"; None where there are none, or fewer than two instruments. And how many there are.
    """
    words = manifest.set_index("clip")["instrument"].map(plain)
    profiles, names = {}, {}
    for split in ("train", "test"):
        of = _by_clip(frames, split)
        profiles[split] = np.stack([profile(frames.latents[rows], sae, probes) for _, rows in of])
        names[split] = np.array([words[clip] for clip, _ in of])
    known = {name: profiles["train"][names["train"] == name].mean(axis=0) for name in sorted(set(names["train"]))}
    made = np.stack([profile(one, sae, probes) for one in final])
    judged = {
        "generated": places(made, list(map(instrument, asked)), known),
        "test clips": places(profiles["test"], list(names["test"]), known),
    }
    found: dict[str, dict[str, float] | None] = dict.fromkeys(judged)
    for who, place in judged.items():
        at = place[np.isfinite(place)]
        if len(at) and len(known) > 1:
            found[who] = {"heard first": float((at == 1).mean()), "heard in the first three": float((at <= 3).mean()), "pieces": len(at)}
    return found, len(known)


def places(profiles: np.ndarray, asked: Sequence[str | None], known: Mapping[str, np.ndarray]) -> np.ndarray:
    """The place of each piece's instrument by distance of profiles [pieces, classes]; 1 is heard rightly, NaN is not known."""
    names = list(known)
    away = np.linalg.norm(profiles[:, None] - np.stack(list(known.values()))[None], axis=-1)
    order = np.argsort(np.argsort(away, axis=1), axis=1) + 1
    return np.array([order[row, names.index(name)] if name in names else np.nan for row, name in enumerate(asked)])


def _by_clip(frames: Frames, split: str) -> list[tuple[str, np.ndarray]]:
    """Clips of a split with the numbers of their rows."""
    rows = np.flatnonzero(frames.rows(split))
    of = frames.table["clip"].astype(str).to_numpy()[rows]
    return [(clip, rows[of == clip]) for clip in dict.fromkeys(of)]
