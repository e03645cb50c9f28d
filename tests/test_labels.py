"""Pitch trackers and labels against sounds whose pitch, level, brightness and timing are known.

CREPE full is compared in a frozen stage, being slower than the music.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.audio import SAMPLE_RATE, labels, pitch
from audiosae.errors import ParameterError
from audiosae.frames.pitch_trackers import against_score, share_within, true_notes

EITHER = pytest.mark.parametrize("tracker", ["swift-f0", "crepe-tiny"])
INNER = slice(4, -4)
"""Frames whose window lies inside the clip."""


def tone(hertz: np.ndarray | float, seconds: float = 1.0, amplitude: float = 0.3, harmonics: int = 1) -> np.ndarray:
    """A tone [samples] whose frequency may change from sample to sample."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, int(seconds * SAMPLE_RATE))) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))).astype(np.float32)


def glide(first: float, slope: float, seconds: float) -> np.ndarray:
    return first + slope * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def measured(mono: np.ndarray) -> labels.Measured:
    return labels.describe(mono[None], SAMPLE_RATE, 75.0, "swift-f0")


# --- trackers -----------------------------------------------------------------------------------------------------------


@EITHER
@pytest.mark.parametrize("harmonics", [1, 6])
def test_a_tone_has_its_pitch(tracker: str, harmonics: int) -> None:
    for midi in (69,) if harmonics == 1 else (42, 57, 69, 84):
        f0, confidence = pitch.track(tone(pitch.to_hz(midi), 0.4, 0.2, harmonics), np.linspace(0.1, 0.3, 12), tracker)
        assert f0.shape == confidence.shape == (12,)
        np.testing.assert_allclose(pitch.to_midi(f0), midi, atol=0.3)
        assert (confidence >= 0.5).all()


@EITHER
def test_noise_has_no_pitch(tracker: str) -> None:
    mono = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE // 2).astype(np.float32)
    _, confidence = pitch.track(mono, np.linspace(0.1, 0.4, 20), tracker)
    assert (confidence < 0.5).mean() >= 0.9


@pytest.mark.parametrize("slope", [12.0, -12.0])
@EITHER
def test_a_glide_is_followed_in_time(tracker: str, slope: float) -> None:
    """12 semitones a second: a frame that is looked at 20 ms late is a quarter of a semitone off."""
    first, times = 61 - slope / 2, labels.frame_times(75, 75)
    f0, _ = pitch.track(tone(pitch.to_hz(glide(first, slope, 1.0)), amplitude=0.2, harmonics=6), times, tracker)
    late = ((pitch.to_midi(f0) - first) / slope - times)[8:-8]
    assert abs(np.mean(late)) < 0.005
    assert np.abs(late).max() < 0.02


@EITHER
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


# --- the comparison of trackers with the score --------------------------------------------------------------------------


def test_the_score_is_trusted_inside_notes_alone() -> None:
    notes = pd.DataFrame({"start": [0.0, 0.5], "end": [0.4, 1.0], "midi": [60, 62]})
    found = true_notes(notes, np.array([0.04, 0.06, 0.37, 0.39, 0.45, 0.54, 0.56, 0.99]))
    np.testing.assert_array_equal(found, [np.nan, 60, 60, np.nan, np.nan, np.nan, 62, np.nan])
    assert share_within(np.array([60.0, 60.5, 60.6, 72.0]), np.full(4, 60.0)) == 0.5
    assert np.isnan(share_within(np.array([]), np.array([])))


def test_voiced_frames_inside_notes_are_compared_clip_by_clip() -> None:
    notes = pd.DataFrame({"clip": ["a", "b"], "start": [0.0, 0.0], "end": [1.0, 1.0], "midi": [60, 62]})
    given = pd.DataFrame(
        {"clip": pd.Categorical(["a"] * 10 + ["b"] * 10 + ["c"] * 10), "pitch": [-1, 30] * 15, "f0": pitch.to_hz([60.0] * 15 + [62.2] * 15)}
    ).assign(monophonic=True)
    found = against_score(given, 10.0, notes).set_index("clip")  # frames at 0.15, 0.35, … 0.95 s are voiced
    assert found["frames"].to_dict() == {"a": 5, "b": 5}  # c has no notes
    assert found["right"].to_dict() == {"a": 1.0, "b": 0.6}


# --- labels -------------------------------------------------------------------------------------------------------------


