"""Numbers and formulae in the book, and the commit that it names; a whole small book: test_provenance.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from docutils import nodes
from jinja2 import Environment, StrictUndefined
from sphinx.errors import ExtensionError

from audiosae.pipeline.book import BookError, build, provenance

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
import mathml  # noqa: E402
import results_in_prose  # noqa: E402
from pipeline import Pipeline  # noqa: E402


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    (folder / "probing").mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"codecs": {"diffrhythm-vae": {"accuracy": 0.8234, "ci95": None}}}))
    (folder / "probing" / "encodec.json").write_text(json.dumps({"low": -1234.5, "ci95": [-0.1, 0.25]}))
    return folder


def write(template: str, results: Path) -> str:
    written = {"percent": results_in_prose.Percent(), "number": results_in_prose.Number(), "interval": results_in_prose.Interval()}
    return Environment(undefined=StrictUndefined).from_string(template).render(**results_in_prose.load(results), **written)


ACCURACY = '{{ percent(summary.codecs["diffrhythm-vae"].accuracy) }}'


@pytest.mark.parametrize(("template", "text"), [
    (ACCURACY, "{made}`82.3 % <results/summary.json → codecs → diffrhythm-vae → accuracy>`"),
    ("{{ number(probing.encodec.low, 1) }}", "{made}`−1 234.5 <results/probing/encodec.json → low>`"),
    ("{{ interval(probing.encodec.ci95) }}", "{made}`−0.10 to 0.25 <results/probing/encodec.json → ci95>`"),
    ('{{ interval(summary.codecs["diffrhythm-vae"].ci95) }}', "n/a"),
])  # fmt: skip
def test_pages_take_numbers_from_results(template: str, text: str, results: Path) -> None:
    assert write(template, results) == text


def test_a_missing_number_names_file_and_key(results: Path) -> None:
    with pytest.raises(results_in_prose.MissingResult, match="results/summary.json → codecs has no “encodec”"):
        write("{{ summary.codecs.encodec.accuracy }}", results)
    with pytest.raises(results_in_prose.MissingResult, match="results/probing has no “wavtokenizer”; it has encodec"):
        write("{{ probing.wavtokenizer.low }}", results)


@pytest.mark.parametrize(("current", "shown"), [
    ({"loss": {"encodec": None}}, ["encodec"]),  # of what is here
    ({"loss": {"encodec": "computed for other recordings"}}, []),
    ({"loss": {"mel": "not computed for this codec"}}, []),  # the book is of another codec
    (None, []),  # nobody said
])  # fmt: skip
def test_evidence_that_is_not_of_what_is_here_has_no_figures(current: dict | None, shown: list[str], results: Path) -> None:
    (results / "evidence/loss").mkdir(parents=True)
    (results / "evidence/loss/encodec.json").write_text(json.dumps({"fvu": 0.1}))
    if current is not None:
        (results / "current.json").write_text(json.dumps(current))
    found = results_in_prose.load(results)
    assert found["evidence"]["loss"].keys() == shown and found["probing"].keys() == ["encodec"]


def test_several_numbers_are_written_from_lowest_to_highest() -> None:
    values = results_in_prose.traced([0.31, 0.1, 0.2], "results/x.json → seeds")
    assert results_in_prose.Spread()(values, 1) == "{made}`0.1 to 0.3 <results/x.json → seeds>`"
    assert results_in_prose.Spread()([0.301, 0.299], 1) == "0.3"
    assert [results_in_prose.YesNo()(value) for value in (True, False)] == ["yes", "no"]


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert results_in_prose.Number()(-0.001) == "0.00" and results_in_prose.Number()(-0.01) == "−0.01"


def test_a_figure_of_steering_is_traced_to_the_evidence_or_to_section_4_where_that_counts(tmp_path: Path) -> None:
    def write(name: str, values: dict) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(values))

    of_evidence, of_section = {"slope": 1.0, "valid_share": 0.5}, {"slope": 2.0, "valid_share": 0.5}
    write("results/evidence/steering/one.json", {"kinds": {"paper": {"pitch": of_evidence}}})
    write("results/steering/one.json", {"properties": {"pitch": of_section}})
    keys = ["codecs", "one", "steering", "pitch", "valid_share"]  # equal in both
    for summed, source in (
        (of_evidence, ("results/evidence/steering/one.json", ["kinds", "paper", "pitch", "valid_share"])),
        (of_section, ("results/steering/one.json", ["properties", "pitch", "valid_share"])),
        ({"valid_share": 0.5}, ("results/summary.json", keys)),
    ):
        write("results/summary.json", {"codecs": {"one": {"steering": {"pitch": summed}}}})
        assert Pipeline(tmp_path, ()).source("results/summary.json", keys) == source


def test_a_missing_or_damaged_file_stops_the_build(results: Path) -> None:
    (results / "probing" / "encodec.json").write_text("{")
    with pytest.raises(ExtensionError, match="encodec.json is not JSON"):
        results_in_prose.load(results)
    with pytest.raises(ExtensionError, match="summary.json is missing"):
        results_in_prose.load(results / "probing")


def test_formulae_become_mathml_and_an_unknown_command_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(mathml.logger, "warning", lambda message, *values, **_: said.append(message % values))
    drawn = mathml.to_mathml(nodes.math("", r"\lVert x \rVert^2 + \lambda"), "inline")
    assert drawn.startswith("<math") and "λ" in drawn.replace("&#x003BB;", "λ") and not said
    mathml.to_mathml(nodes.math("", r"\nosuchcommand{x}"), "inline")
    assert len(said) == 1 and "nosuchcommand" in said[0]


def test_a_folder_without_a_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="_config.yml is missing"):
        build(tmp_path)


def test_provenance_names_the_commit_or_says_that_it_is_unknown(tmp_path: Path) -> None:
    assert "unknown commit" in provenance(tmp_path)

    def git(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    assert "unknown commit" in provenance(tmp_path)
    (tmp_path / "params.yaml").write_text("a: 1\n")
    git("add", ".")
    git("commit", "-m", "first")
    assert provenance(tmp_path) == f"Built from commit {git('rev-parse', 'HEAD')[:12]}."
    (tmp_path / "copy").mkdir()
    assert provenance(tmp_path / "copy") == f"Built in a copy of commit {git('rev-parse', 'HEAD')[:12]}, with parameters of its own."
    (tmp_path / "params.yaml").write_text("a: 2\n")
    assert "not committed" in provenance(tmp_path)
