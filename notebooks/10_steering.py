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
# # Steering, examined
#
# Section 4 steers as the paper does: it adds a row of a probe to the features, and measures the sound again. Does the property move
# because features are a good place to steer from, or would any push in that direction do? Here the paper's step meets two variants of
# its own and four plainer methods.
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
# The strength of a vector is its length relative to what it is added to, $r = \alpha \lVert w \rVert / \lVert f \rVert$. Features and standardised
# latents are not measured by one yardstick, and signal processing has none: it is told how far to go, and its strength is the share of that move.
# So the question is never how much a method does at a given strength, but what else it does when it has done the same.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/steering"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_steering, theme

theme.style()
found = evidence.read(folder)
evidence.say(found, evidence_steering.settings)

# %% [markdown]
# ## What moves, and what moves along
#
# *On target* and *leakage* are section 4's: the share of the distance to the target that is closed, and the mean change of the two other
# properties in their bins. A sound that has lost its pitch has closed nothing, and its leakage is that of what can still be measured.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Curves of leakage against on-target share for seven methods of steering, one panel a codec and property"}}
figure = evidence_steering.trade_off(found)

# %% [markdown]
# *Each curve starts at the origin, and its marks grow with strength. Right is good, low is good: the best method hugs the lower
# edge. A curve that turns back has overshot the target, or lost the pitch. The faint lines are 95 % intervals over clips; the dotted line is half of the way.
# The scale of leakage is linear up to one bin and logarithmic above.*
#
# Signal processing with exact knowledge of the sound is a strict yardstick where the property is a plain quantity of the wave: a gain changes
# amplitude and nothing else. It shows what clean control looks like. For timbre it is weak by design, a filter of first order.

# %% [markdown]
# ## What it costs
#
# | measure | what it says | what it cannot say |
# |---|---|---|
# | log-mel distance | how far the spectrum lies from that at strength 0, both at one loudness | whether the change was wanted: a perfect change of pitch is far away too |
# | round trip | how far the steered latents lie from what the codec makes of their own sound, over the same for unsteered latents | whether latents that the codec knows sound good |
# | pitch lost | share of sounds without a pitch | what was lost before steering, which it counts too; whether the pitch was any good |
#
# None of them is a listener. They find sounds that have fallen apart, not those that are merely worse.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Log-mel distance, round trip and pitch lost against strength for the methods of steering, one row a codec"}}
figure = evidence_steering.quality(found)

# %% [markdown]
# *Means over the three properties. The dotted line is the SAE's reconstruction with nothing steered, against the codec's own sound: methods that start from it have paid
# that before they begin, and their log-mel distance does not count it again. Signal processing has no latents of its own to send round.*

# %% [markdown]
# ## At equal effect
#
# Where a method first closes half of the distance, by straight lines between the strengths that were tried: how strong it has to be, how much
# leaks, and how far the spectrum has gone. A dash means that it never gets there. An interval is given where nearly all resamples of the clips get there.

# %% tags=["hide-input"]
table = evidence_steering.equal_effect(found, "at_half")
for codec in found:
    display(table.loc[[codec]])

# %% [markdown]
# Does any way through the SAE's features beat the plainer methods? A variant *leaks less* if the 95 % interval of the difference, taken clip by clip, lies under
# 0. Where no variant gets half of the way, a quarter is looked at.

# %% tags=["hide-input"]
evidence.say(found, evidence_steering.comparisons)
print()
print(*evidence_steering.pairings(found), sep="\n")

# %% [markdown]
# ## In time
#
# A control is of little use if it cannot be turned on for one note. The latents of the middle third are steered and the others left alone. Any
# change outside is leakage in time: the decoder's, whose output at one moment depends on latents around it, or the measurement's, whose windows are about
# 50 ms long. The *splice* has the second alone: the middle third of the sound, cut from the clip steered throughout.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean change of a property towards its target over time, with the middle third steered, one panel a codec and property"}}
figure = evidence_steering.courses(found)

# %% [markdown]
# *Change against the same clip without steering, in bins towards the further target, mean over clips. Grey: where the latents are steered. Where a solid line leaves its dotted
# one, the decoder carries the change beyond the frames that were steered, or needs a run-up to show it. The splice has a click of its own at each edge, which timbre shows.*

# %% tags=["hide-input"]
display(evidence_steering.in_time(found))
evidence.say(found, evidence_steering.confinement)

# %% [markdown]
# *Mean change in each third, with 95 % intervals over clips. Appears: the first frame with a tenth of the change, counted from the edge (negative: before it), and the frames
# from there to nine tenths. Vanishes: the same, looking back from the clip's end, so that a negative number is how many frames the change outlives the steering. A dash:
# no change towards the target, or none that settles near the edge.*

# %% [markdown]
# ## What to make of it
#
# - **The paper's claim** is that the chosen property moves with α while the others hardly do. The curves above show where that holds, and at which price.
# - **Few clips.** Those of one voice, low and high targets together: intervals are wide, and a bootstrap over so few clips makes them too narrow rather than too wide.
# - **One frame at a time.** All vectors here are constant over a clip, whatever it plays. A method that follows the music could do better, with features or without.
# - **Signal processing knows the way.** It measures the sound first and is told the distance. The vectors are only told the direction.
