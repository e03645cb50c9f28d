"""Reading the states of a generation: what is read, along which paths, and classes that are put together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, trajectory
from audiosae.probes import Probe
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder

DIM, FRAMES, STATES = 6, 5, 4
TEXTS, SEEDS = ["a", "b", "c"], [1, 2, 3]
torch.manual_seed(0)
CLASSES = {"pitch": 66, "amplitude": 20, "timbre": 20}
MEMBERS = [
    Member(SparseAutoencoder(DIM, hidden), {prop: Probe(torch.randn(k, hidden), torch.randn(k), 0.0) for prop, k in CLASSES.items()})
    for hidden in (12, 9)
]


class Straight:
    """A generator that goes straight to music of its own for each prompt; the estimate is right from the start."""

    def to(self, device: torch.device) -> Straight:
        return self

    def music(self, texts: list[str]) -> torch.Tensor:
        return flow.noise([100 + ord(text) for text in texts], FRAMES, DIM)

    def noise(self, seeds: list[int], frames: int) -> torch.Tensor:
        return flow.noise(seeds, frames, DIM)

    def velocity(self, texts: list[str]) -> flow.Velocity:
        return lambda x, t: ((self.music(texts) - x) / (1 - t),) * 2


def test_a_reading_is_the_mean_over_frames_by_each_member() -> None:
    states = torch.randn(STATES, 3, FRAMES, DIM, generator=torch.Generator().manual_seed(2))
    found = trajectory.read(states, MEMBERS)
    assert set(found) == set(CLASSES)
    for number, (sae, probes) in enumerate(MEMBERS):
        for prop, probe in probes.items():
            with torch.no_grad():
                p = torch.softmax(sae.encode(states) @ probe.weight.T + probe.bias, dim=-1).double().numpy()
            np.testing.assert_allclose(found[prop].p[:, number], p.mean(axis=2), rtol=1e-4)
            bits = -(p * np.log2(p)).sum(axis=-1).mean(axis=-1)
            np.testing.assert_allclose(found[prop].entropy[:, number], bits, rtol=1e-4, atol=1e-6)


def test_entropy_is_in_bits() -> None:
    sure, unsure = (Probe(torch.zeros(4, 12), torch.tensor(bias), 0.0) for bias in ([100.0, 0, 0, 0], [0.0, 0, 0, 0]))
    found = trajectory.read(torch.zeros(2, 1, FRAMES, DIM), [Member(MEMBERS[0].sae, {"sure": sure, "unsure": unsure})])
    assert found["unsure"].entropy == pytest.approx(2) and found["sure"].entropy == pytest.approx(0)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_all_paths_lead_where_they_should(batch: int) -> None:
    """The path of a straight generator is the straight line; its estimate is the end; another's end is the prompt before."""
    readers = {"": MEMBERS, trajectory.UNTRAINED: [trajectory.untrained(member, 0) for member in MEMBERS]}
    final, readings = trajectory.generate(Straight(), TEXTS, SEEDS, readers, FRAMES, STATES, 4.0, batch)
    assert set(readings) == {(path + end, prop) for path in trajectory.PATHS for end in readers for prop in CLASSES}
    ends = Straight().music(TEXTS)
    torch.testing.assert_close(final, ends)
    for end, members in readers.items():
        of_ends = trajectory.read(ends[None], members)
        for prop in CLASSES:
            path, clean, straight, another = (readings[name + end, prop].p for name in trajectory.PATHS)
            np.testing.assert_allclose(path, straight, atol=1e-5)
            np.testing.assert_allclose(clean, np.broadcast_to(of_ends[prop].p, clean.shape), atol=1e-5)
            np.testing.assert_allclose(another[0], path[0], atol=1e-6)
            np.testing.assert_allclose(another[-1], of_ends[prop].p[0][:, [2, 0, 1]], atol=1e-5)


def test_an_untrained_classifier_is_as_widely_spread_and_its_own_for_each_seed_and_property() -> None:
    trained = MEMBERS[0]
    one, same, other = (trajectory.untrained(trained, seed) for seed in (0, 0, 1))
    assert one.sae is trained.sae and torch.equal(one.probes["pitch"].weight, same.probes["pitch"].weight)
    assert not torch.equal(one.probes["pitch"].weight, other.probes["pitch"].weight)
    for prop, probe in one.probes.items():
        assert float(probe.weight.std()) == pytest.approx(float(trained.probes[prop].weight.std()), rel=0.15)
        assert not probe.bias.any() and probe.weight.shape == trained.probes[prop].weight.shape
    assert abs(torch.corrcoef(torch.stack([one.probes[prop].weight.flatten() for prop in ("amplitude", "timbre")]))[0, 1]) < 0.3


def test_what_cannot_be_read_or_compared_is_refused() -> None:
    with pytest.raises(ParameterError, match="another codec"):
        trajectory.read(torch.zeros(3, 1, 2, DIM + 1), MEMBERS)
    with pytest.raises(ParameterError, match="at least two"):
        trajectory.generate(Straight(), ["a"], [1], {"": MEMBERS}, FRAMES, STATES, 4.0, 1)
