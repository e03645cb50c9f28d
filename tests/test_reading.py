"""Reading the states of a generation: what is read, along which paths, and classes that are put together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, reading, settling
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder

DIM, FRAMES, STATES = 6, 5, 4
TEXTS, SEEDS = ["a", "b", "c"], [1, 2, 3]


class Straight:
    """A generator that goes straight to music of its own for each prompt; the estimate is right from the start."""

    def music(self, text: str) -> torch.Tensor:
        return torch.randn(FRAMES, DIM, generator=torch.Generator().manual_seed(100 + ord(text)))

    def noise(self, seeds, frames: int | None = None) -> torch.Tensor:
        return torch.stack([torch.randn(frames or FRAMES, DIM, generator=torch.Generator().manual_seed(seed)) for seed in seeds])

    def velocity(self, texts) -> flow.Velocity:
        music = torch.stack([self.music(text) for text in texts])

        def velocity(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
            v = (music - x) / (1 - t)
            return v, v

        return velocity


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
    found = reading.pool(p)
    assert found.shape == (3, 2, 20) and found.sum(axis=-1) == pytest.approx(np.ones((3, 2)))
    assert found[0, 0, 0] == pytest.approx(p[0, 0, :4].sum()) and found[0, 0, -1] == pytest.approx(p[0, 0, -3:].sum())
    sizes = reading.pool(np.ones((1, 66)))[0]
    assert set(sizes) == {3, 4}
    with pytest.raises(ParameterError, match="5 classes cannot be put into 20"):
        reading.pool(np.ones((1, 5)))


def test_a_reading_is_the_mean_over_frames_and_keeps_prompts_apart(sae: SparseAutoencoder, probes: dict[str, Probe]) -> None:
    states = torch.randn(STATES, 3, FRAMES, DIM, generator=torch.Generator().manual_seed(2))
    others = {prop: reading.untrained(probe, 0) for prop, probe in probes.items()}
    every = reading.read(states, sae, {"trained": probes, "untrained": others})
    found, of_others = ({prop: of for (name, prop), of in every.items() if name == which} for which in ("trained", "untrained"))
    assert set(found) == set(of_others) == {"pitch", reading.COARSE, "amplitude", "timbre"}
    p, other = (of.numpy() for of in settling.probabilities(states, sae, [probes["timbre"], others["timbre"]]))
    np.testing.assert_allclose(of_others["timbre"].p[2, 1], other[2, 1].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["timbre"].p[2, 1], p[2, 1].mean(axis=0), rtol=1e-5)
    bits = -(p[2, 1] * np.log2(p[2, 1])).sum(axis=-1).mean()
    assert found["timbre"].entropy[2, 1] == pytest.approx(bits, rel=1e-4)
    assert found["timbre"].agreement[2, 1] == (p[2, 1].argmax(axis=-1) == p[-1, 1].argmax(axis=-1)).mean()
    assert found[reading.COARSE].p.shape == (STATES, 3, 20)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_all_paths_lead_where_they_should(sae: SparseAutoencoder, probes: dict[str, Probe], batch: int) -> None:
    """The path of a straight generator is the straight line; its estimate is the end; another's end is the prompt before."""
    made = Straight()
    music = reading.generate(made, TEXTS, SEEDS, sae, {"trained": probes}, FRAMES, STATES, batch=batch)
    found = music.readings["trained"]
    assert {path for path, _ in found} == set(reading.PATHS)
    ends = torch.stack([made.music(text) for text in TEXTS])
    torch.testing.assert_close(music.final, ends)
    of_ends = reading.read(ends[None], sae, {"trained": probes})
    for prop in ("pitch", "amplitude", "timbre"):
        path, straight, clean, another = (found[name, prop].p for name in (reading.NOISY, reading.LINE, reading.ESTIMATE, reading.OTHER_LINE))
        np.testing.assert_allclose(path, straight, atol=1e-5)
        np.testing.assert_allclose(clean, np.broadcast_to(of_ends["trained", prop].p, clean.shape), atol=1e-5)
        np.testing.assert_allclose(another[0], path[0], atol=1e-6)
        np.testing.assert_allclose(another[-1], of_ends["trained", prop].p[0][[2, 0, 1]], atol=1e-5)


def test_an_untrained_classifier_is_as_widely_spread_and_its_own_for_each_seed(probes: dict[str, Probe]) -> None:
    one, same, other = (reading.untrained(probes["pitch"], seed) for seed in (0, 0, 1))
    assert torch.equal(one.weight, same.weight) and not torch.equal(one.weight, other.weight)
    assert float(one.weight.std()) == pytest.approx(float(probes["pitch"].weight.std()), rel=0.1)
    assert not one.bias.any() and one.weight.shape == probes["pitch"].weight.shape


def test_one_prompt_or_a_missing_seed_is_refused(sae: SparseAutoencoder, probes: dict[str, Probe]) -> None:
    for texts, seeds in ((["a"], [1]), (["a", "b"], [1])):
        with pytest.raises(ParameterError, match="at least two prompts"):
            reading.generate(Straight(), texts, seeds, sae, {"trained": probes}, FRAMES, STATES)
