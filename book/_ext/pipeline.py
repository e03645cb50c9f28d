"""Which stage of dvc.yaml wrote a file, and what the files of results/ say about how they were made."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils.nodes import make_id
from dvc.exceptions import DvcException
from dvc.repo import Repo
from sphinx.errors import ExtensionError

from audiosae.pipeline.side_by_side import PAGES, RUNS

SUMMARY = "results/summary.json"

COPIED = {
    "sae": [("sae_training", ["chosen"])],
    "probing": [("probing", ["properties"])],
    "steering": [("evidence/steering", ["kinds", "paper"]), ("steering", ["properties"])],
}
"""For each part of a codec in the summary, where `audiosae.pipeline.summary` may have copied it from: a folder of results, and keys."""


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml, for one codec where it runs for each.

    Attributes
    ----------
    name
        Such as probing@encodec.
    command
        With all values filled in; several stand in lines.
    frozen
        Whether DVC leaves it alone, so that its command may be newer than what it wrote.
    reads, writes
        Files and folders, from the project's folder.
    """

    name: str
    command: str
    frozen: bool
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """The id of its section on the page on provenance."""
        return make_id(f"stage-{self.name}")

    @property
    def runs(self) -> str:
        """The script of the notebook that it runs, or the module, or the whole command."""
        found = re.search(r" -m audiosae\.pipeline\.notebook (\S+)", self.command) or re.search(r" -m (\S+)", self.command)
        return found[1] if found else self.command

    @property
    def notebook(self) -> Path | None:
        """The run of a notebook that it writes, from the project's folder."""
        return next((Path(path) for path in self.writes if path.startswith(f"book/{RUNS}/")), None)

    @property
    def page(self) -> str | None:
        """The page of the book that its notebook is on, beside other runs of it, as Sphinx names it."""
        return f"{PAGES}/{self.notebook.stem}" if self.notebook else None

    @property
    def run(self) -> str:
        """What its notebook was run for, such as a codec."""
        return self.notebook.parent.name if self.notebook else ""

    def shows(self, other: Stage) -> bool:
        """Whether it writes a page, and reads for it figures or sounds that another stage wrote."""
        made = [out for out in other.writes if out.startswith(("results/", "book/"))]
        return self.page is not None and any(_inside(out, path) or _inside(path, out) for out in made for path in self.reads)


def _inside(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


@dataclass(frozen=True)
class Pipeline:
    """The stages of a project, in the order of dvc.yaml, and what lies in its folder."""

    root: Path
    stages: tuple[Stage, ...]
    _contents: dict[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, root: Path) -> Pipeline:
        """Let DVC read dvc.yaml and params.yaml; an ExtensionError if it cannot."""
        try:
            # Without git, so that the book of a downloaded copy can be built.
            with Repo(str(root), config={"core": {"no_scm": True}}) as repo:
                found = [stage for stage in repo.index.stages if getattr(stage, "name", None)]
        except DvcException as error:
            raise ExtensionError(f"the stages cannot be read from {root / 'dvc.yaml'}: {error}") from error
        paths = [[tuple(one.def_path for one in ends) for ends in (stage.deps, stage.outs)] for stage in found]
        commands = [stage.cmd if isinstance(stage.cmd, str) else "\n".join(stage.cmd) for stage in found]
        return cls(root, tuple(Stage(one.name, command, one.frozen, *ends) for one, command, ends in zip(found, commands, paths)))

    def writer(self, path: str) -> Stage | None:
        """The stage that writes a file, itself or a folder above it; None where none does."""
        return next((stage for stage in self.stages for out in stage.writes if _inside(path, out)), None)

    def showing(self, stage: Stage) -> list[Stage]:
        """Stages whose notebooks show what a stage wrote: itself, or those that read it."""
        return [stage] if stage.page else [one for one in self.stages if one.shows(stage)]

    def runs(self, page: str) -> dict[str, Stage]:
        """The stages that ran the notebook of a page, by what they ran it for."""
        return {stage.run: stage for stage in self.stages if stage.page == page}

    def anchor(self, path: str) -> str:
        """The id, on the page on provenance, of the section on a file."""
        stage = self.writer(path)
        return stage.anchor if stage else make_id(f"file-{path.removeprefix('results/')}")

    def files(self, path: str) -> list[str]:
        """The tables and JSON files below a path that are there, in order."""
        found = self.root / path
        files = [found] if found.is_file() else sorted(found.rglob("*"))
        return [str(file.relative_to(self.root)) for file in files if file.suffix in (".json", ".csv")]

    def sha256(self, path: str) -> str:
        """Of a file, in hexadecimal digits."""
        return hashlib.sha256((self.root / path).read_bytes()).hexdigest()

    def read(self, path: str) -> Any:
        """What a JSON file or a notebook holds."""
        if path not in self._contents:
            self._contents[path] = json.loads((self.root / path).read_text(encoding="utf-8"))
        return self._contents[path]

    def provenance(self, path: str) -> dict[str, Any] | None:
        """What a file of results says of its making, as `audiosae.files.results.provenance` wrote it; None where it says nothing."""
        figures = self.read(path) if path.endswith(".json") else None
        made = figures.get("provenance") if isinstance(figures, dict) else None
        return made if isinstance(made, dict) and "inputs" in made else None

    def source(self, file: str, keys: list[str]) -> tuple[str, list[str]]:
        """Where a figure was first written: for one that the summary copied, the file and keys that it was copied from."""
        if file != SUMMARY:
            return file, keys
        match keys:
            case ["codecs", codec, part, *rest] if part in COPIED:
                sources = [(f"results/{folder}/{codec}.json", first) for folder, first in COPIED[part]]
            case ["generation", *rest]:
                subjects = [name.split("/")[0] for name in self.read(SUMMARY)["provenance"]["parameters"] if name.endswith("/generation")]
                sources = [(f"results/generation/{subjects[0]}.json", ["properties"])]
            case _:
                return file, keys
        # One figure may be equal by chance; so what stands beside it must be equal as well.
        above, branch = keys[: len(keys) - len(rest)], rest[:1]
        copy = self._at(file, above + branch)
        for name, first in sources:
            if (self.root / name).is_file() and self._at(name, first + branch) == copy:
                return name, [*first, *rest]
        return file, keys

    def _at(self, file: str, keys: list[str]) -> Any:
        value = self.read(file)
        try:
            for key in keys:
                value = value[int(key) if isinstance(value, list) else key]
        except (KeyError, IndexError, TypeError):
            return None
        return value

    def cell(self, stage: Stage, text: str) -> int | None:
        """The place of the first cell of a stage's notebook whose output holds a text, counted from 0 as in the cells' ids."""
        for index, cell in enumerate(self.read(str(stage.notebook))["cells"]):
            if cell["cell_type"] == "code" and text in json.dumps(cell["outputs"], ensure_ascii=False).replace('\\"', '"'):
                return index
        return None
