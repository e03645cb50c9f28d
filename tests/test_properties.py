"""Properties of sounds whose answer is known, and what a new entry of the table takes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from audiosae.audio import SAMPLE_RATE, labels
from audiosae.evidence.properties import PROPERTIES, SMALLEST_RISE, Clip, Property, equal_ratio, equal_width
from audiosae.frames import Frames

RATE = 75.0
RNG = np.random.default_rng(0)


def clip(wave: np.ndarray, monophonic: bool = True, family: str = "strings", f0: float = 440.0) -> Clip:
    """One second of a sound as a property sees it, with a tracker that says `f0`."""
    mono = wave.astype(np.float32)
    times = labels.frame_times(int(len(mono) / SAMPLE_RATE * RATE), RATE)
    rms, centroid = labels.level_and_brightness(mono, times)
    pitch = labels.pitch_bins(np.full(len(times), f0), rms > labels.SILENCE)
    table = pd.DataFrame({"f0": np.float32(f0), "rms": rms, "centroid": centroid, "pitch": pitch})
    return Clip(mono, times, table, SimpleNamespace(monophonic=monophonic, family=family))


def sine(hz: float, amplitude: float = 0.5, seconds: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def noise(amplitude: float = 0.1) -> np.ndarray:
    return amplitude * RNG.standard_normal(SAMPLE_RATE)


def middle(name: str, given: Clip) -> np.ndarray:
    """What a property is in the frames whose window does not reach beyond the ends."""
    return PROPERTIES[name].measure(given)[3:-3]


# --- measures -------------------------------------------------------------------------------------------------------------


def test_white_noise_is_flat_and_a_sine_is_not_at_any_level() -> None:
    # The mean of the logarithm of exponentially distributed powers lies 10 log₁₀ e^γ = 2.51 dB under that of their mean.
    assert np.mean(middle("spectral flatness", clip(noise()))) == pytest.approx(-2.51, abs=0.15)
    loud, soft = (middle("spectral flatness", clip(sine(1000, amplitude))) for amplitude in (0.5, 0.005))
    assert loud.max() < -60
    np.testing.assert_allclose(loud, soft, atol=0.5)


def test_crossings_and_rolloff_of_a_sine_are_its_frequency() -> None:
    given = clip(sine(2000))
    np.testing.assert_allclose(middle("zero crossings", given), 4000, atol=2 * SAMPLE_RATE / labels.WINDOW)
    np.testing.assert_allclose(middle("spectral rolloff", given), 2000, atol=2 * SAMPLE_RATE / labels.WINDOW)


def test_an_onset_is_strong_where_the_sound_begins_and_nowhere_else() -> None:
    wave = np.concatenate([np.zeros(SAMPLE_RATE // 2), noise()[: SAMPLE_RATE // 2]])
    strength = PROPERTIES["onset strength"].measure(clip(wave))
    begins = int(0.5 * RATE)
    assert abs(int(strength.argmax()) - begins) <= 2
    assert strength[: begins - 3].max() == 0
    assert strength[begins + 4 : -3].max() < strength.max() / 3
    assert PROPERTIES["onset strength"].measure(clip(wave[::-1].copy()))[begins + 1 : begins + 4].max() < strength.max() / 3  # a fall


def test_an_onset_does_not_hang_on_level_or_on_the_codecs_frame_rate() -> None:
    wave = np.concatenate([sine(300, 0.05, 0.5), sine(300, 0.5, 0.5)])
    first, halved = (PROPERTIES["onset strength"].measure(clip(level * wave)) for level in (1.0, 0.5))
    np.testing.assert_allclose(first, halved, atol=1e-3)
    given = clip(wave)
    every_third = Clip(given.mono, given.times[::3], given.table[::3], given.row)
    np.testing.assert_allclose(PROPERTIES["onset strength"].measure(every_third), first[::3], atol=1e-3)


def test_chroma_is_the_pitch_without_its_octave() -> None:
    for hz, name in ((110.0, "A"), (440.0, "A"), (277.2, "C#"), (261.6, "C")):
        assert set(PROPERTIES["chroma"].measure(clip(sine(hz), f0=hz))) == {name}
    assert set(PROPERTIES["chroma"].measure(clip(sine(440), monophonic=False))) == {""}


def test_the_strongest_chroma_of_a_sound_needs_no_tracker() -> None:
    assert set(middle("strongest chroma", clip(sine(440) + 0.3 * sine(554.4), monophonic=False))) == {"A"}
    assert set(middle("strongest chroma", clip(sine(440), family="drums"))) == {""}


def test_pitch_loudness_and_brightness_are_those_of_the_frame_table() -> None:
    given = clip(sine(440))
    frames = table(len(given.times))
    for name, column in (("pitch", "pitch"), ("amplitude", "rms"), ("timbre", "centroid")):
        label, meaning = PROPERTIES[name].classes(PROPERTIES[name].measure(given), frames)
        expected = given.table[column].to_numpy()
        assert meaning == list(frames.edges[name])
        np.testing.assert_array_equal(label, expected if name == "pitch" else labels.to_bins(expected, frames.edges[name]))


def test_silence_has_no_spectrum_no_pitch_and_no_player() -> None:
    wave = sine(440)
    wave[SAMPLE_RATE // 2 :] = 0
    for name, prop in PROPERTIES.items():
        last = prop.measure(clip(wave))[-5:]
        if name in ("amplitude", "onset strength"):
            assert (last == 0).all()
        else:
            assert (last == "").all() if not prop.ordered else np.isnan(last).all(), name


# --- classes --------------------------------------------------------------------------------------------------------------


def table(count: int, splits: tuple[str, ...] = ("train", "test")) -> Frames:
    """Frames that take turns at the splits."""
    rows = pd.DataFrame({"split": [splits[i % len(splits)] for i in range(count)]})
    edges = {"pitch": labels.pitch_edges(), "amplitude": np.linspace(0, 0.5, 21), "timbre": np.linspace(0, 5000, 21)}
    return Frames(np.zeros((count, 2), np.float32), rows, edges, "codec", "embedded", "swift-f0", RATE)


def test_bins_come_from_training_frames_and_others_go_to_the_end_bins() -> None:
    prop = Property("Hz", lambda clip: clip.times, equal_width, "")
    label, meaning = prop.classes(np.array([0.0, -5.0, 20.0, 99.0, 10.0, np.nan]), table(6))
    assert meaning == pytest.approx(np.arange(21))
    assert label.tolist() == [0, 0, 19, 19, 10, -1]


def test_rises_fall_into_bins_of_equal_ratio_and_the_smallest_share_the_first() -> None:
    edges = equal_ratio(table(2), np.array([0.0, 10.0]))
    np.testing.assert_allclose(edges[1:] / edges[:-1], (10 / SMALLEST_RISE) ** (1 / 20))
    assert labels.to_bins(np.array([0.0, 0.05, 9.99]), edges).tolist() == [0, 0, 19]


def test_names_without_both_training_and_test_recordings_are_no_classes() -> None:
    prop = Property("name", lambda clip: clip.times, None, "")
    values = np.array(["harp", "harp", "tuba", "flute", "", "", "tuba", "flute"])  # tuba is never tested, flute never learnt
    label, meaning = prop.classes(values, table(8))
    assert meaning == ["harp"] and label.tolist() == [0, 0, -1, -1, -1, -1, -1, -1]
    label, meaning = prop.classes(np.array(["b", "a", "a", "b"]), table(4))
    assert meaning == ["a", "b"] and label.tolist() == [1, 0, 0, 1]
