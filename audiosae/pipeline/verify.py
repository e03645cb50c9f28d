"""Compute the published results once more, in a copy of the working tree as it is, and compare them number by number.

    python -m audiosae.pipeline.verify [--only STAGE ...] [--keep FOLDER]

First dvc.lock and frozen.sha256 are held against the tree: parameters, code, weights, published files. Then every stage that writes
results, and is not frozen, runs in a temporary copy, without DVC's cache, and its results are compared with results/: on a processor of
equal arithmetic they must have equal bytes, on another they must keep the tolerances of `comparison`. Nothing in the working tree is
changed. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.errors import ParameterError
from audiosae.files import results
from audiosae.files.whole import file_hash
from audiosae.pipeline import check, frozen
from audiosae.pipeline.comparison import EQUAL, Comparison
from audiosae.pipeline.lock import VerifyError, discrepancies, overlap, stages_of
from audiosae.pipeline.platform_fingerprint import fingerprint
from audiosae.pipeline.released import copy_project

RESULTS = "results"

SHOWN = 20
"""Differences that are told of one file, and lines of what a failed stage printed last."""


def verify(project: Path, only: Sequence[str] = (), keep: Path | None = None) -> int:
    """Verify a working tree, print the report, and return the number of differences: lines of the ledger, figures, failed stages.

    Parameters
    ----------
    project
        Its folder.
    only
        Stages to regenerate, with what they need; empty for all.
    keep
        Folder for the copy, which then stays; else it is temporary.

    Raises
    ------
    ParameterError
        If a stage is unknown, or `keep` is not empty.
    VerifyError
        If dvc.yaml, params.yaml or dvc.lock cannot be read.
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise ParameterError(f"--keep {keep}: is not empty; name a new folder.")
    try:
        repo = Repo(str(project))
        stages = stages_of(repo)
        regenerated = {stage.name for stage in plan(repo, stages).stages}
        chosen = plan(repo, stages, only)
    except DvcException as error:
        raise VerifyError(f"the pipeline cannot be read: {error}; see dvc.yaml, params.yaml and dvc.lock.") from error
    with repo:
        root = Path(repo.root_dir)
        booked = discrepancies(root, regenerated)
        # dvc.lock may have been brought in line with a forged file, by DVC itself.
        forged = frozen.altered(root) + check.altered(root)
        booked += [line for line in forged if not any(line.split(" is not ")[0] in known for known in booked)]
        _tell("dvc.lock and the working tree differ:" if booked else "dvc.lock and the working tree agree", booked)
        print(flush=True)
        fixed = {file_hash(Path(out.fs_path)) for stage in stages if stage.frozen for out in stage.outs if Path(out.fs_path).is_file()}
        with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="audiosae-verify-") as folder:
            copy = Path(folder).resolve()
            _make_copy(root, copy, chosen)
            failed, waiting = _run(chosen, copy)
            comparison = Comparison(root, copy, _published_fingerprint(root) == fingerprint(), fixed)
            for stage in chosen.stages:
                for file in results_of(stage) if stage.name not in failed | waiting else ():
                    comparison.add(file, gathered=stage in chosen.gathering)
        _report(comparison)
        for name, printed in failed.items():
            _tell(f"{name} failed; the end of what it printed:", printed.splitlines())
        _report_left(root, stages, {**chosen.left, **waiting, **dict.fromkeys(failed, "failed")})
    differences = len(booked) + sum(map(len, comparison.differences.values())) + len(failed)
    print("\nverify: passed" if not differences else f"\nverify: FAILED, {differences} difference{'s' * (differences > 1)}")
    return differences


def _published_fingerprint(root: Path) -> str | None:
    """Of the processor that made the published results; None where they do not say."""
    try:
        return results.read(root / RESULTS / "summary.json").get("provenance", {}).get("arithmetic")
    except results.ResultsError:
        return None


