"""EnCodec behind our interface, against the `encodec` package itself; and the two sources of weights."""

from __future__ import annotations

import hashlib
import io
import pickle
import urllib.error
import urllib.request
from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest
import torch
from encodec import EncodecModel
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae import checkpoint, codecs
from audiosae.codecs import encodec, released, train
from audiosae.codecs.encodec import Encodec, Network, Shape
from audiosae.errors import CheckpointError, DownloadError, ParameterError

SMALL = Shape(filters=2, lstm=1, norm="none", codebooks=10)
FEW = settings(deadline=None, max_examples=10, derandomize=True)


def network(shape: Shape = SMALL, seed: int = 0) -> Network:
    """Random weights whose latents move, and codebooks of a width at which each one brings the sum nearer."""
    torch.manual_seed(seed)
    made = Network(shape).eval()
    train.scale_layers(made, noise(16000)[:, 0])
    for layer in made.quantizer.vq.layers:
        layer._codebook.embed.normal_(0, 0.25)
        layer._codebook.inited.fill_(1)
    return made


@pytest.fixture(scope="module")
def codec() -> Encodec:
    return Encodec(network())


def noise(samples: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.3 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(seed))


# --- the interface ------------------------------------------------------------------------------------------------------


def test_what_a_codec_says_of_itself(codec: Encodec) -> None:
    assert (codec.name, codec.sample_rate, codec.channels, codec.frame_rate, codec.dim) == ("encodec", 24000, 1, 75, 128)
    assert not any(parameter.requires_grad for parameter in codec.network.parameters()) and not codec.network.training


def test_latents_are_the_packages_own_sum_of_eight_codebooks(codec: Encodec) -> None:
    wave = noise(6400, batch=2)
    with torch.no_grad():
        codes = codec.network.quantizer.vq.encode(codec.network.encoder(wave), n_q=8)
        expected = codec.network.quantizer.vq.decode(codes).transpose(1, 2)
    assert codes.shape[0] == 8 and len(codes.unique()) > 20
    torch.testing.assert_close(codec.encode(wave), expected, rtol=1e-5, atol=1e-6)


def test_the_number_of_codebooks_is_a_choice(codec: Encodec) -> None:
    wave, embedding = noise(3200), codec.network.encoder(noise(3200)).transpose(1, 2)
    errors = [(Encodec(codec.network, n).encode(wave) - embedding).norm() for n in (1, 2, 10)]
    assert errors[0] > errors[1] > errors[2]


