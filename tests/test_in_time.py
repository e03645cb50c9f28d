"""Steering for a part of a clip: courses that can be drawn by hand, and a codec without memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.steering import in_time

RATE, FRAME_RATE = 24000, 75.0
NAN = float("nan")


class Sines:
    """Stands for a codec without memory: each frame's one number is the amplitude of a tone of 500 Hz, which fits its frames badly on purpose."""

    sample_rate, frame_rate = RATE, FRAME_RATE

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        level = latents[..., 0].repeat_interleave(round(RATE / FRAME_RATE), dim=1)
        return (level * torch.sin(2 * np.pi * 500 * torch.arange(level.shape[1]) / RATE))[:, None]


def steered(level: float, move: in_time.Move, side: float = 1.0) -> list[dict]:
    """The records of 90 frames of one level."""
    x = torch.full((90, 1), level)
    plain = dict.fromkeys(("sae", "codec"), (x, Sines().decode(x[None])[0].numpy()))
    moves, goals = dict.fromkeys(in_time.VARIANTS, move), {variant: {"amplitude": (3, side)} for variant in in_time.VARIANTS}
    return in_time.steer_middle(Sines(), x, moves, plain, goals, 1.0, "swift-f0")


def test_the_middle_third() -> None:
    assert in_time.middle_third(9) == slice(3, 6) and in_time.middle_third(10) == slice(3, 6)
    with pytest.raises(ParameterError, match="no middle third"):
        in_time.middle_third(2)


def test_a_codec_without_memory_changes_where_it_is_steered_and_nowhere_else() -> None:
    found = steered(0.05, lambda x, prop, k, r: x + 0.05 * r)
    assert [record["variant"] for record in found] == list(in_time.VARIANTS)
    for record in found:
        np.testing.assert_allclose(record["course"], record["spliced"], atol=1e-6)
        assert record["course"][35:55] == pytest.approx(20 * np.log10(2), abs=0.1)  # dB
        assert record["course"][:28] == pytest.approx(0, abs=1e-3) and record["course"][62:] == pytest.approx(0, abs=1e-3)


def test_a_change_is_counted_towards_its_target() -> None:
    down = steered(0.2, lambda x, prop, k, r: x / 2, side=-1.0)
    assert down[0]["course"][45] == pytest.approx(20 * np.log10(2), abs=0.1)
    assert steered(0.2, lambda x, prop, k, r: 0 * x + k / 100)[0]["course"][45] == pytest.approx(20 * np.log10(0.03 / 0.2), abs=0.1)


def test_means_are_over_clips_and_leave_out_frames_without_the_property() -> None:
    courses = [0, 0, 0, 2, 2, 2, 1, 0, 0], [NAN, NAN, NAN, 4, NAN, 4, 0, NAN, 0]
    found = in_time.thirds_of_clips([{"course": np.array(course), "spliced": np.zeros(9)} for course in courses], 0)
    assert found["clips"] == 2 and found["inside"] == 3.0 and found["before"] == 0.0
    assert found["after"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["inside_ci95"] == [2.0, 4.0] and found["before_ci95"] is None  # one clip says nothing of others
    assert found["course"] == [0, 0, 0, 3, 2, 3, 0.5, 0, 0]
    assert found["spliced"] == [0] * 9 and in_time.thirds_of_clips([], 0) == {"clips": 0}
