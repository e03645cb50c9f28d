"""dvc.lock against the working tree: what can be told in seconds, before anything is computed.

DVC compares; it is given an empty memory, since it trusts that of files whose size and time have not changed.
"""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from pathlib import Path

from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.errors import AudiosaeError
from audiosae.pipeline import check, frozen

CODE = "data/code"
"""Hashes that the stage `check` would write anew, so that they are computed here."""


class LedgerError(AudiosaeError):
    """dvc.lock is missing, so that nothing can be held against it."""


def discrepancies(project: Path, rerun: Collection[str]) -> list[str]:
    """Say where the working tree is not what dvc.lock records.

    Of every stage, the command, the parameters, and those outputs that git keeps or a remote ships must be the recorded ones.

    Parameters
    ----------
    project
        The folder that holds dvc.yaml and dvc.lock.
    rerun
        Names of the stages whose code and other inputs must be the recorded ones as well. Code of frozen stages may have changed.

    Returns
    -------
    One line each, with the stage and the parameter or file.

    Raises
    ------
    LedgerError
        If there is no dvc.lock.
    """
    if not (project / "dvc.lock").is_file():
        raise LedgerError(f"{project / 'dvc.lock'} is missing; run `make repro`, which writes it.")
    recorded = frozen.stages(project, "dvc.lock")
    code = {f"{CODE}/{name}.txt": hashlib.md5(f"{text}\n".encode()).hexdigest() for name, text in check.code_hashes(project).items()}
    changed: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as fresh, Repo(str(project), config={"core": {"site_cache_dir": fresh}}) as repo:
        stages = {stage.name: stage for stage in repo.index.stages if isinstance(stage, PipelineStage)}
        made = [Path(out.fs_path) for stage in stages.values() for out in stage.outs]
        found = [
            f"{name}: dvc.lock keeps this stage, which dvc.yaml and params.yaml do not name." for name in recorded if name not in stages
        ]
        for name, stage in stages.items():
            if name not in recorded:
                found.append(f"{name}: not in dvc.lock, so it never ran to its end; run `make repro`.")
                continue
            lines = [*_command(stage, recorded[name]["cmd"]), *_parameters(stage), *_outputs(repo, stage)]
            if name in rerun:
                gone = {entry["path"] for entry in recorded[name].get("deps", [])} - {dependency.def_path for dependency in stage.deps}
                lines += [f"recorded with a dependency on {path}, which dvc.yaml does not name." for path in sorted(gone)]
            found += [f"{name}: {line}" for line in lines]
            for dependency in stage.deps if name in rerun else ():
                path = dependency.def_path
                if dependency in stage.params:
                    continue
                if path in code:
                    same = dependency.hash_info.value == code[path]
                else:  # what a stage makes is held against its own record
                    same = any(overlap(Path(dependency.fs_path), out) for out in made) or not dependency.workspace_status()
                if not same:
                    changed.setdefault(path, []).append(name)
    told = {path: f"the code behind {path}" if path in code else f"{path} is not the file that dvc.lock records" for path in changed}
    return found + [f"{', '.join(names)}: {told[path]}{' was changed' * (path in code)}." for path, names in changed.items()]


def _command(stage: PipelineStage, recorded: str | list[str]) -> Iterator[str]:
    """Which words of a command line are not the recorded ones, each with the word before it."""
    now, then = (shlex.split(command if isinstance(command, str) else "\n".join(command)) for command in (stage.cmd, recorded))
    for kind, a, b, c, d in SequenceMatcher(None, now, then, autojunk=False).get_opcodes():
        if kind != "equal":
            here, there = " ".join(now[max(a - 1, 0) : b]), " ".join(then[max(c - 1, 0) : d])
            yield f"its command has `{here}` here (params.yaml or dvc.yaml), `{there}` in dvc.lock."


def _parameters(stage: PipelineStage) -> Iterator[str]:
    for dependency in stage.params:
        now, then = dependency.read_params(), dependency.hash_info.value or {}
        for name in dependency.params or now.keys() | then.keys():
            if now.get(name) != then.get(name):
                yield f"{name} is {now.get(name)} in {dependency}, {then.get(name)} in dvc.lock."


def _outputs(repo: Repo, stage: PipelineStage) -> Iterator[str]:
    for out in stage.outs:
        if not _kept(repo, stage, out):
            continue
        if not out.exists:
            yield f"{out} is missing; " + ("run `make weights`." if out.remote else "run `make repro`.")
        elif out.workspace_status():
            yield f"{out} is not the file that dvc.lock records."


def _kept(repo: Repo, stage: PipelineStage, out: Output) -> bool:
    """Whether git keeps an output or a remote ships it, so that it is not simply made again."""
    return bool(stage.frozen or out.remote or not (out.use_cache or repo.scm.is_ignored(out.fs_path)))


def overlap(one: Path, other: Path) -> bool:
    """Whether two paths are the same, or one lies inside the other."""
    return one == other or one in other.parents or other in one.parents
