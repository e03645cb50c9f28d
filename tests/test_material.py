"""Which frames a question may look at, what a probe learns from them, and what a question leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toy_material

from audiosae.errors import ParameterError
from audiosae.evidence.material import Material
from audiosae.files import results
from audiosae.sae import SparseAutoencoder


def test_figures_are_written_with_what_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    latents = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
    made = toy_material.material(latents, pd.DataFrame({"split": ["train"] * 8}), SparseAutoencoder(2, 4))
    made.sae.save("sae.safetensors", {"parameters": {"l1": 0.05}})
    Path("more").write_text("corpus")
    made.inputs["weights/sae"] = "sae.safetensors"
    assert made.sae_settings() == {"dim": 2, "hidden": 4, "l1": 0.05}
    made.write("grid", {"points": []}, {"codec": "toy", "seed": 0}, **{"data/corpus": "more"})
    written = results.read("results/evidence/grid/toy.json")
    assert written["points"] == [] and written["provenance"]["weights"] == "embedded"
    assert set(written["provenance"]["inputs"]) == {"weights/sae", "data/corpus"}
    assert written["provenance"]["parameters"] == {"codec": "toy", "seed": 0}


@pytest.mark.parametrize(("repeats", "kept"), [(1, 5), (10, 20)])
def test_training_frames_are_thinned_unless_they_repeat(repeats: int, kept: int) -> None:
    latents = np.repeat(np.random.default_rng(0).standard_normal((40 // repeats, 2)).astype(np.float32), repeats, axis=0)
    table = pd.DataFrame({"split": np.repeat(["train", "test"], 20)})
    made = toy_material.material(latents, table, SparseAutoencoder(2, 4), few_frames=5)
    assert made.chosen("train").sum() == kept and made.chosen("test").sum() == 20
    assert not (made.chosen("train") & ~made.table.rows("train")).any()
    _, batch, sizes = made.thinned_training(8)
    assert (sizes["frames"], sizes["train_frames"], batch) == (20, kept, 8 * kept // 20)


def test_no_training_frames_are_refused() -> None:
    with pytest.raises(ParameterError, match="few_frames must be at least 1"):
        Material.read("toy", 0, 0)


@pytest.mark.parametrize("repeated", [False, True])
def test_a_task_holds_the_frames_of_a_property_and_no_other(repeated: bool) -> None:
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((720, 6)).astype(np.float32)
    latents = np.sign(latents[:, :1]) * np.ones((1, 6), np.float32) if repeated else latents
    label = rng.integers(4, size=720)
    label[::50] = -1
    table = pd.DataFrame({"piece": np.repeat(np.arange(12), 60), "monophonic": True, "timbre": label})
    table["split"] = np.array(["train", "test", "validation", "test"])[table["piece"] % 4]
    made = toy_material.material(latents, table, SparseAutoencoder(6, 8), {"timbre": np.arange(5.0)}, few_frames=100)
    used, found = made.task("timbre")
    rows, usable = made.latents[used], {split: made.table.rows(split, "timbre") for split in ("train", "validation", "test")}
    assert made.rows.few == repeated
    np.testing.assert_array_equal(rows[found.row].numpy(), latents[usable["test"]])
    np.testing.assert_array_equal(found.truth, label[usable["test"]])
    np.testing.assert_array_equal(found.pieces, table.loc[usable["test"], "piece"].astype(str))
    assert found.train.sum() == (usable["train"].sum() if repeated else 100)  # repeated frames are never thinned
    # The counts of validation belong to the latents of validation: sums over frames agree.
    sums = [latents[usable["validation"] & (label == k)].sum(axis=0, dtype=float) for k in range(4)]
    np.testing.assert_allclose(found.validation.T.double() @ rows.double(), sums, rtol=1e-5)
    assert ((found.train + found.validation).sum(1).numpy() + np.bincount(found.row, minlength=len(rows)) > 0).all()
