"""The claims of results/verdicts.json in the book.

``{verdict-matrix} paper`` writes all of one kind in one table, claims by codecs, with links to their sections. ``{verdicts} paper`` writes those sections:
the claim, our test of it, the figures with their intervals, the verdict, what would change it, and the caveats; ``open`` in place of ``paper`` does
the same for the questions that the paper leaves open. ``{answer}`untrained` `` is the answer to one of them, in a word that links to its section, so that
every page gives the same.

``{where-current} baselines encodec`` around a part of a page leaves it out where that evidence, of one codec or of all, is not of the recordings,
codecs and autoencoders that are here, and says so in its place. ``{where-embedded}`` does so for words on the recordings and codecs that ship with
the repository, ``{where-embedded} corpus`` for words on the recordings alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from provenance import link
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

from audiosae.files import params
from audiosae.files.params import OF_AUTHORS, title

PAGE = "findings"

ANSWERS = {"holds": "yes", "holds in part": "in part", "does not hold here": "no"}
"""How a verdict is worded where a question was asked and no claim made, if otherwise."""


def words(verdict: str, kind: str) -> str:
    """A verdict as it stands on the page: Markdown, set apart by bold type and not by colour alone."""
    return f"**{verdict if kind == 'paper' else ANSWERS.get(verdict, verdict)}**"


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
    text = names["interval"](value, digits) if isinstance(value, list) else "n/a" if value is None else names["number"](value, digits)
    interval = f" ({names['interval'](found['ci95'], digits)})" if found["ci95"] and None not in found["ci95"] else ""
    return f"{found['label']}: {text}{interval}{', ' * bool(found['told'])}{found['told']}"


def _origin(found: dict[str, Any], path: list[str], names: dict[str, Any]) -> Any:
    """The number as it stands in its own file; the verdict's copy where it was counted and stands nowhere."""
    value: Any = None
    first, *rest = found["file"].removesuffix(".json").split("/")
    branch = names.get(first)
    for key in [*rest, *path]:
        if isinstance(branch, list):
            branch = branch[int(key)]
        else:
            branch = branch[key] if hasattr(branch, "keys") and key in branch.keys() else None
    value = branch
    return value if value == found["value"] else found["value"]


def section(claim: dict[str, Any], names: dict[str, Any]) -> list[str]:
    """Lines of Markdown for one claim."""
    kind = claim["kind"]
    asked = "Verdict" if kind == "paper" else "Answer"
    rows = []
    for subject, finding in claim["by"].items():
        lines = [*(figure(found, names) for found in finding["figures"]), *filter(None, [finding["why"]])]
        rows.append(f"| {title(subject)} | {words(finding['verdict'], kind)} | {'<br>'.join(lines) or '–'} |")
    return [
        f"({claim['kind']}-{claim['key']})=",
        f"#### {claim['claim']}",
        "",
        f"{asked}: {words(claim['verdict'], kind)}. Section {claim['section']} of the paper; figures and code: {{doc}}`{claim['page']}`.",
        "",
        f"*Test:* {claim['test']}",
        "",
        "```{dropdown} Figures, with 95 % intervals",
        f"| | {asked.lower()} | figures |",
        "|---|---|---|",
        *rows,
        "```",
        "",
        f"*What would change it:* {claim['would_change']}",
        "",
        f"*Caveats:* {' '.join(claim['bears'])}",
        "",
    ]


class _Writing(SphinxDirective):
    """What the directives share: a way to write Markdown."""

    required_arguments = 1

    def write(self, lines: list[str]) -> list[nodes.Node]:
        """Parse Markdown, headings among it."""
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, source=self.get_location()), self.content_offset, container, match_titles=True)
        return container.children


class WhereCurrent(_Writing):
    """The directive `where-current`."""

    optional_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The content, or the sentences that say why it is left out."""
        question, *codecs = self.arguments
        try:
            told = self.config.myst_substitutions["current"][question]
            missing = left_out(told, codecs)
        except (KeyError, ValueError) as error:
            raise ExtensionError(f"{self.get_location()}: where-current: {error}; run `dvc repro current`.") from error
        return self.write(missing or list(self.content))


def left_out(told: Any, codecs: list[str]) -> list[str]:
    """Why evidence is not shown, as lines of Markdown: that of the codecs named, each of which has to be there, or of all; nothing if it is.

    `told` is results/current.json at a question. A codec that params.yaml does not name has no evidence.
    """
    asked = {codec: told[codec] if codec in told.keys() else "there is no such codec here" for codec in codecs or told.keys()}
    reasons = [f"*{title(codec)}: nothing is shown here; {why}.*" for codec, why in asked.items() if why is not None]
    return [line for reason in reasons for line in (reason, "")] if codecs or len(reasons) == len(asked) else []


class WhereEmbedded(_Writing):
    """The directive `where-embedded`."""

    required_arguments, optional_arguments = 0, 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The content, or a sentence that says why it is left out."""
        if self.arguments not in ([], ["corpus"]):
            raise ExtensionError(f"{self.get_location()}: where-embedded: takes nothing, or `corpus`.")
        path = Path(self.env.srcdir).parent / "params.yaml"
        self.env.note_dependency(str(path))
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        return self.write(of_others(said, codecs=not self.arguments) or list(self.content))


