"""The recorded comparison with the authors' implementations: within its bounds, and repeatable as the book says."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARITY = json.loads((ROOT / "results" / "parity.json").read_text())
DIFFRHYTHM = json.loads((ROOT / "results" / "parity_diffrhythm.json").read_text())
COMPARED = {
    "encodec": {"released"},
    "wavtokenizer": {"released_75", "released_40", "small_75", "small_40"},
    "diffrhythm_vae": {"released_torchscript", "released_diffusers", "small_diffusers"},
}


@pytest.mark.parametrize("codec", COMPARED)
def test_every_comparison_was_made_and_is_within_bounds(codec: str) -> None:
    assert PARITY[codec].keys() == COMPARED[codec]
    for figures in PARITY[codec].values():
        assert figures["latents"] <= 1e-4 and figures["audio"] <= 1e-4
        assert figures["frames"] > 0 and figures["audio_peak"] > 0.05  # there was something to differ
        if codec != "diffrhythm_vae":
            assert figures["codes_that_differ"] == 0 and figures["different_codes"] > 100


@pytest.mark.parametrize("told", ["book/codecs.md", "tests/recorded/record.py"])
def test_the_steps_name_the_commits_that_were_compared(told: str) -> None:
    text = (ROOT / told).read_text()
    for name, commit in PARITY["originals"].items():
        assert f"git -C {name} checkout {commit}" in text


def test_the_packages_are_those_that_were_compared() -> None:
    assert PARITY["packages"] == {name: importlib.metadata.version(name) for name in PARITY["packages"]}


def test_diffrhythm_was_compared_in_both_lengths_and_sizes_and_is_within_bounds() -> None:
    assert DIFFRHYTHM["sizes"].keys() == {f"{size}_{longest}" for size in ("small", "released_width") for longest in (2048, 6144)}
    for figures in DIFFRHYTHM["sizes"].values():
        assert figures["velocity"] <= 1e-3 and figures["trajectory"] <= 1e-3
        assert figures["velocity_rms"] > 0.1 and figures["trajectory_rms"] > 0.5  # there was something to differ


@pytest.mark.parametrize("told", ["book/codecs.md", "tests/recorded/record_diffrhythm.py"])
def test_the_steps_name_diffrhythms_commit_and_packages(told: str) -> None:
    text = (ROOT / told).read_text()
    assert f"git -C DiffRhythm checkout {DIFFRHYTHM['original']}" in text
    assert all(f"{name}=={version}" in text for name, version in DIFFRHYTHM["packages"].items())
