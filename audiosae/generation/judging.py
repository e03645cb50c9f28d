"""Is it music of the kind that was asked for? Generated pieces beside test clips.

Three questions: how far the latents are from real ones (`frechet`), how far the three properties are spread as in test
clips, and whether the classifiers of section 3 hear the instrument that the prompt names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import wasserstein_distance

from audiosae import audio, labels
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.generation import frechet
from audiosae.generation.prompts import plain
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

DRAWS = 10
"""Random choices of windows over which a Fréchet distance is averaged."""


def distances(sets: Mapping[str, np.ndarray], reference: np.ndarray, frames: int, seed: int) -> dict[str, float]:
    """Fréchet distances of several sets of latents to one.

    The distance grows where windows are few, so each set gives as many as the smallest one has, drawn anew `DRAWS` times.

    Parameters
    ----------
    sets
        By name, latents [clips, frames, dim]; clips may be of other lengths in another set.
    reference
        Likewise.
    frames
        In a window: one second.
    seed
        Of the choice.
    """
    known = {name: frechet.windows(latents, frames) for name, latents in sets.items()}
    real = frechet.windows(reference, frames)
    count = min(map(len, [real, *known.values()]))
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in known}
    for _ in range(DRAWS):
        against = rng.permutation(real)[:count]
        for name, of in known.items():
            found[name].append(frechet.distance(rng.permutation(of)[:count], against))
    return {name: float(np.mean(values)) for name, values in found.items()}


def clips(frames: Frames, split: str) -> np.ndarray:
    """Latents of the clips of one split that are as long as most: [clips, frames, dim]."""
    of = [frames.latents[rows] for _, rows in _by_clip(frames, split)]
    length = int(np.median([len(latents) for latents in of]))
    return np.stack([latents for latents in of if len(latents) == length])


def spread(generated: pd.DataFrame, real: pd.DataFrame, edges: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How far the frames of two sets differ in each property: Wasserstein's distance, in bins.

    Parameters
    ----------
    generated, real
        Frames with the columns pitch, amplitude and timbre: classes, −1 where there is none.
    edges
        Of the bins; they say how many there are.

    Raises
    ------
    ParameterError
        If no frame of a set has a property.
    """
    found = {}
    for prop in edges:
        one, other = (table.loc[table[prop] >= 0, prop].to_numpy() for table in (generated, real))
        if not len(one) or not len(other):
            raise ParameterError(f"no frame of one of the two sets has a {prop}; more music is needed.")
        found[prop] = float(wasserstein_distance(one, other))
    return found


def classes(waves: Sequence[np.ndarray], sample_rate: int, tracker: str, frame_rate: float, edges: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Measure decoded music as the clips were measured.

    Parameters
    ----------
    waves
        Each [channels, samples].
    sample_rate
        Of the waves, in Hz.
    tracker, frame_rate, edges
        As for the labels.

    Returns
    -------
    One row a frame: pitch, amplitude, timbre as classes, and `piece`, the wave's number.
    """
    tables = []
    for number, wave in enumerate(waves):
        mono = audio.resample(audio.to_mono(wave), sample_rate, audio.SAMPLE_RATE)
        measured = labels.measure(mono, int(len(mono) / audio.SAMPLE_RATE * frame_rate), frame_rate, tracker)
        tables.append(pd.DataFrame({
            "pitch": labels.pitch_bins(measured.f0, labels.voiced(measured.confidence, measured.rms)),
            "amplitude": labels.to_bins(measured.rms, edges["amplitude"]),
            "timbre": labels.to_bins(measured.centroid, edges["timbre"]), "piece": number,
        }))
    return pd.concat(tables, ignore_index=True)


@torch.no_grad()
def profile(latents: np.ndarray, sae: SparseAutoencoder, probes: Mapping[str, Probe]) -> np.ndarray:
    """What the classifiers say of a clip: the roots of the mean probabilities of all classes, one property behind the
    other. The distance between two is Hellinger's.

    Parameters
    ----------
    latents
        [frames, dim].
    """
    f = sae.encode(torch.from_numpy(np.ascontiguousarray(latents)).to(sae.mean.device))
    return np.sqrt(np.concatenate([probe.logits(f).softmax(dim=-1).mean(dim=0).cpu().numpy() for probe in probes.values()]))


def clip_profiles(
    frames: Frames, manifest: pd.DataFrame, split: str, sae: SparseAutoencoder, probes: Mapping[str, Probe]
) -> tuple[np.ndarray, list[str]]:
    """Profile and instrument, as a word of a prompt, of every clip of a split.

    Parameters
    ----------
    frames
        Of the VAE.
    manifest
        From `corpus.load`.
    """
    names = manifest.set_index("clip")["instrument"].map(plain)
    of = _by_clip(frames, split)
    return np.stack([profile(frames.latents[rows], sae, probes) for _, rows in of]), [names[clip] for clip, _ in of]


def known(
    frames: Frames, manifest: pd.DataFrame, sae: SparseAutoencoder, probes: Mapping[str, Probe]
) -> dict[str, np.ndarray]:
    """Mean profile of each instrument over its training clips."""
    profiles, names = clip_profiles(frames, manifest, "train", sae, probes)
    return {name: profiles[np.array(names) == name].mean(axis=0) for name in sorted(set(names))}


def recognised(profiles: np.ndarray, asked: Sequence[str | None], known: Mapping[str, np.ndarray]) -> np.ndarray:
    """The place of the instrument that was asked for among all, by distance of profiles; 1 is heard rightly.

    Parameters
    ----------
    profiles
        Of the pieces [pieces, classes].
    asked
        Instrument of each.
    known
        Profile of each instrument, from training clips.

    Returns
    -------
    [pieces]; NaN where the instrument is not known.
    """
    names = list(known)
    away = np.linalg.norm(profiles[:, None] - np.stack([known[name] for name in names])[None], axis=-1)
    places = np.argsort(np.argsort(away, axis=1), axis=1) + 1
    return np.array([places[row, names.index(name)] if name in names else np.nan for row, name in enumerate(asked)])


def _by_clip(frames: Frames, split: str) -> list[tuple[str, np.ndarray]]:
    """Clips of a split with the numbers of their rows, in order."""
    rows = np.flatnonzero(frames.rows(split))
    of = frames.table["clip"].astype(str).to_numpy()[rows]
    return [(clip, rows[of == clip]) for clip in dict.fromkeys(of)]
