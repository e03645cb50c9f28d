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
# # What λ buys
#
# The paper's loss asks for a good copy and for small $h$:
#
# $$L = \sum_d (x_d - \hat{x}_d)^2 + \lambda \sum_j h_j, \qquad \hat{x} = W_{dec}\,\frac{h}{\mathrm{rms}(h)} + b_{dec}.$$
#
# The copy depends on $h / \mathrm{rms}(h)$, which does not change when $h$ is scaled. So the second term can be made as
# small as one likes while the first stays as it is. This page asks what that does in practice: whether the penalty can
# be escaped with the trained SAE of section 2, whether training does escape it, and whether another price on the same
# features gives a better copy at equal sparsity.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/loss"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_loss, theme

theme.style()
found = evidence.read(folder)
evidence.say(found, evidence_loss.settings)

# %% [markdown]
# Every squared error is a sum over standardised dimensions, every price a sum over features, both are means over frames,
# and one seed made all. Frames are saved, steps are not: an epoch has as many steps as over all training frames, because
# how far the loss drifts depends on the number of steps.
#
# ## The way out
#
# Take the SAE that section 2 trained and multiply the weights and the bias of its encoder by a constant $c$.

# %% tags=["hide-input"]
if found:
    display(evidence_loss.escape(found))

# %% [markdown]
# *Changes are shares of the largest value, in double precision, over the frames of test recordings. The price goes as $c$; copy and
# features stay. What little change there is comes from the constant $10^{-8}$ inside the root mean square, and grows as $h$
# comes near it.*
#
# So the loss has no minimum. For any SAE there is a cheaper one that does exactly the same, and the lower bound is that of
# $\lambda = 0$. What λ does it does on the way, through the steps that an optimiser happens to take.
#
# ## Drift
#
# If so, longer training at one λ should go on shrinking $h$. Beside the paper's loss stands one that prices $f$ instead,
# $\lambda \sum_j f_j$: the norm of $f$ is fixed, so scaling $h$ saves nothing.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels over epochs of a long training: root mean square of h, sparsity, and variance unexplained, for a penalty on h and one on f"}}
if found:
    figure = evidence_loss.drift(evidence_loss.table(found, "drift"))

# %% [markdown]
# *One λ, the same for both, so compare how each line moves, not where it lies. A line that is still moving at its right
# end belongs to a figure that depends on when training was stopped.*

# %% tags=["hide-input"]
evidence.say(found, evidence_loss.drift_sentences)

# %% [markdown]
# ## The optimiser
#
# The same loss, λ, first weights and order of frames; only the rule that takes the steps is another.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Sparsity, variance unexplained and root mean square of h of one loss at one lambda under three optimisers"}}
if found:
    figure = evidence_loss.optimisers(evidence_loss.table(found, "optimisers"))

# %% [markdown]
# *Marks that lie apart in one panel and codec are SAEs of one λ. None of these runs has ended at a minimum, so part of the
# spread is that of unfinished training: look whether the better copy is also the sparser one.*
#
# ## Equal sparsity, another price
#
# λ means something else in each loss, so the variants are compared as curves, never at equal λ. All have the same
# encoder, decoder, data, steps and optimiser.
#
# - **RMSNorm, λ Σ h**: the paper's.
# - **RMSNorm, λ Σ f**: the same features, priced after the normalisation.
# - **no RMSNorm, λ Σ h‖d‖**: the usual SAE, priced with the norms of the decoder's columns, so that making $h$ small and the
#   columns large saves nothing ([Conerly et al. 2024](https://transformer-circuits.pub/2024/april-update/index.html)).
# - **no RMSNorm, λ Σ h**: the usual SAE without that care; its columns may grow, which is a way out of its own.
# - **TopK**: the k largest features are kept and nothing is paid ([Gao et al. 2024](https://arxiv.org/abs/2406.04093); without their auxiliary loss).

# %% tags=["hide-input"] mystnb={"image": {"alt": "Variance unexplained against the number of active features, one line a variant, one panel a codec"}}
if found:
    sweep = evidence_loss.table(found, "sweep")
    figure = evidence_loss.curves(sweep, "l0", "L0 (active features a frame)")

# %% [markdown]
# *One mark a λ or k, on test recordings; lower and further left is better. At one width sparsity is 1 − L0 / features, so
# equal L0 is equal sparsity. A variant without RMSNorm also tells the decoder how large a frame is, which $f$ does not:
# part of a gap between the two families is that.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Variance unexplained against the sparsity of features that are not dead, one line a variant, one panel a codec"}}
if found:
    figure = evidence_loss.curves(sweep, "live_sparsity", "sparsity of live features (share of zeros)")

# %% [markdown]
# *The same, with dead features left out of the count. Where a line lies elsewhere than its sparsity would put it, part of its
# sparsity is features that never fire.*

# %% tags=["hide-input"]
if found:
    display(evidence_loss.equal_sparsity(found))
evidence.say(found, evidence_loss.equal_sparsity_sentences)

# %% [markdown]
# *FVU at equal sparsity, by linear interpolation between the marks; a dash where a curve does not reach.*
#
# ## How to read the paper's λ
#
# As a setting of one recipe: this optimiser, this learning rate, this many steps. A reader who copies λ without the rest need
# not get the sparsity that went with it, and a λ from another paper says nothing here. Comparisons of two SAEs of this
# loss are safe at equal sparsity, with both numbers printed, and the rms of $h$ beside them. Whoever wants λ to be a price
# has two cheap ways: put it on $f$, or leave λ out and fix the number of active features.
