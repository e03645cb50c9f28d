"""The stage `train_codec`: teach a small EnCodec on a larger render of the embedded corpus.

    python -m audiosae.codecs.train encodec checkpoints/encodec.safetensors --minutes 60 …

Training pieces only are played; no checkpoint has met a validation or test piece. The first third of the steps is
continuous, then the codebooks start from k-means and the rest is quantised. A second, shorter round refines the result
on another render with more single voices, since notes near the ends of the range are rare in the first and were lost.
A killed run continues from its last saved state with the same result, because every step draws from a seed of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import nn
from tqdm.auto import tqdm

from audiosae import corpus
from audiosae.audio import SAMPLE_RATE, for_codec
from audiosae.checkpoint import file_hash
from audiosae.codecs import encodec
from audiosae.codecs.losses import reconstruction
from audiosae.corpus.embedded import plan
from audiosae.corpus.scores import PARTS
from audiosae.determinism import prepare
from audiosae.errors import report

STATES = Path(".resume")
"""Outside the outputs of any stage, which DVC deletes before it runs one."""

CROP = 16000
"""Samples of a training example, 0.67 s."""


REFINE_CHORALES = 3.0
"""Share of chorales in the second render; every other part has 1."""


def render_waves(
    minutes: float, clip_seconds: float, seed: int, split: str, folder: Path, chorales: float = 1.0
) -> np.ndarray:
    """Play scores to one float32 array [clips, samples] at the codec's rate; kept in `folder` for a resumed run."""
    path = folder / f"{split}-{seed}.npy"
    if not path.is_file():
        sessions = plan(minutes, clip_seconds, {**dict.fromkeys(PARTS, 1.0), "chorales": chorales}, seed, (split,))
        waves = [
            for_codec(clip.wave, SAMPLE_RATE, encodec.SAMPLE_RATE, 1)[0] for clip in corpus.play(sessions, clip_seconds)
        ]
        partial = path.with_suffix(".partial.npy")
        np.save(partial, np.stack(waves))
        os.replace(partial, path)
    return np.load(path, mmap_mode="r")


def batch(waves: np.ndarray, size: int, seed: int, step: int, device: torch.device) -> torch.Tensor:
    """Random crops [size, CROP] that are not silent; the same for the same seed and step."""
    rng = np.random.default_rng([seed, step])
    crops = []
    while len(crops) < size:
        clip, start = rng.integers(len(waves)), rng.integers(waves.shape[1] - CROP)
        crop = waves[clip, start : start + CROP]
        if np.abs(crop).max() > 1e-3:
            crops.append(crop)
    return torch.from_numpy(np.stack(crops)).to(device)


@torch.no_grad()
def scale_layers(network: encodec.Network, waves: torch.Tensor) -> None:
    """Orthogonal weights, rescaled layer by layer to unit variance on one batch (Mishkin and Matas 2016).

    With PyTorch's default weights the latents hardly move, and the decoder learns a constant.
    """

    def rescale(layer: nn.Module, _: object, output: torch.Tensor) -> torch.Tensor:
        layer.weight.div_(output.std())
        return output / output.std()

    hooks = []
    for module in network.modules():
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            nn.init.orthogonal_(module.weight)
            nn.init.zeros_(module.bias)
            hooks.append(module.register_forward_hook(rescale))
    network.decoder(network.encoder(waves[:, None]))
    for hook in hooks:
        hook.remove()
    network.decoder.model[-1].conv.conv.weight.mul_(waves.std())


@torch.no_grad()
def start_codebooks(network: encodec.Network, waves: np.ndarray, size: int, seed: int, device: torch.device) -> None:
    """Set each codebook to k-means centres of what the ones before it leave over."""
    latents = [network.encoder(batch(waves, size, seed + 1, step, device)[:, None]) for step in range(40)]
    residual = torch.cat(latents).transpose(1, 2).reshape(-1, encodec.DIM).cpu()
    for number, layer in enumerate(network.quantizer.vq.layers):
        book = layer._codebook
        means = MiniBatchKMeans(1024, random_state=seed + number, n_init=1, batch_size=4096).fit(residual.numpy())
        centres = torch.from_numpy(means.cluster_centers_.astype(np.float32))
        uses = torch.bincount(torch.from_numpy(means.labels_).long(), minlength=1024) / 40
        book.embed.copy_(centres)
        book.cluster_size.copy_(uses)
        book.embed_avg.copy_(centres * uses[:, None])
        book.inited.fill_(1)
        residual = residual - centres[torch.from_numpy(means.labels_).long()]


