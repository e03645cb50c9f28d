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
# # Are the features real?
#
# Paek et al. (2025) read a sparse autoencoder (SAE) as a list of things that a codec's latent is made of: each feature stands for
# something, and a linear probe says what. A probe may be right about a frame while no single feature is what its name says.
# So three questions are asked of the features themselves.
#
# - Do they **come back**? An SAE from another seed, on the same frames, should find them again.
# - Do they **keep to their names**? A feature named after a class on training recordings should fire on that class in test
#   recordings, and elsewhere not.
# - Do they **serve one property each**, or does every property use them all?

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/features"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.evidence.monosemantic import ENOUGH_FRAMES, ENOUGH_RECORDINGS, LEVEL
from audiosae.figures import evidence, evidence_features, theme

theme.style()
found = evidence.read(folder)
evidence.say(found, evidence_features.settings)

# %% [markdown]
# ## Another seed
#
# Two SAEs that differ in nothing but their seed are matched feature by feature: each direction of one decoder is paired with one of the
# other, so that the cosines sum to as much as they can (the Hungarian method). Paulo and Belrose (2025, arXiv 2501.16615) did
# this for language models and call a feature shared above a cosine of 0.7. In their largest SAE three in ten features were; SAEs
# with ReLU and an ℓ1 penalty, as the paper's, were stabler than others.
#
# With several times more directions than dimensions, some direction is always close by. What a cosine is worth shows only beside directions
# that nobody learnt: any at all, any with the mean and covariance of the learnt ones, and those of SAEs before training.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Histograms of the cosine between matched features of SAEs from two seeds, with outlines of the same for random directions and untrained SAEs, one panel a codec"}}
if found:
    figure = evidence_features.matched_cosines(found)

# %% [markdown]
# *Cosines of matched pairs, over all pairs of seeds. The filled histogram is the learnt features; outlines are directions that nobody
# learnt. Features that come back would stand right of the thin line at 0.7. As far as filled and outlined lie on one another, the matching says
# no more than that there are many directions.*

# %% tags=["hide-input"]
if found:
    display(evidence_features.agreement(found).round(3))
evidence.say(found, evidence_features.agreement_sentences)

# %% [markdown]
# Mean max cosine is the measure of Sharkey et al. (2022), where several features may claim the same counterpart. The last column asks
# whether matched features at least fire on the same test frames.
#
# Features that do not come back are no proof that nothing is there: two seeds may cut the same space in two ways. But a feature that only one of
# them has is a way of writing the latent down, not a part that it is made of.
#
# ## Names, on recordings that did not give them
#
# For each class the feature that adds most to the probe's score on training frames takes its name, each feature once. On test recordings
# two things are measured. *AUROC*: how often a frame of the class has more of the feature than a frame of another class; one half is chance.
# *Precision*: how much of all that the feature fires is spent on its class, give or take one class, and for pitch on the same note in other octaves.
#
# The same is done with an untrained SAE, with the raw latents (each dimension with both signs), and with the probe's own probability
# for the class, which uses all features together and shows what there is to be known.

# %% tags=["hide-input"]
print(
    f"Classes need {ENOUGH_FRAMES} training frames and {ENOUGH_RECORDINGS} test recordings to be tested. "
    f"Confirmed: p below {LEVEL} after Holm's correction over all features of a kind."
)

# %% tags=["hide-input"] mystnb={"image": {"alt": "AUROC on test recordings of each feature named by the probe, sorted, with intervals, coloured by property; lines for the medians of raw latents, untrained SAE and whole probe, and for chance; one panel a codec"}}
if found:
    figure = evidence_features.strips(found, "probe")

# %% [markdown]
# *One mark a feature, sorted by AUROC; the line through it is a 95 % interval by resampling recordings; filled marks are confirmed. A
# monosemantic feature would stand near 1, where the whole probe's line is or above. Compare the middle of the marks with the
# lines of the controls.*
#
# The test puts recordings in another order and turns the sequence of labels by a random offset, so that notes stay as long as they are. A test
# over single frames would confirm almost anything. With few test recordings it can miss a true feature whose class is rare, so the share
# confirmed is a lower bound; AUROC and precision need no test.

# %% tags=["hide-input"]
evidence.say(found, evidence_features.tested_sentences)

# %% [markdown]
# Perhaps the probe chooses badly: it may give weight to a feature for what it corrects in others. So the choice is made again, in the
# SAE's favour: for each class the feature with the best AUROC on training frames.

# %% tags=["hide-input"] mystnb={"image": {"alt": "The same strip of AUROCs for features that were chosen by their AUROC in training"}}
if found:
    figure = evidence_features.strips(found, "auroc")

# %% [markdown]
# *As above, for features that were chosen by AUROC on training recordings: the best that single features can be hoped to do.*

# %% tags=["hide-input"]
if found:
    display(evidence_features.tested(found))

# %% [markdown]
# Intervals are over recordings, except that of the share confirmed, which is Wilson's over features.
#
# The features that keep to their names best and least, with the share of test frames that are near their class anyway:

# %% tags=["hide-input"]
if found:
    display(evidence_features.best_and_worst(found, 4).round(3))

# %% [markdown]
# ## One property each?
#
# Eastwood and Williams (2018) ask of a code whether each entry serves one factor (*disentanglement*) and whether each factor
# rests on one entry (*completeness*), from how much each entry weighs in a simple predictor; here the linear probe, its weights times the feature's
# standard deviation. Mariotte et al. (2025, arXiv 2509.24793) report that SAEs raise the disentanglement of vocal attributes in audio models.
# Completeness flatters wide codes, because it divides by the logarithm of their width. The number of features that a property is spread over,
# as if evenly, does not.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars of disentanglement, completeness, informativeness and number of features used, for SAE features, untrained SAE, raw latents and PCA, by codec, with lines over refits"}}
if found:
    figure = evidence_features.dci(found)

# %% [markdown]
# *Bars: probes fitted on all recordings (thinned where frames do not repeat). Lines: the smallest and largest value over refits on random
# halves of the recordings; they are a sign of how steady a figure is, not a confidence interval, and may lie beside the bar where a figure depends on how much
# there is to fit on. Accuracy is lower than in section 3 for fewer frames and steps.*

# %% tags=["hide-input"]
evidence.say(found, evidence_features.dci_sentences)

# %% [markdown]
# Taken together: what a linear probe reads from all features, and what one feature says, are two things. The first can hold where the second does not.
# A page that shows "the feature for C4" should say which of the three tests on this page that feature has passed.
