"""The corpus: which pieces, which splits, which notes, and what is heard of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae import audio, corpus
from audiosae.audio import SAMPLE_RATE, loudness, pitch
from audiosae.corpus import building, groove, performance
from audiosae.corpus.building import build
from audiosae.corpus.clip import PARTS, SPLITS, Clip, split_of
from audiosae.corpus.embedded import Session, plan
from audiosae.corpus.instruments import BY_NAME, ENSEMBLES, GUITARS, KITS, ORCHESTRA, PIANOS, VOICES
from audiosae.corpus.performance import perform
from audiosae.corpus.render import Event, Track, render, to_loudness
from audiosae.corpus.scores import Note, pool, voices

SHARES = {"chorales": 4, "vocals": 4, "drums": 3, "guitar": 2, "piano": 2}
MINUTES, SECONDS = 15.0, 5.0
CLIPS_OF = {"chorales": 3, "vocals": 1, "drums": 1, "guitar": 1, "piano": 1}


@lru_cache
def sessions() -> list[Session]:
    """The default corpus, as planned."""
    return plan(MINUTES, SECONDS, SHARES, 0)


@lru_cache
def monophonic_clips() -> list[Clip]:
    """Clips of the default corpus that one voice plays, without their sound, which takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performance, "render", lambda tracks, seconds: np.zeros((2, int(seconds * SAMPLE_RATE)), np.float32))
        patch.setattr(performance, "to_loudness", lambda wave, target: wave)
        # Few of the sung lines: reading their scores takes longest.
        chosen = [s for s in sessions() if s.kind in ("stems", "solo") or s.kind == "sung" and s.order < 6]
        played = [perform(s, SECONDS) for s in chosen]
    return [clip for clips in played for clip in clips if clip.row["monophonic"]]


# --- splits -------------------------------------------------------------------------------------------------------------


def test_splits_never_change() -> None:
    """Shipped weights were trained on "train": another split of these would let them meet test pieces."""
    pinned = {
        "bach/bwv1.6.mxl": "train",
        "bach/bwv10.7.mxl": "test",
        "bach/bwv269.mxl": "validation",
        "beethoven/opus59no1/movement1.mxl": "test",
        "groove/000": "train",
    }
    assert {piece: split_of(piece) for piece in pinned} == pinned


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.sampled_from("abcxyz"))
def test_versions_of_a_piece_share_its_split(name: str, version: str) -> None:
    assert split_of(f"bach/{name}.mxl") == split_of(f"bach/{name}-{version}.mxl")
    assert split_of(f"bach/{name}.mxl") in SPLITS


@pytest.mark.parametrize("part", PARTS)
def test_pools_divide_about_as_meant(part: str) -> None:
    shares = Counter(map(split_of, pool(part)))
    assert [shares[split] / len(pool(part)) for split in ("train", "test")] == pytest.approx([0.6, 0.25], abs=0.1)
    assert pool(part) == tuple(sorted(set(pool(part))))


# --- the plan -----------------------------------------------------------------------------------------------------------


def test_every_part_has_pieces_and_minutes_in_its_share() -> None:
    minutes, pieces = Counter(), defaultdict(set)
    for session in sessions():
        assert session.split == split_of(session.piece)
        minutes[session.part] += len(session.levels) * SECONDS / 60
        pieces[session.part].add(session.piece)
        assert len(session.levels) == CLIPS_OF[session.part]
    assert sum(minutes.values()) == pytest.approx(MINUTES, rel=0.03)
    for part in PARTS:
        assert minutes[part] == pytest.approx(MINUTES * SHARES[part] / sum(SHARES.values()), rel=0.1)
        assert len(pieces[part]) >= 8 and minutes[part] >= 1.99
    for split, share in (("train", 0.6), ("validation", 0.15), ("test", 0.25)):
        found = sum(len(s.levels) for s in sessions() if s.split == split) * SECONDS / 60
        assert found == pytest.approx(share * MINUTES, rel=0.1)


@pytest.mark.parametrize("split", SPLITS)
def test_levels_span_30_db_in_every_split_and_never_more(split: str) -> None:
    levels = [level for s in sessions() if s.split == split for level in s.levels]
    assert max(levels) == pytest.approx(-12) and min(levels) == pytest.approx(-42)
    assert np.median(levels) > -27  # more of them loud than soft


