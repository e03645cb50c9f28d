"""The summary gathers what the stages wrote, and takes steering from the evidence only where that is of what is here."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiosae.audio.labels import PROPERTIES
from audiosae.files import results
from audiosae.files.results import ResultsError
from audiosae.pipeline import summary
from audiosae.pipeline.summary import STAGES, summarise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the stages would write for two codecs and two generators, each figure naming where it came from; evidence of the first is of what is here."""
    results.write(tmp_path / "current.json", {"steering": {"one": None, "two": "computed for other recordings"}})
    for codec in ("one", "two"):
        for name in STAGES:
            made = {"inputs": {f"data/{name}": f"hash of {name}"}, "parameters": {"seed": name}, "code": f"code of {name}"}
            properties = {prop: f"{codec} {name} {prop}" for prop in (*PROPERTIES, "extra")}
            results.write(tmp_path / name / f"{codec}.json", {"chosen": f"{codec} sae", "properties": properties, "provenance": made})
        kinds = {kind: {prop: f"{codec} {kind} {prop}" for prop in PROPERTIES} for kind in ("paper", "k_sparse")}
        made = {"inputs": {"data/steering": "hash of evidence"}, "parameters": {"seed": "evidence"}, "code": "code of evidence"}
        results.write(tmp_path / "evidence/steering" / f"{codec}.json", {"kinds": kinds, "provenance": made})
    made = {"inputs": {"weights/generator": "hash"}, "parameters": {"prompts": 64}, "code": "code"}
    for name in ("first", "second"):
        properties = {prop: f"{name} {prop}" for prop in PROPERTIES}
        results.write(tmp_path / "generation" / f"{name}.json", {"properties": properties, "provenance": made})
    return tmp_path


def test_every_codec_and_stage_is_gathered_without_a_generator(folder: Path) -> None:
    found = summarise(folder, ["one", "two"])
    assert set(found) == {"codecs", "generation", "provenance"} and set(found["codecs"]) == {"one", "two"} and found["generation"] == {}
    assert found["codecs"]["two"] == {
        "sae": "two sae",
        "probing": {prop: f"two probing {prop}" for prop in PROPERTIES},
        "steering": {prop: f"two steering {prop}" for prop in PROPERTIES},
    }
    made = found["provenance"]
    assert made["code"]["one/probing"] == "code of probing" and made["parameters"]["two/steering"] == {"seed": "steering"}
    assert made["data"]["one/extraction"] == "hash of extraction"
    (folder / "probing/one.json").unlink()
    with pytest.raises(ResultsError, match="probing/one.json is missing"):
        summarise(folder, ["one"])


def test_steering_is_that_of_the_evidence_where_it_is_current(folder: Path) -> None:
    found = summarise(folder, ["one", "two"])
    assert found["codecs"]["one"]["steering"] == {prop: f"one paper {prop}" for prop in PROPERTIES}
    made = found["provenance"]
    assert made["data"]["one/steering"] == "hash of steering" and made["data"]["one/evidence/steering"] == "hash of evidence"
    assert made["code"]["one/evidence/steering"] == "code of evidence" and "two/evidence/steering" not in made["code"]


def test_the_codecs_are_those_that_params_names_and_the_generator_is_the_first(folder: Path) -> None:
    (folder / "params.yaml").write_text(
        "codecs:\n  one: {weights: embedded, file: one.bin}\ngenerators:\n  first: {weights: a, file: b}\n  second: {weights: a, file: b}\n"
    )
    summary.run(folder, folder / "params.yaml")
    found = results.read(folder / "summary.json")
    assert list(found["codecs"]) == ["one"] and "two" not in (folder / "summary.json").read_text()
    assert found["generation"] == {prop: f"first {prop}" for prop in PROPERTIES}
    assert found["provenance"]["weights"]["first/generator"] == "hash"
