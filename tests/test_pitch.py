"""Each tracker on sounds whose pitch is known. CREPE full is compared in a frozen stage, being slower than the music."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audiosae.audio import SAMPLE_RATE, pitch
from audiosae.errors import ParameterError
from audiosae.frames.pitch_trackers import against_score, share_within, true_notes

TRACKERS = ["swift-f0", "crepe-tiny"]


def tone(midi: np.ndarray | float, seconds: float) -> np.ndarray:
    """Six harmonics, falling; the pitch may change from sample to sample."""
    hertz = np.broadcast_to(pitch.to_hz(midi), int(seconds * SAMPLE_RATE))
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    return sum(0.2 * np.sin(k * phase) / k for k in range(1, 7)).astype(np.float32)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tone_has_its_pitch(tracker: str) -> None:
    for midi in (42, 57, 69, 84):
        f0, confidence = pitch.track(tone(midi, 0.4), np.linspace(0.1, 0.3, 12), tracker)
        assert f0.shape == confidence.shape == (12,)
        np.testing.assert_allclose(pitch.to_midi(f0), midi, atol=0.3)
        assert (confidence >= 0.5).all()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_pure_sine_has_its_pitch(tracker: str) -> None:
    mono = 0.3 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE).astype(np.float32)
    f0, confidence = pitch.track(mono, np.linspace(0.1, 0.4, 12), tracker)
    np.testing.assert_allclose(pitch.to_midi(f0), 69, atol=0.3)
    assert (confidence >= 0.5).all()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_noise_has_no_pitch(tracker: str) -> None:
    mono = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE // 2).astype(np.float32)
    _, confidence = pitch.track(mono, np.linspace(0.1, 0.4, 20), tracker)
    assert (confidence < 0.5).mean() >= 0.9


@pytest.mark.parametrize("slope", [12.0, -12.0])
@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_glide_is_followed_in_time(tracker: str, slope: float) -> None:
    """12 semitones a second: a frame that is looked at 20 ms late is a quarter of a semitone off."""
    seconds, first = 1.0, 61 - slope / 2
    glide = tone(first + slope * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE, seconds)
    times = (np.arange(75) + 0.5) / 75
    f0, _ = pitch.track(glide, times, tracker)
    late = ((pitch.to_midi(f0) - first) / slope - times)[8:-8]
    assert abs(np.mean(late)) < 0.005
    assert np.abs(late).max() < 0.02


@pytest.mark.parametrize("tracker", TRACKERS)
def test_silence_and_times_past_the_end_still_give_a_number_for_every_frame(tracker: str) -> None:
    f0, confidence = pitch.track(np.zeros(2048, np.float32), np.array([0.0, 0.02, 0.0464]), tracker)
    assert len(f0) == len(confidence) == 3
    assert np.isfinite(f0).all() and (confidence < 0.5).all()


def test_an_unknown_tracker_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ParameterError, match="unknown pitch tracker 'yin'; known are crepe-full, crepe-tiny, swift-f0"):
        pitch.track(np.zeros(2048, np.float32), np.zeros(1), "yin")


@pytest.mark.parametrize(("midi", "hertz"), [(69, 440), (60, 261.6256), (21, 27.5), (108, 4186.009)])
def test_midi_and_hertz_are_inverse(midi: float, hertz: float) -> None:
    assert pitch.to_hz(midi) == pytest.approx(hertz, abs=1e-3) and pitch.to_midi(pitch.to_hz(midi)) == pytest.approx(midi)


# --- the comparison with the score --------------------------------------------------------------------------------------


def test_the_score_is_trusted_inside_notes_alone() -> None:
    notes = pd.DataFrame({"start": [0.0, 0.5], "end": [0.4, 1.0], "midi": [60, 62]})
    found = true_notes(notes, np.array([0.04, 0.06, 0.37, 0.39, 0.45, 0.54, 0.56, 0.99]))
    np.testing.assert_array_equal(found, [np.nan, 60, 60, np.nan, np.nan, np.nan, 62, np.nan])


def test_share_within_half_a_semitone() -> None:
    assert share_within(np.array([60.0, 60.5, 60.6, 72.0]), np.full(4, 60.0)) == 0.5
    assert np.isnan(share_within(np.array([]), np.array([])))


def test_voiced_frames_inside_notes_are_compared_clip_by_clip() -> None:
    notes = pd.DataFrame({"clip": ["a", "b"], "start": [0.0, 0.0], "end": [1.0, 1.0], "midi": [60, 62]})
    measured = pd.DataFrame(
        {"clip": pd.Categorical(["a"] * 10 + ["b"] * 10 + ["c"] * 10), "pitch": [-1, 30] * 15, "f0": pitch.to_hz([60.0] * 15 + [62.2] * 15)}
    )
    found = against_score(measured, 10.0, notes).set_index("clip")  # frames at 0.15, 0.35, … 0.95 s are voiced
    assert found["frames"].to_dict() == {"a": 5, "b": 5}  # c has no notes
    assert found["right"].to_dict() == {"a": 1.0, "b": 0.6}
