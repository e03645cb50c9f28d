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
# # 8. Features: do they come back, and keep to their names?
#
# Paek et al. (2025) treat the features of a sparse autoencoder (SAE) as the parts that a codec's latent is made of: each stands for
# something, and a linear probe says what. But a probe can be right about a frame while no single feature is what its name says.
# So this page tests the features themselves.
#
# - Do they **come back**? An SAE trained from another seed, on the same frames, should find them again.
# - Do they **keep to their names**? A feature named after a class on training recordings should fire on that class in test
#   recordings, and not elsewhere.
# - Do they **serve one property each**, or does every property use them all?

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.evidence.monosemantic import ENOUGH_FRAMES, ENOUGH_RECORDINGS, LEVEL
from audiosae.figures import evidence, evidence_features, theme
from audiosae.numbers import formatted

theme.style()
found = evidence.read(f"{folder}/features")

# %% [markdown]
# ## Another seed
#
# Two SAEs that differ only in their seed are matched feature by feature: each decoder direction of one is paired with one of the
# other so that the sum of cosines is largest (the Hungarian method). Paulo and Belrose (2025, arXiv 2501.16615) did
# this for language models and call a feature shared above a cosine of 0.7. In their largest SAE three in ten features were; SAEs
# with ReLU and an ℓ1 penalty, like the paper's, were more stable than others.
#
# With several times more directions than dimensions, some direction is always close. So a cosine means something only beside baselines:
# random directions, random ones with the mean and covariance of the learned ones, and SAEs before training.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Histograms of the cosine between matched features of SAEs from two seeds, with outlines of the same for random directions and untrained SAEs, one panel a codec"}}
if found:
    figure = evidence_features.matched_cosines(found)

# %% [markdown]
# *Cosines of matched pairs, over all pairs of seeds. Filled: learned features; outlines: the baselines. Features that come back would lie to the right of the thin line at 0.7. Where
# filled and outlined coincide, the matching shows only that there are many directions.*

# %% tags=["hide-input"]
if found:
    display(formatted(evidence_features.agreement(found)))
evidence.say(found, evidence_features.agreement_sentences)

# %% [markdown]
# *Mean max cosine, after Sharkey et al. (2022), lets several features share a counterpart. The last column: do matched features at least fire on the same test frames?*
#
# Features that do not come back do not prove that nothing is there: two seeds may divide the same space in two ways. But a feature that only one of
# them has is one way of describing the latent, not a part that it is made of.
#
# ## Names, tested on other recordings
#
# For each class, the feature that adds most to the probe's score on training frames gets its name, each feature once. On test recordings
# we measure two things. *AUROC*: how often a frame of the class excites the feature more than a frame of another class; 0.5 is chance.
# *Precision*: the share of the feature's activation that falls on its class or a neighbouring one, and for pitch on the same note in other octaves.
#
# The baselines are an untrained SAE, the raw latents (each dimension with both signs), and the probe's own probability
# for the class, which uses all features together.

# %% tags=["hide-input"]
evidence.show([
    f"Tested: classes with {ENOUGH_FRAMES} training frames and {ENOUGH_RECORDINGS} test recordings.",
    f"Confirmed: p below {LEVEL} after Holm's correction over all features of a kind.",
])

# %% tags=["hide-input"] mystnb={"image": {"alt": "AUROC on test recordings of each feature named by the probe, sorted, with intervals, coloured by property; lines for the medians of raw latents, untrained SAE and whole probe, and for chance; one panel a codec"}}
if found:
    figure = evidence_features.strips(found, "probe")

# %% [markdown]
# *One mark a feature, sorted by AUROC, with a 95 % interval over recordings; filled marks are confirmed. A
# monosemantic feature would lie near 1, at or above the line of the whole probe. Compare the middle of the marks with the
# baselines.*
#
# The permutation test reorders recordings and rotates the sequence of labels by a random offset, so that notes keep their length. A test
# over single frames would confirm almost anything. With few test recordings it can miss a true feature whose class is rare, so the share
# confirmed is a lower bound.

# %% tags=["hide-input"]
evidence.say(found, evidence_features.tested_sentences)

# %% [markdown]
# Perhaps the probe chooses badly: it may weight a feature because it corrects others. So we choose again, in the
# SAE's favour: for each class the feature with the best AUROC on training frames.

# %% tags=["hide-input"] mystnb={"image": {"alt": "The same strip of AUROCs for features that were chosen by their AUROC in training"}}
if found:
    figure = evidence_features.strips(found, "auroc")

# %% [markdown]
# *As above, for features chosen by AUROC on training recordings: the best that single features can be expected to do.*

# %% tags=["hide-input"]
if found:
    display(evidence_features.tested(found))

# %% [markdown]
# *Intervals are over recordings; that of the share confirmed is Wilson's, over features.*
#
# The features that keep to their names best and worst, beside the share of test frames that are near their class anyway:

# %% tags=["hide-input"]
if found:
    display(formatted(evidence_features.best_and_worst(found, 4)))

# %% [markdown]
# ## One property each?
#
# Eastwood and Williams (2018) ask whether each entry of a code serves one factor (*disentanglement*) and whether each factor
# rests on one entry (*completeness*), from the weight of each entry in a simple predictor; here the linear probe, its weights times the feature's
# standard deviation. Mariotte et al. (2025, arXiv 2509.24793) report that SAEs raise the disentanglement of vocal attributes in audio models.
# Completeness flatters wide codes, because it divides by the logarithm of their width; the effective number of features used does not.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars of disentanglement, completeness, informativeness and number of features used, for SAE features, untrained SAE, raw latents and PCA, by codec, with lines over refits"}}
if found:
    figure = evidence_features.dci(found)

# %% [markdown]
# *Bars: probes fitted on all recordings (thinned where frames do not repeat). Lines: smallest and largest value over refits on random
# halves of the recordings, a sign of how stable a figure is and not a confidence interval. Accuracy is lower than in section 3, because of fewer frames and steps.*

# %% tags=["hide-input"]
evidence.say(found, evidence_features.dci_sentences)

# %% [markdown]
# What a linear probe reads from all features, and what one feature says, are two things; the first can hold where the second does not.
# A page that shows "the feature for C4" should say which of the three tests on this page that feature has passed.
#
# ## How this was computed

# %% tags=["hide-input"]
evidence.say(found, evidence_features.settings)
