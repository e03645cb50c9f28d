"""Compare the codecs with the authors' own implementations, and record numbers for the tests.

    git clone https://github.com/jishengpeng/WavTokenizer
    git -C WavTokenizer checkout 5cf440d91ac420ca338f117b7003a77450d64730
    git clone https://github.com/Stability-AI/stable-audio-tools
    git -C stable-audio-tools checkout 50049e379e2fe8e35bffc99e57f23ade1c3471b7
    .venv/bin/python tests/recorded/record.py WavTokenizer stable-audio-tools

Both sides get the same random weights, ours through a file in the form in which the authors publish theirs. They hear
pieces of the embedded corpus, in clips of several lengths, alone and in pairs. The largest differences go to
results/parity.json. Small models with weights from a formula then give the numbers that the tests keep:
tests/recorded/*.json.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import formula
import originals
import torch
from torch import nn

from audiosae.files import results
from audiosae.files.whole import file_hash
from audiosae.codecs import diffrhythm_vae, encodec, legacy, wavtokenizer
from audiosae.training.data import render

COMMITS = {
    "WavTokenizer": "5cf440d91ac420ca338f117b7003a77450d64730",
    "stable-audio-tools": "50049e379e2fe8e35bffc99e57f23ade1c3471b7",
}
RELEASED_VAE = diffrhythm_vae.Shape(encoder=128, decoder=128, multiples=(1, 2, 4, 8, 16))
SECONDS = {"encodec": (1.0, 0.7123, 3.21, 0.031), "wavtokenizer": (1.0, 0.7123, 3.21, 0.031),
           "diffrhythm_vae": (0.4, 0.2123, 0.031)}
"""Lengths of clips, most of them no whole number of frames; fewer for the VAE, which is slow at released width."""

FIRST = torch.tensor([0])
"""The bandwidth id that the authors' examples use."""


