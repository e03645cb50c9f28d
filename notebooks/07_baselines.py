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
# # 7. Probing: baselines, and more properties
#
# A linear probe reads pitch, loudness and brightness from the features of a sparse autoencoder (SAE). Paek et al. (2025)
# take that as a sign that features stand for these properties. But features are computed from latents, and
# there are many of them. So:
#
# - Does the same probe do as well on the latents themselves?
# - Is it the *training* of the SAE that helps, or would any layer of that width do?
# - Could the probe have learned any labels, however meaningless?
# - How many features does it take? If one feature stands for a class, one should do.
# - Which other properties can be read in the same way?

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_baselines, evidence_richer, theme

theme.style()
found, richer = evidence.read(f"{folder}/baselines"), evidence.read(f"{folder}/richer")

# %% [markdown]
# ## One probe, five inputs
#
# The same probe is fitted on the same frames, with its penalty chosen on validation recordings:
#
# - **SAE features** of the trained autoencoder; **k-sparse SAE** those of the sparser one.
# - **untrained SAE**: the same width with random weights, as before the first step of training. It has the
#   rectifier and the normalisation too, so whatever the trained one adds comes from training.
# - **raw latents**: the standardised latents, several times fewer than features.
# - **PCA**: their principal components, all of them, whitened. They hold exactly what the latents hold.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars of probe accuracy with intervals for SAE features, untrained SAE, raw latents and PCA, by property, one panel a codec, with lines for the ceiling and the majority class"}}
if found:
    figure = evidence_baselines.accuracies(found)

# %% [markdown]
# *Accuracy on test frames, with 95 % intervals over recordings. Dotted: the majority-class baseline. Dashed, where frames repeat: the ceiling, which no probe of one frame can pass. Intervals of
# neighbouring bars overlap mostly because some recordings are hard for every input; the next figure removes that.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Difference of accuracy between SAE features and each other input with its interval, by property, one panel a codec, against zero"}}
if found:
    figure = evidence_baselines.differences(found)

# %% [markdown]
# *Accuracy from SAE features minus that from another input, paired over recordings. To the right of the line the features win. Where an interval crosses it, these recordings cannot tell.*

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.comparisons)

# %% [markdown]
# Beating raw latents is the weaker result: a wide rectified layer lets a linear probe draw boundaries that are bent in latent space, trained or not.
# A claim about *learned* features needs to beat the untrained SAE. Raw latents and PCA allow exactly the same boundaries. Where PCA does better, the probe of raw latents was held back by its
# penalty or by the steps of L-BFGS, and PCA is the fairer baseline.

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.beside_paper(found))

# %% [markdown]
# *The paper's range over its grid, which is of SAE features alone, beside our probe. Weights, music and bins differ, so the size of an accuracy compares badly with the paper's. The
# order of the columns on the right does not suffer from that: all see the same frames.*
#
# ## How far off?
#
# Exact accuracy treats a neighbouring bin and the far end alike.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean error with interval for the four inputs in semitones, decibels and hertz, by codec"}}
if found:
    figure = evidence_baselines.errors(found)

# %% [markdown]
# *Mean distance between the predicted and the true class, from centre to centre; lower is better. Bins of amplitude are equal in linear RMS, so a step between quiet bins is many dB and
# a step between loud ones few. An octave error counts as twelve semitones.*

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.near_misses(found))

# %% [markdown]
# *Share of test frames within one class of the truth, with intervals.*
#
# ## Could it have learned anything?
#
# A probe can be accurate because an input shows a property, or because it has room to memorise. Hewitt and Liang
# (2019) measure the second with a control task: every *type* of input gets a random label, the same wherever that type
# recurs, with the frequencies of the real labels. Selectivity is the accuracy on the real task minus that on the control task.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Selectivity with its interval for SAE features, untrained SAE and raw latents, by property, one panel a codec, against zero"}}
if found:
    figure = evidence_baselines.selectivity(found)

# %% [markdown]
# *Selectivity, paired over recordings. An input with more room scores higher on both tasks, and so gains
# little here. Compare inputs with each other: where zero lies depends on how many types there are and how easily they are told
# apart.*

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.types)
if found:
    display(evidence_baselines.control(found))

# %% [markdown]
# *Accuracy on the control task itself. A k-means cell has flat sides, which a linear probe can cut out, and a
# few types hold many frames; so read it beside the majority class. The random labels are one draw: intervals do not cover what another draw would change.*
#
# ## With few inputs
#
# A probe of everything can gather a property from anywhere. If single features mean something, it should also work when each
# class may read only a few (sparse probing, Gurnee et al. 2023). For each class we take the inputs whose mean differs
# most, in standard deviations, between training frames of the class and all others, and fit on these alone.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Curves of accuracy against the number of inputs a class may read on a logarithmic axis, for four inputs, by property and codec"}}
if found:
    figure = evidence_baselines.sparse_curves(found)

