"""What the book says and plays of a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosae import clips, listening

RATE = 44100


def test_a_clip_is_described_by_its_length_and_its_peaks() -> None:
    wave = np.zeros(2 * RATE, dtype=np.float32)
    wave[RATE : RATE + 10] = -0.5  # the largest sample, in the first part of the second half
    wave[-1] = 0.1
    described = clips.describe(wave, RATE, "a click")
    assert (described["text"], described["seconds"], len(described["peaks"])) == ("a click", 2.0, clips.PEAKS)
    assert described["peaks"][clips.PEAKS // 2] == 100 and described["peaks"][-1] == 20 and sum(described["peaks"]) == 120


def test_silence_has_no_peaks() -> None:
    assert set(clips.describe(np.zeros(RATE, dtype=np.float32), RATE, "")["peaks"]) == {0}


def test_what_plays_is_mono_and_as_loud_as_everything_else(tmp_path: Path) -> None:
    time = np.arange(3 * RATE) / RATE
    soundfile.write(tmp_path / "quiet.wav", np.stack([0.01 * np.sin(2000 * time), np.zeros_like(time)], axis=1), RATE)
    made = clips.sound(tmp_path / "quiet.wav")
    assert made.wave.ndim == 1 or made.wave.shape[0] == 1
    assert listening.loudness(np.atleast_2d(made.wave), made.sample_rate) == pytest.approx(-23, abs=0.2)
