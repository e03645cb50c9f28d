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
# # 6. Sparsity: the whole grid, and what λ does
#
# Paek et al. (2025) do not report one sparse autoencoder but a grid of them: 4 to 256 times as many features as the
# latent has dimensions, and λ from 0.005 to 0.15. They find that wider autoencoders reconstruct better on every codec, and give
# the lowest and highest sparsity and probe accuracy over the grid. This page trains that grid on our latents. Then it asks
# what λ does at all, because the paper's loss has a way out.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_grid, evidence_loss, theme

theme.style()
grid, loss = evidence.read(f"{folder}/grid"), evidence.read(f"{folder}/loss")

# %% [markdown]
# ## Does width help?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Lines of variance unexplained and of sparsity over the width, one line a lambda, one column a codec"}}
if grid:
    figure = evidence_grid.lines(grid, ["fvu", "sparsity"])

# %% [markdown]
# *One line a λ, one column a codec. FVU is the fraction of variance unexplained on held-out data: recordings, or codes where frames repeat. Does FVU fall to the right,
# as the paper says? The whole grid, to 256 times the latent size, was run once on a GPU ({doc}`From a laptop to a cluster </scale>` has its table): there the widest
# autoencoders reconstruct worse than those of medium width.*
#
# Sparsity alone hides two things. A wide autoencoder with the same number of active features is sparser by arithmetic, and a
# feature that never fires counts as sparse.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Lines of L0 and of the share of dead features over the width, one line a lambda, one column a codec"}}
if grid:
    figure = evidence_grid.lines(grid, ["l0", "dead"])

# %% [markdown]
# *Above, L0, the mean number of active features a frame; below, the share of features that are zero on every test frame.*
#
# ## Does sparsity cost accuracy?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Lines of probe accuracy for pitch, amplitude and timbre over the width, one line a lambda, one column a codec, with the majority-class baseline"}}
if grid:
    figure = evidence_grid.lines(grid, list(evidence.PROPERTIES))

# %% [markdown]
# *Share of test frames whose class a linear probe predicts; dotted, the majority-class baseline. Intervals over recordings are about as wide at every point
# as the one in the table below, and often wider than the distance between neighbours.*

# %% tags=["hide-input"]
if grid:
    display(evidence_grid.best_points(grid))

# %% [markdown]
# *The best point is picked on test frames, which flatters the grid a little. Nothing else uses it: later sections take the point that params.yaml names.*
#
# Probes stop after few steps here, which costs pitch most, with its 66 classes. Wider and sparser features are quicker to fit, so part of what
# the pitch panels show may be speed of fitting. Section 3 fits the chosen point for longer.
#
# ## The paper's ranges and ours

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars from lowest to highest value over the grid, the paper's and ours, for sparsity and the three accuracies of each codec"}}
if grid:
    figure = evidence_grid.ranges(grid)

# %% [markdown]
# *From the lowest to the highest value over the grid: grey the paper's, blue ours. Where a codec has no bar, the paper has no figure.*

# %% tags=["hide-input"]
if grid:
    display(evidence_grid.range_table(grid))
evidence.say(grid, evidence_grid.overlaps)

# %% [markdown]
# Overlap is a weak test: a range is set by its two extreme points, and ours leaves out the widest autoencoders by default. Codec weights, recordings, amount of data and the bins of loudness
# and brightness differ too. A range that does not overlap means that the figure does not carry over to this setting, not that it was wrong in its own.
#
# ## The loss has a way out
#
# The paper's loss asks for a good reconstruction and for small $h$:
#
# $$L = \sum_d (x_d - \hat{x}_d)^2 + \lambda \sum_j h_j, \qquad \hat{x} = W_{dec}\,\frac{h}{\mathrm{rms}(h)} + b_{dec}.$$
#
# The reconstruction depends on $h / \mathrm{rms}(h)$, which does not change when $h$ is scaled. So the penalty can shrink to nothing
# while the error stays. Take the autoencoder of section 2 and multiply its encoder's weights and bias by $c$:

# %% tags=["hide-input"]
if loss:
    display(evidence_loss.escape(loss))

