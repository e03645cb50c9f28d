"""Linear probes, their scores, and what they are compared with, on data whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from audiosae import probes
from audiosae.errors import CheckpointError, ParameterError
from audiosae.files import checkpoint
from audiosae.probes import control_task, representations, sparse
from audiosae.sae import SparseAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.training import Settings, train

PENALTIES = [1e-4, 1e-2]


def counted(y: torch.Tensor, classes: int) -> torch.Tensor:
    """Each row stands for one frame of its class."""
    return torch.nn.functional.one_hot(y, classes)


def clouds(count: int, classes: int, spread: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around the corners of a simplex, with their class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (count,), generator=generator)
    return torch.eye(classes)[y] * 3 + spread * torch.randn(count, classes, generator=generator), y


def fitted(spread: float = 0.1, classes: int = 4) -> probes.Probe:
    (x, y), (x_validation, y_validation) = clouds(400, classes, spread, 0), clouds(100, classes, spread, 1)
    counts, learnt = counted(torch.cat([y, y_validation]), classes), torch.arange(500)[:, None] < 400
    return probes.fit(torch.cat([x, x_validation]), counts * learnt, counts * ~learnt, PENALTIES, 50)


def gradients(probe: probes.Probe, x: torch.Tensor, y: torch.Tensor, penalty: float) -> tuple[torch.Tensor, ...]:
    """Those of cross-entropy + ½ penalty ‖W‖² over frames, by W and b."""
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y) + 0.5 * penalty * weight.pow(2).sum()
    return torch.autograd.grad(loss, (weight, bias))


# --- fitting ------------------------------------------------------------------------------------------------------------


def test_separable_classes_are_told_apart_and_one_without_frames_is_never_predicted() -> None:
    x, y = clouds(200, 4, 0.1, 2)
    assert (fitted().predict(x) == y.numpy()).all() and not fitted().weight.requires_grad
    counts = counted(y, 6)
    for probe in (probes.fit(x, counts, counts, PENALTIES, 50), sparse.fit(x, counts, 1, 1e-4, 50)):
        assert probe.weight.shape == (6, 4) and set(probe.predict(x)) == {0, 1, 2, 3}


def test_rows_with_counts_give_the_probe_of_all_their_frames() -> None:
    """Twelve rows stand for 900 frames, with labels that no row settles: the same minimum and gradient."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 5, generator=generator)
    of_frame = torch.randint(12, (900,), generator=generator)
    y = (of_frame + torch.randint(2, (900,), generator=generator)) % 3
    histogram = torch.zeros(12, 3, dtype=torch.long).index_put_((of_frame, y), torch.tensor(1), accumulate=True)
    few = probes.fit(rows, histogram, histogram, [0.01], 200)
    frames = probes.fit(rows[of_frame], counted(y, 3), counted(y, 3), [0.01], 200)
    # L-BFGS stops where the float32 loss no longer falls, and sums in another order stop a little elsewhere.
    torch.testing.assert_close(few.weight, frames.weight, rtol=0, atol=2e-3)
    torch.testing.assert_close(few.bias, frames.bias, rtol=0, atol=2e-3)
    uncounted = (histogram > 0).long()
    assert (probes.fit(rows, uncounted, uncounted, [0.01], 200).weight - few.weight).abs().max() > 0.02
    assert max(gradient.abs().max() for gradient in gradients(few, rows[of_frame], y, 0.01)) < 1e-3


def test_the_penalty_is_chosen_on_validation_frames_not_rows_and_of_equals_is_the_strongest() -> None:
    """One row of nine frames outvotes two rows of one frame each."""
    assert fitted(spread=0.01).penalty == max(PENALTIES)  # both are perfect
    x = torch.tensor([[1.0], [1.1], [1.2], [-1.0]])
    train = torch.tensor([[10, 0], [10, 0], [10, 0], [0, 40]])
    strong, weak = 1e4, 1e-4  # strong: the majority class, 1, always; weak: 0 for the first three rows
    for first, penalty in (([0, 9], strong), ([0, 1], weak)):
        validation = torch.tensor([first, [1, 0], [1, 0], [0, 1]])
        assert probes.fit(x, train, validation, [strong, weak], 50).penalty == penalty


