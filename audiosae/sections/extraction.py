"""Section 1: latents of every clip, the labels of their frames, and how much of a sound survives the codec (the paper's section 3.1).

    python -m audiosae.sections.extraction --codec encodec --weights embedded --tracker swift-f0 --seed 0

Writes data/frames/CODEC.arrow, the sounds of the page, and results/extraction/CODEC.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, codecs, corpus, frames
from audiosae.audio import labels, loudness, similarity
from audiosae.codecs import Codec
from audiosae.errors import AudioError, CorpusError
from audiosae.files import determinism, results
from audiosae.frames import bins, codebook_usage, labelling
from audiosae.frames.pitch_trackers import against_score
from audiosae.frames.table import TEXT
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
    folder = project / "data/corpus"
    target, path = project / f"results/extraction/{codec}.json", project / f"data/frames/{codec}.arrow"
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
    if not results.current(target, made(), path, sounds / "index.json"):
        device = determinism.prepare(seed)
        stored = labelling.load(inputs["data/labels"], tracker, inputs["data/corpus"])
        edges = bins.load(inputs["data/bins"])
        model = codecs.load(codec, weights).to(device)
        table = extract(manifest, model, stored, weights, device, edges)
        frames.save(table, path)
        survives, examples = survival(manifest, model, table, device)
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


@torch.no_grad()
def extract(
    manifest: pd.DataFrame, codec: Codec, stored: labelling.Labels, weights: str, device: torch.device, edges: dict[str, np.ndarray]
) -> frames.Frames:
    """Encode every clip of a corpus with a codec that is on `device`, and label its frames: classes by the `edges` of their bins."""
    if manifest.empty:
        raise CorpusError("the manifest lists no clips; build the corpus again.")
    latents, codes, tables = [], [], []
    for row in tqdm(list(manifest.itertuples(index=False)), desc="extracting", unit="clip"):
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
        tables.append(pd.DataFrame({**vars(measured), "monophonic": bool(row.monophonic), **{name: getattr(row, name) for name in TEXT}}))
    table = pd.concat(tables, ignore_index=True)
    is_voiced = labels.voiced(table["confidence"].to_numpy(), table["rms"].to_numpy())
    table["pitch"] = labels.pitch_bins(table["f0"].to_numpy(), is_voiced)
    table["amplitude"] = labels.to_bins(table["rms"].to_numpy(), edges["amplitude"])
    table["timbre"] = labels.to_bins(table["centroid"].to_numpy(), edges["timbre"])
    table, every = table.astype(dict.fromkeys(TEXT, "category")), np.concatenate(latents).astype(np.float32)
    books = np.concatenate(codes) if codes else None, getattr(codec, "codebook_size", None)
    return frames.Frames(every, table, edges, codec.name, weights, stored.tracker, codec.frame_rate, *books)


@torch.no_grad()
def survival(
    manifest: pd.DataFrame, codec: Codec, found: frames.Frames, device: torch.device
) -> tuple[dict[str, float], dict[str, dict[str, Sound]]]:
    """Decode the latents of every test clip, and measure what came back just as the original was.

    Returns
    -------
    Figures of `similarity.agreement`, with log_mel_db, mean over clips, and si_sdr_db, median of clips; and rows of a table of sounds: the
    first test clip of each part, original and decoded, matched in loudness.
    """
    test = manifest[manifest["split"] == "test"]
    first_of_part = set(test.drop_duplicates("part")["clip"])
    measured: dict[str, list[labels.Measured]] = {"original": [], "decoded": []}
    mel, sdr, examples = [], [], {}
    for row in tqdm(list(test.itertuples()), desc="decoding", unit="clip"):
        reference = audio.for_codec(*audio.read(row.file), codec.sample_rate, codec.channels)
        latents = torch.from_numpy(found.latents[(found.table["clip"] == row.clip).to_numpy()])
        output = codec.decode(latents[None].to(device))[0].cpu().numpy()[:, : reference.shape[1]]
        reference = reference[:, : output.shape[1]]
        for sound, side in zip((reference, output), measured.values()):
            side.append(labels.describe(sound, codec.sample_rate, codec.frame_rate, found.tracker, len(latents)))
        a, b = audio.to_mono(output), audio.to_mono(reference)
        mel.append(similarity.log_mel_mae(a, b, codec.sample_rate))
        sdr.append(similarity.si_sdr(a, b))
        if row.clip in first_of_part:
            pair = zip(measured, loudness.match_loudness((reference, output), codec.sample_rate))
            examples[f"{row.part}: {row.instrument}"] = {name: Sound(wave, codec.sample_rate) for name, wave in pair}
    figures = similarity.agreement(measured["original"], measured["decoded"], test["monophonic"].tolist())
    return {**figures, "log_mel_db": float(np.mean(mel)), "si_sdr_db": float(np.median(sdr))}, examples


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
