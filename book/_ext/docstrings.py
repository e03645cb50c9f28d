"""Docstrings as they stand, in the book's reference.

They are written to be read in a terminal, where |x| is an absolute value and a star is a star. To Sphinx both are markup, so that
they are escaped here, outside of code.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

MARK = re.compile(r"``.*?``|`[^`]*`|(?<!\\)([|*])")


def escape(line: str) -> str:
    """A line of a docstring, with bars and stars outside of backticks escaped."""
    return MARK.sub(lambda match: f"\\{match[1]}" if match[1] else match[0], line)


def process(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Escape a whole docstring in place, as Sphinx's event asks for."""
    lines[:] = map(escape, lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, before napoleon writes markup of its own."""
    app.connect("autodoc-process-docstring", process, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
