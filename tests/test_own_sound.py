"""A reader's own sound, through the models of a tiny project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_project import CODEC, WEIGHTS, make

from audiosae.errors import ParameterError
from audiosae.sae import features_of
from audiosae.widgets import LiveBrowser, LiveSwitch, own_sound
from audiosae.widgets import cards as feature_cards
from audiosae.widgets.own_sound import OwnSound

RATE = 44100


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a′ at −12 dBFS (peak), with two overtones, in stereo."""
    time = np.arange(20 * RATE) / RATE
    wave = sum(np.sin(2 * np.pi * 440 * n * time) / n for n in (1, 2, 3))
    path = tmp_path_factory.mktemp("own") / "tone.wav"
    soundfile.write(path, np.stack([wave, wave], axis=1) / np.abs(wave).max() / 4, RATE)
    return path


@pytest.fixture(scope="module")
def mine(project: Path, tone: Path) -> OwnSound:
    return own_sound.load(tone, CODEC, WEIGHTS, project)


def test_its_beginning_is_measured(mine: OwnSound) -> None:
    assert mine.codec.name == CODEC and mine.wave.shape == (1, own_sound.LONGEST * mine.codec.sample_rate)
    shown = mine.summary()["median"]
    assert float(shown["pitch"].removeprefix("MIDI ")) == pytest.approx(69, abs=0.3)
    level = 20 * np.log10(np.sqrt((mine.wave**2).mean()))
    assert float(shown["amplitude"].removesuffix(" dBFS")) == pytest.approx(level, abs=0.2)


def test_a_push_of_nothing_is_a_step_of_nothing(mine: OwnSound) -> None:
    still, pushed = mine.towards("pitch", 30, 0.0), mine.pushed(3, 0.0)
    np.testing.assert_allclose(still.wave, pushed.wave, atol=1e-5)
    moved = mine.pushed(3, 2.0)
    assert np.abs(moved.wave - still.wave).max() > 1e-3 and still.beside is not None
    assert still.beside.readout == pushed.beside.readout != moved.readout


def test_its_widgets_steer_push_and_show_only_features_that_fire(mine: OwnSound, project: Path) -> None:
    _, sae, fitted, table = own_sound.models(CODEC, WEIGHTS, project)
    steer, push, cards = mine.widgets(feature_cards.speakers(table, features_of(sae, table.latents), fitted))
    assert isinstance(steer, LiveSwitch) and isinstance(push, LiveSwitch) and isinstance(cards, LiveBrowser)
    assert all(card["fires"] > 0 and [clip["clip"] for clip in card["clips"]] == ["tone"] for card in cards.index["cards"])
    for widget, indices, expected in ((steer, [30, 32], mine.towards("pitch", 30, 2.0)), (push, [3, 8], mine.pushed(3, 2.0))):
        content, (sound, _) = widget.answer({"indices": indices, "beside": False})
        assert content["readout"] == list(expected.readout.items()) and sound == expected.mp3()
    assert cards.answer({"clip": "tone"})[1]


def test_frames_that_name_other_weights_run_nothing(project: Path, tone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of frames is data: it must not decide which program is run as a codec."""
    table = own_sound.frames.load(project / f"data/frames/{CODEC}.arrow")
    monkeypatch.setattr(own_sound.frames, "load", lambda _: replace(table, weights="hostile.py"))
    own_sound.models.cache_clear()
    with pytest.raises(ParameterError, match="come from weights 'hostile.py', not '.*mel_codec.py'"):
        own_sound.load(tone, CODEC, WEIGHTS, project)
