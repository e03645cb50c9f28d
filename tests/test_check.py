"""What is refused before any stage runs, so that no recording, result or command of a user's is lost, forged or run by mistake."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Clone
from dvc.exceptions import DvcException
from dvc.repo import Repo

from audiosae.corpus import building
from audiosae.errors import CorpusError, ParameterError
from audiosae.files import code, params
from audiosae.pipeline import check, frozen


def bare(folder: Path) -> Path:
    """A project with the pipeline as it is, and nothing computed."""
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", frozen.RECORD):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return bare(tmp_path / "project")


def change(project: Path, **sections: object) -> None:
    """Set parameters: a dictionary goes into its section, anything else replaces it."""
    path = project / "params.yaml"
    held = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        held[section] = held[section] | values if isinstance(values, dict) and values else values
    path.write_text(yaml.safe_dump(held, sort_keys=False))


def repro(clone: Clone, *words: str) -> tuple[int, str]:
    """Run DVC in a clone; exit status and what was printed."""
    done = subprocess.run(
        [str(ROOT / ".venv/bin/dvc"), "repro", *words],
        cwd=clone.root,
        env={**os.environ, "PYTHONPATH": str(clone.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def fresh(tmp_path: Path) -> Clone:
    """A clone in which every stage but `check` fails at once, so that a check that lets something pass is told in a second."""
    clone = Clone(tmp_path / "fresh")
    text = (clone.root / "dvc.yaml").read_text()
    (clone.root / "dvc.yaml").write_text(text.replace("${python} -m audiosae.corpus ", "touch escaped; false "))
    return clone


def test_the_project_as_it_is_passes(project: Path) -> None:
    assert check.check(project).corpus.source == "embedded"


# --- a source of recordings among the outputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", [
    "data/corpus", "data/corpus/mine", "data", ".", "data/corpus.partial", "book/_static/sounds", "book/_static/sounds/encodec",
    "book/_static/sounds/clips/mine", "data/code", "data/steering/mel", "results", "checkpoints", "book/_build/html", "book/sections/mel", "data/../data/corpus",
])  # fmt: skip
def test_a_source_that_is_holds_or_lies_in_an_output_is_refused(project: Path, source: str) -> None:
    (project / source).mkdir(parents=True, exist_ok=True)
    change(project, corpus={"source": source})
    with pytest.raises(ParameterError, match="corpus.source is .* Nothing was run, and nothing deleted"):
        check.check(project)


def test_links_are_followed(project: Path, tmp_path: Path) -> None:
    (project / "data/corpus").mkdir(parents=True)
    (tmp_path / "link").symlink_to(project / "data")
    change(project, corpus={"source": str(tmp_path / "link/corpus")})
    with pytest.raises(ParameterError, match="deleted before the stage runs"):
        check.check(project)
    # A folder elsewhere, but a recording in it that is kept in the output.
    (tmp_path / "mine/deep").mkdir(parents=True)
    (project / "data/corpus/a.wav").write_bytes(b"mine")
    (tmp_path / "mine/deep/a.wav").symlink_to(project / "data/corpus/a.wav")
    change(project, corpus={"source": str(tmp_path / "mine")})
    with pytest.raises(ParameterError, match="corpus.source has a link, .*mine/deep/a.wav"):
        check.check(project)


def test_an_output_that_is_a_link_is_the_folder_it_leads_to(project: Path, tmp_path: Path) -> None:
    (tmp_path / "disk/corpus/mine").mkdir(parents=True)
    (project / "data").symlink_to(tmp_path / "disk")
    change(project, corpus={"source": str(tmp_path / "disk/corpus/mine")})
    with pytest.raises(ParameterError, match="deleted before the stage runs"):
        check.check(project)


@pytest.mark.parametrize("source", ["../mine", "data/mine", "data/corpora", "paper:../mine"])
def test_a_source_beside_the_outputs_passes(project: Path, source: str) -> None:
    (project / source.removeprefix("paper:")).mkdir(parents=True)
    change(project, corpus={"source": source})
    check.check(project)


def test_other_paths_are_held_against_the_outputs_too(project: Path) -> None:
    change(project, generation={"texts": "book/_static/desk/texts.txt"})
    with pytest.raises(ParameterError, match="generation.texts is"):
        check.check(project)
    own = {"mel": {"weights": "data/corpus/mel.py", "file": "data/corpus/mel.py"}}
    change(project, generation={"texts": ""}, codecs=own)
    with pytest.raises(ParameterError, match="codecs.mel.file is"):
        check.check(project)


def test_weights_that_a_stage_makes_may_be_read(project: Path) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("frozen: true", "frozen: false"))  # somebody who trains anew
    check.check(project)


@pytest.mark.parametrize("source", ["corpus", "corpus/mine", ".", "corpus.partial", "paper:corpus", "link"])
def test_a_corpus_is_not_built_over_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Also for whoever builds one in a notebook."""
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    Path("link").symlink_to("corpus")
    Path(source.removeprefix("paper:")).mkdir(exist_ok=True)
    mine = Path(source.removeprefix("paper:"), "a.wav")
    mine.write_bytes(b"mine")
    with pytest.raises(CorpusError, match="replaces what stands there"):
        building.build("corpus", source, 1.0, 2.0, dict.fromkeys(building.PARTS, 1.0), 0)
    assert mine.read_bytes() == b"mine"


