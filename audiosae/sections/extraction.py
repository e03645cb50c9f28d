"""Section 1: latents of every clip, the labels of their frames, and how much of a sound survives the codec (the paper's section 3.1).

    python -m audiosae.sections.extraction --codec encodec --weights embedded --tracker swift-f0 --seed 0

Writes data/frames/CODEC.arrow, the sounds of the page, and results/extraction/CODEC.json.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """What the page shows of one codec.

    Attributes
    ----------
    figures
        As in results/extraction/CODEC.json.
    manifest, notes
        Of the corpus.
    recordings
        What became of recordings of one's own; None for another corpus.
    table
        Latents and labels of all frames.
    inside_notes
        How many voiced frames of monophonic clips lie inside a note of the score.
    by_family
        The share of them that is within 50 cents of that note, by family of instruments.
    trackers
        How pitch trackers agree, a row each.
    sounds
        Folder of originals and decoded clips.
    """

    figures: dict[str, Any]
    manifest: pd.DataFrame
    notes: pd.DataFrame
    recordings: pd.DataFrame | None
    table: frames.Frames
    inside_notes: int
    by_family: pd.Series
    trackers: pd.DataFrame
    sounds: Path


def run(codec: str, weights: str, tracker: str, seed: int, project: Path = Path(".")) -> Extraction:
    """Section 1 for one codec: read what was computed with just these parameters, inputs and code, or compute and write it.

    Parameters
    ----------
    codec
        A name that `codecs.load` knows, or that of a codec of your own.
    weights
        "embedded", "released", the path of a checkpoint, or of the Python file with a codec of your own.
    tracker
        swift-f0, crepe-tiny or crepe-full.
    seed
        Of every generator.
    project
        The project's folder.
    """
    target, table = project / f"results/extraction/{codec}.json", project / f"data/frames/{codec}.arrow"
    sounds = project / f"book/_static/sounds/{codec}/01_extraction/decoded"
    inputs = {
        "data/corpus": project / "data/corpus/manifest.csv",
        "data/labels": project / "data/labels.arrow",
        "data/bins": project / "results/bins.json",
    }
    if weights != "released":  # whose hash stands in the code
        inputs["weights/codec"] = codecs.source(codec, weights)
    made = (inputs, {"codec": codec, "weights": weights, "tracker": tracker, "seed": seed}, "audiosae.sections.extraction")
    manifest = corpus.load(project / "data/corpus")
    if not (results.current(target, results.provenance(*made)) and table.is_file() and (sounds / "index.json").is_file()):
        figures = _compute(manifest, codec, weights, tracker, seed, project, table, sounds)
        results.write(target, {**figures, "provenance": results.provenance(*made)})
    notes, found = corpus.load_notes(project / "data/corpus"), frames.load(table)
    recordings = project / "data/corpus/recordings.csv"
    checks = _against_score(found, notes).merge(manifest[["clip", "family"]], on="clip")
    sums = checks.assign(hits=checks["right"] * checks["frames"]).groupby("family")[["hits", "frames"]].sum()
    return Extraction(
        results.read(target),
        manifest,
        notes,
        pd.read_csv(recordings, index_col="file") if recordings.is_file() else None,
        found,
        int(checks["frames"].sum()),
        (sums["hits"] / sums["frames"]).rename("within 50 cents (share)"),
        pd.DataFrame(results.read(project / "results/pitch_trackers.json")).T,
        sounds,
    )


def _compute(
    manifest: pd.DataFrame, codec: str, weights: str, tracker: str, seed: int, project: Path, table: Path, sounds: Path
) -> dict[str, Any]:
    """Write the table of frames and the sounds, and return the figures."""
    device = determinism.prepare(seed)
    stored = labelling.load(project / "data/labels.arrow", tracker, project / "data/corpus/manifest.csv")
    edges = bins.load(project / "results/bins.json")
    model = codecs.load(codec, weights).to(device)
    found = extract(manifest, model, stored, weights, device, edges)
    frames.save(found, table)
    survives, examples = survival(manifest, model, found, device)
    write_table(sounds, examples, "One test clip of each part, matched in loudness.")
    checks = _against_score(found, corpus.load_notes(project / "data/corpus"))
    return {
        "frames": len(found.latents),
        "minutes": float(manifest["duration"].sum() / 60),
        "pitch_against_score": float((checks["right"] * checks["frames"]).sum() / checks["frames"].sum()) if len(checks) else None,
        "reconstruction": survives,
        "codebooks": codebook_usage.summarise(found),
        "codec": {name: getattr(model, name) for name in ("sample_rate", "channels", "frame_rate", "dim")},
        "weights": weights,
    }


@torch.no_grad()
def extract(
    manifest: pd.DataFrame, codec: Codec, stored: labelling.Labels, weights: str, device: torch.device, edges: dict[str, np.ndarray]
) -> frames.Frames:
    """Encode every clip of a corpus, and label its frames.

    Parameters
    ----------
    manifest
        From `corpus.load`.
    codec
        Already on `device`.
    stored
        Labels of the clips, from `labelling.load`.
    weights
        Which weights the codec has, to be kept with the table.
    device
        Where to encode.
    edges
        Of each property's bins, from `bins.load`.

    Raises
    ------
    AudioError
        If a clip cannot be used, or is shorter than a frame of the codec.
    """
    if manifest.empty:
        raise CorpusError("the manifest lists no clips; build the corpus again.")
    has_codes = hasattr(codec, "codes")
    latents, codes, tables = [], [], []
    for row in tqdm(list(manifest.itertuples(index=False)), desc="extracting", unit="clip"):
        wave, rate = audio.read(row.file)
        ready = torch.from_numpy(audio.for_codec(wave, rate, codec.sample_rate, codec.channels))
        if ready.shape[1] < codec.sample_rate / codec.frame_rate:
            raise AudioError(f"{row.file}: shorter than one frame of {codec.name}; use a longer clip.")
        batch = ready[None].to(device)
        if has_codes:
            chosen = codec.codes(batch)
            codes.append(chosen[0].T.cpu().numpy().astype(np.int32))
        encoded = (codec.embed(chosen) if has_codes else codec.encode(batch))[0].cpu().numpy()
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
    table = table.astype(dict.fromkeys(TEXT, "category"))
    return frames.Frames(
        np.concatenate(latents).astype(np.float32),
        table,
        edges,
        codec.name,
        weights,
        stored.tracker,
        codec.frame_rate,
        np.concatenate(codes) if has_codes else None,
        codec.codebook_size if has_codes else None,
    )


@torch.no_grad()
def survival(
    manifest: pd.DataFrame, codec: Codec, found: frames.Frames, device: torch.device
) -> tuple[dict[str, float], dict[str, dict[str, Sound]]]:
    """Decode every test clip, and measure what came back just as the original was.

    Parameters
    ----------
    manifest
        From `corpus.load`.
    codec
        Already on `device`; a stereo codec is given the clip as it is, and measured on the mono mix.
    found
        Its latents.
    device
        Where to decode.

    Returns
    -------
    figures
        Those of `similarity.agreement`; log_mel_db, mean over clips; si_sdr_db, median of clips.
    examples
        The first test clip of each part, original and decoded, matched in loudness: rows of a table of sounds.
    """
    test = manifest[manifest["split"] == "test"]
    examples = test.drop_duplicates("part")["clip"].tolist()
    original, decoded, mel, sdr, rows = [], [], [], [], {}
    for row in tqdm(list(test.itertuples()), desc="decoding", unit="clip"):
        reference = audio.for_codec(*audio.read(row.file), codec.sample_rate, codec.channels)
        latents = torch.from_numpy(found.latents[(found.table["clip"] == row.clip).to_numpy()].copy())
        output = codec.decode(latents[None].to(device))[0].cpu().numpy()[:, : reference.shape[1]]
        reference = reference[:, : output.shape[1]]
        for sound, side in ((reference, original), (output, decoded)):
            side.append(labels.describe(sound, codec.sample_rate, codec.frame_rate, found.tracker, len(latents)))
        a, b = audio.to_mono(output), audio.to_mono(reference)
        mel.append(similarity.log_mel_mae(a, b, codec.sample_rate))
        sdr.append(similarity.si_sdr(a, b))
        if row.clip in examples:
            before, after = loudness.match_loudness((reference, output), codec.sample_rate)
            rows[f"{row.part}: {row.instrument}"] = {
                "original": Sound(before, codec.sample_rate),
                "decoded": Sound(after, codec.sample_rate),
            }
    figures = similarity.agreement(original, decoded, test["monophonic"].tolist())
    return {**figures, "log_mel_db": float(np.mean(mel)), "si_sdr_db": float(np.median(sdr))}, rows


def _against_score(found: frames.Frames, notes: pd.DataFrame) -> pd.DataFrame:
    """Measured pitch of monophonic clips against the notes that were played; see `pitch_trackers.against_score`."""
    return against_score(found.table[found.table["monophonic"]], found.frame_rate, notes)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
