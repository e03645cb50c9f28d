"""Steering on the way: which steps are touched, what is carried back, and how its effect is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.generation import flow, steered
from audiosae.sae import SparseAutoencoder, rms_norm
from audiosae.steering import Heard

EDGES = {"pitch": np.arange(29.5, 96), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(0, 4000, 21)}
NOISE = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))


def towards(target: float) -> flow.Velocity:
    def velocity(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
        v = (target - x) / (1 - t)
        return v, v

    return velocity


def test_the_steps_fall_into_three_parts() -> None:
    parts = steered.thirds(32)
    assert [*parts] == ["early", "middle", "late"]
    assert [number for part in parts.values() for number in part] == list(range(31))
    with pytest.raises(ParameterError, match="fewer than three steps"):
        steered.thirds(3)


def test_the_control_vector_adds_the_change_alone_and_in_its_window() -> None:
    torch.manual_seed(0)
    sae, directions = SparseAutoencoder(6, 12), torch.randn(2, 12)
    steer = steered.control(sae, directions, 3.0, range(2, 4))
    assert torch.equal(steer(NOISE, 1), NOISE) and torch.equal(steer(NOISE, 4), NOISE)
    f = sae.encode(NOISE[1])
    expected = NOISE[1] + sae.decode(rms_norm(f + 3.0 * directions[1])) - sae.decode(f)
    torch.testing.assert_close(steer(NOISE, 2)[1], expected)
    torch.testing.assert_close(steered.control(sae, directions, 0.0, range(9))(NOISE, 2), NOISE)


def test_other_prompts_are_followed_in_the_window_alone() -> None:
    velocity = steered.changed(towards(0.0), towards(1.0), range(2, 4), 6)
    for number, t in enumerate(flow.times(6)[:-1]):
        target = 1.0 if number in (2, 3) else 0.0
        torch.testing.assert_close(velocity(NOISE, t)[0], (target - NOISE) / (1 - t))


@pytest.mark.parametrize("start", [0, 3])
def test_going_on_ends_as_steering_the_whole_way_would(start: int) -> None:
    window, steer = range(start, 5), lambda clean, number: clean + 0.5 if number >= start else clean
    path = flow.sample(towards(1.0), NOISE, 6).noisy
    whole = flow.sample(towards(1.0), NOISE, 6, steer=steer).noisy[-1]
    torch.testing.assert_close(steered.go_on(towards(1.0), path, window, 4.0, steer), whole)


@pytest.mark.parametrize(("prop", "expected"), [
    ("pitch", ["high, chorales, tuba, soft", "high, drums, jazz kit, loud", "low, warm sound"]),
    ("amplitude", ["loud, chorales, tuba, low", "soft, drums, jazz kit", "loud, warm sound, high"]),
    ("timbre", ["drums, standard kit, together, soft", "chorales, tuba, alone, low, loud", "drums, standard kit, together, warm sound"]),
])
def test_a_prompt_is_turned_to_its_other_end(prop: str, expected: list[str]) -> None:
    assert steered.opposite(["chorales, tuba, low, soft", "drums, jazz kit, loud", "warm sound, high"], prop) == expected


def test_no_other_property_can_be_turned() -> None:
    with pytest.raises(ParameterError, match="no property 'pace'"):
        steered.opposite(["low"], "pace")


def test_the_effect_by_hand() -> None:
    """Half of the way for the first piece; the second began without a pitch, the third too near to its target."""
    before = [Heard(40, 0.1, 1000), Heard(np.nan, 0.1, 1000), Heard(69, 0.1, 1000)]
    after = [Heard(55, 0.12, 1400), Heard(50, 0.1, np.nan), Heard(70, 0.1, 1000)]
    found = steered.effect(before, after, "pitch", [40.0, 40.0, 40.0], EDGES)
    # MIDI 40 lies in bin 10, MIDI 55 in bin 25, the target is bin 40; bins of 0.02 and 200 Hz
    assert found["share"][0] == pytest.approx(0.5) and np.isnan(found["share"][1:]).all()
    assert found["leakage"] == pytest.approx([(1 + 2) / 2, 0.0, 0.0])
    assert np.isnan(steered.effect(before, after, "pitch", [np.nan] * 3, EDGES)["share"]).all()


def test_the_furthest_target_is_chosen() -> None:
    heard = [Heard(40, 0, 0), Heard(80, 0, 0), Heard(np.nan, 0, 0)]
    assert steered.furthest(heard, "pitch", [12, 45], EDGES["pitch"]) == [45, 12, 45]


def test_means_over_pieces_leave_out_what_does_not_count() -> None:
    rows = [("a", "pitch", "early", 0.5, 1.0), ("a", "pitch", "early", 0.7, np.nan), ("a", "pitch", "early", np.nan, 3.0),
            ("a", "pitch", "late", np.nan, np.nan)]
    table = steered.summarise(pd.DataFrame(rows, columns=["way", "property", "window", "share", "leakage"]), 0)
    early, late = table.to_dict("records")
    assert early["share"] == pytest.approx(0.6) and early["pieces"] == 2 and early["leakage"] == pytest.approx(2)
    assert 0.5 <= early["share_low"] <= early["share_high"] <= 0.7
    assert late["pieces"] == 0 and np.isnan(late["share"]) and np.isnan(late["share_low"])