def test_a_source_that_is_not_there_is_said(project: Path) -> None:
    change(project, corpus={"source": "nowhere"})
    with pytest.raises(ParameterError, match="corpus.source: there is no folder .*nowhere"):
        check.check(project)


@pytest.mark.slow
def test_dvc_keeps_recordings_that_lie_in_an_output(fresh: Clone) -> None:
    mine = fresh.root / "data/corpus/mine.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"a recording")
    fresh.change({"corpus": {"source": "data/corpus"}})
    for words in ([], ["corpus"]):
        status, said = repro(fresh, *words)
        assert status and "error: corpus.source is" in said and "failed to reproduce 'check'" in said
        assert mine.read_bytes() == b"a recording"


def test_a_change_in_the_folder_of_recordings_is_seen(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "b.wav").write_bytes(b"1")
    (mine / "._b.wav").write_bytes(b"hidden")
    (mine / "deep/back").symlink_to(mine)  # a link that leads back
    change(project, corpus={"source": str(mine)})
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
    change(project, corpus={"source": "embedded"})
    assert listed() == ""


def test_a_folder_that_cannot_be_read_is_named(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine/locked").mkdir(parents=True)
    change(project, corpus={"source": str(tmp_path / "mine")})
    scan = os.scandir

    def locked(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(CorpusError, match=r"mine/locked cannot be read \(Permission denied\)"):
        check.check(project)


# --- results that nobody computed ----------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit(path: Path) -> None:
    path.write_text(re.sub(r"(\d)(?=\D*$)", lambda found: str((int(found[0]) + 1) % 10), path.read_text(), count=1))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "alter"), [
    ("results/evidence/grid/encodec.json", edit), ("results/codec/encodec.json", edit), ("checkpoints/wavtokenizer.safetensors", flip),
])  # fmt: skip
def test_an_altered_output_of_a_frozen_stage_stops_everything_and_is_named(fresh: Clone, name: str, alter: Callable[[Path], None]) -> None:
    fresh.dvc("pull", "-q", "--remote", "embedded", "train_codec", "train_generator")
    alter(fresh.root / name)
    for _ in range(2):  # DVC takes the forged file for the true one, and writes so into dvc.lock; that helps nobody twice
        status, said = repro(fresh)
        assert status and f"{name} is not the file that was committed" in said
        assert "Running stage 'corpus'" not in said


def test_the_record_holds_every_output_of_a_frozen_stage_as_it_stands_here() -> None:
    assert frozen.altered(ROOT) == []
    lines = (ROOT / frozen.RECORD).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == frozen.outputs(ROOT)


def test_an_output_that_nobody_recorded_counts_as_altered(project: Path) -> None:
    name = "results/pitch_trackers.json"
    (project / "results").mkdir()
    shutil.copy(ROOT / name, project / name)
    assert frozen.altered(project) == []
    record = project / frozen.RECORD
    record.write_text("".join(line for line in record.read_text().splitlines(keepends=True) if name not in line))
    [line] = frozen.altered(project)
    assert line.startswith(f"{name} is not the file")


@pytest.mark.parametrize("text", [None, "no hash\n"])
def test_a_record_that_is_gone_or_damaged_is_said(project: Path, text: str | None) -> None:
    (project / frozen.RECORD).unlink()
    if text:
        (project / frozen.RECORD).write_text(text)
    with pytest.raises(frozen.FrozenError, match=f"git checkout {frozen.RECORD}"):
        check.check(project)


