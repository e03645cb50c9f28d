"""What is refused before any stage runs, so that no recording, result or command of a user's is lost, forged or run by mistake."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Clone
from dvc.exceptions import DvcException
from dvc.repo import Repo
from test_params import change

from audiosae.corpus import building
from audiosae.errors import CorpusError, ParameterError
from audiosae.files import code
from audiosae.pipeline import check, frozen


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the pipeline as it is, and nothing computed."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", frozen.RECORD):
        shutil.copy(ROOT / name, folder / name)
    return folder


def refused(project: Path, error: type[Exception], told: str, **sections: object) -> None:
    """Set parameters, and see them refused."""
    change(project / "params.yaml", **sections)
    with pytest.raises(error, match=told):
        check.check(project)


@pytest.mark.parametrize("trains", [False, True])
def test_the_project_passes_as_it_is_and_where_somebody_trains_anew(project: Path, trains: bool) -> None:
    if trains:
        (project / "dvc.yaml").write_text((project / "dvc.yaml").read_text().replace("frozen: true", "frozen: false"))
    assert check.check(project)["corpus"]["source"] == "embedded"


# --- a source of recordings among the outputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", [
    "data/corpus", "data/corpus/mine", "data", ".", "data/corpus.partial", "book/_static/sounds/encodec", "data/steering/mel", "results",
    "book/runs/mel", "data/../data/corpus",
])  # fmt: skip
def test_a_source_that_is_holds_or_lies_in_an_output_is_refused(project: Path, source: str) -> None:
    (project / source).mkdir(parents=True, exist_ok=True)
    refused(project, ParameterError, "corpus.source is .* Nothing was run, and nothing deleted", corpus={"source": source})


def test_links_are_followed(project: Path, tmp_path: Path) -> None:
    (tmp_path / "disk/corpus").mkdir(parents=True)
    (project / "data").symlink_to(tmp_path / "disk")
    (tmp_path / "link").symlink_to(project / "data")
    for source in ("link/corpus", "disk/corpus"):  # a link to an output, and what an output is a link to
        refused(project, ParameterError, "deleted before the stage runs", corpus={"source": str(tmp_path / source)})
    # A folder elsewhere, but a recording in it that is kept in the output.
    (tmp_path / "mine/deep").mkdir(parents=True)
    (project / "data/corpus/a.wav").write_bytes(b"mine")
    (tmp_path / "mine/deep/a.wav").symlink_to(project / "data/corpus/a.wav")
    refused(project, ParameterError, "corpus.source has a link, .*mine/deep/a.wav", corpus={"source": str(tmp_path / "mine")})


@pytest.mark.parametrize("source", ["../mine", "data/mine", "data/corpora", "paper:../mine"])
def test_a_source_beside_the_outputs_passes(project: Path, source: str) -> None:
    (project / source.removeprefix("paper:")).mkdir(parents=True)
    change(project / "params.yaml", corpus={"source": source})
    check.check(project)


def test_other_paths_are_held_against_the_outputs_too(project: Path) -> None:
    refused(project, ParameterError, "generation.texts is", generation={"texts": "book/_static/runtime/texts.txt"})
    own = {"mel": {"weights": "data/corpus/mel.py", "file": "data/corpus/mel.py"}}
    refused(project, ParameterError, "codecs.mel.file is", generation={"texts": ""}, codecs=own)


@pytest.mark.parametrize("source", ["corpus/mine", ".", "corpus.partial", "paper:corpus", "link"])
def test_a_corpus_is_not_built_over_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Also for whoever builds one in a notebook."""
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    Path("link").symlink_to("corpus")
    Path(source.removeprefix("paper:")).mkdir(exist_ok=True)
    mine = Path(source.removeprefix("paper:"), "a.wav")
    mine.write_bytes(b"mine")
    with pytest.raises(CorpusError, match="replaces what stands there"):
        building.build("corpus", source, 1.0, 2.0, {}, 0)
    assert mine.read_bytes() == b"mine"


