"""How fast the codecs are, beside the authors' implementations with the same weights on the same sound, in one run.

    .venv/bin/python benchmarks/codecs.py --wavtokenizer CLONE --stable-audio-tools CLONE

The clones are of github.com/jishengpeng/WavTokenizer and Stability-AI/stable-audio-tools; a codec whose clone is not given is left
out. Shapes are the released ones with random weights, which cost what trained ones cost. The VAE's published module cannot be built
from these sources; it is stood in for by stable-audio-tools' own, traced to TorchScript, and narrower by default, because at the
released width a second of stereo takes several on one core.

Two loads: `equal`, 8 waves of 5 s; `mixed`, 12 waves of 1 to 15 s. Three ways: ours and theirs, one wave after the other; and theirs
as one batch, for which waves of different lengths are filled up with zeros. The ways take turns, and the fastest of several turns
counts. With ``--clock process`` it is processor time, which a busy machine disturbs less.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from audiosae import codecs, command
from audiosae.codecs import diffrhythm_vae
from audiosae.files.whole import file_hash

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "recorded"))
import originals  # noqa: E402  the authors' networks, as the parity figures build them

LENGTHS = {"equal": [5.0] * 8, "mixed": np.random.default_rng(0).uniform(1, 15, 12).round(2).tolist()}
CLOCKS = {"wall": time.perf_counter, "process": time.process_time}


@dataclass(frozen=True)
class Pair:
    """One codec twice: ours, and the authors' functions.

    Attributes
    ----------
    ours
        A `Codec`.
    encode, decode
        [batch, channels, samples] -> what their decoder takes, [batch, …, frames] -> waves.
    """

    ours: codecs.Codec
    encode: Callable[[torch.Tensor], torch.Tensor]
    decode: Callable[[torch.Tensor], torch.Tensor]


def build(name: str, clone: Path | None, vae_width: int, device: str) -> Pair:
    """Load both sides from one file of random weights, of the kind that the authors publish."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        if name == "encodec":
            model = originals.build_encodec()
            _spread(model.encoder, model.quantizer)
            torch.save(model.state_dict(), path := Path(folder, "a.th"))
            model.to(device)
            return Pair(
                codecs.load(name, path).to(device), lambda wave: model.encode(wave)[0][0], lambda codes: model.decode([(codes, None)])
            )
        if name == "wavtokenizer":
            model = originals.build_wavtokenizer(clone, "75")
            _spread(model.feature_extractor.encodec.encoder, model.feature_extractor.encodec.quantizer)
            torch.save({"state_dict": model.state_dict()}, path := Path(folder, "a.ckpt"))
            model.to(device)
            first = torch.zeros(1, dtype=torch.long, device=device)
            return Pair(
                codecs.load(name, path).to(device),
                lambda wave: model.encode_infer(wave[:, 0], bandwidth_id=first)[0],
                lambda features: model.decode(features, bandwidth_id=first)[:, None],
            )
        model = originals.build_oobleck(clone, diffrhythm_vae.Shape(vae_width, vae_width, (1, 2, 4, 8, 16)))
        example = {"encode_export": torch.randn(1, 2, 8 * 2048), "decode_export": torch.randn(1, 64, 8)}
        torch.jit.trace_module(model, example).save(str(path := Path(folder, "a.pt")))
        module = torch.jit.load(path, map_location=device)
        os.environ["ACCEPT"] = file_hash(path)
        return Pair(codecs.load(name, path).to(device), partial(_mean, module.encode_export), module.decode_export)


def _spread(encoder: nn.Module, quantizer: nn.Module) -> None:
    """Codebooks as wide as what they round."""
    width = encoder(torch.randn(1, 1, 24000)).std()
    for layer in quantizer.vq.layers:
        layer._codebook.embed.normal_(0, width)
        layer._codebook.inited.fill_(1)


def _mean(encode: Callable[[torch.Tensor], torch.Tensor], wave: torch.Tensor) -> torch.Tensor:
    return encode(nn.functional.pad(wave, (0, -wave.shape[-1] % 2048))).chunk(2, dim=1)[0]


def sounds(lengths: list[float], codec: codecs.Codec, device: str) -> list[torch.Tensor]:
    """Gliding tones in a little noise, [channels, samples] each."""
    rng, waves = np.random.default_rng(1), []
    for seconds in lengths:
        moments = np.arange(int(seconds * codec.sample_rate)) / codec.sample_rate
        tone = np.sin(2 * np.pi * rng.uniform(80, 800) * moments * (1 + 0.01 * np.sin(moments)))
        noise = rng.standard_normal((codec.channels, len(moments)))
        waves.append(torch.from_numpy((0.2 * tone + 0.01 * noise).astype(np.float32)).to(device))
    return waves