class Music:
    """A minute of the embedded corpus, and clips from it."""

    def __init__(self, folder: Path, sample_rate: int, channels: int, seconds: tuple[float, ...]) -> None:
        played = render(1, 5, 0, "validation", sample_rate, channels, folder)
        self.played, self.rate, self.seconds = torch.from_numpy(played[:].copy()), sample_rate, seconds

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Of each length a wave [1, channels, samples] and a pair of waves."""
        for number, seconds in enumerate(self.seconds):
            for several in (1, 2):
                yield self.played[number : number + several, :, : round(seconds * self.rate)]


def differences(music: Music, theirs: Callable, ours: Callable) -> dict[str, float]:
    """The largest absolute differences between what two codecs make of the same waves.

    Both take a wave and give codes or None, latents [batch, frames, dim], and audio [batch, channels, samples].
    """
    found = {"latents": 0.0, "audio": 0.0, "audio_peak": 0.0, "frames": 0}
    seen, differing = [], 0
    with torch.no_grad():
        for wave in music:
            (codes, latents, audio), (our_codes, our_latents, our_audio) = theirs(wave), ours(wave)
            assert latents.shape == our_latents.shape and audio.shape == our_audio.shape
            found["frames"] += latents.shape[0] * latents.shape[1]
            found["latents"] = max(found["latents"], float((latents - our_latents).abs().max()))
            found["audio"] = max(found["audio"], float((audio - our_audio).abs().max()))
            found["audio_peak"] = max(found["audio_peak"], float(audio.abs().max()))
            if codes is not None:
                differing += int((codes != our_codes).sum())
                seen.append(codes.flatten())
    if seen:
        found |= {"codes_that_differ": differing, "different_codes": len(torch.cat(seen).unique())}
    return found


# --- WavTokenizer -------------------------------------------------------------------------------------------------------

FOREIGN = {
    "multiperioddisc.discriminators.0.convs.0.weight_v": torch.zeros(32, 1, 5, 1),
    "multiresddisc.discriminators.0.window": torch.zeros(2048),
    "dac.discriminators.0.convs.0.0.weight_g": torch.zeros(32, 1, 1, 1),
    "melspec_loss.mel_spec.spectrogram.window": torch.zeros(1024),
}
"""Of discriminators and losses, which a training checkpoint carries too."""


def save_wavtokenizer(original: nn.Module, path: Path) -> None:
    """A checkpoint as Lightning writes it in training."""
    torch.save({
        "epoch": 3, "global_step": 1000, "pytorch-lightning_version": "1.8.6", "loops": {}, "callbacks": {},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 2e-4}]}],
        "lr_schedulers": [{"base_lrs": [2e-4], "lr_lambdas": [None]}], "hparams_name": "kwargs",
        "hyper_parameters": {"sample_rate": 24000, "resume_config": "x.yaml"},
        "state_dict": FOREIGN | original.state_dict(),
    }, path)


def wavtokenizer_pair(clone: Path, rate: str, small: bool, path: Path) -> tuple[nn.Module, wavtokenizer.WavTokenizer]:
    """The original with random weights, and ours, loaded from its checkpoint."""
    shape = formula.WAVTOKENIZER[rate]
    original = originals.build_wavtokenizer(clone, rate, shape if small else None)
    original.load_state_dict(formula.weights(formula.shapes(original)))
    save_wavtokenizer(original, path)
    expected = f"RELEASED_{rate}"
    with mock.patch.object(wavtokenizer, expected, shape if small else getattr(wavtokenizer, expected)):
        return original, wavtokenizer.load(path)


def wavtokenizer_sides(original: nn.Module, codec: wavtokenizer.WavTokenizer) -> tuple[Callable, Callable]:
    """Encode and decode with each."""

    def theirs(wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        latents, codes = original.encode_infer(wave[:, 0], bandwidth_id=FIRST)
        audio = original.decode(latents, bandwidth_id=FIRST)
        return codes.transpose(0, 1), latents.transpose(1, 2), audio[:, None]

    def ours(wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        latents = codec.encode(wave)
        return codec.codes(wave), latents, codec.decode(latents)

    return theirs, ours


@torch.no_grad()
def spread_codes(original: nn.Module, music: Music) -> None:
    """Put the codebook where the latents of music are, as training does."""
    codebook = original.feature_extractor.encodec.quantizer.vq.layers[0].codebook
    found = [original.feature_extractor.encodec.encoder(clip[None]).transpose(1, 2)[0] for clip in music.played]
    rows = torch.cat(found)
    picked = torch.randint(len(rows), (len(codebook),), generator=torch.Generator().manual_seed(0))
    codebook.copy_(rows[picked] * (1 + 0.02 * formula.numbers("spread", *codebook.shape)))


def compare_wavtokenizer(clone: Path, folder: Path) -> dict[str, dict]:
    """Both frame rates at released and at small size."""
    music, found = Music(folder, wavtokenizer.SAMPLE_RATE, 1, SECONDS["wavtokenizer"]), {}
    for rate in formula.WAVTOKENIZER:
        for size in ("released", "small"):
            path = folder / "w.ckpt"
            original, codec = wavtokenizer_pair(clone, rate, size == "small", path)
            if size == "released":
                spread_codes(original, music)
                save_wavtokenizer(original, path)
                codec = wavtokenizer.load(path)
            found[f"{size}_{rate}"] = differences(music, *wavtokenizer_sides(original, codec))
    return found


def record_wavtokenizer(clone: Path, folder: Path) -> dict[str, dict]:
    """Codes and some decoded samples of small models, on and off the codebook."""
    found = {}
    for rate, shape in formula.WAVTOKENIZER.items():
        original, codec = wavtokenizer_pair(clone, rate, True, folder / "w.ckpt")
        theirs, _ = wavtokenizer_sides(original, codec)
        codes, _, audio = theirs(formula.wave(9000, wavtokenizer.SAMPLE_RATE))
        free = original.decode(formula.numbers("latents", 1, shape.dim, 9), bandwidth_id=FIRST)
        found[rate] = {
            "codes": codes.flatten().tolist(), "audio": _rounded(audio), "audio_of_free_latents": _rounded(free),
        }
    return found


def _rounded(values: torch.Tensor) -> list[float]:
    """Some of the values."""
    return [round(value, 7) for value in formula.some(values).tolist()]


# --- DiffRhythm's VAE ---------------------------------------------------------------------------------------------------


def oobleck_pair(clone: Path, shape: diffrhythm_vae.Shape) -> tuple[originals.Oobleck, diffrhythm_vae.DiffRhythmVAE]:
    """Stable Audio's VAE, and ours through diffusers, with the same weights."""
    network = diffrhythm_vae.Network(shape)
    weights = formula.weights(formula.shapes(network))
    network.load_state_dict(weights)
    original = originals.build_oobleck(clone, shape)
    original.load_state_dict(originals.oobleck_weights(weights))
    return original, diffrhythm_vae.DiffRhythmVAE(network.encoder, network.decoder, network)


