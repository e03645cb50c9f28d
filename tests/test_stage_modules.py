"""dvc.yaml names, for each stage, just the modules that the stage runs: no more reruns than needed, and no fewer."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "audiosae"


class _Imports(ast.NodeVisitor):
    """Names of our own modules that a file imports when it runs, anywhere in it; ``TYPE_CHECKING`` blocks never run."""

    def __init__(self, file: Path, package: str) -> None:
        self.file, self.package, self.names = file, package, set[str]()

    def visit_If(self, node: ast.If) -> None:
        guard = node.test
        if (guard.id if isinstance(guard, ast.Name) else getattr(guard, "attr", None)) == "TYPE_CHECKING":
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.names |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            base = ".".join([*above, base]).rstrip(".")
        self.names |= {base} | {f"{base}.{alias.name}" for alias in node.names}

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in ("import_module", "__import__"):
            name = node.args[0] if node.args else None
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                raise ValueError(f"{self.file}, line {node.lineno}: the imported name is computed, so no list of dependencies can hold it.")
            self.names.add(name.value)
        self.generic_visit(node)


def required(root: Path, command: str | list[str], documented: Iterable[str] = ()) -> set[str]:
    """Files of the package, and scripts, that a command runs: the transitive closure of their imports, and of modules that it documents.

    A file that is not Python (a table, say) counts with the package that holds it, wherever that package is imported; what is in a folder
    `static`, for browsers, counts with the book, which serves it.
    """
    words = shlex.split(command if isinstance(command, str) else "\n".join(command))
    files = {file for module in documented for file in _files(root, module)}
    for flag, module in zip(words, words[1:]):
        if flag == "-m" and module.split(".")[0] == PACKAGE:
            files |= set(_files(root, module)) | set(_files(root, f"{module}.__main__"))
    files |= {root / word for word in words if word.endswith(".py") and (root / word).is_file()}
    waiting = list(files)
    while waiting:
        new = {path for name in _imported(root, waiting.pop()) for path in _files(root, name)} - files
        files |= new
        waiting += new
    for package in [file.parent for file in files if file.name == "__init__.py"]:
        files |= {path for path in _data(package) if package != root / PACKAGE or path.parent == package}
    if root / PACKAGE / "book.py" in files:
        files |= {path for path in (root / PACKAGE).glob("*/static/**/*") if path.is_file()}
    return {path.relative_to(root).as_posix() for path in files}


def _files(root: Path, module: str) -> list[Path]:
    """Files that importing a module runs: its own and that of each package above it; none for a name that is no module."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return []
    folder = root.joinpath(*parts)
    own = [path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()]
    above = [root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts))]
    return own[:1] + [path for path in above if path.is_file()] if own else []


def _imported(root: Path, file: Path) -> set[str]:
    if file.suffix != ".py":
        return set()
    visitor = _Imports(file, ".".join(file.relative_to(root).parent.parts))
    visitor.visit(ast.parse(file.read_text(), filename=str(file)))
    return visitor.names


def _data(package: Path) -> Iterator[Path]:
    """Files of a package that are not Python, without those of packages inside it."""
    for path in package.iterdir():
        if path.is_dir() and path.name not in ("__pycache__", "static") and not (path / "__init__.py").exists():
            yield from _data(path)
        elif path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path


def documented(root: Path, pages: Iterable[str]) -> list[str]:
    """Modules whose docstrings a page of the book shows; to show them, Sphinx imports them."""
    return [name for page in pages if page.endswith(".md") for name in re.findall(r"automodule:: (\S+)", (root / page).read_text())]


