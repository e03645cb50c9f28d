"""Generation: a music generator on the latents of DiffRhythm's VAE, and what it decides at which step (section 5)."""

from __future__ import annotations

from pathlib import Path

from audiosae import codecs
from audiosae.errors import CheckpointError, ParameterError
from audiosae.generation import diffrhythm, embedded

__all__ = ["Generator", "load"]

Generator = embedded.Generator | diffrhythm.Generator


def load(weights: str | Path, vae: str | Path = "embedded", precision: str = "float32") -> Generator:
    """Load a generator.

    Parameters
    ----------
    weights
        "embedded" for the small one that ships with the repository, the path of another such file (.safetensors), or
        the path of DiffRhythm's cfm_model.pt, with their vocal.npy beside it.
    vae
        Weights of the codec that will decode it; see `codecs.load`. A generator on the latents of another is a `CheckpointError`.
    precision
        Of DiffRhythm's layers, "float32" or "float16"; a `ParameterError` for another than float32 of the small one.
    """
    if weights == "embedded" or Path(weights).suffix == ".safetensors":
        if precision != "float32":
            raise ParameterError(
                f"generation.precision is {precision}, which is for DiffRhythm's own checkpoint; write float32 for {weights}."
            )
        return embedded.load(weights, vae if vae == "released" else codecs.source(embedded.CODEC, vae))
    if Path(weights).suffix != ".pt":
        raise CheckpointError(f"{weights} is no generator's checkpoint: give a .safetensors of this project, or DiffRhythm's cfm_model.pt.")
    if vae == "embedded" or Path(vae).suffix == ".safetensors":
        raise CheckpointError(
            f"{weights} is DiffRhythm's, and makes latents of the VAE that its authors released; what the embedded one "
            "would decode from them is noise. Set vae to released, or to the path of that VAE."
        )
    return diffrhythm.load(codecs.source("generator", weights), precision=precision)
