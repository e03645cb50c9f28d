"""What pages lack for a reader who hears them.

pandas and Markdown mark the corner of a table as a head, empty though it is, and screen readers announce it; here it becomes a plain cell.
docutils gives entries of a bibliography roles that have been withdrawn, or that do not fit what is inside; they go.
A table of sounds scrolls on a narrow screen, and the keyboard has to reach what scrolls.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

EMPTY = re.compile(r"<th\b([^>]*)>((?:\s|&nbsp;|\xa0|</?p>|<br\s*/?>)*)</th>")


CITED = re.compile(r'(<div\b[^>]*class="citation(?:-list)?"[^>]*?) role="[a-z-]+"|<div role="list" (class="citation-list">)')


def without_empty_heads(html: str) -> str:
    """HTML with every empty ``th`` as a ``td``."""
    return EMPTY.sub(r"<td\1>\2</td>", html)


def without_withdrawn_roles(html: str) -> str:
    """HTML whose citations, and the lists of them, have no roles."""
    return CITED.sub(lambda match: match[1] or f"<div {match[2]}", html)


def reachable(html: str) -> str:
    """HTML whose tables of sounds can be reached by keyboard."""
    return html.replace('<div class="audiosae-table">', '<div class="audiosae-table" tabindex="0" role="group" aria-label="Sounds">')


def mend(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Mend the body of a page."""
    if "body" in context:
        context["body"] = reachable(without_withdrawn_roles(without_empty_heads(context["body"])))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
