"""Hidden states of models of `transformers`, with few random weights: the same as there, and frames where labels are measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from audiosae import codecs
from audiosae.codecs import hidden_states
from audiosae.errors import CheckpointError, DownloadError, ParameterError
from audiosae.files.whole import file_hash

SMALL = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
CONVOLUTIONS = {"conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
# What sets the published models apart but for their sizes.
MODELS: dict[str, tuple[str, dict[str, Any], int, bool]] = {
    "hubert-base": ("hubert", {}, 16000, True),
    "hubert-large": ("hubert", {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}, 16000, True),
    "wavlm-base": ("wavlm", {}, 16000, False),
    "wav2vec2-base": ("wav2vec2", {}, 16000, True),
    "mert": ("mert_model", {"feature_extractor_cqt": False, "deepnorm": False, "attention_relax": -1.0}, 24000, True),
}


def made(folder: Path, model: str) -> Path:
    """A folder as the hub has it, with random weights."""
    kind, special, rate, normalise = MODELS[model]
    cls = hidden_states.MODELS[kind]
    config = cls.config_class
    torch.manual_seed(0)
    known = {key: value for key, value in special.items() if key in config().to_dict()}
    cls(config(**SMALL, **CONVOLUTIONS, **known)).save_pretrained(folder)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, **special, "model_type": kind, "auto_map": {"AutoModel": "evil.Model"}}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": rate, "do_normalize": normalise}))
    return folder


def noise(rate: int, seconds: float = 1.3, batch: int = 2) -> torch.Tensor:
    return 0.1 + 0.2 * torch.randn(batch, 1, int(rate * seconds), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("model", MODELS)
def test_a_layer_is_that_of_transformers(model: str, tmp_path: Path) -> None:
    kind, _, rate, normalise = MODELS[model]
    codec = hidden_states.load("own", made(tmp_path, model), 2)
    codecs.check(codec, "here")
    wave = noise(rate)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=rate, do_normalize=normalise)
    theirs = extractor([one.numpy() for one in wave[:, 0]], sampling_rate=rate, return_tensors="pt").input_values
    around = torch.nn.functional.pad(theirs, (40, 40 + -wave.shape[-1] % 320))
    network = hidden_states.MODELS[kind].from_pretrained(tmp_path, config=codec.network.config).eval()
    with torch.no_grad():
        wanted = network(around, output_hidden_states=True).hidden_states[2]
    torch.testing.assert_close(codec.encode(wave), wanted, rtol=1e-4, atol=1e-5)
    assert (codec.sample_rate, codec.frame_rate, codec.dim) == (rate, rate / 320, 24) and not codecs.decodes(codec)
    assert codec.encode(wave[..., : rate * 1]).shape == (2, rate // 320, 24)


def test_a_frame_stands_for_the_sound_around_its_middle(tmp_path: Path) -> None:
    codec = hidden_states.load("own", made(tmp_path, "hubert-large"), 0)
    still = torch.zeros(1, 1, 16000)
    click = still.clone()
    click[..., 25 * 320 + 160] = 1.0  # the middle of frame 25
    moved = codec.network.feature_extractor(codec.padded(click)) - codec.network.feature_extractor(codec.padded(still))
    assert moved.abs().sum(dim=1)[0].nonzero()[:, 0].tolist() == [25]  # a frame sees 400 samples, and no click reaches two in the middle


def test_a_spectrogram_transformer_gives_its_patches_averaged_over_frequency(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.ASTConfig(**SMALL, max_length=96, num_mel_bins=32)
    network = transformers.ASTModel(config).eval()
    network.save_pretrained(tmp_path)
    extractor = transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=96)
    extractor.save_pretrained(tmp_path)
    codec = hidden_states.load("ast", tmp_path, 2)
    codecs.check(codec, "here")
    wave = noise(16000, 2.0)
    found = codec.encode(wave)
    assert found.shape == (2, 20, 24) and codec.frame_rate == 10  # nine frames at a time, so in three parts
    around = torch.nn.functional.pad(wave[:, 0], (600, 600)).numpy()
    given = extractor(list(around[:, : 8 * 1600 + 2800]), sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        states = network(given, output_hidden_states=True).hidden_states[2][:, 2:]
    torch.testing.assert_close(found[:, :9], states.reshape(2, 2, 9, 24).mean(dim=1), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_loaded_is_a_message(tmp_path: Path) -> None:
    folder = made(tmp_path / "model", "hubert-base")
    with pytest.raises(ParameterError, match="layer 4 is not there; the model has 0 to 3"):
        hidden_states.load("own", folder, 4)
    with pytest.raises(DownloadError, match="is not the pinned file"):
        hidden_states.load("own", folder, 1, sha256="0" * 64)
    hidden_states.load("own", folder, 1, sha256=file_hash(folder / "model.safetensors"))
    with pytest.raises(DownloadError, match="is not fetched: name the commit"):
        hidden_states.load("own", "owner/name", 1)
    config = json.loads((folder / "config.json").read_text())
    for change, message in (
        ({"model_type": "whisper"}, "'whisper' are not known"),
        ({"feature_extractor_cqt": True}, "more than HuBERT"),
        ({"num_hidden_layers": 4}, "lacks 16 tensors of a HubertModel"),
    ):
        (folder / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(CheckpointError, match=message):
            hidden_states.load("own", folder, 1)
    (folder / "config.json").write_text(json.dumps(config))
    np.save(folder / "x.npy", np.zeros(1))
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="does not fit config.json"):
        hidden_states.load("own", folder, 1)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no model.safetensors"):
        hidden_states.load("own", folder, 1)
