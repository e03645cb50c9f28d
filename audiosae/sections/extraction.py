"""Section 1: latents of every clip, the labels of their frames, and how much of a sound survives the codec (the paper's section 3.1).

    python -m audiosae.sections.extraction --codec encodec --weights embedded --tracker swift-f0 --seed 0

Writes data/frames/CODEC, the sounds of the page, and results/extraction/CODEC.json.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from audiosae import audio, codecs, corpus, engine, frames
from audiosae.audio import labels, loudness, similarity
from audiosae.codecs import Codec
from audiosae.errors import AudioError, CorpusError
from audiosae.files import determinism, results
from audiosae.frames import bins, codebook_usage, labelling
from audiosae.frames.mapped import Mapped
from audiosae.frames.pitch_trackers import against_score
from audiosae.frames.table import CLIPS, TEXT
from audiosae.widgets import Sound, write_table


@dataclass(frozen=True)
class Extraction:
    """What the page shows of one codec."""

    figures: dict[str, Any]  # as in results/extraction/CODEC.json
    manifest: pd.DataFrame
    notes: pd.DataFrame
    recordings: pd.DataFrame | None  # what became of recordings of one's own; None for another corpus
    table: frames.Frames
    inside_notes: int  # how many voiced frames of monophonic clips lie inside a note of the score
    by_family: pd.Series  # the share of them that is within 50 cents of that note, by family of instruments
    trackers: pd.DataFrame  # how they agree, a row each
    sounds: Path  # folder of originals and decoded clips


def run(codec: str, weights: str, tracker: str, seed: int, project: Path = Path(".")) -> Extraction:
    """Section 1 for one codec: read what was computed with just these parameters, inputs and code, or compute and write it.

    Parameters
    ----------
    codec, weights
        See `codecs.load`.
    tracker
        swift-f0, crepe-tiny or crepe-full.
    seed
        Of every generator.
    project
        The project's folder.
    """
    project = project.resolve()  # workers may be elsewhere
    folder = project / "data/corpus"
    target, path = project / f"results/extraction/{codec}.json", project / f"data/frames/{codec}"
    sounds = project / f"book/_static/sounds/{codec}/01_extraction/decoded"
    inputs = {
        "data/corpus": folder / "manifest.csv",
        "data/labels": project / "data/labels.arrow",
        "data/bins": project / "results/bins.json",
    }
    if weights != "released":  # whose hash stands in the code
        inputs["weights/codec"] = codecs.source(codec, weights)
    parameters = {"codec": codec, "weights": weights, "tracker": tracker, "seed": seed}
    made = partial(results.provenance, inputs, parameters, "audiosae.sections.extraction")
    manifest, notes = corpus.load(folder), corpus.load_notes(folder)
    if not results.current(target, made(), frames.part(path, 0), sounds / "index.json"):
        determinism.prepare(seed)
        target.unlink(missing_ok=True)  # a run that is killed leaves no figures beside another run's frames
        model = codecs.load(codec, weights)
        given = Given(codec, weights, tracker, project, json.dumps(made(), sort_keys=True))
        write_parts(manifest, path, given)
        table = frames.load(path)
        survives, examples = survival(manifest, table, given)
        write_table(sounds, examples, "One test clip of each part, matched in loudness.")
        checks = against_score(table.table, table.frame_rate, notes)
        figures = {
            "frames": len(table.latents),
            "minutes": float(manifest["duration"].sum() / 60),
            "pitch_against_score": float((checks["right"] * checks["frames"]).sum() / checks["frames"].sum()) if len(checks) else None,
            "reconstruction": survives,
            "codebooks": codebook_usage.summarise(table),
            "codec": {name: getattr(model, name) for name in ("sample_rate", "channels", "frame_rate", "dim")},
            "weights": weights,
        }
        results.write(target, {**figures, "provenance": made()})  # now it is known which programs ran
    table, recordings = frames.load(path), folder / "recordings.csv"
    checks = against_score(table.table, table.frame_rate, notes).merge(manifest[["clip", "family"]], on="clip")
    sums = checks.assign(hits=checks["right"] * checks["frames"]).groupby("family")[["hits", "frames"]].sum()
    return Extraction(
        results.read(target),
        manifest,
        notes,
        pd.read_csv(recordings, index_col="file") if recordings.is_file() else None,
        table,
        int(checks["frames"].sum()),
        (sums["hits"] / sums["frames"]).rename("within 50 cents (share)"),
        pd.DataFrame(results.read(project / "results/pitch_trackers.json")).T,
        sounds,
    )


class Given(NamedTuple):
    """What a worker needs to know to work on clips; the provenance tells it from what it may have read before."""

    codec: str
    weights: str
    tracker: str
    project: Path
    made: str

    @lru_cache(maxsize=1)  # noqa: B019  # of tuples that live as long as the process
    def read(self) -> tuple[Codec, labelling.Labels, dict[str, np.ndarray]]:
        """The codec on its device, labels and edges of bins; read once a process."""
        stored = labelling.load(self.project / "data/labels.arrow", self.tracker, self.project / "data/corpus/manifest.csv")
        model = codecs.load(self.codec, self.weights).to(determinism.device())
        return model, stored, bins.load(self.project / "results/bins.json")


def write_parts(manifest: pd.DataFrame, folder: Path, given: Given) -> None:
    """Extract a corpus into a table of frames, some clips at a time, on the engine's workers; parts that a stopped run has written stay."""
    pieces, stray = {}, {*folder.glob("*")}
    for number, first in enumerate(range(0, len(manifest), CLIPS)):
        clips, part = manifest.iloc[first : first + CLIPS], frames.part(folder, number)
        of = hashlib.sha256(json.dumps([given.made, clips["clip"].tolist()]).encode()).hexdigest()
        if frames.made_of(part) != of:
            pieces[f"clips from {first}"] = (clips, folder, number, of, given)
        stray -= {part}
    for path in stray:
        path.unlink()
    engine.each(_write_part, pieces, f"{given.codec}: extracting", "part")


