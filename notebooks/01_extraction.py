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
# # 1. Extraction: latents and labels
#
# Everything later needs two tables with one row a frame: what the codec made of the sound, and what
# the sound was. This notebook encodes every clip of the corpus and measures pitch, loudness and brightness at exactly
# the codec's frames. Then it checks two things on which all the rest depends. Is the measured pitch the
# pitch that was played? And how much of a sound survives the codec?
#
# (Paek et al. 2025, section 3.1, and the labels of section 3.2.)

# %% tags=["parameters", "hide-input"]
codec = "encodec"  # a name that audiosae.codecs knows, or the name of a codec of your own
weights = "embedded"  # "embedded", "released", the path of a checkpoint, or that of your own codec
tracker = "swift-f0"  # "swift-f0", "crepe-tiny" or "crepe-full"
seed = 0

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import display

from audiosae.figures import extraction as figures
from audiosae.figures import theme
from audiosae.numbers import formatted, number
from audiosae.sections import extraction
from audiosae.widgets import SoundTable

theme.style()
found = extraction.run(codec, weights, tracker, seed, Path(".."))  # reads what was computed with these parameters, or computes it
manifest, table = found.manifest, found.table

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
display(formatted(parts.rename(columns=lambda name: name.replace("_", " ")), 1))

# %% tags=["hide-input"]
if found.recordings is not None:  # what became of recordings of your own; no other source has it
    with pd.option_context("display.max_rows", None, "display.max_colwidth", None, "display.html.use_mathjax", False):
        display(found.recordings.round(2).astype(object).fillna("").rename(columns={
            "seconds": "length (s)", "monophonic": "one voice at a time (share)", "used": "used (s)"}))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Histogram of note lengths over MIDI note numbers, stacked by family of instruments"}}
if len(found.notes):
    figure = figures.coverage(found.notes, manifest)

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
model = found.figures["codec"]
print(f"{theme.title(codec)}, {weights} weights: {model['sample_rate']} Hz, {('mono', 'stereo')[model['channels'] - 1]}")
print(f"{number(len(table.latents), 0)} frames of {model['dim']} dimensions, {number(model['frame_rate'])} a second")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Measured pitch of one clip over time, above a heat map of its latents"}}
voiced_share = table.table[table.table["monophonic"]].groupby("clip", observed=True)["pitch"].agg(lambda p: (p >= 0).mean())
example = voiced_share.set_axis(voiced_share.index.astype(str)).sort_index().idxmax()
figure = figures.clip_latents(table, example)

# %% [markdown]
# *One clip: above, its pitch; below, its latents, one row a dimension, each standardised. Notes show as vertical bands. Does any row
# follow the melody? In the latents of a neural codec hardly one does: that is the problem that the paper sets out to solve.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three histograms: how training frames fall into pitch, amplitude and timbre classes"}}
figure = figures.label_histograms(table)

# %% [markdown]
# *How the training frames fall into classes. Pitch has 66 semitones. Amplitude and timbre have 20 bins of equal width
# between the smallest and largest value of the training clips, the same for every codec. On a linear scale of RMS most music lies in the lowest bins: the majority-class baseline
# is high, and accuracies have to be read against it.*

# %% [markdown]
# ## Is the measured pitch the pitch that was played?
#
# The clips were played from scores, so the truth is known: away from onsets (50 ms) and ends (20 ms) a voiced frame
# should have the note's pitch.

# %% tags=["hide-input"]
against_score = found.figures["pitch_against_score"]
if against_score is None:
    print("no score to compare with: these are recordings")
else:
    print(f"within 50 cents of the score: {against_score:.1%} of {found.inside_notes} voiced frames inside notes")
    display(formatted(found.by_family))

# %% [markdown]
# The paper's tracker is CREPE. Its full model takes several times the length of the music on two cores, so the
# default here is SwiftF0. The table compares them on a sixth of the monophonic clips. *with full*: frames voiced for both that agree within 50 cents with CREPE full. *with score*: voiced frames
# inside notes that agree with the score. *found*: frames inside notes that are called voiced.

# %% tags=["hide-input"]
display(formatted(found.trackers[["with_full", "voicing_with_full", "with_score", "found"]].rename(columns=lambda c: c.replace("_", " "))))

# %% [markdown]
# ## What survives the codec
#
# Test clips only: if the codec was trained by this project, it never met them. Each is encoded, decoded, and measured
# again just as the original was. A stereo codec is given the clip as it is, and measured on the mono mix.

# %% tags=["hide-input"]
survives = found.figures["reconstruction"]
names = {
    "pitch": "voiced frames within 50 cents (share, monophonic clips)",
    "rms": "frame RMS, correlation",
    "centroid": "spectral centroid, correlation",
    "log_mel_db": "log-mel distance (dB)",
    "si_sdr_db": "SI-SDR (dB, median of clips)",
}
shown = pd.Series(survives, names, name=f"{theme.title(codec)}, {weights} weights").rename(names)
display(formatted(shown)) if survives else print("nothing: these latents have no decoder")

# %% [markdown]
# A codec with codebooks can waste them. *Perplexity*, on test clips, is the number of vectors that would be as hard to guess if they
# were used equally often; *in use* is the share that is chosen at least once in the whole corpus.

# %% tags=["hide-input"]
used = found.figures["codebooks"]
if used is None:
    print("this codec has no codebooks: its latents are continuous")
else:
    print(f"codebooks of {used['size']} vectors")
    display(formatted(pd.DataFrame({"perplexity": used["perplexity"], "in use (share)": used["share_in_use"]},
                         index=pd.RangeIndex(1, len(used["perplexity"]) + 1, name="codebook")), perplexity=0))

# %% [markdown]
# Listen: left the original, at the codec's sample rate, right its reconstruction from the latents.

# %% tags=["hide-input"]
SoundTable(found.sounds)