def test_nothing_to_read_or_to_learn_from_is_refused() -> None:
    x, y = clouds(20, 3, 0.1, 0)
    counts = counted(y, 3)
    for learnt, checked in ((counts, 0 * counts), (0 * counts, counts)):
        with pytest.raises(ParameterError, match="one of them has none"):
            probes.fit(x, learnt, checked, PENALTIES, 50)
    with pytest.raises(ParameterError, match="it has none"):
        sparse.fit(x, 0 * counts, 1, 1e-4, 5)
    with pytest.raises(ParameterError, match="at least one input"):
        sparse.fit(x, counts, 0, 1e-4, 5)
    for cells in (1, 21):
        with pytest.raises(ParameterError, match=f"cells.*{cells}"):
            control_task.cells(x.numpy(), x.numpy(), cells, 0)


# --- scores -------------------------------------------------------------------------------------------------------------


def test_the_ceiling_by_hand() -> None:
    """Row 0 has other labels in test than in training; row 2 is new, and 1 is the majority class of training."""
    train = np.array([[4, 0], [0, 5], [0, 0]])
    row, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1])
    found = probes.ceiling(train, row, truth, np.array(list("aabbcc")), 0)
    assert found["learned"]["accuracy"] == pytest.approx(3 / 6)
    assert found["oracle"]["accuracy"] == pytest.approx(4 / 6)
    assert found["oracle"]["recordings"] == 3 and found["oracle"]["frames"] == 6


def test_a_task_is_fitted_on_training_frames_and_scored_on_test_frames() -> None:
    (x, y), classes = clouds(90, 3, 0.1, 0), counted(clouds(90, 3, 0.1, 0)[1], 3)
    part = torch.arange(90)[:, None] // 30
    row, pieces = np.repeat(np.arange(60, 90), 2), np.arange(60) // 6
    truth = y.numpy()[row]
    truth[:6] = (truth[:6] + 1) % 3  # the first recording is labelled wrongly
    task = probes.Task(classes * (part == 0), classes * (part == 1), row, truth, pieces)
    probe, predicted, scores = probes.fit_and_score(x, task, PENALTIES, 50, 0)
    assert torch.equal(probe.weight, probes.fit(x, task.train, task.validation, PENALTIES, 50).weight)
    assert (predicted == y.numpy()[row]).all()
    assert scores == {"accuracy": 0.9, "ci95": scores["ci95"], "recordings": 10, "frames": 60, "penalty": probe.penalty}


def test_baselines_by_hand() -> None:
    found = probes.baselines(np.array([1, 1, 1, 3]), np.array([1, 0, 1, 2, 3]), 5)
    assert found == {"chance": 0.2, "majority": 0.4, "without_training": [0, 2, 4]}


def test_confusion_by_hand() -> None:
    found = probes.confusion(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 0]), 3)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3, 0], [0, 1, 0], [np.nan] * 3])


def test_the_top_features_are_those_that_matter_and_occur() -> None:
    probe = probes.Probe(torch.tensor([[0.0] * 4, [9.0, 2.0, 1.0, -5.0]]), torch.zeros(2), 0.1)
    features = torch.tensor([[0.0, 1.0, 3.0, 1.0], [0.0, 1.0, 5.0, 1.0]])  # the one with the largest weight never occurs
    assert probes.top_features(probe, features.mean(dim=0), 1, 2) == [(2, 4.0), (1, 2.0)]
    assert len(probes.top_features(probe, features.mean(dim=0), 1, 99)) == 4


# --- the file -----------------------------------------------------------------------------------------------------------


