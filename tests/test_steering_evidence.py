"""Steering examined: which clips, what quality means, and methods at equal effect, on curves drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence import steering
from audiosae.figures import evidence_steering
from audiosae.frames import Frames
from audiosae.sae import SparseAutoencoder
from audiosae.stats import bootstrap
from audiosae.steering import equal_effect, methods, quality

RATE = 24000
NAN = float("nan")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves are exact or two-valued: a hundred resamples show what two thousand would."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 100)


def sounds(**columns: Callable[[dict[str, Any]], float]) -> pd.DataFrame:
    """Every method steers pitch from bin 10 towards bin 20 in clips a and b, at strengths 1 and 2; columns are functions of the row."""
    still = {f"{prop}_{when}": 10.0 for prop in labels.PROPERTIES for when in ("before", "after")} | {"target": 20, "round_trip": 1.0}
    rows = [
        {"clip": clip, "method": method, "steered": prop, "alpha": strength, "log_mel_db": strength, **still}
        for clip, method, prop, strength in product("ab", methods.METHODS, labels.PROPERTIES, (1.0, 2.0))
    ]
    rows += [{**rows[0], "clip": clip, "method": "reconstruction", "steered": ""} for clip in "ab"]
    return pd.DataFrame([row | {name: of(row) for name, of in columns.items()} for row in rows])


# --- clips --------------------------------------------------------------------------------------------------------------


def table() -> Frames:
    """Clips of four frames: a, b and c have one voice and a pitch at first, d only later, e has several voices, f is a training clip."""
    rows = pd.DataFrame({"clip": np.repeat(list("fedcba"), 4)})
    rows["split"] = np.where(rows["clip"] == "f", "train", "test")
    rows["monophonic"] = rows["clip"] != "e"
    rows["pitch"] = np.where((rows["clip"] != "d") | (rows.index % 4 >= 2), 5, -1)
    return Frames(np.arange(24, dtype=np.float32)[:, None], rows, {}, "toy", "embedded", "swift-f0", 2.0)


def test_the_beginnings_of_voiced_test_clips_are_chosen() -> None:
    found = steering.chosen_clips(table(), 2, 1.0)
    assert {clip: latents[:, 0].tolist() for clip, latents in found.items()} == {"a": [20, 21], "c": [12, 13]}
    assert list(steering.chosen_clips(table(), 4, 2.0)) == ["a", "b", "c", "d"]
    with pytest.raises(ParameterError, match="3 test clips have one voice and a pitch, fewer than the 4"):
        steering.chosen_clips(table(), 4, 1.0)


# --- quality ------------------------------------------------------------------------------------------------------------


def test_the_log_mel_distance_ignores_level_and_sees_a_filter() -> None:
    wave = np.random.default_rng(0).normal(0, 0.05, (1, RATE)).astype(np.float32)
    assert quality.log_mel_distance(wave, 0.1 * wave, RATE) == pytest.approx(0, abs=0.05)
    mild, strong = (quality.log_mel_distance(wave, methods.tilt(wave, RATE, 2000.0, db), RATE) for db in (3.0, 12.0))
    assert 0.5 < mild < strong


class Rounds:
    """Stands for a codec that encodes its own sound to whole numbers, of two samples a frame."""

    frame_rate, sample_rate = 10.0, 20

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        return wave[:, 0, ::2, None].round()


def test_the_round_trip_is_the_distance_to_what_the_codec_makes_of_the_sound() -> None:
    sae = SparseAutoencoder(1, 2)
    sae.std.fill_(0.5)
    latents = torch.tensor([[1.0] * 15, [1.25] * 15])[..., None]
    waves = latents.repeat_interleave(2, dim=1).transpose(1, 2)
    waves[:, :, 20:] += 9.0  # after the first second, which alone is looked at
    np.testing.assert_allclose(quality.round_trip(Rounds(), sae, latents, waves), [0.0, 0.5], atol=1e-6)


# --- equal effect -------------------------------------------------------------------------------------------------------


def test_a_level_is_first_reached_between_two_strengths() -> None:
    on_target = np.array([[0.2, 0.6, 0.4], [0.8, 0.1, 0.9], [0.1, NAN, 0.3], [0.5, 0.5, 0.5]])
    others = np.array([[10.0, 30.0, 0.0]] * 4)[:, None]
    found = equal_effect.crossing(np.array([1.0, 2.0, 4.0]), on_target, others, 0.5)
    np.testing.assert_allclose(found, [[1.75, 25.0], [0.625, 6.25], [NAN, NAN], [1.0, 10.0]])
    assert np.isnan(equal_effect.crossing(np.zeros(0), np.zeros((2, 0)), np.zeros((2, 1, 0)), 0.5)).all()


def test_methods_are_compared_at_equal_effect_pair_by_pair() -> None:
    """Both methods go 0.25 and 0.75 of the way; one leaks two bins more than the other in either clip, whose own leakage differs widely."""

    def place(row: dict[str, Any]) -> float:
        return 12.5 if row["alpha"] == 1 else 17.5

    def leaked(row: dict[str, Any]) -> float:
        more = {"paper": 0.0, "raw_probe": 2.0}.get(row["method"], 50.0)
        return 10 + (more + (1 if row["clip"] == "a" else 9)) * (row["steered"] == "pitch")

    found = steering.whole_clips(sounds(pitch_after=place, amplitude_after=leaked, timbre_after=leaked), 0)
    paper, raw = (found["methods"][name]["pitch"]["at_half"] for name in ("paper", "raw_probe"))
    assert paper["strength"] == pytest.approx(1.5) and paper["leakage"] == pytest.approx(5) and raw["leakage"] == pytest.approx(7)
    assert paper["log_mel_db"] == pytest.approx(1.5) and paper["reached"] == 1 and paper["clips"] == 2
    assert paper["leakage_ci95"] == pytest.approx([1, 9])
    gap = found["comparisons"]["at_half"]["paper"]["pitch"]["raw_probe"]
    assert gap["difference"] == pytest.approx(-2) and gap["ci95"] == pytest.approx([-2, -2])


def test_figures_at_each_strength() -> None:
    found = steering.whole_clips(sounds(pitch_after=lambda row: 15.0 if row["alpha"] == 2 else NAN), 0)
    weak, strong = (found["methods"]["relu"]["pitch"]["by_strength"][r] for r in ("1", "2"))
    assert (weak["on_target"], weak["pitch_lost"]) == (0, 1) and (strong["on_target"], strong["pitch_lost"]) == (0.5, 0)
    assert strong["log_mel_db"] == 2 and strong["log_mel_db_ci95"] == [2, 2] and strong["leakage"] == 0 and strong["clips"] == 2


def test_a_level_that_is_not_reached_is_null_and_so_is_its_comparison() -> None:
    every = sounds(round_trip=lambda row: NAN if row["method"] == "signal" else 1.0)
    found = steering.whole_clips(every[(every["method"] != "signal") | (every["steered"] != "timbre")], 0)
    at = found["methods"]["paper"]["pitch"]["at_half"]
    assert at["strength"] is None and at["leakage"] is None and at["leakage_ci95"] is None and at["reached"] == 0
    assert found["comparisons"]["at_half"]["paper"]["pitch"]["signal"] == {"difference": None, "ci95": None}
    signal = found["methods"]["signal"]
    assert signal["pitch"]["by_strength"]["1"]["round_trip"] is None
    assert signal["timbre"]["by_strength"] == {} and signal["timbre"]["at_half"]["clips"] == 0  # without a sound
    json.dumps(found, allow_nan=False)


def test_an_interval_needs_nearly_all_resamples() -> None:
    assert equal_effect.interval(np.array([NAN] * 4 + [3.0] * 96)) == [3.0, 3.0]
    assert equal_effect.interval(np.array([NAN] * 6 + [3.0] * 94)) is None


# --- sentences ----------------------------------------------------------------------------------------------------------


def found(pitch_after: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
    leaked = {"paper": 11.0, "feature_means": 11.5, "signal": 10.5}

    def other(row: dict[str, Any]) -> float:
        return 10 + (leaked.get(row["method"], 12.0) - 10) * row["alpha"]

    return steering.whole_clips(sounds(pitch_after=pitch_after, amplitude_after=other, timbre_after=other), 0)


def test_a_verdict_is_read_off_the_comparisons() -> None:
    one = found(lambda row: 15.0 if row["method"] != "raw_means" else 10.0)
    pitch = evidence_steering.comparisons("toy", one).splitlines()[0]
    assert "features: the paper's step leaks less than “features: difference of means” at half of the way" in pitch
    assert "features: the paper's step leaks less than “latents: probe”" in pitch
    assert "“latents: difference of means” does not get half of the way" in pitch
    assert "every variant that gets half of the way leaks more than “signal processing”" in pitch
    told = evidence_steering.pairings({"toy": one})
    assert told[1].startswith(
        "latents: probe: of 9 pairings with a variant, both get half of the way in 3. There the variant leaks clearly less in 1,"
    )
    assert told[2].endswith("In 0 the variant does not get there and the plainer method does; the reverse holds in 3.")
    assert "clearly less in 0, clearly more in 3" in told[3]


def test_a_verdict_falls_back_to_a_quarter_and_to_nothing() -> None:
    assert "at a quarter of the way" in evidence_steering.comparisons("toy", found(lambda row: 13.0))
    nothing = evidence_steering.comparisons("toy", found(lambda row: 15.0 if row["method"] == "signal" else 10.0))
    assert "against “signal processing”, no variant gets a quarter of the way, which it does" in nothing
    assert "against “latents: probe”, no variant gets a quarter of the way, nor does it" in nothing


def test_what_spills_over_is_told_as_a_share_of_what_was_wanted() -> None:
    still = {"clips": 0}
    part = {"clips": 3, "inside": 4.0, "inside_ci95": [1.0, 6.0], "before": 0.1, "after": -0.5}
    unsure = part | {"inside_ci95": [-1.0, 6.0]}
    of = {"paper": {"pitch": part, "amplitude": unsure, "timbre": still}, "remainder": {"pitch": still}}
    paper, remainder = evidence_steering.confinement("toy", {"in_time": of}).splitlines()
    assert paper.endswith("towards the target for pitch; the third beside it that moves more does so by 12.5% for pitch of that.")
    assert remainder.endswith("towards the target for none.")
