"""Codecs before and after: figures and intervals from sums, and which clips are heard."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from audiosae.audio import labels, similarity
from audiosae.training import before_after

RATE = 24000


def tone(hertz: float, gain: float = 0.3) -> np.ndarray:
    time = np.arange(RATE) / RATE
    swell = 0.2 + 0.8 * np.sin(np.pi * time) ** 2
    return (gain * swell * (np.sin(2 * np.pi * hertz * time) + 0.3 * np.sin(4 * np.pi * hertz * time))).astype(np.float32)


class Transposing:
    """A codec that plays everything a little higher, by reading faster, and softer."""

    name, sample_rate, channels, frame_rate = "toy", RATE, 1, 75.0

    def __init__(self, semitones: float) -> None:
        self.speed = 2 ** (semitones / 12)

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        return wave

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        places = (torch.arange(latents.shape[-1]) * self.speed % latents.shape[-1]).long()
        return 0.8 * latents[..., places]


@pytest.fixture
def test(tmp_path: Path) -> pd.DataFrame:
    rows = []
    for number, (hertz, monophonic) in enumerate([(220, True), (330, True), (440, False)]):
        file = tmp_path / f"{number}.wav"
        soundfile.write(file, tone(hertz, 0.1 + 0.1 * number), RATE)
        rows.append({"clip": f"clip {number}", "file": str(file), "monophonic": monophonic})
    return pd.DataFrame(rows).set_index("clip")


def test_the_figures_are_those_of_the_pages(test: pd.DataFrame) -> None:
    codec = Transposing(0.1)
    sums = pd.DataFrame(before_after.measure(test, codec, "swift-f0"), index=test.index)
    found = before_after.figures(sums, np.ones(3))
    sides: tuple[list[labels.Measured], list[labels.Measured]] = [], []
    distances = []
    for file in test["file"]:
        wave = soundfile.read(file, dtype="float32")[0][None]
        decoded = codec.decode(torch.from_numpy(wave)[None])[0].numpy()
        for side, sound in zip(sides, (wave, decoded), strict=True):
            side.append(labels.describe(sound, RATE, 75.0, "swift-f0"))
        distances.append(similarity.log_mel_mae(decoded[0], wave[0], RATE))
    expected = similarity.agreement(*sides, [True, True, False])
    for name, value in {**expected, "log_mel_db": np.mean(distances)}.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    assert found["pitch"] > 0.8  # 10 cents are within 50


def test_more_than_50_cents_off_is_off_and_clips_of_several_voices_do_not_count(test: pd.DataFrame) -> None:
    sums = pd.DataFrame(before_after.measure(test, Transposing(1.0), "swift-f0"), index=test.index)
    assert before_after.figures(sums, np.ones(3))["pitch"] < 0.1 and sums["voiced"]["clip 2"] == 0 < sums["voiced"]["clip 0"]


def table(hits: list[float], distance: list[float]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for hit, far in zip(hits, distance, strict=True):
        x = rng.random(50)
        moments = dict(zip(("n", "x", "y", "xx", "yy", "xy"), (50, x.sum(), x.sum(), x @ x, x @ x, x @ x), strict=True))
        rows.append(
            {
                "hits": hit,
                "voiced": 10.0,
                **{f"{name}_{of}": v for name in ("rms", "centroid") for of, v in moments.items()},
                "log_mel_db": far,
                "clips": 1.0,
            }
        )
    return pd.DataFrame(rows)


def test_a_change_is_drawn_on_the_same_clips() -> None:
    """Clips differ much, and each gets better by as much: the values are unsure, the change is not."""
    distance = np.linspace(2, 20, 30)
    first, now = table([5.0] * 30, distance.tolist()), table([9.0] * 30, (distance - 3).tolist())
    rows = {row["figure"]: row for row in before_after.compare("encodec", first, now, 0)}
    mel = rows["log_mel_db"]
    assert (mel["first"], mel["now"], mel["change"]) == pytest.approx((11, 8, -3))
    assert mel["first_high"] - mel["first_low"] > 2 and mel["change_high"] - mel["change_low"] < 1e-6
    assert (rows["pitch"]["first"], rows["pitch"]["now"], rows["pitch"]["change_low"]) == pytest.approx((0.5, 0.9, 0.4))
    assert rows["rms"]["now"] == pytest.approx(1)


def test_the_clips_that_are_heard_are_the_easiest_and_hardest_in_the_mean() -> None:
    distances = pd.DataFrame({"one": [9.0, 1, 5, 2, 8, 3, 7], "other": [1.0, 1, 5, 2, 8, 3, 7]}, index=list("abcdefg"))
    assert before_after.chosen(distances) == {
        "easy 1: b": "b",
        "easy 2: d": "d",
        "easy 3: f": "f",
        "hard 1: c": "c",
        "hard 2: g": "g",
        "hard 3: e": "e",
    }


def test_sounds_and_figures_are_written(test: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three codecs, whose first weights played a semitone off."""
    (tmp_path / "data/corpus").mkdir(parents=True)
    (tmp_path / "data/corpus/manifest.csv").write_text("clip\n")
    for folder in ("first", "now"):
        (tmp_path / folder).mkdir()
        for name in before_after.RECIPES:
            (tmp_path / folder / f"{name}.safetensors").write_text(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(before_after.embedded, "FOLDER", tmp_path / "now")
    manifest = (
        pd.concat([test.rename(index=f"{{}}, {n}".format) for n in "ab"]).reset_index(names="clip").assign(split="test", monophonic=True)
    )
    monkeypatch.setattr(before_after, "corpus", SimpleNamespace(load=lambda _: manifest))
    monkeypatch.setattr(before_after.codecs, "load", lambda name, path: Transposing(1.0 if path.parent.name == "first" else 0.0))
    sounds = tmp_path / "book/_static/sounds/codecs"
    before_after.run(tmp_path / "first", tmp_path / "out.json", sounds, "swift-f0", 0)
    rows = before_after.results.read(tmp_path / "out.json")["figures"]
    assert len(rows) == 12
    for row in rows:
        if row["figure"] == "pitch":
            assert row["first"] < 0.1 and row["now"] > 0.9 and row["change_low"] > 0.8
    index = before_after.results.read(sounds / "index.json")
    assert len(index["states"]) == 6 * 3 * 3 and index["states"]["0-0-0"]["readout"] == []
    assert index["states"]["0-0-2"]["readout"][0][0] == "log-mel distance"