# %% [markdown]
# *Accuracy against the number of inputs that a class may read; the last mark of each curve reads all. On the left, features are at an advantage if their axes carry meaning. Raw latents and PCA hold the same at the
# right end, but start apart, because their axes differ.*

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.fewest_inputs)

# %% [markdown]
# The comparison is not quite fair: of thousands of features a class may pick its best, of latents only from a few dozen or hundred.
# The untrained SAE has as many to pick from, and again shows what training adds.
#
# ## Part by part

# %% tags=["hide-input"]
if found:
    display(evidence_baselines.parts(found))

# %% [markdown]
# *Accuracy on test frames by part of the corpus. Cells without an interval have one recording. With a handful of recordings a bootstrap interval is too narrow rather than too wide.*
#
# ## More properties
#
# The paper asks about three properties. Timbre is more than a centroid, and music is more than these three. Which other properties can a linear classifier read from one frame?
#
# | property | how it is measured | classes |
# |---|---|---|
# | pitch, amplitude, timbre | as in section 3 | as in section 3 |
# | chroma | the tracked pitch without its octave, single voices | 12 |
# | strongest chroma | the pitch class with the most power, chords too, no drums | 12 |
# | instrument family | who plays, from the corpus, single voices | families heard in training and test |
# | spectral flatness | geometric over arithmetic mean of the power spectrum, in dB: noise or tone? | 20 of equal width |
# | onset strength | mean rise of the mel bands within 1/75 s, in dB | 20 of equal ratio |
# | spectral rolloff | the frequency below which 85 % of the magnitudes lie, in Hz | 20 of equal width |
# | zero crossings | how often the wave changes sign, 1/s | 20 of equal width |
#
# Accuracies of properties with 6, 12, 20 and 66 classes do not compare. So the figure shows *skill*, the share of the majority class's errors that the probe avoids:
#
# $$\mathrm{skill} = \frac{\mathrm{accuracy} - \mathrm{majority}}{1 - \mathrm{majority}}.$$
#
# A property counts as **linearly there** if the whole 95 % interval of the skill of SAE features lies above 0.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Skill of linear probes with intervals, by property and codec, for SAE features, raw latents and an untrained SAE; properties sorted by the skill of SAE features"}}
if richer:
    figure = evidence_richer.skills(richer)

# %% [markdown]
# *Skill on test frames, with 95 % intervals over recordings, the most readable property at the top. Filled marks: the interval lies above 0. Where the three marks of a row coincide, it does not matter whether the
# probe reads trained features, untrained ones or the latents themselves.*

# %% tags=["hide-input"]
if richer:
    evidence.show([*evidence_richer.linearly_there(richer), *evidence_richer.gains(richer)])

# %% tags=["hide-input"]
if richer:
    display(evidence_richer.accuracies(richer))

# %% [markdown]
# *The accuracies behind it, for SAE features. For properties with an order, "within one bin" also counts the neighbouring bins.*
#
# The family of an instrument does not change within a clip, so the frames of a clip can vote:

# %% tags=["hide-input"]
evidence.say(richer, evidence_richer.votes)

# %% [markdown]
# - **Not linearly there is not the same as not there.** A nonlinear probe could find more, and so could one that sees several frames. Onset strength compares two moments, and a frame is one.
# - **Properties share evidence.** Rolloff and zero crossings follow the centroid; the family of an instrument goes with its register.
# - **Families are those of one SoundFont.** Test pieces are new, the players are not: the same samples sound in training.
# - **Bins of equal width follow the extremes.** One bright frame stretches the bins of all. Pitch, amplitude and timbre have the same bins for every codec; bins of the
#   other properties span each codec's own training frames.
# - **Many properties, many chances.** With this many intervals of 95 %, one on the wrong side of 0 would be no surprise.
#
# ## How this was computed
#
# Section 3 fits on all training frames. Here, where frames do not repeat, a part of them is drawn at random, so that five inputs,
# control tasks and sparse probes can all be fitted. Compare accuracies of this page with each other. The further properties have bins from the smallest to the largest value in training frames; onset strength has bins of equal ratio from 0.1 dB, because
# most rises are tiny. Chroma comes from the tracker, because in windows this short a chromagram cannot resolve low notes. Frames below −60 dBFS are not asked about their spectrum.

# %% tags=["hide-input"]
evidence.say(found, evidence_baselines.settings)
evidence.say(richer, evidence_richer.settings)