def test_a_source_that_is_not_there_or_cannot_be_read_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(project, ParameterError, "corpus.source: there is no folder .*mine", corpus={"source": "mine"})
    (project / "mine/locked").mkdir(parents=True)
    scan = os.scandir

    def locked(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    refused(project, CorpusError, r"mine/locked cannot be read \(Permission denied\)")


@pytest.mark.slow
def test_dvc_keeps_recordings_that_lie_in_an_output(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "fresh")
    mine = clone.root / "data/corpus/mine.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"a recording")
    clone.change({"corpus": {"source": "data/corpus"}})
    with pytest.raises(AssertionError, match="(?s)error: corpus.source is.*failed to reproduce 'check'"):
        clone.dvc("repro")
    assert mine.read_bytes() == b"a recording"


def test_a_change_in_the_folder_of_recordings_is_seen(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "b.wav").write_bytes(b"1")
    (mine / "._b.wav").write_bytes(b"hidden")
    (mine / "deep/back").symlink_to(mine)  # a link that leads back
    change(project / "params.yaml", corpus={"source": str(mine)})
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["check", "data/checked.txt", "data/recordings.txt", "data/code"])

    def listed() -> str:
        check.main()
        return (project / "data/recordings.txt").read_text()

    first = listed()
    assert first.startswith(f"{mine}/b.wav\t1\t") and first.count("\n") == 1 and listed() == first
    seen = {first}
    for act in (
        lambda: (mine / "deep/a.wav").write_bytes(b"22"),
        lambda: (mine / "b.wav").write_bytes(b"333"),
        lambda: (mine / "b.wav").rename(mine / "c.wav"),
    ):
        act()
        seen.add(listed())
    assert len(seen) == 4
    assert (project / "data/checked.txt").read_text() == check.CHECKED
    change(project / "params.yaml", corpus={"source": "embedded"})
    assert listed() == ""


# --- results that nobody computed ----------------------------------------------------------------------------------------


def test_the_record_holds_every_output_of_a_frozen_stage_as_it_stands_here() -> None:
    assert frozen.altered(ROOT) == []
    lines = (ROOT / frozen.RECORD).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == frozen.outputs(ROOT)


def test_outputs_that_nobody_recorded_count_as_altered_until_the_command_records_them(project: Path) -> None:
    paths = frozen.outputs(project)
    for path in paths:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(path)
    assert [line.split(" is not the file")[0] for line in frozen.altered(project)] == paths
    frozen.record(project)
    assert frozen.altered(project) == []
    record = project / frozen.RECORD
    record.write_text("".join(record.read_text().splitlines(keepends=True)[:-1]))
    shutil.rmtree(project / "checkpoints")
    refused(project, check.CheckError, f"nothing was run:\n  {paths[-1]} is not the file that was committed")


def test_a_file_of_a_folder_that_was_changed_added_or_lost_is_told(project: Path) -> None:
    folder = project / "book/_static/sounds/codecs"
    for path in frozen.outputs(project):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(path)
    folder.unlink()
    (folder / "deep").mkdir(parents=True)
    (folder / "a.mp3").write_text("a")
    (folder / "deep/b.mp3").write_text("b")
    frozen.record(project)
    assert frozen.altered(project) == []
    (folder / "deep/b.mp3").write_text("forged")
    assert "sounds/codecs is not the file" in frozen.altered(project)[0] and "make weights" in frozen.altered(project)[0]
    (folder / "deep/b.mp3").rename(folder / "b.mp3")
    (folder / "b.mp3").write_text("b")
    assert len(frozen.altered(project)) == 1  # the same sounds elsewhere
    (folder / "b.mp3").unlink()
    assert len(frozen.altered(project)) == 1


@pytest.mark.parametrize("text", [None, "no hash\n"])
def test_a_record_that_is_gone_or_damaged_is_said(project: Path, text: str | None) -> None:
    (project / frozen.RECORD).unlink()
    if text:
        (project / frozen.RECORD).write_text(text)
    refused(project, frozen.FrozenError, f"git checkout {frozen.RECORD}")


