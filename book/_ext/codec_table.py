"""Tables with one column a codec, for however many codecs the results hold.

A page names a branch of results/ whose keys are codecs, and gives one row a figure in YAML: what it is, where it stands
below the codec (keys, and places in a list, with dots between; or a list of them, where one has a dot itself), and how it is written::

    ```{codec-table} extraction
    :heading: decoded against original
    - [correlation of frame RMS, reconstruction.rms, number, 3]
    - [what others found, {encodec: 0.55 to 0.95}]
    ```

``:columns: pitch timbre`` names other columns, where a branch is not by codec. Each table can be saved
as CSV. Where `make released` has left the same branch in results/released/, its codecs stand beside the others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from audiosae.files import params
from audiosae.files.params import OF_AUTHORS, title

MADE = re.compile(r"\{made\}`(.*?) <.*?>`|\*\*|\$")
"""What a cell has besides the text that is read."""


def markdown(
    branch: Any, codecs: list[str], heading: str, rows: list[list[Any]], names: Mapping[str, Any], released: Any = None
) -> list[str]:  # fmt: skip
    """Lines of a table.

    Parameters
    ----------
    branch
        Results by codec.
    codecs
        One a column.
    heading
        Of the first column.
    rows
        Label, path, name of a formatter, and what else that takes; or label, and text by codec. A figure that is null, or a
        codec that is not there, is a dash; a wrong key fails the build.
    names
        Where formatters are found.
    released
        The same branch with the authors' weights, or None.
    """
    columns = [(title(codec), branch, codec) for codec in codecs]
    columns += [(title(f"{codec}{OF_AUTHORS}"), released, codec) for codec in codecs if released is not None and codec in released.keys()]
    lines = [[heading, *(name for name, _, _ in columns)], ["---"] * (1 + len(columns))]
    for label, source, *form in rows:
        if isinstance(source, dict):
            cells = [str(source.get(codec, "–")) for _, _, codec in columns]
        else:
            values = [_at(of, codec, source) for _, of, codec in columns]
            cells = ["–" if value is None else names[form[0]](value, *form[1:]) for value in values]
        lines.append([label, *cells])
    return [f"| {' | '.join(line)} |" for line in lines]


def _at(branch: Any, codec: str, path: str | list[str]) -> Any:
    value = branch[codec] if codec in branch.keys() else None
    for key in path.split(".") if isinstance(path, str) else path:
        value = None if value is None else value[int(key) if isinstance(value, list) else key]
    return value


class CodecTable(SphinxDirective):
    """The directive `codec-table`."""

    required_arguments = 1
    option_spec = {"heading": directives.unchanged, "columns": directives.unchanged}
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the table, or fail the build with the place of what is wrong."""
        names = self.config.myst_substitutions
        first, *rest = self.arguments[0].split(".")
        try:
            branch, released = names[first], names.get("released")
            for key in rest:
                branch = branch[key]
            for key in (first, *rest):
                released = released[key] if released is not None and key in released.keys() else None
            rows = yaml.safe_load("\n".join(self.content))
            columns = (
                self.options["columns"].split()
                if "columns" in self.options
                else list(params.codecs(Path(self.env.srcdir).parent / "params.yaml"))
            )
            lines = markdown(branch, columns, self.options.get("heading", ""), rows, names, released)
        except (KeyError, ValueError, yaml.YAMLError) as error:
            raise ExtensionError(f"{self.get_location()}: codec-table: {error}") from error
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, source=self.get_location()), 0, container)
        container += nodes.raw("", saved(lines, "-".join([self.arguments[0], self.options.get("heading", "")])), format="html")
        return container.children


def saved(lines: list[str], name: str) -> str:
    """A link that saves a table as CSV, with the figures as they are read."""
    text = io.StringIO()
    rows = [
        [MADE.sub(lambda found: found[1] or "", cell.strip()) for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])
    ]
    csv.writer(text, lineterminator="\n").writerows(rows)
    file = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f'<p class="saved"><a download="{escape(file)}.csv" href="data:text/csv;charset=utf-8,{quote(text.getvalue())}">CSV</a></p>'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("codec-table", CodecTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
