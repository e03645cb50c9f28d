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
# # The whole grid
#
# Paek et al. (2025) do not report one sparse autoencoder but a grid of them: 4 to 256 times as many features as the
# latent has numbers, and λ from 0.005 to 0.15. They say that wider SAEs rebuild better on every codec, and they give,
# for each codec, the lowest and the highest sparsity and probe accuracy over the grid. Here is that grid again, on our
# latents, with its ranges beside theirs.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/grid"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_grid, theme

theme.style()
found = evidence.read(folder)
evidence.say(found, evidence_grid.settings)

# %% [markdown]
# λ multiplies Σ h, summed over features; the squared error is summed over standardised dimensions; both are means over
# frames. The steps between the ends of the grid are ours, as the paper names the ends alone. The widest SAEs of the
# paper's grid are left out unless `largest` in params.yaml allows them: 256 times the latent gives the whole grid. It
# was run once, on a GPU: {doc}`From a laptop to a cluster <../../scale>` has its table. There the widest SAEs rebuild worse
# than those of medium width.
#
# Two things are less thorough than in sections 2 and 3, so that every point could be seen. Where frames do not repeat,
# SAEs and probes learn from part of the training frames, drawn at random, with as many steps an epoch as all of them would
# take. And each probe has one penalty and fewer iterations. So the point that section 2 chose comes out a little
# different here: compare points of this page with each other, not with section 3. All points share one seed; how much a
# figure moves from seed to seed is shown in section 2, for the chosen point. *Verdicts* counts only differences that are larger.
#
# ## Reconstruction and sparsity

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps over width and lambda, one row of panels a codec: variance unexplained, and sparsity"}}
if found:
    figure = evidence_grid.heat_maps(found, ["fvu", "sparsity"])

# %% [markdown]
# *Each cell is one SAE, on test recordings. Read a column upwards for what width does, and a row to the right for what λ
# does. FVU is the fraction of variance unexplained of what was held out: recordings, or codes where frames repeat.*
#
# ## Active and dead features
#
# Sparsity alone hides two things. A wide SAE with the same number of active features is sparser by arithmetic; and a
# feature that never fires counts as sparse.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps over width and lambda, one row of panels a codec: active features a frame, and share of dead features"}}
if found:
    figure = evidence_grid.heat_maps(found, ["l0", "dead"])

# %% [markdown]
# *Left, the mean number of active features a frame; right, the share of features that are zero on every test frame.*
#
# ## What a probe reads

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps over width and lambda, one row of panels a codec: accuracy of the probes of pitch, amplitude and timbre"}}
if found:
    figure = evidence_grid.heat_maps(found, list(evidence.PROPERTIES))

# %% [markdown]
# *Share of test frames that a linear probe names exactly. Differences between cells are to be held against the intervals
# below, which are about as wide at every point, and wider than most differences between neighbours if they say so.*

# %% tags=["hide-input"]
if found:
    display(evidence_grid.best_points(found))

# %% [markdown]
# *The best point of this table is picked on test frames, so it flatters the grid a little; it is used nowhere else: the later sections
# take the point that params.yaml names. Intervals are by resampling recordings.*
#
# A probe of few iterations stops before its minimum, and pitch, with its 66 classes, loses most by that. Wider and sparser
# features are quicker to fit, so a part of what the pitch panel shows may be speed of fitting and not what the features
# hold. Section 3 fits the chosen point for longer, and beside it the raw latents: whether an SAE reads better than they do
# is asked there, not here.
#
# ## The paper's ranges and ours

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars from lowest to highest value over the grid, the paper's and ours, for sparsity and the three accuracies of each codec"}}
if found:
    figure = evidence_grid.ranges(found)

# %% [markdown]
# *From the lowest to the highest value over the grid. Grey is what the paper reports, blue is ours. Where there is no bar
# of a codec, the paper has no figure for it.*

# %% tags=["hide-input"]
if found:
    display(evidence_grid.range_table(found))
evidence.say(found, evidence_grid.overlaps)

# %% [markdown]
# Overlap is a weak test, since a range is made by its two extreme points, and ours leaves out the widest SAEs unless
# told otherwise. Four things differ that could move a range: the weights of the codec (said at the top), the recordings,
# the size of the data, and how loudness and brightness fall into their bins, which sets how often the commonest class
# is right. So a range that does not overlap says that the number does not carry over to this setting, not that it was
# wrong in its own.
