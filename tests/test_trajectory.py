"""Reading the states of a generation: what is read, along which paths, and classes that are put together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, trajectory
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

DIM, FRAMES, STATES = 6, 5, 4
TEXTS, SEEDS = ["a", "b", "c"], [1, 2, 3]
torch.manual_seed(0)
SAE = SparseAutoencoder(DIM, 12)
PROBES = {prop: Probe(torch.randn(k, 12), torch.randn(k), 0.0) for prop, k in {"pitch": 66, "amplitude": 20, "timbre": 20}.items()}


class Straight:
    """A generator that goes straight to music of its own for each prompt; the estimate is right from the start."""

    def music(self, texts: list[str]) -> torch.Tensor:
        return flow.noise([100 + ord(text) for text in texts], FRAMES, DIM)

    def noise(self, seeds: list[int], frames: int) -> torch.Tensor:
        return flow.noise(seeds, frames, DIM)

    def velocity(self, texts: list[str]) -> flow.Velocity:
        return lambda x, t: ((self.music(texts) - x) / (1 - t),) * 2


def test_classes_are_put_together_evenly_and_nothing_is_lost() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(66), size=(3, 2))
    found = trajectory.pool(p)
    assert found.shape == (3, 2, 20) and found.sum(axis=-1) == pytest.approx(np.ones((3, 2)))
    assert found[0, 0, 0] == pytest.approx(p[0, 0, :4].sum()) and found[0, 0, -1] == pytest.approx(p[0, 0, -3:].sum())
    assert set(trajectory.pool(np.ones((1, 66)))[0]) == {3, 4}


def test_agreement_and_entropy() -> None:
    first = np.array([[0.9, 0.9, 0.9, 0.9], [0.9, 0.9, 0.1, 0.1], [0.1, 0.9, 0.1, 0.1]])
    found = trajectory.Reading.of(np.stack([first, 1 - first], axis=-1)[:, None])
    assert found.agreement[:, 0] == pytest.approx([0.25, 0.75, 1])
    assert trajectory.Reading.of(np.array([[[[0.25] * 4, [1, 0, 0, 0]]]])).entropy == pytest.approx(1)


def test_a_reading_is_the_mean_over_frames_by_each_classifier() -> None:
    states = torch.randn(STATES, 3, FRAMES, DIM, generator=torch.Generator().manual_seed(2))
    sets = {"trained": PROBES, "untrained": {prop: trajectory.untrained(probe, 0) for prop, probe in PROBES.items()}}
    found = trajectory.read(states, SAE, sets)
    assert set(found) == {(name, prop) for name in sets for prop in ("pitch", trajectory.COARSE, "amplitude", "timbre")}
    for name, of in sets.items():
        with torch.no_grad():
            p = torch.softmax(SAE.encode(states) @ of["timbre"].weight.T + of["timbre"].bias, dim=-1).numpy()
        np.testing.assert_allclose(found[name, "timbre"].p, p.mean(axis=2), rtol=1e-4)
    assert found["trained", trajectory.COARSE].p.shape == (STATES, 3, 20)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_all_paths_lead_where_they_should(batch: int) -> None:
    """The path of a straight generator is the straight line; its estimate is the end; another's end is the prompt before."""
    final, readings = trajectory.generate(Straight(), TEXTS, SEEDS, SAE, {"trained": PROBES}, FRAMES, STATES, 4.0, batch)
    assert {path for path, _ in readings["trained"]} == set(trajectory.PATHS)
    ends = Straight().music(TEXTS)
    torch.testing.assert_close(final, ends)
    of_ends = trajectory.read(ends[None], SAE, {"trained": PROBES})
    for prop in PROBES:
        path, clean, straight, another = (readings["trained"][name, prop].p for name in trajectory.PATHS)
        np.testing.assert_allclose(path, straight, atol=1e-5)
        np.testing.assert_allclose(clean, np.broadcast_to(of_ends["trained", prop].p, clean.shape), atol=1e-5)
        np.testing.assert_allclose(another[0], path[0], atol=1e-6)
        np.testing.assert_allclose(another[-1], of_ends["trained", prop].p[0][[2, 0, 1]], atol=1e-5)


def test_an_untrained_classifier_is_as_widely_spread_and_its_own_for_each_seed() -> None:
    one, same, other = (trajectory.untrained(PROBES["pitch"], seed) for seed in (0, 0, 1))
    assert torch.equal(one.weight, same.weight) and not torch.equal(one.weight, other.weight)
    assert float(one.weight.std()) == pytest.approx(float(PROBES["pitch"].weight.std()), rel=0.1)
    assert not one.bias.any() and one.weight.shape == PROBES["pitch"].weight.shape


def test_what_cannot_be_read_or_compared_is_refused() -> None:
    with pytest.raises(ParameterError, match="another codec"):
        trajectory.read(torch.zeros(3, 1, 2, DIM + 1), SAE, {"trained": PROBES})
    with pytest.raises(ParameterError, match="at least two"):
        trajectory.generate(Straight(), ["a"], [1], SAE, {"trained": PROBES}, FRAMES, STATES, 4.0, 1)
