"""The book's own extensions and its provenance: each mistake stops the build and is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from docutils import nodes
from jinja2 import Environment, StrictUndefined
from sphinx.errors import ExtensionError

from audiosae.pipeline.book import BookError, build, complete, provenance

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
import mathml  # noqa: E402
import results_in_prose  # noqa: E402


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    (folder / "probing").mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"codecs": {"diffrhythm-vae": {"accuracy": 0.8234, "ci95": None}}}))
    (folder / "probing" / "encodec.json").write_text(json.dumps({"low": -1234.5, "ci95": [-0.1, 0.25]}))
    return folder


def write(template: str, results: Path) -> str:
    names = {
        **results_in_prose.load(results),
        "percent": results_in_prose.Percent(),
        "number": results_in_prose.Number(),
        "interval": results_in_prose.Interval(),
    }
    return Environment(undefined=StrictUndefined).from_string(template).render(names)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            '{{ percent(summary.codecs["diffrhythm-vae"].accuracy) }}',
            "{made}`82.3 % <results/summary.json → codecs → diffrhythm-vae → accuracy>`",
        ),
        ("{{ number(probing.encodec.low, 1) }}", "{made}`−1 234.5 <results/probing/encodec.json → low>`"),
        ("{{ interval(probing.encodec.ci95) }}", "{made}`−0.10 to 0.25 <results/probing/encodec.json → ci95>`"),
        ('{{ interval(summary.codecs["diffrhythm-vae"].ci95) }}', "n/a"),
    ],
)
def test_pages_take_numbers_from_results(template: str, text: str, results: Path) -> None:
    assert write(template, results) == text


def test_a_missing_number_names_file_and_key(results: Path) -> None:
    with pytest.raises(results_in_prose.MissingResult, match="results/summary.json → codecs has no “encodec”"):
        write("{{ summary.codecs.encodec.accuracy }}", results)
    with pytest.raises(results_in_prose.MissingResult, match="results/probing has no “wavtokenizer”; it has encodec"):
        write("{{ probing.wavtokenizer.low }}", results)


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


def test_the_parts_on_codecs_and_generators_are_written_once_for_each() -> None:
    contents = {
        "root": "index",
        "parts": [
            {"caption": "Before", "chapters": [{"file": "method"}]},
            {"caption": "{title}, step by step", "chapters": [{"glob": "sections/{codec}/*"}]},
            {"caption": "After", "chapters": [{"file": "results"}]},
            {"caption": "{title}, state by state", "chapters": [{"glob": "sections/{generator}/*"}]},
        ],
    }
    found = complete(contents, {"codec": ["diffrhythm-vae", "mel"], "generator": []})
    assert [part["caption"] for part in found["parts"]] == ["Before", "DiffRhythm-VAE, step by step", "mel, step by step", "After"]
    assert [part["chapters"] for part in found["parts"][1:3]] == [[{"glob": f"sections/{name}/*"}] for name in ("diffrhythm-vae", "mel")]
    assert found["parts"][0] is contents["parts"][0] and found["root"] == "index"
    last = complete(contents, {"codec": [], "generator": ["small-diffrhythm"]})["parts"][-1]
    assert last == {"caption": "A small DiffRhythm, state by state", "chapters": [{"glob": "sections/small-diffrhythm/*"}]}


PAGES = {
    "params.yaml": "codecs:\n  kept: {weights: embedded, file: kept.bin}\n",
    "book/_config.yml": "title: A book\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n",
    "book/_toc.yml": "format: jb-book\nroot: index\nparts:\n  - caption: '{title}'\n    chapters:\n      - glob: sections/{codec}/*\n",
    "book/index.md": "# The first page\n",
    "book/sections/kept/a.md": "# Kept\n",
    "book/sections/gone/a.md": "# Gone\n",
    "book/_static/sounds/kept/a.mp3": "",
    "book/_static/sounds/gone/a.mp3": "",
}


def test_a_codec_that_params_does_not_name_is_not_in_the_book(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    # In a process of its own: Sphinx and its extensions leave traces in the one that they run in.
    subprocess.run([sys.executable, "-m", "audiosae.pipeline.book"], cwd=tmp_path, check=True, capture_output=True)
    html = tmp_path / "book" / "_build" / "html"
    assert (html / "sections/kept/a.html").is_file() and (html / "_static/sounds/kept/a.mp3").is_file()
    assert [
        path for path in html.rglob("*") if path.name == "gone" or "Gone" in (path.read_text("latin-1") if path.is_file() else "")
    ] == []
    assert [path.name for path in (tmp_path / "book" / "_build").iterdir()] == ["html"]


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
