"""Is a steered sound still the clip: each measure on sounds whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from audiosae.sae import SparseAutoencoder
from audiosae.steering import methods, validity
from audiosae.steering.validity import COLLAPSED, OTHER, PITCH_LOST, SILENT, VALID, Signs

RATE, FRAME_RATE = 24000, 75.0
TIME = np.arange(2 * RATE) / RATE


def melody(notes: list[float], level: float = 0.2) -> np.ndarray:
    """Notes in Hz, with eight partials each, one after another in two seconds, each dying away."""
    each = len(TIME) // len(notes)
    time = TIME[:each]
    parts = [sum(np.sin(2 * np.pi * note * n * time) / n for n in range(1, 9)) * np.exp(-3 * time) for note in notes]
    return (level * np.concatenate(parts)).astype(np.float32)[None]


def buzz(level: float) -> np.ndarray:
    return (level * sum(np.sin(2 * np.pi * FRAME_RATE * n * TIME) / n for n in range(1, 60))).astype(np.float32)[None]


def signs(wave: np.ndarray, voiced: float = 0.9, trip: float = 0.1) -> Signs:
    return validity.signs(wave, RATE, FRAME_RATE, voiced, trip)


def floor() -> np.ndarray:
    """The noise that lies under every recording, without which empty bands would mean something."""
    return np.random.default_rng(0).normal(0, 1e-4, (1, len(TIME))).astype(np.float32)


CLIP = melody([277.0, 330.0, 415.0, 311.0]) + floor()


@pytest.mark.parametrize("wave", [0.25 * CLIP, 4 * CLIP, methods.tilt(CLIP, RATE, 1000.0, 12.0), methods.tilt(CLIP, RATE, 1000.0, -12.0)])
def test_a_gain_and_a_tilt_leave_the_clip(wave: np.ndarray) -> None:
    assert validity.state(signs(CLIP), signs(wave)) == VALID


@pytest.mark.parametrize("semitones", [-5, 5])
def test_another_pitch_leaves_the_clip(semitones: int) -> None:
    assert validity.state(signs(CLIP), signs(melody([note * 2 ** (semitones / 12) for note in (277, 330, 415, 311)]) + floor())) == VALID


def test_a_buzz_is_a_collapse_whatever_its_level_beside_a_clip_in_which_it_is_not() -> None:
    assert validity.state(signs(CLIP), signs(buzz(0.1) + floor())) == COLLAPSED
    assert validity.state(signs(CLIP), signs(CLIP + buzz(0.05))) == COLLAPSED
    assert validity.state(signs(CLIP), signs(CLIP + buzz(0.002))) == VALID
    assert validity.state(signs(buzz(0.1)), signs(buzz(0.2))) != COLLAPSED
    assert validity.told(COLLAPSED, FRAME_RATE) == "collapsed: 75 Hz buzz" and validity.told(VALID, FRAME_RATE) == "still the clip"


def test_a_note_that_lies_at_a_multiple_is_no_buzz() -> None:
    """All of its energy is on the comb, but at every fourth multiple alone."""
    assert validity.comb((melody([300.0]) + floor())[0], RATE, FRAME_RATE) < 0.3
    assert validity.comb(buzz(0.1)[0], RATE, FRAME_RATE) > 0.9
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * RATE).astype(np.float32)
    assert validity.comb(noise, RATE, FRAME_RATE) == pytest.approx(2 * validity.WIDTH, abs=0.02)


def test_other_music_is_another_sound() -> None:
    assert validity.state(signs(CLIP), signs(melody([466.0, 415.0, 233.0]) + floor())) == OTHER
    steady = np.broadcast_to(np.sin(2 * np.pi * 1234 * TIME), (1, len(TIME))).astype(np.float32) * 0.1
    assert validity.state(signs(CLIP), signs(steady + floor())) == OTHER


def test_what_has_lost_its_pitch_or_its_sound() -> None:
    assert validity.state(signs(CLIP), signs(CLIP, voiced=0.1)) == PITCH_LOST
    assert validity.state(signs(CLIP, voiced=0.0), signs(CLIP, voiced=0.0)) == VALID  # there was none to lose
    assert validity.state(signs(CLIP), signs(np.zeros_like(CLIP), voiced=0.0)) == SILENT
    assert validity.state(signs(CLIP), signs(1e-4 * CLIP, voiced=0.0)) == SILENT


def test_latents_that_the_codec_does_not_know_again() -> None:
    still = signs(CLIP)
    assert validity.state(still, replace(still, trip=1.0)) == VALID and validity.state(still, replace(still, trip=1.2)) == OTHER
    assert validity.state(replace(still, trip=1.1), replace(still, trip=1.2)) == VALID  # a codec that hardly knows any
    assert validity.state(still, replace(still, trip=float("nan"))) == VALID  # processed, not decoded


def test_the_log_mel_distance_ignores_level_and_sees_a_filter() -> None:
    wave = np.random.default_rng(0).normal(0, 0.05, (1, RATE)).astype(np.float32)
    assert validity.log_mel_distance(signs(wave), signs(0.1 * wave)) == pytest.approx(0, abs=0.05)
    mild, strong = (validity.log_mel_distance(signs(wave), signs(methods.tilt(wave, RATE, 2000.0, db))) for db in (3.0, 12.0))
    assert 0.5 < mild < strong


def test_the_course_is_that_of_the_music() -> None:
    other = melody([466.0, 415.0, 233.0]) + floor()
    assert (
        validity.course(signs(CLIP), signs(methods.tilt(CLIP, RATE, 1000.0, 6.0))) > 0.9 > 0.6 > validity.course(signs(CLIP), signs(other))
    )
    assert np.isnan(validity.course(signs(np.zeros_like(CLIP)), signs(CLIP)))


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
    np.testing.assert_allclose(validity.round_trip(Rounds(), sae, latents, waves), [0.0, 0.5], atol=1e-6)
