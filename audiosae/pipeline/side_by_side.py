"""One page for all runs of a notebook: prose and code once, and what differs between codecs beside each other.

A stage runs a notebook for one codec and writes book/runs/CODEC/NAME.ipynb. The page book/sections/NAME.ipynb is made of these when the
book is built. Cells say in their metadata, under `KEY`, which cell of the notebook they are, counted from 0, of which run, and whether their
pictures come in pairs, for light and dark pages; the book's extension `runs` lays those of one cell into tabs.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat.notebooknode import NotebookNode

from audiosae.errors import AudiosaeError
from audiosae.figures.theme import DARK
from audiosae.files import whole
from audiosae.files.params import OF_AUTHORS

RUNS, PAGES = "runs", "sections"
"""Folders of the book: executed notebooks, and pages."""

KEY = "audiosae"

NOTHING = "*Nothing is shown here: params.yaml names nothing that this notebook could be run for, or its stages have not run.*"


class RunsError(AudiosaeError):
    """The runs of a notebook do not fit together."""


def write(book: Path, subjects: Sequence[str]) -> None:
    """Make the folder of pages anew from the runs of `subjects`, such as codecs, in their order.

    A notebook without a run, such as that on generators where params.yaml names none, has a page with its introduction, so that other pages
    can refer to it. Runs of `make released` stand beside the others for as long as they are of the same text.

    Raises
    ------
    RunsError
        If two other runs of a notebook are of different text, which happens when only one was run after an edit.
    """
    shutil.rmtree(book / PAGES, ignore_errors=True)
    found: dict[str, dict[str, Path]] = {}
    for subject in subjects:
        for path in sorted((book / RUNS / subject).glob("*.ipynb")):
            found.setdefault(path.name, {})[subject] = path
    for script in (book.parent / "notebooks").glob("*.py"):
        if f"{script.stem}.ipynb" not in found:
            cells = [jupytext.read(script).cells[0], nbformat.v4.new_markdown_cell(NOTHING)]
            whole.write(book / PAGES / f"{script.stem}.ipynb", nbformat.writes(nbformat.v4.new_notebook(cells=cells), version=4) + "\n")
    for name, paths in found.items():
        runs = {subject: nbformat.read(path, as_version=4) for subject, path in paths.items()}
        text = _text(next(iter(runs.values())))
        for subject in [one for one, run in runs.items() if one.endswith(OF_AUTHORS) and _text(run) != text]:
            print(f"{name}: left out that of {subject}, which is of another text; `make released` runs it anew")
            del runs[subject]
        whole.write(book / PAGES / name, nbformat.writes(merge(runs, name), version=4) + "\n")


def merge(runs: Mapping[str, NotebookNode], name: str = "the notebook") -> NotebookNode:
    """One notebook of several runs, by what they are of.

    Where outputs differ, a cell of code is followed by one cell of outputs for each run. Code without output goes to the next code that has
    some. The first run's code stands for all.
    """
    first = next(iter(runs.values()))
    page = nbformat.from_dict({**first, "cells": []})
    if len({len(run.cells) for run in runs.values()}) > 1:
        raise RunsError(f"{name} has more cells in one of {', '.join(runs)} than in another; run dvc repro.")
    waiting: list[str] = []
    for index, cells in enumerate(zip(*(run.cells for run in runs.values()), strict=True)):
        cell = nbformat.from_dict(cells[0])
        if cell.cell_type == "markdown":
            if any(other.source != cell.source for other in cells):
                raise RunsError(f"{name}, cell {index}: its text differs between {', '.join(runs)}; run dvc repro.")
            page.cells.append(cell)
            continue
        waiting.append(cell.source)
        if not any(other.outputs for other in cells):
            continue
        cell.source, waiting = "\n\n".join(waiting), []
        page.cells.append(cell)
        if all(other.outputs == cell.outputs for other in cells):
            _tell(cell, index)
            continue
        cell.outputs = []
        _tell(cell, index)
        for subject, other in zip(runs, cells, strict=True):
            tags = [*other.metadata.get("tags", []), "remove-input"]
            # MyST-NB leaves out a cell without source, with its outputs.
            of_run = {**other, "id": f"{other.id}-{subject}"[:64], "source": f"# {subject}", "metadata": {**other.metadata, "tags": tags}}
            page.cells.append(_tell(nbformat.from_dict(of_run), index, run=subject))
    return page


def _text(run: NotebookNode) -> list[str]:
    """What the runs of a notebook have in common."""
    return [cell.source if cell.cell_type == "markdown" else "" for cell in run.cells]


def _tell(cell: NotebookNode, index: int, **told: str) -> NotebookNode:
    """Write under `KEY` which cell it is, and put the dark drawing of each figure behind the light one."""
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        dark = output.get("data", {}).pop(DARK, None)
        outputs.append(output)
        if dark is not None:
            outputs.append(nbformat.v4.new_output("display_data", {"image/png": dark}))
    cell.metadata[KEY] = {"cell": index, **told, "pairs": len(outputs) > len(cell.outputs)}
    cell.outputs = outputs
    return cell