def test_a_sine_has_its_pitch_level_and_centroid() -> None:
    low, hertz, high = np.array([20, 40, 60]) * SAMPLE_RATE / 2048  # whole periods in a window, so that its leakage is even
    found = measured(tone(hertz))
    assert found.time[0] == pytest.approx(0.5 / 75) and found.time[-1] == pytest.approx(74.5 / 75)
    np.testing.assert_allclose(found.centroid[INNER], hertz, rtol=2e-3)
    np.testing.assert_allclose(found.rms[INNER], 0.3 / np.sqrt(2), rtol=1e-3)
    np.testing.assert_allclose(pitch.to_midi(found.f0[INNER]), pitch.to_midi(hertz), atol=0.2)
    assert labels.voiced(found.confidence, found.rms)[8:-8].all()  # the tracker looks further around
    np.testing.assert_allclose(measured(tone(low) + tone(high)).centroid[INNER], hertz, rtol=3e-3)


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.floats(-30, 6))
def test_a_gain_moves_the_level_and_nothing_else(decibels: float) -> None:
    mono = tone(330, harmonics=6)
    before, after = measured(mono), measured(mono * np.float32(10 ** (decibels / 20)))
    np.testing.assert_allclose(20 * np.log10(after.rms / before.rms), decibels, atol=1e-3)
    np.testing.assert_allclose(after.centroid, before.centroid, rtol=1e-3)
    np.testing.assert_allclose(pitch.to_midi(after.f0)[INNER], pitch.to_midi(before.f0)[INNER], atol=0.1)


def test_windows_are_centred_on_the_frames() -> None:
    """A chirp names the moment at which it was looked at: 1 Hz of its centroid is a thousandth of a second."""
    found = measured(tone(glide(500, 1000, 2.0), 2.0))
    np.testing.assert_allclose((found.centroid[INNER] - 500) / 1000, found.time[INNER], atol=0.002)
    late = (found.f0 - 500) / 1000 - found.time
    assert abs(np.median(late[INNER])) < 0.01  # the tracker's own frames are 16 ms apart


def test_a_click_is_in_the_windows_that_hold_it_and_in_no_other() -> None:
    mono = np.zeros(SAMPLE_RATE, np.float32)
    mono[SAMPLE_RATE // 2] = 1
    found = measured(mono)
    distance = np.abs(np.round(found.time * SAMPLE_RATE) - SAMPLE_RATE // 2)
    np.testing.assert_array_equal(found.rms > 0, distance < 1024)
    np.testing.assert_allclose(found.rms[found.rms > 0], 1 / np.sqrt(2048), rtol=1e-4)


def test_windows_beyond_the_ends_are_filled_with_zeros() -> None:
    cut = labels.windows(np.ones(3000, np.float32), np.array([0.0, 3000 / SAMPLE_RATE, 10.0]))
    assert cut.shape == (3, 2048)
    assert cut[0].sum() == 1024 and not cut[0, :1024].any()
    assert cut[1].sum() == 1024 and not cut[1, 1024:].any()
    assert not cut[2].any()


def test_digital_silence_has_no_pitch_and_no_centroid() -> None:
    found = measured(np.concatenate([np.zeros(SAMPLE_RATE, np.float32), tone(440)]))
    assert np.isnan(found.centroid[:70]).all() and not found.rms[:70].any()
    assert not labels.voiced(found.confidence, found.rms)[:70].any()
    assert np.isfinite(found.centroid[80:]).all()


def test_a_frame_is_voiced_when_sure_and_audible() -> None:
    confidence, rms = np.array([0.5, 0.49, 0.9, 0.9]), np.array([0.1, 0.1, 0.001, 0.00101])
    assert labels.voiced(confidence, rms).tolist() == [True, False, False, True]


# --- bins ---------------------------------------------------------------------------------------------------------------


def test_pitch_classes_are_semitones_from_30_to_95() -> None:
    found = labels.pitch_bins(pitch.to_hz(np.array([30, 69, 95, 29.4, 95.6, 60.49, 60.51, 29.6])), np.ones(8, bool))
    assert found.tolist() == [0, 39, 65, -1, -1, 30, 31, 0]
    assert (labels.pitch_bins(np.array([440.0, 0.0]), np.array([False, True])) == -1).all()
    midi, edges = np.linspace(29.51, 95.49, 300), labels.pitch_edges()
    np.testing.assert_array_equal(labels.to_bins(midi, edges), labels.pitch_bins(pitch.to_hz(midi), np.ones(300, bool)))
    np.testing.assert_array_equal(labels.centres(edges), np.arange(30, 96))


def test_values_outside_go_to_the_end_bins_and_missing_ones_nowhere() -> None:
    edges = labels.equal_width_edges(np.array([np.nan, 3.0, 0.0, 2.0, np.inf]), 3)
    np.testing.assert_allclose(edges, [0, 1, 2, 3])
    values = np.array([-5, 0, 0.99, 1, 2.5, 3, 99, np.nan, np.inf])
    assert labels.to_bins(values, edges).tolist() == [0, 0, 0, 1, 2, 2, 2, -1, -1]


def test_classes_have_names_with_units() -> None:
    assert labels.note_name(30) == "C4" and labels.note_name(0) == "F#1"
    assert labels.class_name("pitch", 39, labels.pitch_edges()) == "A4 (440 Hz)"
    assert labels.class_name("amplitude", 0, np.array([0.05, 0.15, 0.25])) == "−20 dBFS"
    assert labels.class_name("timbre", 1, np.array([0.0, 1000.0, 2000.0])) == "1500 Hz"
