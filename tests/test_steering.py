"""Steering on models small enough to follow by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae import steering
from audiosae.audio import SAMPLE_RATE, labels, pitch
from audiosae.errors import ParameterError
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder, rms_norm

NAN = float("nan")


@pytest.fixture(scope="module")
def toy() -> tuple[SparseAutoencoder, Probe, torch.Tensor]:
    """A random SAE, a random probe of five classes, and latents."""
    torch.manual_seed(0)
    sae = SparseAutoencoder(6, 24).eval().requires_grad_(False)
    latents = torch.randn(2, 30, 6) * 2 + 1
    sae.standardise(latents.reshape(-1, 6))
    return sae, Probe(torch.randn(5, 24) * 0.2, torch.randn(5) * 0.1, 0.01), latents


# --- the step -----------------------------------------------------------------------------------------------------------


def test_a_step_and_its_variants_by_hand(toy: tuple) -> None:
    sae, probe, latents = toy
    w = probe.weight[1]
    plain, moved = sae.decode(sae.encode(latents)), sae.encode(latents) + 3.0 * w
    decode = lambda f: sae.decode(f / (f.pow(2).mean(-1, keepdim=True) + 1e-8).sqrt())  # noqa: E731
    torch.testing.assert_close(steering.steer(sae, latents, w, 3.0), decode(moved))
    torch.testing.assert_close(steering.steer(sae, latents, w, 3.0, "relu"), decode(moved.clamp_min(0)))
    torch.testing.assert_close(steering.steer(sae, latents, w, 3.0, "remainder"), decode(moved) + latents - plain)
    # No strength gives the SAE's own reconstruction, which is not the codec's latents, or with the remainder just these.
    torch.testing.assert_close(steering.steer(sae, latents, w, 0.0), plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(steering.steer(sae, latents, w, 0.0, "remainder"), latents)
    assert (plain - latents).abs().max() > 0.1
    with pytest.raises(ParameterError, match="no variant 'clip'.*paper, relu, remainder"):
        steering.steer(sae, latents, w, 1.0, "clip")


@pytest.mark.parametrize("variant", steering.VARIANTS)
def test_each_clip_may_have_its_direction_and_each_frame_its_strength(toy: tuple, variant: str) -> None:
    sae, probe, latents = toy
    both = steering.steer(sae, latents, probe.weight[:2, None], 3.0, variant)
    part = steering.steer(sae, latents[0], probe.weight[0], 3.0 * (torch.arange(30) < 10)[:, None], variant)
    for clip in range(2):
        torch.testing.assert_close(both[clip], steering.steer(sae, latents[clip], probe.weight[clip], 3.0, variant))
    torch.testing.assert_close(part[:10], both[0, :10])
    torch.testing.assert_close(part[10:], steering.steer(sae, latents[0], probe.weight[0], 0.0, variant)[10:])


def test_a_probes_row_raises_its_own_class(toy: tuple) -> None:
    sae, probe, latents = toy
    f = sae.encode(latents)
    for k in range(5):
        before, *after = (probe.logits(rms_norm(f + alpha * probe.weight[k])).softmax(-1)[..., k] for alpha in (0.0, 1.0, 20.0))
        assert all((one > before).all() for one in after)


def test_strength_is_told_in_units_of_the_feature_vector(toy: tuple) -> None:
    sae, probe, latents = toy
    expected = 10 * probe.weight[0].norm() / sae.encode(latents).norm(dim=-1).mean()
    assert steering.relative_strength(sae, probe.weight[0], 10) == pytest.approx(float(expected), rel=1e-3)


# --- shares, bins and targets -------------------------------------------------------------------------------------------


def test_shares_of_a_distance_that_is_closed() -> None:
    before, target = np.array([0, 0, 0, 0, 0, 0, 0, 10, 3.0]), np.array([10] * 7 + [0, 10.0])
    after = np.array([10, 0, 5, 15, 20, 30, -10, 4, NAN])
    assert steering.share_closed(before, after, target) == pytest.approx([1, 0, 0.5, 0.5, 0, -1, -1, 0.6, 0])


def test_places_in_bins_are_whole_at_the_centres() -> None:
    edges = np.linspace(-3, 5, 21)
    np.testing.assert_allclose(steering.in_bins(labels.centres(edges), edges), np.arange(20), atol=1e-9)


def test_targets_are_classes_that_were_heard() -> None:
    classes = np.array([3] * 50 + [7] * 49 + [19])
    assert steering.targets(classes, [0.1, 0.9]) == [3, 7]
    with pytest.raises(ParameterError, match=r"classes \[3, 3\]; spread them"):
        steering.targets(classes, [0.1, 0.2])


# --- listening ----------------------------------------------------------------------------------------------------------


def test_what_is_heard_of_a_tone() -> None:
    rate, midi = 24000, 64
    tone = (0.4 * np.sin(2 * np.pi * pitch.to_hz(midi) * np.arange(rate) / rate)).astype(np.float32)[None]
    heard = steering.listen(tone, rate, "swift-f0", 75.0)
    assert heard.pitch == pytest.approx(midi, abs=0.2) and heard.timbre == pytest.approx(pitch.to_hz(midi), rel=0.15)
    assert heard.amplitude == pytest.approx(0.4 / 2**0.5, rel=0.02)


def test_noise_has_no_pitch_and_silence_has_nothing() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, SAMPLE_RATE)).astype(np.float32)
    heard = steering.listen(noise, SAMPLE_RATE, "swift-f0", 75.0)
    assert np.isnan(heard.pitch) and heard.timbre == pytest.approx(SAMPLE_RATE / 4, rel=0.1)
    silent = steering.listen(np.zeros((1, SAMPLE_RATE), np.float32), SAMPLE_RATE, "swift-f0", 75.0)
    assert np.isnan(silent.pitch) and silent.amplitude == 0 and np.isnan(silent.timbre)


# --- effects and figures ------------------------------------------------------------------------------------------------


def heard_row(**places: Any) -> dict[str, Any]:
    still = {f"{prop}_{when}": 5.0 for prop in labels.PROPERTIES for when in ("before", "after")}
    return {"clip": "a", "steered": "pitch", "target": 15, "alpha": 20, **still, **places}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"pitch_after": 10.0, "amplitude_after": 3.5, "timbre_after": 5.25}, {"pitch": 0.5, "amplitude": 1.5, "timbre": 0.25}),
        # A target that is too near is left out, and the others still leak; one at the margin counts.
        ({"steered": "amplitude", "target": 7, "amplitude_after": 7.0, "pitch_after": 6.0}, {"pitch": 1, "timbre": 0}),
        ({"steered": "amplitude", "target": 5 + steering.MARGIN}, {"pitch": 0, "amplitude": 0, "timbre": 0}),
        # A clip that had no pitch is left out, and one that lost it has closed nothing.
        ({"pitch_before": NAN}, {"amplitude": 0, "timbre": 0}),
        ({"pitch_after": NAN}, {"pitch": 0, "amplitude": 0, "timbre": 0}),
        ({"steered": "timbre", "pitch_after": NAN}, {"pitch": NAN, "amplitude": 0, "timbre": 0}),
    ],
)
def test_effects_by_hand(row: dict[str, Any], expected: dict[str, float]) -> None:
    found = steering.effects(pd.DataFrame([heard_row(**row)])).set_index("measured")["value"]
    assert found.to_dict() == pytest.approx(expected, nan_ok=True)


def test_figures_are_means_over_clips_and_not_over_targets() -> None:
    places = [
        {"clip": "a", "target": 15, "pitch_after": 10.0, "timbre_after": 7.0},  # half the way
        {"clip": "a", "target": 25, "pitch_after": 5.0},  # no nearer
        {"clip": "b", "target": 15, "pitch_after": 15.0, "amplitude_after": 6.0},  # there
        {"clip": "b", "target": 15, "pitch_after": 5.0, "alpha": 1},
    ]
    heard = pd.DataFrame([heard_row(**place) for place in places])
    found = steering.summarise(steering.effects(heard), heard, "pitch", 20, seed=0)
    assert found["on_target"] == pytest.approx((0.25 + 1) / 2) and found["clips"] == 2
    assert found["leakage"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["by_alpha"] == {"1": 0.0, "20": pytest.approx(0.625)} and found["alpha"] == 20
    assert found["on_target_ci95"] == pytest.approx([0.25, 1]) and found["pitch_lost"] == 0


def test_figures_where_no_clip_has_a_pitch_are_left_open() -> None:
    heard = pd.DataFrame([heard_row(pitch_before=NAN, pitch_after=NAN, amplitude_after=6.0)])
    found = steering.summarise(steering.effects(heard), heard, "pitch", 20, seed=0)
    assert found["on_target"] is None and found["on_target_ci95"] is None and found["clips"] == 0
    assert found["leakage"] == pytest.approx(0.5) and found["pitch_lost"] == 1 and found["by_alpha"] == {"20": None}
    other = pd.DataFrame([heard_row(steered="timbre", pitch_before=NAN, pitch_after=NAN, amplitude_after=NAN)])
    assert steering.summarise(steering.effects(other), other, "timbre", 20, seed=0)["leakage"] is None
