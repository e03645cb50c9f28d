"""The same autoencoder and probes from several seeds: what could have come out of training otherwise."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import NamedTuple

import torch

from audiosae.probes import linear
from audiosae.probes.linear import Probe
from audiosae.sae import SparseAutoencoder, reference
from audiosae.sae.reference import in_use


class Member(NamedTuple):
    """An autoencoder, and its probes by property."""

    sae: SparseAutoencoder
    probes: dict[str, Probe]

    def to(self, device: torch.device | str) -> Member:
        """A copy on a device."""
        probes = {prop: Probe(p.weight.to(device), p.bias.to(device), p.penalty) for prop, p in self.probes.items()}
        return Member(copy.deepcopy(self.sae).to(device), probes)


def places(codec: str, number: int, project: Path = Path(".")) -> tuple[Path, Path]:
    """Where section 2 keeps the paper's autoencoder that it trained from its seed plus a number, and section 3 its probes."""
    name = f"seeds/{number}.safetensors"
    return project / "data/sae_training" / codec / name, project / "data/probing" / codec / name


def trained(codec: str, project: Path = Path(".")) -> list[tuple[Path, Path]]:
    """`places` of every seed that section 2 has trained, from its first."""
    found: list[tuple[Path, Path]] = []
    while (place := places(codec, len(found), project))[0].is_file():
        found.append(place)
    return found


def load(codec: str, project: Path = Path("."), kind: str = "paper") -> list[Member]:
    """The autoencoder in use with its probes, and, of the paper's kind, those of the other seeds of sections 2 and 3.

    Raises
    ------
    CheckpointError
        If a file is missing or damaged.
    """
    sae, probes = (in_use(codec, part, kind, project) for part in ("sae", "probes"))
    members = [Member(reference.load(sae), linear.load(probes))]
    others = trained(codec, project)[1:] if kind == "paper" else []
    return members + [Member(SparseAutoencoder.load(sae), linear.load(probes)) for sae, probes in others]
