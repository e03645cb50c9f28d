"""One list of dependencies, a set-up that says what is missing, and what `make` does with what is typed."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
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
sys.path.insert(0, str(ROOT / "setup"))
import torchaudio_cpu  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IMPORTED = {
    *"onnxscript jupyterlab jupyter-book pip-tools ruff mypy torchaudio ipywidgets pretty-midi deprecated smart-open dvc-s3 python-socketio".split()
}
"""And yet needed: programs, what other packages import, and what carries the SoundFont; pyproject.toml says which is what."""

BY_PATH = {"decoder", "stable_audio_tools", "model"}
"""The originals, which the programs in tests/recorded are given by path."""

BY_HAND = [
    Requirement(line)
    for extra in ("diffrhythm", "engines", "hidden-states", "peers", "s3")
    for line in PROJECT["optional-dependencies"].pop(extra)
]
"""What only DiffRhythm itself needs: pinned, and neither locked nor installed here."""

NAMED = {
    canonicalize_name(requirement.name): requirement
    for requirement in map(
        Requirement, [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    )
}


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


def test_pyproject_pins_each_dependency_and_the_lock_holds_it() -> None:
    assert [str(r) for r in [*NAMED.values(), *BY_HAND] if [pin.operator for pin in r.specifier] != ["=="]] == []
    lock = locked()
    off = {name: lock.get(name) for name, requirement in NAMED.items() if name not in lock or lock[name] not in requirement.specifier}
    assert not off, f"run `make lock`; requirements.lock has {off}"


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
    folders = ("audiosae", "notebooks", "tests", "benchmarks", "book/_ext", "setup", "examples")
    ours = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    local = {"audiosae"} | {
        name for path in ours if path.relative_to(ROOT).parts[0] != "audiosae" for name in (path.stem, path.parent.name)
    }
    imported: dict[str, Path] = {}
    for path in ours:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            imported |= {module.split(".")[0]: path for module in modules}
    by_hand = {requirement.name.replace("-", "_") for requirement in BY_HAND}
    assert by_hand - {name.replace("-", "_") for name in NOT_IMPORTED} <= imported.keys()
    owners = packages_distributions()
    outside = {module: path for module, path in imported.items() if module not in sys.stdlib_module_names | local | BY_PATH | by_hand}
    names = {module: {canonicalize_name(owner) for owner in owners.get(module, [])} for module in outside}
    unnamed = {module: str(path.relative_to(ROOT)) for module, path in outside.items() if not names[module] & NAMED.keys()}
    assert not unnamed, f"name in pyproject.toml what these come from: {unnamed}"
    idle = NAMED.keys() - {name for found in names.values() for name in found} - NOT_IMPORTED
    assert not idle, f"pyproject.toml names what nothing imports: {idle}"


# --- torchaudio beside a CPU build of torch ----------------------------------------------------------------------------


@pytest.mark.parametrize(("cuda", "missing", "told", "set_aside"), [
    ("None", "libc10_cuda.so", "2 CUDA libraries set aside", True),
    ("13.0", "libcudart.so.13", "torch was built for CUDA 13.0", False),
    ("None", "libsox.so", "not for want of CUDA: OSError: Could not load", False),
])  # fmt: skip
def test_libraries_are_set_aside_for_want_of_cuda_alone_and_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str, missing: str, told: str, set_aside: bool
) -> None:
    for name in ("one.so", "two.so"):
        (tmp_path / name).touch()

    def python(code: str) -> subprocess.CompletedProcess[str]:
        """A torchaudio that fails while there is a shared object; as torch does, it names the missing library in the cause alone."""
        failure = f"OSError: {missing}: cannot open shared object file\n\nOSError: Could not load this library: one.so\n"
        fails = "torchaudio" in code and any(tmp_path.glob("*.so"))
        return subprocess.CompletedProcess([], int(fails), f"{cuda}\n", failure if fails else "")

    monkeypatch.setattr(torchaudio_cpu, "python", python)
    try:
        said = torchaudio_cpu.repair(tmp_path)
    except SystemExit as stopped:
        said = str(stopped)
    ending = ".cuda" if set_aside else ""
    assert told in said and sorted(path.name for path in tmp_path.iterdir()) == [f"one.so{ending}", f"two.so{ending}"]
    if set_aside:
        assert "nothing to do" in torchaudio_cpu.repair(tmp_path)
    torchaudio_cpu.put_back(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.so", "two.so"]


# --- make --------------------------------------------------------------------------------------------------------------


def make(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "requirements.lock").touch()
    shutil.copytree(ROOT / "setup/page", folder / "setup/page", dirs_exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=folder, env=clean | variables, capture_output=True, text=True, check=False)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_make_alone_lists_the_commands(tmp_path: Path) -> None:
    listed = make(tmp_path).stdout
    for command in ("setup", "repro", "lint", "test", "test-all", "lab", "book", "verify", "archive"):
        assert f"make {command} " in listed


@pytest.mark.parametrize(("python", "told"), [
    ("exit 1", "setup: needs Python 3.11 or 3.12"), ('case "$2" in *ensurepip*) exit 1;; esac', "has no venv module"),
    (f'exec {sys.executable} "$@"', "setup: needs 6 GB"),
])  # fmt: skip
def test_set_up_says_in_a_line_what_is_missing(tmp_path: Path, python: str, told: str) -> None:
    script(tmp_path / "bin/df", "echo header; echo disk 9 8 1000 88% /")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = make(tmp_path, "setup", f"PYTHON={script(tmp_path / 'python', python)}", PATH=path)
    ours = [line for line in done.stderr.splitlines() if line.startswith("setup:")]
    assert done.returncode and len(ours) == 1 and told in ours[0]
    assert not (tmp_path / ".venv").exists()


def environment(folder: Path, *, ready: bool) -> None:
    """An environment in which python says how it was called, and so does dvc where it is ready; else dvc is the real one."""
    said = 'for word in "$@"; do printf "[%s]" "$word"; done; echo\n'
    for name in ("python", "jupytext-config", *(["dvc"] if ready else [])):
        script(folder / ".venv/bin" / name, said)
    if ready:
        (folder / ".venv/.ready").touch()
        os.utime(folder / ".venv/.ready", (2e9, 2e9))  # newer than the lock, which `make` touches
    else:
        (folder / ".venv/bin/dvc").symlink_to(Path(sys.executable).parent / "dvc")


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
        assert make(tmp_path, command).stdout.splitlines()[0] == "[-m][audiosae.pipeline.check]", command


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


def test_an_archive_holds_the_book_and_depends_on_nothing_else(tmp_path: Path) -> None:
    missing = make(tmp_path, "archive")
    assert missing.returncode and "make repro" in missing.stderr and not list(tmp_path.rglob("*.tar.gz"))
    html = tmp_path / "book/_build/html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("<p>a</p>")
    told = make(tmp_path, "archive").stdout
    os.utime(html / "index.html", (1, 1))
    assert make(tmp_path, "archive").stdout == told
    [made] = html.parent.glob("*.tar.gz")
    assert told == f"{hashlib.sha256(made.read_bytes()).hexdigest()}  {made.name}\n" == made.with_name(f"{made.name}.sha256").read_text()
    with tarfile.open(made) as file:
        held = file.extractfile(f"{made.name.removesuffix('.tar.gz')}/index.html")
        assert held is not None and held.read() == b"<p>a</p>"
