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
# # 4. Steering: changing a property
#
# Row $k$ of a probe's $W$ is the direction in feature space in which class $k$ becomes
# more likely. So move that way, and listen (Paek et al. 2025, section 3.3):
#
# $$f' = \mathrm{RMSNorm}(f + \alpha\, w_k), \qquad \alpha \in \{1, 10, 20, 30\},$$
#
# then decode $f'$ with the SAE, and the result with the codec. The paper's claim: the chosen property moves with α, and
# the other two hardly do. We do not rely on the probe for that: each decoded sound is measured again, from the
# audio, exactly as the labels were.
#
# How far a given α pushes depends on the length of $w_k$. So we give strength as
# $r = \alpha \lVert w_k \rVert / \lVert f \rVert$: at $r = 1$ the push is as long as the features that it is added to.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
weights = "embedded"  # of the codec
tracker = "swift-f0"
alphas: list[float] = [20, 30]  # of the paper's, those that are measured
quantiles = [0.1, 0.9]  # low and high targets: quantiles of the training frames
clips = 8  # test clips with one voice
seconds = 2.0  # of each, from its beginning
seed = 0

# %% tags=["hide-input"]
from pathlib import Path

from IPython.display import Markdown, display

from audiosae.figures import steering as figures
from audiosae.figures import theme
from audiosae.sections import steering as section
from audiosae.widgets import SoundSwitch, SoundTable

theme.style()
found = section.run(codec, weights, tracker, alphas, quantiles, clips, seconds, seed, Path(".."))

# %% [markdown]
# ## Before anything is steered
#
# $r = 0$ is not the codec's own sound: what the SAE cannot
# reconstruct is lost. Compare, for one test clip of each part: the original; the codec's reconstruction; and
# the reconstruction through codec and SAE, where everything below starts.

# %% tags=["hide-input"]
SoundTable(found.sounds / "reconstructed")

# %% [markdown]
# ## Hear it
#
# Choose a clip, a property and a target, and move $r$. Below 0 the push points away from the target; the button switches to the original
# and back. The line *sound* tells whether this still is the clip. Sounds are matched in loudness; where amplitude itself is
# steered, the whole row shares one gain, so that you hear the change. Two clips and four strengths are recorded here; the
# {doc}`steering desk </desk>` computes all others.

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "steering")

# %% [markdown]
# Signal processing needs no latents, and sets the bar: a phase vocoder for pitch, a gain for amplitude, a tilt of the spectrum for timbre. Here it moves
# the codec's sound of the same clips to the same targets.

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "processed")

# %% [markdown]
# ## Is it still the clip?
#
# Push hard enough, and the decoder leaves the sounds that it was trained on. EnCodec then buzzes at 75 Hz, its frame rate, and a
# pitch tracker takes that for a very low note. A steered sound is *valid* if it is not silent, does not buzz at the frame rate,
# keeps a pitch if it had one, changes when the clip changes, and is encoded to about the latents that it was made from. The bounds
# are set so that another level, pitch or brightness passes, and another clip does not.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Share of steered sounds that still are the clip, against strength, for pitch, amplitude and timbre, with the paper's alpha marked"}}
told = figures.responses(codec, Path(".."), found.figures["properties"])
figure = figures.road_to_collapse({codec: told})

# %% [markdown]
# *Share of valid sounds. Strength 0 is valid by definition. The black crosses are the paper's α.*
#
# What the paper's α do here; a sound that is no longer the clip counts as no progress:

# %% tags=["hide-input"]
display(figures.alphas(told))

# %% [markdown]
# ## What moved
#
# Only valid sounds count as moved. The *slope* is the change towards the target per unit of $r$, from $-1$ to 1, in semitones, decibels,
# or octaves of spectral centroid. Targets are the classes at the 10 % and 90 % quantiles of the training frames; pitch targets avoid
# multiples of the frame rate. Any push moves something, so the baseline is random directions of the same strength, each
# with the sign that helps it.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Change of pitch, amplitude and timbre towards a low and a high target against strength, with a grey band for random directions"}}
figure = figures.dose_response({codec: told})

# %% [markdown]
# *Trimmed means with 95 % intervals. A good control is a straight line from lower left to upper right, well outside the grey band. Hollow
# marks: fewer than half of the sounds are valid.*

# %% tags=["hide-input"]
display(figures.table(told))
display(Markdown(figures.beyond_random(told)))

# %% [markdown]
# ## What moved with it
#
# *Leakage* is the absolute change of the other two properties, per unit of $r$ and per unit that the steered property moved. A
# dash: the property did not move towards its targets, so there is nothing to divide by. {doc}`Section 9 </sections/09_steering_methods>` compares with simpler methods.

# %% tags=["hide-input"]
display(figures.leakage(told))
