"""A quiet line below every figure, table and sound that a notebook made: which cell, which stage.

Cells get their ids from the executed notebook (`audiosae.pipeline.canonical`), so that each can be linked: ``03_probing.html#cell-012``.
At the top stands a link that opens the notebook, where there is one (`launch`).
Pictures and sounds of a stage that stand in prose get the line too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import launch
from docutils import nodes
from pipeline import Pipeline, Stage
from provenance import PAGE, link
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

SOUND = re.compile(r'data-audiosae-src="static:([^"]+)"')


def line(env: BuildEnvironment, stage: Stage | None, page: str | None, index: int | None) -> nodes.paragraph | None:
    """“Made by cell 12 of 03_probing · stage probing@encodec”, with a link on each, as far as they are known.

    Parameters
    ----------
    env
        Of the page that is being read.
    stage, page, index
        What made the figure: its stage, its notebook's page, and the cell there, counted from 0.
    """
    parts: list[nodes.Node] = []
    if index is not None:
        parts.append(link(env, f"cell {index} of {page.rsplit('/', 1)[-1]}", page, f"cell-{index:03d}"))
    if stage and PAGE in env.found_docs:
        parts.append(link(env, f"stage {stage.name}", PAGE, stage.anchor))
    if not parts:
        return None
    between = [child for part in parts for child in (nodes.Text(" · "), part)][1:]
    return nodes.paragraph("", "", nodes.Text("Made by "), *between, classes=["made-by-cell"])


def outputs(cell: nodes.container) -> Iterator[nodes.container]:
    """The output of a cell where it shows more than text."""
    for output in cell.children:
        kinds = [kind for child in output.findall(nodes.container) if (kind := child.get("mime_type"))]
        if output.get("nb_element") == "cell_code_output" and any(kind.startswith("image/") or kind == "text/html" for kind in kinds):
            yield output


def mark_notebook(env: BuildEnvironment, doctree: nodes.document, stage: Stage | None) -> None:
    """Give cells their ids, and a line to those with figures; say at the top which stage ran the notebook."""
    for cell in list(doctree.findall(lambda node: isinstance(node, nodes.container) and node.get("nb_element") == "cell_code")):
        cell["ids"].append(f"cell-{cell['cell_index']:03d}")
        for output in outputs(cell):
            output += line(env, stage, env.docname, cell["cell_index"])
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and stage and (said := line(env, stage, None, None)):
        if address := launch.address(env.docname.rsplit("/", 1)[-1]):
            said += [nodes.Text(" · "), nodes.reference("", launch.WORDS, refuri=address, internal=False)]
        title.parent.insert(title.parent.index(title) + 1, said)


def mark_prose(env: BuildEnvironment, doctree: nodes.document, pipeline: Pipeline) -> None:
    """Give a line to pictures and sounds that a stage wrote."""
    for image in list(doctree.findall(nodes.image)):
        stage = pipeline.writer(f"book/{image['uri']}")
        if stage and (said := line(env, stage, None, None)):
            figure = image.parent
            figure += nodes.legend("", said) if isinstance(figure, nodes.figure) else said
    for raw in list(doctree.findall(nodes.raw)):
        if not (found := SOUND.search(raw.astext())) or not (stage := pipeline.writer(f"book/_static/{found[1]}")):
            continue
        page = next((page for page in pipeline.pages(stage) if page in env.found_docs), None)
        if said := line(env, stage, page, pipeline.cell(page, found[1]) if page else None):
            raw.parent.insert(raw.parent.index(raw) + 1, said)


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Add the lines to a page that was just read."""
    pipeline: Pipeline = app.env.pipeline
    if app.env.doc2path(app.env.docname).endswith(".ipynb"):
        mark_notebook(app.env, doctree, pipeline.writer(f"book/{app.env.docname}.ipynb"))
    else:
        mark_prose(app.env, doctree, pipeline)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("provenance")
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
