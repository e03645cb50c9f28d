"""Recordings of one's own: what is found, used, changed, left out and said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jupytext
import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.signal import lfilter

from audiosae import audio, corpus
from audiosae.audio import SAMPLE_RATE
from audiosae.corpus import duplicates, folder, groove, monophony
from audiosae.corpus.building import build
from audiosae.corpus.clip import PARTS, QUOTA, SPLITS
from audiosae.corpus.instruments import BY_NAME, KITS
from audiosae.corpus.render import Event, Track, render
from audiosae.errors import CorpusError

SHARES = dict.fromkeys(PARTS, 1.0)
NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "01_extraction.py"


def melody(hertz: float, seconds: float, rate: int = SAMPLE_RATE, seed: int = 0) -> np.ndarray:
    """Two notes a third apart with partials and a little vibrato: [samples]. Another seed is another take."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    vibrato = np.sin(2 * np.pi * rng.uniform(4, 6) * time + rng.uniform(0, 6))
    pitch = hertz * np.where(time < seconds / 2, 1, 1.26) * (1 + rng.normal(0, 0.003) + 0.004 * vibrato)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    return 0.3 * sum(np.sin(k * phase + rng.uniform(0, 6)) / k**1.5 for k in range(1, 9))


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * SAMPLE_RATE))