def of_others(said: Mapping[str, Any], codecs: bool) -> list[str]:
    """What stands in place of words on what ships, as lines of Markdown; nothing where params.yaml, as it is `said`, names just that.

    The corpus counts, and, if asked for, the weights of the codecs that ship.
    """
    others = ["recordings"] if said["corpus"]["source"] != "embedded" else []
    if codecs and any(said["codecs"].get(name, {}).get("weights") != "embedded" for name in said["train_codec"]):
        others.append("codecs")
    words = f"*Left out here: it speaks of the {' and '.join(others)} that ship with the repository, and this book is of others.*"
    return [words, ""] if others else []


class Answer(SphinxRole):
    """The role `answer`: what the figures decide of a claim or a question, which is named by its key, as a link to its section."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link, or fail the build."""
        try:
            found = {claim["key"]: claim for claim in self.config.myst_substitutions["verdicts"]["claims"]}[self.text]
        except (KeyError, ValueError) as error:
            raise ExtensionError(f"{self.get_location()}: answer: no claim {self.text!r} ({error}); run `dvc repro verdicts`.") from error
        word = ANSWERS.get(found["verdict"], found["verdict"]).capitalize()
        return [nodes.strong("", "", link(self.env, word, PAGE, f"{found['kind']}-{found['key']}"))], []


class _FromVerdicts(_Writing):
    """What the two directives of verdicts share: the claims."""

    def claims(self) -> list[dict[str, Any]]:
        """The claims of the kind that was asked for."""
        kind = self.arguments[0]
        try:
            found = [claim for claim in self.config.myst_substitutions["verdicts"]["claims"] if claim["kind"] == kind]
        except (KeyError, ValueError) as error:
            raise ExtensionError(f"{self.get_location()}: {self.name}: {error}; run `dvc repro verdicts`.") from error
        if not found:
            raise ExtensionError(f"{self.get_location()}: {self.name}: no claims of kind {kind!r}; kinds are paper and open.")
        released = self.config.myst_substitutions.get("released")
        return beside(found, released["verdicts"]["claims"] if released is not None and "verdicts" in released.keys() else [])


def beside(claims: list[dict[str, Any]], released: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Claims with what they come to with the authors' weights, where `make released` has left that."""
    by: dict[str, dict[str, Any]] = {}
    for claim in released:
        for subject, finding in claim["by"].items():
            figures = [{**one, "file": f"released/{one['file']}"} for one in finding["figures"]]
            by.setdefault(claim["key"], {})[f"{subject}{OF_AUTHORS}"] = {**finding, "figures": figures}
    return [{**claim, "by": {**claim["by"], **by.get(claim["key"], {})}} for claim in claims]


class Verdicts(_FromVerdicts):
    """The directive `verdicts`."""

    def run(self) -> list[nodes.Node]:
        """One section a claim."""
        return self.write([line for claim in self.claims() for line in section(claim, self.config.myst_substitutions)])


SIGNS = {"holds": "●", "holds in part": "◐", "does not hold here": "○", "cannot be told here": "?", "not comparable": "–"}
"""A sign for each verdict, which stands beside its words."""


def matrix(claims: list[dict[str, Any]], codecs: list[str]) -> list[str]:
    """Lines of a table with one row a claim and one column a codec, and of a second one for claims about something else."""
    kind = claims[0]["kind"]
    head = "The paper says" if kind == "paper" else "Question"
    of_codecs = [claim for claim in claims if set(claim["by"]) & {*codecs}]
    others = [claim for claim in claims if claim not in of_codecs]
    link = {claim["key"]: f"{{ref}}`{claim['claim']} <{kind}-{claim['key']}>`" for claim in claims}
    rows = [
        [link[claim["key"]], *(sign(claim["by"][codec]["verdict"], kind) if codec in claim["by"] else "" for codec in codecs)]
        for claim in of_codecs
    ]
    lines = _table([head, *(title(codec) for codec in codecs)], rows)
    if others:
        told = [
            [link[claim["key"]], "<br>".join(f"{title(name)}: {sign(one['verdict'], kind)}" for name, one in claim["by"].items())]
            for claim in others
        ]
        lines += ["", *_table([head, "about"], told)]
    return lines


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["```{table}", ":class: verdicts", "", *(f"| {' | '.join(line)} |" for line in lines), "```"]


def sign(verdict: str, kind: str) -> str:
    """A verdict, or an answer, behind its sign."""
    return f"{SIGNS[verdict]} {verdict.removesuffix(' here') if kind == 'paper' else ANSWERS.get(verdict, verdict).removesuffix(' here')}"


class VerdictMatrix(_FromVerdicts):
    """The directive `verdict-matrix`."""

    def run(self) -> list[nodes.Node]:
        """One table."""
        claims, codecs = self.claims(), list(params.codecs(Path(self.env.srcdir).parent / "params.yaml"))
        released = [name for codec in codecs if any((name := f"{codec}{OF_AUTHORS}") in claim["by"] for claim in claims)]
        return self.write(matrix(claims, codecs + released))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("provenance")
    app.add_directive("verdicts", Verdicts)
    app.add_directive("verdict-matrix", VerdictMatrix)
    app.add_directive("where-current", WhereCurrent)
    app.add_directive("where-embedded", WhereEmbedded)
    app.add_role("answer", Answer())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
