"""What `verify` finds, on a project of five stages that runs in a second."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from dvc.repo import Repo

from audiosae.errors import ParameterError
from audiosae.pipeline import check, frozen, lock, verify

FILES = {
    ".dvc/config": "[core]\n    analytics = false\n[parsing]\n    bool = boolean_optional\n    list = nargs\n['remote \"embedded\"']\n    url = embedded\n",
    ".gitignore": "/.venv\n/weights.txt\n/data.json\n/data/\n/page.html\n/given/own.txt\n__pycache__/\n",
    "params.yaml": "codecs: [one, two]\nprobing: {epochs: 20, alphas: [1, 2]}\n",
    "dvc.yaml": f"""
vars: [python: "{sys.executable} -B"]
stages:
  weights:
    frozen: true
    cmd: "false"
    deps: [trainer.py]
    outs: [{{weights.txt: {{remote: embedded}}}}, {{results/training.csv: {{cache: false}}}}]
  data:
    cmd: ${{python}} stages/data.py
    deps: [stages/data.py, weights.txt]
    outs: [{{data.json: {{push: false}}}}]
  probing:
    foreach: ${{codecs}}
    do:
      cmd: ${{python}} stages/probing.py ${{item}} ${{probing}}
      deps: [stages/probing.py, data/code/measures.txt, data.json, given]
      outs: [{{"results/probing/${{item}}.json": {{cache: false}}}}, {{"results/probing/${{item}}_curve.csv": {{cache: false}}}}]
  summary:
    cmd: ${{python}} stages/summary.py
    params: [codecs]
    deps: [stages/summary.py, results/probing]
    outs: [{{results/summary.json: {{cache: false}}}}]
  page:
    cmd: cp results/summary.json page.html
    deps: [results/summary.json]
    outs: [{{page.html: {{cache: false}}}}]
""",
    "trainer.py": "",
    "given/README.md": "of this folder git knows no more than this",
    "given/own.txt": "0",
    "weights.txt": "0.5",
    "results/training.csv": "step,loss\n1,0.5\n",
    "results/parity.json": "{}",
    "audiosae/__init__.py": "",
    "audiosae/measures.py": 'def accuracy(weight, epochs):\n    return weight * epochs / 100\n\n\nif __name__ == "__main__":\n    pass\n',
    "stages/data.py": "import json\njson.dump({'weight': float(open('weights.txt').read())}, open('data.json', 'w'))\n",
    "stages/probing.py": """
import hashlib, json, os, sys
from audiosae.measures import accuracy  # beside no stage, so found through PYTHONPATH alone
name, epochs = sys.argv[1], int(sys.argv[3])
weight = json.load(open('data.json'))['weight']
inputs = {"weights/codec": hashlib.sha256(open('weights.txt', 'rb').read()).hexdigest(), "data/frames": os.environ.get("FRAMES", "hash of frames")}
noise = float(os.environ.get("NOISE", "0")) + float(open('given/own.txt').read())
figures = {"accuracy": accuracy(weight, epochs) + noise, "ci95": [0.04, 0.16], "frames": 7, "provenance": {"inputs": inputs, "parameters": {"epochs": epochs}, "code": "c"}}
os.makedirs('results/probing', exist_ok=True)
json.dump(figures, open(f'results/probing/{name}.json', 'w'))
open(f'results/probing/{name}_curve.csv', 'w').write(f'alpha,mean\\n1,{weight}\\n2,{2 * weight}\\n')
""",
    "stages/summary.py": """