def write(path: Path, wave: np.ndarray, rate: int = SAMPLE_RATE, **options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, **options)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Four recordings of other formats, rates, channels and lengths, one of them in a folder of its own."""
    source = tmp_path / "mine"
    for name, rate, channels, seconds, hertz in (
        ("a.wav", 44100, 2, 2.0, 300),
        ("b.flac", 48000, 1, 3.2, 400),
        ("c.mp3", 44100, 1, 1.0, 500),
        ("deeper/D.OGG", 22050, 2, 4.7, 600),
    ):
        write(source / name, np.repeat(melody(hertz, seconds, rate)[:, None], channels, axis=1), rate)
    (source / "notes.txt").write_text("no sound")
    return source


def used(source: Path, minutes: float = 15, clip_seconds: float = 2.0, seed: int = 0) -> pd.DataFrame:
    """The table of what became of each file."""
    return folder.choose(source, minutes, clip_seconds, seed)[0].set_index("file")


def made(source: Path, target: Path) -> pd.DataFrame:
    """The table as it is written beside the manifest."""
    build(target, str(source), 15, 2.0, SHARES, 0)
    return pd.read_csv(target / "recordings.csv", index_col="file")


# --- a corpus of them ---------------------------------------------------------------------------------------------------


def test_a_folder_becomes_a_corpus(mine: Path, tmp_path: Path) -> None:
    manifest = build(tmp_path / "corpus", str(mine), 15, 2.0, SHARES, 0)
    loaded = corpus.load(tmp_path / "corpus")
    assert manifest["clip"].tolist() == loaded["clip"].tolist()
    # 3.2 s is 2 and 1.2; 4.7 s is 2, 2 and 0.7.
    lengths = loaded.groupby("piece")["duration"].apply(list).to_dict()
    assert {piece: pytest.approx(cut, abs=0.03) for piece, cut in lengths.items()} == {
        "a.wav": [2.0],
        "b.flac": [2.0, 1.2],
        "c.mp3": [1.0],
        "deeper/D.OGG": [2.0, 2.0, 0.7],
    }
    assert loaded.groupby("piece")["split"].nunique().max() == 1 and set(loaded["split"]) == set(SPLITS)
    assert loaded["monophonic"].all()
    for row in loaded.itertuples():
        wave, rate = audio.read(row.file)
        assert rate == SAMPLE_RATE and wave.shape[1] == round(row.duration * rate)
        original, own_rate = audio.read(mine / row.piece)
        begin = int(row.clip[-3:]) * 2 * own_rate
        own = original[:, begin : begin + 2 * own_rate]
        assert np.sqrt((wave**2).mean()) == pytest.approx(np.sqrt((own**2).mean()), rel=0.01)
    assert corpus.load_notes(tmp_path / "corpus").empty
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "mine"]


def test_a_rest_too_short_to_use_is_dropped(mine: Path) -> None:
    _, clips = folder.choose(mine, 15, 1.5, 0)
    found = [clip.row["clip"] for clip in clips if clip.row["piece"] == "deeper/D.OGG"]
    assert found == [f"own-0003-00{number}" for number in range(3)]  # 4.7 s is three times 1.5, and 0.2 is left


def test_building_again_gives_the_same_bytes_and_replaces_what_was_there(mine: Path, tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        build(tmp_path / "corpus", str(mine), 15, 2.0, SHARES, 0)
        return {str(path): path.read_bytes() for path in (tmp_path / "corpus").rglob("*.*")}

    first = contents()
    (tmp_path / "corpus" / "stale.txt").write_text("from before")
    assert contents() == first


# --- minutes and split --------------------------------------------------------------------------------------------------


def test_minutes_count_and_are_spread_over_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.wav", melody(200 + 30 * number, 4.0, 16000), 16000)
    assert used(tmp_path, minutes=0.13, clip_seconds=1.0)["used"].tolist() == [2.0] * 4
    told = "4 recordings, 0.27 min without copies; corpus.minutes asks for 0.13, 0.13 min of 4 recordings are used"
    assert told in capsys.readouterr().out
    assert used(tmp_path, minutes=15, clip_seconds=2.0)["used"].sum() == pytest.approx(16)  # all there is
    few = used(tmp_path, minutes=0.001, clip_seconds=4.0)
    assert few["used"].sum() == pytest.approx(12) and set(few["split"]) == {*SPLITS, ""}
    assert few.loc[few["used"] == 0, "note"].eq("not drawn: the others fill corpus.minutes").all()


@pytest.mark.parametrize("seed", range(3))
def test_recordings_are_split_by_their_length(tmp_path: Path, seed: int) -> None:
    write(tmp_path / "long.wav", melody(220, 12.0, 16000), 16000)
    for number in range(6):
        write(tmp_path / f"{number}.wav", melody(250 + 30 * number, 1 + number / 4, 16000), 16000)
    table = used(tmp_path, seed=seed)
    shares = table.groupby("split")["used"].sum() / table["used"].sum()
    assert table.loc["long.wav", "split"] == "train"
    assert all(shares[split] == pytest.approx(share, abs=0.08) for split, share in QUOTA.items())


@pytest.mark.parametrize("seed", range(5))
def test_every_split_gets_a_single_voice_where_there_are_three(seed: int) -> None:
    def split(seed: int) -> list[str]:
        return folder.divide(np.ones(20), np.isin(np.arange(20), (2, 5, 11)), np.random.default_rng(seed))

    assert {split(seed)[i] for i in (2, 5, 11)} == set(SPLITS)
    assert split(seed) == split(seed) != split(seed + 1)


# --- copies -------------------------------------------------------------------------------------------------------------


def test_a_recording_in_several_formats_is_used_once(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wave, rate = audio.read(mine / "b.flac")
    write(mine / "0 old export.mp3", wave.T, rate)
    write(mine / "deeper" / "quieter.aif", 0.4 * wave.T, rate, format="AIFF")
    write(mine / "x.ogg", np.pad(wave.T, ((1500, 0), (0, 0))), rate)  # as an encoder might delay it
    table = made(mine, tmp_path / "corpus")
    assert table[table["used"] == 0]["note"].to_dict() == dict.fromkeys(
        ["0 old export.mp3", "deeper/quieter.aif", "x.ogg"], "left out: same sound as b.flac"
    )
    assert set(corpus.load(tmp_path / "corpus")["piece"]) == {"a.wav", "b.flac", "c.mp3", "deeper/D.OGG"}
    assert "0 old export.mp3: left out: same sound as b.flac." in capsys.readouterr().out


def alike(a: np.ndarray, b: np.ndarray) -> float:
    return duplicates.correlation(*(duplicates.excerpt(wave[None].astype(np.float32), SAMPLE_RATE) for wave in (a, b)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (melody(220, 2.0), melody(220, 2.0, seed=1)),
        (noise(2.0), noise(2.0, 1)),
        (np.sin(np.arange(88200) * 2 * np.pi * 440 / 44100), np.sin(np.arange(88200) * 2 * np.pi * 444 / 44100)),
        (noise(2.0) + 1, noise(2.0, 1) + 1),
    ],
    ids=["two takes", "two noises", "two tones", "an offset in common"],
)
def test_what_only_sounds_alike_is_not_a_copy(one: np.ndarray, other: np.ndarray) -> None:
    assert alike(one, other) < 0.7 < duplicates.CORRELATION
    assert alike(one, 0.3 * one + noise(2.0, 9)[: len(one)] / 50) > 0.9


# --- one voice at a time ------------------------------------------------------------------------------------------------


def speech(seconds: float = 4.0) -> np.ndarray:
    """Something like it: syllables of pulses through two formants with a falling pitch, a hiss before each, and rests."""
    rng = np.random.default_rng(0)
    said = []
    while sum(map(len, said)) < seconds * SAMPLE_RATE:
        time = np.arange(int(rng.uniform(0.12, 0.3) * SAMPLE_RATE)) / SAMPLE_RATE
        pulses = np.diff(np.floor(np.cumsum(rng.uniform(110, 150) * (1 - 0.5 * time)) / SAMPLE_RATE), prepend=0)
        for hertz in (rng.uniform(300, 800), rng.uniform(900, 2200)):
            angle, radius = 2 * np.pi * hertz / SAMPLE_RATE, np.exp(-np.pi * 80 / SAMPLE_RATE)
            pulses = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], pulses)
        voiced = pulses * np.hanning(len(time))
        said += [rng.normal(0, 0.02, 3000), 0.3 * voiced / np.abs(voiced).max(), np.zeros(2000)]
    return np.concatenate(said)


def played(instrument: str, *chords: tuple[int, ...]) -> np.ndarray:
    """A chord a second."""
    events = [Event(float(start), 0.95, midi, 90) for start, chord in enumerate(chords) for midi in chord]
    return audio.to_mono(render([Track(BY_NAME[instrument].program, events)], float(len(chords))))


def beaten() -> np.ndarray:
    events = [Event(start, 0.2, drum, velocity) for start, drum, velocity in groove.compose(np.random.default_rng(0), 4.0)]
    return audio.to_mono(render([Track(next(iter(KITS.values())), events, drums=True)], 4.0))


@pytest.mark.parametrize(
    ("sound", "single"),
    [
        (lambda: played("violin", (76,), (74,), (72,)), True),
        (lambda: played("cello", (43,), (50,), (45,)), True),
        (lambda: played("choir, ah", (60,), (62,), (64,)), True),
        (speech, True),
        (lambda: played("grand piano", (60, 64, 67), (57, 60, 65), (55, 59, 62)), False),
        (lambda: played("grand piano", (48, 76), (53, 74), (55, 71)), False),
        (beaten, False),
        (lambda: noise(3.0), False),
        (lambda: np.zeros(3 * SAMPLE_RATE), False),
    ],
    ids=["violin", "cello", "singing", "speech", "chords", "two voices", "drums", "noise", "silence"],
)
def test_one_voice_at_a_time_is_heard(sound: Callable[[], np.ndarray], single: bool) -> None:
    voice = monophony.measure(sound().astype(np.float32))
    assert voice.monophonic == single
    assert not single or (voice.pitched > folder.PITCHED and len(voice.notes) >= 2)


def test_the_manifest_says_which_clips_have_one_voice(mine: Path, tmp_path: Path) -> None:
    write(mine / "hiss.wav", noise(3.0))
    table = made(mine, tmp_path / "corpus")
    assert table["monophonic"].to_dict() == {**dict.fromkeys(["a.wav", "b.flac", "c.mp3", "deeper/D.OGG"], 1.0), "hiss.wav": 0.0}
    loaded = corpus.load(tmp_path / "corpus")
    assert set(loaded[~loaded["monophonic"]]["piece"]) == {"hiss.wav"}


# --- too little of it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("songs", "told"),
    [
        (0, r"too little music with one voice.*none in train, validation, test.*0 have it.*Add 3 more"),
        (1, r"there would be none in .*\. Of the 5 recordings that are used, 1 have it \(song\.wav\); 3 are needed.*Add 2 more"),
    ],
)
def test_the_splits_without_a_voice_are_named(tmp_path: Path, songs: int, told: str) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.wav", noise(2.0, number))
    if songs:
        write(tmp_path / "song.wav", melody(300, 3.0))
    with pytest.raises(CorpusError, match=told):
        used(tmp_path)


def test_one_note_is_too_little(tmp_path: Path) -> None:
    for number in range(3):
        time = np.arange((2 + number) * SAMPLE_RATE) / SAMPLE_RATE
        write(tmp_path / f"{number}.wav", 0.3 * np.sin(2 * np.pi * 440 * time + np.sin(number + time)))
    with pytest.raises(CorpusError, match=r"hold one note only \(A4\)"):
        used(tmp_path)


def test_copies_do_not_make_up_for_recordings(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.flac"):
        write(tmp_path / name, melody(300, 2.0))
    (tmp_path / "song.m4a").write_bytes(b"sound")
    with pytest.raises(CorpusError, match=r"1 recordings .* at least 3 .*b\.wav: left out: same sound as a\.wav.*song\.m4a: left out"):
        used(tmp_path)


# --- what is changed, left out and said ---------------------------------------------------------------------------------


def test_samples_beyond_full_scale_are_scaled_and_named(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wave = melody(350, 4.0)
    wave *= 2.5 / np.abs(wave).max()
    write(mine / "hot.wav", wave, subtype="FLOAT")
    note = made(mine, tmp_path / "corpus").loc["hot.wav", "note"]
    assert note == "scaled to a peak of 1: its peak at 44.1 kHz was 2.500" and f"hot.wav: {note}." in capsys.readouterr().out
    loaded = corpus.load(tmp_path / "corpus")
    found = np.concatenate([audio.read(file)[0][0] for file in loaded[loaded["piece"] == "hot.wav"]["file"]])
    np.testing.assert_allclose(found, wave / 2.5, atol=1e-6)


def test_other_formats_are_named_and_hidden_files_counted(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "song.M4A").write_bytes(b"sound")
    (mine / "._a.wav").write_bytes(b"no sound")
    (mine / ".trash").mkdir()
    (mine / ".trash" / "old.wav").write_bytes(b"no sound")
    write(mine / "e.aiff", melody(700, 2.0))
    write(mine / "f.opus", melody(800, 2.0, 48000), 48000, format="OGG", subtype="OPUS")
    table = made(mine, tmp_path / "corpus")
    said = capsys.readouterr().out
    assert "song.M4A: left out: this format is not read; convert it to wav or flac." in said
    assert "hidden files and folders (2), and files that are no sound (1)" in said
    assert table.loc["song.M4A", "used"] == 0 and table.loc[["e.aiff", "f.opus"], "used"].tolist() == [2, 2]
    assert len(table) == 7


def test_a_linked_folder_is_searched_once(mine: Path) -> None:
    (mine / "deeper" / "back").symlink_to(mine)
    (mine.parent / "elsewhere").mkdir()
    write(mine.parent / "elsewhere" / "z.wav", melody(700, 2.0))
    (mine / "link").symlink_to(mine.parent / "elsewhere")
    assert used(mine).index.tolist() == ["a.wav", "b.flac", "c.mp3", "deeper/D.OGG", "link/z.wav"]


@pytest.mark.parametrize(
    ("name", "where", "attribute", "told"),
    [
        ("deeper", os, "scandir", "(?s)deeper: this folder cannot be read .Permission denied.*bad.wav: cannot be read as audio"),
        ("mine", os, "scandir", "mine: this folder cannot be read .Permission denied."),
        ("a.wav", Path, "open", "(?s)2 of 5 files cannot be used:\n.*a.wav: cannot be opened .Permission denied."),
    ],
)
def test_what_cannot_be_read_stops_the_stage(
    mine: Path, monkeypatch: pytest.MonkeyPatch, name: str, where: object, attribute: str, told: str
) -> None:
    original = getattr(where, attribute)

    def refuse(path: object, *arguments: object, **options: object) -> object:  # the tests may run as root, who may read all
        if Path(str(path)).name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **options)

    (mine / "bad.wav").write_text("no sound")
    monkeypatch.setattr(where, attribute, refuse)
    with pytest.raises(CorpusError, match=told):
        used(mine)


# --- file names ---------------------------------------------------------------------------------------------------------

ODD = {"<img src=x onerror=alert(1)>&.wav": "<img src=x onerror=alert(1)>&.wav", "=1+1\"'.wav": "./=1+1\"'.wav", "$x$\n.wav": "$x$\\n.wav"}


def shown(recordings: pd.DataFrame | None) -> list[str]:
    """What the cell of notebook 01 about recordings displays, as HTML."""
    (cell,) = [cell.source for cell in jupytext.read(NOTEBOOK).cells if "found.recordings" in cell.source]
    displayed: list[str] = []
    exec(cell, {"found": SimpleNamespace(recordings=recordings), "pd": pd, "display": lambda table: displayed.append(table._repr_html_())})
    return displayed


def test_file_names_are_shown_and_escaped(mine: Path, tmp_path: Path) -> None:
    for number, name in enumerate(ODD):
        write(mine / name, melody(700 + 50 * number, 1.0))
    os.rename(mine / "c.mp3", os.fsencode(mine) + b"/c\xff.mp3")
    table = made(mine, tmp_path / "data" / "corpus")
    assert {*ODD.values(), "c\\udcff.mp3"} <= set(table.index)
    assert set(table.index) == set(corpus.load(tmp_path / "data" / "corpus")["piece"])
    (html,) = shown(pd.read_csv(tmp_path / "data" / "corpus" / "recordings.csv", index_col="file"))
    assert "<img" not in html and "&lt;img src=x onerror=alert(1)&gt;&amp;.wav" in html
    assert "mathjax_ignore" in html and "b.flac" in html and "NaN" not in html
    assert shown(None) == []  # another corpus
