"""Sections of params.yaml in the book, line by line: the directive gives the words, the file the values.

In a page::

    ```{parameters} probing
    penalties: Factors of ½‖W‖² among which validation frames choose.
    iterations: Of L-BFGS.
    seed: Of the intervals.
    ```

Nested sections go by dots, as ``train_codec.encodec``, and a word for a whole nested section explains all of it. A line without
words, or words without a line, fail the build.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective


def lines(section: Mapping[str, Any], words: Mapping[str, str], where: str) -> list[str]:
    """Rows of a Markdown table, in the order of the file.

    Parameters
    ----------
    section
        Of params.yaml.
    words
        What each key means.
    where
        Name of the section, for messages.

    Raises
    ------
    ExtensionError
        If a key has no words, or words have no key.
    """
    if missing := section.keys() - words.keys():
        raise ExtensionError(f"params.yaml: {where}: no words for {', '.join(sorted(missing))} on the page of parameters.")
    if surplus := words.keys() - section.keys():
        raise ExtensionError(f"params.yaml: {where} has no {', '.join(sorted(surplus))}, of which the page of parameters speaks.")
    return [
        "| parameter | value | what it does |",
        "|---|---|---|",
        *(f"| `{key}` | {_shown(value)} | {words[key]} |" for key, value in section.items()),
    ]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"`{key}: {inner}`" for key, inner in value.items())
    return '`""`' if value == "" else f"`{value}`"


class Parameters(SphinxDirective):
    """The directive `parameters`."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """One table."""
        path = Path(self.env.srcdir).parent / "params.yaml"
        self.env.note_dependency(str(path))
        section: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key in self.arguments[0].split("."):
            if not isinstance(section, Mapping) or key not in section:
                raise ExtensionError(f"{self.get_location()}: params.yaml has no section {self.arguments[0]}.")
            section = section[key]
        words = dict(line.split(":", 1) for line in self.content if line.strip())
        rows = lines(section, {key.strip(): text.strip() for key, text in words.items()}, self.arguments[0])
        container = nodes.Element()
        self.state.nested_parse(StringList(rows, source=self.get_location()), self.content_offset, container)
        return container.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("parameters", Parameters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