def misdeclared(root: Path) -> list[str]:
    """Say for which stages dvc.yaml does not name just the modules that the stage runs, with the list to paste."""
    found = {}
    with Repo(str(root)) as repo:
        for stage in filter(lambda stage: isinstance(stage, PipelineStage), repo.index.stages):
            wanted = required(root, stage.cmd, documented(root, [dependency.def_path for dependency in stage.deps]))
            named: set[str] = set()
            for dependency in stage.deps:
                path = root / dependency.def_path
                inside = path.rglob("*") if path.is_dir() and dependency.def_path.split("/")[0] == PACKAGE else [path]
                named |= {file.relative_to(root).as_posix() for file in inside
                          if file.is_file() and "__pycache__" not in file.parts and (file == path or "static" not in file.parts)}
            named = {path for path in named if path.startswith(f"{PACKAGE}/") or path in wanted}
            if named != wanted:
                paste = "\n".join(f"      - {path}" for path in sorted(wanted))
                found[stage.name.split("@")[0]] = (
                    f"{stage.name}: lacks {sorted(wanted - named)}, names for nothing {sorted(named - wanted)}; its code is\n{paste}"
                )
    return list(found.values())


def test_stages_depend_on_the_modules_they_run() -> None:
    assert not (found := misdeclared(ROOT)), "\n".join(found)


# --- the checks themselves, on a small package -------------------------------------------------------------------------


FILES = {
    "audiosae/__init__.py": "",
    "audiosae/audio.py": "import json\n",
    "audiosae/errors.py": "",
    "audiosae/unused.py": "",
    "audiosae/codecs/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from audiosae import unused\n",
    "audiosae/codecs/small.py": "from ..audio import json\nfrom . import __name__\n",
    "audiosae/widgets/__init__.py": "from audiosae.errors import x\n",
    "audiosae/widgets/static/slider.js": "",
    "audiosae/widgets/names.csv": "",
    "audiosae/book.py": "",
    "audiosae/execute.py": "def main():\n    import audiosae.errors\n",
    "notebooks/01_a.py": "# %%\nfrom audiosae.codecs import small\n",
    "notebooks/02_b.py": "# %%\nfrom audiosae import widgets\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    Repo.init(str(tmp_path), no_scm=True).close()
    return tmp_path


def test_required_files_are_the_closure_of_the_imports(project: Path) -> None:
    run = "python -m audiosae.execute "
    common = {"audiosae/__init__.py", "audiosae/execute.py", "audiosae/errors.py"}
    codecs = {"audiosae/codecs/__init__.py", "audiosae/codecs/small.py", "audiosae/audio.py"}
    widgets = {"audiosae/widgets/__init__.py", "audiosae/widgets/names.csv"}
    assert required(project, run + "notebooks/01_a.py out.ipynb --size 3") == common | codecs | {"notebooks/01_a.py"}
    assert required(project, run + "notebooks/02_b.py out.ipynb") == common | widgets | {"notebooks/02_b.py"}
    assert required(project, "python -m audiosae.book") == {"audiosae/__init__.py", "audiosae/book.py", "audiosae/widgets/static/slider.js"}
    assert required(project, "python -m audiosae.book", ["audiosae.audio"]) >= {"audiosae/audio.py"}


def test_a_stage_that_names_too_few_or_too_many_modules_is_told_with_the_list(project: Path) -> None:
    (project / "dvc.yaml").write_text(
        "stages:\n  b:\n    cmd: python -m audiosae.execute notebooks/02_b.py x\n"
        "    deps: [audiosae/__init__.py, audiosae/execute.py, audiosae/widgets, audiosae/unused.py, input.txt]\n"
    )
    [message] = misdeclared(project)
    assert "lacks ['audiosae/errors.py', 'notebooks/02_b.py'], names for nothing ['audiosae/unused.py']" in message
    paste = [line.strip("- ") for line in message.splitlines()[1:]]
    (project / "dvc.yaml").write_text(f"stages:\n  b:\n    cmd: python -m audiosae.execute notebooks/02_b.py x\n    deps: {json.dumps(paste)}\n")
    assert misdeclared(project) == []


def test_a_computed_import_is_refused(project: Path) -> None:
    (project / "audiosae/audio.py").write_text("import importlib\nimportlib.import_module('audiosae.' + 'x')\n")
    with pytest.raises(ValueError, match="audio.py, line 2"):
        required(project, "python -m audiosae.audio")