# --- the results once more ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Which stages to run, and why the others are not.

    Attributes
    ----------
    gathering
        Stages that read results of others and nothing else that a stage makes, such as the summary, in order. They gather the published
        ones: what leaves them out of step with these shows, and a difference in one is not told twice.
    computing
        The rest, in order.
    upstream, left
        By name, the stages that each stage needs; and why a stage is not run.
    """

    gathering: list[PipelineStage]
    computing: list[PipelineStage]
    upstream: dict[str, list[str]]
    left: dict[str, str]

    @property
    def stages(self) -> list[PipelineStage]:
        """All that run, in order."""
        return self.gathering + self.computing


def results_of(stage: PipelineStage) -> list[str]:
    """A stage's outputs in results/, as paths from the project root."""
    return [out.def_path for out in stage.outs if Path(out.def_path).parts[0] == RESULTS]


def plan(repo: Repo, stages: Sequence[PipelineStage], only: Sequence[str] = ()) -> Plan:
    """Choose the stages to run: all that write results and are not frozen, and what these need.

    `only` names stages, or all that share the name before the @; these alone then, and what they need. A ParameterError if one of them is
    unknown, frozen, or writes no results.
    """
    free = {stage.name: stage for stage in stages if not stage.frozen}
    # Lists in the order of dvc.yaml, since a set's order differs from process to process.
    upstream = {name: [need for need in free if free[need] in set(repo.index.graph.successors(stage))] for name, stage in free.items()}
    publishing = [name for name, stage in free.items() if results_of(stage)]
    known = {name for whole in publishing for name in (whole, whole.split("@")[0])}
    if unknown := [name for name in only if name not in known]:
        raise ParameterError(f"--only {' '.join(unknown)}: stages that can be regenerated are {', '.join(publishing)}.")
    wanted = [name for name in publishing if not only or {name, name.split("@")[0]} & set(only)]
    made = [Path(out.def_path) for stage in stages for out in stage.outs]
    gathering = {name for name in wanted if _gathers(free[name], made)}
    computing: set[str] = set()
    waiting = [name for name in wanted if name not in gathering]
    while waiting:
        name = waiting.pop()
        computing.add(name)
        waiting += [need for need in upstream[name] if need not in computing | gathering]
    order = list(TopologicalSorter(upstream).static_order())
    left = {stage.name: "frozen" for stage in stages if stage.frozen}
    for name, stage in free.items():
        if name not in gathering | computing:
            left[name] = "not asked for" if results_of(stage) else "writes no results"
    first, then = ([free[name] for name in order if name in group] for group in (gathering, computing))
    return Plan(first, then, upstream, left)


def _gathers(stage: PipelineStage, made: Sequence[Path]) -> bool:
    """Whether all that a stage reads of what stages make, hashes of code aside, is results."""
    paths = [Path(dependency.def_path) for dependency in stage.deps if dependency not in stage.params]
    read = [path for path in paths if path.parts[:2] != ("data", "code") and any(overlap(path, out) for out in made)]
    return bool(read) and all(path.parts[0] == RESULTS for path in read)