def test_results_computed_anew_are_recorded_by_command(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in frozen.outputs(project):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(path)
    assert len(frozen.altered(project)) == len(frozen.outputs(project))
    frozen.record(project)
    assert frozen.altered(project) == []


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of one stage, which wrote a probe from data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "data.txt").write_text("1")
    (tmp_path / "dvc.yaml").write_text(
        "stages: {probing: {cmd: cp data.txt checkpoints/probe.bin, deps: [data.txt], outs: [checkpoints/probe.bin]}}\n"
    )
    Repo.init(str(tmp_path), no_scm=True).close()
    with Repo(str(tmp_path)) as repo:
        repo.reproduce()
    return tmp_path


def test_a_probe_that_its_stage_did_not_write_is_named(trained: Path) -> None:
    probe = trained / "checkpoints/probe.bin"
    assert check.altered(trained) == []
    probe.chmod(0o644)
    probe.write_text("2")
    [line] = check.altered(trained)
    assert line.startswith("checkpoints/probe.bin is not the file that the stage probing wrote")
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
        after = check.code_hashes(tmp_path)
        (tmp_path / name).write_text(files[name])
        return {each for each in before if before[each] != after[each]}

    assert changed("audiosae/probes.py", '"""In other words."""\n\nx = 1\n') == {"pipeline.book"}
    assert changed("audiosae/probes.py", "x = 22\n") == {"pipeline.book", "01_a"}
    assert changed("audiosae/pipeline/notebook.py", f"x = 22{main}") == {"pipeline.notebook", "01_a"}
    assert changed("audiosae/corpus/__main__.py", "x = 1  # the same\n") == set()
    assert changed("book/_ext/a.py", "x = 22\n") == {"pipeline.book"}
    assert changed("audiosae/unused.py", "x = 22\n") == set()


def undeclared(root: Path) -> list[str]:
    """Say which stages do not depend on the hash of the code that they run, or on a data file of the package that this code reads."""
    hashes, found = check.code_hashes(root), []
    tables = [path for path in (root / "audiosae").rglob("*") if path.suffix in (".yaml", ".csv", ".json", ".npz")]
    with Repo(str(root)) as repo:
        stages = [stage for stage in repo.index.stages if getattr(stage, "name", "") not in ("", "check")]
        paths = {stage.name: {dependency.def_path for dependency in stage.deps} for stage in stages}
        commands = {stage.name: " ".join([stage.cmd] if isinstance(stage.cmd, str) else stage.cmd) for stage in stages}
    for stage, command in commands.items():
        [module] = set(re.findall(r"-m audiosae\.([\w.]+)", command))
        name = module if module != "pipeline.notebook" else Path(re.findall(r"notebooks/\S+\.py", command)[0]).stem
        wanted = {f"data/code/{name}.txt"}
        reached = code.closure([f"audiosae.{module}"], root).values()
        wanted |= {path.relative_to(root).as_posix() for path in tables if any(path.name in file.read_text() for file in reached)}
        found += [f"{stage} does not depend on {path}." for path in sorted(wanted - paths[stage])]
        found += [f"{stage} depends on {path}, which nothing writes." for path in paths[stage]
                  if path.startswith("data/code/") and Path(path).stem not in hashes]  # fmt: skip
    return found


def test_every_stage_depends_on_the_code_that_it_runs() -> None:
    assert not (found := undeclared(ROOT)), "\n".join(found)


# --- commands in names ---------------------------------------------------------------------------------------------------


HOSTILE = [
    {"x$(touch escaped)": {"weights": "embedded", "file": "checkpoints/encodec.safetensors"}},
    {"mel": {"weights": "embedded'; touch escaped; '", "file": "checkpoints/encodec.safetensors"}},
    {"-rf": {"weights": "embedded", "file": "checkpoints/encodec.safetensors"}},
    {"../mel": {"weights": "embedded", "file": "checkpoints/encodec.safetensors"}},
    {"mel\n": {"weights": "embedded", "file": "checkpoints/encodec.safetensors"}},
    {"clips": {"weights": "embedded", "file": "checkpoints/encodec.safetensors"}},
]  # fmt: skip


@pytest.mark.parametrize("codec", HOSTILE)
def test_a_name_or_path_that_a_shell_would_read_is_refused(project: Path, codec: dict[str, dict[str, str]]) -> None:
    path = project / "params.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "codecs": codec}))
    with pytest.raises(ParameterError, match="codecs|cannot be the name"):
        params.read(path)


@pytest.mark.slow
@pytest.mark.parametrize("codec", HOSTILE)
def test_dvc_runs_no_command_with_such_a_name(fresh: Clone, codec: dict[str, dict[str, str]]) -> None:
    fresh.change({"codecs": codec})
    assert repro(fresh)[0]  # some of them DVC refuses by itself, before it runs `check`
    assert not (fresh.root / "escaped").exists()