import glob, json, os
gathered = {path: json.load(open(path))["accuracy"] for path in sorted(glob.glob('results/probing/*.json'))}
json.dump({"accuracy": gathered, "provenance": {"arithmetic": os.environ.get("ARITHMETIC", "here")}}, open('results/summary.json', 'w'))
""",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout in which the pipeline has run."""
    folder = tmp_path_factory.mktemp("ran")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, text in check.code_hashes(folder).items():
        (folder / "data/code").mkdir(parents=True, exist_ok=True)
        (folder / f"data/code/{name}.txt").write_text(f"{text}\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        with Repo() as repo:
            repo.commit("weights", force=True)
            repo.reproduce()
        frozen.record(folder)
    return folder


Found = Callable[..., tuple[int, str]]
"""Verifies stages of the project in the working directory; the number of differences, and what was printed."""


@pytest.fixture
def project(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a checkout of the test's own, on the processor that the results were made on."""
    shutil.copytree(ran, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(verify, "fingerprint", lambda: "here")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "project"


@pytest.fixture
def another_processor(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same checkout where the arithmetic is another, and with it the bytes of the frames."""
    monkeypatch.setattr(verify, "fingerprint", lambda: "elsewhere")
    monkeypatch.setenv("ARITHMETIC", "elsewhere")
    monkeypatch.setenv("FRAMES", "hash of other frames")
    return project


@pytest.fixture
def found(project: Path, capsys: pytest.CaptureFixture[str]) -> Found:
    def run(*only: str) -> tuple[int, str]:
        capsys.readouterr()
        return verify.verify(project, only), capsys.readouterr().out

    return run


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def hide(stage: str) -> None:
    """Have dvc.lock record what lies there now, as if the stage had written it."""
    with Repo() as repo:
        repo.commit(stage, force=True)


def told(printed: str, heading: str) -> list[str]:
    """The lines under a heading of the report."""
    _, _, rest = printed.partition(heading)
    return [line.strip() for line in rest.split("\n\n")[0].splitlines()[1:]]


# --- the whole --------------------------------------------------------------------------------------------------------


def test_an_untouched_tree_passes_and_is_left_as_it_was(project: Path, found: Found) -> None:
    def tree() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and ".dvc/tmp" not in str(path)}

    before = tree()
    number, printed = found()
    assert number == 0 and printed.endswith("\nverify: passed\n")
    assert "dvc.lock and the working tree agree" in printed
    assert "[1/4] summary … done" in printed and "[2/4] data … done" in printed
    # Two probes with five numbers, their curves with four, and the summary's two.
    assert "compared 5 files with 20 numbers: 5 files have equal bytes, 5 agree" in printed
    assert told(printed, "not regenerated (frozen") == ["weights: results/training.csv"]
    assert told(printed, "not regenerated (no results follow") == ["page"]
    assert told(printed, "not regenerated (no stage writes them") == ["results/parity.json"]
    assert tree() == before
    assert list((project.parent / "scratch").iterdir()) == []


def test_a_changed_parameter_is_named_and_so_is_what_it_changes(project: Path, found: Found) -> None:
    change(project / "params.yaml", "epochs: 20", "epochs: 19")
    number, printed = found()
    assert told(printed, "the working tree differ") == [
        f"probing@{name}: its command has `--epochs 19` here (params.yaml or dvc.yaml), `--epochs 20` in dvc.lock."
        for name in ("one", "two")
    ]
    assert told(printed, "results/probing/one.json differs") == [
        "results/probing/one.json: accuracy: published 0.1, regenerated 0.095",
        "results/probing/one.json: provenance.parameters.epochs: published 20, regenerated 19",
    ]
    assert number == 2 + 2 * 2 and printed.endswith("verify: FAILED, 6 differences\n")


def test_a_codec_more_is_named_by_every_stage_that_counts_codecs(project: Path, found: Found) -> None:
    change(project / "params.yaml", "[one, two]", "[one, two, three]")
    number, printed = found("summary")
    assert told(printed, "the working tree differ") == [
        "probing@three: not in dvc.lock, so it never ran to its end; run `make repro`.",
        "summary: codecs is ['one', 'two', 'three'] in params.yaml, ['one', 'two'] in dvc.lock.",
    ]
    assert number == 2


@pytest.mark.parametrize("hidden", [False, True])
def test_an_altered_weight_or_frozen_result_is_named_even_if_dvc_lock_hides_it(project: Path, found: Found, hidden: bool) -> None:
    (project / "weights.txt").write_text("0.6")
    change(project / "results/training.csv", "0.5", "0.4")
    if hidden:
        hide("weights")
    number, printed = found()
    lines = sorted(told(printed, "the working tree differ"), key=lambda line: "weights.txt" in line)
    for name, line in zip(("results/training.csv", "weights.txt"), lines, strict=True):
        assert f"{name} is not the file that " + ("was committed" if hidden else "dvc.lock records") in line
    assert (project / "weights.txt").read_text() == "0.6"
    lines = told(printed, "results/probing/two.json differs")
    assert "provenance.inputs.weights/codec" in lines[0]
    assert lines[1] == "results/probing/two.json: accuracy: published 0.1, regenerated 0.12"
    assert told(printed, "results/probing/two_curve.csv differs") == [
        f"results/probing/two_curve.csv: line {line}, mean: published {0.5 * alpha:g}, regenerated {0.6 * alpha:g}"
        for line, alpha in ((2, 1), (3, 2))
    ]
    assert number == 2 + 2 * 4


@pytest.mark.parametrize("hidden", [False, True])
def test_an_altered_number_is_named_even_if_dvc_lock_hides_it(project: Path, found: Found, hidden: bool) -> None:
    change(project / "results/probing/one.json", '"accuracy": 0.1', '"accuracy": 0.1000001')
    if hidden:
        hide("probing@one")
    number, printed = found()
    booked = [] if hidden else ["probing@one: results/probing/one.json is not the file that dvc.lock records."]
    assert told(printed, "the working tree differ") == booked
    assert told(printed, "results/probing/one.json differs") == ["results/probing/one.json: accuracy: published 0.1000001, regenerated 0.1"]
    # The summary, gathered from what is published, is out of step with it.
    assert told(printed, "results/summary.json differs") == [
        "results/summary.json: accuracy.results/probing/one.json: published 0.1, regenerated 0.1000001"
    ]
    assert number == 2 + len(booked)


def test_altered_code_is_named_once_with_all_its_stages_and_runs_in_the_copy(project: Path, found: Found) -> None:
    change(project / "audiosae/measures.py", "/ 100", "/ 50")
    change(project / "trainer.py", "", "# code of a frozen stage may change")
    number, printed = found()
    assert told(printed, "the working tree differ") == ["probing@one, probing@two: the code behind data/code/measures.txt was changed."]
    assert told(printed, "results/probing/one.json differs") == ["results/probing/one.json: accuracy: published 0.1, regenerated 0.2"]
    assert number == 3


def test_a_stage_that_fails_is_told_with_its_end_and_what_waited_for_it(project: Path, found: Found) -> None:
    (project / "weights.txt").unlink()
    number, printed = found()
    assert told(printed, "the working tree differ") == ["weights: weights.txt is missing; run `make weights`."]
    failed = told(printed, "data failed")
    assert "No such file or directory: 'weights.txt'" in failed[-2] and failed[-1] == "(exit status 1)"
    assert told(printed, "not regenerated (needs data)") == ["probing@one", "probing@two"]
    assert "compared 1 files" in printed and number == 2


def test_a_stage_that_writes_nothing_leaves_nothing_stale_to_compare(project: Path, found: Found) -> None:
    (project / "stages/probing.py").write_text("")
    number, printed = found("probing@two")
    assert told(printed, "the working tree differ") == [
        "probing@one, probing@two: stages/probing.py is not the file that dvc.lock records."
    ]
    assert told(printed, "probing@two failed") == ["it did not write results/probing/two.json, results/probing/two_curve.csv"]
    assert "compared 0 files" in printed and number == 2


def test_one_stage_brings_those_that_it_needs(project: Path, found: Found) -> None:
    number, printed = found("probing@two")
    assert number == 0 and "[1/2] data …" in printed and "[2/2] probing@two …" in printed
    assert told(printed, "not regenerated (not asked for)") == ["probing@one", "summary"]
    assert "compared 2 files" in printed
    for name in ("weights", "page", "nothing"):
        with pytest.raises(ParameterError, match=f"--only {name}: stages that can be regenerated are probing@one, probing@two, summary"):
            found(name)


def test_a_copy_that_is_kept_holds_what_was_made(project: Path, tmp_path: Path) -> None:
    assert verify.verify(project, ["probing"], tmp_path / "kept") == 0
    assert (tmp_path / "kept/data.json").is_file() and not (tmp_path / "kept/.dvc/cache").exists()
    with pytest.raises(ParameterError, match="kept: is not empty"):
        verify.verify(project, [], tmp_path / "kept")


def test_without_a_ledger_or_a_pipeline_nothing_is_verified(project: Path) -> None:
    (project / "dvc.lock").rename(project / "moved")
    with pytest.raises(lock.VerifyError, match="dvc.lock is missing"):
        verify.verify(project)
    (project / "moved").rename(project / "dvc.lock")
    (project / "params.yaml").write_text("codecs: [one\n")
    with pytest.raises(lock.VerifyError, match="the pipeline cannot be read"):
        verify.verify(project)


def test_the_exit_status_tells(project: Path) -> None:
    verify.main(("summary",))
    change(project / "results/training.csv", "0.5", "0.4")
    with pytest.raises(SystemExit) as stopped:
        verify.main(("summary",))
    assert stopped.value.code == 1


# --- another processor ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "differences"), [("0.02", 0), ("0.04", 2)])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_another_processor_and_other_kernels_have_tolerances_and_no_more(
    another_processor: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    noise: str,
    differences: int,
    elsewhere: bool,
) -> None:
    if elsewhere:
        monkeypatch.setenv("NOISE", noise)
    else:  # here, with variables that make it another
        monkeypatch.setattr(verify, "fingerprint", lambda: "here")
        monkeypatch.setattr(verify, "regenerate", partial(verify.regenerate, environment={"NOISE": noise}))
    number = verify.verify(another_processor)
    printed = capsys.readouterr().out
    assert number == differences, printed
    assert "is not the one that results/summary.json names" in printed and "2 hashes of data and weights" in printed
    assert told(printed, "results/probing/one.json differs") == [
        "results/probing/one.json: accuracy: published 0.1, regenerated 0.14 (with an interval: a quarter of its width)"
    ] * (differences // 2)
    share = f"{float(noise) / 0.12:.2g}"
    lines = [line.split(";")[:3] for line in told(printed, "tolerances that were needed")]
    assert lines == [["with an interval: a quarter of its width", f" {share}, 2 of 6", " sums in another order"]]
    assert f"{1 - differences / 20:.2%} of the numbers are within" in printed


def test_a_number_hidden_within_a_tolerance_is_out_of_step_with_the_summary(another_processor: Path, found: Found) -> None:
    change(another_processor / "results/probing/one.json", '"accuracy": 0.1', '"accuracy": 0.11')
    hide("probing@one")
    number, printed = found()
    assert number == 1 and "results/summary.json: accuracy.results/probing/one.json: published 0.1, regenerated 0.11" in printed


def test_an_altered_weight_is_told_by_its_hash_on_another_processor(another_processor: Path, found: Found) -> None:
    (another_processor / "weights.txt").write_text("0.5000001")
    hide("weights")
    number, printed = found()
    assert number >= 2 and "one.json: provenance.inputs.weights/codec: published" in printed


def test_a_copy_can_be_changed_before_it_runs(project: Path, tmp_path: Path) -> None:
    with Repo(str(project)) as repo:
        stages = lock.stages_of(repo)
        chosen = verify.plan(repo, stages, ["probing"])
        plant = lambda copy: change(copy / "audiosae/measures.py", "/ 100", "/ 50")  # noqa: E731
        comparison, failed, waiting = verify.regenerate(project, stages, chosen, tmp_path / "copy", {"NOISE": "0"}, plant)
    assert not failed and not waiting and not comparison.same_processor
    assert [each.place for each in comparison.differences["results/probing/one.json"]] == ["accuracy"]
    assert "/ 100" in (project / "audiosae/measures.py").read_text()


@pytest.mark.parametrize("text", ['{"accuracy": 0}', "{"])
def test_results_that_do_not_say_where_they_were_made_count_as_made_elsewhere(project: Path, found: Found, text: str) -> None:
    (project / "results/summary.json").write_text(text)
    assert "is not the one that results/summary.json names" in found("probing@one")[1]
