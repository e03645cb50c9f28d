"""The three codecs behind one interface, and EnCodec against the `encodec` package itself."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from encodec import EncodecModel
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import formula

from audiosae import codecs
from audiosae.codecs import diffrhythm_vae, embedded, encodec, wavtokenizer
from audiosae.codecs.diffrhythm_vae import DiffRhythmVAE
from audiosae.codecs.encodec import Encodec
from audiosae.codecs.wavtokenizer import WavTokenizer
from audiosae.errors import CheckpointError
from audiosae.files import checkpoint

SMALL = encodec.Shape(filters=2, lstm=1, norm="none", codebooks=10)
MODULES = {"encodec": encodec, "wavtokenizer": wavtokenizer, "diffrhythm-vae": diffrhythm_vae}
SHAPES = {"encodec": SMALL, "wavtokenizer": replace(formula.WAVTOKENIZER["75"], norm="none"), "diffrhythm-vae": formula.DIFFRHYTHM_VAE}
ENTRIES = {"encodec": (24000, 1, 75, 128), "wavtokenizer": (24000, 1, 75, 16), "diffrhythm-vae": (44100, 2, 44100 / 2048, 64)}
CODEBOOKS = ["encodec", "wavtokenizer"]
FEW = settings(deadline=None, max_examples=10, derandomize=True)


def network(name: str) -> torch.nn.Module:
    """A small network, whose latents move."""
    made = MODULES[name].Network(SHAPES[name])
    made.load_state_dict(formula.weights(formula.shapes(made)))
    return made.eval()


def build(name: str) -> codecs.Codec:
    if name == "encodec":
        return Encodec(network(name))
    if name == "wavtokenizer":
        return WavTokenizer(network(name))
    return DiffRhythmVAE((made := network(name)).encoder, made.decoder, made)


MADE = {name: build(name) for name in MODULES}


@pytest.fixture(params=MODULES)
def codec(request: pytest.FixtureRequest) -> codecs.Codec:
    return MADE[request.param]


def music(codec: codecs.Codec, samples: int, batch: int = 1) -> torch.Tensor:
    whole = formula.wave(samples * batch, codec.sample_rate, codec.channels)[0]
    return torch.stack(whole.split(samples, dim=-1))


def hop(codec: codecs.Codec) -> int:
    return round(codec.sample_rate / codec.frame_rate)


# --- the interface ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_what_a_codec_says_of_itself(name: str) -> None:
    codec = MADE[name]
    assert codec.name == name
    assert (codec.sample_rate, codec.channels, codec.frame_rate, codec.dim) == ENTRIES[name]
    assert not any(parameter.requires_grad for parameter in codec.network.parameters()) and not codec.network.training


@pytest.mark.parametrize("name", MODULES)
@FEW
@given(frames=st.integers(2, 9), over=st.integers(-300, 0))
def test_frames_are_the_samples_over_the_hop_rounded_up(name: str, frames: int, over: int) -> None:
    codec = MADE[name]
    latents = codec.encode(music(codec, frames * hop(codec) + over))
    assert latents.shape == (1, frames, codec.dim) and latents.dtype == torch.float32 and latents.is_contiguous()


@pytest.mark.parametrize("frames", [1, 7])
def test_any_latents_decode_to_whole_frames(codec: codecs.Codec, frames: int) -> None:
    wave = codec.decode(torch.randn(2, frames, codec.dim, generator=torch.Generator().manual_seed(0)))
    assert wave.shape == (2, codec.channels, hop(codec) * frames) and wave.dtype == torch.float32
    assert torch.isfinite(wave).all() and wave.std() > 0


def test_the_level_is_part_of_what_is_encoded_and_the_wave_is_left_alone(codec: codecs.Codec) -> None:
    wave = music(codec, 12 * hop(codec))
    before = wave.clone()
    latents = codec.encode(wave)
    assert torch.equal(wave, before)
    assert not torch.allclose(latents, codec.encode(wave / 8), atol=1e-2)


def test_clips_of_a_batch_do_not_meet(codec: codecs.Codec) -> None:
    pair = music(codec, 8 * hop(codec) - 11, batch=2)
    assert not torch.allclose(pair[0], pair[1], atol=0.1)
    both = codec.encode(pair)
    for index in (0, 1):
        torch.testing.assert_close(both[index], codec.encode(pair[index : index + 1])[0], rtol=1e-4, atol=1e-5)
        alone = codec.decode(both[index : index + 1])
        torch.testing.assert_close(codec.decode(both)[index], alone[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CODEBOOKS)
def test_codes_say_which_vectors_the_latents_sum_up(name: str) -> None:
    codec = MADE[name]
    wave = music(codec, 20 * 320, batch=2)
    codes, latents = codec.codes(wave), codec.encode(wave)
    books = [layer.codebook for layer in codec.network.quantizer.vq.layers]
    number = encodec.CODEBOOKS if name == "encodec" else 1
    assert codes.shape == (2, number, 20) and codes.dtype == torch.int64 and len(codes[:, 0].unique()) > 2
    assert {len(book) for book in books} == {codec.codebook_size} and codes.max() < codec.codebook_size
    total = sum(torch.nn.functional.embedding(codes[:, k], books[k]) for k in range(number))
    torch.testing.assert_close(latents, total, rtol=1e-5, atol=1e-6)


# --- embedded weights ---------------------------------------------------------------------------------------------------


def saved(name: str, path: Path, shape: object | None = None, codec: str | None = None) -> Path:
    embedded.save(codec or name, MADE[name].network, shape or SHAPES[name], path, {"corpus": "abc", "parent": None})
    return path


@pytest.mark.parametrize("name", MODULES)
def test_saved_weights_load_as_they_were_rounded_to_16_bits(name: str, tmp_path: Path) -> None:
    path = saved(name, tmp_path / "a.safetensors")
    assert saved(name, tmp_path / "b.safetensors").read_bytes() == path.read_bytes()
    tensors, header = checkpoint.load(path, f"codec/{name}")
    assert header["provenance"] == {"corpus": "abc", "parent": None}
    assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} == {torch.float16}
    loaded = MODULES[name].load(path)
    held = loaded.network.state_dict()
    kept = {
        key: value for key, value in MADE[name].network.state_dict().items() if not key.endswith(("embed_avg", "cluster_size"))
    }  # of use in training alone
    assert kept.keys() == tensors.keys()
    for key, tensor in kept.items():
        assert torch.equal(held[key], tensor.half().float() if tensor.is_floating_point() else tensor), key
    wave = music(loaded, 6 * hop(loaded))
    assert torch.isfinite(loaded.decode(loaded.encode(wave))).all() and not loaded.network.training


@pytest.mark.parametrize("name", MODULES)
def test_the_weights_that_ship_are_looked_for_in_the_repository(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.FOLDER == Path(__file__).resolve().parents[1] / "checkpoints"
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=f"{name}.safetensors is missing"):
        MODULES[name].load("embedded")
    saved(name, tmp_path / f"{name}.safetensors")
    assert MODULES[name].load("embedded").name == name


@pytest.mark.parametrize("name", MODULES)
def test_a_file_of_another_ending_is_not_called_damaged(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"weights of something")
    with pytest.raises(CheckpointError, match=f"a.onnx is no file of weights that {name} knows"):
        MODULES[name].load(tmp_path / "a.onnx")


def test_importing_the_codecs_warns_of_nothing() -> None:
    """Nor does it import diffusers, which takes seconds; building the VAE does, and is as quiet."""
    program = (
        "import sys; from audiosae.codecs import diffrhythm_vae, encodec, wavtokenizer; "
        "assert 'diffusers' not in sys.modules; "
        "diffrhythm_vae.Network(diffrhythm_vae.Shape(2, 2, (1, 1, 1, 1, 1))); assert 'diffusers' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr and done.stdout == ""


# --- EnCodec ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def original() -> EncodecModel:
    """The package's own model at 6 kb/s, at released size, with weights from a formula (it downloads nothing)."""
    with encodec.legacy.weight_norm():
        model = EncodecModel.encodec_model_24khz(pretrained=False)
    model.load_state_dict(formula.weights(formula.shapes(model)))
    model.set_target_bandwidth(6.0)
    return model.eval()


