"""How a verdict is written on its page."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXTENSIONS = Path(__file__).resolve().parents[1] / "book" / "_ext"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    spec = importlib.util.spec_from_file_location("book_verdicts", EXTENSIONS / "verdicts.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "book_verdicts", module)
    spec.loader.exec_module(module)
    return module


class Own(float):
    """A number as it stands in its own file, not a copy: it is written with a star."""


NAMES: dict[str, Any] = {
    "number": lambda value, digits=2: f"{value:.{digits}f}" + ("*" if isinstance(value, Own) else ""),
    "interval": lambda bounds, digits=2: " to ".join(f"{bound:.{digits}f}" for bound in bounds),
    "summary": {"codecs": {"encodec": {"share": Own(0.25), "pairs": [{}, {"share": Own(0.25)}]}}},
}
PATH = ["codecs", "encodec", "share"]
FOUND: dict[str, Any] = {"label": "share", "value": 0.25, "ci95": [0.1, 0.4], "file": "summary.json", "path": PATH, "digits": 2, "told": ""}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "share: 0.25* (0.10 to 0.40)"),  # from its own file
        ({"path": PATH[:2], "ci95": None}, "share: 0.25"),  # counted, so it stands nowhere but in the verdict
        ({"value": [0.5, 0.75], "ci95": None}, "share: 0.50 to 0.75"),
        ({"value": None, "ci95": None, "told": "more"}, "share: n/a, more"),
        ({"path": ["codecs", "encodec", "pairs", "1", "share"]}, "share: 0.25* (0.10 to 0.40)"),  # in a list
    ],
)
def test_a_figure_is_written_from_its_own_file(pages: ModuleType, changes: dict[str, Any], text: str) -> None:
    assert pages.figure(FOUND | changes, NAMES) == text


def test_a_claim_is_judged_and_a_question_answered_with_its_test_and_page(pages: ModuleType) -> None:
    claim = {
        "kind": "paper",
        "key": "wider",
        "claim": "Wider is better.",
        "section": "2",
        "test": "We looked.",
        "page": "sections/06_sparsity",
        "bears": ["Small data.", "Small models."],
        "would_change": "More data.",
        "verdict": "holds in part",
        "by": {
            "encodec": {"verdict": "holds", "figures": [FOUND, {**FOUND, "label": "other"}], "why": None},
            "own": {"verdict": "cannot be told here", "figures": [], "why": "of other recordings"},
            "new": {"verdict": "not comparable", "figures": [], "why": None},
        },
    }
    lines = pages.section(claim, NAMES)
    assert lines[:2] == ["(paper-wider)=", "#### Wider is better."]
    assert "| EnCodec | **holds** | share: 0.25* (0.10 to 0.40)<br>other: 0.25* (0.10 to 0.40) |" in lines
    assert "| own | **cannot be told here** | of other recordings |" in lines and "| new | **not comparable** | – |" in lines
    assert any("**holds in part**" in line and "{doc}`sections/06_sparsity`" in line for line in lines)
    assert "*What would change it:* More data." in lines and "*Caveats:* Small data. Small models." in lines
    asked = pages.section({**claim, "kind": "open"}, NAMES)
    assert "| own | **cannot be told here** | of other recordings |" in asked
    assert "| EnCodec | **yes** | share: 0.25* (0.10 to 0.40)<br>other: 0.25* (0.10 to 0.40) |" in asked


def test_a_matrix_has_claims_by_codecs_and_a_second_one_what_is_of_neither(pages: ModuleType) -> None:
    claims = [
        {"kind": "paper", "key": "a", "claim": "A.", "by": {"encodec": {"verdict": "holds"}, "mel": {"verdict": "holds in part"}}},
        {"kind": "paper", "key": "b", "claim": "B.", "by": {"small-diffrhythm": {"verdict": "does not hold here"}}},
    ]
    assert [line for line in pages.matrix(claims, ["encodec", "mel"]) if line.startswith("|")] == [
        "| The paper says | EnCodec | mel |",
        "| --- | --- | --- |",
        "| {ref}`A. <paper-a>` | ● holds | ◐ holds in part |",
        "| The paper says | about |",
        "| --- | --- |",
        "| {ref}`B. <paper-b>` | A small DiffRhythm: ○ does not hold |",
    ]
    asked = pages.matrix([{**claims[0], "kind": "open"}], ["encodec", "mel"])
    assert asked[3:-1] == ["| Question | EnCodec | mel |", "| --- | --- | --- |", "| {ref}`A. <open-a>` | ● yes | ◐ in part |"]


def test_what_the_authors_weights_come_to_stands_beside_it(pages: ModuleType) -> None:
    ours = {"kind": "paper", "key": "a", "claim": "A.", "verdict": "holds", "by": {"encodec": {"verdict": "holds", "figures": [FOUND]}}}
    theirs = {**ours, "by": {"encodec": {"verdict": "does not hold here", "figures": [{**FOUND, "value": 0.5}]}}}
    (claim,) = pages.beside([ours], [theirs, {**theirs, "key": "gone"}])
    assert list(claim["by"]) == ["encodec", "encodec-released"] and claim["verdict"] == "holds"
    assert pages.matrix([claim], ["encodec", "encodec-released"])[3:-1] == [
        "| The paper says | EnCodec | EnCodec, released |",
        "| --- | --- | --- |",
        "| {ref}`A. <paper-a>` | ● holds | ○ does not hold |",
    ]
    names = NAMES | {"released": {"summary": {"codecs": {"encodec": {"share": Own(0.5)}}}}}
    assert pages.figure(claim["by"]["encodec-released"]["figures"][0], names) == "share: 0.50* (0.10 to 0.40)"
    assert pages.beside([ours], []) == [ours]


def test_a_part_of_a_page_is_left_out_where_its_evidence_is_of_something_else(pages: ModuleType) -> None:
    told = {"encodec": None, "mel": "computed for other recordings"}
    assert pages.left_out(told, ["encodec"]) == [] and pages.left_out(told, []) == []  # a table has a column that can be shown
    assert pages.left_out(told, ["encodec", "mel"]) == ["*mel: nothing is shown here; computed for other recordings.*", ""]
    assert pages.left_out(told, ["wavtokenizer"])[0] == "*WavTokenizer: nothing is shown here; there is no such codec here.*"
    assert len(pages.left_out(dict.fromkeys(told, "of others"), [])) == 4
