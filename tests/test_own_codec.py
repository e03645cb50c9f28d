"""A codec of the reader's own: what it must offer, what is said where it does not, and the example of the book."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from audiosae import codecs
from audiosae.errors import CheckpointError, ParameterError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "mel_codec.py"


class Sign(nn.Module):
    """A codec with one codebook of two vectors: whether a frame's mean is above zero."""

    name, sample_rate, channels, frame_rate, dim, codebook_size = "sign", 8000, 1, 50.0, 3, 2

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.arange(6.0).reshape(2, 3))

    def codes(self, wave: torch.Tensor) -> torch.Tensor:
        return (wave.unfold(2, 160, 160).mean(-1) > 0).long()

    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        return self.vectors[codes[:, 0]]

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        return self.embed(self.codes(wave))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, None, :, 0].repeat_interleave(160, dim=-1)


def drifting(self: Sign, wave: torch.Tensor) -> torch.Tensor:
    """Latents that are others each time."""
    return torch.randn(wave.shape[0], 50, 3)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("name", None, "`name` must be a word of lower-case letters"),
        ("name", "../mine", "`name` must be a word of lower-case letters"),
        ("sample_rate", 8000.0, "`sample_rate` must be a whole number of Hz, not 8000.0"),
        ("channels", 3, "`channels` must be 1 or 2, not 3"),
        ("channels", True, "`channels` must be 1 or 2, not True"),
        ("frame_rate", 0, "`frame_rate` must be frames a second, not 0"),
        ("dim", None, "`dim` must be the size of a latent frame, not None"),
        ("decode", 5, "`decode` must be a method, or be left out where nothing leads back"),
        ("to", "cpu", "the method `to` is missing"),
        ("encode", lambda self, wave: None, "`encode` must return a tensor, not NoneType"),
        ("encode", lambda self, wave: torch.zeros(2, 3, 50), r"`encode` must return \[2, any, 3\], not \[2, 3, 50\]"),
        ("encode", lambda self, wave: torch.zeros(1, 50, 3), r"`encode` must return \[2, any, 3\], not \[1, 50, 3\]"),
        ("encode", lambda self, wave: torch.zeros(2, 50, 3).double(), "`encode` must return float32, not float64"),
        ("encode", lambda self, wave: torch.full((2, 50, 3), float("nan")), "`encode` returns NaN or infinite values for noise"),
        ("encode", lambda self, wave: torch.zeros(2, 100, 3), "`encode` makes 100 frames of one second, but `frame_rate` is 50"),
        ("encode", drifting, "`encode` gives two results for one sound"),
        ("decode", lambda self, latents: torch.zeros(2, 8000), r"`decode` must return \[2, 1, any\], not \[2, 8000\]"),
        ("decode", lambda self, latents: torch.full((2, 1, 8000), float("inf")), "`decode` returns NaN or infinite values"),
        ("decode", lambda self, latents: torch.zeros(2, 1, 16000), "`decode` makes 16000 samples of 50 frames"),
        ("codebook_size", None, "`codebook_size` must be the number of vectors in a codebook"),
        ("codebook_size", 1, "`codes` go from 0 to 1, outside a codebook of 1"),
        ("codes", lambda self, wave: torch.zeros(2, 1, 50), "`codes` must return int64, not float32"),
        ("embed", None, "the method `embed` is missing"),
        ("embed", lambda self, codes: torch.zeros(2, 50, 3), "`embed` of `codes` is not what `encode` gives"),
    ],
)
def test_what_is_wrong_with_a_codec_is_said(name: str, value: object, told: str) -> None:
    broken = type("Broken", (Sign,), {name: value})()
    if name in ("codes", "embed"):  # of which encode is made
        broken.encode = Sign().encode
    with pytest.raises(ParameterError, match=f"mine.py: .*{told}"):
        codecs.check(broken, "mine.py")


def test_a_sound_codec_passes() -> None:
    codecs.check(Sign(), "mine.py")
    plain = type("Plain", (Sign,), {"codes": property()})()  # no codebooks
    plain.encode = Sign().encode
    codecs.check(plain, "mine.py")


