"""Mistakes that `make verify` has to find, on another processor too: each is planted in a copy, and the figures that give it away are told.

    .venv/bin/python benchmarks/faults.py [--codec encodec] [--only alpha]

A fault is a line of code changed in the copy, where it might be mistaken. The stages that it concerns then run there, on data as they lie
here, with the kernels of a processor without AVX-512, so that no figure has to be equal to the bit. Before that they run without a fault, and
must pass. That the code is another, which `make verify` says first, does not count: only figures do. The exit status is 1 if a fault
is not found.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo

from audiosae import command
from audiosae.pipeline import lock, verify
from audiosae.pipeline.comparison import Difference

ELSEWHERE = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}

SHOWN = 5
"""Figures that are told of each run."""


@dataclass(frozen=True)
class Fault:
    """A mistake: what it is, the stages that show it ("@" stands for those of the codec), and the line of code, as it is and as it becomes."""

    what: str
    stages: tuple[str, ...]
    file: str
    line: str
    mistaken: str

    def plant(self, copy: Path) -> None:
        """Make the mistake in a copy of the project."""
        path = copy / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.line) != 1:
            raise SystemExit(
                f"{self.what}: {self.file} has `{self.line.strip()}` {text.count(self.line)} times and not once; bring this fault up to date."
            )
        path.write_text(text.replace(self.line, self.mistaken), encoding="utf-8")


FAULTS = {
    "alpha": Fault(
        "α in steering is scaled by 1.1", ("steering@",), "audiosae/steering/__init__.py",
        "moved = f + alpha * direction", "moved = f + 1.1 * alpha * direction",
    ),
    "row": Fault(
        "one row of a probe is shifted by one class", ("probing@",), "audiosae/probes/linear.py",
        "    return found\n", "    found['timbre'].weight[6] = found['timbre'].weight[7].clone()\n    return found\n",
    ),
    "edge": Fault(
        "one edge of a bin is moved by 2 %", ("labels",), "audiosae/frames/bins.py",
        "labels.equal_width_edges(np.concatenate([clip.rms for clip in clips]))",
        "labels.equal_width_edges(np.concatenate([clip.rms for clip in clips])) * np.where(np.arange(21) == 5, 1.02, 1.0)",
    ),
    "leak": Fault(
        "a test recording leaks into training", ("sae_training@", "probing@"), "audiosae/frames/table.py",
        "            keep &= (self.table[\"split\"] == split).to_numpy()\n",
        "            keep &= (self.table[\"split\"] == split).to_numpy()\n"
        "            leaked = self.table.loc[self.table[\"split\"] == \"test\", \"clip\"].iloc[0]\n"
        "            keep |= (self.table[\"clip\"] == leaked).to_numpy() & (split == \"train\")\n",
    ),
}  # fmt: skip


def differences(root: Path, names: list[str], fault: Fault | None) -> list[Difference]:
    """Figures of some stages, run alone in a copy with a fault, that are not the published ones."""
    with Repo(str(root)) as repo, tempfile.TemporaryDirectory(prefix="audiosae-fault-") as folder:
        stages = lock.stages_of(repo)
        alone = verify.Plan([], [stage for stage in stages if stage.name in names], {name: [] for name in names}, {})
        plant = fault.plant if fault else lambda copy: None
        comparison, failed, _ = verify.regenerate(root, stages, alone, Path(folder).resolve(), ELSEWHERE, plant)
    for name, printed in failed.items():
        raise SystemExit(f"{name} failed, so nothing can be said:\n{printed}")
    found = [each for file in comparison.differences.values() for each in file if not each.place.startswith("provenance.")]
    print(f"{len(found)} figures differ by more than is allowed", *map(str, found[:SHOWN]), sep="\n  ", flush=True)
    return found


def run(codec: str = "encodec", only: tuple[str, ...] = tuple(FAULTS)) -> None:
    """Plant faults, all of `FAULTS` or some of them, and look for them in the results of one codec."""
    lines, sound = [], {}
    for name in only:
        fault = FAULTS[name]
        concerned = [f"{stage}{codec}" if stage.endswith("@") else stage for stage in fault.stages]
        for stage in concerned:
            if stage not in sound:
                print(f"\n{stage}, without a fault")
                sound[stage] = not differences(Path.cwd(), [stage], None)
        print(f"\n{fault.what}")
        found = differences(Path.cwd(), concerned, fault)
        passes = all(sound[stage] for stage in concerned)
        lines.append(f"| {fault.what} | {', '.join(concerned)} | {'passes' if passes else 'FAILS'} | {len(found) or 'NOT FOUND'} |")
    print("\n| fault | stages | without it | figures that give it away |\n|---|---|---|---|", *lines, sep="\n")
    if any("FAILS" in line or "NOT FOUND" in line for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    command.run(run)
