"""Run a notebook as a stage: values for its parameters in, one reproducible file out.

::

    python -m audiosae.pipeline.notebook NOTEBOOK.py OUT.ipynb --name value --names value value --flag true

The notebook is a jupytext percent script. Its cell tagged ``parameters`` holds the defaults; values from the command
line are written over them, in place, so that the executed notebook shows what ran beside the comments that explain
it. Papermill runs the cells in the notebook's own folder; what comes out is made canonical (`audiosae.pipeline.canonical`) and
written whole, or not at all.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from itertools import accumulate
from pathlib import Path

import jupytext
import nbformat
import papermill
import yaml
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from audiosae.errors import AudiosaeError, ParameterError, report
from audiosae.files import whole
from audiosae.pipeline.canonical import canonical

USAGE = "python -m audiosae.pipeline.notebook NOTEBOOK.py OUT.ipynb [--name value ...] [--flag | --no-flag]"


class NotebookError(AudiosaeError):
    """A notebook is missing, or one of its cells failed."""


def main() -> None:
    """Read the command line, run the notebook, and repeat on stderr what its cells put there."""
    notebook, out, options = parse(sys.argv[1:])
    executed = execute(notebook, out, options)
    for number, cell in enumerate(executed.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                print(f"{notebook}, cell {number}, on stderr:\n{output.text}", file=sys.stderr)


def parse(arguments: list[str]) -> tuple[Path, Path, dict[str, list[str]]]:
    """Split a command line into two paths and the words that follow each ``--name``.

    Parameters
    ----------
    arguments
        The command line without the program. A word opens an option if it begins with ``--`` and a letter, so
        negative numbers are values.

    Returns
    -------
    notebook, out
        The first two words.
    options
        Name to words, dashes in names read as underscores; ``--no-flag`` gives ``{"flag": ["false"]}``.

    Raises
    ------
    ParameterError
        If a path is missing, a stray word stands before the first option, or a name is given twice.
    """
    paths: list[str] = []
    options: dict[str, list[str]] = {}
    words = paths
    for word in arguments:
        if not re.match(r"--[^\W\d]", word):
            words.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        if name in options:
            raise ParameterError(f"--{name} is given twice; keep one.")
        words = options[name] = [value] if equals else []
    if len(paths) != 2:
        raise ParameterError(f"expected two paths before the options, got {paths}.\nusage: {USAGE}")
    for name in [name for name, words in options.items() if name.startswith("no_") and not words]:
        options[name.removeprefix("no_")] = ["false"]
        del options[name]
    return Path(paths[0]), Path(paths[1]), options


def execute(notebook: Path, out: Path, options: dict[str, list[str]]) -> nbformat.NotebookNode:
    """Run one notebook and write it, executed and canonical.

    Parameters
    ----------
    notebook
        A jupytext percent script; its folder is the working directory of the cells.
    out
        The .ipynb to write; its folder is made where it is missing.
    options
        Parameter name to words, as `parse` returns them.

    Returns
    -------
    What was written.

    Raises
    ------
    ParameterError
        If a parameter is unknown or its value does not suit the type of the default.
    NotebookError
        If the notebook is missing, or a cell fails or ends the run; `out` is then left as it was.
    """
    if not notebook.is_file():
        raise NotebookError(f"{notebook}: there is no such notebook; check the path.")
    book = nbformat.from_dict(jupytext.read(notebook))
    fill_parameters(book, options, where=str(notebook))
    # Papermill needs a kernel by name; this one is the interpreter that runs this very line.
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    # The hash of a string, and so the order of a set, differs from process to process unless this is set.
    os.environ["PYTHONHASHSEED"] = "0"
    # Threads that wait by spinning take the core from whatever else runs. On two cores beside one busy process, SAE
    # training took 14 times as long with the default, 3 times with a short spin, which costs nothing when alone.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Sockets of this machine alone; over TCP the kernel would warn that anybody may read along.
    config = Config({"KernelManager": {"transport": "ipc"}})
    try:
        executed = papermill.execute_notebook(book, None, cwd=str(notebook.parent), progress_bar=True, config=config)
    except PapermillExecutionError as error:
        trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
        raise NotebookError(
            f"{notebook}, cell {error.cell_index + 1}: {error.ename}: {error.evalue}\n"
            f"--- the cell\n{error.source}\n--- where it failed\n{trace}\n---\n{out} was not written."
        ) from None
    except DeadKernelError as error:
        raise NotebookError(
            f"{notebook}: the process that ran the cells was killed ({error}), perhaps for want of memory; {out} was not written."
        ) from None
    for number, cell in enumerate(executed.cells, start=1):
        # Papermill takes `sys.exit()` for a good end, and leaves out the cells that follow.
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            raise NotebookError(
                f"{notebook}, cell {number}: it ended the run with sys.exit() or SystemExit, so the cells after it did not run; raise an "
                f"error instead, or take the line out.\n--- the cell\n{cell.source}\n---\n{out} was not written."
            )
    result = canonical(executed, root=notebook.resolve().parent.parent, where=str(notebook))
    whole.write(out, nbformat.writes(result, version=4) + "\n")
    return result


def fill_parameters(book: nbformat.NotebookNode, options: dict[str, list[str]], where: str) -> None:
    """Write values over the defaults in the cell tagged ``parameters``.

    Parameters
    ----------
    book
        Changed in place. Each line of the cell is ``name = literal``; its comments stay. A list of whole numbers whose name is
        annotated with ``list[float]`` takes fractions too.
    options
        Parameter name to words.
    where
        Name of the notebook, for messages.

    Raises
    ------
    ParameterError
        If there is not exactly one such cell, a default is no literal, a name is unknown, or a value does not fit.
    """
    cells = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(f"{where}: {len(cells)} cells are tagged `parameters`; tag exactly one.")
    source = cells[0].source.encode()  # the syntax tree counts bytes
    starts = list(accumulate(map(len, source.splitlines(keepends=True)), initial=0))
    found: dict[str, tuple[ast.expr, object]] = {}
    fractions: set[str] = set()
    for statement in ast.parse(source).body:
        match statement:
            case ast.Expr(value=ast.Constant()):  # a docstring
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=ast.expr() as value):
                fractions |= {name} if ast.unparse(kind) == "list[float]" else set()
            case _:
                name, value = "", statement
        try:
            found[name] = value, ast.literal_eval(value)
        except ValueError:
            raise ParameterError(
                f"{where}: line {statement.lineno} of the parameters cell is not `name = literal`; move anything computed to the next cell."
            ) from None
    if unknown := sorted(options.keys() - found.keys()):
        raise ParameterError(f"{where}: unknown parameter {', '.join(unknown)}; known are {', '.join(sorted(found)) or 'none'}.")
    for name, (node, default) in reversed(found.items()):  # from the end backwards, so that the earlier offsets stay true
        if name in options:
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            if name in fractions:  # of whole numbers, but 0.5 would do as well
                chosen: object = [int(word) if word.isdigit() else convert(name, [word], 0.5, where) for word in options[name]]
            else:
                chosen = convert(name, options[name], default, where)
            source = source[:start] + repr(chosen).encode() + source[end:]
    cells[0].source = source.decode()


def convert(name: str, words: list[str], default: object, where: str) -> object:
    """Turn the words of one option into a value of the default's type.

    Parameters
    ----------
    name
        Of the parameter.
    words
        As typed; none at all means true for a flag and the empty list for a list.
    default
        Its type decides: bool, int, float, str, a list or tuple of one of them, or None, which takes any YAML scalar.
    where
        Name of the notebook, for messages.

    Raises
    ------
    ParameterError
        If the words cannot be read so.
    """
    if isinstance(default, list | tuple):
        return type(default)(convert(name, [word], default[0] if default else None, where) for word in words)
    if isinstance(default, bool) and not words:
        return True
    if len(words) != 1:
        raise ParameterError(f"{where}: --{name} takes one value, {len(words)} were given: {' '.join(words)}.")
    (word,) = words
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[word.lower()]
        if isinstance(default, str | int | float):
            return type(default)(word)
        if not isinstance(value := yaml.safe_load(word), list | dict):
            return value
    except (KeyError, ValueError):
        pass
    kind = "single value" if default is None else type(default).__name__
    raise ParameterError(f"{where}: --{name} {word}: expected a {kind}, such as the default {default!r}.")


if __name__ == "__main__":
    report(main)
