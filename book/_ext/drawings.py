"""Figures in prose that the stage `drawings` wrote, for light and dark pages.

In a page, with the name of the figure, words for those who do not see it, and a caption::

    ```{drawing} untrained
    :alt: Differences of accuracy with intervals, by property and codec
    What to see in it.
    ```

The stage adds a sentence on what the figure shows, made from the same numbers. Where there was nothing to draw, a sentence says so.
"""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = "_static/drawings"


class Drawing(SphinxDirective):
    """The directive `drawing`."""

    required_arguments = 1
    option_spec = {"alt": directives.unchanged_required}
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a figure with two images, of which a page shows one."""
        if not Path(self.env.srcdir, FOLDER, f"{self.arguments[0]}.png").is_file():
            return [nodes.paragraph("", "", nodes.emphasis("", "There is nothing to draw here: results/ has no figures of it."))]
        figure = nodes.figure()
        for end, theme in ((".png", "for-light"), ("-dark.png", "for-dark")):
            figure += nodes.image("", uri=f"{FOLDER}/{self.arguments[0]}{end}", alt=self.options["alt"], classes=[theme])
        told = json.loads(Path(self.env.srcdir, FOLDER, "told.json").read_text(encoding="utf-8")).get(self.arguments[0])
        if self.content:
            inner = nodes.Element()
            content = StringList([*self.content, *filter(None, [told])], source=self.get_location())
            self.state.nested_parse(content, self.content_offset, inner)
            [first, *rest] = inner.children
            figure += nodes.caption(first.rawsource, "", *first.children)
            if rest:
                figure += nodes.legend("", *rest)
        return [figure]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