def oobleck_sides(original: originals.Oobleck, codec: diffrhythm_vae.DiffRhythmVAE) -> tuple[Callable, Callable]:
    """Encode to the mean, and decode, with each."""

    def theirs(wave: torch.Tensor) -> tuple[None, torch.Tensor, torch.Tensor]:
        whole = nn.functional.pad(wave, (0, -wave.shape[-1] % diffrhythm_vae.HOP))
        mean = original.encode_export(whole)[:, : diffrhythm_vae.DIM]
        return None, mean.transpose(1, 2), original.decode_export(mean)

    def ours(wave: torch.Tensor) -> tuple[None, torch.Tensor, torch.Tensor]:
        latents = codec.encode(wave)
        return None, latents, codec.decode(latents)

    return theirs, ours


def compare_oobleck(clone: Path, folder: Path) -> dict[str, dict]:
    """The TorchScript module at released size against eager mode, and diffusers' layers against the original's."""
    music = Music(folder, diffrhythm_vae.SAMPLE_RATE, diffrhythm_vae.CHANNELS, SECONDS["diffrhythm_vae"])
    original, same = oobleck_pair(clone, RELEASED_VAE)
    path = folder / "vae.pt"
    wave, latents = music.played[:1, :, : 2 * diffrhythm_vae.HOP], torch.zeros(1, diffrhythm_vae.DIM, 2)
    example = {"encode_export": wave, "decode_export": latents}
    torch.jit.trace_module(original, example).save(str(path))
    os.environ["ACCEPT"] = file_hash(path)
    script = diffrhythm_vae.load(path)
    small, embedded = oobleck_pair(clone, formula.DIFFRHYTHM_VAE)
    return {
        "released_torchscript": differences(music, *oobleck_sides(original, script)),
        "released_diffusers": differences(music, *oobleck_sides(original, same)),
        "small_diffusers": differences(music, *oobleck_sides(small, embedded)),
    }


def record_oobleck(clone: Path) -> dict[str, list[float]]:
    """Some values of a small model: means, standard deviations, and decoded samples."""
    original, _ = oobleck_pair(clone, formula.DIFFRHYTHM_VAE)
    with torch.no_grad():
        mean, deviation = diffrhythm_vae.distribution(original.encode_export(formula.wave(4 * 2048, 44100, 2)))
        audio = original.decode_export(mean)
    return {"mean": _rounded(mean), "deviation": _rounded(deviation), "audio": _rounded(audio)}


# --- EnCodec ------------------------------------------------------------------------------------------------------------


def compare_encodec(folder: Path) -> dict[str, dict]:
    """The package's own model at 6 kb/s."""
    music = Music(folder, encodec.SAMPLE_RATE, 1, SECONDS["encodec"])
    original = originals.build_encodec()
    original.load_state_dict(formula.weights(formula.shapes(original)))
    torch.save(original.state_dict(), folder / "e.th")
    codec = encodec.load(folder / "e.th")

    def theirs(wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        frames = original.encode(wave)
        codes = frames[0][0]
        return codes, original.quantizer.decode(codes.transpose(0, 1)).transpose(1, 2), original.decode(frames)

    def ours(wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        latents = codec.encode(wave)
        return codec.codes(wave), latents, codec.decode(latents)

    return {"released": differences(music, theirs, ours)}


def main() -> None:
    """Compare, record, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wavtokenizer", type=Path, help="clone of WavTokenizer")
    parser.add_argument("oobleck", type=Path, help="clone of stable-audio-tools")
    given = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, legacy.weight_norm():
        found = {}
        for codec, compare in (
            ("encodec", lambda place: compare_encodec(place)),
            ("wavtokenizer", lambda place: compare_wavtokenizer(given.wavtokenizer, place)),
            ("diffrhythm_vae", lambda place: compare_oobleck(given.oobleck, place)),
        ):
            place = Path(folder, codec)
            place.mkdir()
            found[codec] = compare(place)
            for size, figures in found[codec].items():
                print(codec, size, ", ".join(f"{name} {value:.2g}" for name, value in figures.items()))
        results.write(formula.RECORDS / "wavtokenizer.json", record_wavtokenizer(given.wavtokenizer, Path(folder)))
        results.write(formula.RECORDS / "diffrhythm_vae.json", record_oobleck(given.oobleck))
    packages = {name: importlib.metadata.version(name) for name in ("encodec", "vocos", "diffusers")}
    results.write(Path("results/parity.json"), {**found, "originals": COMMITS, "packages": packages})


if __name__ == "__main__":
    main()
