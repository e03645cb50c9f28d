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


class Tree(dict):
    """A branch of results, with what tells its numbers from copies: they are written with a star."""


class Own(float):
    """A number as it stands in its own file."""


NAMES: dict[str, Any] = {
    "number": lambda value, digits=2: f"{value:.{digits}f}" + ("*" if isinstance(value, Own) else ""),
    "interval": lambda bounds, digits=2: " to ".join(f"{bound:.{digits}f}" for bound in bounds),
    "summary": Tree(codecs=Tree(encodec=Tree(share=Own(0.25)))),
}


def found(**changes: Any) -> dict[str, Any]:
    return {
        "label": "share",
        "value": 0.25,
        "ci95": [0.1, 0.4],
        "file": "summary.json",
        "path": ["codecs", "encodec", "share"],
        "digits": 2,
    } | changes


def test_a_figure_is_written_from_its_own_file(pages: ModuleType) -> None:
    assert pages.figure(found(), NAMES) == "share: 0.25* (0.10 to 0.40)"


def test_a_figure_that_was_counted_stands_as_the_verdict_has_it(pages: ModuleType) -> None:
    assert pages.figure(found(path=["codecs", "encodec"], ci95=None), NAMES) == "share: 0.25"


def test_a_range_and_a_figure_that_is_undefined(pages: ModuleType) -> None:
    assert pages.figure(found(value=[0.5, 0.75], ci95=None), NAMES) == "share: 0.50 to 0.75"
    assert pages.figure(found(value=None), NAMES) == "share: n/a"


CLAIM = {
    "kind": "paper",
    "key": "wider",
    "claim": "Wider is better.",
    "section": "2",
    "test": "We looked.",
    "page": "sections/evidence/06_grid",
    "bears": ["Small data.", "Small models."],
    "verdict": "holds in part",
    "by": {
        "encodec": {"verdict": "holds", "figures": [found(), found(label="other")]},
        "own": {"verdict": "cannot be told here", "figures": []},
    },
}


def test_a_claim_has_its_verdict_for_each_codec_its_test_and_its_page(pages: ModuleType) -> None:
    lines = pages.section(CLAIM, NAMES)
    assert lines[:2] == ["(paper-wider)=", "### Wider is better."]
    assert "| encodec | **holds** | share: 0.25* (0.10 to 0.40)<br>other: 0.25* (0.10 to 0.40) |" in lines
    assert "| own | **cannot be told here** | – |" in lines
    assert any("**holds in part**" in line and "{doc}`sections/evidence/06_grid`" in line for line in lines)
    assert "*What bears on it.* Small data. Small models." in lines


def test_a_question_is_answered_and_not_judged(pages: ModuleType) -> None:
    lines = pages.section({**CLAIM, "kind": "open"}, NAMES)
    assert "| encodec | **yes** | share: 0.25* (0.10 to 0.40)<br>other: 0.25* (0.10 to 0.40) |" in lines
