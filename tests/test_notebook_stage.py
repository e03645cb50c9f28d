"""Running a notebook as a stage: parameters, reproducible bytes, failures that leave nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from audiosae.errors import ParameterError
from audiosae.pipeline.canonical import CanonicalError, canonical, clean_stream
from audiosae.pipeline.notebook import NotebookError, convert, execute, fill_parameters, parse

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
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    path = folder / "01_try.py"
    path.write_text(NOTEBOOK)
    return path


def outputs(book: nbformat.NotebookNode, name: str) -> str:
    return "".join(output.text for cell in book.cells for output in cell.get("outputs", []) if output.get("name") == name)


def with_outputs(*given: dict) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(output) for output in given])
    return nbformat.v4.new_notebook(cells=[cell])


def test_two_runs_give_the_same_bytes_and_the_values_that_were_asked_for(notebook: Path, tmp_path: Path) -> None:
    options = {"alphas": ["1", "-2.5"], "quick": ["true"]}
    first, second = tmp_path / "a" / "one.ipynb", tmp_path / "b" / "two.ipynb"
    book = execute(notebook, first, options)
    execute(notebook, second, options)
    assert first.read_bytes() == second.read_bytes()
    assert outputs(book, "stdout").startswith("notebooks encodec [1.0, -2.5] 3 True ")
    assert "alphas = [1.0, -2.5]  # strengths" in book.cells[1].source
    warning = outputs(book, "stderr")
    assert "mind this" in warning
    assert "%|" not in warning and str(tmp_path) not in warning and "ipykernel" not in warning
    assert book.cells[2].outputs[-1].data["text/plain"] == "<object>"
    assert [cell.id for cell in book.cells] == ["cell-000", "cell-001", "cell-002"]
    assert book.cells[2].metadata == {"tags": ["hide-input"]}
    assert not list(tmp_path.rglob("*.partial"))


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


@pytest.mark.parametrize("line", ["sys.exit()", pytest.param("sys.exit('no more')", marks=pytest.mark.slow)])
def test_a_cell_that_ends_the_run_is_named_and_nothing_is_written(notebook: Path, tmp_path: Path, line: str) -> None:
    notebook.write_text(NOTEBOOK + f"\n# %%\n{line}\n\n# %%\nprint('never')\n")
    out = tmp_path / "out.ipynb"
    with pytest.raises(
        NotebookError, match=f"(?s)01_try.py, cell 4: .*SystemExit.*--- the cell\n{re.escape(line)}.*out.ipynb was not written"
    ):
        execute(notebook, out, {})
    assert not out.exists()


def test_a_missing_notebook_and_an_unknown_parameter_are_named(notebook: Path, tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="nowhere.py"):
        execute(tmp_path / "nowhere.py", tmp_path / "out.ipynb", {})
    with pytest.raises(ParameterError, match="unknown parameter alpha; known are alphas, clips, codec, quick"):
        execute(notebook, tmp_path / "out.ipynb", {"alpha": ["1"]})
    assert not (tmp_path / "out.ipynb").exists()


def test_the_command_line_is_split_into_paths_and_options() -> None:
    words = "a.py b.ipynb --alphas -1 10 --sample-rate 24000 --quick --no-slow --name=x".split()
    notebook, out, options = parse(words)
    assert (notebook, out) == (Path("a.py"), Path("b.ipynb"))
    assert options == {"alphas": ["-1", "10"], "sample_rate": ["24000"], "quick": [], "name": ["x"], "slow": ["false"]}


@pytest.mark.parametrize("words", [["a.py"], ["a.py", "b.ipynb", "c"], ["a", "b", "--n", "1", "--n", "2"]])
def test_a_command_line_that_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(ParameterError):
        parse(words)


@pytest.mark.parametrize(
    ("words", "default", "expected"),
    [
        (["7"], 3, 7),
        (["1e-3"], 0.5, 0.001),
        (["2"], 0.5, 2.0),
        (["12"], "auto", "12"),
        (["True"], False, True),
        ([], False, True),
        (["false"], True, False),
        (["0", "5"], [1.0], [0.0, 5.0]),
        (["4"], [1], [4]),
        ([], [1], []),
        (["a", "2"], [], ["a", 2]),
        (["null"], None, None),
        (["2.5"], None, 2.5),
    ],
)
def test_words_take_the_type_of_the_default(words: list[str], default: object, expected: object) -> None:
    value = convert("x", words, default, "n.py")
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize(
    ("words", "default"), [(["2.5"], 3), (["fast"], 0.1), (["1"], True), (["1", "2"], 3), ([], "a"), (["x"], [1]), (["[1, 2]"], None)]
)
def test_words_of_another_type_are_refused(words: list[str], default: object) -> None:
    with pytest.raises(ParameterError, match="--x"):
        convert("x", words, default, "n.py")


@pytest.mark.parametrize("source", ["x = 1 + y", "import os", "a, b = 1, 2", "x.y = 1", "a = b = 1"])
def test_a_default_that_is_no_literal_is_refused(source: str) -> None:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    with pytest.raises(ParameterError, match="line 1"):
        fill_parameters(nbformat.v4.new_notebook(cells=[cell]), {}, "n.py")


def test_values_are_written_in_place_over_any_text() -> None:
    source = 'label = "naïve α"  # ein Wört\nvalues: list[int] = [\n    1,  # one\n    2,\n]\nlast = None  # stays'
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    fill_parameters(nbformat.v4.new_notebook(cells=[cell]), {"label": ["it's"], "values": ["9"]}, "n.py")
    assert cell.source == 'label = "it\'s"  # ein Wört\nvalues: list[int] = [9]\nlast = None  # stays'


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


def test_streams_come_out_in_one_order(tmp_path: Path) -> None:
    def stream(name: str, text: str) -> dict:
        return {"output_type": "stream", "name": name, "text": text}

    one = canonical(with_outputs(stream("stderr", "w"), stream("stdout", "a"), stream("stdout", "b")), tmp_path, "n")
    other = canonical(with_outputs(stream("stdout", "ab"), stream("stderr", "w")), tmp_path, "n")
    assert one == other
    assert [output.text for output in one.cells[0].outputs] == ["ab", "w"]


def test_a_widget_shows_its_html_and_one_without_is_refused(tmp_path: Path) -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "4f"}, "text/plain": "SoundSwitch('a')"}
    shown = {"output_type": "display_data", "data": {**view, "text/html": "<p>"}, "metadata": {}}
    assert canonical(with_outputs(shown), tmp_path, "n").cells[0].outputs[0].data == {"text/html": "<p>", "text/plain": "SoundSwitch('a')"}
    bar = {"output_type": "display_data", "data": {**view, "text/plain": "  0%|          | 0/9 [00:00<?, ?it/s]"}, "metadata": {}}
    assert canonical(with_outputs(bar), tmp_path, "n").cells[0].outputs == []
    lone = with_outputs({"output_type": "display_data", "data": view, "metadata": {}})
    with pytest.raises(CanonicalError, match="n, cell 1: a live widget"):
        canonical(lone, tmp_path, "n")
    lone.cells[0].metadata["tags"] = ["remove-output"]
    assert canonical(lone, tmp_path, "n").cells[0].outputs == []


def test_a_list_of_whole_numbers_takes_fractions_where_it_says_so() -> None:
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("alphas: list[float] = [1, 20]  # the paper's\nsteps = [1, 2]", metadata={"tags": ["parameters"]})]
    )
    fill_parameters(book, {"alphas": ["0.5", "1", "20"]}, "x.py")
    assert book.cells[0].source == "alphas: list[float] = [0.5, 1, 20]  # the paper's\nsteps = [1, 2]"
    for name, word in (("alphas", "loud"), ("steps", "0.5")):
        with pytest.raises(ParameterError, match=name):
            fill_parameters(book, {name: [word]}, "x.py")
