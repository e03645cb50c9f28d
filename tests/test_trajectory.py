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


class Straight:
    """A generator that goes straight to music of its own for each prompt; the estimate is right from the start."""

    def music(self, text: str) -> torch.Tensor:
        return torch.randn(FRAMES, DIM, generator=torch.Generator().manual_seed(100 + ord(text)))

    def noise(self, seeds: list[int], frames: int) -> torch.Tensor:
        return flow.noise(seeds, frames, DIM)

    def velocity(self, texts: list[str]) -> flow.Velocity:
        music = torch.stack([self.music(text) for text in texts])
        return lambda x, t: ((music - x) / (1 - t),) * 2


@pytest.fixture
def sae() -> SparseAutoencoder:
    torch.manual_seed(0)
    return SparseAutoencoder(DIM, 12)


@pytest.fixture
def probes() -> dict[str, Probe]:
    generator = torch.Generator().manual_seed(1)
    sizes = {"pitch": 66, "amplitude": 20, "timbre": 20}
    return {prop: Probe(torch.randn(k, 12, generator=generator), torch.randn(k, generator=generator), 0.0) for prop, k in sizes.items()}


def test_classes_are_put_together_evenly_and_nothing_is_lost() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(66), size=(3, 2))
    found = trajectory.pool(p)
    assert found.shape == (3, 2, 20) and found.sum(axis=-1) == pytest.approx(np.ones((3, 2)))
    assert found[0, 0, 0] == pytest.approx(p[0, 0, :4].sum()) and found[0, 0, -1] == pytest.approx(p[0, 0, -3:].sum())
    assert set(trajectory.pool(np.ones((1, 66)))[0]) == {3, 4}


def test_a_reading_is_the_mean_over_frames_by_each_classifier(sae: SparseAutoencoder, probes: dict[str, Probe]) -> None:
    states = torch.randn(STATES, 3, FRAMES, DIM, generator=torch.Generator().manual_seed(2))
    sets = {"trained": probes, "untrained": {prop: trajectory.untrained(probe, 0) for prop, probe in probes.items()}}
    found = trajectory.read(states, sae, sets)
    assert set(found) == {(name, prop) for name in sets for prop in ("pitch", trajectory.COARSE, "amplitude", "timbre")}
    for name, of in sets.items():
        with torch.no_grad():
            p = torch.softmax(sae.encode(states) @ of["timbre"].weight.T + of["timbre"].bias, dim=-1).numpy()
        np.testing.assert_allclose(found[name, "timbre"].p, p.mean(axis=2), rtol=1e-4)
        bits = -(p[2, 1] * np.log2(p[2, 1])).sum(axis=-1).mean()
        assert found[name, "timbre"].entropy[2, 1] == pytest.approx(bits, rel=1e-4)
        assert found[name, "timbre"].agreement[2, 1] == (p[2, 1].argmax(axis=-1) == p[-1, 1].argmax(axis=-1)).mean()
    assert found["trained", trajectory.COARSE].p.shape == (STATES, 3, 20)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_all_paths_lead_where_they_should(sae: SparseAutoencoder, probes: dict[str, Probe], batch: int) -> None:
    """The path of a straight generator is the straight line; its estimate is the end; another's end is the prompt before."""
    made = Straight()
    music = trajectory.generate(made, TEXTS, SEEDS, sae, {"trained": probes}, FRAMES, STATES, 4.0, batch)
    found = music.readings["trained"]
    assert {path for path, _ in found} == set(trajectory.PATHS)
    ends = torch.stack([made.music(text) for text in TEXTS])
    torch.testing.assert_close(music.final, ends)
    of_ends = trajectory.read(ends[None], sae, {"trained": probes})
    for prop in ("pitch", "amplitude", "timbre"):
        path, clean, straight, another = (found[name, prop].p for name in trajectory.PATHS)
        np.testing.assert_allclose(path, straight, atol=1e-5)
        np.testing.assert_allclose(clean, np.broadcast_to(of_ends["trained", prop].p, clean.shape), atol=1e-5)
        np.testing.assert_allclose(another[0], path[0], atol=1e-6)
        np.testing.assert_allclose(another[-1], of_ends["trained", prop].p[0][[2, 0, 1]], atol=1e-5)


def test_an_untrained_classifier_is_as_widely_spread_and_its_own_for_each_seed(probes: dict[str, Probe]) -> None:
    one, same, other = (trajectory.untrained(probes["pitch"], seed) for seed in (0, 0, 1))
    assert torch.equal(one.weight, same.weight) and not torch.equal(one.weight, other.weight)
    assert float(one.weight.std()) == pytest.approx(float(probes["pitch"].weight.std()), rel=0.1)
    assert not one.bias.any() and one.weight.shape == probes["pitch"].weight.shape


def test_what_cannot_be_read_or_compared_is_refused(sae: SparseAutoencoder, probes: dict[str, Probe]) -> None:
    states = torch.zeros(3, 1, 2, DIM)
    states[1, 0, 1, 3] = torch.nan
    with pytest.raises(ParameterError, match="state 1 of the trajectory"):
        trajectory.read(states, sae, {"trained": probes})
    with pytest.raises(ParameterError, match="another codec"):
        trajectory.read(torch.zeros(3, 1, 2, DIM + 1), sae, {"trained": probes})
    with pytest.raises(ParameterError, match="at least two"):
        trajectory.generate(Straight(), ["a"], [1], sae, {"trained": probes}, FRAMES, STATES, 4.0, 1)
