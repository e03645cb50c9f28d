"""dvc.lock tells the truth about this repository, and the remote inside it holds what dvc.lock records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.pipeline import frozen
from audiosae.pipeline.verify import ledger

ROOT = Path(__file__).resolve().parents[1]


def broken(root: Path) -> list[str]:
    """Say which stages were recorded with an input in another state than the stage left it in that makes it. Needs no data."""
    recorded = frozen.stages(root, "dvc.lock")
    fixed = frozen.names(root, recorded)
    made = {out["path"]: (name, out) for name, stage in recorded.items() for out in stage["outs"]}
    found = []
    for name, stage in recorded.items():
        for dependency in stage.get("deps", []) if name not in fixed else ():
            path = dependency["path"]
            inside = [out for where, (_, out) in made.items() if where.startswith(f"{path}/")]
            if path in made and made[path][1]["md5"] != dependency["md5"]:
                found.append(f"{name}: {path} was recorded in another state than {made[path][0]} made.")
            elif inside and not path.startswith("results"):  # a folder of parts, one a codec; others than stages write results too
                total = sum(out["size"] for out in inside), sum(out.get("nfiles", 1) for out in inside)
                if total != (dependency["size"], dependency["nfiles"]):
                    found.append(f"{name}: {path} was recorded in another state than the stages left it in that write there.")
    return found


def unshipped(root: Path, remote: str = "embedded") -> list[str]:
    """Compare the remote inside the repository with the outputs that name it: nothing may lack, nothing be left over."""
    with Repo(str(root)) as repo:
        folder = Path(repo.config["remote"][remote]["url"])
        outs = [out for stage in repo.index.stages if isinstance(stage, PipelineStage) for out in stage.outs]
        wanted = {out.hash_info.value: out.def_path for out in outs if out.remote == remote and out.hash_info}
    held = {path.parent.name + path.name: path for path in folder.glob("files/md5/??/*")}
    for digest, path in list(wanted.items()):
        if digest.endswith(".dir") and digest in held:
            wanted |= {entry["md5"]: f"{path}/{entry['relpath']}" for entry in json.loads(held[digest].read_bytes())}
    lacking = [
        f"{path} ({digest}) is not in the remote; run `dvc push --remote embedded`."
        for digest, path in wanted.items()
        if digest not in held
    ]
    return lacking + [f"{held[digest].relative_to(root)} belongs to no output; remove it." for digest in held.keys() - wanted.keys()]


def free(root: Path) -> set[str]:
    """Names of the stages that are not frozen."""
    recorded = frozen.stages(root, "dvc.lock")
    return recorded.keys() - frozen.names(root, recorded)


# --- this repository ---------------------------------------------------------------------------------------------------


def test_dvc_lock_matches_the_repository() -> None:
    found = ledger.discrepancies(ROOT, free(ROOT)) + broken(ROOT)
    assert not (found := [line for line in found if "make weights" not in line]), "run `dvc repro` and commit dvc.lock:\n" + "\n".join(
        found
    )


def test_the_remote_in_the_repository_holds_what_it_must_and_no_more() -> None:
    assert not (found := unshipped(ROOT)), "\n".join(found)


def test_the_remote_in_the_repository_is_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / ".dvc/embedded").rglob("*") if path.is_file()) <= 45e6


# --- the checks themselves, on a small pipeline; what the ledger finds in a single stage: test_verify.py ------------------


FILES = {
    "params.yaml": "codecs: [one, two]\na: {size: 3, flag: false}\nseed: 1\n",
    "dvc.yaml": """
stages:
  weights:
    frozen: true
    cmd: cp trainer.txt weights.txt
    deps: [trainer.txt]
    outs: [{weights.txt: {remote: embedded}}]
  a:
    foreach: ${codecs}
    do:
      cmd: >-
        echo ${item} ${a} >results-${item}.txt; mkdir -p pages sounds/${item}; cp results-${item}.txt pages/${item}.txt;
        cp results-${item}.txt sounds/${item}
      deps: [input.txt, weights.txt]
      params: [seed]
      outs: [{"results-${item}.txt": {cache: false}}, {"pages/${item}.txt": {push: false}}, {"sounds/${item}": {push: false}}]
  b:
    cmd: cat pages/*.txt sounds/*/* >book.txt
    deps: [pages, sounds]
    params: [codecs]
    outs: [{book.txt: {cache: false}}]
