"""A corpus is read through its manifest: names that lead elsewhere and damaged files are told, with the file and the row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiosae import corpus
from audiosae.audio import loudness
from audiosae.errors import CorpusError
from audiosae.pipeline import clip_sounds
from audiosae.widgets import browser

HEAD = "clip,part,piece,instrument,family,seed,duration,monophonic,split,file\n"
ROWS = [
    "chorales-train-000-0,chorales,bach/bwv1.6,tuba,brass,7,0.500000,True,train,audio/chorales-train-000-0.flac",
    "own-0001-000,own recordings,NA,unknown,unknown,7,0.500000,False,validation,audio/own-0001-000.flac",
    'own-0002-000,own recordings,"../../a ""b"", c.wav",unknown,unknown,7,0.500000,True,test,audio/own-0002-000.flac',
]
NAMES = ("chorales-train-000-0", "own-0001-000", "own-0002-000")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of three clips, three folders deep."""
    made = tmp_path / "project" / "data" / "corpus"
    (made / "audio").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        tone = 0.1 * (number + 1) * np.sin(np.arange(22050) * (0.05 + 0.02 * number))
        soundfile.write(made / "audio" / f"{name}.flac", tone, 44100)
    (made / "manifest.csv").write_text(HEAD + "\n".join(ROWS) + "\n")
    (made / "notes.csv").write_text("clip,start,end,midi\nown-0002-000,0.000000,0.500000,60\n")
    return made


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "manifest.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


def test_a_sound_manifest_is_read_and_names_of_pieces_are_text(folder: Path) -> None:
    loaded, notes = corpus.load(folder), corpus.load_notes(folder)
    assert loaded["clip"].tolist() == list(NAMES)
    assert loaded["piece"].tolist() == ["bach/bwv1.6", "NA", '../../a "b", c.wav']  # whatever a piece is called, it is no path
    assert loaded["file"].tolist() == [str(folder / "audio" / f"{name}.flac") for name in NAMES]
    assert loaded["monophonic"].tolist() == [True, False, True] and loaded["duration"].tolist() == [0.5] * 3
    assert notes.to_dict("list") == {"clip": ["own-0002-000"], "start": [0.0], "end": [0.5], "midi": [60]}


LEADING_OUT = [
    "../../../../escaped",
    "..",
    "/tmp/escaped",
    "~",
    "a\\b",
    "-rf",
    ".hidden",
    "",
    "a b",
    "é",
    "$(touch x)",
    '"a\nb"',
    "a\0b",
    "x" * 101,
]


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_clip_whose_name_leads_out_of_a_folder_is_refused(folder: Path, name: str) -> None:
    edit(folder, "\nown-0001-000,", f"\n{name},")
    with pytest.raises(CorpusError, match="manifest.csv, row 2, clip: .* cannot name a file"):
        corpus.load(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../../../../escaped.flac",
        "/etc/passwd",
        "audio/../../own-0001-000.flac",
        "audio//own-0001-000.flac",
        "~/own.flac",
        "audio\\own-0001-000.flac",
    ],
)
def test_a_file_that_lies_outside_the_corpus_is_refused(folder: Path, name: str) -> None:
    edit(folder, ",audio/own-0001-000.flac", f",{name}")
    with pytest.raises(CorpusError, match="manifest.csv, row 2, file .* cannot name a file"):
        corpus.load(folder)


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_that_leads_out_of_the_corpus_is_refused(folder: Path, tmp_path: Path, linked: str) -> None:
    kept = folder / "audio" / "own-0001-000.flac"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / kept.name).write_bytes(kept.read_bytes())
    if linked == "file":
        kept.unlink()
        kept.symlink_to(tmp_path / "elsewhere" / kept.name)
    else:
        (folder / "more").symlink_to(tmp_path / "elsewhere")
        edit(folder, ",audio/own-0001-000.flac", ",more/own-0001-000.flac")
    with pytest.raises(CorpusError, match="row 2 .*own-0001-000.*: its file is a link that leads out of .*corpus"):
        corpus.load(folder)


def test_a_corpus_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus").symlink_to(folder)
    assert len(corpus.load(tmp_path / "corpus")) == 3


def test_the_sounds_of_the_book_are_written_nowhere_else(folder: Path, tmp_path: Path) -> None:
    """The stage that writes one MP3 a clip."""
    target = tmp_path / "project" / "book" / "_static" / "sounds" / "clips"
    edit(folder, "\nown-0001-000,", "\n../../../../escaped,")
    before = files_below(tmp_path)
    with pytest.raises(CorpusError, match="'../../../../escaped' cannot name a file"):
        clip_sounds.stage(folder, target)
    assert files_below(tmp_path) == before


def column(name: str, *values: object) -> Callable[[Path], None]:
    """Give a column of the manifest other values."""

    def change(folder: Path) -> None:
        table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
        table[name] = list(map(str, values))
        table.to_csv(folder / "manifest.csv", index=False)

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (
        pd.read_csv(folder / "manifest.csv", keep_default_na=False).drop(columns=name).to_csv(folder / "manifest.csv", index=False)
    )