def test_every_value_stays_one_word_of_its_command(project: Path) -> None:
    """Also where the check was gone round, as with --single-item."""
    hostile = 'a b; touch escaped $(touch escaped) `touch escaped` "&" *'
    change(
        project, codecs={"mel": {"weights": hostile, "file": "x"}}, extraction={"tracker": hostile}, corpus={"source": hostile + "'"},
        generation={"texts": hostile + "'"}, generators={"small-diffrhythm": {"weights": hostile, "file": "y"}},
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


# --- params.yaml as a whole ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("section", "values", "told"), [
    ("steering", {"alphas": [float("nan")]}, "steering.alphas.0 is nan"),
    ("steering", {"alphas": []}, "steering.alphas"),
    ("steering", {"alphas": [20, 1]}, "steering.alphas must increase"),
    ("steering", {"clips": 0}, "steering.clips is 0; it must be greater than or equal to 1"),
    ("steering", {"quantiles": [0.1]}, "steering.quantiles"),
    ("steering", {"alpha": 1}, "steering.alpha is unknown; known there are alphas, quantiles, clips, seed"),
    ("corpus", {"seed": -1}, "corpus.seed is -1"),
    ("corpus", {"minutes": float("inf")}, "corpus.minutes is inf"),
    ("corpus", {"shares": {"piano": 1}}, "corpus.shares.chorales is missing"),
    ("corpus", {"shares": dict.fromkeys(("chorales", "vocals", "drums", "guitar", "piano"), 0)}, "one of them must be above 0"),
    ("probing", {"iterations": 0}, "probing.iterations is 0"),
    ("probing", {"penalties": [-1]}, "probing.penalties.0 is -1"),
    ("sae_training", {"epochs": True}, "sae_training.epochs is True"),
    ("sae_training", {"factor": "8"}, "sae_training.factor is '8'"),
    ("sae_training", {"grid": "large"}, "it must be 'small' or 'paper'"),
    ("extraction", {"tracker": "yin"}, "extraction.tracker is 'yin'"),
    ("codecs", {"mel": {"weights": "embedded"}}, "codecs.mel.file is missing"),
    ("codecs", {"mel": "embedded"}, "codecs.mel is 'embedded'; it must have a line for each name"),
    ("codecs", {"small-diffrhythm": {"weights": "a", "file": "b"}}, "both a codec and a generator"),
    ("codecs", [], "codecs is"),
    ("steps", {}, "steps is unknown; known there are codecs, generators, corpus"),
    ("generators", None, "generators is None"),
])  # fmt: skip
def test_a_parameter_that_is_not_one_is_named_before_anything_runs(project: Path, section: str, values: object, told: str) -> None:
    change(project, **{section: values}) if section != "steps" else (project / "params.yaml").open("a").write("steps: 3\n")
    with pytest.raises(ParameterError) as caught:
        params.read(project / "params.yaml")
    assert told in str(caught.value) and "nothing was run" in str(caught.value)


def test_all_faults_are_told_at_once(project: Path) -> None:
    change(project, steering={"alphas": [float("nan")], "clips": 0}, probing={"iterations": 0}, corpus={"seed": -1})
    with pytest.raises(ParameterError, match="4 faults") as caught:
        params.read(project / "params.yaml")
    assert len(str(caught.value).splitlines()) == 5


@pytest.mark.slow
def test_a_mistake_in_a_parameter_costs_no_results(fresh: Clone) -> None:
    old = fresh.root / "book/sections/encodec/04_steering.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("results of before")
    fresh.change({"steering": {"alphas": [float("nan")]}})
    status, said = repro(fresh)
    assert status and "steering.alphas.0 is nan; it must be a finite number" in said
    assert old.read_text() == "results of before"


@pytest.mark.parametrize("text", [None, "codecs: [", "a: 1\na: 2\n", "- 1\n", "", "\x00"])
def test_a_file_that_is_no_params_is_said(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParameterError, match="params.yaml"):
        params.read(tmp_path / "params.yaml")


def test_a_fraction_is_a_strength(project: Path) -> None:
    change(project, steering={"alphas": [0.5, 1, 20]})
    assert params.read(project / "params.yaml").steering.alphas == [0.5, 1, 20]
    (project / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1e-3"))
    assert params.read(project / "params.yaml").sae_training.learning_rate == 0.001  # a number for DVC, a word for PyYAML
