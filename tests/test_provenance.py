"""What made a number or a figure, and whether the book says so: a small project with made-up results, built once."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import nbformat
import pytest
from bs4 import BeautifulSoup
from dvc.repo import Repo

ROOT = Path(__file__).resolve().parents[1]
EXTENSIONS = ROOT / "book" / "_ext"
sys.path.insert(0, str(EXTENSIONS))
import provenance  # noqa: E402
import results_in_prose as prose  # noqa: E402
from pipeline import Pipeline  # noqa: E402

DIGEST = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("frames", "sae", "code", "dead")}

PIPELINE = """
stages:
  frames:
    foreach: ${codecs}
    do: {cmd: "python -m audiosae.frames --of ${key}", outs: ["data/${key}.arrow"]}
  probing:
    foreach: ${codecs}
    do:
      cmd: python -m audiosae.sections.probing --codec ${key}
      deps: ["data/${key}.arrow"]
      outs: ["book/_static/sounds/${key}/03_probing", "results/probing/${key}.json"]
  page_probing:
    foreach: ${codecs}
    do:
      cmd: python -m audiosae.pipeline.notebook notebooks/03_probing.py book/runs/${key}/03_probing.ipynb
      deps: ["book/_static/sounds/${key}/03_probing", "results/probing/${key}.json"]
      outs: ["book/runs/${key}/03_probing.ipynb"]
  curves: {cmd: python -m audiosae.curves, frozen: true, outs: [book/_static/curves, results/trained.json]}
  evidence_dead: {foreach: [small-vae], do: {cmd: python -m audiosae.evidence.dead, outs: ["results/evidence/dead/${item}.json"]}}
  evidence_pages:
    cmd: python -m audiosae.pipeline.notebook notebooks/06_dead.py x
    deps: [results/evidence/dead]
    outs: [book/runs/evidence/06_dead.ipynb]
  summary: {cmd: python -m audiosae.summary, deps: [results/probing], outs: [results/summary.json]}
  book: {cmd: python -m audiosae.book, outs: [book/_build/html]}
