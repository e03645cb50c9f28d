"""Probes and their baselines on data whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from audiosae import checkpoint, probes
from audiosae.errors import CheckpointError, ParameterError

PENALTIES = [1e-4, 1e-2]


def clouds(count: int, classes: int, spread: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around the corners of a simplex, with their class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (count,), generator=generator)
    return torch.eye(classes)[y] * 3 + spread * torch.randn(count, classes, generator=generator), y


def counted(y: torch.Tensor, classes: int) -> torch.Tensor:
    """Each row stands for one frame of its class."""
    return torch.nn.functional.one_hot(y, classes)


def fit(
    train: tuple[torch.Tensor, torch.Tensor], validation: tuple[torch.Tensor, torch.Tensor], classes: int,
    penalties: list[float], iterations: int = 50,
) -> probes.Probe:
    """Fit on points with their classes."""
    x, y = (torch.cat(both) for both in zip(train, validation))
    counts = counted(y, classes)
    learnt = (torch.arange(len(y)) < len(train[1]))[:, None]
    return probes.fit(x, counts * learnt, counts * ~learnt, penalties, iterations)


def fitted(spread: float = 0.1, classes: int = 4) -> probes.Probe:
    return fit(clouds(400, classes, spread, 0), clouds(100, classes, spread, 1), classes, PENALTIES)


# --- fitting ------------------------------------------------------------------------------------------------------------


def test_separable_classes_are_told_apart() -> None:
    x, y = clouds(200, 4, 0.1, 2)
    probe = fitted()
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
    probe = fit((x, y), (x, y), 3, [0.01], 200)
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y) + 0.005 * weight.pow(2).sum()
    for gradient in torch.autograd.grad(loss, (weight, bias)):
        assert gradient.abs().max() < 1e-3


def test_rows_with_counts_give_the_probe_of_all_their_frames() -> None:
    """Twelve rows stand for 900 frames, with labels that no row settles: the same minimum, loss and gradient."""
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

    def loss(probe: probes.Probe) -> tuple[torch.Tensor, ...]:
        weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
        value = torch.nn.functional.cross_entropy(rows[of_frame] @ weight.T + bias, y) + 0.005 * weight.pow(2).sum()
        return value.detach(), *torch.autograd.grad(value, (weight, bias))

    for mine, theirs in zip(loss(few), loss(frames)):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-4)
    assert max(gradient.abs().max() for gradient in loss(few)[1:]) < 1e-3


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
    strong, weak = 1e4, 1e-4  # strong: the commonest class, 1, always; weak: 0 for the first three rows
    for first, penalty in (([0, 9], strong), ([0, 1], weak)):
        validation = torch.tensor([first, [1, 0], [1, 0], [0, 1]])
        assert probes.fit(x, train, validation, [strong, weak], 50).penalty == penalty


def test_fitting_twice_gives_the_same_numbers_and_leaves_the_threads_alone() -> None:
    threads = torch.get_num_threads()
    assert torch.equal(fitted(1.0).weight, fitted(1.0).weight)
    assert torch.get_num_threads() == threads


def test_a_class_without_frames_is_allowed_and_never_said() -> None:
    x, y = clouds(300, 3, 0.5, 0)
    probe = fit((x, y), (x, y), 5, PENALTIES)
    assert probe.weight.shape == (5, 3) and set(probe.predict(x)) == {0, 1, 2}


@pytest.mark.parametrize("empty", [0, 1])
def test_a_probe_without_frames_is_refused(empty: int) -> None:
    sets = [clouds(20, 3, 0.1, 0), clouds(20, 3, 0.1, 1)]
    sets[empty] = (torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ParameterError, match="one of them has none"):
        fit(*sets, 3, PENALTIES)


# --- the best that one frame allows -------------------------------------------------------------------------------------


def test_the_best_label_of_each_row_by_hand() -> None:
    counts = np.array([[0, 3, 1], [0, 0, 0], [5, 1, 0], [0, 4, 0]])
    assert probes.best_labels(counts).tolist() == [1, 1, 0, 1]  # the second has no frames: 1 is the commonest of all


def test_the_ceiling_by_hand() -> None:
    """Row 0 has other labels in test than in training; row 2 is new, and 1 is the commonest class in training."""
    train = np.array([[4, 0], [0, 5], [0, 0]])
    row, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1])
    found = probes.ceiling(train, row, truth, np.array(list("aabbcc")), 0)
    assert found["learned"]["accuracy"] == pytest.approx(3 / 6)
    assert found["oracle"]["accuracy"] == pytest.approx(4 / 6)
    assert found["oracle"]["recordings"] == 3 and found["oracle"]["frames"] == 6


def test_no_probe_of_one_frame_beats_the_best_labels() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 6, (30, 4))
    ceiling = counts[np.arange(30), probes.best_labels(counts)].sum()
    x = torch.eye(30)  # a probe that can say anything of any row
    for penalty in (1e-6, 1.0):
        probe = probes.fit(x, torch.from_numpy(counts), torch.from_numpy(counts), [penalty], 200)
        named = counts[np.arange(30), probe.predict(x)].sum()
        assert named <= ceiling
        assert named == ceiling or penalty == 1.0


# --- scores -------------------------------------------------------------------------------------------------------------


def test_accuracy_counts_frames_and_its_interval_counts_recordings() -> None:
    truth = np.zeros(100, int)
    predicted = np.repeat([0, 1], [60, 40])
    pieces = np.repeat([f"p{i}" for i in range(10)], 10)
    found = probes.score(predicted, truth, pieces, 0)
    assert (found["accuracy"], found["frames"], found["recordings"]) == (0.6, 100, 10)
    low, high = found["ci95"]
    assert low < 0.6 < high


def test_copies_of_a_frame_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    hit = rng.random(12) < 0.6
    pieces = np.arange(12)
    once = probes.score(hit, np.ones(12), pieces, 0)
    copied = probes.score(np.repeat(hit, 50), np.ones(600), np.repeat(pieces, 50), 0)
    frames = probes.score(np.repeat(hit, 50), np.ones(600), np.arange(600), 0)
    assert copied["ci95"] == once["ci95"]
    assert np.diff(copied["ci95"])[0] > 4 * np.diff(frames["ci95"])[0]


def test_baselines_by_hand() -> None:
    found = probes.baselines(np.array([1, 1, 1, 3]), np.array([1, 0, 1, 2, 3]), 5)
    assert found == {"chance": 0.2, "majority": 0.4, "without_training": [0, 2, 4]}


def test_confusion_by_hand() -> None:
    found = probes.confusion(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 0]), 3)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3, 0], [0, 1, 0], [np.nan] * 3])


def test_the_features_that_speak_are_those_that_matter_and_occur() -> None:
    probe = probes.Probe(torch.tensor([[0.0] * 4, [9.0, 2.0, 1.0, -5.0]]), torch.zeros(2), 0.1)
    features = torch.tensor([[0.0, 1.0, 3.0, 1.0], [0.0, 1.0, 5.0, 1.0]])  # the heaviest feature never occurs
    assert probes.speaking(probe, features, 1, 2) == [(2, 4.0), (1, 2.0)]
    assert len(probes.speaking(probe, features, 1, 99)) == 4


# --- the file -----------------------------------------------------------------------------------------------------------


def test_loaded_probes_say_the_same_and_equal_probes_are_equal_bytes(tmp_path: Path) -> None:
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
    made = {"pitch.weight": torch.ones(4, 2), "pitch.bias": torch.ones(4)} | {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize(("tensors", "penalty", "told"), [
    (held(), None, "names no property"), (held(), {}, "names no property"), (held(), ["pitch"], "names no property"), (held(), 0.1, "names no property"),
    (held(), {"timbre": 0.1}, "lacks tensors or has some too many .pitch.bias, pitch.weight, timbre.bias, timbre.weight"),
    (held(pitch__bias=None), {"pitch": 0.1}, "lacks tensors .*pitch.bias"),
    (held(more=torch.ones(1)), {"pitch": 0.1}, "some too many .more"),
    *((held(), {"pitch": bad}, "the penalty of pitch is") for bad in (None, True, "0.1", -1.0, float("nan"), float("inf"), [0.1])),
    (held(pitch__weight=torch.ones(8)), {"pitch": 0.1}, "unlike shapes"),
    (held(pitch__weight=torch.ones(3, 2)), {"pitch": 0.1}, "unlike shapes"),
    (held(pitch__weight=torch.ones(4, 0)), {"pitch": 0.1}, "unlike shapes"),
    (held(pitch__bias=torch.ones(4, 1)), {"pitch": 0.1}, "unlike shapes"),
    (held(pitch__bias=torch.tensor(1.0)), {"pitch": 0.1}, "unlike shapes"),
    (held(pitch__weight=torch.ones(4, 2).double()), {"pitch": 0.1}, "not float32"),
    (held(pitch__weight=torch.ones(4, 2).long()), {"pitch": 0.1}, "not float32"),
    (held(pitch__bias=torch.full((4,), float("nan"))), {"pitch": 0.1}, "NaN or infinite"),
])
def test_damaged_probes_are_told(tensors: dict[str, torch.Tensor], penalty: object, told: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.safetensors", tensors, {"kind": probes.KIND} | ({} if penalty is None else {"penalty": penalty}))
    with pytest.raises(CheckpointError, match=f"a.safetensors.*{told}.*run 03_probing again"):
        probes.load(tmp_path / "a.safetensors")