# --- by the path of its file --------------------------------------------------------------------------------------------


CODE = """
import torch
class Mean:
    name, sample_rate, channels, frame_rate, dim = "mean", 8000, 2, 50, 2
    def to(self, device): return self
    def encode(self, wave): return wave.unfold(2, 160, 160).mean(-1).transpose(1, 2)
    def decode(self, latents): return latents.transpose(1, 2).repeat_interleave(160, dim=-1)
def load(): return Mean()
"""


def test_a_file_is_a_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mean.py"
    path.write_text(CODE)
    wave = torch.randn(1, 2, 1600)
    assert codecs.load("mean", path).decode(codecs.load("mean", str(path)).encode(wave)).shape == wave.shape
    assert codecs.source("mean", path) == path
    monkeypatch.chdir(tmp_path)
    assert codecs.load("mean", "mean.py").dim == 2


def test_a_relative_path_is_found_from_any_folder_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "notebooks")  # where the pipeline's cells run
    assert codecs.load("mel", "examples/mel_codec.py").dim == 64
    assert codecs.source("mel", "examples/mel_codec.py") == EXAMPLE
    assert codecs.source("encodec", "embedded") == ROOT / "checkpoints" / "encodec.safetensors"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("def load()", "def make()", r"mean.py: a codec's file needs a function `load\(\)`"),
        ('"mean"', '"median"', "mean.py: calls its codec 'median', but 'mean' was asked for"),
        ("dim = ", "dims = ", "mean.py: `dim` must be the size of a latent frame"),
    ],
)
def test_a_file_that_holds_no_codec_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "mean.py"
    assert old in CODE
    path.write_text(CODE.replace(old, new))
    with pytest.raises(ParameterError, match=told):
        codecs.load("mean", path)


def test_a_missing_file_and_an_unknown_codec_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="mean.py: there is no such file; check the path of your codec 'mean'"):
        codecs.load("mean", tmp_path / "mean.py")
    with pytest.raises(ParameterError, match="unknown codec 'mean'; known are encodec, .*your own is a Python file"):
        codecs.load("mean", "released")


# --- the example --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mel() -> codecs.Codec:
    return codecs.load("mel", EXAMPLE)


