"""The table of frames: what is in a row, which rows count, and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from audiosae import frames, labels, pitch
from audiosae.audio import SAMPLE_RATE
from audiosae.errors import AudioError, CorpusError

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
        rows.append({"clip": clip, "piece": f"piece {clip}", "part": "tones", "split": split, "monophonic": monophonic,
                     "file": str(folder / f"{clip}.wav")})
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
    return frames.extract(manifest, codec, "swift-f0", "embedded", CPU, EDGES)


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


# --- bad input ----------------------------------------------------------------------------------------------------------


def test_a_missing_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="a.arrow is missing: run notebook 01_extraction"):
        frames.load(tmp_path / "a.arrow")


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
def test_a_truncated_table_is_said(extracted: frames.Frames, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "a.arrow"
    frames.save(extracted, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
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
