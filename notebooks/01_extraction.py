# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Extraction: latents and what they sound like
#
# Before anything can be named, two lists are needed, with one line a frame: what the codec made of the sound, and what
# the sound was. This notebook encodes every clip of the corpus, measures pitch, loudness and brightness at exactly
# the frames of the codec, and then asks two questions that everything later rests on. Is the measured pitch the
# pitch that was played? And how much of a sound survives the codec at all?
#
# (Paek et al. 2025, section 3.1, and the labels of section 3.2.)

# %% tags=["parameters", "hide-input"]
codec = "encodec"  # a name that audiosae.codecs knows
weights = "embedded"  # "embedded", "released", or the path of a checkpoint
tracker = "swift-f0"  # "swift-f0", "crepe-tiny" or "crepe-full"
seed = 0
sounds = ""  # folder for the book's sound files; empty for players inside JupyterLab

# %% tags=["hide-input"]
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import display

from audiosae import audio, codecs, corpus, determinism, figures, frames, labels, pitch, reconstruction, results
from audiosae.pitch_comparison import share_within, true_notes
from audiosae.widgets import Sound, SoundTable

figures.style()
device = determinism.prepare(seed)
manifest = corpus.load("../data/corpus")
notes = corpus.load_notes("../data/corpus")

# %% [markdown]
# ## What is listened to
#
# Each part stands in for one of the paper's data sets. A *piece* is a score (or a recording of your own), and all its
# clips are in one split: train, validation or test.

# %% tags=["hide-input"]
parts = manifest.groupby("part", sort=False).agg(
    pieces=("piece", "nunique"), clips=("clip", "size"), minutes=("duration", lambda s: s.sum() / 60),
    monophonic=("monophonic", "sum"), instruments=("instrument", "nunique"),
    test_pieces=("piece", lambda s: s[manifest.loc[s.index, "split"] == "test"].nunique()),
)
display(parts.rename(columns=lambda name: name.replace("_", " ")).round(2))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Histogram of note lengths over MIDI note numbers, stacked by family of instruments"}}
if len(notes):
    figure = figures.coverage(notes, manifest)

# %% [markdown]
# *Seconds of each note in the monophonic clips, by family of instruments. They cover the 66 semitones of the paper's
# pitch classes, from MIDI 30 to 95; the ends belong to tuba and double bass, and to piccolo and flute.*

# %% [markdown]
# ## Encode and label
#
# For EnCodec a latent is the sum of the chosen vectors of the first eight codebooks: what the decoder receives.
# Labels are measured on the original sound, in windows of 2048 samples (46 ms) around the middle of each frame.

# %% tags=["hide-input"]
model = codecs.load(codec, weights).to(device)
table = frames.extract(manifest, model, tracker, weights, device)
frames.save(table, f"../data/frames/{codec}.arrow")
print(f"{len(table.latents)} frames of {model.dim} numbers, {model.frame_rate:g} a second")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Measured pitch of one clip over time, above a heat map of its latents"}}
voiced_share = table.table[table.table["monophonic"]].groupby("clip", observed=True)["pitch"].agg(lambda p: (p >= 0).mean())
example = voiced_share.idxmax()
figure = figures.clip_latents(table, example)

# %% [markdown]
# *One clip: above, its pitch; below, its 128 latents, each scaled to its own mean and spread. Notes are visible as
# vertical bands, yet no single row follows the melody. That is the problem that the paper sets out to solve.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three histograms: how training frames fall into pitch, amplitude and timbre classes"}}
figure = figures.label_histograms(table)

# %% [markdown]
# *How the training frames fall into classes. Pitch has 66 semitones. Amplitude and timbre have 20 bins of equal width
# between the smallest and largest training value. On a linear scale of RMS most music lies in the lowest bins, so
# that a guesser who always says "soft" is already often right: accuracies have to be read against that.*

# %% [markdown]
# ## Is the measured pitch the pitch that was played?
#
# The clips were played from scores, so the truth is known: away from onsets (50 ms) and ends (20 ms) a voiced frame
# should have the note's pitch.

# %% tags=["hide-input"]
checks = []
for clip in manifest[manifest["monophonic"]]["clip"]:
    rows = table.table[(table.table["clip"] == clip) & (table.table["pitch"] >= 0)]
    truth = true_notes(notes[notes["clip"] == clip], rows["time"].to_numpy())
    inside = np.isfinite(truth)
    found = pitch.to_midi(rows["f0"].to_numpy()[inside])
    checks.append({"clip": clip, "frames": int(inside.sum()), "right": share_within(found, truth[inside])})
checks = pd.DataFrame(checks).merge(manifest[["clip", "family", "split"]], on="clip")
checks = checks[checks["frames"] > 0]
against_score = float((checks["right"] * checks["frames"]).sum() / checks["frames"].sum()) if len(checks) else None
by_family = checks.assign(hits=checks["right"] * checks["frames"]).groupby("family")[["hits", "frames"]].sum()
if against_score is None:
    print("no score to compare with: these are recordings")
