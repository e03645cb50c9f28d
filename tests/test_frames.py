"""The table of frames: what is in a row, which rows count, and the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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

CPU = torch.device("cpu")


class Averager:
    """A codec whose latent frame is the mean and the mean square of its 160 samples at 8 kHz."""

    name, sample_rate, channels, frame_rate, dim = "averager", 8000, 1, 50.0, 2

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        cut = wave[:, 0].unfold(1, 160, 160)
        return torch.stack([cut.mean(-1), cut.pow(2).mean(-1)], dim=-1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, None, :, 0].repeat_interleave(160, dim=-1)


CLIPS = [  # clip, split, MIDI note, amplitude, monophonic, channels
    ("a", "train", 60, 0.1, True, 2),
    ("b", "train", 72, 0.3, False, 1),
    ("c", "validation", 67, 0.2, True, 1),
    ("d", "test", 80, 0.6, True, 2),
]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder, rows = tmp_path_factory.mktemp("clips"), []
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    for clip, split, midi, amplitude, monophonic, channels in CLIPS:
        tone = sum(np.sin(2 * np.pi * k * pitch.to_hz(midi) * time) / k for k in (1, 2, 3))
        tone *= amplitude / np.sqrt(1 + 1 / 4 + 1 / 9)  # so that the RMS is that of a sine
        soundfile.write(folder / f"{clip}.wav", np.repeat(tone[:, None], channels, axis=1), SAMPLE_RATE, subtype="FLOAT")
        rows.append(
            {
                "clip": clip,
                "piece": f"piece {clip}",
                "part": "tones",
                "split": split,
                "monophonic": monophonic,
                "file": str(folder / f"{clip}.wav"),
            }
        )
    return pd.DataFrame(rows)


class Rounder(Averager):
    """The same, with a codebook for each of the two numbers."""

    codebook_size = 10

    def codes(self, wave: torch.Tensor) -> torch.Tensor:
        return (super().encode(wave).abs() * 10).floor().long().clamp(0, 9).transpose(1, 2)

    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        return codes.transpose(1, 2) / 10

    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        return self.embed(self.codes(wave))


EDGES = {"pitch": labels.pitch_edges(), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(100, 3000, 21)}


def extract(manifest: pd.DataFrame, codec: Averager) -> frames.Frames:
    return extraction.extract(manifest, codec, labelling.Labels("swift-f0", {}, {}), "embedded", CPU, EDGES)


@pytest.fixture(scope="module")
def extracted(manifest: pd.DataFrame) -> frames.Frames:
    return extract(manifest, Averager())


def test_one_row_a_frame_with_its_origin_and_time(extracted: frames.Frames) -> None:
    table = extracted.table
    assert len(table) == len(extracted.latents) == 4 * 25 and extracted.latents.dtype == np.float32
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
        np.testing.assert_allclose(extracted.latents[rows.index, 1], amplitude**2 / 2, rtol=0.2)


def test_classes_are_those_of_the_given_bins(extracted: frames.Frames) -> None:
    table = extracted.table
    for prop, column in (("amplitude", "rms"), ("timbre", "centroid")):
        np.testing.assert_array_equal(extracted.edges[prop], EDGES[prop])
        np.testing.assert_array_equal(table[prop], labels.to_bins(table[column].to_numpy(), EDGES[prop]))
    loud = extracted.rows("test") & (table["time"] > 0.1) & (table["time"] < 0.4)
    assert (table["amplitude"][loud] == 19).all()  # beyond the last edge: the end bin


def test_a_codec_with_codebooks_leaves_its_codes(manifest: pd.DataFrame, extracted: frames.Frames, tmp_path: Path) -> None:
    found = extract(manifest, Rounder())
    assert found.codebook_size == 10 and found.codes.dtype == np.int32 and found.codes.shape == found.latents.shape
    np.testing.assert_array_equal(found.latents, (found.codes / 10).astype(np.float32))
    np.testing.assert_array_equal(found.codes, np.floor(np.abs(extracted.latents) * 10))
    frames.save(found, tmp_path / "a.arrow")
    loaded = frames.load(tmp_path / "a.arrow")
    np.testing.assert_array_equal(loaded.codes, found.codes)
    assert loaded.codebook_size == 10 and not {"latent", "codes"} & set(loaded.table)
    assert extracted.codes is None and extracted.codebook_size is None


def test_rows_that_count(extracted: frames.Frames) -> None:
    table = extracted.table
    assert extracted.rows().all()
    np.testing.assert_array_equal(extracted.rows("validation"), table["clip"] == "c")
    voiced = extracted.rows(prop="pitch")
    assert set(table["clip"][voiced]) == {"a", "c", "d"}  # b is not monophonic
    assert (table["pitch"][voiced] >= 0).all() and (table["pitch"][table["clip"] == "b"] >= 0).any()
    np.testing.assert_array_equal(extracted.rows("train", "pitch"), voiced & extracted.rows("train"))


def test_the_file_gives_back_the_table_and_the_same_bytes(extracted: frames.Frames, tmp_path: Path) -> None:
    frames.save(extracted, tmp_path / "deep" / "a.arrow")
    loaded = frames.load(tmp_path / "deep" / "a.arrow")
    np.testing.assert_array_equal(loaded.latents, extracted.latents)
    assert set(loaded.table) == set(extracted.table)
    for name in extracted.table:
        mine, theirs = extracted.table[name], loaded.table[name]
        if name in ("clip", "piece", "part", "split"):
            assert mine.astype(str).tolist() == theirs.astype(str).tolist()
        else:
            np.testing.assert_array_equal(np.asarray(mine, dtype=theirs.dtype), theirs)
    for prop, edges in extracted.edges.items():
        np.testing.assert_array_equal(loaded.edges[prop], edges)
    for name in ("codec", "weights", "tracker", "frame_rate"):
        assert getattr(loaded, name) == getattr(extracted, name)
    assert loaded.codes is None and loaded.codebook_size is None
    assert (loaded.codec, loaded.weights, loaded.tracker, loaded.frame_rate) == ("averager", "embedded", "swift-f0", 50)
    frames.save(loaded, tmp_path / "b.arrow")
    assert (tmp_path / "b.arrow").read_bytes() == (tmp_path / "deep" / "a.arrow").read_bytes()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.arrow"]


def test_latents_are_mapped_not_copied(extracted: frames.Frames, tmp_path: Path) -> None:
    frames.save(extracted, tmp_path / "a.arrow")
    loaded = frames.load(tmp_path / "a.arrow")
    assert not loaded.latents.flags.writeable and not loaded.latents.flags.owndata


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


def test_a_missing_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="a.arrow is missing: run notebook 01_extraction"):
        frames.load(tmp_path / "a.arrow")


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_truncated_table_is_said(extracted: frames.Frames, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "a.arrow"
    frames.save(extracted, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(CorpusError, match="a.arrow is damaged"):
        frames.load(path)


def test_latents_that_are_no_numbers_name_the_clip(manifest: pd.DataFrame) -> None:
    class Broken(Averager):
        def encode(self, wave: torch.Tensor) -> torch.Tensor:
            return super().encode(wave) / 0.0

    with pytest.raises(AudioError, match="a.wav: averager gives NaN or infinite latents"):
        extract(manifest, Broken())


def test_a_clip_shorter_than_a_frame_of_the_codec_is_named(manifest: pd.DataFrame) -> None:
    class Slow(Averager):
        frame_rate = 1.0

    with pytest.raises(AudioError, match="a.wav: shorter than one frame of averager"):
        extract(manifest, Slow())


def test_a_manifest_without_clips_is_said(manifest: pd.DataFrame) -> None:
    with pytest.raises(CorpusError, match="lists no clips"):
        extract(manifest.iloc[:0], Averager())


@pytest.mark.parametrize(
    ("column", "name", "refused"), [("piece", "../../a", False), ("clip", "../../../a", True), ("clip", "a\n", True), ("clip", "", True)]
)
def test_names_that_lead_out_of_a_folder_are_refused(
    extracted: frames.Frames, tmp_path: Path, column: str, name: str, refused: bool
) -> None:
    """The feature browser fetches a clip by this name; that of a piece is text."""
    renamed = extracted.table[column].cat.rename_categories(lambda old: name if old[-1] == "b" else old)
    frames.save(replace(extracted, table=extracted.table.assign(**{column: renamed})), tmp_path / "a.arrow")
    if not refused:
        assert name in set(frames.load(tmp_path / "a.arrow").table[column])
        return
    with pytest.raises(CorpusError, match="a.arrow, clip: .* cannot name a file"):
        frames.load(tmp_path / "a.arrow")


def column(name: str, values: Callable[[pa.Table], object]) -> Callable[[pa.Table, dict], pa.Table]:
    """Put other values into a column; None takes it out."""

    def change(table: pa.Table, _: dict) -> pa.Table:
        new = values(table)
        return table.drop_columns([name]) if new is None else table.set_column(table.column_names.index(name), name, new)

    return change


def cell(name: str, value: object) -> Callable[[pa.Table, dict], pa.Table]:
    """Put another value into the first row of a column."""
    return column(name, lambda table: pa.array([value, *table[name].to_pylist()[1:]], table[name].type))


def number(name: str, value: float) -> Callable[[pa.Table, dict], pa.Table]:
    """Put another number into the first list of a column."""
    return column(name, lambda t: pa.array([[value, 1], *t[name].to_pylist()[1:]], t[name].type))


def header(**changes: object) -> Callable[[pa.Table, dict], pa.Table]:
    """Say other things in the header; None takes one out."""

    def change(table: pa.Table, held: dict) -> pa.Table:
        held.update(changes)
        return table

    return change


DAMAGED = {
    "no latents": (column("latent", lambda t: None), "it lacks latent"),
    "no clips": (column("clip", lambda t: None), "it lacks clip"),
    "no rows": (lambda table, _: table.slice(0, 0), "it has no rows"),
    "latents of no fixed size": (column("latent", lambda t: pa.array(t["latent"].to_pylist(), pa.list_(pa.float32()))), "latent is list"),
    "latents of 64 bits": (column("latent", lambda t: t["latent"].cast(pa.list_(pa.float64(), 2))), "latent is fixed_size_list.*double"),
    "a latent that is NaN": (number("latent", np.nan), "latent holds NaN"),
    "an infinite latent": (number("latent", -np.inf), "latent holds NaN or inf"),
    "a latent left out": (cell("latent", None), "latent has empty cells"),
    "a code beyond the codebook": (number("codes", 10), "codes go from 0 to 10"),
    "a negative code": (number("codes", -1), "codes go from -1"),
    "a codebook without codes": (column("codes", lambda t: None), "codebook_size is 10, and there are no codes"),
    "text that is not dictionary-coded": (column("piece", lambda t: pa.array(t["piece"].to_pylist())), "piece is .*string"),
    "no name of a clip": (cell("clip", None), "clip has empty cells"),
    "an unknown split": (
        column("split", lambda t: pa.array(["dev"] * len(t), pa.large_string()).dictionary_encode()),
        "a split is none of",
    ),
    "monophonic as a number": (column("monophonic", lambda t: t["monophonic"].cast(pa.int8())), "monophonic is int8, not bool"),
    "a time that is NaN": (cell("time", float("nan")), "time holds NaN"),
    "an infinite rms": (cell("rms", float("inf")), "rms holds NaN or infinite"),
    "a class too high": (cell("amplitude", 20), "amplitude must be class numbers from −1 to 19"),
    "a class too low": (cell("pitch", -2), "pitch must be class numbers from −1 to 65"),
    "no edges": (header(edges=None), "edges"),
    "falling edges": (header(edges={"pitch": [1, 2], "amplitude": [1, 2], "timbre": [2, 1]}), "edges must increase"),
    "a number for a codec": (header(codec=7), "codec"),
    "a frame rate of 0": (header(frame_rate=0), "frame_rate"),
    "a frame rate in words": (header(frame_rate="75"), "frame_rate"),
    "an infinite frame rate": (header(frame_rate=float("inf")), "frame_rate"),
    "no codebook": (header(codebook_size=None), "codebook_size is None, and there are codes"),
    "a codebook of 1": (header(codebook_size=1), "outside a codebook of 1"),
}


@pytest.fixture(scope="module")
def coded(manifest: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coded") / "a.arrow"
    frames.save(extract(manifest, Rounder()), path)
    return path


def write(path: Path, table: pa.Table, metadata: dict[bytes, bytes] | None) -> None:
    table = table.replace_schema_metadata(metadata)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_table_is_told_with_what_to_do(coded: Path, damage: str, tmp_path: Path) -> None:
    change, told = DAMAGED[damage]
    table = pa.ipc.open_file(coded).read_all()
    held = json.loads(table.schema.metadata[b"audiosae"])
    held["codebook_size"] = 10
    table = change(table, held)
    write(tmp_path / "b.arrow", table, {b"audiosae": json.dumps(held).encode()})
    with pytest.raises(CorpusError, match=f"(?s)b.arrow is damaged or not a table of frames .*{told}.*run the extraction again"):
        frames.load(tmp_path / "b.arrow")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {b"other": b"{}"},
        {b"audiosae": b"no json"},
        {b"audiosae": b"[]"},
        {b"audiosae": b"\xff"},
        {b"audiosae": b"[" * 100_000},
        {b"audiosae": b"{}"},
    ],
    ids=lambda m: str(m)[:30],
)
def test_a_table_with_another_header_is_told(coded: Path, metadata: dict[bytes, bytes] | None, tmp_path: Path) -> None:
    write(tmp_path / "b.arrow", pa.ipc.open_file(coded).read_all(), metadata)
    with pytest.raises(CorpusError, match="b.arrow is damaged or not a table of frames"):
        frames.load(tmp_path / "b.arrow")


def test_a_number_of_a_name_beyond_the_names_is_told(coded: Path, tmp_path: Path) -> None:
    """Followed, it would be read from wherever in memory it leads."""
    table = pa.ipc.open_file(coded).read_all()
    wild = pa.DictionaryArray.from_arrays(pa.array([10**6] * len(table), pa.int32()), pa.array(["a"], pa.large_string()), safe=False)
    write(tmp_path / "b.arrow", table.set_column(table.column_names.index("clip"), "clip", wild), table.schema.metadata)
    with pytest.raises(CorpusError, match="b.arrow is damaged"):
        frames.load(tmp_path / "b.arrow")
