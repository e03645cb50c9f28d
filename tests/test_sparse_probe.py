"""Probes of few inputs: the right inputs are chosen, and no other is read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae import probes
from audiosae.errors import ParameterError
from audiosae.evidence import sparse_probe


def counted(y: torch.Tensor, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(y, classes)


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
    torch.testing.assert_close(sparse_probe.standardised_difference(x, counts), expected)


def test_a_class_with_all_frames_has_nothing_to_differ_from() -> None:
    counts = torch.tensor([[1, 0], [1, 0]])
    assert not sparse_probe.choose(torch.tensor([[0.0], [1.0]]), counts, 1).any()


def test_the_difference_orders_inputs_as_correlation_does() -> None:
    x, y = one_input_a_class()
    found = sparse_probe.standardised_difference(x, counted(y, 3))
    for k in range(3):
        correlation = [abs(np.corrcoef(x[:, j], (y == k).numpy())[0, 1]) for j in range(8)]
        assert (np.argsort(correlation) == found[k].abs().argsort().numpy()).all()


def test_each_class_gets_the_inputs_that_tell_it_apart_whatever_their_scale() -> None:
    x, y = one_input_a_class()
    seen = sparse_probe.choose(x, counted(y, 3), 1)
    assert seen.int().tolist() == [[int(j == 2 * k + 1) for j in range(8)] for k in range(3)]
    assert sparse_probe.choose(x, counted(y, 3), 3).sum(dim=1).tolist() == [3, 3, 3]
    assert sparse_probe.choose(x, counted(y, 3), 99).all()


def test_rows_that_stand_for_many_frames_weigh_as_many() -> None:
    x, y = one_input_a_class(60)
    times = torch.randint(1, 5, (60,), generator=torch.Generator().manual_seed(1))
    few = sparse_probe.standardised_difference(x, counted(y, 3) * times[:, None])
    every = sparse_probe.standardised_difference(x.repeat_interleave(times, 0), counted(y, 3).repeat_interleave(times, 0))
    torch.testing.assert_close(few, every)


def test_the_fit_reads_what_was_chosen_and_is_the_minimum_under_that_restraint() -> None:
    x, y = one_input_a_class()
    x = (x - x.mean(dim=0)) / x.std(dim=0)
    probe = sparse_probe.fit(x, counted(y, 3), 2, 0.01, 200)
    seen = sparse_probe.choose(x, counted(y, 3), 2)
    assert ((probe.weight != 0) == seen).all()
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y) + 0.005 * weight.pow(2).sum()
    slope, tilt = torch.autograd.grad(loss, (weight, bias))
    assert slope[seen].abs().max() < 1e-3 and tilt.abs().max() < 1e-3
    assert slope[~seen].abs().max() > 1e-2  # there is more to gain, where it may not look


def test_with_every_input_it_is_the_plain_probe() -> None:
    x, y = one_input_a_class()
    x = (x - x.mean(dim=0)) / x.std(dim=0)
    counts = counted(y, 3)
    torch.testing.assert_close(
        sparse_probe.fit(x, counts, 8, 0.01, 200).weight, probes.fit(x, counts, counts, [0.01], 200).weight, rtol=0, atol=2e-3
    )


def test_inputs_that_stand_for_classes_are_read_with_few_and_a_rotation_of_them_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(12, (1200,), generator=generator)
    x = torch.eye(12)[y] + 0.15 * torch.randn(1200, 12, generator=generator)
    rotated = x @ torch.linalg.qr(torch.randn(12, 12, generator=generator))[0]
    once, turned = (
        {n: (sparse_probe.fit(z, counted(y, 12), n, 1e-4, 100).predict(z) == y.numpy()).mean() for n in (1, 12)}
        for z in (x, rotated)
    )
    assert once[1] > 0.95 and once[12] > 0.95 and turned[12] > 0.95
    assert turned[1] < once[1] - 0.15


def test_a_class_without_frames_is_never_said() -> None:
    x, y = one_input_a_class()
    probe = sparse_probe.fit(x, counted(y, 5), 1, 1e-4, 50)
    assert probe.weight.shape == (5, 8) and set(probe.predict(x)) == {0, 1, 2}


def test_nothing_to_read_or_to_learn_from_is_refused() -> None:
    x, y = one_input_a_class(20)
    with pytest.raises(ParameterError, match="at least one input"):
        sparse_probe.fit(x, counted(y, 3), 0, 1e-4, 5)
    with pytest.raises(ParameterError, match="it has none"):
        sparse_probe.fit(x, 0 * counted(y, 3), 1, 1e-4, 5)
