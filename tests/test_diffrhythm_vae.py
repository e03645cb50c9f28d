"""DiffRhythm's VAE: the layers against numbers from stable-audio-tools, TorchScript modules, and seeded samples.

The numbers were recorded by tests/recorded/record.py, which also compares the two on music, at released size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recorded import formula
from torch import nn

from audiosae.codecs import diffrhythm_vae
from audiosae.codecs import released as pins
from audiosae.codecs.diffrhythm_vae import DiffRhythmVAE, Network, distribution
from audiosae.errors import CheckpointError
from audiosae.files import results
from audiosae.files.whole import file_hash

RECORDED = json.loads((formula.RECORDS / "diffrhythm_vae.json").read_text())
pytestmark = [  # TorchScript is out of favour, and what the authors publish
    pytest.mark.filterwarnings("ignore:`torch.jit.* is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


class Exported(nn.Module):
    """A network with the two methods of the released module."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.encoder, self.decoder = network.encoder, network.decoder

    def encode_export(self, audio: torch.Tensor) -> torch.Tensor:
        return self.encoder(audio)

    def decode_export(self, latents: torch.Tensor) -> torch.Tensor:
        return self.decoder(latents)


class Tiny(nn.Module):
    """Marked for export, as scripted modules are."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv1d(2, 128, 2048, 2048)
        self.up = nn.ConvTranspose1d(64, 2, 2048, 2048)

    @torch.jit.export
    def encode_export(self, audio: torch.Tensor) -> torch.Tensor:
        return self.down(audio)

    @torch.jit.export
    def decode_export(self, latents: torch.Tensor) -> torch.Tensor:
        return self.up(latents)


class Hostile(nn.Module):
    """Does what it should, and makes the file `at`."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    @torch.jit.export
    def encode_export(self, audio: torch.Tensor) -> torch.Tensor:
        made = torch.from_file(self.at, True, 4)
        return torch.zeros([audio.shape[0], 128, audio.shape[2] // 2048]) + made.fill_(0).sum()

    @torch.jit.export
    def decode_export(self, latents: torch.Tensor) -> torch.Tensor:
        return latents


def accept(patch: pytest.MonkeyPatch, path: Path) -> Path:
    """What a reader does who trusts a file."""
    patch.setenv("ACCEPT", file_hash(path))
    return path


@pytest.fixture(autouse=True)
def accepted_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is accepted, and none has run, before a test."""
    monkeypatch.delenv("ACCEPT", raising=False)
    monkeypatch.setattr(results, "accepted", set())


@pytest.fixture(scope="module")
def network() -> Network:
    made = Network(formula.DIFFRHYTHM_VAE)
    made.load_state_dict(formula.weights(formula.shapes(made)))
    return made.eval()


@pytest.fixture(scope="module")
def embedded(network: Network) -> DiffRhythmVAE:
    return DiffRhythmVAE(network.encoder, network.decoder, network)


@pytest.fixture(scope="module")
def released(network: Network, tmp_path_factory: pytest.TempPathFactory) -> DiffRhythmVAE:
    """The same weights in the form in which the authors publish theirs."""
    path = tmp_path_factory.mktemp("vae") / "vae_model.pt"
    example = {"encode_export": torch.zeros(1, 2, 4096), "decode_export": torch.zeros(1, 64, 2)}
    torch.jit.trace_module(Exported(network), example).save(str(path))
    with pytest.MonkeyPatch.context() as patch:
        return diffrhythm_vae.load(accept(patch, path))


def music(samples: int) -> torch.Tensor:
    return formula.wave(samples, 44100, 2)


# --- the numbers of the original ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["embedded", "released"])
def test_means_and_audio_are_stable_audios(form: str, request: pytest.FixtureRequest) -> None:
    codec = request.getfixturevalue(form)
    latents = codec.encode(music(4 * 2048))
    assert latents.shape == (1, 4, 64)
    for found, name in ((latents.transpose(1, 2), "mean"), (codec.decode(latents), "audio")):
        expected = torch.tensor(RECORDED[name])
        assert expected.std() > 0.01
        torch.testing.assert_close(formula.some(found.contiguous()), expected, rtol=0, atol=1e-4)


def test_deviations_are_stable_audios(network: Network) -> None:
    with torch.no_grad():
        _, deviation = distribution(network.encoder(music(4 * 2048)))
    torch.testing.assert_close(formula.some(deviation), torch.tensor(RECORDED["deviation"]), rtol=0, atol=1e-4)


# --- mean and samples ---------------------------------------------------------------------------------------------------


def test_a_seeded_sample_is_the_mean_plus_as_much_as_the_deviation(network: Network, embedded: DiffRhythmVAE) -> None:
    wave = music(40 * 2048)
    mean, samples = embedded.encode(wave), [embedded.encode(wave, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(mean, embedded.encode(wave)) and torch.equal(samples[0], samples[1])
    assert not torch.allclose(samples[0], samples[2], atol=0.1)
    with torch.no_grad():
        deviation = nn.functional.softplus(network.encoder(wave)[:, 64:]) + 1e-4
    noise = (samples[0] - mean) / deviation.transpose(1, 2)
    assert noise.shape == (1, 40, 64)
    assert float(noise.mean()) == pytest.approx(0, abs=0.06) and float(noise.std()) == pytest.approx(1, abs=0.05)


def test_a_sample_leaves_the_global_generator_alone(embedded: DiffRhythmVAE) -> None:
    before = torch.random.get_rng_state()
    embedded.encode(music(2048), seed=3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_last_frame_that_is_not_whole_is_filled_up_with_silence(embedded: DiffRhythmVAE) -> None:
    wave = music(5 * 2048 - 700)
    filled = nn.functional.pad(wave, (0, 700))
    assert torch.equal(embedded.encode(wave), embedded.encode(filled))


# --- TorchScript --------------------------------------------------------------------------------------------------------


def test_a_released_module_works_at_any_length(released: DiffRhythmVAE, embedded: DiffRhythmVAE) -> None:
    for samples in (1000, 3 * 2048, 9 * 2048 + 1):
        latents = released.encode(music(samples), seed=5)
        torch.testing.assert_close(latents, embedded.encode(music(samples), seed=5), rtol=0, atol=1e-5)
        torch.testing.assert_close(released.decode(latents), embedded.decode(latents), rtol=0, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in released.network.parameters())
    assert released.to("cpu") is released


def test_a_module_in_half_precision_works_and_one_with_nan_is_refused(
    network: Network, embedded: DiffRhythmVAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = {"encode_export": torch.zeros(1, 2, 4096), "decode_export": torch.zeros(1, 64, 2)}
    torch.jit.trace_module(Exported(deepcopy(network)), example).half().save(str(tmp_path / "half.pt"))
    half = diffrhythm_vae.load(accept(monkeypatch, tmp_path / "half.pt"))
    latents = half.encode(music(4096))
    assert latents.dtype == torch.float32
    torch.testing.assert_close(latents, embedded.encode(music(4096)), rtol=0.02, atol=0.02)
    tiny = Tiny()
    tiny.up.bias.data[0] = torch.nan
    torch.jit.script(tiny).save(str(tmp_path / "nan.pt"))
    with pytest.raises(CheckpointError, match="tensor up.bias holds NaN"):
        diffrhythm_vae.load(accept(monkeypatch, tmp_path / "nan.pt"))


def test_a_module_of_something_else_is_refused_with_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.jit.script(nn.Conv1d(2, 2, 1)).save(str(tmp_path / "other.pt"))
    with pytest.raises(CheckpointError, match="other.pt .*without encode_export and decode_export"):
        diffrhythm_vae.load(accept(monkeypatch, tmp_path / "other.pt"))


@pytest.mark.parametrize("content", ["empty", "text", "cut", "weights"])
def test_a_file_that_is_no_whole_module_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    path = tmp_path / "a.pt"
    torch.jit.script(Tiny()).save(str(path))
    if content == "weights":
        torch.save(Tiny().state_dict(), path)
    else:
        path.write_bytes({"empty": b"", "text": b"not a module", "cut": path.read_bytes()[:-1000]}[content])
    with pytest.raises(CheckpointError, match="a.pt is no readable TorchScript module"):
        diffrhythm_vae.load(accept(monkeypatch, path))


# --- a module is a program ----------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "vae_model.pt"
    torch.jit.script(Hostile(str(tmp_path / "sprung"))).save(str(path))
    return path


def test_a_program_on_no_record_is_not_loaded_and_the_message_says_how_to_go_on(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(CheckpointError) as caught:
        diffrhythm_vae.load(hostile).encode(music(4096))
    said, found = str(caught.value), file_hash(hostile)
    assert not hostile.with_name("sprung").exists()
    for part in (
        str(hostile),
        f"{hostile.stat().st_size:,} bytes",
        found,
        "is a program, which runs with your rights",
        pins.DIFFRHYTHM_VAE.page,
        f"`make repro ACCEPT={found}`",
        f"`ACCEPT={found} .venv/bin/dvc repro`",
    ):
        assert part in said
    assert not said.endswith("now.") and results.provenance({}, {}, "audiosae.errors").keys() == {"inputs", "parameters", "code"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("yes", "'yes' now, which is no SHA-256: that has 64 hexadecimal digits.$"),
        ("0" * 63, "which is no SHA-256"),
        ("g" * 64, "which is no SHA-256"),
        ("0" * 64, "which is that of another file.$"),
        ("", r"dvc repro`\.$"),
        (" ", r"dvc repro`\.$"),
    ],
)
def test_what_is_wrong_with_accept_is_said(hostile: Path, monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    monkeypatch.setenv("ACCEPT", value)
    with pytest.raises(CheckpointError, match=f"was not loaded.*{said}"):
        diffrhythm_vae.load(hostile)


@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_a_program_that_the_reader_accepts_runs_and_provenance_says_so(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[str], str]
) -> None:
    found = file_hash(hostile)
    monkeypatch.setenv("ACCEPT", write(found))
    diffrhythm_vae.load(hostile).encode(music(4096))
    assert hostile.with_name("sprung").exists()  # as any program may
    made = results.provenance({"weights/codec": hostile}, {}, "audiosae.errors")
    assert made["accepted"] == [found] == [made["inputs"]["weights/codec"]]


@pytest.mark.parametrize("pinned", [True, False])
def test_a_program_on_record_runs_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned: bool) -> None:
    path = tmp_path / "a.pt"
    torch.jit.script(Tiny()).save(str(path))
    known = {"sha256": file_hash(path)} if pinned else {"by_path": (*pins.DIFFRHYTHM_VAE.by_path, file_hash(path))}
    monkeypatch.setattr(pins, "DIFFRHYTHM_VAE", replace(pins.DIFFRHYTHM_VAE, **known))
    for value in ("", file_hash(path), "0" * 64):
        monkeypatch.setenv("ACCEPT", value)
        codec = diffrhythm_vae.load(path)
        assert codec.decode(codec.encode(music(4096))).shape == (1, 2, 4096)
    assert "accepted" not in results.provenance({"weights/codec": path}, {}, "audiosae.errors")


def test_what_runs_is_what_was_compared(hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is changed for the hostile one just before torch is asked to load it."""
    path = tmp_path / "a.pt"
    torch.jit.script(Tiny()).save(str(path))
    accept(monkeypatch, path)
    load = torch.jit.load

    def late(*words: object, **more: object) -> object:
        hostile.replace(path)
        return load(*words, **more)

    monkeypatch.setattr(torch.jit, "load", late)
    diffrhythm_vae.load(path).encode(music(4096))
    assert not path.with_name("sprung").exists()
