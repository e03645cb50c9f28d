"""Running a notebook as a stage: parameters, reproducible bytes, failures that leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from audiosae.errors import ParameterError
from audiosae.pipeline.canonical import CanonicalError, canonical, clean_stream
from audiosae.pipeline.notebook import NotebookError, execute, fill_parameters

NOTEBOOK = """# %% [markdown]
# # A notebook

# %% tags=["parameters"]
codec = "encodec"  # which system
alphas = [0.0, 10.0]  # strengths
clips = 3
quick = False

# %% tags=["hide-input"]
import sys
import warnings
from pathlib import Path
from tqdm import tqdm

for _ in tqdm(range(3)):
    pass
warnings.warn("mind this")
print(Path.cwd().name, codec, alphas, clips, quick, hash("a") % 1000)
object()
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "project/notebooks/01_try.py"
    path.parent.mkdir(parents=True)
    path.write_text(NOTEBOOK)
    return path


def outputs(book: nbformat.NotebookNode, name: str) -> str:
    return "".join(output.text for cell in book.cells for output in cell.get("outputs", []) if output.get("name") == name)


def test_two_runs_give_the_same_bytes_and_the_values_that_were_asked_for(notebook: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a/one.ipynb", tmp_path / "b/two.ipynb"
    book, _ = (execute(notebook, out, ["--alphas", "1", "-2.5", "--quick"]) for out in (first, second))
    assert first.read_bytes() == second.read_bytes()
    assert outputs(book, "stdout").startswith("notebooks encodec [1.0, -2.5] 3 True ")
    assert "alphas = [1.0, -2.5]  # strengths" in book.cells[1].source
    warning = outputs(book, "stderr")
    assert "mind this" in warning
    assert "%|" not in warning and str(tmp_path) not in warning and "ipykernel" not in warning
    assert book.cells[2].outputs[-1].data["text/plain"] == "<object>"
    assert [cell.id for cell in book.cells] == ["cell-000", "cell-001", "cell-002"]
    assert book.cells[2].metadata == {"tags": ["hide-input"]}


def test_a_failing_cell_is_shown_and_nothing_is_written(notebook: Path, tmp_path: Path) -> None:
    notebook.write_text(NOTEBOOK + "\n# %%\nlatents = None\nraise ValueError('no frames left')\n")
    out = tmp_path / "out.ipynb"
    out.write_text("the last good run")
    command = [sys.executable, "-m", "audiosae.pipeline.notebook", str(notebook), str(out), "--clips", "4"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "ValueError: no frames left" in result.stderr
    assert "cell 4" in result.stderr and "latents = None" in result.stderr
    assert out.read_text() == "the last good run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ipynb", "project"]


def test_a_cell_that_ends_the_run_is_named_and_nothing_is_written(notebook: Path, tmp_path: Path) -> None:
    notebook.write_text(NOTEBOOK + "\n# %%\nsys.exit()\n\n# %%\nprint('never')\n")
    told = r"(?s)01_try.py, cell 4: .*SystemExit.*--- the cell\nsys.exit\(\).*out.ipynb was not written"
    with pytest.raises(NotebookError, match=told):
        execute(notebook, tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()


def test_a_section_with_nothing_to_show_says_why_at_its_cell(notebook: Path, tmp_path: Path) -> None:
    notebook.write_text(
        NOTEBOOK + "\n# %%\nfrom audiosae.errors import NothingToShow\nraise NothingToShow('no decoder')\n\n# %%\nprint('never')\n"
    )
    book = execute(notebook, tmp_path / "out.ipynb", ["--clips", "4"])
    assert "clips = 4" in book.cells[1].source
    assert [len(cell.get("outputs", [])) for cell in book.cells] == [0, 0, 0, 1, 0]
    assert book.cells[3].outputs[0].data["text/markdown"] == "no decoder"
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4) == book


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="nowhere.py"):
        execute(tmp_path / "nowhere.py", tmp_path / "out.ipynb")


# --- parameters ---------------------------------------------------------------------------------------------------------


def filled(source: str, *words: str) -> str:
    """A cell of parameters after words of a command line."""
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    fill_parameters(nbformat.v4.new_notebook(cells=[cell]), words, "n.py")
    return cell.source


@pytest.mark.parametrize(("default", "words", "value"), [
    ("3", "7", "7"), ("0.5", "1e-3", "0.001"), ("0.5", "2", "2.0"), ("0.5", "-2", "-2.0"), ("'auto'", "12", "'12'"), ("[1.0]", "0 5", "[0.0, 5.0]"),
    ("[1]", "4", "[4]"), ("None", "a", "'a'"), ("[]", "a b", "['a', 'b']"),
])  # fmt: skip
def test_words_take_the_type_of_the_default(default: str, words: str, value: str) -> None:
    assert filled(f"x = {default}  # so", "--x", *words.split()) == f"x = {value}  # so"


