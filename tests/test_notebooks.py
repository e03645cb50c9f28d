"""Notebooks are plain scripts that open as notebooks, explain themselves, and share their defaults with the pipeline."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
import tokenize
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from dvc.repo import Repo

from audiosae.pipeline.notebook import fill_parameters

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
LONGEST_CELL = 35  # lines: what a screen shows; more belongs in the package, where tests reach it
LONGEST_NOTEBOOK = 60  # lines of code: a notebook says what was computed and shows it; sections compute
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(script: str) -> int:
    """Lines of a script that hold code; comments (and so prose), docstrings and empty lines do not."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(script).readline):
        if token.type not in NO_CODE:
            found |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(found)


def defaults(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Names and values in the cell that is tagged as parameters."""
    [cell] = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    found = {}
    for statement in ast.parse(cell).body:
        assert isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None
        [target] = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        assert isinstance(target, ast.Name)
        found[target.id] = ast.literal_eval(statement.value)
    return found


@pytest.fixture(scope="module")
def passed() -> dict[str, list[str]]:
    """What dvc.yaml passes to each notebook, the first time that it runs one."""
    found: dict[str, list[str]] = {}
    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            words = shlex.split(stage.cmd) if isinstance(stage.cmd, str) else []
            if "audiosae.pipeline.notebook" in words:
                name, _, *options = words[words.index("audiosae.pipeline.notebook") + 1 :]
                found.setdefault(name, options)
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_explains_itself_and_has_the_defaults_of_the_pipeline(path: Path, passed: dict[str, list[str]]) -> None:
    notebook = nbformat.from_dict(jupytext.read(path))
    assert notebook.metadata["jupytext"]["formats"] == "ipynb,py:percent" and notebook.metadata["kernelspec"]["name"] == "python3"
    assert code_lines(path.read_text()) <= LONGEST_NOTEBOOK
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and any(line.strip() and not line.startswith("#") for line in first.source.splitlines())
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert max(len(cell.splitlines()) for cell in cells) <= LONGEST_CELL
    own, words = defaults(notebook), passed.get(path.relative_to(ROOT).as_posix())
    if words is not None:  # else it is for a reader's own session, and no stage
        assert not [cell for cell in cells if "params.yaml" in cell or "dvc.api" in cell], "parameters come from the pipeline alone"
        assert {word[2:] for word in words if re.match("--[a-z]", word)} == own.keys()
        fill_parameters(notebook, words, str(path))
        assert defaults(notebook) == own


def test_the_pipeline_runs_notebooks_and_git_keeps_the_scripts_alone(passed: dict[str, list[str]]) -> None:
    assert passed and passed.keys() <= {path.relative_to(ROOT).as_posix() for path in NOTEBOOKS}
    kept = subprocess.run(
        ["git", "ls-files", "notebooks", "book/runs", "book/sections"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [name for name in kept.stdout.split() if name.endswith(".ipynb")] == []
