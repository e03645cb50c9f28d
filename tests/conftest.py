"""What tests share: torch as it was, and the whole pipeline, run in clones: a small one for `make test`, one with everything for the slow tests."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from playwright.sync_api import Browser, Error, sync_playwright

from audiosae.files import params
from audiosae.pipeline.released import SHIPPED

ROOT = Path(__file__).resolve().parents[1]

SHORT = {
    "corpus": {"minutes": 1.0, "clip_seconds": 2},
    "sae_training": {"epochs": 2, "factor": 4, "seeds": 2},
    "probing": {"iterations": 5},
    "steering": {"clips": 2, "seconds": 1.0},
    "generation": {"prompts": 6, "seconds": 2.0, "states": 5, "steered": 2, "steered_seconds": 2.0},
}
"""What params.yaml says in the clones, so that everything runs and nothing takes long."""

collect_ignore = [] if importlib.util.find_spec("sae_lens") else ["peers"]  # these run in an environment of their own: test_peers.py

OWN = "  mel: {weights: examples/mel_codec.py, file: examples/mel_codec.py}\n"
"""The line of a reader who adds a codec of their own."""


class Clone:
    """A copy of the tracked files, as a fresh clone would have them, sharing this repository's environment.

    Parameters
    ----------
    folder
        Where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    @property
    def environment(self) -> dict[str, str]:
        """Of its processes."""
        # The package of the clone, not the one that the environment was installed from; compiled once, not by every stage.
        # A queue of experiments calls `dvc` by name.
        path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": ""}

    def copy(self, folder: Path) -> Clone:
        """Another of the same content, computed results included."""
        other = copy(self)
        other.root = Path(shutil.copytree(self.root, folder, symlinks=True))
        return other

    @property
    def html(self) -> Path:
        """The folder of the book's pages."""
        return self.root / "book" / "_build" / "html"

    def add_codec(self, line: str) -> None:
        """Add a line to the section `codecs` of params.yaml."""
        path = self.root / "params.yaml"
        before, after = path.read_text().split("\ngenerators:")
        path.write_text(f"{before.rstrip()}\n{line}\ngenerators:{after}")

    @contextmanager
    def params(self) -> Iterator[dict[str, Any]]:
        """Change params.yaml in place."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        yield params
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def change(self, changes: dict[str, dict[str, Any]]) -> None:
        """Set parameters, by section and name."""
        with self.params() as params:
            for section, values in changes.items():
                params[section] |= values

    def dvc(self, *words: str) -> str:
        """Run DVC and return what it printed; a failure shows all of it."""
        done = subprocess.run(
            [str(ROOT / ".venv/bin/dvc"), *words], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"dvc {' '.join(words)} failed:\n{done.stdout[-6000:]}"
        return done.stdout

    def repro(self, *words: str) -> list[str]:
        """Run the pipeline; names of the stages that ran, after `check`, which always does, and first."""
        first, *others = re.findall(r"Running stage '(.+)':", self.dvc("repro", *words))
        assert first == "check"
        return others


class Building(NamedTuple):
    """A clone, the process in which its pipeline runs, and what that prints."""

    clone: Clone
    process: subprocess.Popen[bytes]
    log: Path


def needs(item: pytest.Item, fixture: str) -> bool:
    return fixture in getattr(item, "fixturenames", ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the clone with everything are slow, whoever wrote them; those that need the small one run last."""
    for item in items:
        if needs(item, "clone"):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: needs(item, "building"))


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    """Take back what `determinism.prepare` changes for the whole process, so that no test meets another's settings."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session", autouse=True)
def one_worker() -> Iterator[None]:
    """Work that splits runs in this process, where tests can look at it; what several workers do is in test_engine.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(params, "engine", lambda path: {"backend": "loky", "workers": 1, "address": ""})
        yield


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the short pipeline has run, with the codecs of params.yaml and one of the reader's own."""
    made = Clone(tmp_path_factory.mktemp("clone"))
    made.add_codec(OWN)
    made.change(SHORT)
    made.dvc("pull", *SHIPPED)
    made.dvc("repro")
    return made


def small_clone(folder: Path) -> Clone:
    """A clone for one codec and half a minute of music, without the evidence's notebooks, before its pipeline has run."""
    made = Clone(folder)
    with made.params() as params:
        params["codecs"] = {"encodec": params["codecs"]["encodec"]}
        params["generators"] = {}
    made.change({**SHORT, "corpus": {"minutes": 0.5, "clip_seconds": 2}, "engine": {"workers": 1}, "feature_browser": {"clips": 2}})
    pipeline = yaml.safe_load((made.root / "dvc.yaml").read_text())
    pipeline["stages"].pop("page_evidence")
    pipeline.pop("plots", None)  # they name the curves of all codecs
    (made.root / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    return made


@pytest.fixture(scope="session")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    """The pipeline of the small clone, which runs on another core while other tests run."""
    made = small_clone(tmp_path_factory.mktemp("small"))
    log = made.root.with_suffix(".log")
    dvc = ROOT / ".venv/bin/dvc"
    with log.open("wb") as printed:
        process = subprocess.Popen(
            f"'{dvc}' pull {' '.join(SHIPPED)} && '{dvc}' repro", shell=True, cwd=made.root, env=made.environment,
            stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    yield Building(made, process, log)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="session", autouse=True)
def begin(request: pytest.FixtureRequest) -> None:
    """Start the small pipeline before the first test, if any test is going to need it."""
    if any(needs(item, "building") for item in request.session.items):
        request.getfixturevalue("building")


@pytest.fixture(scope="session")
def small(building: Building) -> Clone:
    """The small clone, when its pipeline has run."""
    status = building.process.wait()
    assert status == 0, f"the small pipeline failed:\n{building.log.read_text()}"
    return building.clone


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium or Chrome, as `make test` found it."""
    path = os.environ.get("AUDIOSAE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            # In a container the sandbox of Chromium does not start; these pages are our own.
            instance = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            pytest.fail(
                f"no Chromium starts from {path or 'Playwright'}: install one (apt-get install chromium, or playwright "
                f"install chromium), or name it in AUDIOSAE_CHROMIUM. {error.message.splitlines()[0]}",
                pytrace=False,
            )
        yield instance
        instance.close()


@pytest.fixture(scope="session")
def built_book(clone: Clone) -> Path:
    """The pages of the whole run's book."""
    return clone.html
