"""A quiet line below every figure, table and sound that a notebook made: which cell, which stage.

Cells get their ids from the executed notebook, so that each can be linked: ``03_probing.html#cell-012``, and where codecs stand in tabs
(`audiosae.pipeline.side_by_side`) ``03_probing.html#cell-012-encodec``. At the top stands a link that opens the notebook, where there is one (`launch`).
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

from audiosae.pipeline.side_by_side import KEY

SOUND = re.compile(r'data-audiosae-src="static:([^"]+)"')


def line(env: BuildEnvironment, stage: Stage | None, index: int | None = None, shown: Stage | None = None) -> nodes.paragraph | None:
    """“Made by cell 12 of 03_probing · stage page_probing@encodec”, with a link on each, as far as they are known.

    Parameters
    ----------
    env
        Of the page that is being read.
    stage, index
        What made the figure: its stage, and the cell of its notebook that shows it, counted from 0.
    shown
        The stage that ran this notebook, if another.
    """
    parts: list[nodes.Node] = []
    if index is not None and (shown := shown or stage):
        alone = len(env.pipeline.runs(shown.page)) == 1
        parts.append(link(env, f"cell {index} of {shown.notebook.stem}", shown.page, anchor(index, "" if alone else shown.run)))
    if stage and PAGE in env.found_docs:
        parts.append(link(env, f"stage {stage.name}", PAGE, stage.anchor))
    if not parts:
        return None
    between = [child for part in parts for child in (nodes.Text(" · "), part)][1:]
    return nodes.paragraph("", "", nodes.Text("Made by "), *between, classes=["made-by-cell"])


def anchor(index: int, run: str) -> str:
    """The id of a cell, or of its output in one run of several."""
    return f"cell-{index:03d}" + (f"-{run}" if run else "")


def outputs(cell: nodes.container) -> Iterator[nodes.container]:
    """The output of a cell where it shows more than text."""
    for output in cell.children:
        kinds = [kind for child in output.findall(nodes.container) if (kind := child.get("mime_type"))]
        if output.get("nb_element") == "cell_code_output" and any(kind.startswith("image/") or kind == "text/html" for kind in kinds):
            yield output


def mark_notebook(env: BuildEnvironment, doctree: nodes.document, runs: dict[str, Stage]) -> None:
    """Give cells their ids, and a line to those with figures; say at the top which stages ran the notebook."""
    for cell in list(doctree.findall(lambda node: isinstance(node, nodes.container) and node.get("nb_element") == "cell_code")):
        told = cell["cell_metadata"][KEY]
        # A cell that is the same in all runs can be linked as that of any.
        cell["ids"] += [anchor(told["cell"], run) for run in ([told["run"]] if "run" in told else ["", *(runs if len(runs) > 1 else ())])]
        for output in outputs(cell):
            output += line(env, runs.get(told.get("run", next(iter(runs)))), told["cell"])
    title = next(iter(doctree.findall(nodes.title)), None)
    said = [said for stage in runs.values() if (said := line(env, stage))]
    if title is not None and said:
        for further in said[1:]:
            said[0] += [nodes.Text(", "), *further.children[1:]]
        if address := launch.address(env.docname.rsplit("/", 1)[-1]):
            said[0] += [nodes.Text(" · "), nodes.reference("", launch.WORDS, refuri=address, internal=False)]
        title.parent.insert(title.parent.index(title) + 1, said[0])


def mark_prose(env: BuildEnvironment, doctree: nodes.document, pipeline: Pipeline) -> None:
    """Give a line to pictures and sounds that a stage wrote."""
    for image in list(doctree.findall(nodes.image)):
        if "for-dark" in image["classes"]:
            continue  # its light one has the line
        stage = pipeline.writer(f"book/{image['uri']}")
        if stage and (said := line(env, stage)):
            figure = image.parent
            figure += nodes.legend("", said) if isinstance(figure, nodes.figure) else said
    for raw in list(doctree.findall(nodes.raw)):
        if not (found := SOUND.search(raw.astext())) or not (stage := pipeline.writer(f"book/_static/{found[1]}")):
            continue
        shown = next((one for one in pipeline.showing(stage) if one.page in env.found_docs), None)
        if said := line(env, stage, pipeline.cell(shown, found[1]) if shown else None, shown):
            raw.parent.insert(raw.parent.index(raw) + 1, said)


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Add the lines to a page that was just read."""
    pipeline: Pipeline = app.env.pipeline
    if runs := pipeline.runs(app.env.docname):
        mark_notebook(app.env, doctree, runs)
    else:
        mark_prose(app.env, doctree, pipeline)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("provenance")
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
