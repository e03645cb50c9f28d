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

from audiosae.errors import ParameterError
from audiosae.generation import flow
from audiosae.probes import Probe
from audiosae.probes.seeds import Member

if TYPE_CHECKING:
    from audiosae.generation import Generator

NOISY, ESTIMATE, LINE, OTHER_LINE = PATHS = ("noisy latents", "clean estimate", "straight line", "line to another's end")

UNTRAINED = ", untrained classifiers"
"""Ends the name of a path that such classifiers read."""


class Reading(NamedTuple):
    """One property along some generations, read by each member: an autoencoder with its classifiers, of one seed."""

    p: np.ndarray  #: class probabilities, mean over frames [states, members, prompts, classes]
    entropy: np.ndarray  #: of the classifier, in bits, mean over frames [states, members, prompts]


Readings = dict[tuple[str, str], Reading]
"""By path and property."""


@torch.no_grad()
def read(states: torch.Tensor, members: Sequence[Member]) -> dict[str, Reading]:
    """Read latents [states, prompts, frames, dim] with each member, by property.

    The classifiers were trained on clean latents of the same codec, so what they say of noise has to be read with care.
    """
    said: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {prop: [] for prop in members[0].probes}
    for state in states:  # one at a time: features are eight times the latents
        for sae, probes in members:
            if state.shape[-1] != sae.dim:
                raise ParameterError(f"latents of {state.shape[-1]} numbers, but an SAE for {sae.dim}: they are of another codec.")
            f = sae.encode(state)
            for prop, parts in said.items():
                log_p = probes[prop].logits(f).log_softmax(dim=-1)
                p = log_p.exp()
                parts.append((p.mean(dim=1), -(p * log_p).sum(dim=-1).mean(dim=1) / np.log(2)))
    shape = len(states), len(members)
    return {prop: Reading(*(torch.stack(of).unflatten(0, shape).cpu().numpy() for of in zip(*parts))) for prop, parts in said.items()}


def untrained(member: Member, seed: int) -> Member:
    """Classifiers that were never trained, on the same autoencoder: random weights, spread as widely as those of the trained ones."""
    draw = torch.Generator().manual_seed(seed)
    probes = {}
    for prop, probe in member.probes.items():
        weight = torch.randn(probe.weight.shape, generator=draw).to(probe.weight) * probe.weight.std()
        probes[prop] = Probe(weight, torch.zeros_like(probe.bias), 0.0)
    return Member(member.sae, probes)


def generate(
    generator: Generator, texts: Sequence[str], seeds: Sequence[int], readers: Mapping[str, Sequence[Member]], frames: int, states: int,
    guidance_scale: float, batch: int,
) -> tuple[torch.Tensor, Readings]:  # fmt: skip
    """Generate once, and read every state along all paths with all readers; whole trajectories are held for one batch at a time.

    Parameters
    ----------
    texts, seeds
        One prompt and one seed of its noise each; at least two, which the line to another's end needs.
    readers
        Members by what is appended to the name of each path that they read, such as "" and `UNTRAINED`.
    frames, states, guidance_scale
        Length of each piece; see `flow.sample`.
    batch
        Prompts at a time. More than 16 leave the cache of a processor and take longer there.

    Returns
    -------
    Latents of the music [prompts, frames, dim], and readings.
    """
    if len(texts) < 2:
        raise ParameterError(f"{len(texts)} prompts: give at least two, since each is compared with another's end.")
    parts: dict[tuple[str, str], list[Reading]] = {}
    starts, ends = [], []

    def note(path: str, latents: torch.Tensor) -> None:
        for appended, members in readers.items():
            for prop, reading in read(latents, members).items():
                parts.setdefault((path + appended, prop), []).append(reading)

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
    return final, {key: Reading(*(np.concatenate(of, axis=2) for of in zip(*found, strict=True))) for key, found in parts.items()}
