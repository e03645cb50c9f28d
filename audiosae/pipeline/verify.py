"""Compute the published results once more, in a copy of the working tree as it is, and compare them number by number.

    python -m audiosae.pipeline.verify [--only STAGE ...] [--keep FOLDER]

First dvc.lock and frozen.sha256 are held against the tree: parameters, code, weights, published files. Then every stage that writes
results, and is not frozen, runs in a temporary copy, without DVC's cache, and its results are compared with results/: on a processor of
equal arithmetic they must have equal bytes, on another they must keep the rules of `comparison`. Nothing in the working tree is changed.
The exit status is 1 if anything differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.errors import ParameterError
from audiosae.files import results
from audiosae.files.walk import overlap
from audiosae.files.whole import file_hash
from audiosae.pipeline import check, frozen
from audiosae.pipeline.comparison import EQUAL, Comparison
from audiosae.pipeline.lock import VerifyError, discrepancies, stages_of
from audiosae.pipeline.platform_fingerprint import fingerprint
from audiosae.pipeline.released import copy_project

RESULTS = "results"

SHOWN = 20
"""Differences that are told of one file, and lines of what a failed stage printed last."""


def verify(project: Path, only: Sequence[str] = (), keep: Path | None = None) -> int:
    """Verify a working tree, print the report, and return the number of differences: lines of the ledger, figures, failed stages.

    `only` and `keep` are as for `main`. A `ParameterError` if a stage is unknown, or `keep` is not empty; a `VerifyError` if dvc.yaml,
    params.yaml or dvc.lock cannot be read.
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
        with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="audiosae-verify-") as folder:
            comparison, failed, waiting = regenerate(root, stages, chosen, Path(folder).resolve())
        _report(comparison)
        for name, printed in failed.items():
            _tell(f"{name} failed; the end of what it printed:", printed.splitlines())
        _report_left(root, stages, {**chosen.left, **waiting, **dict.fromkeys(failed, "failed")})
    differences = len(booked) + sum(map(len, comparison.differences.values())) + len(failed)
    print("\nverify: passed" if not differences else f"\nverify: FAILED, {differences} difference{'s' * (differences > 1)}")
    return differences


def regenerate(
    root: Path, stages: Sequence[PipelineStage], chosen: Plan, copy: Path, environment: Mapping[str, str] | None = None,
    prepare: Callable[[Path], object] = lambda copy: None,
) -> tuple[Comparison, dict[str, str], dict[str, str]]:  # fmt: skip
    """Run a plan in a copy of the working tree, and compare what comes out with what is published.

    With an `environment`, such as one for other kernels, the rules for another processor hold. `prepare` may change the copy first.
    Returns the comparison; stages that failed, with the end of what they printed; and those that could not run, with the reason.
    """
    outs = (Path(out.fs_path) for stage in stages if stage.frozen for out in stage.outs)
    fixed = {file_hash(path) for out in outs for path in (out, *out.rglob("*")) if path.is_file()}
    made = None
    _make_copy(root, copy, chosen)
    prepare(copy)
    failed, waiting = _run(chosen, copy, environment or {})
    with suppress(results.ResultsError):  # results that do not say where they were made count as made elsewhere
        made = results.read(root / RESULTS / "summary.json").get("provenance", {}).get("arithmetic")
    comparison = Comparison(root, copy, not environment and made == fingerprint(), fixed)
    for stage in chosen.stages:
        for file in results_of(stage) if stage.name not in failed | waiting else ():
            comparison.add(file, gathered=stage in chosen.gathering)
    return comparison, failed, waiting


# --- the results once more ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Which stages to run, in order, and why the others are not.

    What gathers reads results, and nothing else that a stage makes, such as the summary does: of what is published, so that what is out of
    step with these shows, and no difference is told twice.
    """

    gathering: list[PipelineStage]
    computing: list[PipelineStage]
    upstream: dict[str, list[str]]  # the stages that each stage needs
    left: dict[str, str]  # why a stage is not run

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
    read = {name: [Path(dependency.def_path) for dependency in free[name].deps if dependency not in free[name].params] for name in wanted}
    read = {name: [path for path in paths if any(overlap(path, out) for out in made)] for name, paths in read.items()}
    gathering = {name for name in wanted if {path.parts[0] for path in read[name] if path.parts[:2] != ("data", "code")} == {RESULTS}}
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


def _make_copy(project: Path, copy: Path, chosen: Plan) -> None:
    """Copy the working tree as it is, with the published results, and the inputs outside git that no stage of the plan makes."""
    copy.mkdir(parents=True, exist_ok=True)
    copy_project(project, copy)
    shutil.copytree(project / RESULTS, copy / RESULTS, dirs_exist_ok=True)
    made = [Path(out.def_path) for stage in chosen.computing for out in stage.outs]
    for path in {Path(dependency.def_path) for stage in chosen.stages for dependency in stage.deps}:
        source, target = project / path, copy / path
        if path.is_absolute() or target.is_file() or not source.exists() or any(overlap(path, out) for out in made):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # A folder may be there with those of its files that git knows.
        shutil.copytree(source, target, dirs_exist_ok=True) if source.is_dir() else shutil.copyfile(source, target)


def _run(chosen: Plan, copy: Path, environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Run the stages in the copy, and print which one, and how long it took. One that fails does not stop those that do not need it."""
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
            # The copy's own package, in every process that the stage starts, and a path that holds for kernels as well.
            printed = _execute(stage, copy, {**os.environ, **environment, "PYTHONPATH": str(copy)})
            if printed is not None:
                failed[stage.name] = printed
            print("done" if printed is None else "FAILED", f"after {time.monotonic() - started:.0f} s", flush=True)
    return failed, waiting


def _execute(stage: PipelineStage, copy: Path, environment: Mapping[str, str]) -> str | None:
    """Run a stage's commands; None, or the end of what was printed where one failed or an output is missing."""
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
    same, shares, differences = comparison.same_processor, comparison.shares, comparison.differences
    which, so = ("the one", "bytes must be equal") if same else ("not the one", "there are tolerances")
    print(f"\nthe processor: its arithmetic is {which} that results/summary.json names, so {so}")
    for file, found in differences.items():
        rest = [f"… and {len(found) - SHOWN} more in {file}"] if len(found) > SHOWN else []
        if found:
            _tell(f"{file} differs:", [*map(str, found[:SHOWN]), *rest])
    agreed = sum(not found for found in differences.values())
    print(
        f"\ncompared {len(differences)} files with {sum(map(len, shares.values()))} numbers: {comparison.equal} files have equal bytes, "
        f"{agreed} {'agree' if same else 'agree within the tolerances'}"
    )
    if same:
        return
    print(f"{comparison.hashes} hashes of data and weights that are made anew were not compared: their bytes depend on the processor")
    print(f"{comparison.within:.2%} of the numbers are within their tolerances")
    needed = [
        f"{rule.what}: {rule.allowed}; {max(found):.2g}, {sum(map(bool, found))} of {len(found)}; {rule.reason}"
        for rule, found in shares.items()
        if any(found) and rule is not EQUAL
    ]
    title = "tolerances that were needed (allowed; the largest difference, of the width or the size, and how many numbers differ; why):"
    _tell(title if needed else "no tolerance was needed", needed)


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
