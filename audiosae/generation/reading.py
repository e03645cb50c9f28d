"""What the classifiers say at each state of a generation, and of the paths that it is compared with.

A step can be read in two ways: on the noisy latents themselves, as the paper does, or on the model's estimate of the clean
ones. Two more paths know nothing of music on the way, and so say what the measure alone would see: the straight line from
the same noise to the same end, and the line to the end of another prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, settling
from audiosae.labels import BINS
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

NOISY, ESTIMATE, LINE, OTHER_LINE = PATHS = ("noisy latents", "clean estimate", "straight line", "line to another's end")

COARSE = "pitch in 20 bins"
"""Pitch with as many classes as the other two, beside the 66."""


class Generator(Protocol):
    """What `generate` asks of a generator."""

    def noise(self, seeds: Sequence[int], frames: int) -> torch.Tensor:
        """x_0 [seeds, frames, dim]."""
        ...

    def velocity(self, texts: Sequence[str]) -> flow.Velocity:
        """For some prompts."""
        ...


class Reading(NamedTuple):
    """One property along some generations.

    Attributes
    ----------
    p
        Class probabilities, mean over frames [states, prompts, classes].
    agreement
        Share of frames whose likeliest class is already the final one [states, prompts].
    entropy
        Of the classifier, in bits, mean over frames [states, prompts].
    """

    p: np.ndarray
    agreement: np.ndarray
    entropy: np.ndarray


Readings = dict[tuple[str, str], Reading]
"""By path and property."""


def pool(p: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Add up neighbouring classes: [..., classes] -> [..., bins], as evenly as it goes.

    Raises
    ------
    ParameterError
        If there are fewer classes than bins.
    """
    if p.shape[-1] < bins:
        raise ParameterError(f"{p.shape[-1]} classes cannot be put into {bins} bins.")
    starts = np.ceil(np.arange(bins) * p.shape[-1] / bins).astype(int)
    return np.add.reduceat(p, starts, axis=-1)


def read(
    states: torch.Tensor, sae: SparseAutoencoder, classifiers: Mapping[str, Mapping[str, Probe]]
) -> dict[tuple[str, str], Reading]:
    """Read every state of some generations, by classifiers and property; pitch in its own classes and in 20 bins.

    Parameters
    ----------
    states
        Latents [states, prompts, frames, dim].
    sae
        Trained on clean latents of the same codec.
    classifiers
        Sets of probes of its features by name, such as trained and untrained.

    Raises
    ------
    ParameterError
        See `settling.probabilities`.
    """
    probes = {(name, prop): probe for name, of in classifiers.items() for prop, probe in of.items()}
    found = {}
    # All at once, since what they read is the same: the SAE's features.
    for (name, prop), p in zip(probes, settling.probabilities(states, sae, list(probes.values())), strict=True):
        p = p.cpu().numpy()
        for called, of in {prop: p, **({COARSE: pool(p)} if prop == "pitch" else {})}.items():
            found[name, called] = Reading(of.mean(axis=2), settling.agreement(of), settling.entropy(of).mean(axis=2))
    return found


def untrained(probe: Probe, seed: int) -> Probe:
    """A classifier that was never trained: random weights, spread as widely as those of a trained one."""
    drawn = torch.randn(probe.weight.shape, generator=torch.Generator().manual_seed(seed))
    return Probe(drawn.to(probe.weight) * probe.weight.std(), torch.zeros_like(probe.bias), 0.0)


class Music(NamedTuple):
    """What some prompts gave.

    Attributes
    ----------
    final
        Latents [prompts, frames, dim].
    readings
        By classifiers, "trained" and "untrained", then by path and property.
    """

    final: torch.Tensor
    readings: dict[str, Readings]


def generate(
    generator: Generator, texts: Sequence[str], seeds: Sequence[int], sae: SparseAutoencoder,
    classifiers: Mapping[str, Mapping[str, Probe]], frames: int, states: int = flow.STATES,
    strength: float = flow.STRENGTH, batch: int = 16,
) -> Music:
    """Generate, and read every state along all paths.

    Whole trajectories are held for one batch at a time; what stays is what was read.

    Parameters
    ----------
    generator
        Embedded, or DiffRhythm.
    texts, seeds
        One prompt and one seed of its noise each.
    sae, classifiers
        Sets of probes by name, such as trained and untrained.
    frames
        Length of each piece.
    states, strength
        See `flow.sample`.
    batch
        Prompts at a time. More than 16 leave the cache of a processor and take longer there.

    Raises
    ------
    ParameterError
        If there are fewer than two prompts, which the line to another's end needs, or not as many seeds.
    """
    if len(texts) < 2 or len(texts) != len(seeds):
        raise ParameterError(f"{len(texts)} prompts and {len(seeds)} seeds: give at least two prompts, with one seed each.")
    parts: dict[str, dict[tuple[str, str], list[Reading]]] = {name: {} for name in classifiers}
    starts, finals = [], []

    def note(path: str, latents: torch.Tensor) -> None:
        for (name, prop), reading in read(latents, sae, classifiers).items():
            parts[name].setdefault((path, prop), []).append(reading)

    batches = list(range(0, len(texts), batch))
    for number, first in enumerate(batches, start=1):
        some = slice(first, first + batch)
        path = flow.sample(
            generator.velocity(texts[some]), generator.noise(seeds[some], frames), states, strength,
            progress=f"generating, {number} of {len(batches)}",
        )
        note(NOISY, path.noisy)
        note(ESTIMATE, path.clean)
        note(LINE, flow.line(path.noisy[0], path.noisy[-1], states))
        starts.append(path.noisy[0])
        finals.append(path.noisy[-1])
    others = torch.cat(finals).roll(1, dims=0).split(batch)
    for start, other in zip(starts, others, strict=True):
        note(OTHER_LINE, flow.line(start, other, states))
    joined = {name: {key: _join(readings) for key, readings in found.items()} for name, found in parts.items()}
    return Music(torch.cat(finals), joined)


def _join(readings: list[Reading]) -> Reading:
    return Reading(*(np.concatenate(parts, axis=1) for parts in zip(*readings)))