def tone(hertz: float, amplitude: float, seconds: float = 1.0) -> torch.Tensor:
    time = torch.arange(int(seconds * 24000)) / 24000
    return (amplitude * torch.sin(2 * torch.pi * hertz * time))[None, None]


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 24000])
def test_the_examples_frames_are_the_samples_over_320_rounded_up(mel: codecs.Codec, samples: int) -> None:
    assert mel.encode(torch.randn(2, 1, samples)).shape == (2, -(-samples // 320), 64)


@pytest.mark.parametrize("frames", [2, 75])
def test_the_example_decodes_whatever_it_is_given(mel: codecs.Codec, frames: int) -> None:
    wave = mel.decode(5 * torch.randn(2, frames, 64))
    assert wave.shape == (2, 1, 320 * frames) and torch.isfinite(wave).all()


def test_the_examples_bands_rise_with_pitch_and_with_level(mel: codecs.Codec) -> None:
    loudest = [int(mel.encode(tone(hertz, 0.3))[0, 30].argmax()) for hertz in (200, 400, 1000, 3000, 9000)]
    assert loudest == sorted(set(loudest))
    soft, loud = (mel.encode(tone(440, amplitude))[0, 30].max() for amplitude in (0.1, 0.2))
    assert float(loud - soft) == pytest.approx(np.log(2), abs=1e-3)
    assert torch.equal(mel.encode(torch.zeros(1, 1, 3200)), torch.full((1, 10, 64), 1e-4).log())


def test_the_examples_frames_are_centred_where_labels_are(mel: codecs.Codec) -> None:
    """A click in the middle of frame 20 is seen alike from both sides."""
    wave = torch.zeros(1, 1, 12800)
    wave[..., 20 * 320 + 160] = 1
    energy = mel.encode(wave)[0].exp().sum(1)
    assert int(energy.argmax()) == 20
    torch.testing.assert_close(energy[17:20], energy[21:24].flip(0), rtol=1e-3, atol=1e-4)


def test_the_example_gives_back_level_pitch_and_time(mel: codecs.Codec) -> None:
    wave = torch.cat([torch.zeros(1, 1, 9600), tone(1000, 0.3, 0.4)], dim=-1)
    back = mel.decode(mel.encode(wave))[0, 0].numpy()
    level = np.sqrt((back.reshape(-1, 960) ** 2).mean(1))  # 40 ms at a time
    assert level[:9].max() < 0.02 and 0.1 < level[11:19].min() and level.max() < 0.4
    spectrum = np.abs(np.fft.rfft(back[12000:16800]))
    assert abs(spectrum.argmax() * 5 - 1000) < 120  # a band is that wide there


def test_the_book_shows_the_file_and_the_line() -> None:
    page = (ROOT / "book" / "own_codec.md").read_text()
    assert "{literalinclude} ../examples/mel_codec.py" in page
    assert "  mel: {weights: examples/mel_codec.py, file: examples/mel_codec.py}\n" in page
    broken = type("Broken", (Sign,), {"dim": 64, "encode": lambda self, wave: torch.zeros(2, 64, 75)})()
    with pytest.raises(ParameterError) as error:
        codecs.check(broken, "examples/mel_codec.py")
    assert f"error: {error.value}\n" in page


# --- a codec that never returns -----------------------------------------------------------------------------------------


STUCK = {
    "loading": ("def load(): return Mean()", "def load():\n    while True: pass", "loading the codec took more than 0.2 s"),
    "importing": ("import torch\n", "import time\ntime.sleep(3600)\n", "loading the codec took more than 0.2 s"),
    "encoding": ("return wave.unfold", "return stuck() or wave.unfold", "trying the codec .* took more than"),
    "decoding": ("return latents.", "return stuck() or latents.", "trying the codec on a second of noise took more than 0.2 s"),
}


@pytest.mark.parametrize("where", STUCK)
def test_a_codec_that_never_returns_is_stopped_and_told(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, told = STUCK[where]
    assert old in CODE
    stuck = "\ndef stuck():\n    while True:\n        try: sum(range(1000))\n        except Exception: pass\n"
    (tmp_path / "mean.py").write_text(CODE.replace(old, new) + stuck)
    monkeypatch.setenv("AUDIOSAE_CODEC_SECONDS", "0.2")
    before = signal.getsignal(signal.SIGALRM)
    # Where nothing stops the codec, this alarm does, so that a fault is a failed test and not a stuck one.
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the codec was not stopped"))
    signal.setitimer(signal.ITIMER_REAL, 20)
    try:
        with pytest.raises(ParameterError, match=f"mean.py: {told}.*set the environment variable AUDIOSAE_CODEC_SECONDS to more"):
            codecs.load("mean", tmp_path / "mean.py")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_codec_within_the_limit_is_left_alone_and_so_is_the_alarm(tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(CODE)
    before = signal.getsignal(signal.SIGALRM)
    assert codecs.load("mean", tmp_path / "mean.py").dim == 2
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_codec_is_loaded_in_any_thread(tmp_path: Path) -> None:
    """There without a limit, as signals come to the main thread alone."""
    (tmp_path / "mean.py").write_text(CODE)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(codecs.load, "mean", tmp_path / "mean.py").result().dim == 2


@pytest.mark.parametrize("limit", ["", "soon", "0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_time_is_told(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mean.py").write_text(CODE)
    monkeypatch.setenv("AUDIOSAE_CODEC_SECONDS", limit)
    with pytest.raises(ParameterError, match="AUDIOSAE_CODEC_SECONDS is .*; give a number of seconds above 0"):
        codecs.load("mean", tmp_path / "mean.py")
