"""What params.yaml may say, and the codecs and generators that it names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from audiosae.errors import ParameterError
from audiosae.files import params

EMBEDDED = {"weights": "embedded", "file": "checkpoints/encodec.safetensors"}


def change(path: Path, **sections: Any) -> None:
    """Set parameters in a params.yaml: a dictionary goes into its section, anything else replaces it."""
    held = yaml.safe_load(path.read_text())
    for section, values in sections.items():
        held[section] = held[section] | values if isinstance(values, dict) and values and section in held else values
    path.write_text(yaml.safe_dump(held, sort_keys=False))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path))


def test_three_codecs_and_a_generator_run_by_default() -> None:
    named = params.codecs(ROOT / "params.yaml")
    assert named == {
        name: {"weights": "embedded", "file": f"checkpoints/{name}.safetensors"} for name in ("encodec", "wavtokenizer", "diffrhythm-vae")
    }
    assert params.generators(ROOT / "params.yaml") == {
        "small-diffrhythm": {"weights": "embedded", "file": "checkpoints/generator.safetensors"}
    }


def test_no_generator_is_no_error(path: Path) -> None:
    path.write_text("codecs:\n  a: {weights: b, file: c}\n")
    assert params.generators(path) == {}


@pytest.mark.parametrize(("section", "values", "told"), [
    ("steering", {"alphas": [float("nan")]}, "steering.alphas.0 is nan; it must be a finite number"),
    ("steering", {"alphas": []}, "steering.alphas"),
    ("steering", {"alphas": [20, 1]}, "steering.alphas must increase"),
    ("steering", {"alphas": [1, 20]}, "steering.alphas: 20 and 30 must be among them"),
    ("steering", {"clips": 0}, "steering.clips is 0; it must be greater than or equal to 1"),
    ("steering", {"quantiles": [0.1]}, "steering.quantiles"),
    ("steering", {"alpha": 1}, "steering.alpha is unknown; known there are alphas, quantiles, clips, seconds, seed"),
    ("corpus", {"seed": -1}, "corpus.seed is -1"),
    ("corpus", {"minutes": float("inf")}, "corpus.minutes is inf"),
    ("corpus", {"shares": {"piano": 1}}, "corpus.shares.chorales is missing"),
    ("corpus", {"shares": dict.fromkeys(("chorales", "vocals", "drums", "guitar", "piano"), 0)}, "one of them must be above 0"),
    ("sae_training", {"epochs": True}, "sae_training.epochs is True"),
    ("sae_training", {"factor": "8"}, "sae_training.factor is '8'"),
    ("sae_training", {"grid": "large"}, "it must be 'small' or 'paper'"),
    ("codecs", {"mel": {"weights": "embedded"}}, "codecs.mel.file is missing"),
    ("codecs", {"mel": "embedded"}, "codecs.mel is 'embedded'; it must have a line for each name"),
    ("codecs", {"small-diffrhythm": EMBEDDED}, "both a codec and a generator"),
    ("codecs", [], "codecs is"),
    ("steps", 3, "steps is unknown; known there are codecs, generators, corpus"),
    ("generators", None, "generators is None"),
    ("codecs", {"clips": EMBEDDED}, "clips cannot be the name of a codec"),
    ("codecs", {"encodec-released": EMBEDDED}, "encodec-released cannot be the name of a codec"),
    *[("codecs", {name: EMBEDDED}, "cannot be a name") for name in ("x$(touch escaped)", "-rf", "../mel", "mel\n")],
    ("codecs", {"mel": EMBEDDED | {"weights": "embedded'; touch escaped; '"}}, "nor hold a single quote"),
])  # fmt: skip
def test_a_parameter_that_is_not_one_is_named_before_anything_runs(path: Path, section: str, values: object, told: str) -> None:
    change(path, **{section: values})
    with pytest.raises(ParameterError) as caught:
        params.read(path)
    assert told in str(caught.value) and "nothing was run" in str(caught.value)


def test_all_faults_are_told_at_once(path: Path) -> None:
    change(path, steering={"alphas": [float("nan")], "clips": 0}, probing={"iterations": 0}, corpus={"seed": -1})
    with pytest.raises(ParameterError, match="4 faults") as caught:
        params.read(path)
    assert len(str(caught.value).splitlines()) == 5


@pytest.mark.parametrize("text", [None, "codecs: [", "a: 1\na: 2\n", "- 1\n", "", "\x00"])
def test_a_file_that_is_no_params_is_said(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    for read in (params.read, params.codecs):
        with pytest.raises(ParameterError, match="params.yaml"):
            read(tmp_path / "params.yaml")


def test_numbers_are_read_as_dvc_reads_them(path: Path) -> None:
    path.write_text(
        path.read_text().replace("learning_rate: 0.001", "learning_rate: 1e-3").replace("alphas: [20, 30", "alphas: [0.5, 20, 30")
    )
    said = params.read(path)
    assert said["sae_training"]["learning_rate"] == 0.001 and said["steering"]["alphas"] == [0.5, 20, 30]
