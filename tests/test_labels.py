"""Labels against sounds whose pitch, level, brightness and timing are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.audio import SAMPLE_RATE, labels, pitch

FEW = settings(deadline=None, max_examples=30, derandomize=True)
FRAME_RATE = 75.0


def tone(hertz: np.ndarray | float, seconds: float = 1.0, amplitude: float = 0.3, harmonics: int = 1) -> np.ndarray:
    """A tone [samples] whose frequency may change from sample to sample."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, int(seconds * SAMPLE_RATE))) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))).astype(np.float32)


def measured(mono: np.ndarray) -> labels.Measured:
    return labels.describe(mono[None], SAMPLE_RATE, FRAME_RATE, "swift-f0")


INNER = slice(4, -4)
"""Frames whose window lies inside the clip."""


def test_a_sine_has_its_pitch_level_and_centroid() -> None:
    # Whole periods in a window of 2048, so that the window's leakage is even.
    hertz = 40 * SAMPLE_RATE / 2048
    found = measured(tone(hertz))
    assert found.time[0] == pytest.approx(0.5 / 75) and found.time[-1] == pytest.approx(74.5 / 75)
    np.testing.assert_allclose(found.centroid[INNER], hertz, rtol=2e-3)
    np.testing.assert_allclose(found.rms[INNER], 0.3 / np.sqrt(2), rtol=1e-3)
    np.testing.assert_allclose(pitch.to_midi(found.f0[INNER]), pitch.to_midi(hertz), atol=0.2)
    assert labels.voiced(found.confidence, found.rms)[8:-8].all()  # the tracker looks further around


def test_two_equal_sines_have_their_centroid_in_the_middle() -> None:
    low, high = 20 * SAMPLE_RATE / 2048, 60 * SAMPLE_RATE / 2048
    np.testing.assert_allclose(measured(tone(low) + tone(high)).centroid[INNER], (low + high) / 2, rtol=3e-3)


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
    seconds, slope = 2.0, 1000.0
    found = measured(tone(500 + slope * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE, seconds))
    moment = (found.centroid - 500) / slope
    np.testing.assert_allclose(moment[INNER], found.time[INNER], atol=0.002)
    looked = (found.f0 - 500) / slope
    assert abs(np.median((looked - found.time)[INNER])) < 0.01  # the tracker's own frames are 16 ms apart


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
    mono = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), tone(440)])
    found = measured(mono)
    assert np.isnan(found.centroid[:70]).all() and not found.rms[:70].any()
    assert not labels.voiced(found.confidence, found.rms)[:70].any()
    assert np.isfinite(found.centroid[80:]).all()


def test_a_frame_is_voiced_when_sure_and_audible() -> None:
    confidence, rms = np.array([0.5, 0.49, 0.9, 0.9]), np.array([0.1, 0.1, 0.001, 0.00101])
    assert labels.voiced(confidence, rms).tolist() == [True, False, False, True]


# --- bins ---------------------------------------------------------------------------------------------------------------


def test_pitch_classes_are_semitones_from_30_to_95() -> None:
    midi = np.array([30, 69, 95, 29.4, 95.6, 60.49, 60.51, 29.6])
    found = labels.pitch_bins(pitch.to_hz(midi), np.ones(8, bool))
    assert found.tolist() == [0, 39, 65, -1, -1, 30, 31, 0]
    assert (labels.pitch_bins(np.array([440.0, 0.0]), np.array([False, True])) == -1).all()


def test_pitch_edges_agree_with_the_rounding_of_pitch_classes() -> None:
    midi = np.linspace(29.51, 95.49, 300)
    edges = labels.pitch_edges()
    assert len(edges) == labels.PITCH_CLASSES + 1
    np.testing.assert_array_equal(labels.to_bins(midi, edges), labels.pitch_bins(pitch.to_hz(midi), np.ones(300, bool)))
    np.testing.assert_array_equal(labels.centres(edges), np.arange(30, 96))


def test_values_outside_go_to_the_end_bins_and_missing_ones_nowhere() -> None:
    edges = labels.equal_width_edges(np.array([np.nan, 3.0, 0.0, 2.0, np.inf]), 3)
    np.testing.assert_allclose(edges, [0, 1, 2, 3])
    values = np.array([-5, 0, 0.99, 1, 2.5, 3, 99, np.nan, np.inf])
    assert labels.to_bins(values, edges).tolist() == [0, 0, 0, 1, 2, 2, 2, -1, -1]


@FEW
@given(st.floats(-1000, 1000), st.floats(0.01, 1000), st.integers(1, 80), st.floats(-0.2, 1.2))
def test_a_value_is_nearest_to_the_centre_of_its_bin(low: float, width: float, bins: int, place: float) -> None:
    edges = labels.equal_width_edges(np.array([low, low + width]), bins)
    middle = labels.centres(edges)
    assert len(middle) == bins
    np.testing.assert_array_equal(labels.to_bins(middle, edges), np.arange(bins))
    value = low + place * width
    found = int(labels.to_bins(np.array([value]), edges)[0])
    assert abs(value - middle[found]) <= np.abs(value - middle).min() + 1e-9 * (abs(low) + width)


# --- names --------------------------------------------------------------------------------------------------------------


def test_classes_have_names_with_units() -> None:
    assert labels.note_name(30) == "C4" and labels.note_name(0) == "F#1"
    assert labels.class_name("pitch", 39, labels.pitch_edges()) == "A4 (440 Hz)"
    assert labels.class_name("amplitude", 0, np.array([0.05, 0.15, 0.25])) == "−20 dBFS"
    assert labels.class_name("timbre", 1, np.array([0.0, 1000.0, 2000.0])) == "1500 Hz"
