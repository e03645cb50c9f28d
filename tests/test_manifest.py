"""A corpus is read through its manifest: names that lead elsewhere and damaged files are told, with the file and the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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


def test_a_sound_manifest_is_read_and_names_of_pieces_are_text(folder: Path, tmp_path: Path) -> None:
    loaded, notes = corpus.load(folder), corpus.load_notes(folder)
    assert loaded["clip"].tolist() == list(NAMES)
    assert loaded["piece"].tolist() == ["bach/bwv1.6", "NA", '../../a "b", c.wav']  # whatever a piece is called, it is no path
    assert loaded["file"].tolist() == [str(folder / "audio" / f"{name}.flac") for name in NAMES]
    assert loaded["monophonic"].tolist() == [True, False, True] and loaded["duration"].tolist() == [0.5] * 3
    assert notes.to_dict("list") == {"clip": ["own-0002-000"], "start": [0.0], "end": [0.5], "midi": [60]}
    (tmp_path / "corpus").symlink_to(folder)
    assert len(corpus.load(tmp_path / "corpus")) == 3


NO_NAMES = ["../../../../escaped", "..", "/tmp/a", "~", "a\\b", "-rf", ".hidden", "", "é", "$(touch x)", '"a\nb"', "a\0b", "x" * 101]
NO_FILES = ["../../../../a.flac", "/etc/passwd", "audio/../../own-0001-000.flac", "audio//own-0001-000.flac", "~/a.flac", "audio\\a.flac"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("\nown-0001-000,", f"\n{name},", "clip: ") for name in NO_NAMES]
    + [(",audio/own-0001-000.flac", f",{name}", "file ") for name in NO_FILES],
)
def test_a_name_that_leads_out_of_the_corpus_is_refused(folder: Path, old: str, new: str, told: str) -> None:
    edit(folder, old, new)
    with pytest.raises(CorpusError, match=f"manifest.csv, row 2, {told}.* cannot name a file"):
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


def test_the_sounds_of_the_book_are_written_nowhere_else(folder: Path, tmp_path: Path) -> None:
    """The stage that writes one MP3 a clip."""
    edit(folder, "\nown-0001-000,", "\n../../../../escaped,")
    before = set(tmp_path.rglob("*.*"))
    with pytest.raises(CorpusError, match="'../../../../escaped' cannot name a file"):
        clip_sounds.stage(folder, tmp_path / "project" / "book" / "_static" / "sounds" / "clips")
    assert set(tmp_path.rglob("*.*")) == before


SECOND = "7,0.500000,False,validation,audio/own-0001-000.flac\n"
WHOLE = HEAD + "\n".join(ROWS) + "\n"
DAMAGED: dict[str, tuple[str, str, str]] = {  # what is replaced, by what, and what must be said
    "an empty file": (WHOLE, "", "is damaged"),
    "only a head": (WHOLE, HEAD, "lists no clips"),
    "Latin-1": ("tuba", "cliquett\udce9", "is damaged or no CSV file in UTF-8"),
    "binary": (WHOLE, bytes(range(256)).decode("latin-1"), "(is damaged|lacks the column)"),
    "an open quotation": (WHOLE, HEAD + '"' + ROWS[0], "is damaged"),
    "a row too long": (SECOND, SECOND.strip() + ",more\n", "is damaged"),
    "a row too short": (SECOND, "7\n", "is damaged"),
    "JSON": (WHOLE, '{"clip": []}', "lacks the columns clip, part"),
    "no seed": (",seed,", ",seat,", "lacks the columns seed"),
    "monophonic in words": ("False", "perhaps", "is damaged"),
    "a seed in words": (SECOND, "x" + SECOND[1:], "is damaged"),
    "no duration": (SECOND, "7,,False,validation,audio/own-0001-000.flac\n", "is damaged"),
    "a negative duration": (SECOND, SECOND.replace("0.5", "-0.5"), r"row 2 .*: duration \(s\) must be a number above 0"),
    "an infinite duration": (SECOND, SECOND.replace("0.500000", "inf"), r"row 2 .*: duration \(s\) must be a number above 0"),
    "a clip twice": ("\nown-0002-000", "\nown-0001-000", r"row 3 \(clip own-0001-000\): this clip stands in two rows"),
    "a piece in two splits": (",NA,", ",bach/bwv1.6,", "row 1 .*: its piece stands in two splits"),
    "no name of a piece": (",NA,", ",,", "row 2 .*: piece is empty"),
    "an unknown split": ("validation", "dev", "row 2 .*: its split is none of train, validation, test"),
    "a file that is missing": (",audio/own-0001-000.flac", ",audio/other.flac", "row 2 .*: its file is missing"),
    "a folder for a file": (",audio/own-0001-000.flac", ",audio", "row 2 .*: its file is missing"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_is_told_with_what_to_do(folder: Path, damage: str) -> None:
    old, new, told = DAMAGED[damage]
    assert old in WHOLE
    (folder / "manifest.csv").write_text(WHOLE.replace(old, new), errors="surrogateescape")
    with pytest.raises(CorpusError, match=f"manifest.csv.* {told}") as error:
        corpus.load(folder)
    assert str(folder) in str(error.value) and "build the corpus again" in str(error.value).lower()


@pytest.mark.parametrize(
    "data", [b"", b"clip,start,end,midi\na,0,1,C4\n", b"clip,start,end,midi\na,0,,60\n", b"clip,start,end,midi\n\xff,0,1,60\n"]
)
def test_damaged_notes_are_told(folder: Path, data: bytes) -> None:
    (folder / "notes.csv").write_bytes(data)
    with pytest.raises(CorpusError, match="notes.csv is damaged or no CSV file in UTF-8"):
        corpus.load_notes(folder)
    (folder / "notes.csv").write_text("clip,start,end\n")
    with pytest.raises(CorpusError, match="notes.csv lacks the columns midi"):
        corpus.load_notes(folder)
    (folder / "notes.csv").unlink()
    with pytest.raises(CorpusError, match="notes.csv is missing: run `dvc repro corpus`"):
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
