"""Numbers as links to what made them, and the page that says it: ``{provenance}``.

The formatters of `results_in_prose` write a number as the role ``made``, with the places in results/ that it comes from::

    {made}`0.56 <results/probing/encodec.json → properties → pitch → accuracy>`

The page has a section for every stage that wrote figures, and for every file of results that no stage wrote.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from pipeline import SUMMARY, Pipeline, Stage
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

PAGE = "provenance"

HEAD = ["```{table}", ":class: provenance", "", "| what | name | value, or SHA-256 |", "|---|---|---|"]


def link(env: BuildEnvironment, text: str, page: str, anchor: str, **attributes: str) -> nodes.reference:
    """A link from the page that is being read to a place on another, or on the same."""
    address = env.app.builder.get_relative_uri(env.docname, page)
    return nodes.reference("", text, internal=True, refuri=f"{'' if page == env.docname else address}#{anchor}", **attributes)


class Made(SphinxRole):
    """The role `made`: a number that links to the stage that wrote it, and says in its title where it stands."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; the bare number in a book without a page on provenance."""
        text, places = re.fullmatch(r"(.*?) <(.*)>", self.text).groups()
        if PAGE not in self.env.found_docs:
            return [nodes.Text(text)], []
        pipeline: Pipeline = self.env.pipeline
        found = [pipeline.source(file, keys) for file, *keys in (place.split(" → ") for place in places.split("; "))]
        stages = dict.fromkeys(stage.name if (stage := pipeline.writer(file)) else "none" for file, _ in found)
        title = "; ".join([*(" → ".join([file, *keys]) for file, keys in found), f"stage {', '.join(stages)}"])
        return [link(self.env, text, PAGE, pipeline.anchor(found[0][0]), reftitle=title, classes=["made-by"])], []


def rows(pipeline: Pipeline, files: list[str]) -> list[str]:
    """Lines of a table: parameters, hashes of what was read and of code, as the files say, and hashes of the files themselves.

    Parameters
    ----------
    pipeline
        Of the project.
    files
        Of results, by one stage or by none.
    """
    lines: list[str] = []
    for made in filter(None, map(pipeline.provenance, files)):
        lines += [f"| weights | | {made['weights']} |"] if "weights" in made else []
        lines += [f"| parameter | {name} | `{json.dumps(value, ensure_ascii=False)}` |" for name, value in made["parameters"].items()]
        lines += [f"| read | {name} | `{digest}` |" for name, digest in made["inputs"].items()]
        lines += [f"| code | modules reached | `{made['code']}` |"]
    lines += [f"| wrote | {file} | `{pipeline.sha256(file)}` |" for file in files]
    return [*HEAD, *dict.fromkeys(lines), "```"] if lines else []


def about(pipeline: Pipeline, stage: Stage, files: list[str], pages: set[str]) -> list[str]:
    """Lines on a stage: what it runs, whose outcome it reads, and where the book shows its own.

    Parameters
    ----------
    pipeline
        Of the project.
    stage
        One of its stages.
    files
        Of results that it wrote.
    pages
        Of the book.
    """
    shown = list(dict.fromkeys(str(one.page) for one in pipeline.showing(stage) if one.page in pages))
    sentences = [f"Runs `{stage.runs}`" + (f", which the book shows as {{doc}}`/{stage.page}`." if stage.page in shown else ".")]
    # A folder of results that is read may hold what several stages wrote.
    read = [
        *(path for path in stage.reads if not path.startswith("data/code")),
        *(file for path in stage.reads if path.startswith("results") for file in pipeline.files(path)),
    ]
    if before := [writer for path in read if (writer := pipeline.writer(path))]:
        sentences.append(f"It reads what {', '.join(dict.fromkeys(f'[{one.name}](#{one.anchor})' for one in before))} wrote.")
    if shown and not stage.page:
        sentences.append(f"What it wrote is shown by {', '.join(f'{{doc}}`{name} </{name}>`' for name in shown)}.")
    silent = [file for file in files if file.endswith(".json") and not pipeline.provenance(file)]
    if SUMMARY in files:
        sentences.append("It copies figures from their files, and numbers on the pages link to those.")
    elif silent:
        sentences.append(f"No provenance stands in {', '.join(f'`{file}`' for file in silent)}; `dvc.lock` has what was read.")
    if stage.frozen:
        sentences.append("It ran once, with the command that stands in `dvc.lock`.")
    told = stage.frozen or any(map(pipeline.provenance, files))
    return [" ".join(sentences), "", *([] if told else ["```sh", stage.command, "```", ""])]


def page(pipeline: Pipeline, pages: set[str]) -> list[str]:
    """Lines of Markdown with a section for each stage, below it one for each codec, and at the end the files of no stage."""
    lines: list[str] = []
    heading = ""
    for stage in pipeline.stages:
        if any(path.startswith("book/_build") for path in stage.writes):
            continue
        files = [file for path in stage.writes if path.startswith("results") for file in pipeline.files(path)]
        name, _, subject = stage.name.partition("@")
        lines += [f"## {name}", ""] if subject and heading != name else []
        heading = name
        lines += [f"({stage.anchor})=", f"### {stage.name}" if subject else f"## {name}", ""]
        lines += [*about(pipeline, stage, files, pages), *rows(pipeline, files), ""]
    if left := [file for file in pipeline.files("results") if not pipeline.writer(file)]:
        lines += ["## Of no stage", "", "Written by a command that the page with their figures names, or left by an earlier run.", ""]
        for file in left:
            silent = [] if pipeline.provenance(file) else ["It says nothing of its provenance.", ""]
            lines += [f"({pipeline.anchor(file)})=", f"### {file}", "", *silent, *rows(pipeline, [file]), ""]
    return lines


class Provenance(SphinxDirective):
    """The directive `provenance`, for the end of a page."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        lines = page(self.env.pipeline, self.env.found_docs)
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, source=self.get_location()), self.content_offset, container, match_titles=True)
        return container.children


def load(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Read the stages once for all pages."""
    env.pipeline = Pipeline.load(Path(app.srcdir).parent)


def link_commit(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Make the link to the commit, at the foot, relative to the page."""
    address = context["pathto"]("commit.txt", 1)
    context["theme_extra_footer"] = context["theme_extra_footer"].replace('href="commit.txt"', f'href="{address}"')


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("env-before-read-docs", load)
    app.connect("html-page-context", link_commit)
    app.add_role("made", Made())
    app.add_directive("provenance", Provenance)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
