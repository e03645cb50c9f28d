"""A reader's own sound, through the models of the small run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosae import audio, feature_cards, own_sound
from audiosae.codecs import embedded
from audiosae.errors import AudiosaeError, ParameterError
from audiosae.own_sound import OwnSound
from conftest import Clone

RATE = 44100


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a′ at −12 dBFS (peak), with two overtones, in stereo."""
    time = np.arange(20 * RATE) / RATE
    wave = sum(np.sin(2 * np.pi * 440 * n * time) / n for n in (1, 2, 3))
    path = tmp_path_factory.mktemp("own") / "tone.wav"
    soundfile.write(path, np.stack([wave, wave], axis=1) / np.abs(wave).max() / 4, RATE)
    return path


@pytest.fixture(autouse=True, scope="module")
def weights_of_the_clone(clone: Clone) -> Iterator[None]:
    """In a fresh clone those that ship are not checked out yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "FOLDER", clone.root / "checkpoints")
        yield


@pytest.fixture(scope="module")
def mine(clone: Clone, tone: Path) -> OwnSound:
    return own_sound.load(tone, "encodec", clone.root)


def test_its_beginning_is_measured(mine: OwnSound) -> None:
    assert mine.wave.shape == (1, own_sound.LONGEST * mine.codec.sample_rate)
    shown = own_sound.summary(mine)["median"]
    assert float(shown["pitch"].removeprefix("MIDI ")) == pytest.approx(69, abs=0.3)
    wave, _ = audio.read(mine.path)
    assert float(shown["amplitude"].removesuffix(" dBFS")) == pytest.approx(20 * np.log10(np.sqrt((wave[0] ** 2).mean())), abs=0.2)


def test_the_weights_are_those_that_the_frames_came_from(clone: Clone, tone: Path) -> None:
    assert own_sound.load(tone, "mel", clone.root).codec.name == "mel"  # a codec of the reader's own, found without being told where


def test_a_push_of_nothing_is_a_step_of_nothing(mine: OwnSound) -> None:
    still, pushed = mine.towards("pitch", 30, 0.0), mine.pushed(3, 0.0)
    np.testing.assert_allclose(still.wave, pushed.wave, atol=1e-5)
    moved = mine.pushed(3, 2.0)
    assert np.abs(moved.wave - still.wave).max() > 1e-3 and still.beside is not None
    assert still.beside.readout == pushed.beside.readout != moved.readout


def test_a_feature_that_is_not_there_is_refused_by_its_range(mine: OwnSound) -> None:
    with pytest.raises(ParameterError, match=f"no feature {mine.sae.hidden}; this autoencoder has 0 to {mine.sae.hidden - 1}"):
        mine.pushed(mine.sae.hidden, 1.0)


def test_cards_show_only_features_that_fire_in_it(mine: OwnSound, clone: Clone) -> None:
    _, sae, fitted, table = own_sound.models("encodec", clone.root)
    cards = mine.cards(feature_cards.speakers(table, sae, fitted))
    assert cards and all(card["fires"] > 0 and [clip["clip"] for clip in card["clips"]] == ["tone"] for card in cards)


def test_a_file_that_is_no_sound_is_named(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "words.wav").write_text("no sound")
    with pytest.raises(AudiosaeError, match="words.wav"):
        own_sound.load(tmp_path / "words.wav", "encodec", clone.root)


def test_frames_that_name_other_weights_run_nothing(clone: Clone, tone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of frames is data: it must not decide which program is run as a codec."""
    table = own_sound.frames.load(clone.root / "data/frames/encodec.arrow")
    monkeypatch.setattr(own_sound.frames, "load", lambda _: replace(table, weights="hostile.py"))
    own_sound.models.cache_clear()
    with pytest.raises(ParameterError, match="come from weights 'hostile.py', but params.yaml names 'embedded'"):
        own_sound.load(tone, "encodec", clone.root)
