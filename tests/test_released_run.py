"""The run with released weights, on a project whose stages only write down what they were told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from conftest import Clone

from audiosae.errors import CheckpointError, DownloadError, ParameterError
from audiosae.generation import diffrhythm
from audiosae.generation.transformer import Shape
from audiosae.pipeline import released
from audiosae.pipeline.released import RunError, collect, collect_pages, copy_project, released_params, run

ROOT = Path(__file__).resolve().parents[1]

PARAMS = """\
codecs:  # a comment
  encodec: {weights: embedded, file: checkpoints/encodec.bin}
  mel: {weights: examples/mel.py, file: examples/mel.py}
corpus: {source: embedded, minutes: 15}
generators:
  small: {weights: embedded, file: checkpoints/generator.bin}
"""
WITH_VAE = PARAMS.replace("corpus:", "  diffrhythm-vae: {weights: embedded, file: checkpoints/vae.bin}\ncorpus:")
PIPELINE = """\
stages:
  train_codec:
    foreach: [encodec]
    do: {frozen: true, cmd: "false", deps: [trainer.py], outs: [{"checkpoints/${item}.bin": {remote: embedded}}]}
  train_sae: {frozen: true, cmd: "false", deps: [trainer.py], outs: [{sae.bin: {remote: embedded}}]}
  train_generator: {frozen: true, cmd: "false", deps: [trainer.py], outs: [{checkpoints/generator.bin: {remote: embedded}}]}
  train_judge: {frozen: true, cmd: "false", deps: [trainer.py], outs: [{judge.bin: {remote: embedded}}]}
  compare_codecs: {frozen: true, cmd: "false", deps: [trainer.py], outs: [{sounds.bin: {remote: embedded}}]}
  extraction:
    foreach: ${codecs}
    do:
      cmd: >-
        test ! -e fail && ./starter && mkdir -p results/extraction data && echo ${key} >data/${key}.txt &&
        echo '{"weights": "${item.weights}", "source": "${corpus.source}"}' >results/extraction/${key}.json
      deps: ["${item.file}"]
      outs: [{"data/${key}.txt": {push: false}}, {"results/extraction/${key}.json": {cache: false}}]
  summary:
    cmd: >-
      cat results/extraction/*.json >results/lines.txt; echo '{"of": "${codecs.encodec.weights}"}' >results/summary.json
    deps: [results/extraction]
    outs: [{results/summary.json: {cache: false}}]
"""


def put(folder: Path, texts: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout in which the pipeline has run with embedded weights."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / ".dvc").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    sources = {
        "params.yaml": PARAMS,
        "dvc.yaml": PIPELINE,
        "trainer.py": "",
        "examples/mel.py": "",
        "starter": "#!/bin/sh\n",
        "results/extraction/gone.json": "{}",
        "results/parity.json": "{}",
    }
    weights = {"checkpoints/encodec.bin": "w", "checkpoints/generator.bin": "g", "judge.bin": "j", "sae.bin": "a", "sounds.bin": "s"}
    put(folder, sources | weights)
    (folder / "starter").chmod(0o755)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    command = (
        f"git init -q . && git add params.yaml dvc.yaml && .venv/bin/dvc commit -q -f {' '.join(released.SHIPPED)} && "
        ".venv/bin/dvc repro -q && .venv/bin/dvc push -q --remote embedded"
    )
    subprocess.run(command, shell=True, cwd=folder, check=True, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)})
    return folder


@pytest.fixture
def project(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a checkout of the test's own, in which weights load at once."""
    loaded = SimpleNamespace(frame_rate=75.0, dim=8, channels=1, sample_rate=24000)
    monkeypatch.setattr(released.codecs, "load", lambda name, weights: loaded)
    return shutil.copytree(ran, tmp_path / "project", symlinks=True)


def files(folder: Path) -> dict[str, bytes]:
    """Everything in the project that git could see, the released figures aside."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=folder, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split() if not name.startswith("results/released/")]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def figures(folder: Path) -> dict[str, dict]:
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))}


@pytest.mark.slow
def test_the_run_leaves_its_figures_and_nothing_else_and_a_stage_that_fails_keeps_the_last(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, paper = files(project), project.parent / "paper"
    paper.mkdir()
    run(project, paper, {})
    assert files(project) == before
    assert (project / ".released/results/parity.json").is_file()  # no stage writes it, and the book shows it
    assert figures(project / "results/released") == {
        "extraction/encodec.json": {"weights": "released", "source": f"paper:{paper}"},
        "extraction/mel.json": {"weights": "examples/mel.py", "source": f"paper:{paper}"},
        "summary.json": {"of": "released"},
    }
    given = {"encodec": project / "checkpoints/encodec.bin"}
    run(project, None, given)
    again = figures(project / "results/released")
    assert again["extraction/encodec.json"] == {"weights": str(given["encodec"]), "source": "embedded"}
    assert files(project) == before
    assert "Running stage 'extraction" in capfd.readouterr().out
    run(project, None, given)
    assert "Running stage 'extraction" not in capfd.readouterr().out  # what was done is not done again
    (project / ".released/fail").touch()
    (project / "examples/mel.py").write_text("# changed")
    with pytest.raises(RunError, match="`dvc repro` failed in .*results/released is as it was"):
        run(project, None, given)
    assert figures(project / "results/released") == again
    assert [path.name for path in (project / "results").iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_the_whole_pipeline_runs_and_what_it_made_stands_beside_the_projects_own(small: Clone, tmp_path: Path) -> None:
    made = small.copy(tmp_path / "project")
    mine = shutil.copy(made.root / "checkpoints/encodec.safetensors", tmp_path / "mine.safetensors")
    command = [ROOT / ".venv/bin/python", "-m", "audiosae.pipeline.released", "--weights", f"encodec={mine}"]
    done = subprocess.run(command, cwd=made.root, env=made.environment, capture_output=True, text=True)
    assert done.returncode == 0 and "the figures are in results/released" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    ours, theirs = (json.loads((made.root / f"results{place}/probing/encodec.json").read_text()) for place in ("", "/released"))
    assert theirs["properties"] == ours["properties"] and not (made.root / "results/released/parity.json").exists()
    assert (made.root / ".released/book/_build/html/index.html").is_file()
    assert "book" in made.repro("book")
    page = (made.html / "sections/04_steering.html").read_text()
    assert "EnCodec, released</label>" in page and "_static/sounds/encodec-released/04_steering/steering/index.json" in page
    assert (made.html / "_static/sounds/encodec-released/04_steering/steering/index.json").is_file()
    assert "EnCodec, released" in (made.html / "findings.html").read_text()


def test_what_will_be_fetched_and_what_is_there_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOSAE_CACHE", str(tmp_path))
    (tmp_path / "wavtokenizer_large_speech_320_v2.ckpt").write_bytes(bytes(3_000_000))
    (tmp_path / "guitarset").mkdir()
    lines = {name: {"weights": "released"} for name in ("encodec", "wavtokenizer", "diffrhythm-vae")} | {"mel": {"weights": "mel.py"}}
    encodec, wavtokenizer, vae, mel, *data = released.announced(lines, tmp_path)
    assert encodec == "encodec: fetches https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th, 93 MB, 0 min at 10 MB/s"
    assert wavtokenizer.endswith("wavtokenizer_large_speech_320_v2.ckpt, 3 MB, is here") and mel == "mel: mel.py"
    assert vae.endswith("vae_model.pt, at most 800 MB, 1 min at 10 MB/s")
    assert len(data) == 5 and f"guitarset: is in {tmp_path}" in data and f"maestro: is not in {tmp_path}" in data


def test_weights_that_cannot_be_had_are_said_before_anything_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, weights: str) -> None:
        raise DownloadError(f"{name} could not be fetched")

    monkeypatch.setattr(released.codecs, "load", load)
    with pytest.raises(DownloadError, match="encodec could not be fetched"):
        run(project, None, {})
    assert not (project / ".released").exists() and not (project / "results" / "released").exists()


@pytest.mark.parametrize("wrong", ["damaged", "without its style of singing", "without muq"])
def test_diffrhythm_that_cannot_be_used_is_said_before_anything_runs(project: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    (project / "params.yaml").write_text(WITH_VAE)
    weights = project.parent / "cfm_model.pt"
    network = diffrhythm.Network(
        Shape(latent=4, width=64, depth=2, heads=diffrhythm.HEADS, inner=8, condition=4), diffrhythm.SHORT, 3, 4, 1
    )
    torch.save({"model_state_dict": {f"transformer.{name}": tensor for name, tensor in network.state_dict().items()}}, weights)
    np.save(weights.with_name("vocal.npy"), np.zeros(4, dtype=np.float32))
    monkeypatch.setitem(sys.modules, "muq", None)
    kind, told = ParameterError, "the package muq cannot be used here"
    if wrong == "damaged":
        weights.write_bytes(weights.read_bytes()[:1000])
        kind, told = CheckpointError, "cfm_model.pt is not a readable DiffRhythm checkpoint"
    elif wrong == "without its style of singing":
        weights.with_name("vocal.npy").unlink()
        kind, told = CheckpointError, "vocal.npy cannot be read .*put it beside the checkpoint"
    with pytest.raises(kind, match=told):
        run(project, None, {"diffrhythm": weights})
    assert not (project / ".released").exists() and not (project / "results" / "released").exists()


@pytest.mark.parametrize(("data", "given", "told"), [
    ("nowhere", {}, "nowhere is no folder"),
    (None, {"encodec": "a.th"}, "a.th: there is no such checkpoint"),
    (None, {"dac": "trainer.py"}, "--weights dac: known are encodec, mel, diffrhythm"),
    (None, {"diffrhythm": "trainer.py"}, "latents of diffrhythm-vae; give that codec a line in params.yaml"),
])  # fmt: skip
def test_what_is_not_there_is_said(project: Path, data: str | None, given: dict[str, str], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        run(project, data and project / data, {name: project / path for name, path in given.items()})
    assert not (project / ".released").exists()


def test_only_embedded_weights_and_the_corpus_are_exchanged() -> None:
    changed = yaml.safe_load(released_params(PARAMS, Path("/data"), {}))
    expected = yaml.safe_load(PARAMS)
    expected["codecs"]["encodec"]["weights"] = "released"
    expected["corpus"]["source"] = "paper:/data"
    expected["generators"] = {}  # the embedded one knows the embedded VAE alone
    assert changed == expected
    by_path = yaml.safe_load(released_params(PARAMS, None, {"encodec": Path("/a.th")}))
    generating = yaml.safe_load(released_params(WITH_VAE, None, {"diffrhythm": Path("/cfm_model.pt")}))
    assert generating["generators"] == {"diffrhythm": {"weights": "/cfm_model.pt", "file": "/cfm_model.pt"}}
    assert by_path["codecs"]["encodec"] == {"weights": "/a.th", "file": "/a.th"} and by_path["corpus"]["source"] == "embedded"


def test_figures_of_another_codec_and_of_the_last_run_are_not_kept(tmp_path: Path) -> None:
    made = ("summary.json", "bins.json", "probing/one.json", "probing/two.json", "codec/two.json", "probing/one.txt")
    target = tmp_path / "released"
    put(tmp_path / "results", dict.fromkeys(made, "{}"))
    put(target, {"old.json": "{}"})
    collect(tmp_path / "results", target, ["one"])
    assert list(figures(target)) == ["bins.json", "codec/two.json", "probing/one.json", "summary.json"]


def test_what_a_run_did_not_compute_is_not_told_as_its_own(tmp_path: Path) -> None:
    put(tmp_path, {"run/evidence/one.json": "1", "run/summary.json": "2", "own/evidence/one.json": "1", "own/summary.json": "3"})
    collect(tmp_path / "run", tmp_path / "own/released", [])
    assert figures(tmp_path / "own/released") == {"summary.json": 2}


def test_pages_and_sounds_of_a_run_stand_beside_the_books_own_with_addresses_of_their_own(tmp_path: Path) -> None:
    made, book = tmp_path / "made", tmp_path / "book"
    put(made, {
        "runs/mel/03.ipynb": "static:sounds/mel/a.mp3 static:sounds/melody/b.mp3", "runs/mel/10.ipynb": "static:live/mel/index.json",
        "_static/sounds/mel/a.mp3": "new", "runs/silent/03.ipynb": "no sounds",
    })  # fmt: skip
    put(book, {"_static/sounds/mel-released/old.mp3": "of the last run"})
    collect_pages(made, book, ["mel", "silent"])
    found = {str(path.relative_to(book)): path.read_text() for path in book.rglob("*") if path.is_file()}
    assert found == {
        "runs/mel-released/03.ipynb": "static:sounds/mel-released/a.mp3 static:sounds/melody/b.mp3",
        "_static/sounds/mel-released/a.mp3": "new", "runs/silent-released/03.ipynb": "no sounds",
    }  # fmt: skip


def test_a_folder_that_git_does_not_know_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RunError, match="is no git checkout"):
        copy_project(tmp_path, tmp_path / "copy")