""",
    "input.txt": "in",
    "trainer.txt": "train",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a frozen stage and a ``foreach``, run once, weights pushed into a remote inside it."""
    folder = tmp_path_factory.mktemp("ran")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Repo.init(no_scm=True).close()
        (folder / ".dvc/config").write_text(
            "[core]\n    no_scm = true\n    analytics = false\n['remote \"embedded\"']\n    url = embedded\n"
        )
        (folder / "weights.txt").write_text("w")
        with Repo() as repo:
            repo.commit("weights", force=True)
            repo.reproduce()
            repo.push()
    return folder


@pytest.fixture
def project(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = shutil.copytree(ran, tmp_path / "project")
    monkeypatch.chdir(copy)
    return copy


def test_a_true_lock_passes_even_without_the_data(project: Path) -> None:
    shutil.rmtree(project / "pages")
    shutil.rmtree(project / "sounds")
    assert ledger.discrepancies(project, free(project)) == [] and broken(project) == []


@pytest.mark.parametrize(("name", "old", "new", "told"), [
    ("input.txt", "in", "changed", ["a@one, a@two: input.txt is not"]),
    ("params.yaml", "seed: 1", "seed: 2", ["a@one: seed is 2", "a@two: seed is 2"]),
    ("params.yaml", "size: 3", "size: 4", ["a@one: its command has", "a@two: its command has"]),
    ("params.yaml", ", two", "", ["a@two: dvc.lock keeps", "b: codecs is ['one']"]),
    ("params.yaml", ", two", ", two, three", ["a@three: not in dvc.lock", "b: codecs is"]),
    ("dvc.yaml", "[input.txt,", "[input.txt, trainer.txt,", ["a@one, a@two: trainer.txt is not"]),
    ("dvc.yaml", "[input.txt, weights.txt]", "[weights.txt]", ["a@one: recorded with a dependency on input.txt", "a@two: recorded"]),
    ("results-one.txt", "one", "two", ["a@one: results-one.txt is not the file"]),
    ("weights.txt", "w", "x", ["weights: weights.txt is not the file"]),
    ("trainer.txt", "train", "edited", []),
])  # fmt: skip
def test_a_lock_that_no_longer_matches_is_told_by_stage_and_file(project: Path, name: str, old: str, new: str, told: list[str]) -> None:
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new, 1))
    found = ledger.discrepancies(project, free(project))
    assert len(found) == len(told), found
    assert all(line.startswith(start) for line, start in zip(found, told)), found


@pytest.mark.parametrize(("stage", "out", "digest", "told"), [
    ("weights", "weights.txt", "0" * 32, ["a@one: weights.txt", "a@two: weights.txt"]),
    ("a@one", "pages/one.txt", None, ["b: pages"]),
    ("a@one", "sounds/one", None, ["b: sounds"]),
])  # fmt: skip
def test_an_input_from_another_state_of_its_maker_is_told(project: Path, stage: str, out: str, digest: str | None, told: list[str]) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    [entry] = [entry for entry in lock["stages"][stage]["outs"] if entry["path"] == out]
    entry |= {"md5": digest} if digest else {"size": 7}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert [line.split(" was")[0] for line in broken(project)] == told


def test_what_another_codec_left_in_a_folder_is_told(project: Path) -> None:
    for name in ("pages/three.txt", "sounds/three.mp3"):
        (project / name).write_text("left over")
    with Repo() as repo:
        repo.reproduce()
    assert [line.split(" was")[0] for line in broken(project)] == ["b: pages", "b: sounds"]


def test_weights_that_lack_or_are_left_over_are_told(project: Path) -> None:
    assert unshipped(project) == []
    [held] = (project / ".dvc/embedded/files/md5").glob("??/*")
    held.rename(held.with_name("old"))
    lacking, left = unshipped(project)
    assert "weights.txt" in lacking and "old belongs to no output" in left