def filled(signals: list[torch.Tensor]) -> torch.Tensor:
    """One batch, filled up with zeros to the longest."""
    longest = max(signal.shape[-1] for signal in signals)
    return torch.stack([nn.functional.pad(signal, (0, longest - signal.shape[-1])) for signal in signals])


def ways(pair: Pair, load: str, device: str) -> dict[str, dict[str, Callable[[], object]]]:
    """For each direction, for each way, what is to be timed."""
    codec, waves = pair.ours, sounds(LENGTHS[load], pair.ours, device)
    latents, theirs = [codec.encode(wave[None]) for wave in waves], [pair.encode(wave[None])[0] for wave in waves]
    batch, code_batch = filled(waves), pair.encode(filled(waves))
    return {
        "encode": {
            "ours": lambda: [codec.encode(wave[None]) for wave in waves],
            "one by one": lambda: [pair.encode(wave[None]) for wave in waves],
            "batch": lambda: pair.encode(batch),
        },
        "decode": {
            "ours": lambda: [codec.decode(frames) for frames in latents],
            "one by one": lambda: [pair.decode(code[None]) for code in theirs],
            "batch": lambda: pair.decode(code_batch),
        },
    }


def disagreement(pair: Pair, device: str) -> tuple[float, float, float]:
    """On the mixed load: largest difference of decoded waves between ours and theirs one by one; between theirs as a batch
    and theirs one by one; and the share of their frames that the batch changes."""
    waves = sounds(LENGTHS["mixed"], pair.ours, device)
    theirs, batch = [pair.encode(wave[None])[0] for wave in waves], pair.encode(filled(waves))
    changed = [(code - padded[..., : code.shape[-1]]).abs().amax(dim=0) > 1e-4 for code, padded in zip(theirs, batch, strict=True)]
    alone, together = [pair.decode(code[None])[0] for code in theirs], pair.decode(filled(theirs))
    ours = [pair.ours.decode(pair.ours.encode(wave[None]))[0] for wave in waves]
    return (
        max(float((a - b).abs().max()) for a, b in zip(ours, alone, strict=True)),
        max(float((a - b[..., : a.shape[-1]]).abs().max()) for a, b in zip(alone, together, strict=True)),
        float(torch.cat(changed).float().mean()),
    )


def fastest(tasks: dict[str, Callable[[], object]], turns: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of the fastest of several turns of each."""
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(turns + 1):  # the first warms up, and seldom is the fastest
        for name, task in tasks.items():
            start = clock()
            task()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            best[name] = min(best[name], clock() - start)
    return best


def compare(
    wavtokenizer: Path | None = None, stable_audio_tools: Path | None = None, vae_width: int = 32, turns: int = 3,
    clock: Literal["wall", "process"] = "wall", threads: int = 1, device: Literal["cpu", "cuda"] = "cpu",
) -> None:  # fmt: skip
    """Time every codec whose original is at hand, and print a table in Markdown.

    Parameters
    ----------
    wavtokenizer, stable_audio_tools
        Clones.
    vae_width
        128 in the released model.
    turns, clock, threads, device
        How it is timed.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)
    print(f"{device}, {threads} threads, {clock} time, fastest of {turns} turns after one\n")
    print("| codec | load | | ours, × real time | theirs, × real time | ours over theirs |")
    print("|---|---|---|---|---|---|")
    clones = {"encodec": None, "wavtokenizer": wavtokenizer, "diffrhythm-vae": stable_audio_tools}
    for name in (name for name, clone in clones.items() if clone or name == "encodec"):
        pair = build(name, clones[name], vae_width, device)
        for load, lengths in LENGTHS.items():
            for direction, tasks in ways(pair, load, device).items():
                best = fastest(tasks, turns, CLOCKS[clock])
                ours = best.pop("ours")
                listed = "; ".join(f"{way} {sum(lengths) / took:.1f}" for way, took in best.items())
                gains = "; ".join(f"{took / ours:.2f}" for took in best.values())
                print(f"| {name} | {load} | {direction} | {sum(lengths) / ours:.1f} | {listed} | {gains} |", flush=True)
        found = disagreement(pair, device)
        print(f"<!-- {name}, mixed, decoded: ours differ from theirs by {found[0]:.1e}; their batch from theirs one by one by "
              f"{found[1]:.1e}, with {100 * found[2]:.2f} % of the frames encoded differently -->", flush=True)  # fmt: skip


if __name__ == "__main__":
    command.run(compare)
