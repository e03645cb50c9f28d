"""Rectified flow and steering on the way: paths whose ends are known, guidance, what is carried back, and the loss by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, guided_steering
from audiosae.sae import SparseAutoencoder, rms_norm
from audiosae.steering import Heard

NOISE, MUSIC = flow.noise([0, 1], 5, 6), flow.noise([2, 3], 5, 6)
EDGES = {"pitch": np.arange(29.5, 96), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(0, 4000, 21)}


def towards(target: torch.Tensor | float) -> flow.Velocity:
    """The velocity of the straight way to a target, whether or not a style is known."""
    return lambda x, t: ((target - x) / (1 - t),) * 2


def constant(with_style: float, without: float) -> flow.Velocity:
    return lambda x, t: (torch.full_like(x, with_style), torch.full_like(x, without))


# --- the flow -----------------------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_noise_whatever_stands_beside_it() -> None:
    assert torch.equal(flow.noise([1], 5, 6)[0], NOISE[1]) and not torch.equal(NOISE[0], NOISE[1])


def test_a_straight_path_is_followed_to_its_end() -> None:
    found = flow.sample(towards(MUSIC), NOISE, 8)
    torch.testing.assert_close(found.noisy, flow.line(NOISE, MUSIC, 8))
    torch.testing.assert_close(found.noisy[0], NOISE)
    torch.testing.assert_close(found.clean, MUSIC.expand(8, -1, -1, -1))


def test_guidance_goes_beyond_the_style() -> None:
    """v = v_c + 4 (v_c − v_u), with constant velocities: the end is noise + v; the clean estimate knows v_c alone."""
    found = flow.sample(constant(2.0, 1.5), NOISE, 4, guidance_scale=4.0)
    torch.testing.assert_close(found.noisy[-1], NOISE + 4.0)
    torch.testing.assert_close(found.clean[0], NOISE + 2.0)


def test_steering_at_every_state_ends_at_the_steered_music() -> None:
    found = flow.sample(towards(MUSIC), NOISE, 6, steer=lambda clean, number: clean + 0.5)
    torch.testing.assert_close(found.noisy[-1], MUSIC + 0.5)


def test_steering_is_told_the_state_and_acts_there_alone() -> None:
    found = flow.sample(constant(0.0, 0.0), NOISE, 5, steer=lambda clean, number: clean + 1 if number == 2 else clean)
    torch.testing.assert_close(found.noisy[2], NOISE)
    torch.testing.assert_close(found.noisy[3], NOISE + 0.25 / 0.5)  # a step of 1/4, at time 1/2
    torch.testing.assert_close(found.noisy[4], found.noisy[3])


def test_going_on_from_a_state_is_as_if_it_had_not_stopped() -> None:
    bent = lambda x, t: (x * t, x)  # noqa: E731
    steer = lambda clean, number: clean + number  # noqa: E731
    whole = flow.sample(bent, NOISE, 6, steer=steer)
    torch.testing.assert_close(flow.sample(bent, whole.noisy[3], 6, steer=steer, first=3).noisy, whole.noisy[3:])


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


# --- steering on the way ------------------------------------------------------------------------------------------------


def test_early_and_late_are_the_first_and_the_last_third_of_the_steps() -> None:
    assert guided_steering.thirds(32) == {"early": range(10), "late": range(21, 31)}
    with pytest.raises(ParameterError, match="fewer than three steps"):
        guided_steering.thirds(3)


def test_the_control_vector_adds_the_change_alone_and_in_its_window() -> None:
    torch.manual_seed(0)
    sae, directions = SparseAutoencoder(6, 12), torch.randn(2, 12)
    steer = guided_steering.control(sae, directions, 3.0, range(2, 4))
    assert torch.equal(steer(NOISE, 1), NOISE) and torch.equal(steer(NOISE, 4), NOISE)
    f = sae.encode(NOISE[1])
    torch.testing.assert_close(steer(NOISE, 2)[1], NOISE[1] + sae.decode(rms_norm(f + 3.0 * directions[1])) - sae.decode(f))


def test_other_prompts_are_followed_in_the_window_alone() -> None:
    velocity = guided_steering.changed(towards(0.0), towards(1.0), range(2, 4), 6)
    for number, t in enumerate(flow.times(6)[:-1]):
        torch.testing.assert_close(velocity(NOISE, t)[0], (float(number in (2, 3)) - NOISE) / (1 - t))


def test_the_effect_by_hand() -> None:
    """Half of the way for the first piece; the second began without a pitch, the third too near to its target."""
    before = [Heard(40, 0.1, 1000), Heard(np.nan, 0.1, 1000), Heard(69, 0.1, 1000)]
    after = [Heard(55, 0.12, 1400), Heard(50, 0.1, np.nan), Heard(70, 0.1, 1000)]
    found = guided_steering.effect(before, after, "pitch", [40.0, 40.0, 40.0], EDGES)
    # MIDI 40 lies in bin 10, MIDI 55 in bin 25, the target is bin 40; bins of 0.02 and 200 Hz
    assert found["share"].tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert found["leakage"].tolist() == pytest.approx([(1 + 2) / 2, 0.0, 0.0])
    assert np.isnan(guided_steering.effect(before, after, "pitch", [np.nan] * 3, EDGES)["share"]).all()


def test_the_furthest_target_is_chosen() -> None:
    assert guided_steering.furthest([10.0, 50.0, np.nan], [12, 45]) == [45, 12, 45]


def test_means_over_pieces_leave_out_what_does_not_count() -> None:
    pieces = [("early", 0.5, 1.0), ("early", 0.7, np.nan), ("early", np.nan, 3.0), ("late", np.nan, np.nan)]
    moved = pd.DataFrame(pieces, columns=["window", "share", "leakage"]).assign(way="a", property="pitch")
    early, late = guided_steering.summarise(moved, 0).to_dict("records")
    assert early["share"] == pytest.approx(0.6) and early["pieces"] == 2 and early["leakage"] == pytest.approx(2)
    assert 0.5 <= early["share_low"] <= early["share_high"] <= 0.7
    assert late["pieces"] == 0 and np.isnan(late["share"]) and np.isnan(late["share_low"])
