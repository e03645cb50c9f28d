"""Steering on models small enough to follow by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae import steering
from audiosae.audio import SAMPLE_RATE, labels, pitch
from audiosae.errors import ParameterError
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder, rms_norm
from audiosae.sae.k_sparse import KSparseAutoencoder

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
    assert steering.relative_strength(sae, latents, probe.weight[0], 10) == pytest.approx(float(expected), rel=1e-6)
    alpha = steering.strength_of(sae, latents, probe.weight[0], float(expected))
    assert alpha.shape == (2, 30, 1) and alpha.numpy() == pytest.approx(10, rel=1e-3)


def test_features_of_any_length_are_stepped_from_in_proportion_and_left_so(toy: tuple) -> None:
    """An autoencoder that does not normalise: twice the features, twice the step, and no norm is restored."""
    _, _, latents = toy
    sae = KSparseAutoencoder(6, 24, 4).eval().requires_grad_(False)
    f, w = sae.encode(latents), torch.randn(24)
    alpha = steering.strength_of(sae, latents, w, 0.5)
    torch.testing.assert_close((alpha * w).norm(dim=-1), 0.5 * f.norm(dim=-1))
    assert alpha.std() > 0
    torch.testing.assert_close(steering.steer(sae, latents, w, alpha), sae.decode(f + alpha * w))


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


@pytest.mark.parametrize(("note", "rate", "expected"), [
    (37, 75.0, 36),  # 69 Hz, 1.4 semitones under 75 Hz
    (38, 75.0, 36), (39, 75.0, 40),  # 73 and 78 Hz
    (51, 75.0, 52), (57, 75.0, 55), (62, 75.0, 60),  # about 150, 225 and 300 Hz; of two as near the lower
    (45, 75.0, 45), (66, 75.0, 66),  # clear already; 375 Hz is the fifth multiple
    (41, 21.533, 39),  # 86 Hz, the fourth of another codec
])  # fmt: skip
def test_targets_of_pitch_keep_clear_of_the_frame_rate(note: int, rate: float, expected: int) -> None:
    low, _ = steering.targets(np.array([note - 30, 65]), [0, 1], rate)
    assert low == expected - 30


def test_changes_are_told_in_semitones_decibels_and_octaves() -> None:
    assert steering.natural("pitch", 64.5) == 64.5 and steering.natural("amplitude", 0.1) == pytest.approx(-20)
    assert steering.natural("timbre", np.array([500.0, 1000.0, NAN])) == pytest.approx([np.log2(500), np.log2(500) + 1, NAN], nan_ok=True)
    assert steering.natural("amplitude", 0.0) == -120


# --- listening ----------------------------------------------------------------------------------------------------------


def test_what_is_heard_of_a_tone() -> None:
    rate, midi = 24000, 64
    tone = (0.4 * np.sin(2 * np.pi * pitch.to_hz(midi) * np.arange(rate) / rate)).astype(np.float32)[None]
    heard = steering.listen(tone, rate, "swift-f0", 75.0)
    assert heard.pitch == pytest.approx(midi, abs=0.2) and heard.timbre == pytest.approx(pitch.to_hz(midi), rel=0.15)
    assert heard.amplitude == pytest.approx(0.4 / 2**0.5, rel=0.02) and heard.voiced > 0.8


def test_noise_has_no_pitch_and_silence_has_nothing() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, SAMPLE_RATE)).astype(np.float32)
    heard = steering.listen(noise, SAMPLE_RATE, "swift-f0", 75.0)
    assert np.isnan(heard.pitch) and heard.timbre == pytest.approx(SAMPLE_RATE / 4, rel=0.1)
    silent = steering.listen(np.zeros((1, SAMPLE_RATE), np.float32), SAMPLE_RATE, "swift-f0", 75.0)
    assert np.isnan(silent.pitch) and silent.amplitude == silent.voiced == 0 and np.isnan(silent.timbre)
