"""Long files in pieces, and many waves at once, against each codec on one whole wave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from audiosae import audio
from audiosae.codecs import batches, diffrhythm_vae, encodec, legacy, long, sections, wavtokenizer
from audiosae.codecs.initialisation import scale_layers
from audiosae.codecs.sections import Recurrent, Windowed
from audiosae.errors import AudioError, ParameterError

FEW = settings(deadline=None, max_examples=8, derandomize=True)
NAMES = ["encodec", "wavtokenizer", "diffrhythm-vae"]
HOPS = {"encodec": 320, "wavtokenizer": 320, "diffrhythm-vae": 2048}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(name: str) -> encodec.Encodec | wavtokenizer.WavTokenizer | diffrhythm_vae.DiffRhythmVAE:
    """A narrow codec with random weights through which signals keep their level."""
    torch.manual_seed(0)
    if name == "encodec":
        network = encodec.Network(encodec.Shape(filters=2, lstm=1, norm="none", codebooks=8))
        scale_layers(lambda: network.decoder(network.encoder(noise(4, 1, 6400))), network.encoder, network.decoder)
        codec = encodec.Encodec(network)
    elif name == "wavtokenizer":
        network = wavtokenizer.Network(wavtokenizer.Shape((8, 5, 4, 2), 16, 2, 1, "none", width=64, inner=64, blocks=12))
        scale_layers(lambda: network.encoder(noise(4, 1, 6400)), network.encoder)
        codec = wavtokenizer.WavTokenizer(network)
    else:
        network = diffrhythm_vae.Network(diffrhythm_vae.Shape(2, 2, (1, 2, 2, 2, 2)))

        def run() -> None:
            network.decoder(diffrhythm_vae.distribution(network.encoder(noise(4, 2, 16384)))[0])

        scale_layers(run, network.encoder, network.decoder)
        codec = diffrhythm_vae.DiffRhythmVAE(network.encoder, network.decoder, network)
    if name != "diffrhythm-vae":
        for layer in network.quantizer.vq.layers:
            layer._codebook.embed.normal_()
            layer._codebook.inited.fill_(1)
    return codec


CODECS = {name: small(name) for name in NAMES}


def short(name: str, rounding: bool = True, length: int = 12) -> SimpleNamespace:
    """The same codec in windows of a few frames, and if need be without its codebooks."""
    codec = CODECS[name]
    encoding = codec.encoding if rounding or name == "diffrhythm-vae" else codec.encoding[:-1]
    return SimpleNamespace(
        name=name, sample_rate=codec.sample_rate, channels=codec.channels,
        encoding=[replace(part, length=length) if isinstance(part, Windowed) else part for part in encoding],
        decoding=[replace(part, length=length) if isinstance(part, Windowed) else part for part in codec.decoding],
    )


def continuous(name: str, wave: torch.Tensor) -> torch.Tensor:
    """[batch, frames, dim] before any rounding, from the network itself."""
    codec = CODECS[name]
    with torch.no_grad():
        return codec.encode(wave) if name == "diffrhythm-vae" else codec.network.encoder(wave).transpose(1, 2)


def local() -> wavtokenizer.WavTokenizer:
    """Without what sees everything: attention, and normalisation over time. Every layer has a say in what comes out."""
    codec = small("wavtokenizer")
    backbone = codec.network.backbone
    for part in backbone.modules():
        if isinstance(part, (nn.Conv1d, nn.Linear)):
            nn.init.normal_(part.weight, std=part.weight[0].numel() ** -0.5)
    for block in backbone.convnext:
        block.gamma.fill_(1)
    for block in backbone.pos_net:
        if isinstance(block, wavtokenizer.Residual):
            block.norm1 = block.norm2 = nn.Identity()
    backbone.pos_net[2] = backbone.pos_net[5] = nn.Identity()
    return codec


def cut(signal: torch.Tensor, places: list[int], dim: int) -> Iterator[torch.Tensor]:
    ends = sorted({0, signal.shape[dim], *(place % signal.shape[dim] for place in places)})
    return (signal.narrow(dim, start, stop - start) for start, stop in pairwise(ends))


PLACES = st.lists(st.integers(0, 10**6), max_size=6)


# --- how far a section looks --------------------------------------------------------------------------------------------


def reached(section: Windowed, signal: torch.Tensor, frame: int) -> list[int]:
    """Frames of the result that change with one frame of the input, relative to it."""
    changed = signal.clone()
    changed[..., frame * section.takes : (frame + 1) * section.takes] += 1
    with torch.no_grad():
        differs = (section.run(signal) != section.run(changed)).any(dim=1)
    return [int(index) - frame for index in torch.nonzero(differs.reshape(-1, section.gives).any(dim=1))]


def test_the_vae_looks_exactly_as_far_as_it_says() -> None:
    codec = CODECS["diffrhythm-vae"]
    ((encoding,), (decoding,)) = codec.encoding, codec.decoding
    assert reached(encoding, noise(1, 2, 2048 * 24), 12) == list(range(-encoding.reach, encoding.reach + 1))
    assert reached(decoding, noise(1, 64, 28), 14) == list(range(-decoding.reach, decoding.reach + 1))


def test_wavtokenizers_convolutions_look_exactly_as_far_as_it_says() -> None:
    network = local().network.double()  # what comes from far away is little
    (decoding,) = CODECS["wavtokenizer"].decoding
    decoding = replace(decoding, run=lambda latents: network.head(network.backbone(latents))[:, None])
    assert reached(decoding, noise(1, 16, 120).double(), 60) == list(range(-decoding.reach, decoding.reach + 1))


@pytest.mark.parametrize("name", ["encodec", "wavtokenizer"])
def test_convolutions_on_either_side_of_the_lstm_look_no_further_than_they_say(name: str) -> None:
    codec = CODECS[name]
    parts = [*codec.encoding[:-1], *(codec.decoding if name == "encodec" else ())]
    assert [type(part) for part in parts] == [Windowed, Recurrent, Windowed] * (len(parts) // 3)
    widths = {"encodec": [1, 0, 32, 128, 0, 32], "wavtokenizer": [1, 0, 32]}[name]
    for part, width in zip(parts, widths, strict=True):
        if isinstance(part, Windowed):
            frames = reached(part, noise(1, width, 30 * part.takes), 15)
            assert frames and -part.reach <= min(frames) and max(frames) <= part.reach


# --- long files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(samples=st.integers(1, 50_000), places=PLACES)
def test_encoding_in_pieces_is_encoding_the_whole(name: str, samples: int, places: list[int]) -> None:
    wave = noise(1, CODECS[name].channels, samples)
    found = torch.cat(list(long.encode(short(name, rounding=False), cut(wave, places, dim=2))), dim=1)
    torch.testing.assert_close(found, continuous(name, wave), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["encodec", "wavtokenizer"])
def test_codes_are_those_of_the_whole(name: str) -> None:
    wave = noise(1, 1, 40_000)
    found = torch.cat(list(long.encode(short(name), [wave])), dim=1)
    same = (found == CODECS[name].encode(wave)).all(dim=2)
    assert same.shape[1] == 125 and same.float().mean() >= 0.98  # rounding may tip a frame that lies between two codes


@pytest.mark.parametrize("name", ["encodec", "diffrhythm-vae"])
@FEW
@given(frames=st.integers(1, 60), places=PLACES)
def test_decoding_in_pieces_is_decoding_the_whole(name: str, frames: int, places: list[int]) -> None:
    codec = CODECS[name]
    latents = noise(1, frames, codec.dim)
    found = torch.cat(list(long.decode(short(name), cut(latents, places, dim=1))), dim=2)
    torch.testing.assert_close(found, codec.decode(latents), rtol=0, atol=1e-5)


def test_wavtokenizer_decodes_windows_each_for_itself() -> None:
    codec, latents, reach = CODECS["wavtokenizer"], noise(1, 400, 16), wavtokenizer.REACH
    found = torch.cat(list(long.decode(short("wavtokenizer", length=150), latents.split(70, dim=1))), dim=2)
    expected = [
        codec.decode(latents[:, max(start - reach, 0) : start + 150 + reach])
        [:, :, 320 * min(start, reach) : 320 * (min(start, reach) + 150)]
        for start in (0, 150, 300)
    ]
    torch.testing.assert_close(found, torch.cat(expected, dim=2), rtol=0, atol=1e-5)


def test_wavtokenizers_windows_join_without_a_seam_where_nothing_sees_everything() -> None:
    codec, latents = local(), noise(1, 400, 16)
    pieces = replace(codec.decoding[0], length=150).pieces([latents.transpose(1, 2)])
    torch.testing.assert_close(torch.cat(list(pieces), dim=2), codec.decode(latents), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_no_network_ever_meets_more_than_a_window(name: str) -> None:
    """However long the file: each window is asked for only when the one before it is done."""
    codec, met, given_out = CODECS[name], [], 0

    def watched(part: Windowed) -> Windowed:
        def run(signal: torch.Tensor) -> torch.Tensor:
            met.append(signal.shape[-1] / part.takes <= part.length + 2 * part.reach)
            return signal.new_zeros(1, 1, -(-signal.shape[-1] // part.takes) * part.gives)

        return replace(part, run=run)

    def endless() -> Iterator[torch.Tensor]:
        nonlocal given_out
        while True:
            given_out += 5
            yield torch.zeros(1, 1, 5 * HOPS[name])

    for part in codec.encoding:
        if isinstance(part, Windowed):
            blocks, given_out = endless() if part.takes > 1 else iter(lambda: torch.zeros(1, 1, 5), None), 0
            pieces = watched(part).pieces(blocks)
            for done in range(1, 4):
                assert next(pieces).shape[-1] == part.length
                assert given_out <= done * part.length + part.reach + 5
    assert all(met) and len(met) >= 3


def test_a_codec_that_does_not_say_how_far_it_looks_is_refused() -> None:
    codec = SimpleNamespace(name="mine", encode=None, decode=None)
    with pytest.raises(ParameterError, match="mine has no `encoding`"):
        long.encode(codec, [noise(1, 1, 10)])
    with pytest.raises(ParameterError, match="mine has no `decoding`"):
        long.decode(codec, [noise(1, 10, 1)])


# --- from disk and back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (44100, 2), (48000, 2), (16000, 1), (22050, 2)])
@pytest.mark.parametrize("name", ["encodec", "diffrhythm-vae"])
def test_blocks_of_a_file_are_the_file(tmp_path: Path, name: str, rate: int, channels: int) -> None:
    codec = CODECS[name]
    wave = np.clip(0.2 * noise(int(1.37 * rate), channels).numpy(), -1, 1)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    expected = audio.for_codec(*audio.read(tmp_path / "a.wav"), codec.sample_rate, codec.channels)
    for seconds in (0.1, 0.33, 5):
        blocks = list(long.read(tmp_path / "a.wav", codec, seconds))
        found = torch.cat(blocks, dim=2)[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
        assert len(blocks) > 1 or seconds == 5


@pytest.mark.parametrize("fault", ["missing", "text", "truncated", "nan"])
def test_a_bad_file_is_named(tmp_path: Path, fault: str) -> None:
    path, wave = tmp_path / "a.wav", 0.1 * noise(48000).numpy()
    if fault == "nan":
        wave[40000] = np.nan
    if fault != "missing":
        soundfile.write(path, wave, 24000, subtype="FLOAT")
    if fault == "text":
        path.write_text("no sound")
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:-4000])
    expected = {"missing": "no such file", "text": "cannot be read", "truncated": "truncated", "nan": "NaN .* at 1.667 s"}
    with pytest.raises(AudioError, match=f"a.wav: .*{expected[fault]}"):
        list(long.read(path, CODECS["encodec"], seconds=0.5))


def test_from_file_to_file(tmp_path: Path) -> None:
    codec, wave = CODECS["encodec"], 0.1 * noise(50_000, 1).numpy()
    soundfile.write(tmp_path / "in.wav", wave, 24000, subtype="FLOAT")
    frames = long.encode(codec, long.read(tmp_path / "in.wav", codec, seconds=0.7))
    long.write_flac(tmp_path / "out.flac", (block / 10 for block in long.decode(codec, frames)), codec.sample_rate)
    found, rate = soundfile.read(tmp_path / "out.flac")
    expected = codec.decode(codec.encode(torch.from_numpy(wave.T)[None]))[0, 0].numpy() / 10
    assert rate == 24000 and len(found) == 157 * 320
    np.testing.assert_allclose(found, np.clip(expected, -1, 1), rtol=0, atol=1e-5)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> Iterator[torch.Tensor]:
        yield torch.zeros(1, 1, 1000)
        raise AudioError("the source ends here")

    with pytest.raises(AudioError):
        long.write_flac(tmp_path / "a.flac", failing(), 24000)
    assert not list(tmp_path.iterdir())


# --- many at once -------------------------------------------------------------------------------------------------------


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=5)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("name", NAMES)
@FEW
@given(frames=LENGTHS, ragged=st.booleans())
def test_each_wave_is_encoded_as_if_alone(name: str, stacked: bool, frames: list[int], ragged: bool) -> None:
    lengths = [HOPS[name] * count - (count % 3 if ragged else 0) for count in frames]
    waves = [noise(CODECS[name].channels, length, seed=seed) for seed, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "AT_ONCE", 3)
        if stacked:
            patch.setattr(sections, "ONE_BY_ONE", ())
        found = batches.encode(short(name, rounding=False), waves)
    for wave, latents in zip(waves, found, strict=True):
        torch.testing.assert_close(latents, continuous(name, wave[None])[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("name", NAMES)
@FEW
@given(frames=LENGTHS)
def test_each_sequence_of_latents_is_decoded_as_if_alone(name: str, stacked: bool, frames: list[int]) -> None:
    codec = CODECS[name]
    latents = [noise(count, codec.dim, seed=seed) for seed, count in enumerate(frames)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "AT_ONCE", 3)
        if stacked:
            patch.setattr(sections, "ONE_BY_ONE", ())
        found = batches.decode(codec, latents)
    for given_, wave in zip(latents, found, strict=True):
        # These waves are ten times louder than music is.
        torch.testing.assert_close(wave / 10, codec.decode(given_[None])[0] / 10, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_wave_does_not_hear_its_neighbours(name: str) -> None:
    codec, hop = CODECS[name], HOPS[name]
    wave, quiet, loud = (level * noise(codec.channels, count * hop) for level, count in ((1, 7), (0, 30), (100, 30)))
    beside_quiet, beside_loud = (batches.encode(codec, [wave, other])[0] for other in (quiet, loud))
    assert torch.equal(beside_quiet, beside_loud) and beside_quiet.is_contiguous()
    assert torch.equal(beside_quiet, codec.encode(wave[None])[0])
    assert not batches.encode(codec, [])


def test_a_codec_without_sections_is_given_one_wave_after_the_other() -> None:
    codec = SimpleNamespace(name="mine", encode=lambda wave: wave.transpose(1, 2) + 1, decode=lambda x: x.transpose(1, 2) - 1)
    waves = [noise(2, 5), noise(2, 9)]
    encoded = batches.encode(codec, waves)
    for wave, latents, decoded in zip(waves, encoded, batches.decode(codec, encoded), strict=True):
        assert torch.equal(latents, wave.T + 1) and torch.equal(decoded, latents.T - 1)


def test_folded_weights_give_the_same_numbers() -> None:
    torch.manual_seed(0)
    with legacy.weight_norm():
        network = encodec.Network(encodec.Shape(filters=2, lstm=1, norm="weight_norm", codebooks=1)).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("weight_g"):
                parameter.mul_(1.7)
        expected = network.encoder(noise(1, 1, 3200))
        found = legacy.fold_weight_norm(network).encoder(noise(1, 1, 3200))
    assert not any(name.endswith("weight_g") for name in network.state_dict())
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
