"""How fast an SAE learns, beside three other libraries and as a share of what the machine's matrix products allow, in one run.

    .venv/bin/python benchmarks/sae_training.py [--threads 2] [--turns 5] [--seconds 2]

The peers want an environment of their own, in which this package is importable too:

    python3 -m venv PEERS
    PEERS/bin/pip install torch==2.13.0
    PEERS/bin/pip install torch==2.13.0 'sae-lens==6.54.*' 'dictionary-learning==0.1.*' 'overcomplete==0.3.*' 'matplotlib<3.9'
    PEERS/bin/pip uninstall -y torchvision  # beside a CPU build of torch: the wheel on the index wants CUDA
    PEERS/bin/pip install librosa==0.11.0 soundfile==0.14.0 pyloudnorm==0.2.0 onnxruntime==1.32.0
    PEERS/bin/pip install --no-deps -e . torchaudio==2.11.0 swift-f0==0.3.0
    PEERS/bin/python setup/torchaudio_cpu.py
    PEERS/bin/python benchmarks/sae_training.py

A step is what each library's own trainer does at every step of its plain SAE (ReLU and L1), on float32 batches that are in memory:
forward, loss, backward, Adam, and whatever else it does each time, such as clipping gradients, keeping the decoder's columns at length 1,
or counting features that fired. Left out are logs, checkpoints, resampling of dead features, and the reading of activations. Their options
stay as they are where they change what is learnt, and are set to the fastest where they only change speed. Ours is all of
`training.train`, with its shuffled batches.

Beside them stand the step's five products alone, into tensors that are there already: 10 · dim · hidden operations a frame. A share is a
way's frames a second over theirs. A way's time is what further epochs add to a run of one epoch, so that set-up does not count; the ways
take turns and the fastest run of each length counts, so that a busy neighbour does not.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import itertools
import math
import os
import shutil
import sys
import time
import types
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"  # bars of progress are logs; tqdm reads this when it is imported

import torch  # noqa: E402

from audiosae.sae import training  # noqa: E402

SIZES = ((64, 512, 64), (128, 4096, 8), (512, 8192, 2))
"""Dimensions, features, and batches an epoch, so that epochs of unlike sizes take about as long."""

BATCH, L1, RATE = 1024, 0.05, 1e-3
STEPS = 10**9
"""Told to schedules, which end after so many."""

Way = Callable[[int], object]
"""Trains for so many epochs."""


def products(latents: torch.Tensor, hidden: int) -> Way:
    """No training, only its products: two forward, three backward, as none is needed for the gradient of the latents."""
    dim, batches = latents.shape[1], latents.split(BATCH)
    encoder, decoder, h, error = (torch.randn(size) for size in ((hidden, dim), (dim, hidden), (BATCH, hidden), (BATCH, dim)))
    encoder_slope, decoder_slope, h_slope = map(torch.empty_like, (encoder, decoder, h))

    def work(epochs: int) -> None:
        for x in batches * epochs:
            torch.mm(x, encoder.T, out=h)
            torch.mm(h, decoder.T, out=error)
            torch.mm(error.T, h, out=decoder_slope)
            torch.mm(error, decoder, out=h_slope)
            torch.mm(h_slope.T, x, out=encoder_slope)

    return work


def ours(latents: torch.Tensor, hidden: int) -> Way:
    """`training.train`, from its first weights each time."""
    settings = training.Settings(hidden, L1, 1, BATCH, RATE, 0)
    return lambda epochs: training.train(latents, replace(settings, epochs=epochs))


def sae_lens(latents: torch.Tensor, hidden: int, compiled: bool = False) -> Way:
    """`SAETrainer.step`; `compiled` does what the option `compile_sae` of their runner for language models does."""
    if compiled and not shutil.which(os.environ.get("CXX", "g++")):
        raise RuntimeError("torch.compile finds no C++ compiler")
    from sae_lens import StandardTrainingSAE, StandardTrainingSAEConfig
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    sae = StandardTrainingSAE(StandardTrainingSAEConfig(latents.shape[1], hidden, l1_coefficient=L1))
    if compiled:
        torch.compiler.reset()  # or it takes the second size for a sign that sizes vary, and compiles for all of them
        sae.training_forward_pass = torch.compile(sae.training_forward_pass)
    trainer, batches = SAETrainer(SAETrainerConfig(STEPS * BATCH, BATCH, lr=RATE, lr_end=RATE), sae, iter(())), latents.split(BATCH)

    def work(epochs: int) -> None:
        for batch in batches * epochs:
            trainer.step(batch)
            trainer.n_training_steps += 1  # as `fit` does between its logs

    return work


def dictionary_learning(latents: torch.Tensor, hidden: int) -> Way:
    """`StandardTrainer.update`, as `trainSAE` calls it; without warming up, so that λ and rate are those of the others from the start."""
    from dictionary_learning.trainers import StandardTrainer
    from nnsight import DEFAULT_PATCHER

    DEFAULT_PATCHER.__exit__(None, None, None)  # what it changes in `math` and torch on import would keep SAELens from compiling
    plan = {"steps": STEPS, "warmup_steps": 0, "sparsity_warmup_steps": None, "lr": RATE, "l1_penalty": L1, "device": "cpu"}
    trainer = StandardTrainer(activation_dim=latents.shape[1], dict_size=hidden, layer=0, lm_name="", **plan)
    batches, numbers = latents.split(BATCH), itertools.count()

    def work(epochs: int) -> None:
        for batch in batches * epochs:
            trainer.update(next(numbers), batch)

    return work


def overcomplete(latents: torch.Tensor, hidden: int) -> Way:
    """`train_sae` without monitoring; the optimiser is the caller's choice there, so it is the fused one."""
    if importlib.util.find_spec("torchvision") is None:
        # Their models of images import it, and beside a CPU build of torch it is seldom there; their SAEs do without.
        sys.modules["torchvision"] = types.ModuleType("torchvision")
        sys.modules["torchvision"].transforms = None
        try:
            importlib.import_module("overcomplete.sae")
        finally:
            del sys.modules["torchvision"]  # others look whether it is there
    from overcomplete.sae import SAE, mse_l1, train_sae

    dim, batches = latents.shape[1], latents.split(BATCH)
    sae = SAE(dim, hidden)
    # They take the mean of the squares over dimensions, and the sum of the codes over frames: this is the loss of the others over dim.
    criterion = partial(mse_l1, penalty=L1 / (BATCH * dim))
    optimizer = torch.optim.Adam(sae.parameters(), lr=RATE, fused=True)
    return lambda epochs: train_sae(sae, batches, criterion, optimizer, nb_epochs=epochs, monitoring=0)