def train_encodec(
    target: Path, minutes: float, clip_seconds: float, filters: int, lstm: int, steps: int, refine_steps: int,
    batch_size: int, learning_rate: float, refine_rate: float, save_every: int, seed: int,
) -> pd.DataFrame:
    """Train, and write the checkpoint.

    Parameters
    ----------
    target
        Checkpoint to write.
    minutes, clip_seconds
        Length of the render of training pieces, and of its clips.
    filters, lstm
        Width and LSTM layers, see `encodec.Shape`.
    steps, learning_rate
        Of AdamW with a cosine schedule.
    refine_steps, refine_rate
        Of the second round, with a cosine schedule of its own (a warm restart, Loshchilov and Hutter 2017).
    batch_size
        Examples of 0.67 s a step.
    save_every
        Steps between saved states, each with a line of progress.
    seed
        Of corpus, weights and crops.

    Returns
    -------
    Progress: step, quantised or not, and the loss terms on validation pieces.
    """
    settings = dict(locals(), target=str(target))
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    states = STATES / f"encodec-{key}"
    states.mkdir(parents=True, exist_ok=True)
    device = prepare(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")  # the quantiser's scatter has no such form on a GPU
    waves = render_waves(minutes, clip_seconds, seed, "train", states)
    refining = render_waves(minutes, clip_seconds, seed + 1, "train", states, REFINE_CHORALES)
    held_out = render_waves(2, clip_seconds, seed, "validation", states)
    checks = batch(held_out, 32, seed, 0, device)

    shape = encodec.Shape(filters, lstm, "none", encodec.CODEBOOKS)
    # A batch holds fewer frames than a codebook vectors, so "dead" must mean far less than one use a batch.
    network = encodec.Network(shape, dead_code=0.02).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, betas=(0.8, 0.99), weight_decay=1e-4)
    first, progress, quantised_from = 0, [], steps // 3
    state_path = states / "state.pt"
    if state_path.is_file():
        state = torch.load(state_path, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        first, progress = state["step"], state["progress"]
    else:
        scale_layers(network, batch(waves, batch_size, seed, steps, device))

    network.train()
    total = steps + refine_steps
    bar = tqdm(range(first, total), initial=first, total=total, desc="training EnCodec", unit="step")
    for step in bar:
        torch.manual_seed(seed + step)
        if step == quantised_from:
            start_codebooks(network, waves, batch_size, seed, device)
        quantised = step >= quantised_from
        if step < steps:
            source, rate, done = waves, learning_rate * min(1.0, (step + 1) / 100), step / steps
        else:
            source, rate, done = refining, refine_rate, (step - steps) / refine_steps
        optimizer.param_groups[0]["lr"] = rate * (0.02 + 0.98 * math.cos(math.pi * done / 2) ** 2)

        wave = batch(source, batch_size, seed, step, device)
        with torch.autocast(device.type, torch.bfloat16):  # a fifth faster, and its error is far below the codec's
            latents = network.encoder(wave[:, None])
        latents = latents.float()
        commitment = latents.new_zeros(())
        if quantised:
            latents, _, losses = network.quantizer.vq(latents)
            commitment = losses.mean()
        with torch.autocast(device.type, torch.bfloat16):
            decoded = network.decoder(latents)[:, 0]
        terms = reconstruction(decoded.float(), wave)
        loss = terms["waveform"] + terms["spectral"] + 0.5 * terms["level"] + 0.25 * commitment
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

        if (step + 1) % save_every == 0 or step + 1 == total:
            progress.append({"step": step + 1, "quantised": quantised, **_validate(network, checks, quantised)})
            bar.set_postfix({name: f"{value:.3f}" for name, value in progress[-1].items() if name in terms})
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1,
                     "progress": progress}
            torch.save(state, state_path.with_suffix(".partial"))
            os.replace(state_path.with_suffix(".partial"), state_path)

    sources = [encodec.__file__, __file__, Path(__file__).with_name("losses.py")]
    provenance = {
        "corpus": [hashlib.sha256(render.tobytes()).hexdigest() for render in (waves, refining)],
        "code": hashlib.sha256("".join(file_hash(path) for path in sources).encode()).hexdigest(),
        "parent": None,
        "settings": {name: value for name, value in settings.items() if name != "target"},
    }
    encodec.save(network.cpu(), shape, target, provenance)
    return pd.DataFrame(progress)


@torch.no_grad()
def _validate(network: encodec.Network, wave: torch.Tensor, quantised: bool) -> dict[str, float]:
    network.eval()
    latents = network.encoder(wave[:, None])
    if quantised:
        latents = network.quantizer.vq(latents)[0]
    terms = reconstruction(network.decoder(latents)[:, 0], wave)
    network.train()
    return {name: float(value) for name, value in terms.items()}


def main() -> None:
    """Read the arguments that DVC makes from params.yaml, train, and leave the curve in results/."""
    parser = argparse.ArgumentParser(prog="audiosae.codecs.train", description=__doc__, allow_abbrev=False)
    parser.add_argument("codec", choices=["encodec"])
    parser.add_argument("target", type=Path)
    parser.add_argument("curve", type=Path, help="CSV of the training curve")
    for name in ("minutes", "clip_seconds", "learning_rate", "refine_rate"):
        parser.add_argument(f"--{name}", type=float, required=True)
    for name in ("filters", "lstm", "steps", "refine_steps", "batch_size", "save_every", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = vars(parser.parse_args())
    curve = given.pop("curve")
    given.pop("codec")
    progress = train_encodec(**given)
    curve.parent.mkdir(parents=True, exist_ok=True)
    progress.to_csv(curve, index=False, float_format="%.6g")


if __name__ == "__main__":
    report(main)
