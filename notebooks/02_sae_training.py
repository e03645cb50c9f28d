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
# A latent frame of EnCodec is 128 numbers, all busy all the time. A sparse autoencoder rewrites it as a much longer list
# in which few entries are not zero, in the hope that each entry then stands for one thing. Paek et al. (2025,
# section 2) use
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
epochs = 20
batch = 1024  # frames
learning_rate = 0.001  # of Adam
seed = 0

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import display

from audiosae import determinism, figures, frames, results, sae, sae_training

figures.style()
device = determinism.prepare(seed)
table = frames.load(f"../data/frames/{codec}.arrow")
train, test = (torch.from_numpy(table.latents[table.rows(split)]).to(device) for split in ("train", "test"))
dim = train.shape[1]
print(f"{len(train)} training frames and {len(test)} test frames of {dim} numbers; no piece is in both")

# %% [markdown]
# ## Training over a grid
#
# The width of the hidden layer and λ are the two choices that matter. Each point of the grid is trained from the same
# seed; every figure below is measured on test recordings.

# %% tags=["hide-input"]
curves, points, trained = [], [], {}
for k, penalty in sae_training.grid(grid, factor, l1):
    settings = sae_training.Settings(k * dim, penalty, epochs, batch, learning_rate, seed)
    trained[k, penalty], curve = sae_training.train(train, settings, states="../.resume")
    curves.append(curve.assign(hidden=k * dim, l1=penalty))
    points.append({"factor": k, "hidden": k * dim, "l1": penalty, **sae.evaluate(trained[k, penalty], test)})
points = pd.DataFrame(points)
chosen = points[(points["factor"] == factor) & (points["l1"] == l1)].iloc[0]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of training curves: reconstruction error and penalty over epochs, for each grid point"}}
figure = figures.training_curves(pd.concat(curves))

# %% [markdown]
# *Both terms of the loss over training. Look at the penalty: where λ is large it falls within a few epochs to a
# fraction of where it began, while the reconstruction goes on improving. That is not the usual bargain between the two.*

# %% tags=["hide-input"]
shown = points[["hidden", "l1", "sparsity", "l0", "dead", "fvu", "scale"]].rename(columns={
    "hidden": "features", "l1": "λ", "sparsity": "sparsity (share of zeros)", "l0": "L0 (active a frame)",
    "dead": "dead (share)", "fvu": "FVU", "scale": "rms of h"})
display(shown.round(4).set_index(["features", "λ"]))

# %% [markdown]
# *FVU* is the fraction of variance unexplained: 0 is a perfect copy, 1 is no better than always giving the mean.
# *Dead* features are zero on every test frame; they count towards sparsity without saying anything. The last column is
# the root mean square of $h$.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Scatter plots of variance unexplained against sparsity and against the number of active features"}}
figure = figures.grid_points(points, chosen)

# %% [markdown]
# *Each mark is one SAE, measured on test recordings; the ringed one is used from here on. Wider ones (crosses) reconstruct
# better. More λ moves a mark towards more zeros on the left, towards fewer active features on the right.*
#
# ## A penalty that can be escaped
#
# There is a catch in this loss which the paper does not discuss. RMS normalisation makes $f$ independent of the scale of
# $h$: halve $h$, and $f$ and the reconstruction stay exactly as they were, but the penalty halves. So the optimiser
# can pay less and less without giving anything up, and the loss has no minimum: how sparse the features become depends
# on the optimiser and on how long it runs, not on λ alone. The last column of the table shows it happening: the larger λ,
# the smaller $h$. A later chapter takes this up; until then, read λ as a setting, not as a price.

# %% tags=["hide-input"]
parameters = {
    "codec": codec, "grid": grid, "factor": factor, "l1": l1, "epochs": epochs, "batch": batch,
    "learning_rate": learning_rate, "seed": seed,
}
provenance = results.provenance({"data/frames": f"../data/frames/{codec}.arrow"}, parameters, "02_sae_training.py")
trained[factor, l1].cpu().save(f"../checkpoints/sae/{codec}.safetensors", provenance)
names = ["sparsity", "l0", "dead", "fvu", "scale", "hidden", "l1"]
results.write(f"../results/sae_training/{codec}.json", {
    "chosen": {name: int(chosen[name]) if name == "hidden" else float(chosen[name]) for name in names},
    "grid": points.to_dict("records"),
    "provenance": provenance,
})
