"""The table of frames: what is in a row, which rows count, and the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pytest
import soundfile
import torch

from audiosae import frames
from audiosae.audio import SAMPLE_RATE, labels, pitch
from audiosae.errors import AudioError, CorpusError
from audiosae.frames import labelling
from audiosae.frames.codebook_usage import perplexity, summarise
from audiosae.sections import extraction


class Averager:
    """A codec whose latent frame is the mean and the mean square of its 160 samples at 8 kHz."""

    name, sample_rate, channels, frame_rate, dim = "averager", 8000, 1, 50.0, 2

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        cut = wave[:, 0].unfold(1, 160, 160)
        return torch.stack([cut.mean(-1), cut.pow(2).mean(-1)], dim=-1)


class Rounder(Averager):
    """The same, with a codebook for each of the two numbers."""

    codebook_size = 10

    def codes(self, wave: torch.Tensor) -> torch.Tensor:
        return (self.encode(wave).abs() * 10).floor().long().clamp(0, 9).transpose(1, 2)

    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        return codes.transpose(1, 2) / 10


CLIPS = [  # clip, split, MIDI note, amplitude, monophonic, channels
    ("a", "train", 60, 0.1, True, 2),
    ("b", "train", 72, 0.3, False, 1),
    ("c", "validation", 67, 0.2, True, 1),
    ("d", "test", 80, 0.6, True, 2),
]
EDGES = {"pitch": labels.pitch_edges(), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(100, 3000, 21)}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder, rows = tmp_path_factory.mktemp("clips"), []
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    for clip, split, midi, amplitude, monophonic, channels in CLIPS:
        tone = sum(np.sin(2 * np.pi * k * pitch.to_hz(midi) * time) / k for k in (1, 2, 3))
        tone *= amplitude / np.sqrt(1 + 1 / 4 + 1 / 9)  # so that the RMS is that of a sine
        file = folder / f"{clip}.wav"
        soundfile.write(file, np.repeat(tone[:, None], channels, axis=1), SAMPLE_RATE, subtype="FLOAT")
        rows.append({"clip": clip, "piece": f"piece {clip}", "part": "tones", "split": split, "monophonic": monophonic, "file": str(file)})
    return pd.DataFrame(rows)


def extract(manifest: pd.DataFrame, codec: Averager) -> frames.Frames:
    return extraction.extract(manifest, codec, labelling.Labels("swift-f0"), "embedded", torch.device("cpu"), EDGES)


@pytest.fixture(scope="module")
def extracted(manifest: pd.DataFrame) -> frames.Frames:
    return extract(manifest, Averager())


@pytest.fixture(scope="module")
def coded(manifest: pd.DataFrame) -> frames.Frames:
    return extract(manifest, Rounder())


def test_one_row_a_frame_with_its_origin_and_time(extracted: frames.Frames) -> None:
    table = extracted.table
    assert len(table) == len(extracted.latents) == 4 * 25
    assert table.groupby("clip", observed=True).size().to_dict() == dict.fromkeys("abcd", 25)
    np.testing.assert_allclose(table["time"][table["clip"] == "c"], (np.arange(25) + 0.5) / 50)
    assert (table["piece"].astype(str) == "piece " + table["clip"].astype(str)).all()
    middle = table[(table["time"] > 0.1) & (table["time"] < 0.4)]
    for clip, split, midi, amplitude, monophonic, _ in CLIPS:
        rows = middle[middle["clip"] == clip]
        np.testing.assert_allclose(rows["rms"], amplitude / 2**0.5, rtol=0.03)
        assert (rows["split"] == split).all() and (rows["monophonic"] == monophonic).all()
        np.testing.assert_allclose(pitch.to_midi(rows["f0"]), midi, atol=0.3)
        assert (rows["pitch"] == midi - 30).mean() > 0.8  # not where the tracker is unsure
        np.testing.assert_allclose(extracted.latents[rows.index][:, 1], amplitude**2 / 2, rtol=0.2)


def test_classes_are_those_of_the_given_bins(extracted: frames.Frames) -> None:
    table = extracted.table
    for prop, column in (("amplitude", "rms"), ("timbre", "centroid")):
        np.testing.assert_array_equal(extracted.edges[prop], EDGES[prop])
        np.testing.assert_array_equal(table[prop], labels.to_bins(table[column].to_numpy(), EDGES[prop]))
    loud = extracted.rows("test") & (table["time"] > 0.1) & (table["time"] < 0.4)
    assert (table["amplitude"][loud] == 19).all()  # beyond the last edge: the end bin


def test_a_codec_with_codebooks_leaves_its_codes(coded: frames.Frames, extracted: frames.Frames) -> None:
    assert coded.codebook_size == 10 and coded.codes[:].dtype == torch.int32
    np.testing.assert_array_equal(coded.latents, (np.asarray(coded.codes) / 10).astype(np.float32))
    np.testing.assert_array_equal(coded.codes, np.floor(np.abs(np.asarray(extracted.latents)) * 10))
    assert extracted.codes is None and extracted.codebook_size is None


def test_rows_that_count(extracted: frames.Frames) -> None:
    table = extracted.table
    assert extracted.rows().all()
    np.testing.assert_array_equal(extracted.rows("validation"), table["clip"] == "c")
    voiced = extracted.rows(prop="pitch")
    assert set(table["clip"][voiced]) == {"a", "c", "d"}  # b is not monophonic
    assert (table["pitch"][voiced] >= 0).all() and (table["pitch"][table["clip"] == "b"] >= 0).any()
    np.testing.assert_array_equal(extracted.rows("train", "pitch"), voiced & extracted.rows("train"))


@pytest.mark.parametrize("kind", ["extracted", "coded"])
@pytest.mark.parametrize("cuts", [[], [25, 75]])
def test_the_files_give_back_the_table_however_it_is_parted(
    kind: str, cuts: list[int], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(kind)
    save_parts(made, tmp_path / "deep" / "a", cuts)
    loaded = frames.load(tmp_path / "deep" / "a")
    np.testing.assert_array_equal(loaded.latents, made.latents)
    np.testing.assert_array_equal(loaded.codes, made.codes)
    pd.testing.assert_frame_equal(loaded.table[list(made.table)], made.table, check_dtype=False, check_categorical=False, rtol=1e-6)
    for prop, edges in made.edges.items():
        np.testing.assert_array_equal(loaded.edges[prop], edges)
    for name in ("codec", "weights", "tracker", "frame_rate", "codebook_size"):
        assert getattr(loaded, name) == getattr(made, name)
    save_parts(loaded, tmp_path / "b", cuts)
    assert len(list((tmp_path / "b").iterdir())) == len(cuts) + 1
    for path in (tmp_path / "b").iterdir():
        assert path.read_bytes() == (tmp_path / "deep" / "a" / path.name).read_bytes()


def save_parts(made: frames.Frames, folder: Path, cuts: list[int]) -> None:
    for number, rows in enumerate(np.split(np.arange(len(made.table)), cuts)):
        codes = None if made.codes is None else made.codes[rows].numpy()
        part = replace(made, latents=made.latents[rows].numpy(), codes=codes, table=made.table.iloc[rows].reset_index(drop=True))
        frames.save(part, folder, number, f"part {number}")


def test_a_part_says_what_it_was_made_of(extracted: frames.Frames, tmp_path: Path) -> None:
    save_parts(extracted, tmp_path, [50])
    assert [frames.made_of(frames.part(tmp_path, number)) for number in range(3)] == ["part 0", "part 1", None]
    frames.part(tmp_path, 1).write_bytes(frames.part(tmp_path, 1).read_bytes()[:-9])
    assert frames.made_of(frames.part(tmp_path, 1)) is None


def test_parts_that_do_not_belong_together_are_told(extracted: frames.Frames, coded: frames.Frames, tmp_path: Path) -> None:
    frames.save(extracted, tmp_path / "gap", 1)
    with pytest.raises(CorpusError, match="gap is missing, or lacks parts"):
        frames.load(tmp_path / "gap")
    frames.save(extracted, tmp_path / "mixed", 0)
    frames.save(coded, tmp_path / "mixed", 1)
    with pytest.raises(CorpusError, match="mixed has parts of unlike codecs"):
        frames.load(tmp_path / "mixed")


def test_rows_are_taken_from_parts_as_from_a_tensor() -> None:
    whole = torch.arange(40.0).reshape(20, 2)
    mapped = frames.Mapped(np.split(whole.numpy(), [3, 4, 15]))
    assert mapped.shape == (20, 2) and len(mapped) == 20 and torch.equal(mapped[:], whole)
    for rows in (
        slice(2, 18, 3),
        np.array([19, 0, 3, 3]),
        torch.tensor([4, 2]),
        whole[:, 0] % 3 == 0,
        np.arange(20) > 14,
        np.array([], int),
    ):
        assert torch.equal(mapped[rows], whole[rows])
    assert [len(part) for part in mapped.split(8)] == [8, 8, 4] and torch.equal(torch.cat(list(mapped.split(8))), whole)


# --- use of codebooks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("counts", "expected"), [([7], 1), ([5, 5, 5, 5], 4), ([2, 1, 1], 2**1.5), ([1000, 1], 1.0079)])
def test_perplexity_of_known_counts(counts: list[int], expected: float) -> None:
    codes = np.repeat(np.arange(len(counts)) * 3, counts)
    assert perplexity(codes) == perplexity(codes[::-1]) == pytest.approx(expected, rel=1e-4)


def test_perplexity_is_of_test_clips_and_use_is_of_all(extracted: frames.Frames) -> None:
    codes = np.array([[0, 5], [1, 5], [2, 5], [2, 6], [3, 7]])
    table = pd.DataFrame({"split": ["train", "train", "test", "test", "test"]})
    found = summarise(replace(extracted, table=table, codes=codes, codebook_size=8))
    assert found["size"] == 8 and found["share_in_use"] == [4 / 8, 3 / 8]
    assert found["perplexity"] == pytest.approx([3 / 4 ** (1 / 3), 3])
    assert summarise(extracted) is None  # a continuous codec


# --- bad input ----------------------------------------------------------------------------------------------------------


def test_clips_that_cannot_be_encoded_are_named(manifest: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match="lists no clips"):
        extract(manifest.iloc[:0], Averager())
    slow, broken = Averager(), Averager()
    slow.frame_rate = 1.0
    with pytest.raises(AudioError, match="a.wav: shorter than one frame of averager"):
        extract(manifest, slow)
    broken.encode = lambda wave: torch.full((1, 25, 2), torch.inf)
    with pytest.raises(AudioError, match="a.wav: averager gives NaN or infinite latents"):
        extract(manifest, broken)


@pytest.mark.parametrize("keep", [None, 0, 0.99])
def test_a_table_that_is_missing_or_truncated_is_told(extracted: frames.Frames, tmp_path: Path, keep: float | None) -> None:
    path = tmp_path / "a"
    if keep is not None:
        frames.save(extracted, path)
        data = frames.part(path, 0).read_bytes()
        frames.part(path, 0).write_bytes(data[: int(keep * len(data))])
    with pytest.raises(
        CorpusError, match="a is missing, or lacks parts: run notebook 01_extraction" if keep is None else "part-00000.arrow is damaged"
    ):
        frames.load(path)


@pytest.mark.parametrize("name", ["../../../a", "a\n", ""])
def test_names_that_lead_out_of_a_folder_are_refused(extracted: frames.Frames, tmp_path: Path, name: str) -> None:
    """The feature browser fetches a clip by this name; that of a piece is text."""
    for column in ("piece", "clip"):
        renamed = extracted.table[column].cat.rename_categories(lambda old: name if old[-1] == "b" else old)
        frames.save(replace(extracted, table=extracted.table.assign(**{column: renamed})), tmp_path / column)
    assert name in set(frames.load(tmp_path / "piece").table["piece"])
    with pytest.raises(CorpusError, match="clip, clip: .* cannot name a file"):
        frames.load(tmp_path / "clip")


def test_latents_stay_on_disk(extracted: frames.Frames, tmp_path: Path) -> None:
    wide = replace(extracted, latents=np.zeros((len(extracted.table), 20000), np.float32))
    for number in range(3):
        frames.save(wide, tmp_path, number)
    before = pa.total_allocated_bytes()
    found = frames.load(tmp_path)
    assert found.latents.shape == (3 * len(extracted.table), 20000)
    assert pa.total_allocated_bytes() - before < 0.1 * wide.latents[:].nbytes


Change = Callable[[pa.Table], Any]


def column(name: str, values: Change) -> Change:
    """Put other values into a column; None takes it out."""

    def change(table: pa.Table) -> pa.Table:
        new = values(table)
        return table.drop_columns([name]) if new is None else table.set_column(table.column_names.index(name), name, new)

    return change


def first(name: str, value: object) -> Change:
    """Put another value into the first row of a column."""
    return column(name, lambda table: pa.array([value, *table[name].to_pylist()[1:]], table[name].type))


WILD = pa.DictionaryArray.from_arrays(pa.array([10**6] * 100, pa.int32()), pa.array(["a"], pa.large_string()), safe=False)

DAMAGED: dict[str, tuple[Change | dict[str, object], str]] = {
    "no latents": (column("latent", lambda t: None), "latent"),
    "no rows": (lambda table: table.slice(0, 0), ""),
    "latents of no fixed size": (column("latent", lambda t: pa.array(t["latent"].to_pylist(), pa.list_(pa.float32()))), "latent is list"),
    "latents of 64 bits": (column("latent", lambda t: t["latent"].cast(pa.list_(pa.float64(), 2))), "latent is fixed_size_list.*double"),
    "a latent that is NaN": (first("latent", [np.nan, 1]), "latent holds NaN"),
    "an infinite latent": (first("latent", [-np.inf, 1]), "latent holds NaN or inf"),
    "a latent left out": (first("latent", None), "latent has empty cells"),
    "rows in two batches": (lambda table: pa.concat_tables([table, table]), "latent .* is in several chunks"),
    "a code beyond the codebook": (first("codes", [10, 1]), "codes go from 0 to 10"),
    "a negative code": (first("codes", [-1, 1]), "codes go from -1"),
    "a codebook without codes": (column("codes", lambda t: None), "codebook_size is 10, and there are no codes"),
    "text that is not dictionary-coded": (column("piece", lambda t: pa.array(t["piece"].to_pylist())), "piece is .*string"),
    "a number of a name beyond the names": (column("clip", lambda t: WILD), ""),  # it would be read from wherever in memory it leads
    "an unknown split": (column("split", lambda t: pa.array(["dev"] * 100, pa.large_string()).dictionary_encode()), "a split is none of"),
    "an infinite rms": (first("rms", float("inf")), "rms holds NaN or infinite"),
    "a class too high": (first("amplitude", 20), "amplitude must be class numbers from −1 to 19"),
    "a class too low": (first("pitch", -2), "pitch must be class numbers from −1 to 65"),
    "falling edges": ({"edges": {"pitch": [1, 2], "amplitude": [1, 2], "timbre": [2, 1]}}, "edges of timbre must increase"),
    "a frame rate of 0": ({"frame_rate": 0}, "frame_rate"),
    "a frame rate in words": ({"frame_rate": "75"}, "frame_rate"),
    "an infinite frame rate": ({"frame_rate": float("inf")}, "frame_rate"),
    "no codebook": ({"codebook_size": None}, "codebook_size is None, and there are codes"),
}


def rewrite(path: Path, change: Change, metadata: Callable[[dict[str, Any]], bytes] = lambda held: json.dumps(held).encode()) -> None:
    """Write a file anew with a change, and with what `metadata` makes of its header."""
    table = pa.ipc.open_file(path).read_all()
    held = json.loads(table.schema.metadata[b"audiosae"])
    table = change(table).replace_schema_metadata({b"audiosae": metadata(held)})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_table_is_told_with_what_to_do(coded: frames.Frames, damage: str, tmp_path: Path) -> None:
    change, told = DAMAGED[damage]
    frames.save(coded, tmp_path / "b")
    if isinstance(change, dict):
        rewrite(frames.part(tmp_path / "b", 0), lambda table: table, lambda held: json.dumps({**held, **change}).encode())
    else:
        rewrite(frames.part(tmp_path / "b", 0), change)
    with pytest.raises(CorpusError, match=f"(?s)part-00000.arrow is damaged or not a table of frames .*{told}.*run the extraction again"):
        frames.load(tmp_path / "b")


@pytest.mark.parametrize("header", [b"no json", b"[]", b"\xff", b"[" * 100_000, b"{}"], ids=lambda header: str(header)[:9])
def test_a_table_with_another_header_is_told(coded: frames.Frames, header: bytes, tmp_path: Path) -> None:
    frames.save(coded, tmp_path / "b")
    rewrite(frames.part(tmp_path / "b", 0), lambda table: table, lambda held: header)
    with pytest.raises(CorpusError, match="part-00000.arrow is damaged or not a table of frames"):
        frames.load(tmp_path / "b")
