"""From music to book in one command: what comes out, what is not done twice, and that twice gives the same bytes."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiosae import frames, labels, probes
from audiosae.checkpoint import file_hash
from audiosae.sae import SparseAutoencoder
from conftest import Clone

UP_TO_DATE = "Data and pipelines are up to date."


def products(root: Path) -> dict[str, str]:
    """Hashes of everything that the stages made, the book's pages aside."""
    folders = ("results", "checkpoints", "data", "book/sections", "book/_static/sounds")
    files = [path for folder in folders for path in sorted((root / folder).rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): file_hash(path) for path in files if path.name != ".gitignore"}


def numbers(value: object, where: str = "") -> list[tuple[str, float]]:
    """Every number in nested JSON, with its place."""
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in numbers(inner, f"{where}/{key}")]
    if isinstance(value, list):
        return [pair for key, inner in enumerate(value) for pair in numbers(inner, f"{where}/{key}")]
    return [(where, value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def test_the_summary_keeps_the_contract(clone: Clone) -> None:
    summary = json.loads((clone.root / "results/summary.json").read_text())
    codec = summary["codecs"]["encodec"]
    assert {"sparsity", "l0", "dead", "fvu", "hidden", "l1"} <= codec["sae"].keys()
    assert codec["sae"]["hidden"] == 4 * 128 and codec["sae"]["l1"] == 0.05
    for prop, classes in (("pitch", 66), ("amplitude", 20), ("timbre", 20)):
        probing, steering = codec["probing"][prop], codec["steering"][prop]
        assert probing["chance"] == pytest.approx(1 / classes)
        for score in (probing, probing["raw_latents"]):
            assert 0 <= score["ci95"][0] <= score["accuracy"] <= score["ci95"][1] <= 1
        assert steering["on_target_ci95"][0] <= steering["on_target"] <= steering["on_target_ci95"][1] <= 1
        assert 0 <= steering["leakage_ci95"][0] <= steering["leakage"] <= steering["leakage_ci95"][1]
    assert all(math.isfinite(number) for _, number in numbers(summary))
    assert {"data", "weights", "parameters", "code"} <= summary["provenance"].keys()
    weights = summary["provenance"]["weights"]
    assert weights["encodec/sae"] == file_hash(clone.root / "checkpoints/sae/encodec.safetensors")


def test_the_figures_of_the_probe_follow_from_its_files(clone: Clone) -> None:
    """Accuracy once more, from the table, the SAE and the probe that were written."""
    table = frames.load(clone.root / "data/frames/encodec.arrow")
    sae = SparseAutoencoder.load(clone.root / "checkpoints/sae/encodec.safetensors")
    fitted = probes.load(clone.root / "checkpoints/probes/encodec.safetensors")
    written = json.loads((clone.root / "results/probing/encodec.json").read_text())["properties"]
    import torch

    for prop in labels.PROPERTIES:
        rows = table.rows("test", prop)
        with torch.no_grad():
            called = fitted[prop].predict(sae.encode(torch.from_numpy(table.latents[rows])))
        truth = table.table.loc[rows, prop].to_numpy()
        assert (called == truth).mean() == pytest.approx(written[prop]["accuracy"], abs=1e-3)


def test_no_piece_is_in_two_splits_and_every_frame_has_a_clip(clone: Clone) -> None:
    manifest = pd.read_csv(clone.root / "data/corpus/manifest.csv")
    assert manifest.groupby("piece")["split"].nunique().max() == 1
    table = frames.load(clone.root / "data/frames/encodec.arrow")
    assert len(table.latents) == len(manifest) * 2 * 75  # clips of two seconds at 75 frames a second
    assert set(table.table["clip"].astype(str)) == set(manifest["clip"])
    assert np.allclose(table.table["time"].to_numpy()[:3], [0.5 / 75, 1.5 / 75, 2.5 / 75])


def test_nothing_runs_twice_and_a_parameter_reruns_what_depends_on_it(clone: Clone) -> None:
    assert clone.dvc("repro").strip().splitlines()[-1] == UP_TO_DATE
    original = (clone.root / "params.yaml").read_text()
    try:
        clone.change({"steering": {"clips": 1}})
        ran = re.findall(r"Running stage '(.+)':", clone.dvc("repro"))
        assert ran == ["steering@encodec", "summary", "book"]
    finally:
        (clone.root / "params.yaml").write_text(original)
        clone.dvc("repro")


def test_the_same_again_gives_the_same_bytes(clone: Clone) -> None:
    before = products(clone.root)
    clone.dvc("repro", "--force", "summary")
    after = products(clone.root)
    assert before.keys() == after.keys()
    assert not (other := [name for name in before if before[name] != after[name]]), "\n".join(other)
