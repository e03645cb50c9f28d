"""One page of several runs of a notebook, and old addresses that lead to it."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode

from audiosae.figures.theme import DARK
from audiosae.pipeline.side_by_side import KEY, RunsError, merge, write

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
import moved  # noqa: E402


def run(codec: str, heading: str = "# Probing", picture: str = "") -> NotebookNode:
    """Parameters, a setting up without output, a line that is the same for all, one that is not, and perhaps a figure."""
    said = lambda text: [nbformat.v4.new_output("stream", text=text)]  # noqa: E731
    drawn = [nbformat.v4.new_output("display_data", {"image/png": picture, DARK: f"dark {picture}"})] if picture else []
    cells = [
        nbformat.v4.new_markdown_cell(heading),
        nbformat.v4.new_code_cell(f'codec = "{codec}"'),
        nbformat.v4.new_code_cell("load()"),
        nbformat.v4.new_code_cell("print(1)", outputs=said("1\n")),
        nbformat.v4.new_code_cell("print(codec)", outputs=said(f"{codec}\n"), metadata={"tags": ["hide-input"]}),
        nbformat.v4.new_code_cell("draw()", outputs=drawn),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def told(cell: NotebookNode) -> dict:
    return cell.metadata[KEY]


def test_prose_and_code_stand_once_and_what_differs_once_for_each_run() -> None:
    page = merge({"a": run("a", picture="x"), "b": run("b", picture="y")})
    nbformat.validate(page)
    assert [(cell.cell_type, cell.source) for cell in page.cells] == [
        ("markdown", "# Probing"),
        ("code", 'codec = "a"\n\nload()\n\nprint(1)'),  # code without output goes to the next
        ("code", "print(codec)"), ("code", "# a"), ("code", "# b"),
        ("code", "draw()"), ("code", "# a"), ("code", "# b"),
    ]  # fmt: skip
    assert [told(cell) for cell in page.cells[1:5]] == [
        {"cell": 3, "pairs": False},
        {"cell": 4, "pairs": False},
        {"cell": 4, "run": "a", "pairs": False},
        {"cell": 4, "run": "b", "pairs": False},
    ]
    assert [cell.outputs[0].text for cell in page.cells[3:5]] == ["a\n", "b\n"] and page.cells[2].outputs == []
    assert page.cells[3].metadata.tags == ["hide-input", "remove-input"]
    assert told(page.cells[7]) == {"cell": 5, "run": "b", "pairs": True}
    assert [dict(output.data) for output in page.cells[7].outputs] == [{"image/png": "y"}, {"image/png": "dark y"}]


def test_a_single_run_has_no_tabs() -> None:
    page = merge({"a": run("a", picture="x")})
    assert [told(cell) for cell in page.cells[1:]] == [{"cell": n, "pairs": n == 5} for n in (3, 4, 5)]
    assert [dict(output.data) for output in page.cells[-1].outputs] == [{"image/png": "x"}, {"image/png": "dark x"}]


def test_runs_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(RunsError, match="03, cell 0: its text differs between a, b; run dvc repro"):
        merge({"a": run("a"), "b": run("b", "# Other")}, "03")
    short = run("b")
    short.cells.pop()
    with pytest.raises(RunsError, match="03 has more cells in one of a, b"):
        merge({"a": run("a"), "b": short}, "03")


def test_pages_are_of_the_runs_asked_for_or_an_introduction_and_old_ones_go(tmp_path: Path) -> None:
    book = tmp_path / "book"
    for place in ("runs/a/03.ipynb", "runs/gone/03.ipynb", "runs/gone/04.ipynb", "sections/old.ipynb"):
        (book / place).parent.mkdir(parents=True, exist_ok=True)
        (book / place).write_text(nbformat.writes(run(place)))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/05.py").write_text("# %% [markdown]\n# # Five\n\n# %%\nrun()\n")
    write(book, ["a", "b"])
    assert sorted(path.name for path in (book / "sections").iterdir()) == ["03.ipynb", "05.ipynb"]
    introduction, note = nbformat.read(book / "sections/05.ipynb", 4).cells
    assert introduction.source == "# Five" and "Nothing is shown here" in note.source
    assert "runs/a" in (book / "sections/03.ipynb").read_text() and "gone" not in (book / "sections/03.ipynb").read_text()


def test_a_run_with_released_weights_stands_beside_the_others_for_as_long_as_its_text_is_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "book"
    for place, heading in (("a/03", "# P"), ("a-released/03", "# P"), ("a/04", "# New"), ("a-released/04", "# Old")):
        (book / "runs" / place).parent.mkdir(parents=True, exist_ok=True)
        (book / f"runs/{place}.ipynb").write_text(nbformat.writes(run(place, heading)))
    write(book, ["a", "a-released"])
    runs = {page: [told(cell).get("run") for cell in nbformat.read(book / f"sections/{page}.ipynb", 4).cells[1:]] for page in ("03", "04")}
    assert runs == {"03": [None, None, "a", "a-released"], "04": [None, None]}
    assert "04.ipynb: left out that of a-released, which is of another text" in capsys.readouterr().out


def test_old_pages_of_a_codec_lead_to_its_tab() -> None:
    found = dict(moved.moved(["encodec"]))
    assert found["sections/encodec/12_feature_browser"] == "sections/10_feature_browser.html?codec=encodec"
    assert found["verdicts"] == "findings.html" and found["sections/evidence/07_loss"] == "sections/06_sparsity.html"
