"""SAELens and dictionary_learning themselves find the features that ours have."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dictionary_learning import dictionary
from dictionary_learning.trainers import batch_top_k, top_k
from sae_lens import SAE
from test_interchange import SAES, latents, saved

import audiosae.interchange.rmsnorm  # noqa: F401  # registers the paper's kind
from audiosae.interchange import dictionary_learning, saelens

CLASSES = {
    "AutoEncoder": dictionary.AutoEncoder,
    "AutoEncoderTopK": top_k.AutoEncoderTopK,
    "BatchTopKSAE": batch_top_k.BatchTopKSAE,
    "JumpReluAutoEncoder": dictionary.JumpReluAutoEncoder,
}


@torch.no_grad()
@pytest.mark.parametrize("kind", SAES)
def test_saelens_loads_what_we_write_and_finds_the_same_features(kind: str, tmp_path: Path) -> None:
    sae, x = SAES[kind](), latents()
    if kind == "topk":
        sae.threshold.zero_()
    saelens.write(sae, tmp_path, {"model_name": "encodec", "hop": 320})
    theirs = SAE.load_from_disk(tmp_path)
    f = theirs.encode(x)
    torch.testing.assert_close(f, sae.encode(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(theirs(x), sae.decode(sae.encode(x)), rtol=1e-4, atol=1e-3)
    assert (theirs.cfg.metadata.model_name, theirs.cfg.metadata.hop) == ("encodec", 320)
    if kind == "paper":
        assert (f.pow(2).mean(dim=1) - 1).abs().max() < 1e-4
        with pytest.raises(NotImplementedError):
            theirs.fold_W_dec_norm()
    else:
        theirs.save_model(tmp_path / "again")
        torch.testing.assert_close(saelens.read(tmp_path / "again").encode(x), f, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", CLASSES)
def test_we_read_what_dictionary_learning_saves(name: str, tmp_path: Path) -> None:
    saved(tmp_path, name)
    w, x, ours = torch.load(tmp_path / "ae.pt", weights_only=True), latents(), dictionary_learning.read(tmp_path)
    theirs = CLASSES[name](ours.dim, ours.hidden, *([int(w["k"])] if "k" in w else []))
    theirs.load_state_dict(w)
    f = theirs.encode(x)
    torch.testing.assert_close(ours.encode(x), f, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.decode(f), theirs.decode(f), rtol=1e-4, atol=1e-4)
