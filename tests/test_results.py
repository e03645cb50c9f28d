"""Files of figures, and what the summary makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audiosae.audio.labels import PROPERTIES
from audiosae.files import results
from audiosae.files.results import ResultsError
from audiosae.files.whole import file_hash
from audiosae.pipeline import summary
from audiosae.pipeline.summary import STAGES, summarise


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


SCRIPT = "notebooks/03_probing.py"


def test_provenance_names_inputs_parameters_and_code(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("one")
    inputs = {"data/frames": tmp_path / "data"}
    before = results.provenance(inputs, {"seed": 0}, "audiosae.probes")
    assert before == results.provenance(inputs, {"seed": 0}, "audiosae.probes")
    assert before["inputs"] == {"data/frames": file_hash(tmp_path / "data")} and before["parameters"] == {"seed": 0}
    (tmp_path / "data").write_text("two")
    after = results.provenance(inputs, {"seed": 0}, SCRIPT)
    assert after["inputs"] != before["inputs"] and after["code"] != before["code"]
    assert str(tmp_path) not in json.dumps(after)
    (tmp_path / "data").unlink()
    with pytest.raises(ResultsError, match="data: missing, .*`make repro`"):
        results.provenance(inputs, {}, SCRIPT)


def test_figures_are_current_as_long_as_nothing_that_made_them_has_changed(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("one")
    path, inputs, said = tmp_path / "a.json", {"data/frames": tmp_path / "data"}, {"alphas": (1, 2.5), "seed": 0}
    made = results.provenance(inputs, said, "audiosae.probes")
    assert not results.current(path, made)
    results.write(path, {"accuracy": 0.5, "provenance": made})
    assert results.current(path, results.provenance(inputs, said, "audiosae.probes"))
    assert not results.current(path, results.provenance(inputs, {**said, "seed": 1}, "audiosae.probes"))
    assert not results.current(path, results.provenance(inputs, said, SCRIPT))
    (tmp_path / "data").write_text("two")
    assert not results.current(path, results.provenance(inputs, said, "audiosae.probes"))


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


# --- the summary --------------------------------------------------------------------------------------------------------


def stages(folder: Path, codec: str) -> None:
    """Write what four stages would, each figure naming where it came from."""
    for name in STAGES:
        made = {"inputs": {f"data/{name}": f"hash of {name}"}, "parameters": {"seed": name}, "code": f"code of {name}"}
        figures = {
            "chosen": f"{codec} sae",
            "properties": {prop: f"{codec} {name} {prop}" for prop in (*PROPERTIES, "extra")},
            "provenance": made,
        }
        results.write(folder / name / f"{codec}.json", figures)


def test_the_summary_gathers_every_codec_and_stage(tmp_path: Path) -> None:
    for codec in ("one", "two"):
        stages(tmp_path, codec)
    found = summarise(tmp_path, ["one", "two"])
    assert set(found) == {"codecs", "generation", "provenance"} and set(found["codecs"]) == {"one", "two"}
    assert found["codecs"]["two"] == {
        "sae": "two sae",
        "probing": {prop: f"two probing {prop}" for prop in PROPERTIES},
        "steering": {prop: f"two steering {prop}" for prop in PROPERTIES},
    }
    made = found["provenance"]
    assert made["code"]["one/probing"] == "code of probing" and made["parameters"]["two/steering"] == {"seed": "steering"}
    assert made["data"]["one/extraction"] == "hash of extraction"


def test_a_summary_without_a_stage_says_which(tmp_path: Path) -> None:
    stages(tmp_path, "one")
    (tmp_path / "probing" / "one.json").unlink()
    with pytest.raises(ResultsError, match="probing/one.json is missing"):
        summarise(tmp_path, ["one"])


def test_codecs_that_params_does_not_name_are_left_out(tmp_path: Path) -> None:
    for codec in ("one", "gone"):
        stages(tmp_path, codec)
    (tmp_path / "params.yaml").write_text("codecs:\n  one: {weights: embedded, file: one.bin}\n")
    summary.run(tmp_path, tmp_path / "params.yaml")
    assert list(results.read(tmp_path / "summary.json")["codecs"]) == ["one"]
    assert "gone" not in (tmp_path / "summary.json").read_text()


def test_the_summary_has_the_first_generator(tmp_path: Path) -> None:
    stages(tmp_path, "one")
    made = {"inputs": {"weights/generator": "hash"}, "parameters": {"prompts": 64}, "code": "code"}
    for name in ("first", "second"):
        results.write(
            tmp_path / "generation" / f"{name}.json", {"properties": {prop: f"{name} {prop}" for prop in PROPERTIES}, "provenance": made}
        )
    (tmp_path / "params.yaml").write_text(
        "codecs:\n  one: {weights: embedded, file: one.bin}\ngenerators:\n  first: {weights: a, file: b}\n  second: {weights: a, file: b}\n"
    )
    summary.run(tmp_path, tmp_path / "params.yaml")
    found = results.read(tmp_path / "summary.json")
    assert found["generation"] == {prop: f"first {prop}" for prop in PROPERTIES}
    assert found["provenance"]["weights"]["first/generator"] == "hash"
    assert summarise(tmp_path, ["one"])["generation"] == {}
