"""Which frames a question may look at, and what it leaves behind."""

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
    split, batch, sizes = made.thinned_training(8)
    assert (sizes["frames"], sizes["train_frames"], batch) == (20, kept, 8 * kept // 20)


def test_no_training_frames_are_refused() -> None:
    with pytest.raises(ParameterError, match="few_frames must be at least 1"):
        Material.read("toy", 0, 0)
