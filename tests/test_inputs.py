"""What a probe may read of a frame, against what each input is said to be."""

from __future__ import annotations

import numpy as np
import torch

from audiosae.evidence import inputs
from audiosae.sae import SparseAutoencoder
from audiosae.sae_training import Settings, train


def latents(frames: int = 400, dim: int = 6) -> torch.Tensor:
    """Correlated, off centre, and of unlike scales."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(dim, dim, generator=generator) * torch.logspace(0, -3, dim)
    return torch.randn(frames, dim, generator=generator) @ mixing.T + 5


def trained(x: torch.Tensor, epochs: int = 1, rate: float = 1e-2) -> SparseAutoencoder:
    sae, _ = train(x, Settings(hidden=24, l1=0.05, epochs=epochs, batch=64, learning_rate=rate, seed=3), progress=False)
    return sae


def test_the_untrained_sae_is_the_trained_one_before_its_first_step() -> None:
    x = latents()
    still = trained(x, rate=0.0)  # trained at a rate of zero, it stays where it began
    moved = trained(x)
    found = inputs.untrained(moved, 3)
    for name, tensor in still.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name
    assert not torch.equal(found.encoder.weight, moved.encoder.weight)
    assert not torch.equal(found.encoder.weight, inputs.untrained(moved, 4).encoder.weight)


def test_components_are_uncorrelated_of_unit_variance_and_lose_nothing() -> None:
    x = latents()
    z = inputs.whitening(x)(x)
    assert z.dtype == torch.float32 and z.shape == x.shape
    np.testing.assert_allclose(np.cov(z.numpy().T), np.eye(6), atol=1e-3)
    np.testing.assert_allclose(z.mean(dim=0).numpy(), 0, atol=1e-3)
    solution = torch.linalg.lstsq(torch.cat([z, torch.ones(len(z), 1)], dim=1).double(), x.double()).solution
    back = torch.cat([z, torch.ones(len(z), 1)], dim=1).double() @ solution
    assert (back - x).abs().max() < 1e-3 * x.std()


def test_components_come_strongest_first_and_are_those_of_the_training_frames() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2000, 3, generator=generator) * torch.tensor([0.1, 10.0, 1.0])
    whiten = inputs.whitening(x)
    steps = whiten(torch.eye(3)) - whiten(torch.zeros(1, 3))
    # A step of one along an axis is a step of 1 / (its deviation) along one component.
    expected = torch.tensor([[0, 0, 10], [0.1, 0, 0], [0, 1, 0]])
    torch.testing.assert_close(steps.abs(), expected, rtol=0.1, atol=0.2)


def test_the_four_inputs_have_the_sizes_that_make_them_comparable() -> None:
    x = latents()
    sae = trained(x)
    found = inputs.readers(sae, x, 3)
    with torch.no_grad():
        read = {name: reader(x) for name, reader in found.items()}
    assert tuple(read) == inputs.NAMES
    assert [value.shape[1] for value in read.values()] == [24, 24, 6, 6]
    assert torch.equal(read[inputs.FEATURES], sae.encode(x).detach())
    torch.testing.assert_close(read[inputs.RAW].std(dim=0), torch.ones(6))
    np.testing.assert_allclose(np.cov(read[inputs.COMPONENTS].numpy().T), np.eye(6), atol=1e-3)
