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
# # More to ask of a frame
#
# The paper asks features about three properties: pitch, loudness, and timbre as the spectral centroid. Timbre is more than a centroid, and
# music is more than these three. Which other properties stand plainly in the latents, so that a linear classifier can read them off
# one frame?
#
# The table of properties grows by one entry each. All of them go the paper's way (section 3): measured on the sound, turned into
# classes, probed on training recordings, scored on test recordings.
#
# | property | how it is measured | classes |
# |---|---|---|
# | pitch, amplitude, timbre | as in section 3 | as in section 3 |
# | chroma | the tracked pitch without its octave, single voices | 12 |
# | strongest chroma | the pitch class with the most power, chords too, no drums | 12 |
# | instrument family | who plays, from the corpus, single voices | families heard in training and test |
# | spectral flatness | geometric over arithmetic mean of the power spectrum, in dB: noise or tone? | 20 of equal width |
# | onset strength | mean rise of the mel bands within 1/75 s, in dB | 20 of equal ratio |
# | spectral rolloff | the frequency under which 85 % of the magnitudes lie, in Hz | 20 of equal width |
# | zero crossings | how often the wave changes sign, 1/s | 20 of equal width |
#
# Bins run from the smallest to the largest value in training frames. Most rises are tiny, so onset strength has bins of equal ratio, from 0.1 dB; in bins of
# equal width nearly all frames would share one. Chroma comes from the tracker: in windows as short as ours a chromagram cannot tell low notes
# apart. Frames under −60 dBFS are not asked about their spectrum.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/richer"

# %% tags=["hide-input"]
from IPython.display import display

from audiosae.figures import evidence, evidence_richer, theme

theme.style()
found = evidence.read(folder)
evidence.say(found, evidence_richer.settings)

# %% [markdown]
# ## What is linearly there
#
# Accuracies of properties with 6, 12, 20 and 66 classes do not compare, and a property whose frames nearly all share a class is
# named rightly by saying that class. So the figure shows *skill*, the share of what is left over by always saying the commonest training class
# that the probe gets right:
#
# $$\mathrm{skill} = \frac{\mathrm{accuracy} - \mathrm{majority}}{1 - \mathrm{majority}}.$$
#
# A property counts as **linearly there** if the whole 95 % interval of the skill of SAE features lies above 0. The interval resamples
# recordings, accuracy and majority together.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Skill of linear probes with intervals, by property and codec, for SAE features, raw latents and an untrained SAE; properties sorted by the skill of SAE features"}}
if found:
    figure = evidence_richer.skills(found)

# %% [markdown]
# *Skill on test frames, with 95 % intervals over recordings, the plainest property at the top. Filled marks: the interval lies above 0. Hollow marks: no
# better than the commonest class, as far as these recordings can tell. The nearer the three marks of a row, the less it matters whether the
# probe reads trained features, untrained ones or the latents themselves.*

# %% tags=["hide-input"]
if found:
    print(*evidence_richer.linearly_there(found), sep="\n")

# %% [markdown]
# The accuracies behind it, for SAE features. For properties with an order, *within one bin* also counts the neighbouring bins.

# %% tags=["hide-input"]
if found:
    display(evidence_richer.accuracies(found).round(3))

# %% [markdown]
# ## Do features tell more than latents?
#
# The difference of accuracy, frame by frame, with its interval over recordings: both probes meet the same ones. It counts where the interval leaves out 0.

# %% tags=["hide-input"]
if found:
    print(*evidence_richer.gains(found), sep="\n")

# %% [markdown]
# ## Who plays, clip by clip
#
# The family of an instrument does not change from frame to frame, so the frames of a clip can vote.

# %% tags=["hide-input"]
evidence.say(found, evidence_richer.votes)

# %% [markdown]
# ## What to make of it
#
# The paper has no figures for these properties; beside its three, everything here is an extension.
#
# - **Not linearly there is not the same as not there.** A probe that bends could find more, and so could one that sees several frames. Onset strength is
#   the clearest case: it compares two moments, and a frame is one.
# - **Properties share evidence.** Rolloff and zero crossings follow the centroid, and the family of an instrument goes with its register. A probe that
#   knows the pitch has a start on who plays.
# - **Families are those of one SoundFont.** Test pieces are new, the players are not: the same samples sound in training. Few test clips are left for some
#   families, and voices are the commonest; hence the wide intervals.
# - **Bins of equal width follow the extremes.** One bright frame stretches the bins of all. Pitch, amplitude and timbre have the same bins for every codec. Those of the
#   other properties span each codec's own training frames, which for the codec with fewer frames a second are fewer moments of the same clips.
# - **Many properties, many chances.** With this many intervals at 95 %, one on the wrong side of 0 would be no surprise.