"""

PAGES = {
    "params.yaml": "codecs:\n  small-vae: {weights: embedded, file: x}\n",
    "dvc.yaml": PIPELINE,
    "book/_config.yml": "title: A book\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
    "parse: {myst_enable_extensions: [substitution, colon_fence]}\n"
    "sphinx: {local_extensions: {codec_table: _ext, made_by: _ext, provenance: _ext, results_in_prose: _ext, runs: _ext}}\n",
    "book/_toc.yml": "format: jb-book\nroot: index\nparts:\n  - caption: Steps\n    chapters:\n      - glob: sections/0*\n"
    "      - file: provenance\n",
    "book/index.md": "# Half of it\n\nSaid {{ percent(summary.codecs['small-vae'].probing.pitch.accuracy) }}, and twice that is\n"
    "{{ number(2 * probing['small-vae'].properties.pitch.accuracy, 1) }}.\n\n## Of {{ number(parity.frames, 0) }} frames\n\n"
    ":::{note}\nIn a note {{ interval(probing['small-vae'].properties.pitch.ci95) }}.\n:::\n\n"
    "```{codec-table} summary.codecs\n- [pitch, probing.pitch.accuracy, number]\n- [interval, probing.pitch.ci95, interval]\n```\n\n"
    "```{figure} _static/curves/a.png\n:alt: a curve\nA curve.\n```\n\n"
    '```{raw} html\n<div data-audiosae-src="static:sounds/small-vae/03_probing/pitch/index.json"></div>\n```\n',
    "book/_static/sounds/gone/a.mp3": "",
    "book/_static/sounds/small-vae/a.mp3": "",
    "book/provenance.md": "# Where from\n\n```{provenance}\n```\n",
}

PROBED = {"pitch": {"accuracy": 0.5, "ci95": [0.25, 0.75]}}
PICTURE = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
).decode()

READ = {"data/frames": DIGEST["frames"], "weights/sae": DIGEST["sae"]}
TOLD = {"penalties": [1e-6, 0.1], "seed": 7}
DEAD = {"inputs": {"weights/sae": DIGEST["dead"]}, "code": DIGEST["code"], "parameters": {"few_frames": 40}, "weights": "released"}
RESULTS = {
    "probing/small-vae": {"properties": PROBED, "provenance": {"inputs": READ, "code": DIGEST["code"], "parameters": TOLD}},
    "evidence/dead/small-vae": {"dead": 3, "provenance": DEAD},
    "summary": {"codecs": {"small-vae": {"probing": PROBED}}, "generation": {}, "provenance": {"parameters": {}, "data": {}}},
    "parity": {"frames": 1234},
    "trained": {"steps": 10},
}


def notebook(title: str) -> str:
    """Executed: a cell that writes the figures and prints, a cell with a picture, a cell with a player."""
    stream = nbformat.v4.new_output("stream", text="written")
    picture = nbformat.v4.new_output("display_data", {"image/png": PICTURE, "text/plain": "<Figure>"})
    player = nbformat.v4.new_output(
        "display_data", {"text/html": '<div data-audiosae-src="static:sounds/small-vae/03_probing/pitch/index.json"></div>'}
    )
    cells = [nbformat.v4.new_markdown_cell(f"# {title}")] + [
        nbformat.v4.new_code_cell(source, outputs=[output], metadata={"tags": ["hide-input"], "mystnb": {"image": {"alt": "a curve"}}})
        for source, output in (("results.write(path, figures)", stream), ("draw()", picture), ("play()", player))
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index:03d}"
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}}))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    files = {
        **PAGES,
        **{f"results/{name}.json": json.dumps(figures) for name, figures in RESULTS.items()},
        "book/runs/small-vae/03_probing.ipynb": notebook("Probing"),
        "book/runs/gone/04_gone.ipynb": notebook("Gone"),
        "book/runs/evidence/06_dead.ipynb": notebook("Dead"),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "book/_static/curves").mkdir(parents=True)
    (root / "book/_static/curves/a.png").write_bytes(base64.b64decode(PICTURE))
    shutil.copytree(EXTENSIONS, root / "book/_ext", ignore=shutil.ignore_patterns("__pycache__"))
    Repo.init(str(root), no_scm=True).close()
    return root


@pytest.fixture(scope="module")
def pipeline(project: Path) -> Pipeline:
    return Pipeline.load(project)


@pytest.fixture(scope="module")
def book(project: Path) -> Path:
    # In a process of its own: Sphinx and its extensions leave traces in the one that they run in.
    done = subprocess.run([sys.executable, "-m", "audiosae.pipeline.book"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project / "book" / "_build" / "html"


def read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(), "html.parser")


def links(page: Path) -> dict[str, tuple[str, str]]:
    """Address and title of each number's link, by its text."""
    return {a.text: (a["href"], a["title"]) for a in read(page).select("a.made-by")}


def lines(page: Path) -> list[tuple[str, list[str]]]:
    """Text and addresses of each line on what made a figure."""
    return [(p.text, [a["href"] for a in p.find_all("a")]) for p in read(page).select("p.made-by-cell")]


# --- numbers keep their origin ----------------------------------------------------------------------------------------


BRANCH = prose.Results(
    {"a": {"x": 0.5, "n": 12, "ci95": [0.25, 1], "rows": [{"y": 3.0}], "name": "text", "none": None, "yes": True}}, "results/f.json"
)["a"]


@pytest.mark.parametrize(("value", "text"), [
    (BRANCH["x"], "{made}`0.50 <results/f.json → a → x>`"),
    ((1 - BRANCH["x"]) / 2 + BRANCH["n"], "{made}`12.25 <results/f.json → a → x; results/f.json → a → n>`"),
    (BRANCH["ci95"][1], "{made}`1.00 <results/f.json → a → ci95 → 1>`"),
    (BRANCH["rows"][0]["y"], "{made}`3.00 <results/f.json → a → rows → 0 → y>`"),
    (0.5, "0.50"),
])  # fmt: skip
def test_a_number_is_written_with_the_place_that_it_comes_from(value: float, text: str) -> None:
    assert prose.Number()(value) == text


def test_values_stay_what_they_were() -> None:
    assert (BRANCH["x"], BRANCH["n"], BRANCH["ci95"], BRANCH["name"], BRANCH["yes"]) == (0.5, 12, [0.25, 1], "text", True)
    assert isinstance(BRANCH["n"], int) and BRANCH["yes"] is True and f"{BRANCH['n']:d} {BRANCH['x']}" == "12 0.5"
    for again in (copy.deepcopy(BRANCH), pickle.loads(pickle.dumps(BRANCH))):
        assert again["x"].origin == "results/f.json → a → x"
    assert pickle.loads(pickle.dumps(BRANCH["ci95"])).origin == copy.deepcopy(BRANCH["ci95"]).origin == "results/f.json → a → ci95"


