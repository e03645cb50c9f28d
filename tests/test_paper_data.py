"""The paper's five data sets, on miniatures of their real layouts: what is read, how it is split, what is said of gaps.

Every second of a miniature's sound has a frequency of its own, so that a clip tells from where it was cut.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile

from audiosae import audio, corpus
from audiosae.audio import SAMPLE_RATE
from audiosae.corpus import datasets, paper
from audiosae.corpus.building import build
from audiosae.corpus.clip import PARTS, SPLITS, Clip
from audiosae.corpus.datasets import Dataset
from audiosae.errors import AudioError, CorpusError

ROOT = Path(__file__).resolve().parents[1]
SHARES = dict.fromkeys(PARTS, 1.0)
BY_PART = {dataset.part: dataset for dataset in datasets.DATASETS}
STEP = 100
"""Hz: the second that begins at s sounds at (s + 2) times this."""


# --- miniatures -------------------------------------------------------------------------------------------------------


def sound(path: Path, seconds: float, rate: int, channels: int = 1) -> None:
    """A tone that climbs by `STEP` each second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * STEP * (np.floor(time) + 2) * time)
    soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate)


def midi(path: Path, *notes: tuple[float, float, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    score = pretty_midi.PrettyMIDI()
    score.instruments.append(pretty_midi.Instrument(0))
    score.instruments[0].notes = [pretty_midi.Note(80, pitch, start, end) for start, end, pitch in notes]
    score.write(str(path))


def cocochorales(home: Path) -> None:
    stems = {"string": ("violin", "violin", "viola", "cello"), "random": ("flute", "saxophone", "horn", "double bass")}
    for split, number, ensemble in (("train", 1, "string"), ("valid", 192001, "random"), ("test", 216001, "string")):
        track = home / "main_dataset" / split / f"{ensemble}_track{number:06d}"
        sound(track / "mix.wav", 3, 16000)
        midi(track / "mix.mid", (0.5, 1.5, 60), (0.5, 1.5, 67))
        for voice, instrument in enumerate(stems[ensemble]):
            sound(track / "stems_audio" / f"{voice}_{instrument}.wav", 3, 16000)
            midi(track / "stems_MIDI" / f"{voice}_{instrument}.mid", (0.5, 1.5, 60 + voice), (1.5, 2.5, 70 + voice))


SUNG = {
    "1360243583_2817753733": 1,
    "1001079069_2800000000": 1,
    "1000177487_2729809714": 1,
    "100024601_2968462532": 2,
    "100024601_2779247628": 1,
}


def damp_vsep(home: Path) -> None:
    for number, (name, singers) in enumerate(SUNG.items()):
        for vocal in ("vocal", "vocal2")[:singers]:
            sound(home / str(number) / "IN" / "en" / name / f"{vocal}.ogg", 3, 22050)
        (home / str(number) / "IN" / "en" / name / "mix.m4a").write_bytes(b"not read")


def groove(home: Path) -> None:
    lines = ["id,style,midi_filename,audio_filename,split\n"]
    for number, name, split, has_sound in (
        ("drummer1/eval_session/1", "drummer1/eval_session/1_funk-groove1_138_beat_4-4", "test", True),
        ("drummer1/session1/1", "drummer1/session1/1_funk_80_beat_4-4", "train", True),
        ("drummer2/session1/2", "drummer2/session1/2_rock_90_fill_4-4", "validation", True),
        ("drummer2/session1/3", "drummer2/session1/3_jazz_90_beat_4-4", "train", False),
    ):
        if has_sound:
            sound(home / f"{name}.wav", 3, 22050, channels=2)
        lines.append(f"{number},funk,{name}.mid,{f'{name}.wav' if has_sound else ''},{split}\n")
    (home / "info.csv").write_text("".join(lines))


def guitarset(home: Path) -> None:
    written = {2: [(0.25, 51.9)], 4: [(1.5, 64.2)]}  # string: when a note begins, and its pitch
    for name in (f"{player:02d}_BN1-129-Eb_{mode}" for player in range(6) for mode in ("comp", "solo")):
        sound(home / "audio_mono-mic" / f"{name}_mic.wav", 3, 22050)
        annotations = []
        for string in range(6):
            notes = [{"time": time, "duration": 1.0, "value": value, "confidence": None} for time, value in written.get(string, ())]
            where = {"annotation_metadata": {"data_source": str(string)}}
            annotations.append(
                {"namespace": "pitch_contour", "data": dict.fromkeys(("time", "duration", "value", "confidence"), []), **where}
            )
            annotations.append({"namespace": "note_midi", "data": notes, **where})
        (home / "annotation").mkdir(exist_ok=True)
        jams = {"annotations": annotations, "file_metadata": {"title": name, "duration": 3.0}, "sandbox": {}}
        (home / "annotation" / f"{name}.jams").write_text(json.dumps(jams))


def maestro_name(number: int) -> str:
    return f"2018/MIDI-Unprocessed_Chamber{number}_MID--AUDIO_10_R3_2018_wav--1"


def maestro(home: Path) -> None:
    lines = ["canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"]
    for number, split in enumerate(SPLITS):
        name = maestro_name(number)
        sound(home / f"{name}.wav", 5, 48000, channels=2)
        midi(home / f"{name}.midi", (0.5, 2.25, 60), (2.0, 3.0, 64))
        lines.append(f'Alban Berg,"Sonata, Op. {number}",{split},2018,{name}.midi,{name}.wav,5.0\n')
    (home / "maestro-v3.0.0.csv").write_text("".join(lines))


MAKE = {"chorales": cocochorales, "vocals": damp_vsep, "drums": groove, "guitar": guitarset, "piano": maestro}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All five, made once; tests that change them copy them."""
    folder = tmp_path_factory.mktemp("data")
    for part, make in MAKE.items():
        home = folder / BY_PART[part].folder
        home.mkdir()
        make(home)
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data"))


def only(part: str) -> dict[str, float]:
    return {**dict.fromkeys(PARTS, 0.0), part: 1.0}


def drawn(folder: Path, minutes: float = 60.0, shares: dict[str, float] | None = None, seed: int = 0) -> list[Clip]:
    return list(paper.clips(folder, minutes, 1.0, shares or SHARES, seed))


def second(clip: Clip) -> int:
    """Which second of its recording a clip of one second is."""
    spectrum = np.abs(np.fft.rfft(clip.wave[0, :SAMPLE_RATE] * np.hanning(SAMPLE_RATE)))
    return round(int(spectrum.argmax()) / STEP) - 2


# --- what is read -----------------------------------------------------------------------------------------------------


EXPECTED = {  # part: piece, split, instrument, family, monophonic
    "chorales": {
        (f"cocochorales/{ensemble}_track{number}", split, instrument, family, not instrument.endswith("ensemble"))
        for ensemble, number, split in (("string", "000001", "train"), ("random", "192001", "validation"), ("string", "216001", "test"))
        for instrument, family in {
            "string": {"string ensemble": "strings", "violin": "strings", "viola": "strings", "cello": "strings"},
            "random": {"random ensemble": "mixed", "flute": "woodwind", "saxophone": "woodwind", "horn": "brass", "double bass": "strings"},
        }[ensemble].items()
    },
    "vocals": {
        ("damp-vsep/1360243583", "train", "voice", "voice", True),
        ("damp-vsep/1001079069", "train", "voice", "voice", True),
        ("damp-vsep/1000177487", "validation", "voice", "voice", True),
        ("damp-vsep/100024601", "test", "voice", "voice", True),
    },
    "drums": {
        ("groove/drummer1/eval_session/1", "test", "drums, Roland TD-11", "drums", False),
        ("groove/drummer1/session1/1", "train", "drums, Roland TD-11", "drums", False),
        ("groove/drummer2/session1/2", "validation", "drums, Roland TD-11", "drums", False),
    },
    "guitar": {
        (f"guitarset/0{player}_BN1-129-Eb", split, "acoustic guitar", "plucked", solo)
        for player, split in enumerate(("train", "train", "train", "train", "validation", "test"))
        for solo in (False, True)
    },
    "piano": {(f"maestro/{maestro_name(number)}", split, "grand piano", "keyboard", False) for number, split in enumerate(SPLITS)},
}


@pytest.mark.parametrize("part", PARTS)
def test_a_data_set_is_read_as_it_is_laid_out(made: Path, part: str) -> None:
    found = BY_PART[part].read(made)
    assert {(one.piece, one.split, one.instrument, one.family, one.monophonic) for one in found} == EXPECTED[part]
    assert len(found) == {"chorales": 15, "vocals": 6, "drums": 3, "guitar": 12, "piano": 3}[part]
    assert all(Path(one.file).is_file() for one in found)
    assert bool(found[0].annotation) == (part in ("chorales", "guitar", "piano"))


def test_all_five_become_a_corpus_that_later_stages_can_read(made: Path, tmp_path: Path) -> None:
    build(tmp_path / "corpus", f"paper:{made}", 60, 1.0, SHARES, 0)
    loaded = corpus.load(tmp_path / "corpus")
    assert list(loaded["part"].unique()) == list(PARTS)
    assert loaded.groupby("part")["duration"].sum().to_dict() == pytest.approx(
        {"chorales": 45, "vocals": 18, "drums": 9, "guitar": 36, "piano": 15}
    )
    for row in loaded.groupby("part").head(2).itertuples():
        wave, rate = audio.read(row.file)
        assert rate == SAMPLE_RATE and wave.shape[1] == round(row.duration * rate)
        assert np.sqrt((wave**2).mean()) == pytest.approx(0.3 / 2**0.5, rel=0.05)  # the level is the recording's
    notes = corpus.load_notes(tmp_path / "corpus").merge(loaded[["clip", "part"]], on="clip")
    assert set(notes["part"]) == {"chorales", "guitar", "piano"}


@pytest.mark.parametrize("part", ["drums", "piano", "guitar", "chorales"])
def test_an_archive_may_have_its_own_folder_and_the_data_may_be_a_link(made: Path, tmp_path: Path, part: str) -> None:
    dataset = BY_PART[part]
    shutil.copytree(made / dataset.folder, tmp_path / "elsewhere" / "unpacked")
    (tmp_path / dataset.folder).symlink_to(tmp_path / "elsewhere")
    assert len(dataset.read(tmp_path)) == len(dataset.read(made))


# --- clips and notes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_each_second_of_each_recording_is_a_clip_once(made: Path, part: str) -> None:
    told = ("piece", "instrument", "monophonic")
    found = Counter((*(clip.row[name] for name in told), second(clip)) for clip in drawn(made, shares=only(part)))
    seconds = 5 if part == "piano" else 3
    expected = Counter((one.piece, one.instrument, one.monophonic, s) for one in BY_PART[part].read(made) for s in range(seconds))
    assert found == expected


@pytest.mark.parametrize(
    ("part", "kind", "written"),
    [
        ("piano", {}, [(0.5, 2.25, 60), (2.0, 3.0, 64)]),
        ("guitar", {}, [(0.25, 1.25, 52), (1.5, 2.5, 64)]),
        ("chorales", {"instrument": "cello"}, [(0.5, 1.5, 63), (1.5, 2.5, 73)]),
        ("chorales", {"instrument": "string ensemble"}, [(0.5, 1.5, 60), (0.5, 1.5, 67)]),
    ],
)
def test_notes_are_those_of_the_clip_in_its_own_time(
    made: Path, part: str, kind: dict[str, str], written: list[tuple[float, float, int]]
) -> None:
    for clip in drawn(made, shares=only(part)):
        if kind.items() <= clip.row.items():
            at = second(clip)
            inside = [(max(a - at, 0), min(b - at, 1), midi) for a, b, midi in written if a < at + 1 and b > at]
            assert clip.notes == [pytest.approx(note, abs=2e-3) for note in sorted(inside)], (clip.row, at)


def test_a_rest_is_kept_from_half_a_second(tmp_path: Path) -> None:
    maestro(tmp_path / "maestro")
    for seconds, lengths in ((1.4, [1.0]), (1.6, [0.6, 1.0]), (0.4, [])):
        for path in (tmp_path / "maestro").rglob("*.wav"):
            sound(path, seconds, 48000)
        assert sorted({round(clip.row["duration"], 3) for clip in drawn(tmp_path, shares=only("piano"))}) == lengths


def test_of_a_long_recording_only_the_clips_are_read(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = soundfile.SoundFile.read

    def noting(self: soundfile.SoundFile, frames: int = -1, **options: object) -> np.ndarray:
        asked.append(frames)
        return read(self, frames, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", noting)
    clips = drawn(made, minutes=0.05, shares=only("piano"))  # three seconds
    assert asked == [48000] * len(clips)


def test_a_silent_clip_is_passed_over(data: Path) -> None:
    [path] = (data / "maestro").rglob("*Chamber2*.wav")
    wave, rate = soundfile.read(path)
    wave[rate : 4 * rate] = 0
    soundfile.write(path, wave, rate)
    assert sorted(second(clip) for clip in drawn(data, shares=only("piano")) if clip.row["split"] == "test") == [0, 4]


# --- how much, and which ----------------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_corpus_and_another_seed_another_with_the_same_splits(made: Path) -> None:
    def draw(seed: int) -> list[tuple]:
        return [(*clip.row.values(), second(clip)) for clip in drawn(made, 0.5, seed=seed)]

    assert draw(0) == draw(0)
    assert [row[1:] for row in draw(0)] != [row[1:] for row in draw(1)]
    sides = {clip.row["piece"]: clip.row["split"] for clip in drawn(made, seed=0)}
    assert {clip.row["piece"]: clip.row["split"] for clip in drawn(made, seed=1)} == sides


def test_minutes_and_shares_decide_how_much_is_drawn(made: Path) -> None:
    shares = {"chorales": 4, "vocals": 2, "drums": 0, "guitar": 4, "piano": 2}
    found = Counter((clip.row["part"], clip.row["split"]) for clip in drawn(made, 1.0, shares))
    # Sixty seconds in twelve shares: 20, 10, 0, 20 and 10; each divided 60 : 15 : 25.
    assert {part: sum(n for (p, _), n in found.items() if p == part) for part in PARTS} == pytest.approx(
        {"chorales": 20, "vocals": 10, "drums": 0, "guitar": 20, "piano": 10}, abs=1
    )
    assert [found["chorales", split] for split in SPLITS] == [12, 3, 5]


def test_every_recording_gives_a_clip_before_one_gives_two(made: Path) -> None:
    clips = [clip for clip in drawn(made, 0.25, only("guitar")) if clip.row["split"] == "train"]
    assert len(clips) == 9  # of eight takes
    assert len({(clip.row["piece"], clip.row["monophonic"]) for clip in clips[:8]}) == 8
    assert len({second(clip) for clip in clips[:8]}) > 1  # not the same moment of each


def test_what_a_split_cannot_give_is_taken_from_the_others(made: Path) -> None:
    # Of 15 s of piano 13 are asked for: 7.8, 1.95 and 3.25; each split has five.
    found = Counter(clip.row["split"] for clip in drawn(made, 13 / 60, only("piano")))
    assert found["train"] == 5 and sum(found.values()) == 13


def test_asking_for_more_than_there_is_takes_all_and_says_so(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = drawn(made, 31 * 60, {"chorales": 0, "vocals": 0, "drums": 1, "guitar": 0, "piano": 30})
    assert Counter(clip.row["part"] for clip in clips) == {"drums": 9, "piano": 15}
    said = capsys.readouterr().out
    assert "Groove MIDI Dataset: 60.0 min are asked for and 0.1 min are there; all of it is used." in said
    drawn(made, 0.1, only("drums"))
    assert "asked for" not in capsys.readouterr().out


# --- what is said of gaps ---------------------------------------------------------------------------------------------


def says_where_to_get_it(message: str, dataset: Dataset) -> bool:
    words = (dataset.name, dataset.address, dataset.licence, f"corpus.shares.{dataset.part} to 0")
    return all(word in message for word in words)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_data_set_or_another_layout_is_told_unless_the_share_is_nought(data: Path, part: str) -> None:
    dataset = BY_PART[part]
    shutil.rmtree(data / dataset.folder)
    with pytest.raises(CorpusError, match=f"there is no folder {data / dataset.folder}") as caught:
        drawn(data)
    assert says_where_to_get_it(str(caught.value), dataset) and "\n" not in str(caught.value)
    assert {clip.row["part"] for clip in drawn(data, 0.1, {**SHARES, part: 0})} == set(PARTS) - {part}
    sound(data / dataset.folder / "songs" / "song.wav", 1, 44100)
    with pytest.raises(CorpusError, match="not laid out as expected") as caught:
        drawn(data, 0.1, only(part))
    assert dataset.layout in str(caught.value) and says_where_to_get_it(str(caught.value), dataset)


@pytest.mark.parametrize(
    ("part", "gone", "told"),
    [
        ("chorales", "*/train/*/stems_audio/2_viola.wav", "1 of the 30 files named by its tracks"),
        ("chorales", "*/*/*/mix.wav", "3 of the 30 files named by its tracks"),
        ("chorales", "*/valid/*/stems_MIDI/*", "4 of the 30 files named by its tracks"),
        ("vocals", "*/*/*/*/vocal*.ogg", "5 of the 5 files named by its folders of performances"),
        ("drums", "drummer1/*/*.wav", "2 of the 3 files named by info.csv"),
        ("guitar", "audio_mono-mic/05_*", "2 of the 24 files named by its annotations"),
        ("piano", "2018/*Chamber0*.wav", "1 of the 6 files named by maestro-v*.csv"),
        ("piano", "2018/*.midi", "3 of the 6 files named by maestro-v*.csv"),
    ],
)
def test_a_partial_data_set_is_told_with_how_much_is_missing(data: Path, part: str, gone: str, told: str) -> None:
    dataset = BY_PART[part]
    removed = sorted((data / dataset.folder).glob(gone))
    assert removed
    for path in removed:
        path.unlink()
    with pytest.raises(CorpusError) as caught:
        drawn(data)
    assert told in str(caught.value) and says_where_to_get_it(str(caught.value), dataset)
    first = str(caught.value).split("the first is ")[1].split(";")[0]
    assert Path(first) in [*removed, *(path.with_name("vocal.ogg") for path in removed)]


def test_a_data_set_without_a_split_is_told(data: Path) -> None:
    shutil.rmtree(data / "cocochorales" / "main_dataset" / "test")
    for player in ("04", "05"):
        for path in (data / "guitarset" / "annotation").glob(f"{player}_*"):
            path.unlink()
    with pytest.raises(CorpusError) as caught:
        drawn(data)
    chorales, guitar = str(caught.value).splitlines()  # all that is wrong at once
    assert "no recordings for test," in chorales and says_where_to_get_it(chorales, BY_PART["chorales"])
    assert "no recordings for validation or test," in guitar and says_where_to_get_it(guitar, BY_PART["guitar"])


@pytest.mark.parametrize(
    ("files", "change", "told"),
    [
        ("groove/info.csv", lambda old: old.replace(b"audio_filename", b"sound"), "lacks the columns audio_filename"),
        (
            "groove/info.csv",
            lambda old: old.replace(b",train\n", b",holdout\n"),
            "names the splits holdout; known are train, validation, test",
        ),
        ("maestro/maestro-v3.0.0.csv", lambda old: old.replace(b"split,year", b"year"), "lacks the columns split"),
        ("maestro/*/*.midi", lambda old: b"no MIDI", r"MAESTRO: the notes in .*\.midi cannot be read.* obtained from https://magenta"),
        ("maestro/*/*.midi", lambda old: b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4", r"MAESTRO: the notes in .*\.midi cannot be read"),
        ("maestro/*/*.wav", lambda old: b"", "wav: .*cannot be read as audio"),
        ("maestro/*/*.wav", lambda old: old[: len(old) // 2], "wav: .*truncated"),
    ],
)
def test_a_damaged_file_is_named(data: Path, files: str, change: Callable[[bytes], bytes], told: str) -> None:
    for path in data.glob(files):
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises((AudioError, CorpusError), match=told):
        drawn(data, shares={**only("piano"), "drums": 1.0})


def test_a_missing_folder_of_data_sets_is_said_and_the_old_corpus_stays(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "manifest.csv").write_text("from before")
    with pytest.raises(CorpusError, match="'paper:.*gone', and there is no such folder; give the one .*guitarset"):
        build(tmp_path / "corpus", f"paper:{tmp_path / 'gone'}", 1, 1.0, SHARES, 0)
    assert [path.name for path in tmp_path.rglob("*")] == ["corpus", "manifest.csv"]


# --- the book -----------------------------------------------------------------------------------------------------------


def test_the_book_says_of_each_data_set_what_the_readers_say() -> None:
    page = (ROOT / "book" / "data.md").read_text()
    for dataset in datasets.DATASETS:
        [line] = [line for line in page.splitlines() if line.startswith(f"| {dataset.name} ")]
        for word in (dataset.part, f"`{dataset.folder}`", dataset.address, dataset.licence):
            assert word in line, (dataset.name, word)
