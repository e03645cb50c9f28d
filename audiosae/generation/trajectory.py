"""What the classifiers say at each state of a generation, and of the paths that it is compared with.

A state can be read in two ways: on the noisy latents themselves, as the paper does, or on the generator's estimate of the clean
ones. Two more paths know nothing of music on the way, and so say what the measure alone would see: the straight line from
the same noise to the same end, and the line to the end of another prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from audiosae.audio.labels import BINS
from audiosae.errors import ParameterError
from audiosae.generation import flow
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

if TYPE_CHECKING:
    from audiosae.generation import Generator

NOISY, ESTIMATE, LINE, OTHER_LINE = PATHS = ("noisy latents", "clean estimate", "straight line", "line to another's end")

COARSE = "pitch in 20 bins"
"""Pitch with as many classes as the other two, beside the 66."""


class Reading(NamedTuple):
    """One property along some generations."""

    p: np.ndarray
    """Class probabilities, mean over frames [states, prompts, classes]."""
    agreement: np.ndarray
    """Share of frames whose likeliest class is already the final one [states, prompts]."""
    entropy: np.ndarray
    """Of the classifier, in bits, mean over frames [states, prompts]."""

    @classmethod
    def of(cls, p: np.ndarray) -> Reading:
        """Sum up probabilities [states, prompts, frames, classes]."""
        classes = p.argmax(axis=-1)
        bits = -(p * np.log2(np.maximum(p, 1e-30))).sum(axis=-1)
        return cls(p.mean(axis=2), (classes == classes[-1]).mean(axis=-1), bits.mean(axis=2))


Readings = dict[tuple[str, str], Reading]
"""By path and property."""


def pool(p: np.ndarray) -> np.ndarray:
    """Add up neighbouring classes, as evenly as it goes: [..., classes] -> [..., 20]."""
    starts = np.ceil(np.arange(BINS) * p.shape[-1] / BINS).astype(int)
    return np.add.reduceat(p, starts, axis=-1)


@torch.no_grad()
def read(states: torch.Tensor, sae: SparseAutoencoder, classifiers: Mapping[str, Mapping[str, Probe]]) -> dict[tuple[str, str], Reading]:
    """Read latents [states, prompts, frames, dim], by classifiers and property; pitch in its own classes and in 20 bins.

    The classifiers, sets of probes by name, were trained on clean latents of the same codec, so what they say of noise has to be read
    with care.
    """
    if states.shape[-1] != sae.dim:
        raise ParameterError(f"latents of {states.shape[-1]} numbers, but an SAE for {sae.dim}: they are of another codec.")
    said: dict[tuple[str, str], list[torch.Tensor]] = {(name, prop): [] for name, of in classifiers.items() for prop in of}
    for state in states:
        f = sae.encode(state)
        for (name, prop), parts in said.items():
            parts.append(classifiers[name][prop].logits(f).softmax(dim=-1))
    found = {}
    for (name, prop), parts in said.items():
        p = torch.stack(parts).cpu().numpy()
        found[name, prop] = Reading.of(p)
        if prop == "pitch":
            found[name, COARSE] = Reading.of(pool(p))
    return found


def untrained(probe: Probe, seed: int) -> Probe:
    """A classifier that was never trained: random weights, spread as widely as those of a trained one."""
    drawn = torch.randn(probe.weight.shape, generator=torch.Generator().manual_seed(seed))
    return Probe(drawn.to(probe.weight) * probe.weight.std(), torch.zeros_like(probe.bias), 0.0)


def generate(
    generator: Generator, texts: Sequence[str], seeds: Sequence[int], sae: SparseAutoencoder,
    classifiers: Mapping[str, Mapping[str, Probe]], frames: int, states: int, guidance_scale: float, batch: int,
) -> tuple[torch.Tensor, dict[str, Readings]]:  # fmt: skip
    """Generate, and read every state along all paths; whole trajectories are held for one batch at a time.

    Parameters
    ----------
    texts, seeds
        One prompt and one seed of its noise each; at least two, which the line to another's end needs.
    frames
        Length of each piece.
    states, guidance_scale
        See `flow.sample`.
    batch
        Prompts at a time. More than 16 leave the cache of a processor and take longer there.

    Returns
    -------
    Latents of the music [prompts, frames, dim], and readings by classifiers.
    """
    if len(texts) < 2:
        raise ParameterError(f"{len(texts)} prompts: give at least two, since each is compared with another's end.")
    parts: dict[str, dict[tuple[str, str], list[Reading]]] = {name: {} for name in classifiers}
    starts, ends = [], []

    def note(path: str, latents: torch.Tensor) -> None:
        for (name, prop), reading in read(latents, sae, classifiers).items():
            parts[name].setdefault((path, prop), []).append(reading)

    batches = range(0, len(texts), batch)
    for number, first in enumerate(batches, start=1):
        some = slice(first, first + batch)
        velocity, noise = generator.velocity(texts[some]), generator.noise(seeds[some], frames)
        path = flow.sample(velocity, noise, states, guidance_scale, progress=f"generating, {number} of {len(batches)}")
        note(NOISY, path.noisy)
        note(ESTIMATE, path.clean)
        note(LINE, flow.line(path.noisy[0], path.noisy[-1], states))
        starts.append(path.noisy[0])
        ends.append(path.noisy[-1])
    final = torch.cat(ends)
    for start, other in zip(starts, final.roll(1, dims=0).split(batch), strict=True):
        note(OTHER_LINE, flow.line(start, other, states))
    joined = {
        name: {key: Reading(*(np.concatenate(of, axis=1) for of in zip(*readings, strict=True))) for key, readings in found.items()}
        for name, found in parts.items()
    }
    return final, joined