def test_a_released_encodec_gives_the_packages_own_codes_latents_and_audio(original: EncodecModel, tmp_path: Path) -> None:
    torch.save(original.state_dict(), tmp_path / "a.th")
    codec = encodec.load(tmp_path / "a.th")
    wave = music(codec, 3000, batch=2)
    with torch.no_grad():
        [(codes, _)] = frames = original.encode(wave)
        latents, audio = original.quantizer.decode(codes.transpose(0, 1)), original.decode(frames)
    assert codes.shape == (2, encodec.CODEBOOKS, 10) and len(codes.unique()) > 20
    assert torch.equal(codec.codes(wave), codes)
    torch.testing.assert_close(codec.encode(wave), latents.transpose(1, 2), rtol=0, atol=1e-4)
    torch.testing.assert_close(codec.decode(codec.encode(wave)), audio, rtol=0, atol=1e-4)


def named(name: str, **changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The weights of a small EnCodec, with some changed, added, or left out where None is given."""
    state = network("encodec").state_dict() | {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder__model__0__conv__conv__bias": None}, "Missing key.*encoder.model.0.conv.conv.bias"),
        ({"encoder__model__99__bias": torch.zeros(1)}, "Unexpected key.*encoder.model.99.bias"),
        ({"encoder__model__0__conv__conv__bias": torch.zeros(7)}, "size mismatch for encoder.model.0.conv.conv.bias"),
        ({"encoder__model__0__conv__conv__bias": torch.full((2,), torch.nan)}, "conv.bias holds NaN"),
    ],
)
def test_a_released_encodec_that_does_not_fit_is_refused_by_name(
    changes: dict[str, torch.Tensor | None], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodec, "RELEASED", SMALL)  # small, to be quick
    torch.save(named("encodec", **changes), tmp_path / "a.th")
    with pytest.raises(CheckpointError, match=f"(?s)a.th.*{message}"):
        encodec.load(tmp_path / "a.th")


# --- pickles of others --------------------------------------------------------------------------------------------------


class Trap:
    """Runs code when it is unpickled, if it is let."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("__import__('pathlib').Path(__import__('os').environ['TRAP']).write_text('sprung')",))


CONTENTS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not weights"),
    "web page": lambda path: path.write_bytes(b"<!DOCTYPE html><html><body>404</body></html>"),
    "pointer of git-lfs": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 3\n"),
    "cut": lambda path: (torch.save({"x": torch.zeros(9000)}, path), path.write_bytes(path.read_bytes()[:-5000])),
    "list": lambda path: torch.save([1, 2], path),
    "dictionary of numbers": lambda path: torch.save({"state_dict": {"x": 3}, "y": 4}, path),
    "class": lambda path: torch.save({"x": torch.nn.Linear}, path),
    "code": lambda path: path.write_bytes(pickle.dumps({"state_dict": Trap()}, protocol=2)),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(("name", "file"), [("encodec", "a.th"), ("wavtokenizer", "a.ckpt")])
def test_a_released_file_that_is_damaged_or_hostile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, name: str, file: str
) -> None:
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    CONTENTS[content](tmp_path / file)
    with pytest.raises(CheckpointError, match=f"{file} is") as caught:
        MODULES[name].load(tmp_path / file)
    assert not (tmp_path / "sprung").exists() and "weights_only" not in str(caught.value)


@pytest.mark.parametrize(("name", "file"), [("encodec", "a.th"), ("wavtokenizer", "a.ckpt"), ("diffrhythm-vae", "a.pt")])
def test_a_released_file_that_is_not_there_is_named(tmp_path: Path, name: str, file: str) -> None:
    with pytest.raises(CheckpointError, match=f"{file}.*(No such file|does not exist)"):
        MODULES[name].load(tmp_path / file)
