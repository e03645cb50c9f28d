"""The stage `long_files`: what changes when a minute of music goes through a codec in pieces.

    python -m audiosae.codecs.long_files data/corpus results/long_files.json encodec wavtokenizer diffrhythm-vae

The minute is made of test clips, one after the other. The embedded weights encode and decode it whole, and again through
`audiosae.codecs.long`. The wave's ends are in both, so there is no edge to keep away from.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosae import audio, codecs, corpus, results
from audiosae.codecs import embedded, long
from audiosae.determinism import prepare
from audiosae.errors import CorpusError, report
from audiosae.reconstruction import log_mel_distance, si_sdr

SECONDS = 60
WINDOWS = (3, 10, 30)
"""Seconds that WavTokenizer's decoder is given at once, to compare."""

_SAME = 1e-5


def a_minute(folder: str | Path, codec: codecs.Codec) -> torch.Tensor:
    """Test clips of a corpus, joined and cut to 60 s: float32 [1, channels, samples] for a codec.

    Raises
    ------
    CorpusError
        If the test clips are shorter than that together.
    """
    manifest = corpus.load(folder)
    waves, missing = [], SECONDS * codec.sample_rate
    for path in manifest[manifest["split"] == "test"]["file"]:
        waves.append(audio.for_codec(*audio.read(path), codec.sample_rate, codec.channels)[:, :missing])
        missing -= waves[-1].shape[1]
        if not missing:
            return torch.from_numpy(np.concatenate(waves, axis=1))[None]
    raise CorpusError(f"{folder}: the test clips last less than {SECONDS} s together; give the corpus more minutes.")


def differences(codec: codecs.Codec, wave: torch.Tensor) -> dict[str, Any]:
    """Encode and decode whole and in pieces.

    Parameters
    ----------
    codec
        Has `encoding` and `decoding`.
    wave
        float32 [1, channels, samples].

    Returns
    -------
    encoding
        `same_frames`, share of frames that differ by at most 1e-5 everywhere; `below`, the power of ten under which the
        largest difference stays, null for none.
    decoding
        `below` likewise, of full scale, decoding the same latents; `si_sdr_db`, of pieces against whole, and null
        where they are the same; `log_mel_db`, how far the wave is from the original when it is decoded `whole` and in
        `pieces`.
    """
    latents = codec.encode(wave)
    away = (torch.cat(list(long.encode(codec, [wave])), dim=1) - latents).abs().amax(dim=(0, 2))
    whole, pieces = codec.decode(latents), torch.cat(list(long.decode(codec, [latents])), dim=2)
    return {
        "encoding": {"same_frames": float((away <= _SAME).float().mean()), "below": _power_above(away)},
        "decoding": {"below": _power_above(pieces - whole), **_heard(pieces, whole, wave, codec.sample_rate)},
    }


def _power_above(difference: torch.Tensor) -> float | None:
    largest = float(difference.abs().max())
    return 10.0 ** math.ceil(math.log10(largest)) if largest else None


def _heard(pieces: torch.Tensor, whole: torch.Tensor, original: torch.Tensor, rate: int) -> dict[str, Any]:
    a, b, c = (wave[0].mean(dim=0)[: original.shape[-1]].double().numpy() for wave in (pieces, whole, original))
    return {
        "si_sdr_db": None if np.abs(a - b).max() <= _SAME else si_sdr(a, b),
        "log_mel_db": {"pieces": log_mel_distance(a, c, rate), "whole": log_mel_distance(b, c, rate)},
    }


def windows(codec: codecs.Codec, wave: torch.Tensor) -> dict[str, dict[str, Any]]:
    """The `decoding` of `differences`, for each length in `WINDOWS`, of a decoder that is one windowed section."""
    (section,) = codec.decoding
    latents = codec.encode(wave)
    whole, found = codec.decode(latents), {}
    for seconds in WINDOWS:
        chosen = replace(section, length=round(seconds * codec.frame_rate))
        pieces = torch.cat(list(chosen.pieces([latents.transpose(1, 2)])), dim=2)
        found[f"{seconds}"] = {"below": _power_above(pieces - whole), **_heard(pieces, whole, wave, codec.sample_rate)}
    return found


def main() -> None:
    """Measure every codec, and write JSON."""
    parser = argparse.ArgumentParser(prog="audiosae.codecs.long_files", description=__doc__, allow_abbrev=False)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("codecs", nargs="+")
    given = parser.parse_args()
    prepare(0)
    found = {}
    for name in given.codecs:
        codec = codecs.load(name)
        wave = a_minute(given.corpus, codec)
        found[name] = differences(codec, wave)
        if found[name]["decoding"]["si_sdr_db"] is not None:
            found[name]["windows"] = windows(codec, wave)
    inputs = {"corpus": given.corpus / "manifest.csv"} | {
        f"weights/{name}": embedded.FOLDER / f"{name}.safetensors" for name in given.codecs
    }
    results.write(given.target, {"codecs": found, "provenance": results.provenance(inputs, {"seconds": SECONDS})})


if __name__ == "__main__":
    report(main)
