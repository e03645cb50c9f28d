"""dvc.lock against the working tree: what can be told in seconds, before anything is computed.

dvc.lock records the command of each stage, and the MD5 of what it read and wrote. Files are hashed here afresh: DVC trusts
its memory of a file whose size and time have not changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from dvc.dependency import ParamsDependency
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae import frozen
from audiosae.errors import AudiosaeError


class LedgerError(AudiosaeError):
    """dvc.lock is missing, so that nothing can be held against it."""


def discrepancies(repo: Repo, stages: Sequence[PipelineStage], rerun: Sequence[PipelineStage]) -> list[str]:
    """Say where the working tree is not what dvc.lock records.

    Parameters
    ----------
    repo
        Of the working tree.
    stages
        All stages of dvc.yaml. Of each, the command, the parameters, and those outputs that git keeps or a remote ships
        must be the recorded ones.
    rerun
        Those whose code and other inputs must be the recorded ones as well. Code of frozen stages may have changed.

    Returns
    -------
    One line each, with the stage and the parameter or file.

    Raises
    ------
    LedgerError
        If there is no dvc.lock.
    """
    lock = Path(repo.root_dir) / "dvc.lock"
    if not lock.is_file():
        raise LedgerError(f"{lock} is missing; run `make repro`, which writes it.")
    recorded: dict[str, Any] = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
    names = {stage.name for stage in stages}
    found = [f"{name}: dvc.lock keeps this stage, which dvc.yaml and params.yaml do not name." for name in recorded if name not in names]
    for stage in stages:
        if stage.name not in recorded:
            found.append(f"{stage.name}: not in dvc.lock, so it never ran to its end; run `make repro`.")
            continue
        found += [f"{stage.name}: {line}" for line in (*_command(stage, recorded[stage.name]["cmd"]), *_parameters(stage))]
        found += [f"{stage.name}: {line}" for out in stage.outs if (line := _output(repo, stage, out))]
    return found + _inputs(stages, [stage for stage in rerun if stage.name in recorded])


def _command(stage: PipelineStage, recorded: str | list[str]) -> Iterator[str]:
    """Which options of a command line are not the recorded ones; all of it where that is no matter of options."""
    now, then = _options(stage.cmd), _options(recorded)
    if now == then:
        return
    if list(now) != list(then) or now[""] != then[""]:
        yield f"its command is `{stage.cmd}` here, `{recorded}` in dvc.lock."
        return
    for name, words in now.items():
        if words != then[name]:
            yield f"{name} is {' '.join(words) or 'empty'} here (params.yaml or dvc.yaml), {' '.join(then[name]) or 'empty'} in dvc.lock."


def _options(command: str | list[str]) -> dict[str, list[str]]:
    """The words behind each ``--name``, and under "" those before the first."""
    options: dict[str, list[str]] = {"": []}
    words = options[""]
    for word in shlex.split(command if isinstance(command, str) else "\n".join(command)):
        if word.startswith("--"):
            words = options.setdefault(word[2:], [])
        else:
            words.append(word)
    return options


def _parameters(stage: PipelineStage) -> Iterator[str]:
    for dependency in stage.deps:
        if isinstance(dependency, ParamsDependency):
            now, then = dependency.read_params(), dependency.hash_info.value or {}
            yield from (f"{name} is {now.get(name)} in {dependency}, {then.get(name)} in dvc.lock."
                        for name in dependency.params or now.keys() | then.keys() if now.get(name) != then.get(name))


def _output(repo: Repo, stage: PipelineStage, out: Output) -> str | None:
    kept = not out.use_cache and not repo.scm.is_ignored(out.fs_path)
    if not (kept or out.remote or stage.frozen):
        return None  # neither in git nor shipped, and made again
    if not out.hash_info:
        return f"{out} is not among its recorded outputs."
    if not out.exists:
        return f"{out} is missing; " + ("run `make weights`." if out.remote else "run `make repro`.")
    return None if _matches(out) else f"{out} is not the file that dvc.lock records."


def _inputs(stages: Sequence[PipelineStage], rerun: Sequence[PipelineStage]) -> list[str]:
    """Inputs that no stage makes, a line for each file with all the stages that read it."""
    made = [Path(out.fs_path) for stage in stages for out in stage.outs]
    changed: dict[str, list[str]] = {}
    for stage in rerun:
        for dependency in stage.deps:
            path = Path(dependency.fs_path)
            if isinstance(dependency, ParamsDependency) or any(overlap(path, out) for out in made):
                continue
            if not dependency.exists or not dependency.hash_info or not _matches(dependency):
                changed.setdefault(str(dependency), []).append(stage.name)
    return [f"{', '.join(names)}: {path} is not the file that dvc.lock records." for path, names in changed.items()]


def overlap(one: Path, other: Path) -> bool:
    """Whether two paths are the same, or one lies inside the other."""
    return one == other or one in other.parents or other in one.parents


def _matches(recorded: Output) -> bool:
    path = Path(recorded.fs_path)
    if path.is_dir():
        return not recorded.changed_checksum()
    return frozen.digest(path, "md5") == recorded.hash_info.value
