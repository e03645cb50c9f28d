"""Ways to steer: lengths of steps, directions that are known, and sounds whose change can be worked out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae import steering
from audiosae.audio import pitch
from audiosae.errors import ParameterError
from audiosae.sae import SparseAutoencoder
from audiosae.steering import Heard, methods

RATE = 24000


def tone(frequency: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)).astype(np.float32)[None]


def noise(channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, (channels, RATE)).astype(np.float32)


def heard(wave: np.ndarray) -> Heard:
    return steering.listen(wave, RATE, "swift-f0", 75.0)


# --- vectors ------------------------------------------------------------------------------------------------------------


def test_steps_have_their_length_whatever_the_directions() -> None:
    torch.manual_seed(0)
    sae = SparseAutoencoder(6, 24).eval().requires_grad_(False)
    latents = torch.randn(40, 6) * torch.arange(1, 7) + 3
    sae.standardise(latents)
    step = sae.normalised(methods.along_latents(sae, latents, 7.0 * torch.eye(6)[2], 0.5)) - sae.normalised(latents)
    torch.testing.assert_close(step, 0.5 * 6**0.5 * torch.eye(6)[2].expand(40, 6), atol=1e-5, rtol=1e-5)
    direction = torch.randn(24)
    alpha = 2.0 * sae.encode(latents)[0].norm() / direction.norm()
    expected = steering.steer(sae, latents, direction, float(alpha), "relu")
    for times in (1, 9):
        torch.testing.assert_close(methods.along_features(sae, latents, times * direction, 2.0, "relu"), expected, atol=1e-4, rtol=1e-4)


def test_the_difference_of_means_counts_frames_and_not_rows() -> None:
    values = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 4.0]])
    found = methods.difference_of_means(values, torch.tensor([0, 3, 1]), torch.tensor([4, 3, 1]))
    assert found.tolist() == [3 / 4 - 3 / 8, 4 / 4 - 4 / 8]
    with pytest.raises(ParameterError, match="no training frame of the target class"):
        methods.difference_of_means(values, torch.zeros(3), torch.ones(3))


# --- signal processing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frequency", "gain"), [(30.0, -12.0), (11900.0, 12.0)])
def test_a_tilt_turns_about_its_pivot(frequency: float, gain: float) -> None:
    """Against another tone at the pivot, which must keep its level: the filter's gain, once the level is taken out again."""
    spectrum = np.abs(np.fft.rfft(methods.tilt(tone(frequency, 0.1) + tone(1000.0, 0.1), RATE, 1000.0, 12.0)[0][RATE // 2 :]))
    assert 20 * np.log10(spectrum[round(frequency / 2)] / spectrum[500]) == pytest.approx(gain, abs=0.3)


def test_a_tilt_keeps_the_level_and_its_opposite_undoes_it() -> None:
    wave = noise(2)
    there = methods.tilt(wave, RATE, 2000.0, 15.0)
    assert there.dtype == np.float32 and (there**2).mean() == pytest.approx((wave**2).mean(), rel=1e-4)
    np.testing.assert_allclose(methods.tilt(there, RATE, 2000.0, -15.0), wave, atol=1e-3)


def test_the_tilt_that_is_found_brings_the_centroid_there() -> None:
    wave = noise()
    before = heard(wave).timbre
    for target in (0.9 * before, 1.1 * before):
        found = methods.tilt_towards(wave, RATE, before, target, 75.0)
        assert heard(methods.tilt(wave, RATE, before, found)).timbre == pytest.approx(target, rel=0.01)
    assert methods.tilt_towards(wave, RATE, before, 20000.0, 75.0) == methods.STEEPEST
    assert methods.tilt_towards(wave, RATE, before, 10.0, 75.0) == -methods.STEEPEST


def test_shares_of_a_gain_are_of_decibels_and_those_of_a_pitch_shift_of_semitones() -> None:
    wave = tone(440.0)
    half, whole = methods.processed(wave, RATE, heard(wave), "amplitude", 0.01, [0.5, 1.0], 75.0)
    assert heard(whole).amplitude == pytest.approx(0.01, rel=1e-3)
    assert heard(half).amplitude == pytest.approx((heard(wave).amplitude * 0.01) ** 0.5, rel=1e-3)
    wave = sum(tone(float(n * pitch.to_hz(64)), 0.2 / n) for n in range(1, 6))  # a tracker wants harmonics
    back, third, whole = methods.processed(wave, RATE, heard(wave), "pitch", 70.0, [-0.5, 1 / 3, 1.0], 75.0)
    assert [heard(one).pitch for one in (back, third, whole)] == pytest.approx([61, 66, 70], abs=0.3)
    assert third.shape == whole.shape == wave.shape


def test_what_a_sound_lacks_cannot_be_moved() -> None:
    assert methods.processed(noise(), RATE, heard(noise()), "pitch", 60.0, [1.0], 75.0) == []
    silent = np.zeros((1, RATE), np.float32)
    assert methods.processed(silent, RATE, heard(silent), "amplitude", 0.1, [1.0], 75.0) == []
