"""Rectified flow: paths whose ends are known, guidance, steering on the way, and the loss by hand."""

from __future__ import annotations

import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow

NOISE, MUSIC = flow.noise([0, 1], 5, 3), flow.noise([2, 3], 5, 3)


def towards(target: torch.Tensor) -> flow.Velocity:
    """The velocity of the straight way to a target, whether or not a style is known."""
    return lambda x, t: ((target - x) / (1 - t),) * 2


def test_a_seed_gives_the_same_noise_whatever_stands_beside_it() -> None:
    assert torch.equal(flow.noise([1], 5, 3)[0], NOISE[1]) and not torch.equal(NOISE[0], NOISE[1])


def test_a_straight_path_is_followed_to_its_end() -> None:
    found = flow.sample(towards(MUSIC), NOISE, 8)
    torch.testing.assert_close(found.noisy, flow.line(NOISE, MUSIC, 8))
    torch.testing.assert_close(found.noisy[0], NOISE)
    torch.testing.assert_close(found.clean, MUSIC.expand(8, -1, -1, -1))


def test_guidance_goes_beyond_the_style() -> None:
    """v = v_c + 4 (v_c − v_u), with constant velocities: the end is noise + v; the clean estimate knows v_c alone."""
    found = flow.sample(lambda x, t: (torch.full_like(x, 2.0), torch.full_like(x, 1.5)), NOISE, 4, guidance_scale=4.0)
    torch.testing.assert_close(found.noisy[-1], NOISE + 4.0)
    torch.testing.assert_close(found.clean[0], NOISE + 2.0)


def test_steering_at_every_state_ends_at_the_steered_music() -> None:
    found = flow.sample(towards(MUSIC), NOISE, 6, steer=lambda clean, number: clean + 0.5)
    torch.testing.assert_close(found.noisy[-1], MUSIC + 0.5)


def test_steering_is_told_the_state_and_acts_there_alone() -> None:
    seen = []

    def once(clean: torch.Tensor, number: int) -> torch.Tensor:
        seen.append(number)
        return clean + 1 if number == 2 else clean

    found = flow.sample(lambda x, t: (torch.zeros_like(x), torch.zeros_like(x)), NOISE, 5, steer=once)
    assert seen == [0, 1, 2, 3]
    torch.testing.assert_close(found.noisy[2], NOISE)
    torch.testing.assert_close(found.noisy[3], NOISE + 0.25 / 0.5)  # a step of 1/4, at time 1/2
    torch.testing.assert_close(found.noisy[4], found.noisy[3])


def test_too_few_states_and_latents_that_explode_are_said() -> None:
    with pytest.raises(ParameterError, match="at least 2 states"):
        flow.sample(towards(MUSIC), NOISE, 1)
    with pytest.raises(ParameterError, match="after state 1 of 4"):
        flow.sample(lambda x, t: (x * torch.inf, x), NOISE, 4)


def test_the_loss_is_the_error_of_the_velocity_at_the_right_place() -> None:
    time = torch.tensor([0.25, 0.5])

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(t, time)
        torch.testing.assert_close(x[0], 0.75 * NOISE[0] + 0.25 * MUSIC[0])
        torch.testing.assert_close(x[1], 0.5 * NOISE[1] + 0.5 * MUSIC[1])
        return MUSIC - NOISE + 0.5

    assert float(flow.loss(predict, MUSIC, NOISE, time)) == pytest.approx(0.25)


def test_going_on_from_a_state_is_as_if_it_had_not_stopped() -> None:
    bent = lambda x, t: (x * t, x)  # noqa: E731
    whole = flow.sample(bent, NOISE, 6)
    seen = []

    def watch(clean: torch.Tensor, number: int) -> torch.Tensor:
        seen.append(number)
        return clean

    rest = flow.sample(bent, whole.noisy[3], 6, steer=watch, first=3)
    torch.testing.assert_close(rest.noisy, whole.noisy[3:])
    assert seen == [3, 4]
