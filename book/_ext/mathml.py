"""Formulae as MathML, which browsers draw themselves: no script, no font, no other host."""

from __future__ import annotations

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def to_mathml(node: nodes.math | nodes.math_block, display: str) -> str:
    """Convert one formula; a command that the converter does not know fails the build."""
    mathml = convert(node.astext(), display=display)
    if "\\" in mathml or "&#x0005C;" in mathml:
        logger.warning("this formula holds a LaTeX command that MathML was not made from: %s", node.astext(), location=node)
    return mathml


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    self.body.append(to_mathml(node, "inline"))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number and its anchor where it has them."""
    # A wide formula scrolls on a narrow screen, and the keyboard has to reach what scrolls.
    self.body.append(self.starttag(node, "div", CLASS="formula", tabindex="0", role="group", **{"aria-label": "Formula"}))
    self.body.append(to_mathml(node, "block"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
