"""Outputs of frozen stages, held against the hashes with which they were committed: python -m audiosae.pipeline.frozen

DVC never runs a frozen stage, and writes into dvc.lock whatever stands in the place of its outputs. So frozen.sha256 keeps their
hashes apart, in the format of sha256sum; a folder has one for all its files. No stage writes it; this command does, after such a
stage was computed anew (`make evidence` calls it).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from audiosae.errors import AudiosaeError, report
from audiosae.files import whole
from audiosae.files.whole import path_hash

RECORD = "frozen.sha256"


class FrozenError(AudiosaeError):
    """An output of a frozen stage cannot be told from a forged one."""


def is_frozen(stage: dict[str, Any]) -> bool:
    """Whether an entry of dvc.yaml, be it one stage or a `foreach` of many, is frozen."""
    return bool(stage.get("do", stage).get("frozen"))


def stages(project: Path, file: str) -> dict[str, Any]:
    """The stages that dvc.yaml, or dvc.lock, names, as they are written there; a FrozenError if it is missing or names none."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it
    try:
        return dict(yaml.load((project / file).read_text(encoding="utf-8"), Loader=loader)["stages"])
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise FrozenError(f"{project / file} names no stages ({error}); bring it back: git checkout {file}") from error


def names(project: Path, recorded: Iterable[str]) -> set[str]:
    """Which of the stages that dvc.lock records are frozen."""
    declared = stages(project, "dvc.yaml")
    return {name for name in recorded if is_frozen(declared.get(name.split("@")[0], {}))}


def outputs(project: Path) -> list[str]:
    """Paths of all outputs of frozen stages, in order."""
    recorded = stages(project, "dvc.lock")
    return sorted(out["path"] for name in names(project, recorded) for out in recorded[name]["outs"])


def altered(project: Path) -> list[str]:
    """Say which outputs of frozen stages are not the committed ones. One that is missing is no forgery; DVC asks for it.

    A `FrozenError` if frozen.sha256 is missing or no list of hashes.
    """
    file = project / RECORD
    try:
        hashes = {path: sha256 for sha256, path in (line.split("  ", 1) for line in file.read_text(encoding="utf-8").splitlines())}
    except (OSError, ValueError) as error:
        raise FrozenError(f"{file} is no list of hashes and paths ({error}); bring it back: git checkout {RECORD}") from error
    return [
        f"{path} is not the file that was committed for its frozen stage ({RECORD}). Bring it back: "
        + (f"git checkout {path}" if path.startswith("results/") else "delete it and run `make weights`")
        + ". If you computed it anew yourself, record it: .venv/bin/python -m audiosae.pipeline.frozen"
        for path in outputs(project)
        if (project / path).exists() and path_hash(project / path) != hashes.get(path)
    ]


def record(project: Path) -> None:
    """Take the outputs of frozen stages, as they stand, for the true ones."""
    whole.write(project / RECORD, "".join(f"{path_hash(project / path)}  {path}\n" for path in outputs(project)))


if __name__ == "__main__":
    report(lambda: record(Path.cwd()))
