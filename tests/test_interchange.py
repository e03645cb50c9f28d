"""Autoencoders that leave for SAELens and that come from there or from dictionary_learning: the same features on both sides.

What the libraries themselves say to it is tested in tests/peers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file, save_file

from audiosae.errors import CheckpointError
from audiosae.interchange import dictionary_learning, saelens
from audiosae.sae import SparseAutoencoder, reference
from audiosae.sae.imported import ImportedAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder

DIM, HIDDEN = 6, 20


def filled(sae: SparseAutoencoder, seed: int = 0) -> SparseAutoencoder:
    """An autoencoder with random weights, for latents that are neither centred nor of unit variance."""
    torch.manual_seed(seed)
    for parameter in sae.parameters():
        parameter.data.normal_()
    sae.mean.normal_(3, 2)
    sae.std.uniform_(0.5, 4)
    if hasattr(sae, "threshold"):
        sae.threshold.uniform_(0.1, 1)
    return sae.eval().requires_grad_(False)


def latents(frames: int = 50) -> torch.Tensor:
    return 3 + 2 * torch.randn(frames, DIM, generator=torch.Generator().manual_seed(1))


SAES = {
    "paper": lambda: filled(SparseAutoencoder(DIM, HIDDEN)),
    "k_sparse": lambda: filled(KSparseAutoencoder(DIM, HIDDEN, 4)),
    "jumprelu": lambda: filled(ImportedAutoencoder(DIM, HIDDEN, HIDDEN)),
    "topk": lambda: filled(ImportedAutoencoder(DIM, HIDDEN, 3)),
}


def by_hand(folder: Path, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and x̂ by the formulas of SAELens, from the files alone."""
    config, w = json.loads((folder / "cfg.json").read_text()), load_file(folder / "sae_weights.safetensors")
    pre = x @ w["W_enc"] + w["b_enc"]
    kind, f = config["architecture"], pre.relu()
    if kind == "audiosae_rmsnorm":
        f = f / (f.pow(2).mean(dim=1, keepdim=True) + 1e-8).sqrt()
    elif kind == "jumprelu":
        f = f * (pre > w["threshold"])
    elif kind == "topk":
        f = torch.zeros_like(f).scatter(1, (top := pre.topk(config["k"])).indices, top.values.relu())
    return f, f @ w["W_dec"] + w["b_dec"]


