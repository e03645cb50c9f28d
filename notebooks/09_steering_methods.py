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
# # 9. Steering: controls and simpler methods
#
# Section 4 steers as the paper does: it adds a row of a probe to the features and measures the sound again. Does the property move
# because the probe points there, or would any push do? Would another training give the same? And does a simpler method do as well?
#
# Strength is $r = \alpha \lVert w \rVert / \lVert f \rVert$, the length of the push relative to what it is added to. Only valid sounds count
# as moved (section 4). Intervals are of 95 %, from a bootstrap over clips and, where there are several, trainings.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence"

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown, display

from audiosae.figures import evidence, evidence_steering, steering, theme

theme.style()
found = evidence.read(f"{folder}/steering")

# %% [markdown]
# ## Five trainings against random directions
#
# The autoencoder and its probes were trained from several seeds. Each steers the same clips towards a low and a high target, and along a random
# direction of its own.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Change towards a low and a high target against strength with a grey band for random directions, one panel a codec and property"}}
responses = evidence_steering.responses(found)
if found:
    figure = steering.dose_response(responses)

# %% [markdown]
# *Trimmed means over clips and trainings. Grey: what random directions do, each turned the way that helps it. Hollow marks: fewer than half of the sounds are valid.*

# %% tags=["hide-input"]
for codec, told in responses.items():
    evidence.show([f"{theme.title(codec)}: {steering.beyond_random(told)}"])
    display(steering.table(told))

# %% [markdown]
# ## Until the sound collapses
#
# A push as long as the features themselves is already strong. The paper's α are stronger still; how much depends on the training.
# In the table a sound that is no longer the clip counts as no progress.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Share of steered sounds that still are the clip against strength, with the paper's alpha marked, one panel a codec and property"}}
if found:
    figure = steering.road_to_collapse(responses)

# %% tags=["hide-input"]
if found:
    display(pd.concat({theme.title(codec): steering.alphas(told) for codec, told in responses.items()}, names=["codec"]))

# %% [markdown]
# ## Simpler methods
#
# | method | what is done | strength 0 is |
# |---|---|---|
# | the paper's step | $D(\mathrm{RMSNorm}(f + \alpha w_k))$, with $D$ the SAE's decoder | the SAE's reconstruction |
# | with ReLU | $D(\mathrm{RMSNorm}(\mathrm{ReLU}(f + \alpha w_k)))$: no negative features, which no encoder makes | the SAE's reconstruction |
# | change alone | $x + D(f') - D(f)$: what the SAE cannot reconstruct stays | the codec's sound |
# | difference of means, features | the paper's step with the mean of the target class's frames, less the mean of all, in place of $w_k$ | the SAE's reconstruction |
# | probe, latents | the same kind of probe fitted on standardised latents; its row is added there, without any SAE | the codec's sound |
# | difference of means, latents | likewise with means | the codec's sound |
# | signal processing | pitch: a phase vocoder; amplitude: a gain; timbre: a tilt of the spectrum at constant level | the codec's sound |
#
# One unit of strength means something else for each method, and for signal processing it is the whole way to the target. {doc}`Section 4 </sections/04_steering>`
# plays it. So methods are compared at equal effect: how much the other properties change for each unit that the steered one moves, on the same clips, with the first training.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Change of the other properties for each unit that the steered one moved, for seven methods, one panel a codec and property"}}
if found:
    figure = evidence_steering.leakage_per_unit(found)

# %% [markdown]
# *Further left is better. A method without a mark did not move its property towards its targets; a stroke without an interval hardly did. Signal processing, which
# knows the sound exactly, shows what clean control looks like: a gain changes amplitude and nothing else.*

# %% tags=["hide-input"]
evidence.say(found, evidence_steering.comparisons)

# %% [markdown]
# Is there a property and a codec for which the paper's method moves a valid sound further than a random direction, and leaks less than a difference of means
# of the same features? *Leaks less*: less of one of the other properties and not more of the other, in 95 % of the resamples.

# %% tags=["hide-input"]
if found:
    display(Markdown(evidence_steering.answer(found)))

# %% [markdown]
# ## A k-sparse autoencoder
#
# The paper's features are dense. Does steering work better on an autoencoder with few active features a frame? It does not normalise them, so nothing is
# normalised after the push.

# %% tags=["hide-input"]
if found:
    display(evidence_steering.kinds(found))

# %% [markdown]
# ## In time
#
# A control should also work for a single note. Here only the latents of the middle third are steered, where the sound
# that is steered throughout is valid. Any change outside is leakage in time: from the decoder, whose output at one moment depends on latents around it, or from the
# measurement, whose windows are about 50 ms long. The *splice* has only the second: the middle third of the sound, cut from the clip steered throughout.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean change of a property towards its target over time, with the middle third steered, one panel a codec and property"}}
if found:
    figure = evidence_steering.courses(found)

# %% [markdown]
# *Change relative to the clip without steering, towards the further target, mean over clips. Grey: where latents are steered. Where a solid line leaves its
# dotted one, the decoder carries the change beyond the steered frames, or takes time to show it. The splice has a click of its own at each edge.*

# %% tags=["hide-input"]
if found:
    display(evidence_steering.in_time(found))
evidence.say(found, evidence_steering.confinement)

# %% [markdown]
# *Mean change in each third, with 95 % intervals over clips.*

# %% [markdown]
# ## What to keep in mind
#
# - **Validity is measured, not heard.** The bounds find sounds that have fallen apart; a listener would find more.
# - **Few clips.** All test clips with one voice: intervals are wide.
# - **One direction a clip.** All vectors are constant over a clip, whatever it plays. A method that follows the music could do better, with features or without.
# - **Signal processing has more information.** It measures the sound first and knows the distance. The vectors only know the direction.
#
# ## How this was computed

# %% tags=["hide-input"]
evidence.say(found, evidence_steering.settings)
