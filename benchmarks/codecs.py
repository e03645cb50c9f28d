"""How fast the codecs are, beside the authors' implementations with the same weights on the same sound, in one run.

    .venv/bin/python benchmarks/codecs.py --wavtokenizer CLONE --stable-audio-tools CLONE --diffrhythm CLONE

The clones are of github.com/jishengpeng/WavTokenizer, Stability-AI/stable-audio-tools and ASLP-lab/DiffRhythm; a codec
whose clone is not given is left out. Shapes are the released ones with random weights, which cost what trained ones cost.
The VAE's published module cannot be built from these sources; it is stood in for by stable-audio-tools' own, traced to
TorchScript, and narrower by default, because at the released width a second of stereo takes several on one core.

Three loads: `equal`, 8 waves of 5 s; `mixed`, 12 waves of 1 to 15 s; `long`, one of 60 s. Three ways: ours
(`audiosae.codecs.batches`; `long` for the long one); theirs one wave after the other; theirs as one batch, for which waves
of different lengths are filled up with zeros. For the long wave, theirs is the whole at once, and DiffRhythm's own chunks.
The ways take turns, and the fastest of several turns counts. With ``--clock process`` it is processor time, which a busy
machine disturbs less.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import soundfile
import torch
from torch import nn

from audiosae import codecs
from audiosae.checkpoint import file_hash
from audiosae.codecs import batches, diffrhythm_vae, encodec, long, wavtokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "recorded"))
import originals  # noqa: E402  the authors' networks, as the parity figures build them

LENGTHS = {
    "equal": [5.0] * 8,
    "mixed": np.random.default_rng(0).uniform(1, 15, 12).round(2).tolist(),
    "long": [60.0],
}
NAMES = ("encodec", "wavtokenizer", "diffrhythm-vae")
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
    chunked_encode, chunked_decode
        Their own way with long waves.
    """

    ours: codecs.Codec
    encode: Callable[[torch.Tensor], torch.Tensor]
    decode: Callable[[torch.Tensor], torch.Tensor]
    chunked_encode: Callable[[torch.Tensor], torch.Tensor] | None = None
    chunked_decode: Callable[[torch.Tensor], torch.Tensor] | None = None


