"""The small generator that ships with the repository, on the latents of the embedded DiffRhythm-VAE.

DiffRhythm's transformer, narrower. Its style is the sum of a vector for each word of the prompt. It works on
standardised latents; what it takes and gives is in the VAE's own units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from audiosae import codecs
from audiosae.errors import CheckpointError
from audiosae.files import checkpoint
from audiosae.files.whole import file_hash
from audiosae.generation import flow, prompts
from audiosae.generation.transformer import Shape, Transformer

KIND = "generator/embedded"
CODEC = "diffrhythm-vae"


class Network(nn.Module):
    """Transformer, words, and the statistics of the latents."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.transformer = Transformer(shape)
        self.words = nn.Linear(len(prompts.WORDS), shape.condition, bias=False)
        self.register_buffer("mean", torch.zeros(shape.latent))
        self.register_buffer("std", torch.ones(shape.latent))

    def forward(self, x: torch.Tensor, time: torch.Tensor, hot: torch.Tensor) -> torch.Tensor:
        """Velocity of standardised latents [batch, frames, latent] at times [batch], for words [batch, words]."""
        return self.transformer(x, self.transformer.time_embed(time), self.words(hot))


class Generator:
    """The embedded generator, for `flow.sample`."""

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)

    def to(self, device: torch.device | str) -> Generator:
        """Move the weights; returns itself."""
        self.network.to(device)
        return self

    def noise(self, seeds: Sequence[int], frames: int) -> torch.Tensor:
        """x_0 [seeds, frames, dim], one seed a prompt."""
        return self.network.mean + self.network.std * flow.noise(seeds, frames, self.network.shape.latent).to(self.network.mean.device)

    def velocity(self, texts: Sequence[str]) -> flow.Velocity:
        """The velocities for some prompts, and for none; `ParameterError` if a prompt has an unknown word."""
        hot = prompts.encode(texts).to(self.network.mean.device)
        both = torch.cat([hot, torch.zeros_like(hot)])

        def predict(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
            z = (x - self.network.mean) / self.network.std
            time = torch.full((len(both),), t, device=x.device)
            with_style, without = (self.network(torch.cat([z, z]), time, both) * self.network.std).chunk(2)
            return with_style, without

        return predict


def save(network: Network, path: str | Path, provenance: dict[str, Any]) -> None:
    """Write a trained generator as float16 safetensors; `provenance` names the VAE's file by hash as "codec"."""
    tensors = {name: tensor.half() if name not in ("mean", "std") else tensor for name, tensor in network.state_dict().items()}
    checkpoint.save(path, tensors, {"kind": KIND, "shape": asdict(network.shape), "words": prompts.WORDS, "provenance": provenance})


def load(weights: str | Path = "embedded", codec: str | Path | None = None) -> Generator:
    """Read a generator, "embedded" or a path, to work on the latents of the VAE with this checkpoint; None for the embedded one.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another kind, for another vocabulary, or made on the latents of another VAE.
    """
    path = codecs.source("generator", weights)
    codec = codecs.source(CODEC, "embedded") if codec is None else Path(codec)
    tensors, header = checkpoint.load(path, KIND)
    parent = header["provenance"].get("codec") if isinstance(header.get("provenance"), dict) else None
    if not isinstance(parent, str):
        raise CheckpointError(f"{path} does not say on the latents of which {CODEC} it was trained; fetch or train it again.")
    if codec.suffix == ".safetensors" and not codec.is_file():
        raise CheckpointError(f"{codec} is missing, on whose latents {path} works; `make repro` fetches it.")
    if codec.suffix != ".safetensors" or file_hash(codec) != parent:
        raise CheckpointError(
            f"{path} was trained on the latents of another {CODEC} than {codec} (its SHA-256 is {parent[:12]}…): what it "
            "makes would be noise there. Use the VAE that it was trained on, or train the generator again."
        )
    if header.get("words") != list(prompts.WORDS):
        raise CheckpointError(f"{path} knows another vocabulary than this version of audiosae; fetch or train it again.")
    return Generator(checkpoint.rebuild(lambda sizes: Network(Shape(**sizes)), header.get("shape"), tensors, path))
