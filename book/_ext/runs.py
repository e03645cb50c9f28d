"""What several runs of a notebook put out, one for each codec, in tabs (`audiosae.pipeline.side_by_side`); figures for light and dark pages.

The tabs are sphinx-design's. Those of one group keep the reader's choice on all pages, and take it from the address: ``?codec=encodec``.
"""

from __future__ import annotations

from itertools import cycle, groupby
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_design.shared import create_component

from audiosae.files import params
from audiosae.files.params import OF_AUTHORS, title
from audiosae.pipeline.side_by_side import KEY

CODEC = "codec"
"""The group of tabs that stand for codecs."""


def tab_set(items: dict[str, list[nodes.Node]], group: str) -> nodes.container:
    """Tabs by what each is of."""
    made = create_component("tab-set", classes=["sd-tab-set"])
    for name, content in items.items():
        label = nodes.rubric(name, title(name), classes=["sd-tab-label"], sync_id=name, sync_group=group)
        made += create_component(
            "tab-item",
            classes=["sd-tab-item"],
            children=[label, create_component("tab-content", classes=["sd-tab-content"], children=content)],
        )
    return made


def run_of(node: nodes.Node) -> tuple[int, str] | None:
    """Cell and run, for an output that differs between runs."""
    told = node.get("cell_metadata", {}).get(KEY, {}) if isinstance(node, nodes.container) else {}
    return (told["cell"], told["run"]) if "run" in told else None


def pair(app: Sphinx, doctree: nodes.document) -> None:
    """Say of figures that come in pairs which is for a light page and which for a dark one."""
    for cell in doctree.findall(nodes.container):
        if cell.get("cell_metadata", {}).get(KEY, {}).get("pairs"):
            for image, theme in zip(list(cell.findall(nodes.image)), cycle(("for-light", "for-dark"))):
                image["classes"].append(theme)


def wrap(app: Sphinx, doctree: nodes.document) -> None:
    """Put outputs of one cell that follow one another into tabs."""
    codecs = params.codecs(Path(app.srcdir).parent / "params.yaml")
    for parent in {node.parent for node in doctree.findall(nodes.container) if run_of(node)}:
        children: list[nodes.Node] = []
        for cell, group in groupby(parent.children, key=lambda node: (run_of(node) or [None])[0]):
            found = list(group)
            if cell is None:
                children += found
                continue
            items = {run_of(node)[1]: [node] for node in found}
            children.append(tab_set(items, CODEC if {name.removesuffix(OF_AUTHORS) for name in items} <= codecs.keys() else "generator"))
        parent.children = []
        parent.extend(children)


def lazy(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Have a page fetch figures as they come near: neither those of other tabs nor those for the other kind of page."""
    if "body" in context:
        context["body"] = (
            context["body"]
            .replace('class="for-light"', 'loading="lazy" class="for-light"')
            .replace('class="for-dark"', 'loading="lazy" class="for-dark"')
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", pair)
    app.connect("doctree-read", wrap, priority=600)  # after `made_by` has given cells their ids
    app.connect("html-page-context", lazy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