CHECKS = """
from pathlib import Path
from audiosae.pipeline import check

print(*(wrong := check.altered(Path.cwd())))
Path("data/code").mkdir(parents=True, exist_ok=True)
for name, text in check.code_hashes(Path.cwd()).items():
    Path("data/code", f"{name}.txt").write_text(f"{text}\\n")
raise SystemExit(len(wrong))
"""
PROBING = '\n\nif __name__ == "__main__":\n    x = 1\n'


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of two stages, the check and one that wrote a probe from data."""
    monkeypatch.chdir(tmp_path)
    files = {
        "checkpoints/.keep": "", "data.txt": "1", "checks.py": CHECKS, "audiosae/__init__.py": "", "audiosae/probing.py": PROBING,
        "dvc.lock": "schema: '2.0'\nstages: {}\n",
        "dvc.yaml": f"""
stages:
  check: {{cmd: {sys.executable} -P checks.py, always_changed: true, outs: [data/code: {{persist: true}}]}}
  probing: {{cmd: cp data.txt checkpoints/probe.bin, deps: [data.txt, data/code/probing.txt], outs: [checkpoints/probe.bin]}}
""",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    Repo.init(str(tmp_path), no_scm=True).close()
    with Repo(str(tmp_path)) as repo:
        repo.reproduce()
    return tmp_path


def test_dvc_itself_stops_at_such_a_probe_but_not_where_code_has_changed(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    probe = trained / "checkpoints/probe.bin"
    probe.chmod(0o644)
    probe.write_text("2")
    with Repo(str(trained)) as repo, pytest.raises(DvcException):
        repo.reproduce()
    assert "checkpoints/probe.bin is not the file that the stage probing wrote" in capfd.readouterr().out
    (trained / "audiosae/probing.py").write_text(PROBING.replace("1", "2"))
    with Repo(str(trained)) as repo:
        repo.reproduce()
    assert probe.read_text() == "1"


def test_a_probe_that_its_stage_did_not_write_is_named(trained: Path) -> None:
    probe = trained / "checkpoints/probe.bin"
    assert check.altered(trained) == []
    probe.chmod(0o644)
    probe.write_text("2")
    [line] = check.altered(trained)
    assert line.startswith("checkpoints/probe.bin is not the file that the stage probing wrote")
    code = trained / "data/code/probing.txt"
    written = code.read_text()
    code.chmod(0o644)
    code.write_text("other code ran here last, before dvc.lock was pulled")
    assert check.altered(trained) == []
    code.write_text(written)
    assert len(check.altered(trained)) == 1
    (trained / "data.txt").write_text("3")  # it is computed again anyway, as after a run that was stopped half-way
    assert check.altered(trained) == []
    probe.unlink()
    assert check.altered(trained) == []


def test_what_a_killed_dvc_left_half_written_does_not_stop_the_next_run(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = trained / ".dvc/tmp/rwlock"
    (trained / "data.txt").write_text("2")
    table.write_text("")
    with Repo(str(trained)) as repo, pytest.raises(DvcException):
        repo.reproduce()
    check.mend_lock(trained)
    assert "rwlock was left half-written" in capsys.readouterr().out
    with Repo(str(trained)) as repo:
        repo.reproduce()
    assert (trained / "checkpoints/probe.bin").read_text() == "2"
    whole = table.read_bytes()
    check.mend_lock(trained)
    assert table.read_bytes() == whole


# --- the code behind each stage ------------------------------------------------------------------------------------------


def test_every_command_and_notebook_has_a_hash_and_the_book_that_of_the_docstrings_it_prints(tmp_path: Path) -> None:
    main = '\n\nif __name__ == "__main__":\n    pass\n'
    files = {
        "audiosae/__init__.py": "", "audiosae/unused.py": "x = 1\n", "audiosae/pipeline/__init__.py": "", "audiosae/pipeline/book.py": f"x = 1{main}",
        "audiosae/pipeline/notebook.py": f"x = 1{main}", "audiosae/corpus/__init__.py": "", "audiosae/corpus/__main__.py": "x = 1\n",
        "audiosae/probes.py": '"""What is printed."""\n\nx = 1\n', "notebooks/01_a.py": "# %%\nfrom audiosae import probes\n",
        "book/reference.md": ".. automodule:: audiosae.probes\n", "book/_ext/a.py": "x = 1\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before = check.code_hashes(tmp_path)
    assert before.keys() == {"pipeline.book", "pipeline.notebook", "corpus", "01_a"}

    def changed(name: str, text: str) -> set[str]:
        (tmp_path / name).write_text(text)
        code._read.cache_clear()  # as in a new process
        after = check.code_hashes(tmp_path)
        (tmp_path / name).write_text(files[name])
        return {each for each in before if before[each] != after[each]}

    assert changed("audiosae/probes.py", '"""In other words."""\n\nx = 1\n') == {"pipeline.book"}
    assert changed("audiosae/probes.py", "x = 22\n") == {"pipeline.book", "01_a"}
    assert changed("audiosae/pipeline/notebook.py", f"x = 22{main}") == {"pipeline.notebook", "01_a"}
    assert changed("audiosae/corpus/__main__.py", "x = 1  # the same\n") == set()
    assert changed("book/_ext/a.py", "x = 22\n") == {"pipeline.book"}
    assert changed("audiosae/unused.py", "x = 22\n") == set()


def test_every_stage_depends_on_the_code_that_it_runs() -> None:
    hashes, wrong = check.code_hashes(ROOT), []
    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            if (name := getattr(stage, "name", "check")) == "check":
                continue
            command = " ".join([stage.cmd] if isinstance(stage.cmd, str) else stage.cmd)
            [module] = set(re.findall(r"-m audiosae\.([\w.]+)", command))
            entry = module if module != "pipeline.notebook" else Path(re.findall(r"notebooks/\S+\.py", command)[0]).stem
            paths = {dependency.def_path for dependency in stage.deps}
            if (own := f"data/code/{entry}.txt") not in paths:
                wrong.append(f"{name} does not depend on {own}.")
            wrong += [f"{name} depends on {path}, which nothing writes." for path in paths
                      if path.startswith("data/code/") and Path(path).stem not in hashes]  # fmt: skip
    assert not wrong, "\n".join(wrong)


# --- commands in values; that names hold none: test_params.py --------------------------------------------------------------


def test_every_value_stays_one_word_of_its_command(project: Path) -> None:
    """Also where the check was gone round, as with --single-item."""
    hostile = 'a b; touch escaped $(touch escaped) `touch escaped` "&" *'
    change(
        project / "params.yaml", codecs={"mel": {"weights": hostile, "file": "x"}}, extraction={"tracker": hostile},
        corpus={"source": hostile + "'"}, generation={"texts": hostile + "'"}, generators={"small-diffrhythm": {"weights": hostile, "file": "y"}},
    )  # fmt: skip
    Repo.init(str(project), no_scm=True).close()
    shutil.move(project / ".dvc/config", project / ".dvc/config.local")  # that there is no git
    shutil.copy(ROOT / ".dvc/config", project / ".dvc/config")
    with Repo(str(project)) as repo:
        commands = {stage.name: stage.cmd for stage in repo.index.stages}
    counts = {"corpus": 1, "extraction@mel": 2, "steering@mel": 2, "generation@small-diffrhythm": 3}
    for stage, count in {**counts, **{f"page_{stage}": count for stage, count in counts.items() if "@" in stage}}.items():
        words = shlex.split(commands[stage])
        assert sum(word.rstrip("'") == hostile for word in words) == count, commands[stage]
        assert not any(word == "touch" for word in words)
