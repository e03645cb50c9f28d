"""When a property settles: known trajectories, and the edge cases of the paper's ratio."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import settling
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

NOISE, MUSIC = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
TIMES = np.linspace(0, 1, 5)
STRAIGHT = (1 - TIMES[:, None]) * NOISE + TIMES[:, None] * MUSIC


@pytest.mark.parametrize("measure", [settling.progress, settling.ratio_of_sums, settling.projection])
def test_a_straight_way_is_as_far_as_time(measure) -> None:
    assert measure(STRAIGHT) == pytest.approx(TIMES)
    both = np.stack([STRAIGHT, STRAIGHT[:, ::-1]], axis=1)  # a batch of two prompts
    assert measure(both) == pytest.approx(np.stack([TIMES, TIMES], axis=1))


def test_moves_the_wrong_way_count_in_the_papers_measure_alone() -> None:
    p = np.array([NOISE, NOISE - (MUSIC - NOISE), MUSIC])
    assert settling.progress(p)[1] == pytest.approx(1) and settling.ratio_of_sums(p)[1] == pytest.approx(1)
    assert settling.projection(p)[1] == pytest.approx(-1)


def test_a_class_that_hardly_moves_does_not_explode() -> None:
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.5, 0.3], [0.4995, 0.0, 0.5005]])  # class 0 wanders, and comes back
    by_hand = (0 / 0.5 + 0.3 / 0.5005) / 2
    assert settling.progress(p)[1] == pytest.approx(by_hand)
    ends = np.array([0.5, 0.5])
    assert np.isnan(settling.progress(np.array([ends, [0.9, 0.1], ends]))).all()
    assert np.isnan(settling.projection(np.array([ends, [0.9, 0.1], ends]))).all()


@pytest.mark.parametrize(("s", "at"), [
    ([0, 0.5, 0.95, 1.05, 1], 2), ([0, 0.95, 0.5, 0.95, 1], 3), ([0, 0.95, 1.2, 0.5, 1], 4),
    ([0, 1.2, 1.11, 1.09, 1], 3), ([1, 1, 1], 0), ([np.nan, np.nan], 1),
])
def test_settled_is_for_good(s: list[float], at: int) -> None:
    assert settling.settles_at(np.array(s)) == at


def test_each_of_many_settles_where_it_does_alone() -> None:
    s = np.array([[0, 0, 1], [0.95, 0.3, 1], [0.5, 1.05, 1], [1, 1, 1]])
    assert settling.settles_at(s).tolist() == [3, 2, 0]


def test_agreement_and_entropy() -> None:
    p = np.zeros((3, 4, 2))
    p[..., 0] = np.array([[0.9, 0.9, 0.9, 0.9], [0.9, 0.9, 0.1, 0.1], [0.1, 0.9, 0.1, 0.1]])
    p[..., 1] = 1 - p[..., 0]
    assert settling.agreement(p) == pytest.approx([0.25, 0.75, 1])
    assert settling.entropy(np.array([[0.25] * 4, [1, 0, 0, 0]])) == pytest.approx([2, 0])


def test_probabilities_are_those_of_each_frame_alone() -> None:
    torch.manual_seed(0)
    sae = SparseAutoencoder(6, 12)
    probe = Probe(torch.randn(5, 12), torch.randn(5), 0.0)
    states = torch.randn(3, 2, 4, 6)
    other = Probe(torch.randn(7, 12), torch.randn(7), 0.0)
    found, of_other = settling.probabilities(states, sae, [probe, other])
    assert found.shape == (3, 2, 4, 5) and of_other.shape == (3, 2, 4, 7)
    f = sae.encode(states[1, 1, 2]).detach()
    torch.testing.assert_close(found[1, 1, 2], torch.softmax(probe.weight @ f + probe.bias, dim=0))
    torch.testing.assert_close(of_other[1, 1, 2], torch.softmax(other.weight @ f + other.bias, dim=0))


def test_latents_that_cannot_be_read_are_refused() -> None:
    sae, probe = SparseAutoencoder(6, 12), Probe(torch.zeros(5, 12), torch.zeros(5), 0.0)
    states = torch.zeros(3, 1, 2, 6)
    states[1, 0, 1, 3] = torch.nan
    with pytest.raises(ParameterError, match="state 1 of the trajectory"):
        settling.probabilities(states, sae, [probe])
    with pytest.raises(ParameterError, match="another codec"):
        settling.probabilities(torch.zeros(3, 1, 2, 7), sae, [probe])
