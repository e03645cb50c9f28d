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
# # 3. Probing: from features to names
#
# If features stand for something, it should be possible to tell from them alone what the frame sounds like. Following Paek et
# al. (2025, section 3.2), one linear classifier a property reads the features of a single frame and predicts a class: one
# of 66 semitones, or one of 20 bins of loudness or brightness,
#
# $$p = \mathrm{softmax}(W f + b).$$
#
# The classifier is deliberately simple: what it reads must be linearly there, and its weights
# show which feature supports which class: feature $j$ adds $W_{kj} f_j$ to the score of class $k$.
#
# It is fitted on training pieces and scored once on test pieces. Its one setting, a small weight decay, is the same everywhere: over a wide range it
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
from audiosae.numbers import formatted, number, with_interval
from audiosae.sections import probing
from audiosae.widgets import SoundTable

theme.style()
found = probing.run(codec, penalty, iterations, max_train_frames, seed, Path(".."))
scores = {prop: found.figures["properties"][prop] for prop in labels.PROPERTIES}
print(f"{number(found.distinct, 0)} of {number(found.frames, 0)} frames are distinct; the probes are fitted on "
      + ("these, with counts of each label" if found.repeats else "every frame"))

# %% [markdown]
# ## Fitting
#
# The same classifier is fitted twice: on the SAE's features and, as a baseline, on the latents themselves. If
# features were easier to read, the first would win.
#
# A codec with one codebook has no more distinct frames than codes. Identical frames are merged there and weighted by how often they carry each label: the
# same loss for less work. That also sets a limit. Nothing that sees one frame at a time can do better than to give each
# code its majority class: with labels from the test frames themselves, that is a *ceiling* for every probe; with labels
# from the training frames, it is what a lookup table of codes would have learned.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bar chart of probe accuracies with intervals for the three properties, beside majority class and chance"}}
bars = found.accuracies()
ceilings = {prop: s["ceiling"]["oracle"]["accuracy"] for prop, s in scores.items() if s["ceiling"]}
figure = figures.accuracies(bars, ceilings)

# %% [markdown]
# *Accuracy on test frames, with 95 % intervals over recordings. The grey bars are baselines that need
# no sound: the majority class, and chance. A dashed line is the ceiling of any probe that sees one
# frame; there is none where frames hardly repeat.*

# %% tags=["hide-input"]
shown = bars.pivot(index="property", columns="input", values="accuracy").loc[list(labels.PROPERTIES)]
for name, title in (("learned", "table of codes"), ("oracle", "ceiling")) if found.repeats else ():
    shown[title] = [scores[prop]["ceiling"][name]["accuracy"] for prop in shown.index]
shown["test recordings"] = [scores[prop]["recordings"] for prop in shown.index]
shown["classes without training frames"] = [len(scores[prop]["without_training"]) for prop in shown.index]
display(formatted(shown))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three confusion matrices: pitch, amplitude and timbre"}}
figure = figures.confusions(found.confusion, found.edges)

# %% [markdown]
# *True class (row) against predicted class (column), on test frames, as a share of the row. A dark diagonal is right; marks beside it are near
# misses; for pitch, parallel lines twelve semitones away are octave errors. Empty rows had no test frames.*

# %% [markdown]
# Exact accuracy treats a neighbouring bin and the far end as equally wrong. How far off is the answer?

# %% tags=["hide-input"]
display(formatted(pd.DataFrame({
    "exact (share)": {prop: s["accuracy"] for prop, s in scores.items()},
    "within one class (share)": {prop: s["within_one"] for prop, s in scores.items()},
    "mean error (classes)": {prop: s["mean_error_classes"] for prop, s in scores.items()},
})))

# %% [markdown]
# Pitch is asked of single voices only, because a chord has no single pitch. On ensembles the tracker still gives
# something, mostly the top or bottom voice, and the probe can be compared with that: a test of transfer, not of truth.

# %% tags=["hide-input"]
if apart := scores["pitch"].get("ensembles"):
    print(f"pitch on ensembles, against the tracker: {with_interval(apart['accuracy'], apart['ci95'])}")

# %% [markdown]
# ## Other seeds, and a k-sparse autoencoder
#
# The same probe on autoencoders of other seeds, and on the k-sparse one. Features of two seeds cannot be compared one by one. But each class has a direction, row $k$ of
# $W$, which the decoder maps to a direction in latent space: if the probe reads the sound and not the seed, that direction should be the same for all seeds.

# %% tags=["hide-input"]
display(formatted(pd.DataFrame({
    "in use (accuracy)": {prop: s["accuracy"] for prop, s in scores.items()},
    "lowest of the seeds": {prop: min(s["seeds"]) for prop, s in scores.items()},
    "highest of the seeds": {prop: max(s["seeds"]) for prop, s in scores.items()},
    "k-sparse (accuracy)": {prop: s["k_sparse"]["accuracy"] for prop, s in scores.items()},
    "cosine of directions over seeds": {prop: of["cosine"] for prop, of in found.figures["directions"].items()},
})))

# %% [markdown]
# *The cosine is of the middle class, mean over pairs of seeds; 1 would be the same direction.*
#
# ## Top features, to hear
#
# For a low, a middle and a high class of each property: the feature with the largest mean contribution, and the three
# training clips in which it is strongest, cut to 1.2 s around that moment. Sounds are
# matched in loudness, except for amplitude, where they share one gain.

# %% tags=["hide-input"]
SoundTable(found.sounds)

# %% [markdown]
# A feature can support a class most of all and still fire elsewhere, because the probe sums over many. Do the three
# clips of a row share what the row's name says? The {doc}`feature browser </sections/10_feature_browser>` has all features.
