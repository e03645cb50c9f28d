"""dvc.lock tells the truth about this repository, and the remote inside it holds what dvc.lock records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dvc.dependency import Dependency, ParamsDependency
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc_data.hashfile.tree import Tree

ROOT = Path(__file__).resolve().parents[1]


# --- dvc.lock against the files ----------------------------------------------------------------------------------------


def pipeline(repo: Repo) -> list[PipelineStage]:
    """Every stage of dvc.yaml, with templates and ``foreach`` resolved and what dvc.lock recorded filled in."""
    return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


def stale(root: Path) -> list[str]:
    """Say where dvc.lock and the repository differ; an empty list where they agree.

    Needs no data: a dependency that another stage makes is compared with what that stage recorded. Inputs of frozen
    stages are exempt, since an edit to a training module must not ask for hours of training; their outputs are not.
    """
    lock = root / "dvc.lock"
    if not lock.exists():
        return ["dvc.lock is missing; run `dvc repro` and commit it."]
    recorded = yaml.safe_load(lock.read_text())["stages"]
    found = []
    with Repo(str(root)) as repo:
        stages = pipeline(repo)
        names = {stage.name for stage in stages}
        found += [f"{name}: dvc.lock keeps this stage, dvc.yaml has none of that name." for name in recorded if name not in names]
        makers = {out.fs_path: (stage.name, out) for stage in stages for out in stage.outs}
        for stage in stages:
            if stage.name not in recorded:
                found.append(f"{stage.name}: not in dvc.lock.")
                continue
            complaints = list(_changed_outputs(repo, stage))
            if not stage.frozen:
                complaints += _changed_inputs(stage, makers, recorded[stage.name])
            found += [f"{stage.name}: {complaint}" for complaint in complaints]
    return found


def _changed_inputs(stage: PipelineStage, makers: dict, recorded: dict) -> Iterator[str]:
    if stage.cmd_changed:
        yield "its command is not the recorded one (or a parameter in it)."
    paths = {dependency.def_path for dependency in stage.deps}
    for gone in sorted({entry["path"] for entry in recorded.get("deps", [])} - paths):
        yield f"recorded with a dependency on {gone}, which dvc.yaml does not name."
    for dependency in stage.deps:
        path = dependency.def_path
        maker, out = makers.get(dependency.fs_path, (None, None))
        inside = [made for where, (_, made) in makers.items() if Path(dependency.fs_path) in Path(where).parents]
        if isinstance(dependency, ParamsDependency):
            changed = dependency.workspace_status()
            if changed:
                yield f"parameters differ from the recorded ones: {changed}."
        elif not dependency.hash_info:
            yield f"{path} is not among its recorded dependencies."
        elif out is not None:
            if dependency.hash_info != out.hash_info:
                yield f"{path} was recorded in another state than {maker} made."
        elif inside and all(made.use_cache for made in inside):
            if not _sums_up(dependency, inside):
                yield f"{path} was recorded in another state than the stages left it in that write there."
        elif any(Path(made) in Path(dependency.fs_path).parents for made in makers):
            yield f"{path} is a part of an output; depend on the whole output, whose hash is recorded."
        elif not dependency.exists:
            yield f"{path} is missing."
        elif dependency.changed_checksum():
            yield f"{path} was changed since the stage ran."


def _sums_up(folder: Dependency, inside: list[Output]) -> bool:
    """Whether a folder is recorded as just what stages make in it: by hash where that is files, else by size and number."""
    if not all(out.hash_info for out in inside):
        return False
    if any(out.hash_info.isdir for out in inside):
        sizes, numbers = sum(out.meta.size for out in inside), sum(out.meta.nfiles or 1 for out in inside)
        return (sizes, numbers) == (folder.meta.size, folder.meta.nfiles)
    tree = Tree()
    for out in inside:
        tree.add(Path(out.fs_path).relative_to(folder.fs_path).parts, out.meta, out.hash_info)
    tree.digest()
    return tree.hash_info == folder.hash_info


def _changed_outputs(repo: Repo, stage: PipelineStage) -> Iterator[str]:
    for out in stage.outs:
        if not out.hash_info:
            yield f"{out.def_path} is not among its recorded outputs."
        elif out.use_cache or repo.scm.is_ignored(out.fs_path):
            continue  # Not in git, so there is nothing in the repository to compare with.
        elif not out.exists:
            yield f"{out.def_path} is missing."
        elif out.changed_checksum():
            yield f"{out.def_path} is not the file that the stage wrote."


def unshipped(root: Path, remote: str = "embedded") -> list[str]:
    """Compare the remote inside the repository with the outputs that name it: nothing may lack, nothing be left over."""
    with Repo(str(root)) as repo:
        folder = Path(repo.config["remote"][remote]["url"])
        wanted = {out.hash_info.value: out.def_path for stage in pipeline(repo) for out in stage.outs if out.remote == remote and out.hash_info}
    held = {path.parent.name + path.name: path for path in folder.glob("files/md5/??/*")}
    for digest, path in list(wanted.items()):
        if digest.endswith(".dir") and digest in held:
            wanted |= {entry["md5"]: f"{path}/{entry['relpath']}" for entry in json.loads(held[digest].read_bytes())}
    lacking = [f"{path} ({digest}) is not in the remote; run `dvc push --remote embedded`." for digest, path in wanted.items() if digest not in held]
    return lacking + [f"{held[digest].relative_to(root)} belongs to no output; remove it." for digest in held.keys() - wanted.keys()]


# --- this repository ---------------------------------------------------------------------------------------------------


def test_dvc_lock_matches_the_repository() -> None:
    assert not (found := stale(ROOT)), "run `dvc repro` and commit dvc.lock:\n" + "\n".join(found)


def test_the_remote_in_the_repository_holds_what_it_must_and_no_more() -> None:
    assert not (found := unshipped(ROOT)), "\n".join(found)


def test_the_remote_in_the_repository_is_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / ".dvc/embedded").rglob("*") if path.is_file()) <= 45e6


# --- the checks themselves, on a small pipeline ------------------------------------------------------------------------


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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a frozen stage and a ``foreach``, run once, weights pushed into a remote inside it."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n['remote \"embedded\"']\n    url = embedded\n")
    (tmp_path / "weights.txt").write_text("w")
    with Repo() as repo:
        repo.commit("weights", force=True)
        repo.reproduce()
        repo.push()
    return tmp_path


def test_a_true_lock_passes_even_without_the_data(project: Path) -> None:
    (project / "weights.txt").unlink()
    shutil.rmtree(project / "pages")
    shutil.rmtree(project / "sounds")
    assert stale(project) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("input.txt", "in", "changed", ["a@one: input.txt was changed", "a@two: input.txt was changed"]),
        ("params.yaml", "seed: 1", "seed: 2", ["a@one: parameters differ", "a@two: parameters differ"]),
        ("params.yaml", "size: 3", "size: 4", ["a@one: its command", "a@two: its command"]),
        ("params.yaml", ", two", "", ["a@two: dvc.lock keeps", "b: pages was recorded", "b: sounds was recorded", "b: parameters differ"]),
        ("params.yaml", ", two", ", two, three", ["a@three: not in dvc.lock", "b: pages was recorded", "b: sounds was recorded", "b: parameters differ"]),
        ("dvc.yaml", "[input.txt, weights.txt]", "[weights.txt]", ["a@one: recorded with a dependency on input.txt", "a@two: recorded"]),
        ("dvc.yaml", "[input.txt,", "[input.txt, trainer.txt,", ["a@one: trainer.txt is not among", "a@two: trainer.txt is not among"]),
        ("results-one.txt", "one", "two", ["a@one: results-one.txt is not the file"]),
        ("trainer.txt", "train", "edited", []),
    ],
)
def test_a_lock_that_no_longer_matches_is_told_by_stage_and_file(project: Path, name: str, old: str, new: str, told: list[str]) -> None:
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new, 1))
    found = stale(project)
    assert len(found) == len(told), found
    assert all(line.startswith(start) for line, start in zip(found, told)), found


def test_an_input_from_another_state_of_its_maker_is_told(project: Path) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    lock["stages"]["weights"]["outs"][0]["md5"] = "0" * 32
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert [line.split(" was")[0] for line in stale(project)] == ["a@one: weights.txt", "a@two: weights.txt"]


@pytest.mark.parametrize(("made", "digest"), [("pages/one.txt", "0" * 32), ("sounds/one", "0" * 32 + ".dir")])
def test_a_folder_that_is_not_what_its_stages_left_is_told(project: Path, made: str, digest: str) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    [out] = [out for out in lock["stages"]["a@one"]["outs"] if out["path"] == made]
    out |= {"md5": digest, "size": 7}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert [line.split(" was")[0] for line in stale(project)] == [f"b: {made.split('/')[0]}"]


def test_what_another_codec_left_in_a_folder_is_told(project: Path) -> None:
    for name in ("pages/three.txt", "sounds/three.mp3"):
        (project / name).write_text("left over")
    with Repo() as repo:
        repo.reproduce()
    assert [line.split(" was")[0] for line in stale(project)] == ["b: pages", "b: sounds"]


def test_a_missing_lock_is_told(project: Path) -> None:
    (project / "dvc.lock").unlink()
    assert "dvc.lock is missing" in stale(project)[0]


def test_weights_that_lack_or_are_left_over_are_told(project: Path) -> None:
    assert unshipped(project) == []
    [held] = (project / ".dvc/embedded/files/md5").glob("??/*")
    held.rename(held.with_name("old"))
    lacking, left = unshipped(project)
    assert "weights.txt" in lacking and "old belongs to no output" in left
