"""Training and probing as sections: computed once for their parameters, inputs and code, and read back unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_project import CODEC, make

from audiosae import frames, probes
from audiosae.audio import labels
from audiosae.files import checkpoint, determinism, results
from audiosae.frames import unique
from audiosae.probes import seeds
from audiosae.sae import KIND, SparseAutoencoder, reference, training
from audiosae.sae.imported import ImportedAutoencoder
from audiosae.sections import probing, sae_training
from audiosae.widgets import SoundTable


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tones with a validation clip, and an autoencoder that `trained` makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(determinism, "THREADS", 1)  # threads that wait for each other take minutes beside other tests
        root = make(tmp_path_factory.mktemp("tiny"))
        path = root / f"data/frames/{CODEC}"
        table = frames.load(path)
        split = table.table["split"].astype(str).where(table.table["clip"] != "train-2", "validation")
        frames.save(frames.Frames(**{**vars(table), "table": table.table.assign(split=split)}), path)
        yield root


def train(project: Path, seed: int = 0) -> sae_training.Training:
    return sae_training.run(CODEC, "small", 2, 0.05, 3, 2, 2, 64, 0.001, seed, "float32", project)


def probe(project: Path, iterations: int = 5) -> probing.Probing:
    return probing.run(CODEC, 0.001, iterations, 100000, 0, project)


@pytest.fixture(scope="module")
def trained(project: Path) -> sae_training.Training:
    return train(project)


@pytest.fixture(scope="module")
def probed(project: Path, trained: sae_training.Training) -> probing.Probing:
    return probe(project)


def test_training_is_read_and_not_done_again(project: Path, trained: sae_training.Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("computed again"))
    again = train(project)
    assert again.figures == trained.figures == results.read(project / f"results/sae_training/{CODEC}.json")
    for name in ("points", "curves"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(trained, name), check_exact=True)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        train(project, seed=1)
    curves = project / f"data/sae_training/{CODEC}/curves.csv"
    curves.rename(project / "curves.csv")
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        train(project)
    (project / "curves.csv").rename(curves)


def test_an_imported_autoencoder_takes_the_place_of_the_papers_and_has_no_seeds(
    project: Path, trained: sae_training.Training, tmp_path: Path
) -> None:
    other = shutil.copytree(project, tmp_path / "other", symlinks=True)
    table = frames.load(other / f"data/frames/{CODEC}")
    given = ImportedAutoencoder(64, 40, 7)
    given.standardise(table.latents)
    given.save(reference.imported(CODEC, other))
    shutil.rmtree(other / f"data/sae_training/{CODEC}")
    found = train(other)
    used = reference.load(reference.in_use(CODEC, "sae", project=other))
    assert all(torch.equal(one, another) for one, another in zip(used.state_dict().values(), given.state_dict().values(), strict=True))
    figures = found.figures
    assert figures["imported"] and not figures["shipped"] and figures["chosen"]["hidden"] == 40 and figures["chosen"]["l1"] is None
    assert figures["seeds"]["fvu"] == [figures["chosen"]["fvu"]] and figures["grid"] == trained.figures["grid"]
    assert figures["k_sparse"] == trained.figures["k_sparse"] and list(found.kinds().index.levels[0]) == ["imported", "k-sparse"]
    assert list(figures["provenance"]["inputs"]) == sorted([*trained.figures["provenance"]["inputs"], "weights/imported"])
    (alone,) = seeds.trained(CODEC, other)
    assert alone[0].read_bytes() == reference.in_use(CODEC, "sae", project=other).read_bytes()
    (member,) = seeds.load(CODEC, other) if probe(other) else []
    assert member.sae.hidden == 40 and member.probes["pitch"].weight.shape[1] == 40


def test_the_chosen_autoencoder_is_kept_with_its_figures_and_curve(project: Path, trained: sae_training.Training) -> None:
    assert [tuple(point) for point in trained.points[["factor", "l1"]].to_numpy()] == training.grid("small", 2, 0.05)
    _, header = checkpoint.load(project / f"checkpoints/sae/{CODEC}.safetensors", KIND)
    assert trained.figures["provenance"].items() < header["provenance"].items() and header["sizes"] == {"dim": 64, "hidden": 128}
    table = frames.load(project / f"data/frames/{CODEC}")
    split = training.hold_out(unique.find(table.latents), table.rows("train"), table.rows("test"), 0)
    latents = table.latents[:]
    sae, curve = training.train(latents, training.Settings(128, 0.05, 2, 64, 0.001, 0), split.train)
    kept = SparseAutoencoder.load(project / f"checkpoints/sae/{CODEC}.safetensors")
    assert all(torch.equal(one, other) for one, other in zip(sae.state_dict().values(), kept.state_dict().values(), strict=True))
    assert (
        trained.figures["chosen"] == {**training.measure(sae, latents, split), "hidden": 128, "l1": 0.05} and not trained.figures["shipped"]
    )
    assert trained.chosen["fvu"] == trained.figures["chosen"]["fvu"]
    own = trained.curves.query("hidden == 128 and l1 == 0.05")[curve.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, curve, check_exact=True)
    test = table.rows("test").sum()
    assert trained.figures["counts"] == {"train": table.rows("train").sum(), "test": test, "unseen": test, "dim": 64}


def test_other_seeds_and_a_k_sparse_one_stand_beside_it(project: Path, trained: sae_training.Training, probed: probing.Probing) -> None:
    (first, _), (second, of_second) = seeds.trained(CODEC, project)
    used, *states = (SparseAutoencoder.load(path).state_dict() for path in (reference.in_use(CODEC, "sae", project=project), first, second))
    assert [all(map(torch.equal, used.values(), one.values())) for one in states] == [True, False]
    spread, chosen = trained.figures["seeds"], trained.figures["chosen"]
    assert all(values[0] == chosen[name] and len(values) == 2 for name, values in spread.items()) and spread["fvu"][0] != spread["fvu"][1]
    sparse = trained.figures["k_sparse"]
    assert sparse["chosen"]["k"] == 3 and sparse["chosen"]["l0"] < chosen["l0"] and sparse["seeds"]["l0"] == [sparse["chosen"]["l0"]]
    assert trained.kinds().loc[("the paper's", "in use"), "fvu"] == chosen["fvu"]
    members = seeds.load(CODEC, project)
    assert len(members) == 2 and torch.equal(members[1].probes["pitch"].weight, probes.load(of_second)["pitch"].weight)
    assert len(seeds.load(CODEC, project, "k_sparse")) == 1
    for prop in labels.PROPERTIES:
        found = probed.figures["properties"][prop]
        assert found["seeds"][0] == found["accuracy"] and len(found["seeds"]) == 2
        assert len(probed.figures["directions"][prop]["seeds"]) == 1 and -1 <= probed.figures["directions"][prop]["cosine"] <= 1


def test_probes_are_read_and_not_fitted_again(project: Path, probed: probing.Probing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "fit_all", lambda *_: pytest.fail("computed again"))
    again = probe(project)
    assert again.figures == probed.figures == results.read(project / f"results/probing/{CODEC}.json")
    for prop in labels.PROPERTIES:
        np.testing.assert_array_equal(again.confusion[prop], probed.confusion[prop])
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        probe(project, iterations=4)


def test_probes_are_scored_on_test_frames_and_kept(project: Path, probed: probing.Probing) -> None:
    table = frames.load(project / f"data/frames/{CODEC}")
    with torch.no_grad():
        features = SparseAutoencoder.load(project / f"checkpoints/sae/{CODEC}.safetensors").encode(table.latents[:])
    kept = probes.load(project / f"checkpoints/probes/{CODEC}.safetensors")
    for prop, found in probed.figures["properties"].items():
        test = table.rows("test", prop)
        predicted, truth = kept[prop].predict(features)[test], table.table[prop].to_numpy()[test]
        assert found["accuracy"] == (predicted == truth).mean() and found["within_one"] == (np.abs(predicted - truth) <= 1).mean()
        assert found["penalty"] == kept[prop].penalty and found["raw_latents"]["frames"] == found["frames"] == test.sum()
        np.testing.assert_array_equal(probed.confusion[prop], probes.confusion(predicted, truth, len(table.edges[prop]) - 1))
        np.testing.assert_array_equal(probed.edges[prop], table.edges[prop])
        row = probed.accuracies().set_index(["property", "input"]).loc[(prop, "SAE features")]
        assert row.tolist() == [found["accuracy"], *found["ci95"]]
    assert not probed.repeats and (probed.frames, probed.distinct) == (len(table.latents), unique.find(table.latents).distinct)


def test_the_sounds_of_the_top_features_are_those_of_the_figures(probed: probing.Probing) -> None:
    page = SoundTable(probed.sounds).html("sounds")
    for prop, named in probed.figures["speaking"].items():
        assert len(named) == len(probing.QUANTILES)
        for one in named:
            assert f"feature {one['feature']}" in page and prop in page
    assert page.count("<audio") == len(list(probed.sounds.glob("*.mp3"))) > 0


@pytest.mark.parametrize(("section", "run", "first"), [
    ("sae_training", lambda project: train(project, seed=1), (SparseAutoencoder, "save")),
    ("probing", lambda project: probe(project, iterations=4), (probes, "save")),
])  # fmt: skip
def test_a_run_that_is_killed_leaves_no_figures_beside_new_files(
    section: str,
    run: Callable[[Path], object],
    first: tuple[object, str],
    project: Path,
    probed: probing.Probing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*first, killed)
    with pytest.raises(KeyboardInterrupt):
        run(copy)
    assert not (copy / f"results/{section}/{CODEC}.json").exists()
