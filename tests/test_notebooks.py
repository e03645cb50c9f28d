"""Notebooks are plain scripts that open as notebooks, explain themselves, and share their defaults with the pipeline."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
LONGEST_CELL = 35  # lines: what a screen shows; more belongs in the package, where tests reach it
LONGEST_NOTEBOOK = 60  # lines of code: a notebook says what was computed and shows it; sections compute
TEMPLATE = re.compile(r"(?:--(?P<name>[a-z]\w*)\s+)?'?\$\{(?P<path>[\w.-]+)\}|--(?:no-)?(?P<given>[a-z]\w*)")
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


def passed(root: Path, notebook: str) -> dict[str, Any]:
    """Parameters that dvc.yaml passes to a notebook.

    Returns
    -------
    dict
        By name: the value in params.yaml, or ``...`` where the value is dvc.yaml's own (a path, or the item of a
        ``foreach``), so that the notebook's default is free.
    """
    params = yaml.safe_load((root / "params.yaml").read_text())
    found: dict[str, Any] = {}
    for stage in yaml.safe_load((root / "dvc.yaml").read_text())["stages"].values():
        written = stage.get("do", stage).get("cmd", "")
        lines = [written] if isinstance(written, str) else written
        keys = stage.get("foreach", ())  # a list or mapping of dvc.yaml's own, or the name of one in params.yaml
        commands = [line.replace("${key}", key) for key in keys for line in lines] if isinstance(keys, dict) else lines
        for match in (match for line in commands if notebook in line.split() for match in TEMPLATE.finditer(line)):
            value = params
            for step in (match["path"] or "").split("."):
                value = value.get(step, ...) if isinstance(value, dict) else ...
            if match["name"] or match["given"]:
                found[match["name"] or match["given"]] = value
            elif isinstance(value, dict):
                found |= value
    return found


def defaults(cell: str) -> dict[str, Any]:
    """Names and values that a cell of plain assignments gives."""
    found = {}
    for statement in ast.parse(cell).body:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        else:
            raise ValueError(f"line {statement.lineno} is no assignment")
        found |= {target.id: ast.literal_eval(statement.value) for target in targets if isinstance(target, ast.Name)}
    return found


def complaints(root: Path, path: Path) -> list[str]:
    """Say what keeps a script from being one of this project's notebooks; an empty list where nothing does."""
    notebook, found = jupytext.read(path), []
    if notebook.metadata.get("jupytext", {}).get("formats") != "ipynb,py:percent":
        found.append("its header does not pair it: formats: ipynb,py:percent")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("its header names no kernel: kernelspec, name: python3")
    if (length := code_lines(path.read_text())) > LONGEST_NOTEBOOK:
        found.append(f"it has {length} lines of code; at most {LONGEST_NOTEBOOK}")
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not any(line.strip() and not line.startswith("#") for line in first.source.splitlines()):
        found.append("it does not begin with prose")
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            if (length := len(cell.source.splitlines())) > LONGEST_CELL:
                found.append(f"cell {number} has {length} lines; at most {LONGEST_CELL}")
    tagged = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        return [*found, f"{len(tagged)} cells are tagged parameters; one must be"]
    try:
        own = defaults(tagged[0])
    except ValueError as error:
        return [*found, f"its parameters are not plain values: {error}"]
    given = passed(root, path.relative_to(root).as_posix())
    if not given:  # for a reader's own session, and no stage
        return found
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and ("params.yaml" in cell.source or "dvc.api" in cell.source):
            found.append(f"cell {number} reads params.yaml; parameters come from the pipeline alone")
    found += [f"the pipeline passes {name}, which it does not know" for name in given.keys() - own.keys()]
    found += [f"the pipeline never passes {name}" for name in own.keys() - given.keys()]
    found += [
        f"{name} is {own[name]!r} here and {value!r} in params.yaml"
        for name, value in given.items()
        if name in own and value is not ... and own[name] != value
    ]
    return found


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path) -> None:
    assert not (found := complaints(ROOT, path)), "\n".join(found)


def test_git_keeps_the_scripts_alone() -> None:
    kept = subprocess.run(["git", "ls-files", "notebooks", "book/sections"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [name for name in kept.stdout.split() if name.endswith(".ipynb")] == []


# --- the checks themselves ---------------------------------------------------------------------------------------------


GOOD = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A title
# And what this is about.

# %% tags=["parameters"]
codec = "encodec"
alphas = [1, 10]  # steps
rate: float = 1e-3
seed = 7

# %%
print(codec)
"""
PIPELINE = """\
stages:
  a:
    foreach: ${codecs}
    do:
      cmd: python -m audiosae.pipeline.notebook notebooks/01_a.py out.ipynb --codec '${item}' --seed '${seed}' ${a}
  each:
    foreach: {02_b: grid, 03_c: loss}
    do:
      cmd: python -m audiosae.pipeline.notebook notebooks/${key}.py out.ipynb --folder ../results/${item}
  other:
    cmd: [python -m audiosae.pipeline.notebook notebooks/04_d.py out.ipynb --size 3, echo]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "params.yaml").write_text("codecs: [encodec]\nseed: 7\na:\n  alphas: [1, 10]\n  rate: 0.001\n")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", []),
        ("ipynb,py:percent", "py:percent", ["its header does not pair it"]),
        ("name: python3", "name: julia", ["its header names no kernel"]),
        ("# And what this is about.\n", "", ["it does not begin with prose"]),
        ("print(codec)", "\n".join(["print(codec)"] * 36), ["cell 3 has 36 lines"]),
        ("print(codec)", "\n\n# %%\n".join(["print(codec)\n" * 30] * 2), ["it has 64 lines of code"]),
        ("print(codec)", "print(codec)  # so\n\n# %%\n" + "# and so on\n" * 20 + "\n# %%\n" + '"""\n' + "words\n" * 20 + '"""', []),
        ("print(codec)", "open('../params.yaml')", ["cell 3 reads params.yaml"]),
        (' tags=["parameters"]', "", ["0 cells are tagged"]),
        ("# %%\nprint", '# %% tags=["parameters"]\nprint', ["2 cells are tagged"]),
        ("[1, 10]", "[1, 20]", ["alphas is [1, 20] here and [1, 10] in params.yaml"]),
        ("1e-3", "1e-4", ["rate is 0.0001 here and 0.001"]),
        ("seed = 7", "seed = 8", ["seed is 8 here and 7"]),
        ("seed = 7", "", ["the pipeline passes seed"]),
        ("seed = 7", "seed = 7\nmore = 1", ["the pipeline never passes more"]),
        ("seed = 7", "seed = 3 + 4 * rate", ["its parameters are not plain values"]),
        ("seed = 7", "print(7)", ["its parameters are not plain values: line 4"]),
        ('"encodec"', '"another"', []),
    ],
)
def test_what_a_notebook_must_not_be(project: Path, old: str, new: str, told: list[str]) -> None:
    path = project / "notebooks/01_a.py"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    found = complaints(project, path)
    assert len(found) == len(told), found
    assert all(line.startswith(start) for line, start in zip(found, told)), found


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("01_a", {"codec": ..., "seed": 7, "alphas": [1, 10], "rate": 0.001}),
        ("02_b", {"folder": ...}),
        ("03_c", {"folder": ...}),
        ("04_d", {"size": ...}),
        ("05_e", {}),
    ],
)
def test_what_the_pipeline_passes_is_read_from_its_commands(project: Path, name: str, given: dict[str, Any]) -> None:
    assert passed(project, f"notebooks/{name}.py") == given
