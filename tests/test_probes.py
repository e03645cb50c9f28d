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


Points = tuple[torch.Tensor, torch.Tensor]


def fit(train: Points, validation: Points, classes: int, penalties: list[float], iterations: int = 50) -> probes.Probe:
    """Fit on points with their classes."""
    x, y = (torch.cat(both) for both in zip(train, validation, strict=True))
    counts, learnt = counted(y, classes), (torch.arange(len(y)) < len(train[1]))[:, None]
    return probes.fit(x, counts * learnt, counts * ~learnt, penalties, iterations)


def fitted(spread: float = 0.1, classes: int = 4) -> probes.Probe:
    return fit(clouds(400, classes, spread, 0), clouds(100, classes, spread, 1), classes, PENALTIES)


def gradients(probe: probes.Probe, x: torch.Tensor, y: torch.Tensor, penalty: float) -> tuple[torch.Tensor, ...]:
    """Those of cross-entropy + ½ penalty ‖W‖² over frames, by W and b."""
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y) + 0.5 * penalty * weight.pow(2).sum()
    return torch.autograd.grad(loss, (weight, bias))


# --- fitting ------------------------------------------------------------------------------------------------------------


def test_separable_classes_are_told_apart() -> None:
    (x, y), probe = clouds(200, 4, 0.1, 2), fitted()
    assert (probe.predict(x) == y.numpy()).all()
    assert probe.weight.shape == (4, 4) and not probe.weight.requires_grad
    torch.testing.assert_close(probe.logits(x), x @ probe.weight.T + probe.bias)


def test_shuffled_labels_give_chance() -> None:
    (x, y), (x_validation, y_validation), (x_test, y_test) = (clouds(2000, 4, 0.1, seed) for seed in range(3))
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(5))
    probe = fit((x, y[order]), (x_validation, y_validation[order]), 4, PENALTIES)
    assert abs((probe.predict(x_test) == y_test[order].numpy()).mean() - 0.25) < 0.06


def test_the_fit_is_the_minimum_of_its_convex_objective() -> None:
    x, y = clouds(300, 3, 1.5, 0)
    for gradient in gradients(fit((x, y), (x, y), 3, [0.01], 200), x, y, 0.01):
        assert gradient.abs().max() < 1e-3


