"""Generation: a music generator on the latents of DiffRhythm's VAE, and what it decides at which step (section 5)."""

from __future__ import annotations

from pathlib import Path

from audiosae import codecs
from audiosae.errors import CheckpointError
from audiosae.generation import diffrhythm, embedded

__all__ = ["Generator", "load", "source"]

Generator = embedded.Generator | diffrhythm.Generator


def load(weights: str | Path, vae: str | Path = "embedded") -> Generator:
    """Load a generator.

    Parameters
    ----------
    weights
        "embedded" for the small one that ships with the repository, the path of another such file (.safetensors), or
        the path of DiffRhythm's cfm_model.pt, with their vocal.npy beside it.
    vae
        Weights of the codec that will decode it; see `codecs.load`. A generator on the latents of another is a `CheckpointError`.
    """
    if weights == "embedded" or Path(weights).suffix == ".safetensors":
        return embedded.load(weights, vae if vae == "released" else codecs.source(embedded.CODEC, vae))
    if Path(weights).suffix != ".pt":
        raise CheckpointError(f"{weights} is no generator's checkpoint: give a .safetensors of this project, or DiffRhythm's cfm_model.pt.")
    if vae == "embedded" or Path(vae).suffix == ".safetensors":
        raise CheckpointError(
            f"{weights} is DiffRhythm's, and makes latents of the VAE that its authors released; what the embedded one "
            "would decode from them is noise. Set vae to released, or to the path of that VAE."
        )
    return diffrhythm.load(source(weights))


def source(weights: str | Path) -> Path:
    """The file that `load` reads, whether it is there or not."""
    return codecs.source("generator", weights)