# --- what wrote a file ------------------------------------------------------------------------------------------------


def test_the_stage_that_wrote_a_file_is_found_for_each_codec(pipeline: Pipeline) -> None:
    def stage(path: str) -> str | None:
        return writer.name if (writer := pipeline.writer(path)) else None

    assert stage("results/probing/small-vae.json") == "probing@small-vae"
    assert stage("book/_static/curves/deep/a.png") == "curves"
    assert stage("results/parity.json") is None and stage("results/probing/other.json") is None and stage("book/_static/curves2") is None
    assert pipeline.anchor("results/evidence/dead/small-vae.json") == "stage-evidence-dead-small-vae"
    assert pipeline.anchor("results/parity.json") == "file-parity-json"


def test_a_figure_of_the_summary_is_traced_to_the_file_that_it_was_copied_from(pipeline: Pipeline) -> None:
    keys = ["codecs", "small-vae", "probing", "pitch", "ci95", "1"]
    assert pipeline.source("results/summary.json", keys) == ("results/probing/small-vae.json", ["properties", "pitch", "ci95", "1"])
    assert pipeline.source("results/trained.json", ["steps"]) == ("results/trained.json", ["steps"])


def test_a_generators_figure_is_traced_to_the_generator_that_the_summary_names(tmp_path: Path) -> None:
    (tmp_path / "results/generation").mkdir(parents=True)
    figures = {"generation": {"pitch": {"at": 3}}, "provenance": {"parameters": {"vae/steering": {}, "second/generation": {}}}}
    (tmp_path / "results/summary.json").write_text(json.dumps(figures))
    for name, at in (("first", 2), ("second", 3)):
        (tmp_path / f"results/generation/{name}.json").write_text(json.dumps({"properties": {"pitch": {"at": at}}}))
    found = Pipeline(tmp_path, ()).source("results/summary.json", ["generation", "pitch", "at"])
    assert found == ("results/generation/second.json", ["properties", "pitch", "at"])
    (tmp_path / "results/generation/second.json").write_text(json.dumps({"properties": {"pitch": {"at": 4}}}))
    found = Pipeline(tmp_path, ()).source("results/summary.json", ["generation", "pitch", "at"])
    assert found == ("results/summary.json", ["generation", "pitch", "at"])  # no copy of that any more


def test_the_page_has_parameters_and_hashes(pipeline: Pipeline, project: Path) -> None:
    text = "\n".join(provenance.page(pipeline, {"sections/03_probing", "sections/06_dead"}))
    sections = dict(re.findall(r"^\(([a-z-]+)\)=\n(.*?)(?=^\(|\Z)", text, re.M | re.S))
    written = hashlib.sha256((project / "results/probing/small-vae.json").read_bytes()).hexdigest()
    expected = {
        "stage-probing-small-vae": [
            "### probing@small-vae", "`audiosae.sections.probing`", "[frames@small-vae](#stage-frames-small-vae)",
            "What it wrote is shown by {doc}`sections/03_probing", "| parameter | penalties | `[1e-06, 0.1]` |",
            "| parameter | seed | `7` |", f"| read | data/frames | `{DIGEST['frames']}` |", f"| read | weights/sae | `{DIGEST['sae']}` |",
            f"| code | modules reached | `{DIGEST['code']}` |", f"| wrote | results/probing/small-vae.json | `{written}` |",
        ],
        "stage-page-probing-small-vae": ["`notebooks/03_probing.py`, which the book shows", "[probing@small-vae](#stage-probing-small-vae)"],
        "stage-evidence-dead-small-vae": [
            "`audiosae.evidence.dead`", "| weights | | released |", "{doc}`sections/06_dead </sections/06_dead>`",
        ],
        "stage-evidence-pages": ["[evidence_dead@small-vae](#stage-evidence-dead-small-vae)"],
        "stage-frames-small-vae": ["--of small-vae"],  # of what says nothing itself, the command
    }  # fmt: skip
    assert not [(section, text) for section, texts in expected.items() for text in texts if text not in sections[section]]
    assert "stage-book" not in sections


