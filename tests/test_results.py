"""Files written whole or not at all, files of figures, and what the summary makes of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audiosae.files import results, whole
from audiosae.files.results import ResultsError
from audiosae.files.whole import file_hash


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/a.txt"
    with whole.writing(path) as partial:
        partial.write_text("half")
        assert not path.exists() and partial.parent == path.parent
    assert path.read_text() == "half" and os.listdir(path.parent) == ["a.txt"]
    whole.write(path, "λ")
    assert path.read_bytes() == "λ".encode() and os.listdir(path.parent) == ["a.txt"]
    assert file_hash(path, "md5") == hashlib.md5("λ".encode()).hexdigest()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_what_stood_there_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(type(error)), whole.writing(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["a.txt"]


# --- figures ------------------------------------------------------------------------------------------------------------


def test_equal_figures_are_equal_bytes_and_read_back(tmp_path: Path) -> None:
    results.write(tmp_path / "deep" / "a.json", {"b": 1.5, "a": {"y": [1, 2], "x": "λ"}})
    results.write(tmp_path / "b.json", {"a": {"x": "λ", "y": [1, 2]}, "b": 1.5})
    text = (tmp_path / "deep" / "a.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.json").read_text(encoding="utf-8")
    assert "λ" in text and text.endswith("}\n")
    assert results.read(tmp_path / "b.json") == {"a": {"x": "λ", "y": [1, 2]}, "b": 1.5}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_keeps_the_old_file(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "a.json"
    results.write(path, {"accuracy": 0.5})
    with pytest.raises(ResultsError, match="a.json: a figure is NaN or infinite"):
        results.write(path, {"accuracy": bad})
    assert results.read(path) == {"accuracy": 0.5}
    assert [kept.name for kept in tmp_path.iterdir()] == ["a.json"]


def test_missing_and_damaged_results_are_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="a.json is missing: run the stage"):
        results.read(tmp_path / "a.json")
    for content, told in (
        (b'{"accuracy": 0.', "is no JSON"),
        (b"\xff{}", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[1]", "holds a list"),
    ):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(ResultsError, match=f"a.json {told}"):
            results.read(tmp_path / "a.json")


def test_provenance_names_inputs_parameters_and_code_and_tells_whether_figures_are_current(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("one")
    path, inputs, said, module = tmp_path / "a.json", {"data/frames": tmp_path / "data"}, {"alphas": (1, 2.5), "seed": 0}, "audiosae.probes"
    made = results.provenance(inputs, said, module)
    assert made["inputs"] == {"data/frames": file_hash(tmp_path / "data")} and made["parameters"] == said
    assert str(tmp_path) not in json.dumps(made) and not results.current(path, made)
    results.write(path, {"accuracy": 0.5, "provenance": made})
    assert results.current(path, results.provenance(inputs, said, module))
    assert not results.current(path, results.provenance(inputs, {**said, "seed": 1}, module))
    assert not results.current(path, results.provenance(inputs, said, "notebooks/03_probing.py"))
    (tmp_path / "data").write_text("two")
    assert not results.current(path, results.provenance(inputs, said, module))
    (tmp_path / "data").unlink()
    with pytest.raises(ResultsError, match="data: missing, .*`make repro`"):
        results.provenance(inputs, said, module)


def test_provenance_names_the_programs_that_a_reader_accepted_and_is_silent_without_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "accepted", set())
    assert results.provenance({}, {}, "audiosae.errors").keys() == {"inputs", "parameters", "code"}
    monkeypatch.setattr(results, "accepted", {"b" * 64, "a" * 64})
    results.write(tmp_path / "a.json", {"provenance": results.provenance({}, {}, "audiosae.errors")})
    assert results.read(tmp_path / "a.json")["provenance"]["accepted"] == ["a" * 64, "b" * 64]


def test_results_and_the_hash_of_code_need_no_torch() -> None:
    program = "import sys; from audiosae.files import results, code, params; from audiosae.pipeline import check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
