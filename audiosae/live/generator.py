"""The stage `live_generator`: what a page needs to make music with the small generator by itself.

    python -m audiosae.live.generator --name small-diffrhythm --generator embedded --vae embedded --strength 1.5

Writes book/_static/live/NAME: velocity.onnx, and index.json with the vocabulary and what else the page's Euler steps need. Decoder, autoencoder
and classifiers are the VAE's, see `audiosae.live`. DiffRhythm itself is too large for a page: index.json then says why, and the page too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.export import Dim

from audiosae import codecs, generation
from audiosae.files import determinism, whole
from audiosae.files.params import title
from audiosae.generation import embedded, flow, prompts
from audiosae.live import export, graphs
from audiosae.live.export import EXAMPLE, SNR, LiveError

INPUTS = ("latents", "time", "words")

CHECKED = ((0.0, ""), (0.3, "chorales, violin, alone, high"), (0.7, "drums, jazz kit, together, loud"), (0.97, "piano, low, fast"))
"""Times and prompts at which the exported velocity is held against torch's."""


def run(
    name: str, generator: str, vae: str, strength: float, states: int = flow.STATES, seconds: float = 5.0, project: Path = Path(".")
) -> None:
    """Write what the page needs for one generator.

    Parameters
    ----------
    name
        Of its folder.
    generator, vae
        See `generation.load`.
    strength, states, seconds
        The guidance scale, states of a generation, and length of a piece, as in section 5.
    """
    determinism.prepare(0)
    folder = project / "book/_static/live" / name
    index: dict[str, object] = {"title": title(name), "codec": embedded.CODEC}
    if generator != "embedded" and Path(generator).suffix != ".safetensors":
        index["why"] = "This generator is too large to run in a page; its states are in section 5."
    else:
        loaded, codec = generation.load(generator, vae), codecs.load(embedded.CODEC, vae)
        assert isinstance(loaded, embedded.Generator)  # as such files hold
        frames = int(np.ceil(seconds * codec.frame_rate))
        made = velocity(loaded)
        index |= {
            "sampleRate": codec.sample_rate, "frameRate": codec.frame_rate, "dim": codec.dim, "frames": frames, "seconds": seconds,
            "states": states, "strength": strength, "kinds": prompts.KINDS, "mean": loaded.network.mean.tolist(),
            "std": loaded.network.std.tolist(), "velocity": {"snr": parity(loaded, made, frames)},
        }  # fmt: skip
        whole.write(folder / "velocity.onnx", made)
    whole.write(folder / "index.json", json.dumps(index, ensure_ascii=False))


def velocity(generator: embedded.Generator) -> bytes:
    """The generator's velocity as ONNX: latents x_t [1, frames, dim], time [1], words [1, words] -> v_c and v_u [2, frames, dim]."""
    example = [generator.noise([0], EXAMPLE), torch.tensor([0.3]), prompts.encode(["violin"])]
    free = {1: Dim("frames", min=2, max=100000)}
    return export.export(graphs.Velocity(generator.network), example, INPUTS, "velocity", {"latents": free}).SerializeToString()


def parity(generator: embedded.Generator, made: bytes, frames: int) -> float:
    """Worst signal-to-noise ratio in dB of the exported velocity against torch's, over `CHECKED`; under `SNR` it is a `LiveError`."""
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    found = []
    for seed, (time, prompt) in enumerate(CHECKED):
        x = generator.noise([seed], frames)
        wanted = torch.cat(generator.velocity([prompt])(x, time)).numpy()
        (got,) = session.run(None, dict(zip(INPUTS, (x.numpy(), np.array([time], "f4"), prompts.encode([prompt]).numpy()))))
        found.append(export.snr(got, wanted))
    if min(found) < SNR:
        raise LiveError(f"the generator's velocity for the page is not equal to torch's: {min(found):.1f} dB; {SNR:g} are asked for.")
    return round(min(found), 1)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