def test_the_same_seed_is_the_same_plan_and_another_seed_another() -> None:
    assert plan(MINUTES, SECONDS, SHARES, 0) == sessions()
    assert plan(MINUTES, SECONDS, SHARES, 1) != sessions()
    assert len({session.seed for session in sessions()}) == len(sessions())


def test_a_plan_without_test_pieces_has_none() -> None:
    found = plan(3, SECONDS, SHARES, 0, ("train",))
    assert {split_of(session.piece) for session in found} == {"train"}
    assert sum(len(session.levels) for session in found) * SECONDS == pytest.approx(180, rel=0.1)
    # And a few seconds still have every part in every split.
    assert {(s.part, s.split) for s in plan(0.1, 1.0, SHARES, 0)} == {(part, split) for part in PARTS for split in SPLITS}


# --- the notes ----------------------------------------------------------------------------------------------------------


def test_single_voices_cover_the_66_pitch_classes_and_never_overlap() -> None:
    notes = Counter()
    for clip in monophonic_clips():
        player = BY_NAME[clip.row["instrument"]]
        for (start, end, midi), following in zip(clip.notes, [*clip.notes[1:], (SECONDS, 0, 0)], strict=False):
            assert 0 <= start < end <= following[0] + 1e-9, clip.row
            assert max(30, player.low) <= midi <= min(95, player.high), clip.row
            notes[midi] += 1
    assert set(notes) == set(range(30, 96))


@pytest.mark.parametrize("split", SPLITS)
def test_every_family_is_heard_in_every_split(split: str) -> None:
    families = {clip.row["family"] for clip in monophonic_clips() if clip.row["split"] == split}
    assert families == {player.family for player in (*ORCHESTRA, *VOICES, *GUITARS)}


def test_clips_have_notes_most_of_the_time() -> None:
    sounding = [sum(end - start for start, end, _ in clip.notes) / SECONDS for clip in monophonic_clips()]
    assert min(sounding) > 0.2 and np.median(sounding) > 0.8


def test_one_note_at_a_time_is_the_highest_and_ends_with_the_next() -> None:
    line = sorted([Note(0, 4, 60), Note(0, 4, 64), Note(2, 1, 62), Note(6, 1, 59)])
    assert performance._monophonic(line) == [Note(0, 2, 64), Note(2, 1, 62), Note(6, 1, 59)]


def test_a_score_gives_its_voices() -> None:
    found = voices("bach/bwv269.mxl")
    assert len(found) == 4 and all(line == sorted(line) for line in found)
    middles = [np.mean([note.midi for note in line]) for line in found]
    assert middles == sorted(middles, reverse=True)  # soprano, alto, tenor, bass
    assert found[0][0].midi == 67 and found[0][0].onset == 0  # Aus meines Herzens Grunde begins on G


def test_instruments_are_known_once_and_ensembles_are_of_them() -> None:
    everyone = [*ORCHESTRA, *VOICES, *GUITARS, *PIANOS]
    assert len(BY_NAME) == len(everyone) and all(player.low < player.high for player in everyone)
    assert all(name in BY_NAME for players in ENSEMBLES.values() for name in players)


def test_drums_are_in_time_and_in_order() -> None:
    for seed in range(20):
        hits = groove.compose(np.random.default_rng(seed), 6.0)
        assert hits == sorted(hits) and len(hits) > 10
        assert all(0 <= time < 6 and 35 <= drum <= 81 and 1 <= velocity <= 127 for time, drum, velocity in hits)


# --- the sound ----------------------------------------------------------------------------------------------------------


def session(kind: str) -> Session:
    return next(s for s in sessions() if s.kind == kind)


