"""Steering on the way: which steps are touched, what is carried back, and how its effect is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, guided_steering
from audiosae.sae import SparseAutoencoder, rms_norm
from audiosae.steering import Heard

EDGES = {"pitch": np.arange(29.5, 96), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(0, 4000, 21)}
NOISE = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))


def towards(target: float) -> flow.Velocity:
    return lambda x, t: ((target - x) / (1 - t),) * 2


def test_early_and_late_are_the_first_and_the_last_third_of_the_steps() -> None:
    parts = guided_steering.thirds(32)
    assert {name: list(part) for name, part in parts.items()} == {"early": list(range(10)), "late": list(range(21, 31))}
    with pytest.raises(ParameterError, match="fewer than three steps"):
        guided_steering.thirds(3)


def test_the_control_vector_adds_the_change_alone_and_in_its_window() -> None:
    torch.manual_seed(0)
    sae, directions = SparseAutoencoder(6, 12), torch.randn(2, 12)
    steer = guided_steering.control(sae, directions, 3.0, range(2, 4))
    assert torch.equal(steer(NOISE, 1), NOISE) and torch.equal(steer(NOISE, 4), NOISE)
    f = sae.encode(NOISE[1])
    expected = NOISE[1] + sae.decode(rms_norm(f + 3.0 * directions[1])) - sae.decode(f)
    torch.testing.assert_close(steer(NOISE, 2)[1], expected)
    torch.testing.assert_close(guided_steering.control(sae, directions, 0.0, range(9))(NOISE, 2), NOISE)


def test_other_prompts_are_followed_in_the_window_alone() -> None:
    velocity = guided_steering.changed(towards(0.0), towards(1.0), range(2, 4), 6)
    for number, t in enumerate(flow.times(6)[:-1]):
        target = 1.0 if number in (2, 3) else 0.0
        torch.testing.assert_close(velocity(NOISE, t)[0], (target - NOISE) / (1 - t))


def test_the_effect_by_hand() -> None:
    """Half of the way for the first piece; the second began without a pitch, the third too near to its target."""
    before = [Heard(40, 0.1, 1000), Heard(np.nan, 0.1, 1000), Heard(69, 0.1, 1000)]
    after = [Heard(55, 0.12, 1400), Heard(50, 0.1, np.nan), Heard(70, 0.1, 1000)]
    found = guided_steering.effect(before, after, "pitch", [40.0, 40.0, 40.0], EDGES)
    # MIDI 40 lies in bin 10, MIDI 55 in bin 25, the target is bin 40; bins of 0.02 and 200 Hz
    assert found["share"][0] == pytest.approx(0.5) and np.isnan(found["share"][1:]).all()
    assert found["leakage"] == pytest.approx([(1 + 2) / 2, 0.0, 0.0])
    assert np.isnan(guided_steering.effect(before, after, "pitch", [np.nan] * 3, EDGES)["share"]).all()


def test_the_furthest_target_is_chosen() -> None:
    heard = [Heard(40, 0, 0), Heard(80, 0, 0), Heard(np.nan, 0, 0)]
    assert guided_steering.furthest(heard, "pitch", [12, 45], EDGES["pitch"]) == [45, 12, 45]


def test_means_over_pieces_leave_out_what_does_not_count() -> None:
    pieces = [("early", 0.5, 1.0), ("early", 0.7, np.nan), ("early", np.nan, 3.0), ("late", np.nan, np.nan)]
    moved = pd.DataFrame(pieces, columns=["window", "share", "leakage"]).assign(way="a", property="pitch")
    early, late = guided_steering.summarise(moved, 0).to_dict("records")
    assert early["share"] == pytest.approx(0.6) and early["pieces"] == 2 and early["leakage"] == pytest.approx(2)
    assert 0.5 <= early["share_low"] <= early["share_high"] <= 0.7
    assert late["pieces"] == 0 and np.isnan(late["share"]) and np.isnan(late["share_low"])