def test_loaded_probes_are_the_same_and_equal_probes_are_equal_bytes(tmp_path: Path) -> None:
    kept = {"pitch": fitted(1.0), "timbre": fitted(0.5, classes=3)}
    probes.save(kept, tmp_path / "a", {"sae": "abc"})
    loaded = probes.load(tmp_path / "a")
    for prop, probe in kept.items():
        assert torch.equal(loaded[prop].weight, probe.weight) and torch.equal(loaded[prop].bias, probe.bias)
        assert loaded[prop].penalty == probe.penalty
    probes.save(dict(reversed(loaded.items())), tmp_path / "b", {"sae": "abc"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


GOOD = {"pitch.weight": torch.ones(4, 2), "pitch.bias": torch.ones(4)}


@pytest.mark.parametrize(("tensors", "penalty", "told"), [
    *(({}, penalty, "names no property") for penalty in (None, {}, ["pitch"])),
    ({}, {"timbre": 0.1}, "lacks tensors or has some too many .pitch.bias, pitch.weight, timbre.bias, timbre.weight"),
    ({"more": torch.ones(1)}, {"pitch": 0.1}, "some too many .more"),
    *(({}, {"pitch": bad}, "is not finite") for bad in (None, True, "0.1", -1.0, float("nan"), float("inf"))),
    *(({"pitch.weight": torch.ones(size)}, {"pitch": 0.1}, "is not finite") for size in ((8,), (3, 2), (4, 0))),
    ({"pitch.weight": torch.ones(4, 2).double()}, {"pitch": 0.1}, "is not finite"),
    ({"pitch.bias": torch.full((4,), float("nan"))}, {"pitch": 0.1}, "is not finite"),
])  # fmt: skip
def test_damaged_probes_are_told(tensors: dict[str, torch.Tensor], penalty: object, told: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.safetensors", GOOD | tensors, {"kind": "probe", "penalty": penalty})
    with pytest.raises(CheckpointError, match=f"a.safetensors.*{told}.*run 03_probing again"):
        probes.load(tmp_path / "a.safetensors")


# --- few inputs ---------------------------------------------------------------------------------------------------------


def one_input_a_class(frames: int = 600, classes: int = 3, inputs: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Input 2k + 1 is 1.5 more in frames of class k; the rest is noise, at scales from 0.1 to 10."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(classes, (frames,), generator=generator)
    x = torch.randn(frames, inputs, generator=generator)
    x[torch.arange(frames), 2 * y + 1] += 1.5
    return x * torch.logspace(-1, 1, inputs), y


def test_the_difference_by_hand() -> None:
    x = torch.tensor([[0.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
    counts = torch.tensor([[2, 0, 0], [0, 1, 0], [0, 1, 0]])  # the third class has no frames
    # Frames 0 0 2 4: mean 1.5, deviation sqrt(2.75); class 0 has mean 0, the others 3.
    expected = torch.tensor([[-3 / 2.75**0.5, 0], [3 / 2.75**0.5, 0], [0, 0]], dtype=torch.float64)
    torch.testing.assert_close(sparse.standardised_difference(x, counts), expected)
    assert not sparse.choose(torch.tensor([[0.0], [1.0]]), torch.tensor([[1, 0], [1, 0]]), 1).any()  # one class has all frames


def test_each_class_gets_the_inputs_that_tell_it_apart_whatever_their_scale() -> None:
    x, y = one_input_a_class()
    seen = sparse.choose(x, counted(y, 3), 1)
    assert seen.int().tolist() == [[int(j == 2 * k + 1) for j in range(8)] for k in range(3)]
    assert sparse.choose(x, counted(y, 3), 3).sum(dim=1).tolist() == [3, 3, 3]
    assert sparse.choose(x, counted(y, 3), 99).all()


def test_the_sparse_fit_reads_what_was_chosen_and_is_the_minimum_under_that_restraint() -> None:
    x, y = one_input_a_class()
    x = (x - x.mean(dim=0)) / x.std(dim=0)
    probe, seen = sparse.fit(x, counted(y, 3), 2, 0.01, 200), sparse.choose(x, counted(y, 3), 2)
    assert ((probe.weight != 0) == seen).all()
    by_weight, by_bias = gradients(probe, x, y, 0.01)
    assert by_weight[seen].abs().max() < 1e-3 and by_bias.abs().max() < 1e-3
    assert by_weight[~seen].abs().max() > 1e-2  # there is more to gain, where it may not read


# --- the control task ---------------------------------------------------------------------------------------------------


def test_a_type_has_one_label_wherever_it_occurs_and_labels_have_the_frequencies_of_training() -> None:
    train = np.repeat([0, 2, 3], [700, 200, 100])
    types = np.tile(np.arange(20000), 2)
    found = control_task.labels(types, train, 5, 0)
    np.testing.assert_array_equal(found[:20000], found[20000:])
    np.testing.assert_allclose(np.bincount(found, minlength=5) / 40000, [0.7, 0, 0.2, 0.1, 0], atol=0.015)
    assert (found == control_task.labels(types, train, 5, 0)).all() and (found != control_task.labels(types, train, 5, 1)).any()


def test_cells_are_the_clouds_that_frames_lie_in() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[9, 0], [0, 9], [-9, -9]], dtype=np.float32)
    of_train, of_every = rng.integers(3, size=300), rng.integers(3, size=90)
    train, every = (centres[of] + rng.normal(size=(len(of), 2)).astype(np.float32) for of in (of_train, of_every))
    found = control_task.cells(train, every, 3, 0)
    assert found.shape == (90,) and found.dtype == np.int64 and len(set(found)) == 3
    for cloud in range(3):
        assert len(set(found[of_every == cloud])) == 1
    assert (found == control_task.cells(train, every, 3, 0)).all()


# --- representations to compare -----------------------------------------------------------------------------------------


def latents(frames: int = 400, dim: int = 6) -> torch.Tensor:
    """Correlated, off centre, and of unlike scales."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(dim, dim, generator=generator) * torch.logspace(0, -3, dim)
    return torch.randn(frames, dim, generator=generator) @ mixing.T + 5


def trained(x: torch.Tensor, rate: float = 1e-2) -> SparseAutoencoder:
    return train(x, Settings(hidden=24, l1=0.05, epochs=1, batch=64, learning_rate=rate, seed=3))[0]


def test_the_untrained_sae_is_the_trained_one_before_its_first_step() -> None:
    still, moved = trained(latents(), rate=0.0), trained(latents())  # trained at a rate of zero, it stays where it began
    found = representations.untrained(moved, 3)
    for name, tensor in still.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name
    assert not torch.equal(found.encoder.weight, moved.encoder.weight)
    assert not torch.equal(found.encoder.weight, representations.untrained(moved, 4).encoder.weight)


def test_components_are_uncorrelated_of_unit_variance_and_lose_nothing() -> None:
    x = latents()
    z = representations.whitening(x)(x)
    assert z.dtype == torch.float32 and z.shape == x.shape
    np.testing.assert_allclose(np.cov(z.numpy().T), np.eye(6), atol=1e-3)
    np.testing.assert_allclose(z.mean(dim=0).numpy(), 0, atol=1e-3)
    design = torch.cat([z, torch.ones(len(z), 1)], dim=1).double()
    back = design @ torch.linalg.lstsq(design, x.double()).solution
    assert (back - x).abs().max() < 1e-3 * x.std()


def test_components_come_strongest_first_and_are_those_of_the_training_frames() -> None:
    x = torch.randn(2000, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([0.1, 10.0, 1.0])
    whiten = representations.whitening(x)
    steps = whiten(torch.eye(3)) - whiten(torch.zeros(1, 3))
    # A step of one along an axis is a step of 1 / (its deviation) along one component.
    torch.testing.assert_close(steps.abs(), torch.tensor([[0, 0, 10], [0.1, 0, 0], [0, 1, 0]]), rtol=0.1, atol=0.2)


def test_the_inputs_have_the_sizes_that_make_them_comparable() -> None:
    x, sae = latents(), trained(latents())
    with torch.no_grad():
        sparse = KSparseAutoencoder(sae.dim, sae.hidden, 2).eval()
        read = {name: reader(x) for name, reader in representations.readers(sae, sparse, x, 3).items()}
        assert torch.equal(read[representations.K_SPARSE], sparse.encode(x))
        assert torch.equal(read[representations.FEATURES], sae.encode(x))
    assert tuple(read) == representations.NAMES
    assert [value.shape[1] for value in read.values()] == [24, 24, 24, 6, 6]
    torch.testing.assert_close(read[representations.RAW].std(dim=0), torch.ones(6))
    np.testing.assert_allclose(np.cov(read[representations.COMPONENTS].numpy().T), np.eye(6), atol=1e-3)
