"""Tables of the book with one column a codec."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXTENSIONS = Path(__file__).resolve().parents[1] / "book" / "_ext"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"book_{name}", EXTENSIONS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROSE = load("results_in_prose")
NAMES = {"number": PROSE.Number(), "percent": PROSE.Percent(), "interval": PROSE.Interval()}
FIGURES = {"one": {"share": 0.25, "books": {"perplexity": [3.14159, 2.0]}}, "two": {"share": None, "books": None}}


def lines(rows: list[list[object]], codecs: list[str]) -> list[str]:
    branch = PROSE.Results(FIGURES, "results/x.json")
    return load("codec_table").markdown(branch, codecs, "what", rows, NAMES)


def test_one_column_a_codec_and_one_row_a_figure() -> None:
    rows = [["share", "share", "percent"], ["first book", "books.perplexity.0", "number", 3], ["others", {"two": "0.1 to 0.2"}]]
    assert lines(rows, ["one", "two", "three"]) == [
        "| what | one | two | three |",
        "| --- | --- | --- | --- |",
        "| share | {made}`25.0 % <results/x.json → one → share>` | – | – |",
        "| first book | {made}`3.142 <results/x.json → one → books → perplexity → 0>` | – | – |",
        "| others | – | 0.1 to 0.2 | – |",
    ]


def test_what_the_authors_weights_gave_stands_beside_it() -> None:
    branch, released = (
        PROSE.Results({"one": {"share": share}}, f"results/{place}x.json") for share, place in ((0.25, ""), (0.5, "released/"))
    )
    found = load("codec_table").markdown(branch, ["one", "two"], "what", [["share", "share", "percent"]], NAMES, released)
    assert found[0] == "| what | one | two | one, released |"
    assert (
        found[2] == "| share | {made}`25.0 % <results/x.json → one → share>` | – | {made}`50.0 % <results/released/x.json → one → share>` |"
    )


def test_a_path_may_be_a_list_where_a_key_has_a_dot() -> None:
    branch = PROSE.Results({"one": {"above_0.9": 0.25}}, "results/x.json")
    found = load("codec_table").markdown(branch, ["one"], "", [["share", ["above_0.9"], "percent"]], NAMES)
    assert "25.0 %" in found[-1]


def test_a_wrong_key_is_named_with_its_file() -> None:
    with pytest.raises(ValueError, match="results/x.json → one has no “shares”"):
        lines([["share", "shares", "percent"]], ["one"])


def test_other_columns_where_a_branch_is_not_by_codec() -> None:
    assert lines([["share", "share", "percent"]], ["one"])[0] == "| what | one |"
    branch = PROSE.Results({}, "results/summary.json → generation")
    found = load("codec_table").markdown(branch, ["pitch"], "", [["settles", "paths.straight line.s.settles_at", "number", 0]], NAMES)
    assert found[-1] == "| settles | – |"  # without a generator