# %% [markdown]
# *Changes are shares of the largest value, in double precision, over test frames. The penalty follows $c$; reconstruction and
# features stay. The small change comes from the constant $10^{-8}$ inside the root mean square.*
#
# So the loss has no minimum. For any autoencoder there is a cheaper one that does exactly the same. Whatever λ does, it does on the way, through the steps
# that an optimiser happens to take.
#
# ## Training does take it
#
# If so, longer training at one λ should keep shrinking $h$. Beside the paper's loss stands one that penalises $f$ instead,
# $\lambda \sum_j f_j$: the norm of $f$ is fixed, so scaling $h$ saves nothing.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels over epochs of a long training: root mean square of h, sparsity, and variance unexplained, for a penalty on h and one on f"}}
if loss:
    figure = evidence_loss.drift(evidence_loss.table(loss, "drift"))

# %% [markdown]
# *One λ for both losses: compare how each line moves, not where it lies. A line that still moves at its right end stands for a figure that depends on when training stopped.*

# %% tags=["hide-input"]
evidence.say(loss, evidence_loss.drift_sentences)

# %% [markdown]
# The same loss, λ, initial weights and order of frames, with another optimiser:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Sparsity, variance unexplained and root mean square of h of one loss at one lambda under three optimisers"}}
if loss:
    figure = evidence_loss.optimisers(evidence_loss.table(loss, "optimisers"))

# %% [markdown]
# *Marks far apart in one panel and codec are autoencoders of one λ. None of these runs has converged, so part of the
# spread is unfinished training: check whether the better reconstruction is also the sparser one.*
#
# ## Equal sparsity, other penalties
#
# λ means something else in each loss, so variants are compared as curves, never at equal λ. Encoder, decoder, data, steps and optimiser are the same.
#
# - **RMSNorm, λ Σ h**: the paper's.
# - **RMSNorm, λ Σ f**: the same features, penalised after normalisation.
# - **no RMSNorm, λ Σ h‖d‖**: the usual sparse autoencoder; weighting with the norms of the decoder's columns removes the way out
#   ([Conerly et al. 2024](https://transformer-circuits.pub/2024/april-update/index.html)).
# - **no RMSNorm, λ Σ h**: the usual one without that weighting; its decoder columns may grow, which is a way out of its own.
# - **TopK**: the k largest features are kept, without penalty ([Gao et al. 2024](https://arxiv.org/abs/2406.04093); without their auxiliary loss).

# %% tags=["hide-input"] mystnb={"image": {"alt": "Variance unexplained against the number of active features, one line a variant, one panel a codec"}}
if loss:
    sweep = evidence_loss.table(loss, "sweep")
    figure = evidence_loss.curves(sweep, "l0", "L0 (active features a frame)")

# %% [markdown]
# *One mark a λ or k, on held-out data; lower and further left is better. A variant without RMSNorm also tells the decoder how large a frame is, which $f$ does not:
# part of the gap between the two families is that.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Variance unexplained against the sparsity of features that are not dead, one line a variant, one panel a codec"}}
if loss:
    figure = evidence_loss.curves(sweep, "live_sparsity", "sparsity of live features (share of zeros)")

# %% [markdown]
# *The same without dead features.*

# %% tags=["hide-input"]
if loss:
    display(evidence_loss.equal_sparsity(loss))
evidence.say(loss, evidence_loss.equal_sparsity_sentences)

# %% [markdown]
# *FVU at equal sparsity, by linear interpolation between the marks; a dash where a curve does not reach.*
#
# ## How to read the paper's λ
#
# As a setting of one recipe: this optimiser, this learning rate, this many steps. Copy λ without the rest, and the sparsity may not follow;
# a λ from another paper means nothing here. Compare two autoencoders of this loss at equal sparsity, with both figures printed, and
# the rms of $h$ beside them. If λ is to set the sparsity, put the penalty on $f$, or fix the number of active features instead.
#
# ## How this was computed
#
# λ multiplies Σ h, summed over features; the squared error is summed over standardised dimensions; both are means over
# frames. The grid's steps between its ends are ours, since the paper names the ends alone. To keep every point affordable, autoencoders and probes learn from a random part of the training
# frames where frames do not repeat, with as many steps an epoch as all frames would take, and each probe has one penalty and few iterations.
# So compare points of this page with each other, not with section 3. All share one seed; section 2 shows how far seeds differ, and {doc}`the findings </findings>` count only larger differences.

# %% tags=["hide-input"]
evidence.say(grid, evidence_grid.settings)
evidence.say(loss, evidence_loss.settings)
