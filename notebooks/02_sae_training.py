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
# # 2. The sparse autoencoder
#
# In a latent frame every coordinate is active all the time. A sparse autoencoder rewrites it as a much
# longer vector with few entries that are not zero, in the hope that each entry then stands for one thing. Paek et al.
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
from audiosae.numbers import formatted, number
from audiosae.sae.training import HELD_OUT
from audiosae.sections import sae_training

theme.style()
found = sae_training.run(codec, grid, factor, l1, k, seeds, epochs, batch, learning_rate, seed, precision, Path(".."))
points, counts = found.points, found.figures["counts"]
held_out = {"recordings": "test pieces", "codes": f"{HELD_OUT:.0%} of the codes, at random"}
print(f"{number(counts['train'], 0)} frames of training pieces, {number(counts['test'], 0)} of test pieces, {counts['dim']} dimensions")
print(f"{number(found.figures['distinct_frames'], 0)} of all {number(found.figures['frames'], 0)} frames are distinct")
print(f"held out: {held_out[found.figures['held_out']]}; reconstruction is measured on {number(counts['unseen'], 0)} test frames")

# %% [markdown]
# ## Frames that repeat
#
# A continuous codec, or one that adds up several codebooks, hardly ever gives the same frame twice. A codec with one
# codebook has no more distinct frames than codes. Two things follow. Training can use the distinct
# frames, each weighted by how often it occurs: the same loss for less work. And a test recording contains
# hardly anything new, because almost every frame in it is in a training recording too. So, where frames repeat, a
# part of the codes is kept out of training, and reconstruction is measured where these, and codes that no
# training piece has, occur in test pieces. The lines above say how many frames are distinct, and what was held out.
#
# ## Training over a grid
#
# The width of the hidden layer and λ are the two choices that matter. Each point of the grid is trained from the same
# seed; every figure below is measured on test recordings.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of training curves: reconstruction error and penalty over epochs, for each grid point"}}
figure = figures.training_curves(found.curves)

# %% [markdown]
# *Both terms of the loss over training. Usually a smaller penalty costs reconstruction. Where the
# penalty keeps falling while reconstruction improves too, it costs nothing; the end of this page explains why.*

# %% tags=["hide-input"]
shown = points[["hidden", "l1", "sparsity", "l0", "dead", "fvu", "fvu_test", "scale"]].rename(columns={
    "hidden": "features", "l1": "λ", "sparsity": "sparsity (share of zeros)", "l0": "L0 (active a frame)",
    "dead": "dead (share)", "fvu": "FVU (held out)", "fvu_test": "FVU (all test frames)", "scale": "rms of h"})
display(formatted(shown.astype({"λ": str}).set_index(["features", "λ"]), 3, **{"L0 (active a frame)": 0}))

# %% [markdown]
# *FVU* is the fraction of variance unexplained: 0 is a perfect reconstruction, 1 is no better than the mean. The first
# column is of what was held out, the second of all frames of test recordings; where recordings are held out, the
# two are the same. If the second is much lower, the SAE has memorised its codes. *Dead* features are zero on every test
# frame; they count towards sparsity and tell nothing. The last column is the root mean square of $h$.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Scatter plots of variance unexplained against sparsity and against the number of active features"}}
figure = figures.grid_points(points, found.chosen)

# %% [markdown]
# *Each mark is one SAE at its held-out FVU; the ringed one has the width and λ that later sections use. Lower is a
# better reconstruction. Sparser is further right in the left panel, and further left in the right one. Compare colours for the effect of λ,
# and shapes for that of width.*
#
# ## A second autoencoder
#
# At this λ the paper's SAE is hardly sparse: the table above shows how many of its features are active in a frame. If one
# feature is to stand for one thing, one would rather train a *k-sparse* autoencoder today. It keeps the $k$ largest activations a frame, on average over a
# batch (batch top-k; Bussmann et al. 2024, arXiv 2412.06410), has no penalty that could drift, and no RMS normalisation. It goes through all
# later sections beside the paper's.
#
# ## Other seeds, and the one in use
#
# How much does a training depend on chance? The ringed point is trained several times, from consecutive seeds.

# %% tags=["hide-input"]
display(formatted(found.kinds()[["fvu", "l0", "sparsity", "dead", "scale"]].rename(columns={
    "fvu": "FVU (held out)", "l0": "L0", "sparsity": "sparsity (share of zeros)", "dead": "dead (share)", "scale": "rms of h"}), 3, L0=0))
print("in use: " + ("the one that ships with this book, trained once" if found.figures["shipped"] else "the first seed, trained here"))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Strips of variance unexplained, active features and dead features over seeds, for the paper's autoencoder and the k-sparse one; the one in use is ringed"}}
figure = figures.seeds(found.figures)

# %% [markdown]
# *Filled: the seeds trained here. Ringed: the autoencoder in use, which should lie among them.*
#
# A feature's number means something in one autoencoder only. So all features named in this book and all sounds steered in it come from one autoencoder, which
# was trained once and ships with the book, like the codecs. With your own recordings or codec, it is the first of the seeds trained here.
#
# ## A penalty with a way out
#
# The paper's loss has a catch, which the paper does not discuss. RMS normalisation makes $f$ independent of the scale of
# $h$: halve $h$, and $f$ and the reconstruction stay exactly the same, but the penalty halves. So the optimiser
# can lower the penalty without giving anything up, and the loss has no minimum: how sparse the features become depends
# on the optimiser and on how long it runs, not on λ alone. The last column of the first table shows how far $h$ has shrunk by
# the end of training: compare it over λ, at one width. {doc}`Section 6 </sections/06_sparsity>` looks into this; until then, read λ
# as a setting, not as a trade-off.
