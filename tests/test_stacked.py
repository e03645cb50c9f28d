"""A stack of SAEs against the same SAEs trained one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audiosae import sae_training
from audiosae.errors import ParameterError
from audiosae.evidence import stacked
from audiosae.evidence.variants import VARIANTS, VariantAutoencoder
from audiosae.sae import evaluate
from audiosae.sae_training import Settings

SETTINGS = Settings(hidden=12, l1=0.0, epochs=3, batch=64, learning_rate=0.003, seed=3)
PENALTIES = (0.0, 0.01, 0.3)


def frames(count: int = 300, seed: int = 0) -> torch.Tensor:
    """Frames [count, 6] of unlike scales near three lines."""
    generator = torch.Generator().manual_seed(seed)
    lines = torch.randn(3, 6, generator=generator)
    which = torch.randint(3, (count,), generator=generator)
    noise = 0.05 * torch.randn(count, 6, generator=generator)
    return (torch.rand(count, 1, generator=generator) + 0.5) * lines[which] * 4 + noise + 1


@pytest.mark.parametrize("counts", [None, torch.arange(300) % 7])
def test_each_member_is_what_it_would_be_alone(counts: torch.Tensor | None) -> None:
    members = stacked.train(frames(), SETTINGS, PENALTIES, counts)
    for l1, member in zip(PENALTIES, members, strict=True):
        alone, _ = sae_training.train(frames(), replace(SETTINGS, l1=l1), counts, progress=False)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(member.state_dict()[name], value, rtol=1e-4, atol=1e-4, msg=f"{name} at λ {l1}")
        assert evaluate(member, frames())["fvu"] == pytest.approx(evaluate(alone, frames())["fvu"], abs=1e-4)
    # λ did reach the members, and training did move them: else the comparison above would say little.
    assert (members[0].encoder.weight - members[2].encoder.weight).abs().max() > 0.01


def test_a_member_does_not_depend_on_its_neighbours() -> None:
    together, alone = stacked.train(frames(), SETTINGS, PENALTIES)[2], stacked.train(frames(), SETTINGS, PENALTIES[2:])[0]
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(together.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def loss_by_hand(sae: VariantAutoencoder, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The loss as it is written in the head of `variants`, from the member's own encoder and decoder."""
    h, f, columns = sae.activations(x), sae.encode(x), sae.decoder.weight.norm(dim=0)
    price = {"paper": h, "on_f": f, "decoder_norm": h * columns, "plain": h, "top_k": 0 * h}[sae.variant.name].sum(dim=1)
    error = (sae.normalised(x) - sae.normalised(sae.decode(f))).pow(2).sum(dim=1)
    return (weights * (error + (0 if sae.variant.name == "top_k" else sae.strength) * price)).mean()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_loss_of_a_stack_is_that_of_its_members(name: str) -> None:
    start = VariantAutoencoder(6, 12, VARIANTS[name], 3)
    start.standardise(frames())
    stack = stacked.Stack(start, VARIANTS[name], (3, 5))
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    weights = torch.linspace(0.2, 2, 300)
    found = stack.loss(start.normalised(frames()), weights)
    expected = torch.stack([loss_by_hand(member, frames(), weights) for member in stack.members()])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert found[0] != found[1]


def test_another_optimiser_and_what_is_seen_after_each_epoch() -> None:
    seen = {}
    still = stacked.train(frames(), SETTINGS, [0.1], optimiser=lambda parameters, rate: torch.optim.SGD(parameters, lr=0.0),
                          after=lambda epoch, stack: seen.update({epoch: stack.members()[0].encoder.weight.clone()}))
    assert list(seen) == [1, 2, 3]
    assert torch.equal(seen[1], seen[3]) and torch.equal(seen[3], still[0].encoder.weight)


def test_a_thinned_epoch_has_as_many_steps() -> None:
    assert stacked.scaled_batch(1024, 15000, 40875) == 376
    assert -(-15000 // 376) == -(-40875 // 1024) == 40


@pytest.mark.parametrize(("wrong", "strengths", "variant"), [
    ({"epochs": 0}, [0.1], "paper"), ({}, [], "paper"), ({}, [0.1, -0.1], "paper"), ({}, [2, 13], "top_k"), ({}, [1.5], "top_k"),
])
def test_settings_out_of_range_are_refused(wrong: dict[str, int], strengths: list[float], variant: str) -> None:
    with pytest.raises(ParameterError):
        stacked.train(frames(), replace(SETTINGS, **wrong), strengths, variant=VARIANTS[variant])