def test_a_file_without_provenance_is_said_to_have_none(pipeline: Pipeline) -> None:
    text = "\n".join(provenance.page(pipeline, set()))
    assert "No provenance stands in `results/trained.json`" in text
    assert re.search(r"## Of no stage.*\(file-parity-json\)=\n### results/parity.json\n\nIt says nothing of its provenance", text, re.S)
    assert text.count("says nothing of its provenance") == 1


# --- the book ---------------------------------------------------------------------------------------------------------


def test_a_codec_that_params_does_not_name_is_not_in_the_book(book: Path) -> None:
    assert (book / "sections/03_probing.html").is_file() and (book / "_static/sounds/small-vae/a.mp3").is_file()
    assert not [path for path in book.rglob("*") if path.name == "gone" or (path.is_file() and "Gone" in path.read_text("latin-1"))]
    assert [path.name for path in book.parent.iterdir()] == ["html"]


def test_numbers_in_text_headings_notes_and_tables_are_links(book: Path) -> None:
    found = links(book / "index.html")
    accuracy = "results/probing/small-vae.json → properties → pitch → accuracy; stage probing@small-vae"
    interval = "results/probing/small-vae.json → properties → pitch → ci95; stage probing@small-vae"
    here = "provenance.html#stage-probing-small-vae"
    assert found["50.0 %"] == found["1.0"] == found["0.50"] == (here, accuracy)  # text, after arithmetic, table
    assert found["0.25 to 0.75"] == (here, interval)
    assert found["1\u202f234"] == ("provenance.html#file-parity-json", "results/parity.json → frames; stage none")
    for place, text in (("h2", "1\u202f234"), (".admonition", "0.25 to 0.75"), ("td", "0.50"), ("article section > p", "50.0 %")):
        assert text in [a.text for a in read(book / "index.html").select(f"{place} a.made-by")], place


def test_every_link_leads_to_a_place_that_is_there(book: Path) -> None:
    pages = {page: read(page) for page in book.rglob("*.html")}
    ids = {page: {tag["id"] for tag in text.select("[id]")} for page, text in pages.items()}
    wanted = [(page, a["href"]) for page, text in pages.items() for a in text.select("article a[href*='#']")]
    assert len(wanted) > 20
    for page, address in wanted:
        name, place = address.split("#")
        target = (page.parent / name).resolve() if name else page
        assert place in ids[target] or not place, f"{page.name}: {address}"


def test_cells_can_be_linked_and_figures_name_their_cell(book: Path) -> None:
    page = book / "sections/03_probing.html"
    assert [cell["id"] for cell in read(page).select("div.cell")] == ["cell-001", "cell-002", "cell-003"]
    stage = "../provenance.html#stage-page-probing-small-vae"
    assert lines(page) == [
        ("Made by stage page_probing@small-vae", [stage]),
        ("Made by cell 2 of 03_probing · stage page_probing@small-vae", ["#cell-002", stage]),
        ("Made by cell 3 of 03_probing · stage page_probing@small-vae", ["#cell-003", stage]),
    ]


def test_pictures_and_sounds_in_prose_name_what_made_them(book: Path) -> None:
    assert lines(book / "index.html") == [
        ("Made by stage curves", ["provenance.html#stage-curves"]),
        (
            "Made by cell 3 of 03_probing · stage probing@small-vae",
            ["sections/03_probing.html#cell-003", "provenance.html#stage-probing-small-vae"],
        ),
    ]


def test_the_foot_of_every_page_links_to_the_commit(book: Path) -> None:
    for page in (book / "index.html", book / "sections/03_probing.html"):
        [link] = read(page).select("footer a[data-audiosae-commit]")
        assert (page.parent / link["href"]).resolve() == (book / "commit.txt").resolve() and link.text.strip()


# --- our own book -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "book").glob("*.md")))
def test_no_page_takes_a_number_without_its_origin(page: str) -> None:
    names = {**prose.load(ROOT / "results"), "percent": prose.Percent(), "number": prose.Number(), "interval": prose.Interval()}
    for text in re.findall(r"\{\{(.+?)\}\}", (ROOT / "book" / page).read_text()):
        value = jinja2.Environment(undefined=jinja2.StrictUndefined).compile_expression(text)(**names)
        assert isinstance(value, str) and (value == "n/a" or "{made}`" in value or "(" not in text), f"{{{{{text}}}}}"
