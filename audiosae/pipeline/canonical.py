"""Make an executed notebook the same file every time its results are the same.

What differs between two equal runs goes: random cell ids, times, widget ids, addresses in memory, process numbers, progress bars.
Everything else that a cell put out stays, warnings above all.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat

from audiosae.errors import AudiosaeError

VIEW = "application/vnd.jupyter.widget-view+json"

# What tqdm draws: a carriage return, "label:  40%|████      | 4/10 [00:01<00:02, 2.0it/s]"; without a known total,
# "4it [00:01, 2.0it/s]"; and cursor movements or blanks that wipe a finished bar.
BAR = re.compile(
    r"\r(?:[^\r\n|]*?\d+%\|[^\r\n|]*\|[^\r\n\[]*|[^\r\n|]*?\d+\S*(?:it|B) )"
    r"\[[\d:?]+(?:<[^\]\r\n]*|, [^\]\r\n]*)\][ ]*"
)
WIPE = re.compile(r"\r[ \t]*(?=\r|\n|$)|\x1b\[A")


class CanonicalError(AudiosaeError):
    """A cell put out something that cannot stand in a static page."""


def canonical(notebook: nbformat.NotebookNode, root: Path, where: str) -> nbformat.NotebookNode:
    """Copy an executed notebook without what changes from run to run, as a valid notebook of format 4.5.

    `root` is the project's folder, which is cut from the paths in warnings; `where` names the notebook in messages. A `CanonicalError` if
    an output is a live widget with no HTML to show instead.
    """
    result = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            # Without versions: another patch release of Python is no new result.
            "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
        }
    )
    result.nbformat_minor = 5
    for index, cell in enumerate(notebook.cells):
        copy = nbformat.from_dict(
            {
                "id": f"cell-{index:03d}",
                "cell_type": cell.cell_type,
                "source": cell.source,
                # `tags` and `mystnb` (alternative text of figures) speak to the book; the rest is about the run.
                "metadata": {key: cell.metadata[key] for key in ("mystnb", "tags") if cell.metadata.get(key)},
            }
        )
        if cell.cell_type == "code":
            copy.execution_count = cell.get("execution_count")
            hidden = {"remove-output", "remove-cell"} & set(cell.metadata.get("tags", []))
            copy.outputs = [] if hidden else _outputs(cell.outputs, root, f"{where}, cell {index + 1}")
        result.cells.append(copy)
    nbformat.validate(result)
    return result


def clean_stream(text: str, root: Path) -> str:
    """Drop progress bars and machine-bound paths from what a cell printed; keep all else."""
    if "\r" in text or "\x1b[A" in text:
        # Bars below bars are drawn with line feeds, as many as there were refreshes: blank lines go with them.
        lines = [WIPE.sub("", BAR.sub("", line)).lstrip("\r") for line in text.split("\n")]
        text = "".join(f"{line}\n" for line in lines if line.strip())
    text = re.sub(r"\S*ipykernel_\d+/\d+\.py", "<cell>", text)
    return text.replace(sys.prefix, "<environment>").replace(f"{root}/", "")


def _outputs(outputs: list[nbformat.NotebookNode], root: Path, where: str) -> list[nbformat.NotebookNode]:
    kept: list[nbformat.NotebookNode] = []
    streams: dict[str, str] = {}

    def flush() -> None:
        # Two pipes carry stdout and stderr, and which arrives first is chance.
        for name in ("stdout", "stderr"):
            if text := clean_stream(streams.pop(name, ""), root):
                kept.append(nbformat.v4.new_output("stream", name=name, text=text))

    for output in outputs:
        if output.output_type == "stream":
            streams[output.name] = streams.get(output.name, "") + output.text
            continue
        data = {kind: value for kind, value in output.get("data", {}).items() if kind != VIEW}
        plain = data.get("text/plain", "")
        if VIEW in output.get("data", {}) and "text/html" not in data:
            if BAR.search("\r" + plain):
                continue
            raise CanonicalError(
                f"{where}: a live widget that a page without Python cannot show. Give it an HTML form, or tag the cell `remove-output`."
            )
        if isinstance(plain, str) and plain:
            data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", plain)
        flush()
        fresh = nbformat.from_dict({"output_type": output.output_type, "data": data, "metadata": {}})
        if output.output_type == "execute_result":
            fresh.execution_count = output.execution_count
        kept.append(fresh)
    flush()
    return kept
