"""One list of dependencies, a set-up that says what is missing, and weights that travel inside the repository."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IMPORTED = {  # and yet needed
    "jupyterlab": "a program",
    "jupyter-book": "a program",
    "pip-tools": "a program",
    "ruff": "a program",
    "mypy": "a program",
    "torchaudio": "encodec imports it",
    "ipywidgets": "anywidget imports it",
    "pretty-midi": "carries the SoundFont",
    "deprecated": "mirdata imports it",
    "smart-open": "mirdata imports it",
}

BY_PATH = {"decoder", "stable_audio_tools", "model"}
"""The originals, which the programs in tests/recorded are given by path."""

BY_HAND = "diffrhythm"
"""The extra that only DiffRhythm itself needs: pinned, and neither locked nor installed here."""


def named() -> dict[str, Requirement]:
    """Requirements of pyproject.toml, by canonical name, those of tests among them."""
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for extra in extras if extra != BY_HAND for line in extras[extra]]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


def locked() -> dict[str, Version]:
    """Packages of requirements.lock and their versions."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.lock").read_text().splitlines()]
    found = {}
    for requirement in map(Requirement, filter(None, lines)):
        [pin] = requirement.specifier
        assert pin.operator == "==" and requirement.url is None, f"{requirement} is not pinned"
        found[canonicalize_name(requirement.name)] = Version(pin.version)
    return found


# --- one list ----------------------------------------------------------------------------------------------------------


def test_the_lock_holds_what_pyproject_names() -> None:
    lock = locked()
    off = {name: lock.get(name) for name, requirement in named().items() if name not in lock or lock[name] not in requirement.specifier}
    assert not off, f"run `make lock`; requirements.lock has {off}"


def test_pyproject_pins_each_dependency() -> None:
    by_hand = map(Requirement, PROJECT["optional-dependencies"][BY_HAND])
    assert [str(r) for r in [*named().values(), *by_hand] if [pin.operator for pin in r.specifier] != ["=="]] == []


def test_the_lock_serves_any_machine() -> None:
    assert [name for name, version in locked().items() if version.local] == [], "a build of one machine, such as +cpu"
    assert not re.search(r"^\s*(-|\S*(://|@))", (ROOT / "requirements.lock").read_text(), re.MULTILINE), "an index, a link or a path"


def test_this_environment_is_the_locked_one() -> None:
    installed = {canonicalize_name(found.metadata["Name"]): Version(found.version).public for found in distributions()}
    off = {name: installed.get(name) for name, version in locked().items() if installed.get(name) != str(version)}
    assert not off, f"run `make setup`; installed are {off}"


def test_conda_installs_the_same_list() -> None:
    python, *tools, through_pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert tools == ["pip", "pyaudio"] and through_pip == {"pip": ["-r requirements.lock"]}
    name, version = python.split("=")
    assert name == "python" and SpecifierSet(PROJECT["requires-python"]).contains(version)