def bytes_of(data: bytes, name: str = "manifest.csv") -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty file": (bytes_of(b""), "manifest.csv is damaged"),
    "only a head": (bytes_of(HEAD.encode()), "manifest.csv lists no clips"),
    "Latin-1": (
        bytes_of((HEAD + "\n".join(ROWS)).replace("tuba", "cliquetté").encode("latin-1")),
        "manifest.csv is damaged or no CSV file in UTF-8",
    ),
    "binary": (bytes_of(bytes(range(256)) * 9), "manifest.csv (is damaged|lacks the column)"),
    "an open quotation": (bytes_of((HEAD + '"' + ROWS[0]).encode()), "manifest.csv is damaged"),
    "a row too long": (bytes_of((HEAD + ROWS[0] + "\n" + ROWS[1] + ",more\n").encode()), "manifest.csv is damaged"),
    "a row too short": (bytes_of((HEAD + ROWS[0] + "\n" + ROWS[1].rsplit(",", 3)[0] + "\n").encode()), "manifest.csv"),
    "JSON": (bytes_of(b'{"clip": []}'), "manifest.csv lacks the columns clip, part"),
    **{f"no {name}": (without(name), f"manifest.csv lacks the columns {name}") for name in ("clip", "seed", "file")},
    "a clip twice": (column("clip", "a", "b", "a"), r"row 3 \(clip a\): this clip stands in two rows"),
    "a piece in two splits": (column("piece", "q", "p", "p"), "row 2 .*: its piece stands in two splits"),
    "no name of a piece": (column("piece", "p", "", "q"), "row 2 .*: piece is empty"),
    "an unknown split": (column("split", "train", "dev", "test"), "row 2 .*: its split is none of train, validation, test"),
    "monophonic in words": (column("monophonic", "True", "perhaps", "True"), "monophonic must be True or False"),
    "monophonic as numbers": (column("monophonic", 1, 0, 1), "monophonic must be True or False"),
    "a negative duration": (column("duration", 1, -0.5, 1), r"row 2 .*: duration \(s\) must be a number above 0"),
    "no duration": (column("duration", 1, "", 1), r"row 2 .*: duration \(s\) must be a number above 0"),
    "NaN for a duration": (column("duration", 1, "nan", 1), r"row 2 .*: duration \(s\) must be a number above 0"),
    "an infinite duration": (column("duration", 1, "inf", 1), r"row 2 .*: duration \(s\) must be a number above 0"),
    "a seed in words": (column("seed", 1, "x", 1), "row 2 .*: seed must be a number"),
    "a file that is missing": (lambda folder: (folder / "audio" / "own-0001-000.flac").unlink(), "row 2 .*: its file is missing"),
    "a folder for a file": (column("file", "audio", "audio", "audio"), "row 1 .*: its file is missing"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_is_told_with_what_to_do(folder: Path, damage: str) -> None:
    change, told = DAMAGED[damage]
    change(folder)
    with pytest.raises(CorpusError, match=told) as error:
        corpus.load(folder)
    assert str(folder) in str(error.value) and "build the corpus again" in str(error.value).lower()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, "notes.csv is missing: run `dvc repro corpus`"),
        (b"", "notes.csv is damaged"),
        (b"clip,start,end\na,0,1\n", "notes.csv lacks the columns midi"),
        (b"clip,start,end,midi\na,0,1,C4\n", "notes.csv: .* finite number"),
        (b"clip,start,end,midi\na,0,,60\n", "notes.csv: .* finite number"),
        (b"clip,start,end,midi\n\xff,0,1,60\n", "notes.csv is damaged or no CSV file in UTF-8"),
    ],
)
def test_damaged_notes_are_told(folder: Path, data: bytes | None, told: str) -> None:
    (folder / "notes.csv").unlink()
    if data is not None:
        (folder / "notes.csv").write_bytes(data)
    with pytest.raises(CorpusError, match=told):
        corpus.load_notes(folder)


# --- the book's clips ---------------------------------------------------------------------------------------------------

RATE = 44100


def test_a_clip_is_described_by_its_length_and_its_peaks() -> None:
    wave = np.zeros(2 * RATE, dtype=np.float32)
    wave[RATE : RATE + 10] = -0.5  # the largest sample, in the first part of the second half
    wave[-1] = 0.1
    described = browser.describe_clip(wave, RATE, "a click")
    assert (described["text"], described["seconds"], len(described["peaks"])) == ("a click", 2.0, browser.PEAKS)
    assert described["peaks"][browser.PEAKS // 2] == 100 and described["peaks"][-1] == 20 and sum(described["peaks"]) == 120


def test_silence_has_no_peaks() -> None:
    assert set(browser.describe_clip(np.zeros(RATE, dtype=np.float32), RATE, "")["peaks"]) == {0}


def test_what_plays_is_mono_and_as_loud_as_everything_else(tmp_path: Path) -> None:
    time = np.arange(3 * RATE) / RATE
    soundfile.write(tmp_path / "quiet.wav", np.stack([0.01 * np.sin(2000 * time), np.zeros_like(time)], axis=1), RATE)
    made = clip_sounds.sound(tmp_path / "quiet.wav")
    assert made.wave.ndim == 1 or made.wave.shape[0] == 1
    assert loudness.loudness(np.atleast_2d(made.wave), made.sample_rate) == pytest.approx(-23, abs=0.2)
