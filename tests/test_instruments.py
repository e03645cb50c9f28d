"""The judge of instruments: what it looks at, how it ranks, and that training teaches it to tell."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from audiosae.errors import CheckpointError
from audiosae.files import checkpoint
from audiosae.generation import instruments
from audiosae.generation.instruments import Judge, describe
from audiosae.training import judge

RATE = 44100


def note(partials: int, rng: np.random.Generator, fade: float = 0.0) -> np.ndarray:
    """A second of a note of so many partials, that fades so fast: [2, samples]."""
    time = np.arange(RATE) / RATE
    hertz = rng.uniform(150, 300)
    wave = sum(np.sin(2 * np.pi * hertz * k * time) for k in range(1, partials + 1)) / partials * np.exp(-fade * time)
    return np.stack([wave, wave]).astype(np.float32) * rng.uniform(0.05, 0.5)


def test_statistics_do_not_change_with_the_level_and_silence_has_some() -> None:
    wave = note(5, np.random.default_rng(0))
    found = describe(wave, RATE)
    assert found.shape == (384,)
    np.testing.assert_allclose(describe(wave / 30, RATE), found, atol=0.02)
    assert np.isfinite(describe(0 * wave, RATE)).all()


def test_a_brighter_and_a_fading_note_move_the_statistics_that_are_meant_for_them() -> None:
    dull, bright, fading = (
        describe(note(*of), RATE)
        for of in ((2, np.random.default_rng(0)), (60, np.random.default_rng(0)), (2, np.random.default_rng(0), 6.0))
    )
    mean, change = slice(0, 64), slice(128, 192)
    assert bright[mean][40:55].mean() > dull[mean][40:55].mean() + 5
    loudest = np.argsort(dull[mean])[-2:]  # where the note is
    assert (fading[change][loudest] > dull[change][loudest] + 0.3).all()


def test_places_are_those_of_the_scores_and_what_is_not_known_does_not_count() -> None:
    """Three instruments, told by the first statistic, the second, or neither."""
    made = Judge(("flute", "tuba", "viola"), np.zeros(2), np.ones(2), np.array([[1.0, 0], [0, 1], [0, 0]]), np.array([0, 0, 0.5]))
    heard = np.array([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]])
    places = made.places(heard, ["flute", "tuba", "viola", "kazoo"])
    np.testing.assert_array_equal(places, [1, 2, 3, np.nan])
    assert instruments.shares(places) == {"heard first": 1 / 3, "heard in the first three": 1.0, "pieces": 3}
    assert instruments.shares(made.places(heard[:1], [None])) is None


def test_a_judge_is_read_as_it_was_written_and_another_file_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = Judge(("flute", "tuba"), rng.random(384), rng.random(384) + 1, rng.normal(size=(2, 384)), rng.normal(size=2))
    made.save(tmp_path / "a.safetensors", {"seed": 0})
    read = instruments.load(tmp_path / "a.safetensors")
    heard = rng.normal(size=(5, 384))
    assert read.names == made.names
    np.testing.assert_array_equal(read.places(heard, ["tuba"] * 5), made.places(heard, ["tuba"] * 5))
    checkpoint.save(tmp_path / "b.safetensors", {"a": torch.zeros(1)}, {"kind": "codec/encodec"})
    with pytest.raises(CheckpointError, match="codec/encodec"):
        instruments.load(tmp_path / "b.safetensors")


def test_a_trained_judge_tells_instruments_apart_as_they_are_and_as_the_codec_decodes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three instruments; the codec halves the level and drops the last samples."""
    rng = np.random.default_rng(0)
    asked: list[tuple] = []

    def play(*given: object) -> list[SimpleNamespace]:
        asked.append(given)
        kinds = 10 * [("choir, ah", 2), ("tuba", 20), ("viola", 60)]
        return [SimpleNamespace(wave=note(partials, rng), row={"instrument": name}) for name, partials in kinds]

    codec = SimpleNamespace(sample_rate=RATE, channels=2, encode=lambda wave: wave, decode=lambda latents: latents / 2)
    monkeypatch.setattr(judge, "play", play)
    monkeypatch.setattr(judge.codecs, "load", lambda name: codec)
    monkeypatch.setattr(judge, "file_hash", lambda path: "hash of the codec")
    judge.train(tmp_path / "judge.safetensors", 1.0, 1.0, 10.0, 3)
    assert asked == [(1.0, 1.0, 3, "train")]  # no test piece
    made = instruments.load(tmp_path / "judge.safetensors")
    assert made.names == ("choir ah", "tuba", "viola")
    heard = np.stack([describe(note(partials, rng), RATE) for partials in (2, 20, 60)])
    np.testing.assert_array_equal(made.places(heard, ["choir ah", "tuba", "viola"]), 1)
    assert (made.places(heard, ["tuba", "viola", "choir ah"]) > 1).all()
    provenance = checkpoint.load(tmp_path / "judge.safetensors", instruments.KIND)[1]["provenance"]
    assert provenance["clips"] == 60 and provenance["codec"] == "hash of the codec"
