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
# # Probing: from features to names
#
# If a feature stands for something, it should be possible to say what from the feature list alone. Following Paek et
# al. (2025, section 3.2), one linear classifier a property reads the features of a single frame and names a class: one
# of 66 semitones, or one of 20 bins of loudness or brightness,
#
# $$p = \mathrm{softmax}(W f + b).$$
#
# The classifier is deliberately simple. What it can read must already be written plainly in the features, and its weights
# say which feature speaks for which class: feature $j$ adds $W_{kj} f_j$ to the score of class $k$.
#
# It is fitted on training pieces and meets the test pieces once. Its one setting, a small weight decay, is the same everywhere: over a wide range it
# hardly changes the accuracy, but it does change the norm of $W$, and with it what a step along a row of $W$ does to a sound.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
penalty = 0.001  # weight decay
iterations = 100  # of L-BFGS
max_train_frames = 100000
seed = 0

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import display

from audiosae.audio import labels
from audiosae.figures import probing as figures
from audiosae.figures import theme
from audiosae.sections import probing
from audiosae.widgets import SoundTable

theme.style()
found = probing.run(codec, penalty, iterations, max_train_frames, seed, Path(".."))
scores = {prop: found.figures["properties"][prop] for prop in labels.PROPERTIES}
print(f"{found.distinct:,} of {found.frames:,} frames are distinct; the probes are fitted on "
      + ("these, with counts of each label" if found.repeats else "every frame"))

# %% [markdown]
# ## Fitting
#
# The same classifier is fitted twice: on the SAE's features, and, as a yardstick, on the latents themselves. If the
# features were better for naming, the first would win.
#
# A codec with one codebook has no more distinct frames than the book has codes. Frames that are alike to the classifier
# count together then: fitting on the distinct ones, each with the number of times that it carries each label, is the
# same loss for less work. It also sets a limit. Nothing that sees one frame at a time can do better than to give each
# code its majority class: with labels from the test frames themselves, that is a *ceiling* for every probe; with labels
# from the training frames, it is what a plain table of codes would have learnt.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bar chart of probe accuracies with intervals for the three properties, beside majority class and chance"}}
bars = found.accuracies()
ceilings = {prop: s["ceiling"]["oracle"]["accuracy"] for prop, s in scores.items() if s["ceiling"]}
figure = figures.accuracies(bars, ceilings)

# %% [markdown]
# *Share of test frames that are named exactly. The lines are 95 % intervals, by resampling recordings. The grey bars need
# no sound at all: always say the majority class, or guess. A dashed line is the ceiling of any probe that sees one
# frame; there is none where frames hardly repeat.*

# %% tags=["hide-input"]
shown = bars.pivot(index="property", columns="input", values="accuracy").loc[list(labels.PROPERTIES)]
for name, title in (("learned", "table of codes"), ("oracle", "ceiling")) if found.repeats else ():
    shown[title] = [scores[prop]["ceiling"][name]["accuracy"] for prop in shown.index]
shown["test recordings"] = [scores[prop]["recordings"] for prop in shown.index]
shown["classes without training frames"] = [len(scores[prop]["without_training"]) for prop in shown.index]
display(shown.round(3))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three confusion matrices: pitch, amplitude and timbre"}}
figure = figures.confusions(found.confusion, found.edges)

# %% [markdown]
# *What each true class (row) is called (column), on test frames. A bright diagonal is right; marks beside it are near
# misses; for pitch, parallel lines twelve semitones away are octave errors. White rows had no test frames.*

# %% [markdown]
# Exact accuracy treats a neighbouring bin and the far end as equally wrong. How far off is the answer?

# %% tags=["hide-input"]
display(pd.DataFrame({
    "exact (share)": {prop: s["accuracy"] for prop, s in scores.items()},
    "within one class (share)": {prop: s["within_one"] for prop, s in scores.items()},
    "mean error (classes)": {prop: s["mean_error_classes"] for prop, s in scores.items()},
}).round(3))

# %% [markdown]
# Pitch has been asked of single voices only, as a chord has no one pitch. On ensembles the tracker still answers with
# something, mostly the top or bottom voice, and the same probe can be compared with it: a test of transfer, not of truth.

# %% tags=["hide-input"]
if apart := scores["pitch"].get("ensembles"):
    print(f"pitch on ensembles, against the tracker: {apart['accuracy']:.3f}, interval {apart['ci95'][0]:.3f} to {apart['ci95'][1]:.3f}")

# %% [markdown]
# ## Other seeds, and a k-sparse autoencoder
#
# The same probe on the autoencoders of other seeds, and on the k-sparse one. Features of two seeds cannot be compared one by one. But each class has a direction, row $k$ of
# $W$, and behind the decoder it is a direction in latent space: if the probe reads something of the sound and not of the seed, it should be the same for all.

# %% tags=["hide-input"]
display(pd.DataFrame({
    "in use (accuracy)": {prop: s["accuracy"] for prop, s in scores.items()},
    "lowest of the seeds": {prop: min(s["seeds"]) for prop, s in scores.items()},
    "highest of the seeds": {prop: max(s["seeds"]) for prop, s in scores.items()},
    "k-sparse (accuracy)": {prop: s["k_sparse"]["accuracy"] for prop, s in scores.items()},
    "cosine of directions over seeds": {prop: of["cosine"] for prop, of in found.figures["directions"].items()},
}).round(3))

# %% [markdown]
# *The cosine is that of the middle class, mean over pairs of seeds; 1 would be the same direction.*
#
# ## Top features, to hear
#
# For a low, a middle and a high class of each property: the feature with the largest mean contribution, and the three
# training clips in which it is strongest, cut to 1.2 s around that moment (of equals, the first in the table). Sounds are
# matched in loudness, except for amplitude, where one gain is shared.

# %% tags=["hide-input"]
SoundTable(found.sounds)

# %% [markdown]
# A feature may well speak most for a class and still fire elsewhere: the probe sums over many. Listen whether the three
# clips of a row share what the row's name says.