def _write_part(clips: pd.DataFrame, folder: Path, number: int, of: str, given: Given) -> None:
    """One part of a table of frames."""
    model, stored, edges = given.read()
    frames.save(extract(clips, model, stored, given.weights, determinism.device(), edges), folder, number, of)


@torch.no_grad()
def extract(
    manifest: pd.DataFrame, codec: Codec, stored: labelling.Labels, weights: str, device: torch.device, edges: dict[str, np.ndarray]
) -> frames.Frames:
    """Encode every clip of a corpus with a codec that is on `device`, and label its frames: classes by the `edges` of their bins."""
    if manifest.empty:
        raise CorpusError("the manifest lists no clips; build the corpus again.")
    latents, codes, tables = [], [], []
    for row in manifest.itertuples(index=False):
        with engine.naming(row.file):
            wave, rate = audio.read(row.file)
            batch = torch.from_numpy(audio.for_codec(wave, rate, codec.sample_rate, codec.channels))[None].to(device)
            if batch.shape[2] < codec.sample_rate / codec.frame_rate:
                raise AudioError(f"{row.file}: shorter than one frame of {codec.name}; use a longer clip.")
            if hasattr(codec, "codes") and hasattr(codec, "embed"):
                chosen = codec.codes(batch)
                codes.append(chosen[0].T.cpu().numpy().astype(np.int32))
                encoded = codec.embed(chosen)[0].cpu().numpy()
            else:
                encoded = codec.encode(batch)[0].cpu().numpy()
            if not np.isfinite(encoded).all():
                raise AudioError(f"{row.file}: {codec.name} gives NaN or infinite latents for it; check codec and file.")
            measured = stored.at(row.clip, audio.mono_mix(wave, rate), codec.frame_rate, len(encoded))
            latents.append(encoded)
            tables.append(
                pd.DataFrame({**vars(measured), "monophonic": bool(row.monophonic), **{name: getattr(row, name) for name in TEXT}})
            )
    table = pd.concat(tables, ignore_index=True)
    is_voiced = labels.voiced(table["confidence"].to_numpy(), table["rms"].to_numpy())
    table["pitch"] = labels.pitch_bins(table["f0"].to_numpy(), is_voiced)
    table["amplitude"] = labels.to_bins(table["rms"].to_numpy(), edges["amplitude"])
    table["timbre"] = labels.to_bins(table["centroid"].to_numpy(), edges["timbre"])
    table, every = table.astype(dict.fromkeys(TEXT, "category")), np.concatenate(latents).astype(np.float32)
    books = Mapped([np.concatenate(codes)]) if codes else None, getattr(codec, "codebook_size", None)
    return frames.Frames(Mapped([every]), table, edges, codec.name, weights, stored.tracker, codec.frame_rate, *books)