def build(name: str, given: argparse.Namespace) -> Pair:
    """Load both sides from one file of random weights, of the kind that the authors publish."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        if name == "encodec":
            model = originals.build_encodec()
            _spread(model.encoder, model.quantizer)
            torch.save(model.state_dict(), path := Path(folder, "a.th"))
            return Pair(codecs.load(name, path).to(given.device), *_encodec(model.to(given.device)))
        if name == "wavtokenizer":
            model = originals.build_wavtokenizer(given.wavtokenizer, "75")
            _spread(model.feature_extractor.encodec.encoder, model.feature_extractor.encodec.quantizer)
            torch.save({"state_dict": model.state_dict()}, path := Path(folder, "a.ckpt"))
            return Pair(codecs.load(name, path).to(given.device), *_wavtokenizer(model.to(given.device)))
        shape = diffrhythm_vae.Shape(given.vae_width, given.vae_width, (1, 2, 4, 8, 16))
        model = originals.build_oobleck(given.stable_audio_tools, shape)
        example = {"encode_export": torch.randn(1, 2, 8 * 2048), "decode_export": torch.randn(1, 64, 8)}
        torch.jit.trace_module(model, example).save(path := str(Path(folder, "a.pt")))
        module = torch.jit.load(path, map_location=given.device)
        chunked = _diffrhythm(given.diffrhythm, module) if given.diffrhythm else ()
        mean = partial(_mean, module.encode_export)
        os.environ["ACCEPT"] = file_hash(path)
        return Pair(codecs.load(name, path).to(given.device), mean, module.decode_export, *chunked)


def _spread(encoder: nn.Module, quantizer: nn.Module) -> None:
    """Codebooks as wide as what they round."""
    width = encoder(torch.randn(1, 1, 24000)).std()
    for layer in quantizer.vq.layers:
        layer._codebook.embed.normal_(0, width)
        layer._codebook.inited.fill_(1)


def _encodec(model: nn.Module) -> tuple[Callable, Callable]:
    return lambda wave: model.encode(wave)[0][0], lambda codes: model.decode([(codes, None)])


def _wavtokenizer(model: nn.Module) -> tuple[Callable, Callable]:
    first = torch.zeros(1, dtype=torch.long, device=next(model.parameters()).device)
    return (
        lambda wave: model.encode_infer(wave[:, 0], bandwidth_id=first)[0],
        lambda features: model.decode(features, bandwidth_id=first)[:, None],
    )


def _mean(encode: Callable[[torch.Tensor], torch.Tensor], wave: torch.Tensor) -> torch.Tensor:
    return encode(nn.functional.pad(wave, (0, -wave.shape[-1] % 2048))).chunk(2, dim=1)[0]


def _diffrhythm(clone: Path, module: torch.jit.ScriptModule) -> tuple[Callable, Callable]:
    """`encode_audio` and `decode_audio` of DiffRhythm, without what their file imports for other ends."""
    tree = ast.parse((clone / "infer" / "infer_utils.py").read_text())
    tree.body = [part for part in tree.body if getattr(part, "name", "") in ("encode_audio", "decode_audio")]
    names: dict[str, Callable] = {"torch": torch}
    exec(compile(tree, "infer_utils.py", "exec"), names)
    encode = partial(names["encode_audio"], vae_model=module, chunked=True)
    return partial(_mean, encode), partial(names["decode_audio"], vae_model=module, chunked=True)


# --- the three ways -----------------------------------------------------------------------------------------------------


def sounds(lengths: list[float], codec: codecs.Codec, device: str) -> list[torch.Tensor]:
    """Gliding tones in a little noise, [channels, samples] each."""
    rng, waves = np.random.default_rng(1), []
    for seconds in lengths:
        time_ = np.arange(int(seconds * codec.sample_rate)) / codec.sample_rate
        tone = np.sin(2 * np.pi * rng.uniform(80, 800) * time_ * (1 + 0.01 * np.sin(time_)))
        noise = rng.standard_normal((codec.channels, len(time_)))
        waves.append(torch.from_numpy((0.2 * tone + 0.01 * noise).astype(np.float32)).to(device))
    return waves


def filled(signals: list[torch.Tensor]) -> torch.Tensor:
    """One batch, filled up with zeros to the longest."""
    longest = max(signal.shape[-1] for signal in signals)
    return torch.stack([nn.functional.pad(signal, (0, longest - signal.shape[-1])) for signal in signals])


def ways(pair: Pair, load: str, device: str) -> dict[str, dict[str, Callable[[], object]]]:
    """For each direction, for each way, what is to be timed."""
    codec, waves = pair.ours, sounds(LENGTHS[load], pair.ours, device)
    latents = batches.encode(codec, waves)
    theirs = [pair.encode(wave[None])[0] for wave in waves]
    if load == "long":
        (wave,), (frames,), (code,) = waves, latents, theirs
        encoding = {
            "ours": lambda: list(long.encode(codec, [wave[None]])), "theirs, whole": lambda: pair.encode(wave[None])
        }
        decoding = {
            "ours": lambda: list(long.decode(codec, [frames[None]])), "theirs, whole": lambda: pair.decode(code[None])
        }
        if pair.chunked_encode is not None:
            whole = wave[None, :, : wave.shape[-1] // 2048 * 2048]
            encoding["theirs, chunks"] = lambda: pair.chunked_encode(whole)
            decoding["theirs, chunks"] = lambda: pair.chunked_decode(code[None])
        return {"encode": encoding, "decode": decoding}
    batch, code_batch = filled(waves), pair.encode(filled(waves))
    return {
        "encode": {
            "ours": lambda: batches.encode(codec, waves),
            "theirs, one by one": lambda: [pair.encode(wave[None]) for wave in waves],
            "theirs, batch": lambda: pair.encode(batch),
        },
        "decode": {
            "ours": lambda: batches.decode(codec, latents),
            "theirs, one by one": lambda: [pair.decode(code[None]) for code in theirs],
            "theirs, batch": lambda: pair.decode(code_batch),
        },
    }


def disagreement(pair: Pair, device: str) -> tuple[float, float, float]:
    """On the mixed load: largest difference of decoded waves between ours and theirs one by one; between theirs as a batch
    and theirs one by one; and the share of their frames that the batch changes."""
    waves = sounds(LENGTHS["mixed"], pair.ours, device)
    theirs, batch = [pair.encode(wave[None])[0] for wave in waves], pair.encode(filled(waves))
    changed = [(code - padded[..., : code.shape[-1]]).abs().amax(dim=0) > 1e-4 for code, padded in zip(theirs, batch)]
    alone = [pair.decode(code[None])[0] for code in theirs]
    ours = batches.decode(pair.ours, batches.encode(pair.ours, waves))
    together = pair.decode(filled(theirs))
    return (
        max(float((a - b).abs().max()) for a, b in zip(ours, alone)),
        max(float((a - b[..., : a.shape[-1]]).abs().max()) for a, b in zip(alone, together)),
        float(torch.cat(changed).float().mean()),
    )


def fastest(tasks: dict[str, Callable[[], object]], given: argparse.Namespace) -> dict[str, float]:
    """Seconds of the fastest of several turns of each."""
    clock, best = CLOCKS[given.clock], dict.fromkeys(tasks, float("inf"))
    for _ in range(given.turns + 1):  # the first warms up, and seldom is the fastest
        for name, task in tasks.items():
            start = clock()
            task()
            if given.device == "cuda":
                torch.cuda.synchronize()
            best[name] = min(best[name], clock() - start)
    return best


# --- memory -------------------------------------------------------------------------------------------------------------


def _peak(task: Callable[[], object]) -> float:
    """Megabytes in memory at the worst moment of a task, above what was there before it (Linux)."""
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    task()
    status = Path("/proc/self/status").read_text().split()
    return (int(status[status.index("VmHWM:") + 1]) * 1024 - before) / 1e6


def _prepare(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)


def mixed_memory(given: argparse.Namespace, name: str, way: str) -> float:
    """Of the mixed load, encoded and decoded in one way."""
    _prepare(given)
    tasks = ways(build(name, given), "mixed", "cpu")
    return max(_peak(tasks[direction][way]) for direction in ("encode", "decode"))


def long_memory(given: argparse.Namespace, name: str, shape: str) -> float:
    """Of a file of so many minutes, encoded and decoded from disk to disk."""
    _prepare(given)
    codec = build(name, given).ours if shape == "released" else EMBEDDED[name]()
    with tempfile.TemporaryDirectory() as folder:
        with soundfile.SoundFile(Path(folder, "in.flac"), "w", 44100, 2, "PCM_16") as file:
            for wave in _minutes(given.minutes):
                file.write(wave)

        def there_and_back() -> None:
            frames = long.encode(codec, long.read(Path(folder, "in.flac"), codec))
            long.write_flac(Path(folder, "out.flac"), long.decode(codec, frames), codec.sample_rate)

        return _peak(there_and_back)


def _minutes(count: float) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(round(6 * count)):
        yield 0.1 * rng.standard_normal((441000, 2))


def _small_encodec() -> codecs.Codec:
    return encodec.Encodec(encodec.Network(encodec.Shape(filters=16, lstm=1, norm="none", codebooks=8)))


def _small_wavtokenizer() -> codecs.Codec:
    return wavtokenizer.WavTokenizer(wavtokenizer.Network(wavtokenizer.Shape(
        (8, 5, 4, 2), dim=256, filters=16, lstm=1, norm="none", width=128, inner=384, blocks=12)))


def _small_vae() -> codecs.Codec:
    network = diffrhythm_vae.Network(diffrhythm_vae.Shape(8, 8, (1, 2, 6, 16, 24)))
    return diffrhythm_vae.DiffRhythmVAE(network.encoder, network.decoder, network)


EMBEDDED = dict(zip(NAMES, (_small_encodec, _small_wavtokenizer, _small_vae)))
"""The sizes that ship; which numbers they hold does not matter here."""


def main() -> None:
    """Time every codec whose original is at hand, then measure memory, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wavtokenizer", type=Path)
    parser.add_argument("--stable-audio-tools", type=Path)
    parser.add_argument("--diffrhythm", type=Path)
    parser.add_argument("--codecs", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--vae-width", type=int, default=32, help="128 in the released model")
    parser.add_argument("--loads", nargs="*", choices=LENGTHS, default=list(LENGTHS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--minutes", type=float, default=10, help="of the file whose memory is measured; 0 for none")
    given = parser.parse_args()
    _prepare(given)
    originals_at = {"encodec": True, "wavtokenizer": given.wavtokenizer, "diffrhythm-vae": given.stable_audio_tools}
    chosen = [name for name in given.codecs if originals_at[name]]
    print(f"{given.device}, {given.threads} threads, {given.clock} time, fastest of {given.turns} turns after one\n")
    print("| codec | load | | ours, × real time | theirs, × real time | ours over the fastest of theirs |")
    print("|---|---|---|---|---|---|")
    for name in chosen:
        pair = build(name, given)
        for load in given.loads:
            seconds = sum(LENGTHS[load])
            for direction, tasks in ways(pair, load, given.device).items():
                best = fastest(tasks, given)
                ours, theirs = best.pop("ours"), best
                listed = "; ".join(f"{way.removeprefix('theirs, ')} {seconds / took:.1f}" for way, took in theirs.items())
                gains = "; ".join(f"{took / ours:.2f}" for took in theirs.values())
                print(f"| {name} | {load} | {direction} | {seconds / ours:.1f} | {listed} | {gains} |", flush=True)
        found = disagreement(pair, given.device)
        print(f"<!-- {name}, mixed, decoded: ours differ from theirs by {found[0]:.1e}; their batch from theirs one by one by "
              f"{found[1]:.1e}, with {100 * found[2]:.2f} % of the frames encoded differently -->", flush=True)
        del pair
    context = multiprocessing.get_context("spawn")
    print("\n| codec | memory above the model, MB | |\n|---|---|---|")
    for name in chosen if "mixed" in given.loads and given.device == "cpu" else ():
        for way in ("ours", "theirs, one by one", "theirs, batch"):
            with context.Pool(1) as pool:
                print(f"| {name} | mixed, {way} | {pool.apply(mixed_memory, (given, name, way)):.0f} |", flush=True)
    for name in given.codecs if given.minutes else ():
        for shape in ("embedded", "released") if name in chosen and name != "diffrhythm-vae" else ("embedded",):
            with context.Pool(1) as pool:
                label = f"{given.minutes:g} minutes, file to file, {shape} shape"
                print(f"| {name} | {label} | {pool.apply(long_memory, (given, name, shape)):.0f} |", flush=True)


if __name__ == "__main__":
    main()
