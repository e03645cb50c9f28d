"""What can be told before anything is computed: where the working tree is not what dvc.lock records."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.errors import AudiosaeError
from audiosae.files.walk import overlap
from audiosae.pipeline import check, frozen


class VerifyError(AudiosaeError):
    """The pipeline, or dvc.lock, cannot be read, so that nothing can be verified."""


def stages_of(repo: Repo) -> list[PipelineStage]:
    """The stages that dvc.yaml and params.yaml name."""
    return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


def discrepancies(project: Path, rerun: Collection[str]) -> list[str]:
    """Say where the working tree is not what dvc.lock records, a line each, with the stage and the parameter or file.

    Of every stage, the command, the parameters, and those outputs that git keeps or a remote ships must be the recorded ones; of those in
    `rerun`, code and other inputs as well. A VerifyError if there is no dvc.lock.
    """
    if not (project / "dvc.lock").is_file():
        raise VerifyError(f"{project / 'dvc.lock'} is missing; run `make repro`, which writes it.")
    recorded = frozen.stages(project, "dvc.lock")
    code = check.code_md5(project)
    changed: dict[str, list[str]] = {}
    # DVC compares, with an empty memory: it trusts that of files whose size and time have not changed.
    with tempfile.TemporaryDirectory() as fresh, Repo(str(project), config={"core": {"site_cache_dir": fresh}}) as repo:
        stages = {stage.name: stage for stage in stages_of(repo)}
        made = [Path(out.fs_path) for stage in stages.values() for out in stage.outs]
        found = [
            f"{name}: dvc.lock keeps this stage, which dvc.yaml and params.yaml do not name." for name in recorded if name not in stages
        ]
        for name, stage in stages.items():
            if name not in recorded:
                found.append(f"{name}: not in dvc.lock, so it never ran to its end; run `make repro`.")
                continue
            found += [f"{name}: {line}" for line in _unlike(repo, stage, recorded[name], inputs=name in rerun)]
            for dependency in stage.deps if name in rerun else ():
                path = dependency.def_path
                if path in code:
                    same = dependency.hash_info.value == code[path]
                else:  # parameters were told with their values; what a stage makes is held against its own record
                    told = dependency in stage.params or any(overlap(Path(dependency.fs_path), out) for out in made)
                    same = told or not dependency.workspace_status()
                if not same:
                    changed.setdefault(path, []).append(name)
    for path, names in changed.items():
        what = f"the code behind {path} was changed" if path in code else f"{path} is not the file that dvc.lock records"
        found.append(f"{', '.join(names)}: {what}.")
    return found


def _unlike(repo: Repo, stage: PipelineStage, recorded: Mapping[str, Any], inputs: bool) -> Iterator[str]:
    """What differs in a stage's command, its parameters, its kept outputs and, where `inputs` count, the list of them."""
    now, then = (shlex.split(command if isinstance(command, str) else "\n".join(command)) for command in (stage.cmd, recorded["cmd"]))
    for kind, a, b, c, d in SequenceMatcher(None, now, then, autojunk=False).get_opcodes():
        if kind != "equal":  # told with the word before, the name of the option
            here, there = " ".join(now[max(a - 1, 0) : b]), " ".join(then[max(c - 1, 0) : d])
            yield f"its command has `{here}` here (params.yaml or dvc.yaml), `{there}` in dvc.lock."
    for dependency in stage.params:
        values, before = dependency.read_params(), dependency.hash_info.value or {}
        for name in dependency.params or values.keys() | before.keys():
            if values.get(name) != before.get(name):
                yield f"{name} is {values.get(name)} in {dependency}, {before.get(name)} in dvc.lock."
    for out in stage.outs:
        # What neither git keeps nor a remote ships is simply made again.
        if not (stage.frozen or out.remote or not (out.use_cache or repo.scm.is_ignored(out.fs_path))):
            continue
        if not out.exists:
            yield f"{out} is missing; " + ("run `make weights`." if out.remote else "run `make repro`.")
        elif out.workspace_status():
            yield f"{out} is not the file that dvc.lock records."
    gone = {entry["path"] for entry in recorded.get("deps", [])} - {dependency.def_path for dependency in stage.deps}
    for path in sorted(gone) if inputs else ():
        yield f"recorded with a dependency on {path}, which dvc.yaml does not name."
