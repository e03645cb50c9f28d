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
# # Baselines for probing
#
# A linear probe names pitch, loudness and brightness from the features of a sparse autoencoder (SAE). Paek et al. (2025)
# take that as a sign that the features stand for these properties. But the features are computed from the latents, and
# there are many of them. So a sceptic asks:
#
# - Does the same probe do as well on the latents themselves?
# - Is it the *training* of the SAE that helps, or would any layer of that width do?
# - Could the probe have learnt any labels, however meaningless?
# - How many features does it take? If one feature stands for a class, one should do.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/baselines"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_baselines, theme

theme.style()
found = evidence.read(folder)
evidence.say(found, evidence_baselines.settings)

# %% [markdown]
# Four inputs meet the same probe, fitted on the same frames, with its penalty chosen on validation recordings:
#
# - **SAE features**: what the trained SAE says of a frame.
# - **untrained SAE**: an SAE of the same width with random weights, as they are before the first step of training. It has the
#   rectifier and the normalisation too, so whatever the trained one has over it comes from training.
# - **raw latents**: the standardised latents, of which there are several times fewer than features.
# - **PCA**: their principal components, all of them, whitened. They hold just what the latents hold.
#
# Section 3 fits on all training frames. Here, where frames do not repeat, a part of them is drawn at random, so that four inputs,
# control tasks and sparse probes can all be fitted. Accuracies are to be compared with one another on this page.
#
# ## The same probe on four inputs

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars of probe accuracy with intervals for SAE features, untrained SAE, raw latents and PCA, by property, one panel a codec, with lines for the ceiling and the commonest class"}}
if found:
    figure = evidence_baselines.accuracies(found)

# %% [markdown]
# *Share of test frames that are named exactly; lines are 95 % intervals by resampling recordings. Dotted: always say the commonest
# training class. Dashed, where frames repeat: the ceiling, which no probe of one frame can pass. Intervals of neighbouring bars
# overlap largely because some recordings are hard for every input; the next figure takes that out.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Difference of accuracy between SAE features and each other input with its interval, by property, one panel a codec, against zero"}}
if found:
    figure = evidence_baselines.differences(found)

# %% [markdown]
# *Accuracy from SAE features less that from another input, frame by frame, with the interval over recordings of that
# difference. Right of the line the features win. Where an interval crosses it, these recordings cannot tell.*

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.comparisons)

# %% [markdown]
# Beating raw latents is the weaker result. A wide rectified layer lets a linear probe draw boundaries that are bent in the
# latents, whether or not it was trained. Beating the untrained SAE is what a claim about *learnt* features needs.
#
# Raw latents and PCA allow exactly the same boundaries. Where PCA does better, the probe of raw latents was held back by its
# penalty or by the steps of L-BFGS, not by what the latents hold: PCA is then the fairer stand-in for them.
#
# The paper reports accuracies from SAE features alone. Its range over its grid stands here beside our probe:

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.beside_paper(found))

# %% [markdown]
# Weights, music and the ranges that the bins span differ, so the size of an accuracy compares badly with the paper's. The
# order of the columns on the right is free of that: all see the same frames.
#
# ## How far off
#
# Exact accuracy treats a neighbouring bin and the far end alike. Below, the distance between the class named and the
# true class, from centre to centre.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean error with interval for the four inputs in semitones, decibels and hertz, by codec"}}
if found:
    figure = evidence_baselines.errors(found)

# %% [markdown]
# *Mean error on test frames; lower is better. Amplitude has bins of equal width in linear RMS, so a step between quiet bins is many dB and a step
# between loud ones few; a mean in dB weighs quiet frames most. An octave error counts as twelve semitones.*

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.near_misses(found))

# %% [markdown]
# *Share of test frames named within one class of the truth, with intervals.*
#
# ## Could it have learnt anything?
#
# A probe may be accurate because an input shows a property, or because it has room to learn by heart. Hewitt and Liang
# (2019) measure the second with a control task: every *type* of input gets a label by lot, the same wherever that type
# recurs, with the frequencies of the real labels. Selectivity is what the real task has over that.

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.types)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Selectivity with its interval for SAE features, untrained SAE and raw latents, by property, one panel a codec, against zero"}}
if found:
    figure = evidence_baselines.selectivity(found)

# %% [markdown]
# *Accuracy less accuracy on the control task, paired over recordings. An input with more room scores higher on both, and so gains
# little here. Compare inputs with one another: where zero lies depends on how many types there are and how easily they are told
# apart, and few types that are easily told apart can be simpler than the real task.*

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.control(found))

# %% [markdown]
# *Accuracy on the control task itself. A cell of k-means is a region with flat sides, which a linear probe can cut out, and a
# few types hold many frames; so read it beside the commonest class, which needs no input. A lot drawn once is one draw: the
# intervals do not hold what another lot would change.*
#
# ## With few inputs
#
# A probe of everything can gather a property from anywhere. If single features mean something, it should also work when each
# class may read only a few (Gurnee et al., 2023, call it sparse probing). For each class we take the inputs whose mean differs
# most, in standard deviations, between training frames of the class and all others, and fit on these alone.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Curves of accuracy against the number of inputs a class may read on a logarithmic axis, for four inputs, by property and codec"}}
if found:
    figure = evidence_baselines.sparse_curves(found)

# %% [markdown]
# *Accuracy against the inputs that a class may read; the last mark of each curve reads all that there are. On the left
# features are at their advantage, if their axes carry meaning. Raw latents and PCA hold the same at the right end,
# but begin apart, as their axes differ. Lines are 95 % intervals over recordings.*

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.fewest_inputs)

# %% [markdown]
# There is an unfairness to note. Of thousands of features a class may pick its best, of latents only from a few dozen or hundred.
# The untrained SAE has as many to pick from, and is again the baseline that shows what training adds.
#
# ## Part by part
#
# The mean over all frames hides what the parts of the corpus do. Each cell has its interval; the last two columns say how
# little some rest on.

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.parts(found))

# %% [markdown]
# *Accuracy on test frames by part. Cells without an interval have one recording. With a handful of recordings an interval by
# resampling is too narrow rather than too wide.*
