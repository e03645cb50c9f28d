"""Models for the page: layers that stand in for others give what those give, at any length, and a model that differs is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_oobleck import Snake1d
from encodec.modules.conv import SConv1d, SConvTranspose1d
from encodec.modules.lstm import SLSTM
from tiny_project import CODEC, WEIGHTS, make
from torch import nn
from torch.export import Dim
from vocos.heads import ISTFTHead

from audiosae.codecs.wavtokenizer import Attention
from audiosae.live import __main__ as stage
from audiosae.live import graphs
from audiosae.live.export import LiveError, export
from audiosae.sae.reference import KINDS, in_use

FREE = Dim("frames", min=2, max=1000)


class Head(nn.Module):
    """Vocos's head for features [batch, width, frames], as WavTokenizer calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = ISTFTHead(dim=12, n_fft=64, hop_length=16, padding="same")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.transpose(1, 2))


LAYERS = {
    "convolution": (lambda: SConv1d(6, 6, 7, causal=False, norm="weight_norm", pad_mode="reflect"), 6),
    "causal convolution": (lambda: SConv1d(6, 6, 3, dilation=2, causal=True, norm="weight_norm", pad_mode="reflect"), 6),
    "transposed convolution": (lambda: SConvTranspose1d(6, 4, 8, stride=4, causal=False, norm="weight_norm"), 6),
    "causal transposed convolution": (
        lambda: SConvTranspose1d(6, 4, 8, stride=4, causal=True, norm="weight_norm", trim_right_ratio=1.0),
        6,
    ),
    "LSTM": (lambda: SLSTM(6, num_layers=2), 6),
    "attention": (lambda: Attention(64), 64),
    "inverse STFT": (Head, 12),
    "snake": (lambda: Snake1d(6), 6),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_stands_in_gives_the_same_at_any_length(name: str) -> None:
    torch.manual_seed(0)
    made, width = LAYERS[name]
    holder = nn.Sequential(made()).eval().requires_grad_(False)
    for parameter in holder.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    x = torch.randn(1, width, 41)
    expected = holder(x).numpy()
    model = export(graphs.replace(holder), [torch.randn(1, width, 24)], ["x"], "y", {"x": {2: FREE}})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, expected, atol=2e-5 * max(1, np.abs(expected).max()))


class Toy(nn.Module):
    """A codec of two convolutions."""

    name, sample_rate, frame_rate, channels, dim = "toy", 800, 100.0, 1, 4

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down, self.up = nn.Conv1d(1, 4, 8, stride=8), nn.ConvTranspose1d(4, 1, 8, stride=8)

    @torch.no_grad()
    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        return self.down(wave).transpose(1, 2)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.up(latents.transpose(1, 2))


def test_a_model_that_is_not_the_codec_is_refused() -> None:
    codec, waves = Toy(), [np.random.default_rng(0).normal(size=(1, length)).astype(np.float32) for length in (400, 811)]
    made = {name: stage._model(graphs.modules(codec), name, codec, 8) for name in ("decoder", "encoder")}
    assert stage._parity("decoder", made["decoder"], codec, waves, 8)["snr"] > 100
    assert stage._parity("encoder", made["encoder"], codec, waves, 8) == {"equal": 1.0}
    with torch.no_grad():
        codec.up.weight.mul_(1.001)  # 60 dB
        codec.down.bias.add_(0.01)
    for name in made:
        with pytest.raises(LiveError, match=f"the {name} of toy for the page is not equal to torch"):
            stage._parity(name, made[name], codec, waves, 8)


def test_weights_are_halved_only_where_nothing_is_lost() -> None:
    torch.manual_seed(0)
    both = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16)).requires_grad_(False)
    both[0].half().float()
    model = export(both, [torch.randn(1, 24, 16)], ["x"], "y", {"x": {1: FREE}})
    stored = [tensor.data_type for tensor in model.graph.initializer if np.prod(tensor.dims) == 256]
    assert sorted(stored) == sorted([onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT])
    assert not [prop for node in model.graph.node for prop in node.metadata_props]


def test_a_quantised_encoder_chooses_the_nearest_vectors_one_after_another() -> None:
    books = [torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 0.0], [0.25, 0.0], [0.0, -0.25]])]
    layers = [SimpleNamespace(_codebook=SimpleNamespace(embed=book)) for book in books]
    network = SimpleNamespace(encoder=nn.Identity(), quantizer=SimpleNamespace(vq=SimpleNamespace(layers=layers)))
    encoder = graphs.QuantisedEncoder(SimpleNamespace(network=network, codebooks=2))  # type: ignore[arg-type]
    embeddings = torch.tensor([[0.1, 0.1], [1.2, 0.1], [0.1, 0.8]]).T[None]
    assert encoder(embeddings).tolist() == [[[0.0, 0.0], [1.25, 0.0], [0.0, 0.75]]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tiny"))


OTHER = "the encoder for the page is not equal to torch"


def differs(*_: object) -> None:
    raise LiveError(OTHER)


@pytest.mark.parametrize(("made", "why"), [
    (None, "does not export ("), (b"x" * (stage.LARGEST + 1), "of 40 MB is too large for a page"), (b"x", f"does not export ({OTHER})"),
])  # fmt: skip
def test_a_codec_that_no_page_can_hold_says_why(project: Path, monkeypatch: pytest.MonkeyPatch, made: bytes | None, why: str) -> None:
    if made:
        monkeypatch.setattr(stage, "_model", lambda *_: made)
        monkeypatch.setattr(stage, "_parity", differs)
    stage.run(CODEC, WEIGHTS, [0.1, 0.9], 2, project=project)
    folder = project / "book/_static/live" / CODEC
    index = json.loads((folder / "index.json").read_text())
    assert why in index["why"] and "decoder" not in index and not list(folder.rglob("*.onnx")) and not list(folder.rglob("*.f32"))
    # What needs no model is there all the same: features of both kinds, and the autoencoders.
    for kind, cls in KINDS.items():
        assert len(json.loads((folder / kind / "features.json").read_text())["fires"]) == index["hidden"][kind] == 128
        own, there = (cls.load(path).state_dict() for path in (in_use(CODEC, "sae", kind, project), folder / kind / "sae.safetensors"))
        assert all(torch.allclose(own[name], there[name], rtol=1e-3, atol=1e-5) for name in own)


def test_an_embedded_codec_whose_model_differs_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = stage.codecs.load(CODEC, WEIGHTS)
    monkeypatch.setattr(stage.codecs, "load", lambda name, weights: own)
    monkeypatch.setattr(stage, "_model", lambda *_: b"x")
    monkeypatch.setattr(stage, "_parity", differs)
    with pytest.raises(LiveError, match=OTHER):
        stage.run(CODEC, "embedded", [0.1, 0.9], 2, project=project)
