"""The results once more, computed in a temporary copy of the working tree.

The commands are those that dvc.yaml and params.yaml give now. No cache of DVC has a part in it, so that nothing comes out
that was not computed. A stage that only gathers results of others, such as the summary, gathers the published ones: what
it leaves out of step with them shows, and a difference in one of them is not told twice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.errors import ParameterError
from audiosae.pipeline.released import copy_project
from audiosae.pipeline.verify.ledger import overlap

RESULTS = "results"
LINES = 20
"""Of what a failed stage printed last."""


@dataclass(frozen=True)
class Plan:
    """Which stages to run, and why the others are not.

    Attributes
    ----------
    gathering
        Stages that read results of others and nothing else that a stage makes, in order.
    computing
        The rest, in order.
    needs
        Names of the stages to run before each.
    left
        For each stage that is not run, by name: why.
    """

    gathering: list[PipelineStage]
    computing: list[PipelineStage]
    needs: dict[str, set[str]]
    left: dict[str, str]

    @property
    def stages(self) -> list[PipelineStage]:
        """All that run, in order."""
        return self.gathering + self.computing


@dataclass
class Outcome:
    """What came of a plan, by names of stages; where one failed, the end of what it printed, where one could not run, why."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


def results_of(stage: PipelineStage) -> list[str]:
    """A stage's outputs in results/, as paths from the project root."""
    return [out.def_path for out in stage.outs if Path(out.def_path).parts[0] == RESULTS]


def plan(repo: Repo, stages: Sequence[PipelineStage], only: Sequence[str] = ()) -> Plan:
    """Choose the stages to run: all that write results and are not frozen, and what these need.

    Parameters
    ----------
    repo, stages
        Of the working tree.
    only
        Names of stages, or of all that share the name before the @; these alone, and what they need. Empty for all.

    Raises
    ------
    ParameterError
        If one of them is unknown, frozen, or writes no results.
    """
    free = {stage.name: stage for stage in stages if not stage.frozen}
    upstream = {name: {need.name for need in repo.index.graph.successors(stage)} & free.keys() for name, stage in free.items()}
    publishing = [name for name, stage in free.items() if results_of(stage)]
    known = {name for whole in publishing for name in (whole, whole.split("@")[0])}
    if unknown := [name for name in only if name not in known]:
        raise ParameterError(f"--only {' '.join(unknown)}: stages that can be regenerated are {', '.join(publishing)}.")
    wanted = {name for name in publishing if not only or {name, name.split("@")[0]} & set(only)}
    made = [Path(out.def_path) for stage in stages for out in stage.outs]
    gathering = {name for name in wanted if _gathers(free[name], made)}
    chosen, waiting = set(wanted), [name for name in wanted if name not in gathering]
    while waiting:
        new = upstream[waiting.pop()] - chosen
        chosen |= new
        waiting += new
    left = {stage.name: "frozen" for stage in stages if stage.frozen}
    left |= {name: "not asked for" if results_of(stage) else "writes no results" for name, stage in free.items() if name not in chosen}
    groups = (gathering, chosen - gathering)
    needs = {name: upstream[name] & group for group in groups for name in free if name in group}
    # Lists in the order of dvc.yaml, since a set's order differs from process to process.
    order = list(TopologicalSorter({name: [need for need in free if need in before] for name, before in needs.items()}).static_order())
    first, then = ([free[name] for name in order if name in group] for group in groups)
    return Plan(first, then, needs, left)


def _gathers(stage: PipelineStage, made: Sequence[Path]) -> bool:
    """Whether all that a stage reads of what stages make, hashes of code aside, is results."""
    paths = [Path(dependency.def_path) for dependency in stage.deps if dependency not in stage.params]
    read = [path for path in paths if path.parts[:2] != ("data", "code") and any(overlap(path, out) for out in made)]
    return bool(read) and all(path.parts[0] == RESULTS for path in read)


def make_copy(project: Path, copy: Path, chosen: Plan) -> None:
    """Copy the working tree as it is, with the published results, and the inputs that no stage of the plan makes.

    Parameters
    ----------
    project
        A git checkout: files that git keeps, or would, are copied.
    copy
        A folder that is empty or not there.
    chosen
        Inputs outside git, such as weights that frozen stages made, are copied for its stages.
    """
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


def run(chosen: Plan, copy: Path) -> Outcome:
    """Run the stages in the copy, each after what it needs, and print which one, and how long it took.

    What they wrote before is deleted first. A stage that fails does not stop those that do not need it.
    """
    outcome = Outcome()
    for group in (chosen.gathering, chosen.computing):
        for out in (copy / out.def_path for stage in group for out in stage.outs):
            if out.is_dir():
                shutil.rmtree(out)
            out.unlink(missing_ok=True)
        for stage in group:
            number = len(outcome.done) + len(outcome.failed) + len(outcome.waiting) + 1
            print(f"[{number}/{len(chosen.stages)}] {stage.name} … ", end="", flush=True)
            if lacking := sorted(chosen.needs[stage.name] & (outcome.failed.keys() | outcome.waiting.keys())):
                outcome.waiting[stage.name] = f"needs {', '.join(lacking)}"
                print(outcome.waiting[stage.name], flush=True)
                continue
            started = time.monotonic()
            if (printed := _execute(stage, copy)) is None:
                outcome.done.append(stage.name)
            else:
                outcome.failed[stage.name] = printed
            print("done" if printed is None else "FAILED", f"after {time.monotonic() - started:.0f} s", flush=True)
    return outcome


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
            return "\n".join([*lines[-LINES:], f"(exit status {done.returncode})"])
    missing = [str(out) for out in stage.outs if not (copy / out.def_path).exists()]
    return f"it did not write {', '.join(missing)}" if missing else None
