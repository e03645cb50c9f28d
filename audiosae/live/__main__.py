"""The stage `live`: what a page needs to compute a codec's sounds by itself.

    python -m audiosae.live --codec encodec --weights embedded --quantiles 0.1 0.9 --clips 4

Writes book/_static/live/CODEC: the codec's decoder and encoder as ONNX, autoencoders and probes in half precision, latents of test clips, features.json with all
features of each, and index.json, which says what there is. Of an embedded codec, a model that is not equal to torch is an error. Another that does not export
or not to the same values, such as a released TorchScript program, or is too large for a page is none: index.json then says why, and the page keeps to recorded sounds.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.export import Dim

from audiosae import audio, codecs, corpus, frames, probes
from audiosae.codecs import Codec
from audiosae.files import determinism, whole
from audiosae.live import export, graphs
from audiosae.live.export import EXAMPLE, SNR, LiveError
from audiosae.live.features import survey
from audiosae.live.index import index_of
from audiosae.sae import reference
from audiosae.sae.reference import KINDS, in_use

LARGEST = 40_000_000
"""Bytes of a model that a page can be asked to fetch."""

ELSEWHERE = "Its sounds are recorded in section 4, and computed in JupyterLab."

EQUAL, NEAR = 0.99, 1e-3
"""What an encoder has to reach: the share of its frames that lie `NEAR` torch's."""

FRAMES = 200_000
"""Of which features are surveyed, of clips spread over the corpus: their features have to fit in memory."""

CHECKED = 8
"""Test clips that models are held against torch with."""


def run(codec: str, weights: str, quantiles: list[float], clips: int, project: Path = Path(".")) -> None:
    """Write what the page needs for one codec.

    Parameters
    ----------
    codec, weights
        See `codecs.load`.
    quantiles
        Low and high targets that the page begins with, as in section 4.
    clips
        How many the browser shows of each feature: those that excite it most.
    project
        The project's folder.
    """
    determinism.prepare(0)
    model, table = codecs.load(codec, weights), frames.load(project / f"data/frames/{codec}")
    manifest = corpus.load(project / "data/corpus")
    folder = project / "book/_static/live" / codec
    test = manifest[manifest["split"] == "test"]
    index = index_of(model, table, test, quantiles)
    hop = index["hop"]
    heard = test["file"][:: len(test) // CHECKED or 1]
    waves = [audio.for_codec(*audio.read(file), model.sample_rate, model.channels) for file in heard]
    try:
        ways = graphs.modules(model) if codecs.decodes(model) else {}
        models = {name: _model(ways, name, model, hop) for name in ways}
        if (largest := max(map(len, models.values()), default=0)) > LARGEST:
            models, index["why"] = {}, f"A model of {largest / 1e6:.0f} MB is too large for a page. {ELSEWHERE}"
        index |= {name: _parity(name, made, model, waves, hop) for name, made in models.items()}
    except Exception as error:  # whatever an exporter may raise of a codec that it was not made for
        if weights == "embedded":
            raise
        reason = error if isinstance(error, LiveError) else type(error).__name__
        models, index["why"] = {}, f"This codec does not export ({reason}). {ELSEWHERE}"
    if not codecs.decodes(model):
        index["why"] = "These latents have no decoder, so there is nothing to play; their features are in the feature browser."
    for name, made in models.items():
        whole.write(folder / f"{name}.onnx", made)
    for row in test.itertuples() if models else ():
        latents = table.latents[(table.table["clip"] == row.clip).to_numpy()]
        whole.write(folder / f"clips/{row.clip}.f32", latents.numpy().astype("<f4").tobytes())
    names = manifest["clip"].astype(str).tolist()
    kept = table.table["clip"].cat.codes.to_numpy() % math.ceil(len(table.latents) / FRAMES) == 0
    surveyed = replace(table, latents=frames.Mapped([table.latents[kept].numpy()]), table=table.table[kept].reset_index(drop=True))
    for kind in KINDS:
        sae, fitted = reference.load(in_use(codec, "sae", kind, project)), probes.load(in_use(codec, "probes", kind, project))
        index["hidden"][kind] = sae.hidden
        sae.save(folder / kind / "sae.safetensors", half=True)
        probes.save(fitted, folder / kind / "probes.safetensors", {}, half=True)
        found = survey(surveyed, sae, fitted, names, clips)
        whole.write(folder / kind / "features.json", json.dumps(found, separators=(",", ":")))
    whole.write(folder / "index.json", json.dumps(index, ensure_ascii=False))


def _model(modules: dict[str, nn.Module], name: str, codec: Codec, hop: int) -> bytes:
    """Export the decoder or the encoder of a codec, with time free."""
    free = Dim("frames", min=2, max=100000)
    if name == "decoder":
        example, given, made, axes = torch.randn(1, EXAMPLE, codec.dim), "latents", "wave", {1: free}
    else:
        example, given, made, axes = 0.1 * torch.randn(1, codec.channels, EXAMPLE * hop), "wave", "latents", {2: hop * free}
    return export.export(modules[name], [example], [given], made, {given: axes}).SerializeToString()


def _parity(name: str, made: bytes, codec: Codec, waves: list[np.ndarray], hop: int) -> dict[str, float]:
    """How near a model comes to torch on some test clips, the worst of them; too far is a `LiveError`."""
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    snr, equal = [], []
    for wave in waves:
        given = torch.from_numpy(wave[None, :, : wave.shape[1] // hop * hop])
        latents = codec.encode(given)
        asked, wanted = (latents, codec.decode(latents)) if name == "decoder" else (given, latents)
        (found,) = session.run(None, {session.get_inputs()[0].name: asked.numpy()})
        snr.append(export.snr(found, wanted.numpy()))
        equal.append(float((np.abs(found - wanted.numpy()).max(axis=-1) < NEAR).mean()))
    reached = {"snr": round(min(snr), 1)} if name == "decoder" else {"equal": round(min(equal), 4)}
    if reached.get("snr", SNR) < SNR or reached.get("equal", EQUAL) < EQUAL:
        raise LiveError(
            f"the {name} of {codec.name} for the page is not equal to torch: {reached}; at least {SNR:g} dB and {EQUAL:.0%} are asked for."
        )
    return reached


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
