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
# # The sparse autoencoder
#
# A latent frame of a codec is a list of numbers, all busy all the time. A sparse autoencoder rewrites it as a much
# longer list in which few entries are not zero, in the hope that each entry then stands for one thing. Paek et al.
# (2025, section 2) use
#
# $$h = \mathrm{ReLU}(W_{enc}\, x + b_{enc}), \qquad f = \frac{h}{\mathrm{rms}(h)}, \qquad \hat{x} = W_{dec}\, f + b_{dec},$$
#
# trained to make
#
# $$L = \sum_d (x_d - \hat{x}_d)^2 + \lambda \sum_j h_j$$
#
# small, on average over frames. Here $x$ is standardised: each of its dimensions has mean 0 and standard deviation 1
# over the training frames. λ has a meaning only together with these sums.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
grid = "small"  # "small", or "paper": 4 to 256 times the latent, λ from 0.005 to 0.15
factor = 8  # the grid point that later sections use: hidden size over latent size …
l1 = 0.05  # … and λ
k = 32  # active features a frame of the k-sparse autoencoder, which is as wide
seeds = 5  # how often that point is trained
epochs = 20
batch = 1024  # frames
learning_rate = 0.001  # of Adam
precision = "float32"
seed = 0

# %% tags=["hide-input"]
from pathlib import Path

from IPython.display import display

from audiosae.figures import sae_training as figures
from audiosae.figures import theme
from audiosae.sae.training import HELD_OUT
from audiosae.sections import sae_training

theme.style()
found = sae_training.run(codec, grid, factor, l1, k, seeds, epochs, batch, learning_rate, seed, precision, Path(".."))
points, counts = found.points, found.figures["counts"]
held_out = {"recordings": "test pieces", "codes": f"{HELD_OUT:.0%} of the codes, at random"}
print(f"{counts['train']:,} frames of training pieces, {counts['test']:,} of test pieces, {counts['dim']} numbers each")
print(f"{found.figures['distinct_frames']:,} of all {found.figures['frames']:,} frames are distinct")
print(f"held out: {held_out[found.figures['held_out']]}; reconstruction is measured on {counts['unseen']:,} test frames")

# %% [markdown]
# ## Frames that repeat
#
# A continuous codec, or one that adds up several codebooks, hardly ever gives the same frame twice. A codec with one
# codebook has no more distinct frames than the book has codes. Two things follow. Training may go over the distinct
# frames, each weighted by how often it occurs: that is the same loss for less work. And a test recording shows an SAE
# hardly anything new, because almost every frame in it has been in a training recording too. So, where frames repeat, a
# part of the codes is kept out of training altogether, and reconstruction is measured where these, and codes that no
# training piece has, occur in test pieces. The lines above say how many frames are distinct here, and what was held out.
#
# ## Training over a grid
#
# The width of the hidden layer and λ are the two choices that matter. Each point of the grid is trained from the same
# seed; every figure below is measured on test recordings.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of training curves: reconstruction error and penalty over epochs, for each grid point"}}
figure = figures.training_curves(found.curves)

# %% [markdown]
# *Both terms of the loss over training. Usually a smaller penalty costs reconstruction. Where the
# penalty goes on falling while reconstruction improves too, it costs nothing; the end of this page says why.*

# %% tags=["hide-input"]
shown = points[["hidden", "l1", "sparsity", "l0", "dead", "fvu", "fvu_test", "scale"]].rename(columns={
    "hidden": "features", "l1": "λ", "sparsity": "sparsity (share of zeros)", "l0": "L0 (active a frame)",
    "dead": "dead (share)", "fvu": "FVU (held out)", "fvu_test": "FVU (all test frames)", "scale": "rms of h"})
display(shown.round(4).set_index(["features", "λ"]))

# %% [markdown]
# *FVU* is the fraction of variance unexplained: 0 is a perfect reconstruction, 1 is no better than always giving the mean. Its first
# column is of what was held out, its second of all frames of test recordings; where recordings are what is held out, the
# two are one. If the second is much lower, the SAE knows its codes by heart. *Dead* features are zero on every test
# frame; they count towards sparsity without saying anything. The last column is the root mean square of $h$.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Scatter plots of variance unexplained against sparsity and against the number of active features"}}
figure = figures.grid_points(points, found.chosen)

# %% [markdown]
# *Each mark is one SAE, and its height is the FVU of what was held out; the ringed one has the width and λ that later sections use. Lower is a
# better reconstruction. Sparser is further right in the left panel, and further left in the right one. Compare colours for what λ
# does, and shapes for what width does.*
#
# ## A second autoencoder
#
# At this λ the paper's SAE is hardly sparse: the table above says how many of its features are active in a frame. A reader who expects one
# feature to stand for one thing would rather train a *k-sparse* autoencoder today. It keeps the $k$ largest activations a frame, on average over a
# batch (batch top-k; Bussmann et al. 2024, arXiv 2412.06410), has no penalty that could drift, and no RMS normalisation. It goes through all
# later sections beside the paper's.
#
# ## Other seeds, and the one in use
#
# What could have come out otherwise? The ringed point is trained several times here, from seeds that follow one another.

# %% tags=["hide-input"]
display(found.kinds()[["fvu", "l0", "sparsity", "dead", "scale"]].rename(columns={
    "fvu": "FVU (held out)", "l0": "L0 (active a frame)", "sparsity": "sparsity (share of zeros)", "dead": "dead (share)", "scale": "rms of h"}).round(4))
print("in use: " + ("the one that ships with this book, trained once" if found.figures["shipped"] else "the first seed, trained here"))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Strips of variance unexplained, active features and dead features over seeds, for the paper's autoencoder and the k-sparse one; the one in use is ringed"}}
figure = figures.seeds(found.figures)

# %% [markdown]
# *Filled: the seeds trained here. Ringed: the autoencoder in use. It should lie where the seeds lie, and does so if it was trained alike.*
#
# A feature's number means something in one autoencoder only. So every feature that this book names and every sound that it steers is of one: it
# was trained once and ships with the book, as the codecs do. With your own recordings or your own codec, it is the first seed of those trained here.
#
# ## A penalty that can be escaped
#
# There is a catch in the paper's loss which the paper does not discuss. RMS normalisation makes $f$ independent of the scale of
# $h$: halve $h$, and $f$ and the reconstruction stay exactly as they were, but the penalty halves. So the optimiser
# can pay less and less without giving anything up, and the loss has no minimum: how sparse the features become depends
# on the optimiser and on how long it runs, not on λ alone. The last column of the first table shows how far $h$ has shrunk by
# the end of training: compare it over λ, at one number of features. A later chapter takes this up; until then, read λ
# as a setting, not as a trade-off.
