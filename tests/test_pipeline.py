"""From music to book in one command: what comes out, what runs again after which edit, and that twice gives the same bytes.

The tests on `small` are quick; those on `clone`, with every codec and one of the reader's own, are slow.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import OWN, Clone
from dvc.repo import Repo

from audiosae import frames, probes
from audiosae.audio import labels
from audiosae.files.whole import file_hash
from audiosae.sae import SparseAutoencoder

CODECS = ("encodec", "wavtokenizer", "diffrhythm-vae", "mel")


def products(root: Path) -> dict[str, str]:
    """Hashes of everything that the stages made, the book's pages aside."""
    folders = ("results", "checkpoints", "data", "book/runs", "book/_static/sounds", "book/_static/live")
    files = [path for folder in folders for path in sorted((root / folder).rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): file_hash(path) for path in files if path.name != ".gitignore"}


def numbers(value: object, where: str = "") -> list[tuple[str, float]]:
    """Every number in nested JSON, with its place."""
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in numbers(inner, f"{where}/{key}")]
    if isinstance(value, list):
        return [pair for key, inner in enumerate(value) for pair in numbers(inner, f"{where}/{key}")]
    return [(where, value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def of_stage(clone: Clone, stage: str, name: str) -> dict:
    return json.loads((clone.root / "results" / stage / f"{name}.json").read_text())


UNITS = {"pitch": "semitones", "amplitude": "dB", "timbre": "octaves"}


def keeps_the_contract(root: Path, name: str) -> None:
    """Of results/summary.json, for one codec."""
    summary = json.loads((root / "results/summary.json").read_text())
    codec = summary["codecs"][name]
    dim = json.loads((root / f"results/extraction/{name}.json").read_text())["codec"]["dim"]
    assert {"sparsity", "l0", "dead", "fvu", "hidden", "l1"} <= codec["sae"].keys()
    assert codec["sae"]["hidden"] == 4 * dim and codec["sae"]["l1"] == 0.05
    for prop, classes in (("pitch", 66), ("amplitude", 20), ("timbre", 20)):
        probing, steering = codec["probing"][prop], codec["steering"][prop]
        assert probing["chance"] == pytest.approx(1 / classes) and "majority" in probing
        for score in (probing, probing["raw_latents"]):
            assert 0 <= score["ci95"][0] <= score["accuracy"] <= score["ci95"][1] <= 1
        assert steering["unit"] == UNITS[prop] and steering["seeds"] == 1 and steering["clips"] > 0
        for figure in ("slope", "random"):
            assert steering[figure] is None or math.isfinite(steering[figure]) and len(steering[f"{figure}_ci95"] or [0, 0]) == 2
        assert set(steering["leakage"]) == UNITS.keys() - {prop}
        assert all(of["slope"] is None or of["slope"] >= 0 for of in steering["leakage"].values())
        for alpha in ("20", "30"):
            of = steering["paper"][alpha]
            assert of["r"] > 0 and all(0 <= of[share] <= 1 for share in ("pitch_lost", "valid_share"))
            assert {"on_target", "on_target_ci95", "leakage", "leakage_ci95"} <= of.keys()
    assert all(math.isfinite(number) for _, number in numbers(summary))
    assert {"data", "weights", "parameters", "code"} <= summary["provenance"].keys()
    weights = summary["provenance"]["weights"]
    assert weights[f"{name}/sae"] == file_hash(root / f"checkpoints/sae/{name}.safetensors")
    assert weights[f"{name}/codec"] == file_hash(root / ("examples/mel_codec.py" if name == "mel" else f"checkpoints/{name}.safetensors"))


# --- one codec ----------------------------------------------------------------------------------------------------------


def test_one_command_makes_figures_sounds_and_a_book(small: Clone) -> None:
    keeps_the_contract(small.root, "encodec")
    pages = sorted(path.stem for path in (small.html / "sections").glob("*.html"))
    assert pages[:4] == ["01_extraction", "02_sae_training", "03_probing", "04_steering"] and "10_feature_browser" in pages
    summary = json.loads((small.root / "results/summary.json").read_text())
    assert set(summary["codecs"]) == {"encodec"} and summary["generation"] == {}
    for page in ("01_extraction", "03_probing", "04_steering"):
        assert list((small.html / f"_static/sounds/encodec/{page}").rglob("*.mp3")), page


def due(run: Clone) -> set[str]:
    """Stages whose own code, inputs, parameters or outputs have changed since they ran; what follows from those is not among them."""
    written = ["data/checked.txt", "data/recordings.txt", "data/code"]  # by the stage `check`, without a start of DVC
    subprocess.run([sys.executable, "-m", "audiosae.pipeline.check", *written], cwd=run.root, env=run.environment, check=True)
    with Repo(str(run.root)) as repo:
        at_rest = {stage.name for stage in repo.index.stages if stage.frozen}
        return {address.rpartition(":")[2] for address in repo.status()} - at_rest - {"check"}


def follow(name: str, *sections: str) -> set[str]:
    """Stages of sections, and their pages, for a codec."""
    return {f"{kind}{section}@{name}" for section in sections for kind in ("", "page_")}


@contextmanager
def edited(run: Clone, name: str, pattern: str, new: str) -> Iterator[None]:
    """A file in which the first match of a pattern is replaced, for a while."""
    path = run.root / name
    before = path.read_text()
    after = re.sub(pattern, new, before, count=1)
    assert after != before
    try:
        path.write_text(after)
        yield
    finally:
        path.write_text(before)


def test_nothing_runs_twice(small: Clone) -> None:
    assert small.repro() == []


@pytest.mark.parametrize(("module", "concerned"), [("sae/model.py", {"book"}), ("sections/probing.py", set())])
def test_an_edit_of_a_docstring_concerns_the_book_that_prints_it_and_nothing_else(small: Clone, module: str, concerned: set[str]) -> None:
    with edited(small, f"audiosae/{module}", '"""', '# A remark.\n\n"""In other words. '):
        assert due(small) == concerned


def test_an_edit_of_a_colour_concerns_what_is_drawn_with_it_and_no_computation(small: Clone) -> None:
    with edited(small, "audiosae/figures/steering.py", r'color="0\.\d+"', 'color="0.25"'):
        assert due(small) == {"page_steering@encodec", "drawings"}


@pytest.mark.parametrize(("old", "new", "section"), [("l1: 0.05", "l1: 0.06", "sae_training"), ("alphas:", "# Of late.\n  alphas:", "")])
def test_a_parameter_concerns_the_stages_that_take_it(small: Clone, old: str, new: str, section: str) -> None:
    with edited(small, "params.yaml", old, new):  # the book lists all parameters; a remark is none
        assert due(small) == (follow("encodec", section) | {"book"} if section else set())


@pytest.mark.slow
def test_a_parameter_reruns_what_follows_from_it(small: Clone) -> None:
    with edited(small, "params.yaml", "l1: 0.05", "l1: 0.06"):
        again = small.repro()
        followed = follow("encodec", "sae_training", "probing", "steering") | {"live@encodec", "page_feature_browser@encodec"}
        assert set(again) == followed | {"current", "summary", "verdicts", "drawings", "book"} and len(again) == len(set(again))
        assert json.loads((small.root / "results/summary.json").read_text())["codecs"]["encodec"]["sae"]["l1"] == 0.06
    small.repro()
    keeps_the_contract(small.root, "encodec")


# --- every codec --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODECS)
def test_the_summary_keeps_the_contract(clone: Clone, name: str) -> None:
    keeps_the_contract(clone.root, name)
    summary = json.loads((clone.root / "results/summary.json").read_text())
    assert set(summary["codecs"]) == set(CODECS)
    assert name != "encodec" or all(of["clips"] for of in summary["codecs"][name]["steering"].values())


def test_all_codecs_are_labelled_by_the_same_bins(clone: Clone) -> None:
    edges = json.loads((clone.root / "results/bins.json").read_text())["edges"]
    for name in CODECS:
        table = frames.load(clone.root / f"data/frames/{name}")
        assert {prop: list(values) for prop, values in table.edges.items()} == edges
        for prop, column in (("amplitude", "rms"), ("timbre", "centroid")):
            np.testing.assert_array_equal(table.table[prop], labels.to_bins(table.table[column].to_numpy(), table.edges[prop]))


@pytest.mark.parametrize(("name", "books", "size"), [("encodec", 8, 1024), ("wavtokenizer", 1, 4096), ("mel", 0, 0)])
def test_the_use_of_codebooks_is_reported(clone: Clone, name: str, books: int, size: int) -> None:
    used = of_stage(clone, "extraction", name)["codebooks"]
    if not books:  # a continuous codec
        assert used is None
        return
    assert used["size"] == size and len(used["perplexity"]) == len(used["share_in_use"]) == books
    for perplexity, share in zip(used["perplexity"], used["share_in_use"]):
        assert 1 <= perplexity <= size * share <= size  # no more can be hard to guess than are in use


def test_the_book_has_a_tab_for_every_codec_with_its_sounds(clone: Clone) -> None:
    titles = ["EnCodec", "WavTokenizer", "DiffRhythm-VAE", "mel"]
    for page in ("01_extraction", "02_sae_training", "03_probing", "04_steering", "10_feature_browser"):
        tabs = re.findall(
            r'data-sync-group="codec" data-sync-id="([a-z-]+)"[^>]*>\s*([\w-]+)<', (clone.html / f"sections/{page}.html").read_text()
        )
        assert tabs and tabs == [*zip(CODECS, titles)] * (len(tabs) // 4), page
    steering = (clone.html / "sections/04_steering.html").read_text()
    article = steering.split("<article", 1)[1].split("</article>")[0]  # beside it stands a head for paper
    assert article.count("<h1>") == 1 and all(f'<th scope="col">{column}</th>' in steering for column in ("original", "decoded"))
    for name in CODECS:
        compared = sorted((clone.html / "_static" / "sounds" / name / "04_steering" / "reconstructed").glob("*.mp3"))
        assert len(compared) % 3 == 0 and compared
        assert all(f"sounds/{name}/04_steering/reconstructed/{path.name}" in steering for path in compared)


def test_generation_keeps_the_contract_and_its_curves_lie_beside_it(clone: Clone) -> None:
    generation = json.loads((clone.root / "results/summary.json").read_text())["generation"]
    assert set(generation) == {"pitch", "amplitude", "timbre"}
    curves = pd.read_csv(clone.root / "results/generation/small-diffrhythm_curves.csv")
    for prop, figures in generation.items():
        assert len(figures["progress"]) == 5 and figures["progress"][0] == 0 and figures["progress"][-1] == pytest.approx(1)
        assert figures["settles_at"] is None or 0 < figures["settles_at"] < 4
        assert set(figures["paths"]) == {"clean estimate", "straight line", "line to another's end"}
        for path, progress in {"noisy latents": figures, **figures["paths"]}.items():
            drawn = curves[(curves["path"] == path) & (curves["property"] == prop) & (curves["measure"] == "s")]
            assert drawn["mean"].tolist() == pytest.approx(progress["progress"], abs=1e-5)
    made = of_stage(clone, "generation", "small-diffrhythm")
    assert {(row["way"], row["property"], row["window"]) for row in made["steering"]} == {
        (way, prop, when) for way in ("control vector", "another prompt") for prop in generation for when in ("early", "late")
    }
    assert made["judgement"]["frechet"].keys() == {"test clips", "generated", "noise"}
    assert made["provenance"]["inputs"]["weights/generator"] == file_hash(clone.root / "checkpoints/generator.safetensors")


def test_every_state_of_a_generation_can_be_heard(clone: Clone) -> None:
    folder = clone.html / "_static/sounds/small-diffrhythm/states"
    index = json.loads((folder / "index.json").read_text())
    assert index["axes"][-1] == ["state", ["0", "1", "2", "3", "4"], "slider"]
    assert {state["file"] for state in index["states"].values()} == {path.name for path in folder.glob("*.mp3")}
    assert len(index["states"]) == 2 * 5
    # Both ways end in the same music.
    assert (folder / "0-4.mp3").read_bytes() == (folder / "1-4.mp3").read_bytes() != (folder / "0-0.mp3").read_bytes()


def test_the_figures_of_the_probe_follow_from_its_files(clone: Clone) -> None:
    """Accuracy once more, from the table, the SAE and the probe that were written."""
    table = frames.load(clone.root / "data/frames/encodec")
    sae = SparseAutoencoder.load(clone.root / "checkpoints/sae/encodec.safetensors")
    fitted = probes.load(clone.root / "checkpoints/probes/encodec.safetensors")
    written = json.loads((clone.root / "results/probing/encodec.json").read_text())["properties"]

    for prop in labels.PROPERTIES:
        rows = table.rows("test", prop)
        with torch.no_grad():
            called = fitted[prop].predict(sae.encode(table.latents[rows]))
        truth = table.table.loc[rows, prop].to_numpy()
        assert (called == truth).mean() == pytest.approx(written[prop]["accuracy"], abs=1e-3)


def test_no_piece_is_in_two_splits_and_every_frame_has_a_clip(clone: Clone) -> None:
    manifest = pd.read_csv(clone.root / "data/corpus/manifest.csv")
    assert manifest.groupby("piece")["split"].nunique().max() == 1
    for name, rate, frames_a_clip in (
        ("encodec", 75, 150),
        ("wavtokenizer", 75, 150),
        ("diffrhythm-vae", 44100 / 2048, 44),
        ("mel", 75, 150),
    ):
        table = frames.load(clone.root / f"data/frames/{name}")
        assert len(table.latents) == len(manifest) * frames_a_clip  # clips of two seconds; the last frame may be filled up
        assert set(table.table["clip"].astype(str)) == set(manifest["clip"])
        assert np.allclose(table.table["time"].to_numpy()[:3], [0.5 / rate, 1.5 / rate, 2.5 / rate])


def test_with_all_codecs_nothing_runs_twice_either_and_what_is_made_again_has_the_same_bytes(clone: Clone) -> None:
    assert clone.repro() == []
    before = products(clone.root)
    clone.repro("--force", "steering@encodec")
    after = products(clone.root)
    assert before.keys() == after.keys()
    assert not (other := [name for name in before if before[name] != after[name]]), "\n".join(other)


def test_an_edit_to_a_codecs_file_reruns_what_depends_on_it(clone: Clone) -> None:
    with (clone.root / "examples/mel_codec.py").open("a") as file:
        file.write("# a remark\n")
    ran = set(clone.repro())
    assert {"extraction@mel", "sae_training@mel", "steering@mel", "live@mel", "summary", "book"} <= ran
    assert not [name for name in ran if name.endswith(("@encodec", "@wavtokenizer"))]


def test_a_codec_that_is_taken_away_leaves_summary_and_book(clone: Clone) -> None:
    original = (clone.root / "params.yaml").read_text()
    with clone.params() as params:
        assert params["codecs"].pop("mel") == yaml.safe_load(OWN)["mel"]
    try:
        ran = clone.repro()  # nothing is computed; pages that ask which evidence is current are made again
        assert {name for name in ran if not name.startswith("page_")} == {"current", "summary", "verdicts", "drawings", "book"}
        assert "mel" not in (clone.root / "results/summary.json").read_text()
        assert (clone.root / "results/steering/mel.json").is_file()  # the reader's to delete
        assert 'data-sync-id="mel"' not in (clone.html / "sections/04_steering.html").read_text()
        assert not (clone.html / "_static/sounds/mel").exists()
    finally:
        (clone.root / "params.yaml").write_text(original)
        clone.repro()
    assert 'data-sync-id="mel"' in (clone.html / "sections/04_steering.html").read_text()
