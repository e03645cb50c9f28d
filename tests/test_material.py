"""Which frames a question may look at, what a probe learns from them, and what a question leaves behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toy_material

from audiosae import codecs
from audiosae.errors import CheckpointError, ParameterError
from audiosae.evidence import subject
from audiosae.evidence.material import Material
from audiosae.files import results
from audiosae.files.whole import path_hash
from audiosae.sae import SparseAutoencoder


def test_figures_are_written_with_what_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    latents = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
    made = toy_material.material(latents, pd.DataFrame({"split": ["train"] * 8}), SparseAutoencoder(2, 4))
    made.sae.save("sae.safetensors", {"of": {"l1": 0.05}})
    Path("more").write_text("corpus")
    made.inputs["weights/sae"] = "sae.safetensors"
    assert made.sae_settings() == {"dim": 2, "hidden": 4, "l1": 0.05}
    monkeypatch.setattr(subject, "of", lambda codec: {"corpus": f"that of {codec}"})
    made.write("grid", {"points": []}, {"codec": "toy", "seed": 0}, **{"data/corpus": "more"})
    written = results.read("results/evidence/grid/toy.json")
    assert written["of"] == {"corpus": "that of toy"}
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


# --- what evidence is of ----------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a corpus, a codec of one's own, its autoencoder and probes, and evidence that is of them."""
    for name in (
        "codec.py",
        "data/corpus/manifest.csv",
        "data/corpus/audio/a.flac",
        *(f"checkpoints/{kind}/mel.safetensors" for kind in MADE),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "params.yaml").write_text(f"codecs:\n  mel: {{weights: {tmp_path}/codec.py, file: codec.py}}\n")
    results.write(tmp_path / "results/evidence/grid/mel.json", {"of": subject.of("mel", tmp_path)})
    results.write(tmp_path / "results/evidence/loss/mel.json", {"points": []})
    return tmp_path


MADE = ("sae", "probes", "k_sparse/sae")
OTHERS = {
    "codec.py": "other weights of the codec",
    "data/corpus/audio/a.flac": "other recordings",
    "data/corpus/audio/b.flac": "other recordings",
    "checkpoints/sae/mel.safetensors": "another autoencoder",
    "checkpoints/probes/mel.safetensors": "other probes",
    "checkpoints/k_sparse/sae/mel.safetensors": "another k-sparse autoencoder",
}


@pytest.mark.parametrize(("file", "other"), OTHERS.items())
def test_evidence_is_current_until_anything_that_it_is_of_changes(project: Path, file: str, other: str) -> None:
    subject.run(project)
    told = results.read(project / "results/current.json")
    assert set(told) == set(subject.QUESTIONS) and told["grid"] == {"mel": None}
    assert told["features"]["mel"] == "not computed for this codec; `make evidence ONLY=evidence@features` computes it for what is here"
    assert told["loss"]["mel"].startswith("not computed for this codec; ")  # what does not say what it is of counts as none
    every = subject.why_not(project / "results/evidence/grid/mel.json", dict.fromkeys(subject.OTHER, "0"))
    assert every.startswith("computed for other recordings, other weights of the codec, another autoencoder, other probes and another k-")
    (project / file).write_text("changed")
    assert (
        subject.survey(project)["grid"]["mel"] == f"computed for {other}; `make evidence ONLY=evidence@grid` computes it for what is here"
    )


def test_evidence_of_a_codec_that_is_not_there_is_of_nothing(project: Path) -> None:
    with pytest.raises(ParameterError, match="names no codec 'encodec'"):
        subject.of("encodec", project)
    (project / "codec.py").unlink()
    with pytest.raises(CheckpointError, match=r"codec\.py: there is no such file"):
        subject.of("mel", project)
    assert codecs.identity("encodec", "released") == "released"


def test_a_corpus_is_told_by_names_and_contents_and_not_by_its_folder(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = shutil.copytree(project / "data/corpus", tmp_path_factory.mktemp("copy") / "elsewhere")
    assert path_hash(copy) == path_hash(project / "data/corpus")
    (copy / "audio/a.flac").rename(copy / "audio/b.flac")
    assert path_hash(copy) != path_hash(project / "data/corpus")
