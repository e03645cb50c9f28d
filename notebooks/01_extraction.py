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
codec = "encodec"  # a name that audiosae.codecs knows, or the name of a codec of your own
weights = "embedded"  # "embedded", "released", the path of a checkpoint, or that of your own codec
tracker = "swift-f0"  # "swift-f0", "crepe-tiny" or "crepe-full"
seed = 0
sounds = ""  # folder for the book's sound files; empty for players inside JupyterLab

# %% tags=["hide-input"]
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import display

from audiosae import audio, bins, code_use, codecs, corpus, determinism, figures, frames, labels, listening, pitch
from audiosae import reconstruction, results
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

# %% tags=["hide-input"]
listed = Path("../data/corpus/recordings.csv")  # what became of recordings of your own; no other source has it
if listed.is_file():
    with pd.option_context("display.max_rows", None, "display.max_colwidth", None, "display.html.use_mathjax", False):
        display(pd.read_csv(listed, index_col="file").round(2).astype(object).fillna("").rename(columns={
            "seconds": "length (s)", "monophonic": "one voice at a time (share)", "used": "used (s)"}))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Histogram of note lengths over MIDI note numbers, stacked by family of instruments"}}
if len(notes):
    figure = figures.coverage(notes, manifest)

# %% [markdown]
# *Seconds of each note in the monophonic clips, by family of instruments. They cover the 66 semitones of the paper's
# pitch classes, from MIDI 30 to 95; the ends belong to tuba and double bass, and to piccolo and flute.*

# %% [markdown]
# ## Encode and label
#
# A latent frame is what the codec's decoder receives; for a codec with codebooks that is the chosen vector, or the sum of
# the chosen vectors where there are several. Labels are measured on the original sound, mixed down to mono, in windows
# of 2048 samples (46 ms) around the middle of each frame.

# %% tags=["hide-input"]
model = codecs.load(codec, weights).to(device)
table = frames.extract(manifest, model, tracker, weights, device, bins.load("../results/bins.json"))
frames.save(table, f"../data/frames/{codec}.arrow")
print(f"{model.name}, {weights} weights: {model.sample_rate} Hz, {('mono', 'stereo')[model.channels - 1]}")
print(f"{len(table.latents)} frames of {model.dim} numbers, {model.frame_rate:.2f} a second")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Measured pitch of one clip over time, above a heat map of its latents"}}
voiced_share = table.table[table.table["monophonic"]].groupby("clip", observed=True)["pitch"].agg(lambda p: (p >= 0).mean())
example = voiced_share.idxmax()
figure = figures.clip_latents(table, example)

# %% [markdown]
# *One clip: above, its pitch; below, its latents, a row a dimension, each scaled to its own mean and spread. Look for notes
# as vertical bands, and for a row that follows the melody. In the latents of a neural codec there is hardly one: that is the
# problem that the paper sets out to solve.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three histograms: how training frames fall into pitch, amplitude and timbre classes"}}
figure = figures.label_histograms(table)

# %% [markdown]
# *How the training frames fall into classes. Pitch has 66 semitones. Amplitude and timbre have 20 bins of equal width
# between the smallest and largest value of the training clips, the same for every codec. On a linear scale of RMS most music lies in the lowest bins, so
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
# Test clips only: if the codec was trained by this project, it never met them. Each is encoded, decoded, and measured
# again just as the original was. A stereo codec is given the clip as it is, and measured on the mono mix.

# %% tags=["hide-input"]
original, decoded, distances, pairs = [], [], [], {}
for row in manifest[manifest["split"] == "test"].itertuples():
    wave, rate = audio.read(row.file)
    reference = audio.for_codec(wave, rate, model.sample_rate, model.channels)
    latents = torch.from_numpy(table.latents[(table.table["clip"] == row.clip).to_numpy()].copy())
    output = model.decode(latents[None].to(device))[0].cpu().numpy()[:, : reference.shape[1]]
    reference = reference[:, : output.shape[1]]
    for sound, side in ((reference, original), (output, decoded)):
        mono = audio.resample(audio.to_mono(sound), model.sample_rate, audio.SAMPLE_RATE)
        side.append(labels.measure(mono, len(latents), model.frame_rate, tracker))
    a, b = audio.to_mono(output), audio.to_mono(reference)
    distances.append((reconstruction.log_mel_distance(a, b, model.sample_rate), reconstruction.si_sdr(a, b)))
    pairs[row.clip] = (reference, output)

is_mono = manifest.loc[manifest["split"] == "test", "monophonic"].tolist()
survives = reconstruction.agreement(original, decoded, is_mono)
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
# A codec with codebooks can waste them. *Perplexity* counts, on test clips, how many vectors would be as hard to guess if they
# were used equally often; *in use* is the share that is chosen at least once in the whole corpus.

# %% tags=["hide-input"]
used = code_use.summarise(table)
if used is None:
    print("this codec has no codebooks: its latents are continuous")
else:
    print(f"codebooks of {used['size']} vectors")
    display(pd.DataFrame({"perplexity": used["perplexity"], "in use (share)": used["share_in_use"]},
                         index=pd.RangeIndex(1, len(used["perplexity"]) + 1, name="codebook")).round(3))

# %% [markdown]
# Listen: on the left the original, at the codec's sample rate, on the right what came back from its latents.

# %% tags=["hide-input"]
rows = {}
for row in manifest[manifest["split"] == "test"].drop_duplicates("part").itertuples():
    before, after = listening.match_loudness(pairs[row.clip], model.sample_rate)
    rows[f"{row.part}: {row.instrument}"] = {
        "original": Sound(before, model.sample_rate), "decoded": Sound(after, model.sample_rate),
    }
folder = Path(sounds) / "decoded" if sounds else None
SoundTable(rows, folder, "One test clip of each part, matched in loudness.")

# %% tags=["hide-input"]
parameters = {"codec": codec, "weights": weights, "tracker": tracker, "seed": seed}
inputs = {"data/corpus": "../data/corpus/manifest.csv", "data/bins": "../results/bins.json"}
if weights != "released":  # whose hash stands in the code
    inputs["weights/codec"] = codecs.source(codec, weights)
results.write(f"../results/extraction/{codec}.json", {
    "frames": len(table.latents),
    "minutes": float(manifest["duration"].sum() / 60),
    "pitch_against_score": against_score,
    "reconstruction": survives,
    "codebooks": used,
    "codec": {name: getattr(model, name) for name in ("sample_rate", "channels", "frame_rate", "dim")},
    "weights": weights,
    "provenance": results.provenance(inputs, parameters, "01_extraction.py"),
})
