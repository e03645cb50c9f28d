"""What tests share: torch as it was, and the whole pipeline, run once on a minute of music in a clone with a book of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

ROOT = Path(__file__).resolve().parents[1]

SMALL = {
    "corpus": {"minutes": 1.0, "clip_seconds": 2},
    "sae_training": {"epochs": 2, "factor": 4},
    "probing": {"iterations": 5, "penalties": [0.001]},
    "steering": {"clips": 2, "alphas": [1, 20]},
    "generation": {"prompts": 6, "seconds": 2.0, "states": 5, "steered": 2, "steered_seconds": 2.0},
}
"""What params.yaml says in the clone, so that everything runs and nothing takes long."""

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
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
        ).stdout.decode().split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    def add_codec(self, line: str) -> None:
        """Add a line to the section `codecs` of params.yaml."""
        path = self.root / "params.yaml"
        before, after = path.read_text().split("\ngenerators:")
        path.write_text(f"{before.rstrip()}\n{line}\ngenerators:{after}")

    def change(self, changes: dict[str, dict[str, object]]) -> None:
        """Set parameters, by section and name."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for section, values in changes.items():
            params[section] |= values
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def dvc(self, *words: str) -> str:
        """Run DVC and return what it printed; a failure shows all of it."""
        # The package of the clone, not the one that the environment was installed from.
        environment = {**os.environ, "PYTHONPATH": str(self.root)}
        done = subprocess.run(
            [str(ROOT / ".venv/bin/dvc"), *words], cwd=self.root, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        assert done.returncode == 0, f"dvc {' '.join(words)} failed:\n{done.stdout[-6000:]}"
        return done.stdout


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    """Take back what `determinism.prepare` changes for the whole process, so that no test meets another's settings."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the small pipeline has run, with the codecs of params.yaml and one of the reader's own."""
    made = Clone(tmp_path_factory.mktemp("clone"))
    made.add_codec(OWN)
    made.change(SMALL)
    made.dvc("pull", "train_codec", "train_generator")
    made.dvc("repro")
    return made


@pytest.fixture(scope="session")
def built_book(clone: Clone) -> Path:
    """The pages of the small run's book."""
    return clone.root / "book" / "_build" / "html"
