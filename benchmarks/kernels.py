"""One machine as several processors: how far every figure goes from the published one under other kernels.

    .venv/bin/python benchmarks/kernels.py [--only probing steering] [--settings "AVX2, 2" "no vectors, 1"]

Regenerates what `make verify` does, once a setting, with variables by which torch, oneDNN and MKL choose the kernels of a lesser processor, on
two threads and on one; these change last bits. Prints what is too far, and a table in Markdown: of each kind of figure how many there are,
how many differ, the largest difference as a share of the interval's width (of the figure itself, where the kind has no interval), and the
share within the tolerance.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd
from dvc.repo import Repo

from audiosae import command
from audiosae.errors import ParameterError
from audiosae.pipeline import lock, verify
from audiosae.pipeline.comparison import numeric

KERNELS = {
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "no vectors": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"},
}
SETTINGS = {f"{name}, {threads}": (variables, threads) for threads in (2, 1) for name, variables in KERNELS.items()}


def set_threads(copy: Path, threads: int) -> None:
    """Have all stages of a copy compute on so many threads.

    Not OMP_THREAD_LIMIT: oneDNN gives each thread that it was promised a part, and the parts of those that OpenMP withholds are never computed.
    """
    path = copy / "audiosae/files/determinism.py"
    text = path.read_text(encoding="utf-8")
    assert "\nTHREADS = 2\n" in text
    path.write_text(text.replace("\nTHREADS = 2\n", f"\nTHREADS = {threads}\n"), encoding="utf-8")


def run(only: tuple[str, ...] = (), settings: tuple[str, ...] = tuple(SETTINGS)) -> None:
    """Regenerate stages under some of `SETTINGS`, with what they need; all stages and settings by default."""
    if unknown := set(settings) - SETTINGS.keys():
        raise ParameterError(f"--settings {', '.join(sorted(unknown))}: known are {', '.join(SETTINGS)}.")
    rows = []
    with Repo() as repo:
        stages = lock.stages_of(repo)
        chosen = verify.plan(repo, stages, only)
        for setting in settings:
            variables, threads = SETTINGS[setting]
            print(f"\n{setting} threads: {' '.join(f'{name}={value}' for name, value in variables.items())}")
            with tempfile.TemporaryDirectory(prefix="audiosae-kernels-") as folder:
                comparison, failed, _ = verify.regenerate(
                    Path.cwd(), stages, chosen, Path(folder).resolve(), variables, partial(set_threads, threads=threads)
                )
            for name, printed in failed.items():
                print(f"{name} failed: {printed}")
            # The number of threads is in the code, and so in its hash.
            differences = [each for found in comparison.differences.values() for each in found if each.place != "provenance.code"]
            print(*differences, sep="\n")
            far = Counter(each.rule for each in differences if numeric(each.published))
            for rule, shares in comparison.shares.items():
                known = [share for share in shares if math.isfinite(share)]
                differing = sum(map(bool, shares))
                rows.append((setting, rule.what, rule.allowed, len(shares), differing, max(known, default=0.0), far[rule]))
    table = pd.DataFrame(
        rows, columns=["kernels, threads", "kind of figure", "allowed", "figures", "differ", "largest difference", "too far"]
    )
    table["within"] = 1 - table.pop("too far") / table["figures"]
    cells = [table.columns, ["---"] * len(table.columns), *table.to_numpy()]
    print("", *(f"| {' | '.join(f'{cell:.3g}' if isinstance(cell, float) else str(cell) for cell in row)} |" for row in cells), sep="\n")


if __name__ == "__main__":
    command.run(run)
