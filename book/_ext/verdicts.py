"""The claims of results/verdicts.json in the book.

``{verdict-table}`` writes all of one kind in one table, a row a claim, with links to their sections. ``{verdicts} paper`` writes those sections:
the claim, our test of it, the figures with their intervals, the verdict, and the differences that bear on it; ``{verdicts} open`` does
the same for the questions that the paper leaves open.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

ANSWERS = {"holds": "yes", "holds in part": "in part", "does not hold here": "no", "cannot be told here": "cannot be told here"}
"""How a verdict is worded where a question was asked and no claim made."""


def words(verdict: str, kind: str) -> str:
    """A verdict as it stands on the page: Markdown, set apart by bold type and not by colour alone."""
    return f"**{verdict if kind == 'paper' else ANSWERS[verdict]}**"


def figure(found: dict[str, Any], names: dict[str, Any]) -> str:
    """A figure with its interval as Markdown; it is written from results/ itself, so that it carries its origin.

    Parameters
    ----------
    found
        As `audiosae.evidence.verdicts.Figure`.
    names
        Results by file, and formatters.
    """
    digits = found["digits"]
    value = found["value"] if isinstance(found["value"], list) else _origin(found, found["path"], names)
    if value is None:
        return f"{found['label']}: n/a"
    text = names["interval"](value, digits) if isinstance(value, list) else names["number"](value, digits)
    return f"{found['label']}: {text}" + (
        f" ({names['interval'](found['ci95'], digits)})" if found["ci95"] and None not in found["ci95"] else ""
    )


def _origin(found: dict[str, Any], path: list[str], names: dict[str, Any]) -> Any:
    """The number as it stands in its own file; the verdict's copy where it was counted and stands nowhere."""
    value: Any = None
    first, *rest = found["file"].removesuffix(".json").split("/")
    branch = names.get(first)
    for key in [*rest, *path]:
        branch = branch[key] if branch is not None and hasattr(branch, "keys") and key in branch.keys() else None
    value = branch
    return value if value == found["value"] else found["value"]


def section(claim: dict[str, Any], names: dict[str, Any]) -> list[str]:
    """Lines of Markdown for one claim."""
    kind = claim["kind"]
    asked = "Verdict" if kind == "paper" else "Answer"
    rows = [
        f"| {subject} | {words(finding['verdict'], kind)} | {'<br>'.join(figure(found, names) for found in finding['figures']) or '–'} |"
        for subject, finding in claim["by"].items()
    ]
    return [
        f"({claim['kind']}-{claim['key']})=",
        f"### {claim['claim']}",
        "",
        f"{asked}: {words(claim['verdict'], kind)}. Section {claim['section']} of the paper; figures and code: {{doc}}`{claim['page']}`.",
        "",
        f"*Test.* {claim['test']}",
        "",
        f"| | {asked.lower()} | figures (95 % intervals) |",
        "|---|---|---|",
        *rows,
        "",
        f"*What bears on it.* {' '.join(claim['bears'])}",
        "",
    ]


class _FromVerdicts(SphinxDirective):
    """What both directives share: the claims, and a way to write Markdown."""

    required_arguments = 1

    def claims(self) -> list[dict[str, Any]]:
        """The claims of the kind that was asked for."""
        kind = self.arguments[0]
        try:
            found = [claim for claim in self.config.myst_substitutions["verdicts"]["claims"] if claim["kind"] == kind]
        except (KeyError, ValueError) as error:
            raise ExtensionError(f"{self.get_location()}: {self.name}: {error}; run `dvc repro verdicts`.") from error
        if not found:
            raise ExtensionError(f"{self.get_location()}: {self.name}: no claims of kind {kind!r}; kinds are paper and open.")
        return found

    def write(self, lines: list[str]) -> list[nodes.Node]:
        """Parse Markdown, headings among it."""
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, source=self.get_location()), self.content_offset, container, match_titles=True)
        return container.children


class Verdicts(_FromVerdicts):
    """The directive `verdicts`."""

    def run(self) -> list[nodes.Node]:
        """One section a claim."""
        return self.write([line for claim in self.claims() for line in section(claim, self.config.myst_substitutions)])


class VerdictTable(_FromVerdicts):
    """The directive `verdict-table`."""

    def run(self) -> list[nodes.Node]:
        """One row a claim."""
        claims = self.claims()
        heads = ["the paper says", "verdict"] if self.arguments[0] == "paper" else ["question", "answer"]
        rows = [f"| [{claim['claim']}](#{claim['kind']}-{claim['key']}) | {words(claim['verdict'], claim['kind'])} |" for claim in claims]
        return self.write([f"| {' | '.join(heads)} |", "|---|---|", *rows])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("verdicts", Verdicts)
    app.add_directive("verdict-table", VerdictTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