else:
    print(f"within 50 cents of the score: {against_score:.1%} of {checks['frames'].sum()} voiced frames inside notes")
    display((by_family["hits"] / by_family["frames"]).rename("within 50 cents (share)").to_frame().round(3))

# %% [markdown]
# The paper's tracker is CREPE. Its full model takes several times as long as the music lasts on two cores, so the
# default here is SwiftF0, and this is the evidence for it, on a sixth of the monophonic clips (computed once,
# and kept). *with full*: frames voiced for both that agree within 50 cents with CREPE full. *with score*: voiced frames
# inside notes that agree with the score. *found*: frames inside notes that are called voiced.

# %% tags=["hide-input"]
comparison = pd.DataFrame(results.read("../results/pitch_trackers.json")).T
display(comparison[["with_full", "voicing_with_full", "with_score", "found"]].rename(columns=lambda c: c.replace("_", " ")).round(3))

# %% [markdown]
# ## What survives the codec
#
# The embedded weights were trained once, by the frozen stage `train_codec`, on music of the same kind from training pieces.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Training curves of the embedded codec: three terms of its loss over steps"}}
if weights == "embedded":
    figure = figures.codec_training(pd.read_csv(f"../results/codec/{codec}_training.csv"))

# %% [markdown]
# *How the embedded codec was trained: terms of its loss on validation pieces. It learns without codebooks first; at the dotted
# line rounding sets in, which costs a little at once and is made good later. The late bump is a second round on another
# render, with more single voices, which starts at a larger learning rate again.*
#
# Test clips only, which the codec's training never met. Each is encoded, decoded, and measured again just as the
# original was.

# %% tags=["hide-input"]
original, decoded, distances, pairs = [], [], [], {}
for row in manifest[manifest["split"] == "test"].itertuples():
    wave, rate = audio.read(row.file)
    reference = audio.for_codec(wave, rate, model.sample_rate, model.channels)
    latents = torch.from_numpy(table.latents[(table.table["clip"] == row.clip).to_numpy()].copy())
    output = model.decode(latents[None].to(device))[0].cpu().numpy()[:, : reference.shape[1]]
    for wave_24k, side in ((reference, original), (output, decoded)):
        mono = audio.resample(audio.to_mono(wave_24k), model.sample_rate, audio.SAMPLE_RATE)
        side.append(labels.measure(mono, len(latents), model.frame_rate, tracker))
    a, b = audio.to_mono(output), audio.to_mono(reference)
    distances.append((reconstruction.log_mel_distance(a, b, model.sample_rate), reconstruction.si_sdr(a, b)))
    pairs[row.clip] = (reference, output)

is_mono = manifest.loc[manifest["split"] == "test", "monophonic"].to_numpy()
survives = reconstruction.agreement(original, decoded)
survives["pitch"] = reconstruction.agreement(*([m for m, k in zip(s, is_mono) if k] for s in (original, decoded)))["pitch"]
survives |= {"log_mel_db": float(np.mean([d[0] for d in distances])), "si_sdr_db": float(np.median([d[1] for d in distances]))}
shown = {
    "voiced frames within 50 cents (share, monophonic clips)": survives["pitch"],
    "frame RMS, correlation": survives["rms"],
    "spectral centroid, correlation": survives["centroid"],
    "log-mel distance (dB)": survives["log_mel_db"],
    "SI-SDR (dB, median of clips)": survives["si_sdr_db"],
}
display(pd.Series(shown, name=f"{codec}, {weights} weights").to_frame().round(3))

# %% [markdown]
# Listen: on the left the original, at the codec's sample rate, on the right what came back from its latents.

# %% tags=["hide-input"]
rows = {}
for part in manifest["part"].unique():
    chosen = manifest[(manifest["part"] == part) & (manifest["split"] == "test")].iloc[0]
    before, after = audio.match_loudness(pairs[chosen["clip"]], model.sample_rate)
    rows[f"{part}: {chosen['instrument']}"] = {
        "original": Sound(before, model.sample_rate), "decoded": Sound(after, model.sample_rate),
    }
folder = Path(sounds) / "decoded" if sounds else None
SoundTable(rows, folder, "One test clip of each part, matched in loudness.")

# %% tags=["hide-input"]
parameters = {"codec": codec, "weights": weights, "tracker": tracker, "seed": seed}
inputs = {"data/corpus": "../data/corpus/manifest.csv"}
if weights == "embedded":
    inputs["weights/codec"] = f"../checkpoints/{codec}.safetensors"
results.write(f"../results/extraction/{codec}.json", {
    "frames": len(table.latents),
    "minutes": float(manifest["duration"].sum() / 60),
    "pitch_against_score": against_score,
    "reconstruction": survives,
    "weights": weights,
    "provenance": results.provenance(inputs, parameters, "01_extraction.py"),
})
