"""The book's extensions for parameters, docstrings, launching and citing, and for what may be said of what is here."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[1]

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import accessible  # noqa: E402
import docstrings  # noqa: E402
import launch  # noqa: E402
import parameters  # noqa: E402
import sounds  # noqa: E402
import verdicts  # noqa: E402


def test_every_parameter_gets_a_row_in_the_order_of_the_file() -> None:
    rows = parameters.lines(
        {"seed": 3, "name": "", "shares": {"a": 1, "b": 2}}, {"name": "A word.", "shares": "Two.", "seed": "Of all."}, "part"
    )
    assert rows[2:] == ["| `seed` | `3` | Of all. |", '| `name` | `""` | A word. |', "| `shares` | `a: 1`<br>`b: 2` | Two. |"]


@pytest.mark.parametrize(("section", "message"), [({"seed": 0, "new": 1}, "part: no words for new"), ({}, "part has no seed")])
def test_a_parameter_without_words_and_words_without_a_parameter_stop_the_build(section: dict[str, int], message: str) -> None:
    with pytest.raises(ExtensionError, match=message):
        parameters.lines(section, {"seed": "Of all."}, "part")


def test_the_page_explains_every_section_of_params_yaml_line_by_line() -> None:
    page, params = (ROOT / "book/parameters.md").read_text(), yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, section in params.items():
        assert f"`{name}`" in page or all(f"{{parameters}} {name}.{inner}" in page for inner in section), name
    tables = re.findall(r"```\{parameters\} (\S+)\n(.*?)```", page, re.DOTALL)
    assert len(tables) > 10
    for where, content in tables:
        section = functools.reduce(lambda found, key: found[key], where.split("."), params)
        words = {key: text.strip() for key, text in (line.split(":", 1) for line in content.splitlines())}
        assert all(words.values()) and len(parameters.lines(section, words, where)) == 2 + len(section)


@pytest.mark.parametrize(
    ("line", "escaped"),
    [
        ("With |s_u − 1| ≤ 0.1", r"With \|s_u − 1\| ≤ 0.1"),
        ("x* of `a|b` and ``2 * 3``", r"x\* of `a|b` and ``2 * 3``"),
        (r"already \* so", r"already \* so"),
    ],
)
def test_bars_and_stars_of_a_docstring_are_no_markup_outside_of_code(line: str, escaped: str) -> None:
    assert docstrings.escape(line) == escaped


def test_a_notebook_opens_in_binder_where_the_book_belongs_to_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/audiosae")
    monkeypatch.setenv("GITHUB_SHA", "abc123")
    assert launch.address("11_live") == "https://mybinder.org/v2/gh/someone/audiosae/abc123?urlpath=lab/tree/notebooks/11_live.py"
    monkeypatch.delenv("GITHUB_REPOSITORY")
    assert launch.address("11_live") is None


def test_what_a_launched_machine_runs_is_there() -> None:
    """Binder's set-up is a script whose stages and modules exist; pages launch notebooks that exist."""
    script = ROOT / "binder/postBuild"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0 and script.stat().st_mode & 0o111
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for line in script.read_text().splitlines():
        words = line.split()
        if words[:2] in (["dvc", "repro"], ["dvc", "pull"]):
            assert {word for word in words[2:] if not word.startswith("-") and word != "embedded"} <= stages.keys(), line
    assert "{launch} 11_live" in (ROOT / "book/reproduce.md").read_text() and (ROOT / "notebooks/11_live.py").is_file()


def test_the_page_on_citing_says_what_the_citation_file_says() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    page = (ROOT / "book/cite.md").read_text()
    paper = citation["preferred-citation"]
    names = " and ".join(author["family-names"] for author in paper["authors"])
    cited = (paper["title"], names, str(paper["year"]), paper["identifiers"][0]["value"])
    for text in (citation["title"], f"{{{citation['version']}}}", *cited):
        assert text in page, text


def test_empty_heads_of_tables_are_plain_cells_and_withdrawn_roles_are_gone() -> None:
    table = '<tr><th class="head"><p></p></th><th></th><th class="blank">&nbsp;</th><th><p>name</p></th></tr><thead></thead>'
    assert accessible.without_empty_heads(table) == (
        '<tr><td class="head"><p></p></td><td></td><td class="blank">&nbsp;</td><th><p>name</p></th></tr><thead></thead>'
    )
    cited = '<div role="list" class="citation-list"><div class="citation" id="id6" role="doc-biblioentry"><a role="doc-backlink">x</a></div></div>'
    assert accessible.without_withdrawn_roles(cited) == (
        '<div class="citation-list"><div class="citation" id="id6"><a role="doc-backlink">x</a></div></div>'
    )


# --- what may be said of what is here -------------------------------------------------------------------------------------

EMBEDDED = {"source": "embedded"}
SHIPPED = {"encodec": {"weights": "embedded"}, "mel": {"weights": "mel.py"}}


@pytest.mark.parametrize(
    ("corpus", "codecs", "of_codecs_too", "told"),
    [
        (EMBEDDED, SHIPPED, True, ""),  # a codec more changes nothing for those that ship
        ({"source": "/music"}, SHIPPED, False, "the recordings that ship"),
        ({"source": "/music"}, {**SHIPPED, "encodec": {"weights": "released"}}, True, "the recordings and codecs that ship"),
        (EMBEDDED, {"mel": {"weights": "mel.py"}}, True, "the codecs that ship"),
        (EMBEDDED, {"mel": {"weights": "mel.py"}}, False, ""),
    ],
)
def test_words_on_what_ships_are_left_out_of_a_book_of_other_music_or_codecs(
    corpus: dict[str, str], codecs: dict[str, dict[str, str]], of_codecs_too: bool, told: str
) -> None:
    lines = verdicts.of_others({"corpus": corpus, "codecs": codecs, "train_codec": {"encodec": {}}}, of_codecs_too)
    assert bool(lines) == bool(told) and told in " ".join(lines)


SHUT_IN = re.compile(r"^:::\{where-current\} (\w+)(?: [\w-]+)?\n(.*?)^:::$", re.DOTALL | re.MULTILINE)
NO_FIGURE = re.compile(r"`evidence\.\w+(\.\w+)?`|\{parameters\} evidence\.\w+")


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "book").glob("*.md")))
def test_pages_ask_for_claims_that_there_are_and_show_evidence_only_where_it_can_be_left_out(page: str) -> None:
    keys = [claim["key"] for claim in yaml.safe_load((ROOT / "audiosae/evidence/claims.yaml").read_text())["claims"]]
    text = NO_FIGURE.sub("", (ROOT / "book" / page).read_text())
    assert len(set(keys)) == len(keys) and set(re.findall(r"\{answer\}`(.+?)`", text)) <= set(keys)
    assert not re.search(r"\bevidence\.\w", SHUT_IN.sub("", text))
    for question, inside in SHUT_IN.findall(text):
        assert set(re.findall(r"\bevidence\.(\w+)", inside)) <= {question}


@pytest.mark.parametrize("asked, place", [("r=1", 2), ("r=last", 3), ("r=middle", 2), ("r=−1", 0), ("clip=choir", None), ("r=0", 1)])
def test_a_control_stands_still_at_the_value_that_is_named_before_one_that_contains_it(asked: str, place: int | None) -> None:
    directive = SimpleNamespace(options={"fix": asked})
    axes = [["clip", ["tuba", "a choir"], "list"], ["r", ["−1", "0", "1", "2"], "slider"]]
    clip, r = sounds.SoundSwitchDirective.fixed(directive, axes)
    assert r == place and clip == (1 if place is None else None)