def survival(manifest: pd.DataFrame, table: frames.Frames, given: Given) -> tuple[dict[str, float] | None, dict[str, dict[str, Sound]]]:
    """Decode the latents of every test clip, and measure what came back just as the original was; no figures where nothing decodes.

    Returns
    -------
    Figures of `similarity.agreement`, with log_mel_db, mean over clips, and si_sdr_db, median of clips; and rows of a table of sounds: the
    first test clip of each part, original and decoded, matched in loudness.
    """
    test = manifest[manifest["split"] == "test"]
    first_of_part = set(test.drop_duplicates("part")["clip"])
    if not codecs.decodes(model := given.read()[0]):
        firsts, rate = test[test["clip"].isin(first_of_part)], model.sample_rate
        waves = [audio.for_codec(*audio.read(file), rate, model.channels) for file in firsts["file"]]
        heard = zip(firsts.itertuples(), loudness.match_loudness(waves, rate))
        return None, {f"{row.part}: {row.instrument}": {"original": Sound(wave, rate)} for row, wave in heard}
    where = table.table.groupby("clip", observed=True).indices
    pieces = {row.clip: (row.file, table.latents[where[row.clip]], row.clip in first_of_part, given) for row in test.itertuples()}
    found = engine.each(_decode, pieces, f"{given.codec}: decoding", "clip")
    original, decoded, mel, sdr, _ = zip(*found.values())
    examples = {f"{row.part}: {row.instrument}": found[row.clip][-1] for row in test.itertuples() if row.clip in first_of_part}
    figures = similarity.agreement(list(original), list(decoded), test["monophonic"].tolist())
    return {**figures, "log_mel_db": float(np.mean(mel)), "si_sdr_db": float(np.median(sdr))}, examples


@torch.no_grad()
def _decode(
    file: str, latents: torch.Tensor, example: bool, given: Given
) -> tuple[labels.Measured, labels.Measured, float, float, dict[str, Sound]]:  # fmt: skip
    """One clip: labels of it and of what comes back, log-mel distance and SI-SDR of the two in dB, and, where asked for, both to hear."""
    model = given.read()[0]
    reference = audio.for_codec(*audio.read(file), model.sample_rate, model.channels)
    output = model.decode(latents[None].to(determinism.device()))[0].cpu().numpy()[:, : reference.shape[1]]
    pair = reference[:, : output.shape[1]], output
    original, decoded = (labels.describe(sound, model.sample_rate, model.frame_rate, given.tracker, len(latents)) for sound in pair)
    b, a = map(audio.to_mono, pair)
    heard = {}
    if example:
        waves = loudness.match_loudness(pair, model.sample_rate)
        heard = {name: Sound(wave, model.sample_rate) for name, wave in zip(("original", "decoded"), waves)}
    return original, decoded, similarity.log_mel_mae(a, b, model.sample_rate), similarity.si_sdr(a, b), heard


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
