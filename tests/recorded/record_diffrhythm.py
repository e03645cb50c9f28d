"""Compare DiffRhythm's transformer and sampler with the authors' own, and record numbers for the tests.

    git clone https://github.com/ASLP-lab/DiffRhythm
    git -C DiffRhythm checkout 28ad63c0f096fe2ee258bcabbcf081d5d9366afd
    .venv/bin/python -m pip install --no-deps --target originals transformers==4.49.0 torchdiffeq==0.2.5 \
        x-transformers==2.1.2 huggingface-hub==0.36.2 tokenizers==0.21.4 einops==0.8.2 einx==0.4.3 frozendict==2.4.6 loguru==0.7.3
    PYTHONPATH=originals .venv/bin/python tests/recorded/record_diffrhythm.py DiffRhythm

The packages are those that the authors' program asks for; in a folder of their own they do not touch the environment.
Both sides get the same random weights, ours through a file in the form in which the authors publish theirs. The largest
differences go to results/parity_diffrhythm.json, and the numbers of small models to tests/recorded/diffrhythm.json.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import formula
import numpy as np
import torch

from audiosae.files import results
from audiosae.generation import diffrhythm, flow

COMMIT = "28ad63c0f096fe2ee258bcabbcf081d5d9366afd"
PACKAGES = ("transformers", "torchdiffeq", "x-transformers")
SIZES = {
    "small": formula.DIFFRHYTHM,
    # The released widths; two of sixteen layers, because all of them do not fit into the memory of a laptop twice.
    "released_width": {"dim": 2048, "depth": 2, "ff_mult": 4, "text_dim": 512, "conv_layers": 4, "mel_dim": 64, "text_num_embeds": 363},
}
LENGTHS = {"small": (500, flow.STATES), "released_width": (100, 8)}
"""How many frames are generated, in how many states: at the released width few, since each takes a minute."""


def pair(clone: Path, sizes: dict[str, int], longest: int, folder: Path) -> tuple[Any, diffrhythm.Generator]:
    """The original with random weights, and ours, loaded from its checkpoint."""
    # The package itself imports the training too, and that asks for more; its modules can be had without it.
    package = ModuleType("model")
    package.__path__ = [str(clone / "model")]
    sys.modules["model"] = package
    from model.cfm import CFM
    from model.dit import DiT

    original = CFM(DiT(**sizes, max_frames=longest), num_channels=sizes["mel_dim"], max_frames=longest).eval()
    original.load_state_dict(formula.weights(formula.shapes(original)))
    torch.save({"model_state_dict": original.state_dict()}, folder / "cfm_model.pt")
    np.save(folder / "vocal.npy", formula.style("vocal")[None].numpy())
    ours = diffrhythm.load(folder / "cfm_model.pt", lambda texts: torch.stack([formula.style(text) for text in texts]))
    return original, ours


@torch.no_grad()
def velocities(original: Any, ours: diffrhythm.Generator, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Both transformers on lyrics, sound to go on from, a start and a length."""
    told = formula.told(frames)
    theirs = original.transformer(
        x=told["x"], cond=told["sound"], text=told["tokens"], time=told["time"], drop_audio_cond=False, drop_text=False,
        style_prompt=told["style"], start_time=told["start"], duration=told["duration"],
    )
    return theirs, ours.network.predict(**told)


@torch.no_grad()
def trajectories(original: Any, ours: diffrhythm.Generator, frames: int, states: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Both samplers, one prompt after the other, as the authors' program calls theirs for instrumental music."""
    theirs = [
        original.sample(
            cond=torch.zeros(1, frames, 64), text=torch.zeros(1, frames, dtype=torch.long), duration=frames, max_duration=frames,
            style_prompt=formula.style(text)[None], negative_style_prompt=formula.style("vocal")[None], steps=states,
            cfg_strength=flow.GUIDANCE_SCALE, seed=seed, start_time=torch.zeros(1), song_duration=torch.full((1,), frames / ours.network.frames),
            latent_pred_segments=[(0, frames)],
        )[1]
        for seed, text in enumerate(formula.PROMPTS)
    ]
    found = flow.sample(ours.velocity(formula.PROMPTS), ours.noise(range(len(formula.PROMPTS)), frames), states)
    return torch.cat(theirs, dim=1), found.noisy


def main() -> None:
    """Compare, record, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, help="clone of DiffRhythm")
    clone = parser.parse_args().clone
    found: dict[str, Any] = {}
    recorded: dict[str, Any] = {}
    for size, sizes in SIZES.items():
        for longest in (diffrhythm.SHORT, diffrhythm.LONG):
            with tempfile.TemporaryDirectory() as folder:
                original, ours = pair(clone, sizes, longest, Path(folder))
            frames, states = LENGTHS[size]
            one, other = velocities(original, ours, frames)
            path, same = trajectories(original, ours, frames, states)
            found[f"{size}_{longest}"] = {
                "frames": frames, "states": states, "velocity": float((one - other).abs().max()),
                "velocity_rms": float(one.pow(2).mean().sqrt()), "trajectory": float((path - same).abs().max()),
                "trajectory_rms": float(path.pow(2).mean().sqrt()),
            }
            print(size, longest, ", ".join(f"{name} {value:.2g}" for name, value in found[f"{size}_{longest}"].items()))
            if size == "small":
                few = trajectories(original, ours, 30, 5)[0]
                recorded[str(longest)] = {
                    "velocity": _rounded(velocities(original, ours, 30)[0]), "states": [_rounded(state) for state in few[1:]],
                }
    results.write(formula.RECORDS / "diffrhythm.json", recorded)
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    results.write("results/parity_diffrhythm.json", {"sizes": found, "original": COMMIT, "packages": packages})


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 6) for value in formula.some(values).tolist()]


if __name__ == "__main__":
    main()
