"""Run a notebook as a stage: values for its parameters in, one reproducible file out.

    python -m audiosae.pipeline.notebook NOTEBOOK.py OUT.ipynb --name value --names value value --flag --no-other-flag

The notebook is a jupytext percent script. Its cell tagged ``parameters`` holds the defaults; values from the command line are written
over them, in place, so that the executed notebook shows what ran beside the comments that explain it. Papermill runs the cells in the
notebook's own folder; what comes out is made canonical (`audiosae.pipeline.canonical`).
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from audiosae.errors import AudiosaeError, NothingToShow, ParameterError, report
from audiosae.files import whole
from audiosae.pipeline.canonical import canonical


class NotebookError(AudiosaeError):
    """A notebook is missing, or one of its cells failed."""


def main() -> None:
    """Run the notebook that the command line names."""
    if len(sys.argv) < 3:
        raise ParameterError("name two paths: python -m audiosae.pipeline.notebook NOTEBOOK.py OUT.ipynb [--name value ...]")
    execute(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])


def execute(notebook: Path, out: Path, words: Sequence[str] = ()) -> nbformat.NotebookNode:
    """Run one notebook, write it, executed and canonical, whole or not at all, and return what was written.

    `words` are values for its parameters, as on a command line; one that does not fit ends the process, as argparse does.

    Raises
    ------
    ParameterError
        If the cell of parameters holds anything but ``name = literal``.
    NotebookError
        If the notebook is missing, or a cell fails or ends the run; `out` is then left as it was.
    """
    if not notebook.is_file():
        raise NotebookError(f"{notebook}: there is no such notebook; check the path.")
    book = nbformat.from_dict(jupytext.read(notebook))
    fill_parameters(book, words, where=str(notebook))
    # Papermill needs a kernel by name; this one is the interpreter that runs this very line.
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    # The hash of a string, and so the order of a set, differs from process to process unless this is set.
    os.environ["PYTHONHASHSEED"] = "0"
    # On two cores beside one busy process, SAE training took 14 times as long with threads that spin, 3 times with a short spin.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Sockets of this machine alone; over TCP the kernel would warn that anybody may read along.
    config = Config({"KernelManager": {"transport": "ipc"}})
    try:
        executed = papermill.execute_notebook(book, None, cwd=str(notebook.parent), stderr_file=sys.stderr, config=config)
    except PapermillExecutionError as error:
        if error.ename == NothingToShow.__name__:
            told = {"text/markdown": error.evalue, "text/plain": error.evalue}
            book.cells[error.cell_index].outputs = [nbformat.v4.new_output("display_data", told)]
            return _write(book, out, notebook)
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
    return _write(executed, out, notebook)


def _write(executed: nbformat.NotebookNode, out: Path, notebook: Path) -> nbformat.NotebookNode:
    """Write an executed notebook in its canonical form, and return that."""
    result = canonical(executed, root=notebook.resolve().parent.parent, where=str(notebook))
    whole.write(out, nbformat.writes(result, version=4) + "\n")
    return result


def fill_parameters(book: nbformat.NotebookNode, words: Sequence[str], where: str) -> None:
    """Write values over the defaults in the cell tagged ``parameters``, in place; `where` is for messages.

    A value gets the type of its default. A list of whole numbers whose name is annotated with ``list[float]`` takes fractions too.

    Raises
    ------
    ParameterError
        If there is not exactly one such cell, or a line of it is not ``name = literal``.
    """
    cells = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(f"{where}: {len(cells)} cells are tagged `parameters`; tag exactly one.")
    parser = argparse.ArgumentParser(where, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    nodes: dict[str, ast.expr] = {}
    for statement in ast.parse(cells[0].source).body:
        kind = ""
        match statement:
            case ast.Expr(value=ast.Constant()):  # a docstring
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                kind = ast.unparse(annotation)
            case _:
                name, value = "", statement
        try:
            default = ast.literal_eval(value)
        except ValueError:
            raise ParameterError(
                f"{where}: line {statement.lineno} of the parameters cell is not `name = literal`; move anything computed to the next cell."
            ) from None
        nodes[name] = value
        parser.add_argument(f"--{name}", **_read_as(default, kind))
    source = cells[0].source.encode()  # the syntax tree counts bytes
    starts = list(accumulate(map(len, source.splitlines(keepends=True)), initial=0))
    given = vars(parser.parse_args(words))
    for name, node in reversed(nodes.items()):  # from the end backwards, so that the earlier offsets stay true
        if name in given:
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            source = source[:start] + repr(given[name]).encode() + source[end:]
    cells[0].source = source.decode()


def _read_as(default: Any, annotation: str) -> dict[str, Any]:
    """How argparse reads a value in place of a default."""
    if isinstance(default, bool):
        return {"action": argparse.BooleanOptionalAction}
    if annotation == "list[float]":
        return {"type": _number, "nargs": "*"}
    if isinstance(default, list):
        return {"type": type(default[0]) if default else str, "nargs": "*"}
    return {"type": str if default is None else type(default)}


def _number(word: str) -> float:
    return int(word) if word.isdigit() else float(word)


if __name__ == "__main__":
    report(main)
