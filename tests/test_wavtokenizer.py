"""WavTokenizer against numbers from the authors' own implementation, and what it says of files that do not fit.

The numbers were recorded by tests/recorded/record.py, which also compares the two on music, at released size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from recorded import formula

from audiosae.codecs import legacy, wavtokenizer
from audiosae.codecs.wavtokenizer import Network, WavTokenizer
from audiosae.errors import CheckpointError

RATES = tuple(formula.WAVTOKENIZER)
RECORDED = json.loads((formula.RECORDS / "wavtokenizer.json").read_text())
PARTS = {
    "encoder": "feature_extractor.encodec.encoder",
    "quantizer": "feature_extractor.encodec.quantizer",
    "backbone": "backbone",
    "head": "head",
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The released shapes, as narrow as those that were recorded."""
    for rate, shape in formula.WAVTOKENIZER.items():
        monkeypatch.setattr(wavtokenizer, f"RELEASED_{rate}", shape)


def state(rate: str) -> dict[str, torch.Tensor]:
    """Weights from the formula, by the names in the authors' checkpoints, with what these carry beside them."""
    with legacy.weight_norm():
        network = Network(formula.WAVTOKENIZER[rate])
    shapes = {}
    for name, shape in formula.shapes(network).items():
        part, rest = name.split(".", 1)
        shapes[f"{PARTS[part]}.{rest}"] = shape
    foreign = (
        "feature_extractor.encodec.decoder.model.0.conv.conv.bias",
        "multiperioddisc.discriminators.0.bias",
        "multiresddisc.discriminators.0.window",
        "dac.discriminators.0.weight",
        "melspec_loss.mel_spec.window",
    )
    return formula.weights(shapes) | {name: torch.zeros(3) for name in foreign}


def write(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """As Lightning does: weights among what goes on with a training."""
    torch.save(
        {
            "state_dict": tensors,
            "epoch": 3,
            "pytorch-lightning_version": "1.8.6",
            "hyper_parameters": {"rate": 24000},
            "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 2e-4}]}],
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(1.0), "best_model_path": "x.ckpt"}},
        },
        path,
    )
    return path


def load(tmp_path: Path, rate: str = "75") -> WavTokenizer:
    return wavtokenizer.load(write(tmp_path / "w.ckpt", state(rate)))


# --- the numbers of the original ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
def test_codes_are_the_originals(rate: str, tmp_path: Path) -> None:
    codec = load(tmp_path, rate)
    assert codec.frame_rate == int(rate) and codec.dim == formula.WAVTOKENIZER[rate].dim
    codes = codec.codes(formula.wave(9000, 24000))
    assert codes.shape == (1, 1, -(-9000 // codec.hop)) and len(codes.unique()) > 8
    assert codes.flatten().tolist() == RECORDED[rate]["codes"]


@pytest.mark.parametrize("rate", RATES)
def test_decoded_audio_is_the_originals_on_the_codebook_and_off_it(rate: str, tmp_path: Path) -> None:
    codec = load(tmp_path, rate)
    on = codec.decode(codec.encode(formula.wave(9000, 24000)))
    off = codec.decode(formula.numbers("latents", 1, codec.dim, 9).transpose(1, 2))
    assert off.shape == (1, 1, 9 * codec.hop)
    for audio, name in ((on, "audio"), (off, "audio_of_free_latents")):
        expected = torch.tensor(RECORDED[rate][name])
        assert expected.std() > 0.01
        torch.testing.assert_close(formula.some(audio), expected, rtol=0, atol=1e-4)


# --- files that do not fit ----------------------------------------------------------------------------------------------


def without(name: str) -> Callable[[dict], dict]:
    return lambda state: {key: value for key, value in state.items() if key != name}


FIRST = "feature_extractor.encodec.encoder.model.0.conv.conv."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("backbone.embed.bias"), "does not fit Network: Missing key backbone.embed.bias"),
        (without(FIRST + "weight_g"), "Missing key encoder.model.0.conv.conv.weight_g"),
        (without("feature_extractor.encodec.quantizer.vq.layers.0._codebook.embed"), "Missing key .*_codebook.embed"),
        (lambda state: {name: state[name] for name in state if "pos_net" not in name}, r"Missing key backbone.pos_net.*; and \d+ more"),
        (lambda state: state | {"backbone.extra.weight": torch.zeros(1)}, "Unexpected key backbone.extra.weight"),
        (lambda state: state | {"head.a": torch.zeros(1)}, "Unexpected key head.a"),
        (lambda state: state | {"feature_extractor.mel": torch.zeros(1)}, "Unexpected key feature_extractor.mel"),
        (lambda state: state | {"backbone.embed.bias": torch.zeros(5)}, "size mismatch for backbone.embed.bias"),
        (lambda state: state | {"backbone.embed.bias": torch.full((64,), torch.inf)}, "embed.bias holds NaN or inf"),
        (without("head.istft.window"), "no WavTokenizer of 75 or 40 frames.*window has no samples"),
        (lambda state: state | {"head.istft.window": torch.hann_window(1024)}, "window has 1024 samples, not 1280 or 2400"),
    ],
)
def test_a_part_too_many_too_few_or_of_another_size_is_named(change: Callable[[dict], dict], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "w.ckpt", change(state("75")))
    with pytest.raises(CheckpointError, match=f"(?s)w.ckpt.*{message}"):
        wavtokenizer.load(path)


def test_the_decoder_that_nothing_runs_may_be_there_or_not(tmp_path: Path) -> None:
    kept = {name: tensor for name, tensor in state("75").items() if name.startswith(tuple(PARTS.values())) and ".decoder." not in name}
    assert len(kept) < len(state("75"))
    codec = wavtokenizer.load(write(tmp_path / "w.ckpt", kept))
    wave = formula.wave(6400, 24000)
    assert torch.equal(codec.codes(wave), load(tmp_path).codes(wave))