def test_rows_with_counts_give_the_probe_of_all_their_frames() -> None:
    """Twelve rows stand for 900 frames, with labels that no row settles: the same minimum and gradient."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 5, generator=generator)
    of_frame = torch.randint(12, (900,), generator=generator)
    y = (of_frame + torch.randint(2, (900,), generator=generator)) % 3
    histogram = torch.zeros(12, 3, dtype=torch.long).index_put_((of_frame, y), torch.tensor(1), accumulate=True)
    few = probes.fit(rows, histogram, histogram, [0.01], 200)
    frames = fit((rows[of_frame], y), (rows[of_frame], y), 3, [0.01], 200)
    # L-BFGS stops where the float32 loss no longer falls, and sums in another order stop a little elsewhere.
    torch.testing.assert_close(few.weight, frames.weight, rtol=0, atol=2e-3)
    torch.testing.assert_close(few.bias, frames.bias, rtol=0, atol=2e-3)
    uncounted = (histogram > 0).long()
    assert (probes.fit(rows, uncounted, uncounted, [0.01], 200).weight - few.weight).abs().max() > 0.02
    assert max(gradient.abs().max() for gradient in gradients(few, rows[of_frame], y, 0.01)) < 1e-3


def test_the_penalty_is_chosen_on_validation_frames_and_of_equals_is_the_strongest() -> None:
    assert fitted(spread=0.01).penalty == max(PENALTIES)  # both are perfect
    # Training labels are half noise in many dimensions: a weak penalty learns the noise, a strong one the rule.
    generator = torch.Generator().manual_seed(0)
    x, x_validation = torch.randn(60, 50, generator=generator), torch.randn(500, 50, generator=generator)
    y, y_validation = (x[:, 0] > 0).long(), (x_validation[:, 0] > 0).long()
    y[:15] = 1 - y[:15]
    sets = (x, y), (x_validation, y_validation)
    found = {penalty: fit(*sets, 2, [penalty], 100) for penalty in (1e-6, 0.3)}
    accuracy = {p: (probe.predict(x_validation) == y_validation.numpy()).mean() for p, probe in found.items()}
    assert accuracy[0.3] > accuracy[1e-6]
    assert fit(*sets, 2, [1e-6, 0.3], 100).penalty == 0.3


def test_validation_counts_frames_not_rows() -> None:
    """One row of nine frames outvotes two rows of one frame each."""
    x = torch.tensor([[1.0], [1.1], [1.2], [-1.0]])
    train = torch.tensor([[10, 0], [10, 0], [10, 0], [0, 40]])
    strong, weak = 1e4, 1e-4  # strong: the majority class, 1, always; weak: 0 for the first three rows
    for first, penalty in (([0, 9], strong), ([0, 1], weak)):
        validation = torch.tensor([first, [1, 0], [1, 0], [0, 1]])
        assert probes.fit(x, train, validation, [strong, weak], 50).penalty == penalty


@pytest.mark.parametrize("threads", [1, 2])
def test_fits_at_once_are_those_of_one_after_another_and_leave_the_threads_alone(threads: int) -> None:
    torch.set_num_threads(threads)
    tasks = [(x, counted(y, 4), counted(y, 4)) for x, y in (clouds(400, 4, 1.0, seed) for seed in range(3))]
    alone = [probes.fit(*task, PENALTIES, 50) for task in tasks]
    for one, other in zip(alone, probes.fit_each(tasks, PENALTIES, 50), strict=True):
        assert torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias) and one.penalty == other.penalty
    assert torch.get_num_threads() == threads


def test_a_class_without_frames_is_allowed_and_never_predicted() -> None:
    x, y = clouds(300, 3, 0.5, 0)
    for probe in (fit((x, y), (x, y), 5, PENALTIES), sparse.fit(x, counted(y, 5), 1, 1e-4, 50)):
        assert probe.weight.shape == (5, 3) and set(probe.predict(x)) == {0, 1, 2}


@pytest.mark.parametrize("empty", [0, 1])
def test_a_probe_without_frames_is_refused(empty: int) -> None:
    sets = [clouds(20, 3, 0.1, 0), clouds(20, 3, 0.1, 1)]
    sets[empty] = (torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ParameterError, match="one of them has none"):
        fit(*sets, 3, PENALTIES)


# --- scores -------------------------------------------------------------------------------------------------------------


def test_the_best_label_of_each_row_by_hand() -> None:
    counts = np.array([[0, 3, 1], [0, 0, 0], [5, 1, 0], [0, 4, 0]])
    assert probes.best_labels(counts).tolist() == [1, 1, 0, 1]  # the second has no frames: 1 is the majority class of all


def test_the_ceiling_by_hand() -> None:
    """Row 0 has other labels in test than in training; row 2 is new, and 1 is the majority class of training."""
    train = np.array([[4, 0], [0, 5], [0, 0]])
    row, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1])
    found = probes.ceiling(train, row, truth, np.array(list("aabbcc")), 0)
    assert found["learned"]["accuracy"] == pytest.approx(3 / 6)
    assert found["oracle"]["accuracy"] == pytest.approx(4 / 6)
    assert found["oracle"]["recordings"] == 3 and found["oracle"]["frames"] == 6


def test_accuracy_counts_frames_and_its_interval_counts_recordings() -> None:
    pieces = np.repeat([f"p{i}" for i in range(10)], 10)
    found = probes.score(np.repeat([0, 1], [60, 40]), np.zeros(100, int), pieces, 0)
    assert (found["accuracy"], found["frames"], found["recordings"]) == (0.6, 100, 10)
    low, high = found["ci95"]
    assert low < 0.6 < high


def test_copies_of_a_frame_do_not_narrow_the_interval() -> None:
    hit, pieces = np.random.default_rng(0).random(12) < 0.6, np.arange(12)
    once = probes.score(hit, np.ones(12), pieces, 0)
    copied = probes.score(np.repeat(hit, 50), np.ones(600), np.repeat(pieces, 50), 0)
    frames = probes.score(np.repeat(hit, 50), np.ones(600), np.arange(600), 0)
    assert copied["ci95"] == once["ci95"]
    assert np.diff(copied["ci95"])[0] > 4 * np.diff(frames["ci95"])[0]


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
    assert probes.top_features(probe, features, 1, 2) == [(2, 4.0), (1, 2.0)]
    assert len(probes.top_features(probe, features, 1, 99)) == 4


# --- the file -----------------------------------------------------------------------------------------------------------


def test_loaded_probes_are_the_same_and_equal_probes_are_equal_bytes(tmp_path: Path) -> None:
    kept = {"pitch": fitted(1.0), "timbre": fitted(0.5, classes=3)}
    probes.save(kept, tmp_path / "a", {"sae": "abc"})
    probes.save(dict(reversed(kept.items())), tmp_path / "b", {"sae": "abc"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = probes.load(tmp_path / "a")
    assert set(loaded) == set(kept)
    for prop, probe in kept.items():
        assert torch.equal(loaded[prop].weight, probe.weight) and torch.equal(loaded[prop].bias, probe.bias)
        assert loaded[prop].penalty == probe.penalty


def held(**changes: object) -> dict[str, torch.Tensor]:
    made = {"pitch.weight": torch.ones(4, 2), "pitch.bias": torch.ones(4)} | {
        name.replace("__", "."): value for name, value in changes.items()
    }
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize(("tensors", "penalty", "told"), [
    *((held(), penalty, "names no property") for penalty in (None, {}, ["pitch"], 0.1)),
    (held(), {"timbre": 0.1}, "lacks tensors or has some too many .pitch.bias, pitch.weight, timbre.bias, timbre.weight"),
    (held(pitch__bias=None), {"pitch": 0.1}, "lacks tensors .*pitch.bias"),
    (held(more=torch.ones(1)), {"pitch": 0.1}, "some too many .more"),
    *((held(), {"pitch": bad}, "has the penalty") for bad in (None, True, "0.1", -1.0, float("nan"), float("inf"), [0.1])),
    *((held(pitch__weight=torch.ones(size)), {"pitch": 0.1}, "unlike shapes") for size in ((8,), (3, 2), (4, 0))),
    *((held(pitch__bias=torch.ones(size)), {"pitch": 0.1}, "unlike shapes") for size in ((4, 1), ())),
    (held(pitch__weight=torch.ones(4, 2).double()), {"pitch": 0.1}, "not float32"),
    (held(pitch__bias=torch.full((4,), float("nan"))), {"pitch": 0.1}, "NaN or infinite"),
])  # fmt: skip
def test_damaged_probes_are_told(tensors: dict[str, torch.Tensor], penalty: object, told: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.safetensors", tensors, {"kind": probes.KIND} | ({} if penalty is None else {"penalty": penalty}))
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


def test_rows_that_stand_for_many_frames_weigh_as_many() -> None:
    x, y = one_input_a_class(60)
    times = torch.randint(1, 5, (60,), generator=torch.Generator().manual_seed(1))
    few = sparse.standardised_difference(x, counted(y, 3) * times[:, None])
    every = sparse.standardised_difference(x.repeat_interleave(times, 0), counted(y, 3).repeat_interleave(times, 0))
    torch.testing.assert_close(few, every)


def test_the_sparse_fit_reads_what_was_chosen_and_is_the_minimum_under_that_restraint() -> None:
    x, y = one_input_a_class()
    x = (x - x.mean(dim=0)) / x.std(dim=0)
    probe, seen = sparse.fit(x, counted(y, 3), 2, 0.01, 200), sparse.choose(x, counted(y, 3), 2)
    assert ((probe.weight != 0) == seen).all()
    by_weight, by_bias = gradients(probe, x, y, 0.01)
    assert by_weight[seen].abs().max() < 1e-3 and by_bias.abs().max() < 1e-3
    assert by_weight[~seen].abs().max() > 1e-2  # there is more to gain, where it may not read


def test_inputs_that_stand_for_classes_are_read_with_few_and_a_rotation_of_them_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(12, (1200,), generator=generator)
    x = torch.eye(12)[y] + 0.15 * torch.randn(1200, 12, generator=generator)
    rotated = x @ torch.linalg.qr(torch.randn(12, 12, generator=generator))[0]
    once, turned = (
        {n: (sparse.fit(z, counted(y, 12), n, 1e-4, 100).predict(z) == y.numpy()).mean() for n in (1, 12)} for z in (x, rotated)
    )
    assert once[1] > 0.95 and once[12] > 0.95 and turned[12] > 0.95
    assert turned[1] < once[1] - 0.15


def test_nothing_to_read_or_to_learn_from_is_refused() -> None:
    x, y = one_input_a_class(20)
    with pytest.raises(ParameterError, match="at least one input"):
        sparse.fit(x, counted(y, 3), 0, 1e-4, 5)
    with pytest.raises(ParameterError, match="it has none"):
        sparse.fit(x, 0 * counted(y, 3), 1, 1e-4, 5)


# --- the control task ---------------------------------------------------------------------------------------------------


def test_a_type_has_one_label_wherever_it_occurs() -> None:
    types = np.random.default_rng(0).integers(50, size=2000)
    found = control_task.labels(types, np.array([0, 1, 2, 3]), 4, 0)
    for kind in range(50):
        assert len(set(found[types == kind])) == 1
    assert len(set(found)) == 4
    assert (found == control_task.labels(types, np.array([0, 1, 2, 3]), 4, 0)).all()
    assert (found != control_task.labels(types, np.array([0, 1, 2, 3]), 4, 1)).any()


def test_labels_have_the_frequencies_of_the_training_classes() -> None:
    found = control_task.labels(np.arange(20000), np.repeat([0, 2, 3], [700, 200, 100]), 5, 0)
    np.testing.assert_allclose(np.bincount(found, minlength=5) / 20000, [0.7, 0, 0.2, 0.1, 0], atol=0.015)


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


@pytest.mark.parametrize("count", [1, 11])
def test_a_number_of_cells_out_of_range_is_refused(count: int) -> None:
    frames = np.zeros((10, 2), dtype=np.float32)
    with pytest.raises(ParameterError, match=f"cells.*{count}"):
        control_task.cells(frames, frames, count, 0)


def test_what_is_remembered_depends_on_width_and_what_is_readable_does_not() -> None:
    """Types in 40 dimensions, their real class written in the first: a small probe reads it; only a large one memorises labels."""
    rng = np.random.default_rng(0)
    types = rng.integers(30, size=1500)
    points = rng.normal(size=(30, 40)).astype(np.float32)
    x, real = torch.from_numpy(points[types]), (points[:, 0] > 0).astype(int)[types]
    random = control_task.labels(types, real, 2, 1)

    def accuracy(x: torch.Tensor, label: np.ndarray) -> float:
        counts = counted(torch.from_numpy(label), 2)
        return float((probes.fit(x, counts, counts, [1e-4], 50).predict(x) == label).mean())

    small, large = x[:, :2], x
    assert accuracy(small, real) > 0.97 and accuracy(large, real) > 0.97
    assert accuracy(large, random) > 0.97  # no selectivity: it could have learnt anything
    assert accuracy(small, real) - accuracy(small, random) > 0.2


# --- representations to compare -----------------------------------------------------------------------------------------


def latents(frames: int = 400, dim: int = 6) -> torch.Tensor:
    """Correlated, off centre, and of unlike scales."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(dim, dim, generator=generator) * torch.logspace(0, -3, dim)
    return torch.randn(frames, dim, generator=generator) @ mixing.T + 5


def trained(x: torch.Tensor, rate: float = 1e-2) -> SparseAutoencoder:
    return train(x, Settings(hidden=24, l1=0.05, epochs=1, batch=64, learning_rate=rate, seed=3), progress=False)[0]


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


def test_the_four_inputs_have_the_sizes_that_make_them_comparable() -> None:
    x, sae = latents(), trained(latents())
    with torch.no_grad():
        read = {name: reader(x) for name, reader in representations.readers(sae, x, 3).items()}
        assert torch.equal(read[representations.FEATURES], sae.encode(x))
    assert tuple(read) == representations.NAMES
    assert [value.shape[1] for value in read.values()] == [24, 24, 6, 6]
    torch.testing.assert_close(read[representations.RAW].std(dim=0), torch.ones(6))
    np.testing.assert_allclose(np.cov(read[representations.COMPONENTS].numpy().T), np.eye(6), atol=1e-3)
