"""Is it music: distances and spreads whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.generation import quality

EDGES = {"pitch": np.arange(29.5, 96), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(0, 4000, 21)}
CLIPS = {"a": ("train", 6), "b": ("train", 6), "c": ("test", 6), "d": ("test", 4), "e": ("test", 6)}
RNG = np.random.default_rng(0)
ONE, OTHER = RNG.standard_normal((500, 4)), 2 * RNG.standard_normal((400, 4)) @ RNG.standard_normal((4, 4)) + 1


@pytest.fixture
def frames() -> Frames:
    rows = [(clip, split) for clip, (split, length) in CLIPS.items() for _ in range(length)]
    latents = np.random.default_rng(0).standard_normal((len(rows), 4)).astype(np.float32)
    return Frames(latents, pd.DataFrame(rows, columns=["clip", "split"]), EDGES, "diffrhythm-vae", "embedded", "swift-f0", 21.5)


def test_the_distance_is_the_formula_and_symmetric() -> None:
    assert quality.frechet(ONE, ONE + [3, 0, 0, 4]) == pytest.approx(25)
    first, second = np.cov(ONE, rowvar=False), np.cov(OTHER, rowvar=False)
    shared = np.sqrt(np.linalg.eigvals(first @ second).real).sum()  # of the product that is not symmetric
    expected = ((ONE.mean(0) - OTHER.mean(0)) ** 2).sum() + np.trace(first + second) - 2 * shared
    assert [quality.frechet(ONE, OTHER), quality.frechet(OTHER, ONE)] == pytest.approx([expected, expected])
    with pytest.raises(ParameterError, match="no distance"):
        quality.frechet(ONE[:1], OTHER)


def test_windows_are_summed_up_without_the_rest_of_a_clip() -> None:
    found = quality.windows(np.arange(2 * 7 * 1, dtype=np.float32).reshape(2, 7, 1), 3)
    assert found == pytest.approx(np.array([[mean, (2 / 3) ** 0.5] for mean in (1, 4, 8, 11)]))
    with pytest.raises(ParameterError, match="windows of 5 frames do not fit into clips of 3"):
        quality.windows(np.zeros((5, 3, 4)), 5)


def test_sets_of_other_sizes_are_compared_by_as_many_windows() -> None:
    """More of the reference must not change what few pieces are said to be, but for the draw."""
    rng = np.random.default_rng(0)
    few, many = rng.standard_normal((30, 10, 2)), rng.standard_normal((3000, 10, 2))
    of_many, of_few = (quality.distances({"few": few}, reference, 5, 0)["few"] for reference in (many, many[:30]))
    assert of_many == pytest.approx(of_few, abs=0.15)


def test_clips_of_a_split_that_are_as_long_as_most(frames: Frames) -> None:
    found = quality.clips(frames, "test")
    assert found.shape == (2, 6, 4)
    np.testing.assert_array_equal(found[0], frames.latents[12:18])


def test_a_spread_that_is_moved_by_two_bins() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({prop: rng.integers(0, 10, 500) for prop in EDGES})
    moved = real.assign(timbre=real["timbre"] + 2, amplitude=real["amplitude"].where(real.index > 50, -1))
    found = quality.spread(moved, real)
    assert found["pitch"] == 0 and found["timbre"] == pytest.approx(2) and found["amplitude"] < 0.3
    with pytest.raises(ParameterError, match="has a pitch"):
        quality.spread(real.assign(pitch=-1), real)


def test_decoded_music_is_put_into_the_same_classes_as_the_clips() -> None:
    tone = (0.2 * np.sqrt(2) * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)).astype(np.float32)
    found = quality.classes([np.stack([tone, tone]), np.zeros((2, 44100), np.float32)], 44100, "swift-f0", 21.5, EDGES)
    inner = found[found["piece"] == 0].iloc[3:-3]
    assert set(inner["amplitude"]) <= {9, 10} and set(inner["pitch"]) == {69 - 30}  # RMS 0.2 is an edge
    assert set(inner["timbre"]) == {2}  # 440 Hz in bins of 200 Hz
    assert (found.loc[found["piece"] == 1, "pitch"] == -1).all()