def test_each_import_is_named_and_each_name_is_imported() -> None:
    ours = [
        path
        for folder in ("audiosae", "notebooks", "tests", "benchmarks", "book/_ext", "setup", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    local = {"audiosae"} | {
        name for path in ours if path.relative_to(ROOT).parts[0] != "audiosae" for name in (path.stem, path.parent.name)
    }
    imported: dict[str, Path] = {}
    for path in ours:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            imported |= {module.split(".")[0]: path for module in modules}
    owners = packages_distributions()
    by_hand = {Requirement(line).name for line in PROJECT["optional-dependencies"][BY_HAND]}
    assert by_hand <= imported.keys()
    outside = {module: path for module, path in imported.items() if module not in sys.stdlib_module_names | local | BY_PATH | by_hand}
    names = {module: {canonicalize_name(owner) for owner in owners.get(module, [])} for module in outside}
    unnamed = {module: str(path.relative_to(ROOT)) for module, path in outside.items() if not names[module] & named().keys()}
    assert not unnamed, f"name in pyproject.toml what these come from: {unnamed}"
    idle = named().keys() - {name for found in names.values() for name in found} - NOT_IMPORTED.keys()
    assert not idle, f"pyproject.toml names what nothing imports: {idle}"


# --- torchaudio beside a CPU build of torch ----------------------------------------------------------------------------


def torchaudio_step(
    folder: Path, *options: str, cuda: str | None = None, complaint: str = "libc10_cuda.so: cannot open shared object file"
) -> tuple[int, str]:
    """Run the step on stand-ins: a torchaudio that fails while its lib/ holds a shared object, and a torch."""
    (folder / "torch").mkdir(exist_ok=True)
    (folder / "torch/__init__.py").write_text(f"class version:\n    cuda = {cuda!r}\n")
    if not (folder / "torchaudio").exists():
        (folder / "torchaudio/lib").mkdir(parents=True)
        (folder / "torchaudio/lib/one.so").write_text("1")
        (folder / "torchaudio/lib/two.so").write_text("2")
    # As torch does: the missing library is named by the cause, and the last line names the file that needs it.
    (folder / "torchaudio/__init__.py").write_text(
        "import pathlib\nif list((pathlib.Path(__file__).parent / 'lib').glob('*.so')):\n"
        f"    raise OSError('Could not load this library: one.so') from OSError({complaint!r})\n"
    )
    done = subprocess.run(
        [sys.executable, ROOT / "setup" / "torchaudio_cpu.py", *options],
        env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def libraries(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "torchaudio/lib").iterdir() if path.suffix != ".pyc")


def test_libraries_that_lack_cuda_are_set_aside_once_and_come_back(tmp_path: Path) -> None:
    status, said = torchaudio_step(tmp_path)
    assert (status, libraries(tmp_path)) == (0, ["one.so.cuda", "two.so.cuda"]) and "2 CUDA libraries" in said
    status, said = torchaudio_step(tmp_path)
    assert (status, libraries(tmp_path)) == (0, ["one.so.cuda", "two.so.cuda"]) and "nothing to do" in said
    assert torchaudio_step(tmp_path, "--undo")[0] == 0
    assert libraries(tmp_path) == ["one.so", "two.so"]


@pytest.mark.parametrize(
    ("cuda", "complaint", "told"),
    [
        ("13.0", "libcudart.so.13: cannot open shared object file", "torch was built for CUDA 13.0"),
        (None, "libsox.so: cannot open shared object file", "not for want of CUDA"),
    ],
)
def test_another_failure_is_told_and_nothing_is_touched(tmp_path: Path, cuda: str | None, complaint: str, told: str) -> None:
    status, said = torchaudio_step(tmp_path, cuda=cuda, complaint=complaint)
    assert status == 1 and told in said
    assert libraries(tmp_path) == ["one.so", "two.so"]


def test_encodec_imports_here() -> None:
    subprocess.run([sys.executable, "-c", "import encodec"], check=True)


# --- make --------------------------------------------------------------------------------------------------------------


def make(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=folder, env=clean | variables, capture_output=True, text=True, check=False)


def script(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_make_alone_lists_the_commands(tmp_path: Path) -> None:
    listed = make(tmp_path).stdout
    assert all(
        f"make {command} " in listed for command in ("setup", "repro", "lint", "test", "test-all", "lab", "book", "verify", "archive")
    )


@pytest.mark.parametrize(
    ("python", "told"), [("exit 1", "setup: needs Python 3.11 or 3.12"), ('case "$2" in *ensurepip*) exit 1;; esac', "has no venv module")]
)
def test_set_up_says_in_a_line_what_is_missing(tmp_path: Path, python: str, told: str) -> None:
    done = make(tmp_path, "setup", f"PYTHON={script(tmp_path / 'python', python)}")
    ours = [line for line in done.stderr.splitlines() if line.startswith("setup:")]
    assert done.returncode and len(ours) == 1 and told in ours[0]
    assert not (tmp_path / ".venv").exists()


def test_set_up_says_that_the_disk_is_full(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin/df", "echo header; echo disk 9 8 1000 88% /")
    done = make(tmp_path, "setup", f"PYTHON={sys.executable}", PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode and "setup: needs 6 GB" in done.stderr
    assert not (tmp_path / ".venv").exists()


def environment(folder: Path, *, ready: bool) -> None:
    """An environment in which python says how it was called, and dvc is the real one."""
    (folder / ".venv/bin").mkdir(parents=True)
    said = 'for word in "$@"; do printf "[%s]" "$word"; done; echo\n'
    script(folder / ".venv/bin/python", said)
    script(folder / ".venv/bin/jupytext-config", said)
    (folder / ".venv/bin/dvc").symlink_to(Path(sys.executable).parent / "dvc")
    if ready:
        (folder / "requirements.lock").touch()
        script(folder / ".venv/bin/dvc.said", said).rename(folder / ".venv/bin/dvc")
        (folder / ".venv/.ready").touch()
        os.utime(folder / ".venv/.ready", (2e9, 2e9))  # newer than the lock, which `make` below touches


@pytest.mark.parametrize(("words", "told"), [
    (["released", "DATA=it's data; touch escaped"], "[-m][audiosae.pipeline.released][--data][it's data; touch escaped][--weights][]"),
    (["released", "WEIGHTS=a=/my files/x.pt; touch escaped"], "[--weights][a=/my files/x.pt; touch escaped]"),
    (["verify", "ONLY=bins; touch escaped *"], "[-m][audiosae.pipeline.verify][--only][bins;][touch][escaped][*]"),
    (["evidence", "ONLY=evidence@grid `touch escaped`"], "[repro][--force][--single-item][`touch]"),
])  # fmt: skip
def test_what_is_typed_for_make_never_becomes_a_command(tmp_path: Path, words: list[str], told: str) -> None:
    environment(tmp_path, ready=True)
    done = make(tmp_path, *words)
    assert told in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "escaped").exists() and "No such file" not in done.stderr


def test_every_command_that_computes_checks_first(tmp_path: Path) -> None:
    environment(tmp_path, ready=True)
    for command in ("repro", "book", "released", "evidence"):
        first = make(tmp_path, command).stdout.splitlines()[0]
        assert first == "[-m][audiosae.pipeline.check]", command


def test_a_folder_without_git_works_with_dvc_after_set_up(tmp_path: Path) -> None:
    """As it is downloaded from a web page."""
    environment(tmp_path, ready=False)
    (tmp_path / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", tmp_path / ".dvc/config")
    (tmp_path / "dvc.yaml").write_text("stages: {x: {cmd: touch y, outs: [y]}}\n")
    repro = [tmp_path / ".venv/bin/dvc", "repro"]
    before = subprocess.run(repro, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert before.returncode and "git" in before.stderr
    done = make(tmp_path, "setup")
    assert done.returncode == 0 and "no git here" in done.stdout, done.stderr
    subprocess.run(repro, cwd=tmp_path, check=True)
    assert (tmp_path / "y").exists()


# --- weights that travel inside the repository -------------------------------------------------------------------------


def test_a_clone_gets_frozen_weights_without_a_network_and_trains_nothing(tmp_path: Path) -> None:
    def run(command: str, folder: Path = tmp_path / "one") -> str:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        done = subprocess.run(
            command, shell=True, cwd=folder, env=os.environ | who | {"PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    one, two = tmp_path / "one", tmp_path / "two"
    (one / ".dvc").mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", ".gitattributes"):
        shutil.copy(ROOT / name, one / name)
    (one / "params.yaml").write_text("codecs: [x, y]\n")
    (one / "dvc.yaml").write_text("""\
stages:
  corpus: {cmd: "mkdir data && echo c >data/c", outs: [{data: {push: false}}]}
  train_codec:
    foreach: ${codecs}
    do: {frozen: true, cmd: "false", deps: [data], outs: [{"checkpoints/${item}.bin": {remote: embedded}}]}
  use: {cmd: "mkdir results; wc -c checkpoints/*.bin >results/r.txt", deps: [checkpoints/x.bin, checkpoints/y.bin], outs: [{results/r.txt: {cache: false}}]}
""")
    (one / "checkpoints").mkdir()
    for name in "xy":
        (one / f"checkpoints/{name}.bin").write_bytes(b"\r\nweights " + name.encode())
    run(
        "git init -q . && dvc repro -q corpus && dvc commit -q -f train_codec && dvc repro -q && dvc push -q --remote embedded && git add . && git commit -qm x"
    )
    kept = run("git ls-files").split()
    assert sum(name.startswith(".dvc/embedded/files/") for name in kept) == 2, "the weights alone are pushed"
    assert not [name for name in kept if name.startswith((".dvc/cache", "data", "checkpoints"))]
    run(f"git clone -q {one} {two}", tmp_path)
    run("dvc pull -q --remote embedded train_codec", two)
    assert (two / "checkpoints/y.bin").read_bytes() == b"\r\nweights y"
    assert "'use' didn't change, skipping" in run("dvc repro", two)
    assert run("git status --porcelain", two) == ""