def test_flags_are_set_and_taken_back() -> None:
    assert filled("x = False\ny = True", "--x", "--no-y") == "x = True\ny = False"


@pytest.mark.parametrize(("default", "words"), [
    ("3", "--x 2.5"), ("0.1", "--x fast"), ("3", "--x 1 2"), ("'a'", "--x"), ("[1]", "--x y"), ("3", "--alpha 1"), ("3", "7"),
])  # fmt: skip
def test_words_that_do_not_fit_are_refused_with_what_is_known(default: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        filled(f"x = {default}", *words.split())
    said = capsys.readouterr().err
    assert said.startswith("usage: n.py") and "[--x" in said and "n.py: error: " in said and words.split()[0] in said


@pytest.mark.parametrize("source", ["x = 1 + y", "import os", "a, b = 1, 2", "x.y = 1", "a = b = 1"])
def test_a_default_that_is_no_literal_is_refused(source: str) -> None:
    with pytest.raises(ParameterError, match="line 1"):
        filled(source)


def test_values_are_written_in_place_over_any_text() -> None:
    source = 'label = "naïve α"  # ein Wört\nvalues: list[int] = [\n    1,  # one\n    2,\n]\nlast = None  # stays'
    written = 'label = "it\'s"  # ein Wört\nvalues: list[int] = [9]\nlast = None  # stays'
    assert filled(source, "--label", "it's", "--values", "9") == written


def test_a_list_of_whole_numbers_takes_fractions_where_it_says_so() -> None:
    source = "alphas: list[float] = [1, 20]  # the paper's"
    assert filled(source, "--alphas", "0.5", "1", "20") == "alphas: list[float] = [0.5, 1, 20]  # the paper's"


# --- canonical notebooks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("\r  0%|          | 0/5 [00:00<?, ?it/s]\r100%|██████████| 5/5 [00:01<00:00,  4.9it/s]\n", ""),
        ("\rfit: 4it [00:00, 33.1it/s]\n", ""),
        ("\r 40%|████      | 2/5 [00:00<00:01]UserWarning: odd\n  do(x)\n", "UserWarning: odd\n  do(x)\n"),
        ("before\n\r 40%|████      | 2/5 [00:00<00:01]\r           \rafter\n", "before\nafter\n"),
        ("\r 50%|█████     | 1/2 [00:00<00:00]\n\r 10%|█         | 1/9 [00:00<?]\x1b[A\n\n", ""),
        ("loss 10% | 3 [a<b]\n", "loss 10% | 3 [a<b]\n"),
        ("plain\n\nlines", "plain\n\nlines"),
        ("/tmp/ipykernel_71/9.py:2: UserWarning: here\n", "<cell>:2: UserWarning: here\n"),
        ("/home/me/project/audiosae/sae/model.py:3: odd\n", "audiosae/sae/model.py:3: odd\n"),
    ],
)
def test_progress_goes_and_the_rest_of_a_stream_stays(sent: str, kept: str) -> None:
    assert clean_stream(sent, Path("/home/me/project")) == kept


def cleaned(*given: dict, tags: list[str] | None = None) -> list[nbformat.NotebookNode]:
    """Outputs of a cell in a canonical notebook."""
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(output) for output in given], metadata={"tags": tags or []})
    return canonical(nbformat.v4.new_notebook(cells=[cell]), Path("/project"), "n").cells[0].outputs


def test_streams_come_out_in_one_order() -> None:
    ab, a, b, w = (
        {"output_type": "stream", "name": name, "text": text}
        for name, text in (("stdout", "ab"), ("stdout", "a"), ("stdout", "b"), ("stderr", "w"))
    )
    assert cleaned(w, a, b) == cleaned(ab, w)
    assert [output.text for output in cleaned(w, a, b)] == ["ab", "w"]


def test_a_widget_shows_its_html_and_one_without_is_refused() -> None:
    def shown(**data: str) -> dict:
        view = {"application/vnd.jupyter.widget-view+json": {"model_id": "4f"}, "text/plain": "SoundSwitch('a')"}
        return {"output_type": "display_data", "data": view | data, "metadata": {}}

    assert cleaned(shown(**{"text/html": "<p>"}))[0].data == {"text/html": "<p>", "text/plain": "SoundSwitch('a')"}
    assert cleaned(shown(**{"text/plain": "  0%|          | 0/9 [00:00<?, ?it/s]"})) == []
    with pytest.raises(CanonicalError, match="n, cell 1: a live widget"):
        cleaned(shown())
    assert cleaned(shown(), tags=["remove-output"]) == []