@pytest.mark.parametrize("kind", ["paper", "k_sparse", "jumprelu"])
def test_what_is_written_has_the_features_of_ours_on_raw_latents(kind: str, tmp_path: Path) -> None:
    sae, x = SAES[kind](), latents()
    saelens.write(sae, tmp_path, {"model_name": "encodec", "hop": 320})
    f, decoded = by_hand(tmp_path, x)
    assert 0.02 < (f > 0).double().mean() < 0.98
    torch.testing.assert_close(f, sae.encode(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(decoded, sae.decode(sae.encode(x)), rtol=1e-4, atol=1e-3)
    told = json.loads((tmp_path / "cfg.json").read_text())
    assert (told["d_in"], told["d_sae"], told["metadata"]["hop"]) == (DIM, HIDDEN, 320)


@pytest.mark.parametrize(
    "special",
    [
        {"architecture": "standard"}, {"architecture": "standard", "apply_b_dec_to_input": True}, {"architecture": "jumprelu"},
        {"architecture": "topk", "k": 3}, {"architecture": "topk", "k": 3, "rescale_acts_by_decoder_norm": True, "apply_b_dec_to_input": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_read_has_their_features_before_and_after_it_is_standardised(special: dict[str, object], tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(2)
    shapes = {"W_enc": (DIM, HIDDEN), "b_enc": (HIDDEN,), "W_dec": (HIDDEN, DIM), "b_dec": (DIM,)}
    w = {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    if special["architecture"] == "jumprelu":
        w["threshold"] = torch.rand(HIDDEN, generator=draw)
    save_file(w, tmp_path / "sae_weights.safetensors")
    config = {"d_in": DIM, "d_sae": HIDDEN, "normalize_activations": "none", "reshape_activations": "none", "apply_b_dec_to_input": False}
    (tmp_path / "cfg.json").write_text(json.dumps(config | special))
    x = latents()
    pre = (x - w["b_dec"] * special.get("apply_b_dec_to_input", False)) @ w["W_enc"] + w["b_enc"]
    norms = w["W_dec"].norm(dim=1) if special.get("rescale_acts_by_decoder_norm") else torch.ones(HIDDEN)
    pre = pre * norms
    f = pre.relu()
    if "threshold" in w:
        f = f * (pre > w["threshold"])
    if "k" in special:
        f = torch.where(f >= f.topk(3).values[:, -1:], f, 0)
    sae = saelens.read(tmp_path)
    for others in ([], [x], [x, x[:7] * 2]):
        if others:
            sae.standardise(torch.cat(others))
        torch.testing.assert_close(sae.encode(x), f, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(sae.decode(f), f / norms @ w["W_dec"] + w["b_dec"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(sae.mean, torch.cat([x, x[:7] * 2]).mean(dim=0), rtol=1e-5)


def test_an_imported_autoencoder_is_written_and_read_again(tmp_path: Path) -> None:
    for kind in ("jumprelu", "topk"):
        sae, x = SAES[kind](), latents()
        if kind == "topk":
            sae.threshold.zero_()
        saelens.write(sae, tmp_path / kind, {})
        again = saelens.read(tmp_path / kind)
        torch.testing.assert_close(again.encode(x), sae.encode(x), rtol=1e-4, atol=1e-4)
        again.save(tmp_path / "ours.safetensors")
        torch.testing.assert_close(reference.load(tmp_path / "ours.safetensors").encode(x), again.encode(x), rtol=0, atol=0)


FAULTS = {
    "architecture": ({"architecture": "gated"}, {}, "'gated' has no counterpart"),
    "way with inputs": ({"normalize_activations": "layer_norm"}, {}, "reads inputs in a way"),
    "old config": ({"normalize_activations": None}, {}, "does not say 'normalize_activations'"),
    "shape": ({"d_sae": 21}, {}, "tensor W_enc is \\[6, 20\\]"),
    "not finite": ({}, {"b_enc": torch.full((HIDDEN,), torch.nan)}, "tensor b_enc is \\[20\\], or not finite"),
    "missing": ({}, {"b_dec": None}, "tensor b_dec is missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_cannot_be_read_is_a_message(fault: str, tmp_path: Path) -> None:
    said, tensors, message = FAULTS[fault]
    saelens.write(SAES["jumprelu"](), tmp_path, {})
    config = json.loads((tmp_path / "cfg.json").read_text()) | said
    (tmp_path / "cfg.json").write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
    w = load_file(tmp_path / "sae_weights.safetensors") | tensors
    save_file({name: tensor for name, tensor in w.items() if tensor is not None}, tmp_path / "sae_weights.safetensors")
    with pytest.raises(CheckpointError, match=message):
        saelens.read(tmp_path)


def saved(folder: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A folder as dictionary_learning saves it, and features and x̂ by its formulas."""
    draw = torch.Generator().manual_seed(3)
    encoder, bias, decoder, offset = (torch.randn(shape, generator=draw) for shape in ((HIDDEN, DIM), (HIDDEN,), (DIM, HIDDEN), (DIM,)))
    x = latents()
    w = {"encoder.weight": encoder, "encoder.bias": bias, "decoder.weight": decoder, "b_dec": offset}
    f = ((x - offset) @ encoder.T + bias).relu()
    if name == "AutoEncoder":
        w["bias"] = w.pop("b_dec")
    elif name == "AutoEncoderTopK":
        w |= {"k": torch.tensor(3, dtype=torch.int32), "threshold": torch.tensor(-1.0)}
        f = torch.where(f >= f.topk(3).values[:, -1:], f, 0)
    elif name == "BatchTopKSAE":
        w |= {"k": torch.tensor(3, dtype=torch.int32), "threshold": torch.tensor(2.0)}
        f = f * (f > 2)
    else:
        threshold = torch.rand(HIDDEN, generator=draw)
        w = {"W_enc": encoder.T, "b_enc": bias, "W_dec": decoder.T, "b_dec": offset, "threshold": threshold}
        f = (x @ encoder.T + bias) * (x @ encoder.T + bias > threshold)
    torch.save(w, folder / "ae.pt")
    (folder / "config.json").write_text(json.dumps({"trainer": {"dict_class": name}}))
    return f, f @ decoder.T + offset


@pytest.mark.parametrize("name", ["AutoEncoder", "AutoEncoderTopK", "BatchTopKSAE", "JumpReluAutoEncoder"])
def test_what_dictionary_learning_saves_has_its_features(name: str, tmp_path: Path) -> None:
    f, decoded = saved(tmp_path, name)
    sae = dictionary_learning.read(tmp_path)
    torch.testing.assert_close(sae.encode(latents()), f, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sae.decode(f), decoded, rtol=1e-4, atol=1e-4)


def test_a_pickle_that_holds_more_than_tensors_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "AutoEncoder")
    torch.save({"encoder.weight": ROOT}, tmp_path / "ae.pt")
    with pytest.raises(CheckpointError, match="cannot be read as what dictionary_learning saves"):
        dictionary_learning.read(tmp_path)
    saved(tmp_path, "AutoEncoder")
    (tmp_path / "config.json").write_text('{"trainer": {"dict_class": "GatedAutoEncoder"}}')
    with pytest.raises(CheckpointError, match="'GatedAutoEncoder' has no counterpart"):
        dictionary_learning.read(tmp_path)