@FEW
@given(st.integers(320, 4000))
def test_frames_are_the_samples_over_320_rounded_up(samples: int) -> None:
    latents = Encodec(network()).encode(noise(samples))
    assert latents.shape == (1, -(-samples // 320), 128) and latents.dtype == torch.float32 and latents.is_contiguous()


@pytest.mark.parametrize("frames", [1, 7])
def test_decoding_gives_320_samples_a_frame_for_any_latents(codec: Encodec, frames: int) -> None:
    wave = codec.decode(torch.randn(2, frames, 128))
    assert wave.shape == (2, 1, 320 * frames) and torch.isfinite(wave).all()


def test_decoding_is_the_networks_own(codec: Encodec) -> None:
    latents = codec.encode(noise(3200))
    with torch.no_grad():
        torch.testing.assert_close(codec.decode(latents), codec.network.decoder(latents.transpose(1, 2)))


def test_what_follows_changes_no_frame_before_it(codec: Encodec) -> None:
    wave = noise(3200)
    padded = torch.cat([wave, torch.zeros(1, 1, 1600)], dim=-1)
    other = torch.cat([wave, noise(1600, seed=1)], dim=-1)
    for longer in (padded, other):
        torch.testing.assert_close(codec.encode(longer)[:, :10], codec.encode(wave), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(codec.encode(padded)[:, 10:], codec.encode(other)[:, 10:])


def test_clips_of_a_batch_do_not_meet(codec: Encodec) -> None:
    batch = noise(3200, batch=3)
    torch.testing.assert_close(codec.encode(batch)[1:2], codec.encode(batch[1:2]), rtol=1e-4, atol=1e-5)


# --- embedded weights ---------------------------------------------------------------------------------------------------


def test_saved_weights_load_through_the_front_door(tmp_path: Path, codec: Encodec) -> None:
    encodec.save(codec.network, SMALL, tmp_path / "a.safetensors", {"corpus": "abc", "parent": None})
    encodec.save(codec.network, SMALL, tmp_path / "b.safetensors", {"parent": None, "corpus": "abc"})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    loaded = codecs.load("encodec", tmp_path / "a.safetensors")
    tensors, header = checkpoint.load(tmp_path / "a.safetensors", encodec.KIND)
    assert header["provenance"] == {"corpus": "abc", "parent": None} and header["shape"]["filters"] == 2
    assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} == {torch.float16}
    for name, tensor in codec.network.state_dict().items():
        if not name.endswith(("embed_avg", "cluster_size")):
            expected = tensor.half().float() if tensor.is_floating_point() else tensor
            assert torch.equal(loaded.network.state_dict()[name], expected), name
    assert not any(name.endswith(("embed_avg", "cluster_size")) for name in tensors)
    assert torch.equal(loaded.encode(noise(3200)), codecs.load("encodec", tmp_path / "a.safetensors").encode(noise(3200)))


def test_the_weights_that_ship_are_looked_for_in_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert encodec.EMBEDDED == Path(__file__).resolve().parents[1] / "checkpoints" / "encodec.safetensors"
    monkeypatch.setattr(encodec, "EMBEDDED", tmp_path / "encodec.safetensors")
    with pytest.raises(CheckpointError, match="encodec.safetensors is missing"):
        codecs.load("encodec")
    encodec.save(network(), SMALL, tmp_path / "encodec.safetensors", {})
    assert codecs.load("encodec").dim == 128


def test_a_checkpoint_whose_shape_is_not_its_weights_is_refused(tmp_path: Path) -> None:
    encodec.save(network(), replace(SMALL, filters=4), tmp_path / "a.safetensors", {})
    with pytest.raises(CheckpointError, match="does not fit Network"):
        codecs.load("encodec", tmp_path / "a.safetensors")


@pytest.mark.parametrize("shape", [None, {"filters": 2}, {"filters": 2, "lstm": 1, "norm": "none", "codebooks": 10, "x": 1}])
def test_a_checkpoint_that_does_not_say_its_shape_is_refused(tmp_path: Path, shape: dict[str, int] | None) -> None:
    header = {"kind": encodec.KIND} if shape is None else {"kind": encodec.KIND, "shape": shape}
    checkpoint.save(tmp_path / "a.safetensors", {"x": torch.zeros(1)}, header)
    with pytest.raises(CheckpointError, match="a.safetensors"):
        codecs.load("encodec", tmp_path / "a.safetensors")


def test_an_unknown_codec_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ParameterError, match="unknown codec 'mp3'; known are encodec"):
        codecs.load("mp3")


# --- released weights ---------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")  # the package's own call
def test_our_network_is_the_released_architecture() -> None:
    """Names, shapes and outputs, against the package's own model with random weights (it downloads nothing)."""
    torch.manual_seed(0)
    theirs = EncodecModel._get_model([1.5, 3.0, 6.0, 12.0, 24.0], 24000, 1, causal=True, model_norm="weight_norm").eval()
    theirs.set_target_bandwidth(6.0)
    ours = Network(encodec.RELEASED)
    checkpoint.restore(ours, theirs.state_dict(), "released")
    wave = noise(3200)
    with torch.no_grad():
        [(codes, _)] = theirs.encode(wave)
        assert codes.shape[1] == encodec.CODEBOOKS
        latents = theirs.quantizer.decode(codes.transpose(0, 1))
        codec = Encodec(ours)
        torch.testing.assert_close(codec.encode(wave), latents.transpose(1, 2), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(codec.decode(codec.encode(wave)), theirs.decoder(latents), rtol=1e-4, atol=1e-5)


def test_the_pin_is_the_hash_that_the_authors_put_in_the_name() -> None:
    assert released.ENCODEC_24KHZ.file in released.ENCODEC_24KHZ.url
    assert released.ENCODEC_24KHZ.sha256.startswith("d7cc33bc") and len(released.ENCODEC_24KHZ.sha256) == 64


class Answer(io.BytesIO):
    """What a server says."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.headers = Message()
        self.headers["Content-Length"] = str(len(data))


DATA = b"weights" * 1000
RELEASE = released.Release("toy.th", "https://example.org/toy.th", hashlib.sha256(DATA).hexdigest())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIOSAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def serve(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> list[str]:
    """Answer every request with `answer`; returns the addresses asked for."""
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> Answer:
        asked.append(url)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def test_a_release_is_fetched_once_checked_and_cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, DATA)
    path = released.fetch(RELEASE)
    assert path == cache / "toy.th" and path.read_bytes() == DATA
    assert released.fetch(RELEASE) == path and asked == [RELEASE.url]
    assert [kept.name for kept in cache.iterdir()] == ["toy.th"]


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("Name or service not known"), TimeoutError("timed out"), ConnectionResetError("reset")]
)
def test_without_a_network_one_message_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    serve(monkeypatch, error)
    with pytest.raises(DownloadError) as caught:
        codecs.load("encodec", "released")
    message = str(caught.value)
    for part in (released.ENCODEC_24KHZ.url, str(cache / released.ENCODEC_24KHZ.file), released.ENCODEC_24KHZ.sha256):
        assert part in message
    assert not list(cache.iterdir())


@pytest.mark.parametrize("data", [DATA[:-1], b"<html>not found</html>", b""])
def test_a_damaged_download_is_refused_and_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    serve(monkeypatch, data)
    with pytest.raises(DownloadError, match="another file than the pinned one.*https://example.org/toy.th elsewhere"):
        released.fetch(RELEASE)
    assert not list(cache.iterdir())
    serve(monkeypatch, DATA)
    assert released.fetch(RELEASE).read_bytes() == DATA


def test_a_file_that_is_not_the_pinned_one_is_refused_without_asking(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, DATA)
    cache.mkdir()
    (cache / "toy.th").write_bytes(b"put here by hand")
    with pytest.raises(DownloadError, match="toy.th is not the pinned file"):
        released.fetch(RELEASE)
    assert not asked


def test_a_released_file_loads_into_the_released_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodec, "RELEASED", SMALL)  # small, to be quick
    made = network()
    torch.save(made.state_dict(), tmp_path / "a.th")
    loaded = codecs.load("encodec", tmp_path / "a.th")
    assert torch.equal(loaded.encode(noise(3200)), Encodec(made).encode(noise(3200)))


class Trap:
    """Runs code when it is unpickled, if it is let."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("__import__('pathlib').Path(__import__('os').environ['TRAP']).write_text('sprung')",))


@pytest.mark.parametrize("content", ["empty", "text", "cut", "list", "code"])
def test_a_released_file_that_is_damaged_or_hostile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(encodec, "RELEASED", SMALL)
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    path = tmp_path / "a.th"
    if content in ("cut", "list"):
        torch.save(network().state_dict() if content == "cut" else [1, 2], path)
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    if content not in ("cut", "list"):
        path.write_bytes({"empty": b"", "text": b"not weights", "code": pickle.dumps(Trap(), protocol=2)}[content])
    with pytest.raises(CheckpointError, match="a.th"):
        codecs.load("encodec", path)
    assert not (tmp_path / "sprung").exists()
