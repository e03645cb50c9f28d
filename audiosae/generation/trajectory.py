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

from audiosae import engine
from audiosae.errors import ParameterError
from audiosae.files import determinism
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
    given = {appended: [member.to("cpu") for member in members] for appended, members in readers.items()}
    batches = {f"prompts from {first}": slice(first, first + batch) for first in range(0, len(texts), batch)}
    shared = (generator, given, frames, states)
    asked = {name: (texts[some], seeds[some], guidance_scale, *shared) for name, some in batches.items()}
    made = engine.each(_paths, asked, "generating", "batch")
    final = torch.cat([end for end, _ in made.values()])
    others = final.roll(1, dims=0)
    lines = engine.each(_other_line, {name: (seeds[some], others[some], *shared) for name, some in batches.items()}, "reading", "batch")
    found: dict[tuple[str, str], list[Reading]] = {}
    for readings in (*(of for _, of in made.values()), *lines.values()):
        for key, reading in readings.items():
            found.setdefault(key, []).append(reading)
    return final, {key: Reading(*(np.concatenate(of, axis=2) for of in zip(*each, strict=True))) for key, each in found.items()}


def _paths(
    texts: Sequence[str], seeds: Sequence[int], guidance_scale: float, generator: Generator, readers: Mapping[str, Sequence[Member]],
    frames: int, states: int,
) -> tuple[torch.Tensor, Readings]:  # fmt: skip
    """Generate some pieces: their ends, and what is read on the three paths that need no other's end."""
    generator = generator.to(determinism.device())
    path = flow.sample(generator.velocity(texts), generator.noise(seeds, frames), states, guidance_scale)
    line = flow.line(path.noisy[0], path.noisy[-1], states)
    ways = {NOISY: path.noisy, ESTIMATE: path.clean, LINE: line}
    return path.noisy[-1].cpu(), {key: reading for way, latents in ways.items() for key, reading in _read_by(readers, way, latents).items()}


def _other_line(
    seeds: Sequence[int], ends: torch.Tensor, generator: Generator, readers: Mapping[str, Sequence[Member]], frames: int, states: int
) -> Readings:  # fmt: skip
    """What is read on the way from the noise of some pieces to the ends of others."""
    noise = generator.to(determinism.device()).noise(seeds, frames)
    return _read_by(readers, OTHER_LINE, flow.line(noise, ends.to(noise), states))


def _read_by(readers: Mapping[str, Sequence[Member]], path: str, latents: torch.Tensor) -> Readings:
    """Read one path with all readers."""
    return {
        (path + appended, prop): reading
        for appended, members in readers.items()
        for prop, reading in read(latents, [member.to(latents.device) for member in members]).items()
    }