def _make_copy(project: Path, copy: Path, chosen: Plan) -> None:
    """Copy the working tree as it is, with the published results, and the inputs outside git that no stage of the plan makes."""
    copy.mkdir(parents=True, exist_ok=True)
    copy_project(project, copy)
    shutil.copytree(project / RESULTS, copy / RESULTS, dirs_exist_ok=True)
    made = [Path(out.def_path) for stage in chosen.computing for out in stage.outs]
    for path in {Path(dependency.def_path) for stage in chosen.stages for dependency in stage.deps}:
        source, target = project / path, copy / path
        if path.is_absolute() or target.exists() or not source.exists() or any(overlap(path, out) for out in made):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def _run(chosen: Plan, copy: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Run the stages in the copy, and print which one, and how long it took. One that fails does not stop those that do not need it.

    Returns
    -------
    Names of the stages that failed, each with the end of what it printed, and of those that could not run, each with the reason.
    """
    failed: dict[str, str] = {}
    waiting: dict[str, str] = {}
    numbers = iter(range(1, len(chosen.stages) + 1))
    for group in (chosen.gathering, chosen.computing):
        for out in (copy / out.def_path for stage in group for out in stage.outs):
            if out.is_dir():
                shutil.rmtree(out)
            out.unlink(missing_ok=True)
        for stage in group:
            print(f"[{next(numbers)}/{len(chosen.stages)}] {stage.name} … ", end="", flush=True)
            if lacking := sorted(set(chosen.upstream[stage.name]) & (failed.keys() | waiting.keys())):
                waiting[stage.name] = f"needs {', '.join(lacking)}"
                print(waiting[stage.name], flush=True)
                continue
            started = time.monotonic()
            printed = _execute(stage, copy)
            if printed is not None:
                failed[stage.name] = printed
            print("done" if printed is None else "FAILED", f"after {time.monotonic() - started:.0f} s", flush=True)
    return failed, waiting


def _execute(stage: PipelineStage, copy: Path) -> str | None:
    """Run a stage's commands; None, or the end of what was printed where one failed or an output is missing."""
    # The copy's own package, in every process that the stage starts, and a path that holds for kernels as well.
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    for command in [stage.cmd] if isinstance(stage.cmd, str) else stage.cmd:
        done = subprocess.run(
            command, shell=True, cwd=copy, env=environment, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        if done.returncode:
            # A progress bar rewrites its line: only what stood there last counts.
            lines = [line.rsplit("\r", 1)[-1] for line in done.stdout.strip().split("\n")]
            return "\n".join([*lines[-SHOWN:], f"(exit status {done.returncode})"])
    missing = [str(out) for out in stage.outs if not (copy / out.def_path).exists()]
    return f"it did not write {', '.join(missing)}" if missing else None


# --- the report -----------------------------------------------------------------------------------------------------------


def _report(comparison: Comparison) -> None:
    """Tell what differs, and what was allowed to."""
    same = comparison.same_processor
    which, so = ("the one", "bytes must be equal") if same else ("not the one", "there are tolerances")
    print(f"\nthe processor: its arithmetic is {which} that results/summary.json names, so {so}")
    for file, found in comparison.differences.items():
        rest = [f"… and {len(found) - SHOWN} more in {file}"] if len(found) > SHOWN else []
        if found:
            _tell(f"{file} differs:", [*map(str, found[:SHOWN]), *rest])
    agreed = sum(not found for found in comparison.differences.values())
    print(
        f"\ncompared {len(comparison.differences)} files with {comparison.numbers} numbers: {comparison.equal} files have equal bytes, "
        f"{agreed} {'agree' if same else 'agree within the tolerances'}"
    )
    if same:
        return
    if comparison.hashes:
        print(f"{comparison.hashes} hashes of data and weights that are made anew were not compared: their bytes depend on the processor")
    needed = [
        f"{kind.what}: {kind}; {largest:.2g} of {count}; {kind.reason}"
        for kind, (largest, count) in comparison.largest.items()
        if kind is not EQUAL
    ]
    allowed = "tolerances that were needed (allowed; the largest difference, of how many figures; why):"
    _tell(allowed if needed else "no tolerance was needed", needed)


def _report_left(root: Path, stages: Sequence[PipelineStage], left: Mapping[str, str]) -> None:
    """Tell which results were not regenerated, and why."""
    files = {stage.name: results_of(stage) for stage in stages}
    by_reason: dict[str, list[str]] = {}
    for name, reason in left.items():
        named = f"{name}: {', '.join(files[name])}" if files[name] and reason == "frozen" else name
        by_reason.setdefault(reason, []).append(named)
    made = [Path(file) for of_stage in files.values() for file in of_stage]
    others = sorted(path.relative_to(root) for path in (root / RESULTS).rglob("*") if path.is_file())
    if strays := [path.as_posix() for path in others if not any(overlap(path, out) for out in made)]:
        by_reason["no stage writes them, so nothing was checked"] = strays
    said = {"frozen": "frozen, so checked against dvc.lock only", "writes no results": "no results follow from these"}
    for reason, names in by_reason.items():
        _tell(f"not regenerated ({said.get(reason, reason)}):", names)


def _tell(title: str, lines: Sequence[str] = ()) -> None:
    print("\n".join([f"\n{title}", *(f"  {line}" for line in lines)]), flush=True)


def main(only: tuple[str, ...] = (), keep: Path | None = None) -> None:
    """Verify the project in the working directory; exit with status 1 if anything differs.

    Parameters
    ----------
    only
        Stages to regenerate, with what they need, in place of all.
    keep
        A new folder for the copy, which then stays.
    """
    if verify(Path.cwd(), only, keep):
        raise SystemExit(1)


if __name__ == "__main__":
    from audiosae import command

    command.run(main)