PEERS: dict[str, tuple[str, str, Callable[[torch.Tensor, int], Way]]] = {
    "SAELens": ("sae-lens", "6.54.*", sae_lens),
    "SAELens, compiled": ("sae-lens", "6.54.*", partial(sae_lens, compiled=True)),
    "dictionary_learning": ("dictionary-learning", "0.1.*", dictionary_learning),
    "overcomplete": ("overcomplete", "0.3.*", overcomplete),
}
"""What is to be installed for each, in which version, and what makes its way."""


def installed() -> tuple[list[str], list[str]]:
    """Peers that work here, and a line for each of the others."""
    here = Path(__file__).resolve().parent
    # `transformers` would take our kernels.py for a package of that name.
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != here]
    found, missing = [], []
    for name, (package, version, build) in PEERS.items():
        try:
            build(torch.randn(BATCH, 2), 2)
            found.append(name)
        except Exception as error:  # whatever keeps it from being imported beside these versions of other packages
            reason = (str(error.__cause__ or error) or repr(error)).splitlines()[0].rstrip(".")
            missing.append(f"{name}: not measured ({reason}); `pip install '{package}=={version}'`, as at the head of this script.")
    return found, missing


def timed(work: Way, epochs: int) -> float:
    """Seconds of some epochs, with set-up."""
    start = time.perf_counter()
    work(epochs)
    return time.perf_counter() - start


def frames_a_second(ways: dict[str, Way], frames: int, turns: int, seconds: float) -> dict[str, float]:
    """Frames a second of each way, without set-up, at its fastest; `frames` is those of an epoch, `seconds` about what a run takes."""
    more, runs = {}, {}
    for name, work in ways.items():
        work(1)  # warms up, and compiles
        more[name] = max(3, round(seconds / timed(work, 1)))
        runs[name] = {1: math.inf, 1 + more[name]: math.inf}
    for _ in range(turns):
        for name, work in ways.items():
            for epochs, fastest in runs[name].items():
                runs[name][epochs] = min(fastest, timed(work, epochs))
    took = {name: runs[name][1 + more[name]] - runs[name][1] for name in ways}
    return {name: more[name] * frames / took[name] if took[name] > 0 else math.nan for name in ways}


def compare(threads: int, turns: int, seconds: float) -> None:
    """Time every way at every size, and print a table in Markdown."""
    torch.set_flush_denormal(True)  # as our pipeline does; it spares the peers numbers that a CPU is slow on, too
    peers, missing = installed()
    torch.set_num_threads(threads)
    versions = {package: importlib.metadata.version(package) for package, *_ in (PEERS[name] for name in peers)}
    listed = ", ".join(f"{package} {version}" for package, version in {"torch": torch.__version__, **versions}.items())
    print(f"{threads} threads, {torch.backends.cpu.get_cpu_capability()}, {listed}; batches of {BATCH}, fastest of {turns} turns\n")
    print(*missing, *[""] * bool(missing), f"| dim → features | products alone | ours | {' | '.join(PEERS)} |", sep="\n")
    print("|---" * (3 + len(PEERS)) + "|")
    for dim, hidden, batches in SIZES:
        torch.manual_seed(0)
        latents = torch.randn(batches * BATCH, dim)
        ways = {"products": products(latents, hidden), "ours": ours(latents, hidden)}
        ways |= {name: PEERS[name][2](latents, hidden) for name in peers}
        found = frames_a_second(ways, len(latents), turns, seconds)
        alone = found.pop("products")
        cells = [f"{found[name]:,.0f}/s, {found[name] / alone:.0%}" if name in found else "–" for name in ("ours", *PEERS)]
        print(f"| {dim} → {hidden} | {alone:,.0f}/s, {alone * 10 * dim * hidden / 1e9:.0f} GFLOP/s | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="about what one run of one way takes")
    compare(**vars(parser.parse_args()))