@pytest.mark.parametrize("kind", ["stems", "sung", "drums", "solo", "strummed", "piano"])
def test_a_performance_repeats_exactly_and_is_as_long_and_loud_as_planned(kind: str) -> None:
    first, second = perform(session(kind), 2.0), perform(session(kind), 2.0)
    assert len(first) == len(session(kind).levels) == CLIPS_OF[session(kind).part]
    for clip, again, level in zip(first, second, session(kind).levels, strict=False):
        np.testing.assert_array_equal(clip.wave, again.wave)
        assert clip.row == again.row and clip.notes == again.notes
        assert clip.wave.dtype == np.float32 and clip.wave.shape == (2, 2 * SAMPLE_RATE)
        assert clip.row["duration"] == 2.0 and clip.row["split"] == session(kind).split
        assert np.abs(clip.wave).max() <= loudness.PEAK
        reached = loudness.loudness(clip.wave, SAMPLE_RATE)
        assert reached == pytest.approx(level, abs=0.05) or np.abs(clip.wave).max() > 0.99 * loudness.PEAK
        assert bool(clip.notes) == (kind != "drums")


SOUNDING = {"double bass": 33, "tuba": 40, "cello": 50, "nylon guitar": 55, "choir, ah": 60, "grand piano": 64, "violin": 76, "piccolo": 93}


@pytest.mark.parametrize(("name", "midi"), SOUNDING.items())
def test_a_note_sounds_at_the_pitch_that_is_written(name: str, midi: int) -> None:
    wave = render([Track(BY_NAME[name].program, [Event(0.1, 0.9, midi, 100)])], 1.2)
    tracker = "swift-f0" if midi >= 36 else "crepe-tiny"
    f0, _ = pitch.track(audio.to_mono(wave), np.linspace(0.4, 0.8, 15), tracker)
    assert np.median(pitch.to_midi(f0)) == pytest.approx(midi, abs=0.5)


def test_a_note_begins_and_ends_when_it_is_written_and_on_its_side() -> None:
    program = BY_NAME["French horn"].program
    wave = render([Track(program, [Event(0.5, 0.3, 60, 100)], pan=0)], 2.0)
    assert wave.shape == (2, 2 * SAMPLE_RATE)
    assert not wave[:, : int(0.49 * SAMPLE_RATE)].any()
    sounding = np.abs(wave[0, int(0.55 * SAMPLE_RATE) : int(0.8 * SAMPLE_RATE)]).max()
    assert sounding > 20 * np.abs(wave[0, int(1.7 * SAMPLE_RATE) :]).max()
    assert np.abs(wave[0]).max() > 5 * np.abs(wave[1]).max()  # the sample itself is a little stereo
    assert wave[0, -1] == 0


def test_every_kit_sounds() -> None:
    waves = [render([Track(kit, [Event(0, 0.2, groove.SNARE, 100)], drums=True)], 0.3) for kit in KITS.values()]
    assert all(np.abs(wave).max() > 1e-3 for wave in waves)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.floats(-60, 0), st.floats(0.01, 1))
def test_a_loudness_is_reached_or_the_peak_is_the_reason(target: float, amplitude: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1 * amplitude, (2, SAMPLE_RATE)).astype(np.float32)
    scaled = to_loudness(noise, target)
    peak = np.abs(scaled).max()
    assert peak <= loudness.PEAK
    reached = loudness.loudness(scaled, SAMPLE_RATE)
    assert reached == pytest.approx(target, abs=0.05) or (peak > 0.99 * loudness.PEAK and reached < target)


# --- what is written --------------------------------------------------------------------------------------------------


def test_the_embedded_corpus_is_written_as_it_was_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [session("drums"), session("stems")]
    monkeypatch.setattr(building, "plan", lambda *arguments: few)
    monkeypatch.setattr(building, "play", lambda chosen, seconds: (c for s in chosen for c in perform(s, seconds)))
    build(tmp_path / "corpus", "embedded", 1, 2.0, SHARES, 0)
    loaded, notes = corpus.load(tmp_path / "corpus"), corpus.load_notes(tmp_path / "corpus")
    played = [clip for s in few for clip in perform(s, 2.0)]
    for row, clip in zip(loaded.itertuples(), played, strict=True):
        assert {name: getattr(row, name) for name in clip.row} == clip.row
        np.testing.assert_allclose(audio.read(row.file)[0], clip.wave, atol=2**-23)
        kept = notes[notes["clip"] == row.clip][["start", "end", "midi"]].to_numpy()
        np.testing.assert_allclose(kept.reshape(-1, 3), np.array(clip.notes).reshape(-1, 3), atol=1e-6)
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == ["audio", "manifest.csv", "notes.csv"]
