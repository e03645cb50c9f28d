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
# # What a music generator decides first
#
# DiffRhythm makes music out of noise. It begins with latents that are drawn at random, and a transformer says, 31 times, in
# which direction to move them; after the last step the VAE's decoder turns them into sound. Between noise and music there
# are 32 states, and each can be read with the classifiers of section 3. Paek et al. (2025, section 5) did so, and found that
# pitch settles first (about step 21), timbre next (about step 25), and that loudness has not settled at the end.
#
# Here it happens on a small generator of DiffRhythm's design, which works on the latents of the embedded VAE and runs on
# a laptop. You can listen on the way. Then comes the question that the paper leaves open: does that order come from
# the *model*, or from the way of *measuring*?

# %% tags=["parameters", "hide-input"]
name = "small-diffrhythm"  # of the results
generator = "embedded"  # or the path of DiffRhythm's cfm_model.pt
vae = "embedded"  # weights of the VAE that decodes
tracker = "swift-f0"
texts = ""  # a file with one prompt a line; empty for the prompts that the test clips answer
prompts = 64  # how many are generated
seconds = 5.0  # of music each, as long as the clips of the corpus
states = 32  # noise and music among them
strength = 1.5  # of the guidance: the guidance scale, 4 for DiffRhythm itself
batch = 8  # prompts at a time
steered = 8  # prompts that are steered on the way …
steered_seconds = 2.0  # … in pieces of this length
alpha = 5.0  # strength of the control vector
seed = 0

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import Markdown, display

from audiosae.figures import generation as figures
from audiosae.figures import theme
from audiosae.generation import conclusions, flow
from audiosae.generation.prompts import KINDS
from audiosae.generation.trajectory import ESTIMATE, LINE, NOISY, OTHER_LINE
from audiosae.sections import generation
from audiosae.widgets import SoundSwitch, SoundTable

theme.style()
found = generation.run(  # reads what was computed with these parameters, or computes it
    name, generator, vae, tracker, texts, prompts, seconds, states, strength, batch, steered, steered_seconds, alpha, seed, Path(".."))
curves, settled, tests = found.curves, found.settled, found.tests

# %% [markdown]
# ## Prompts, and what they give
#
# A prompt of the small generator is a list of words from this vocabulary, at most one of each kind; DiffRhythm itself takes any text.

# %% tags=["hide-input"]
display(pd.Series({kind: ", ".join(words) for kind, words in KINDS.items()}, name="words").to_frame().style.set_properties(
    **{"white-space": "normal", "text-align": "left"}).set_uuid("words").set_table_attributes('class="wide"'))

# %% [markdown]
# The prompts used here describe the clips of test pieces, which no model was trained on. Each has a noise of its own,
# from a seed, so the same seed gives the same music. Guidance is on: each step goes $v_c + s\,(v_c - v_u)$, beyond the velocity $v_c$ that knows
# the prompt, away from the velocity $v_u$ that does not, with the strength $s$ of the cell above. DiffRhythm's 4 pushes the small one too far ({doc}`../../generator`).

# %% tags=["hide-input"]
SoundTable(found.sounds / "examples")

# %% [markdown]
# ## Is it music?
#
# A finding about a generator is worth as much as the generator. How the small one was trained, says {doc}`../../generator`; its loss:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss of the generator on training and validation pieces over the steps of its training"}}
if generator == "embedded":
    figure = figures.training(pd.read_csv("../results/generation/training.csv"))

# %% [markdown]
# *It cannot reach 0: which of all possible pieces lies at the end of a path is not known at its noisy beginning. The two curves need not meet: validation is at evenly
# spread times on whole clips, training at drawn times, on excerpts for most of the way.*
#
# Three checks. First, a Fréchet distance: latents of each second
# are summed up by mean and deviation, and the clouds of such seconds compared with those of training clips. The number means nothing
# alone, so real music of test pieces and pure noise stand beside it.

# %% tags=["hide-input"]
display(found.frechet.rename("Fréchet distance to training clips").to_frame().round(1))

# %% [markdown]
# Second, the decoded sound: are pitch, loudness and brightness spread over frames as they are in the test clips, whose prompts these were?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three histograms: shares of frames by pitch, amplitude and timbre, generated against test clips"}}
figure = figures.spread(found.arrays)

# %% [markdown]
# *Shares of frames in each class, of the first 32 generated pieces and of the test clips. The two should have the same shape; pitch in frames where
# a pitch was found.* How far apart they are, as the mean number of bins by which frames would have to move (Wasserstein's distance), with training clips beside it:

# %% tags=["hide-input"]
display(found.spread.round(2))

# %% [markdown]
# Third, the instrument: is the one heard that the prompt asked for? The judge is a small classifier of its own, a logistic regression on statistics of
# the log-mel spectrum, trained on training pieces as they are and as the VAE decodes them. How good it is, say test clips, whose instrument is known.

# %% tags=["hide-input"]
if found.instrument is not None:
    display(found.instrument.round(3))
else:
    print("This corpus does not name two instruments, so none can be heard rightly or wrongly.")

# %% [markdown]
# ## Hear every state
#
# The slider runs from noise to music. A state can be heard as it is, noise and all, or as the generator's *estimate* of where it will
# end, $x_t + (1 - t)\,v_c$. One gain is shared by all states, because loudness is one of the things to follow. The curves are this very piece's: how far the classifiers
# have gone from what they say of noise to what they say of the end, by the ratio of sums that is explained below.

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "states")

# %% [markdown]
# ## When a property settles
#
# At each state, latents go through SAE and classifier; $p_t$ is the mean of the class probabilities over the frames of one
# piece. The paper's progress is the mean over classes
#
# $$s_t = \frac{1}{K} \sum_k \frac{|p_t[k] - p_0[k]|}{|p_T[k] - p_0[k]|},$$
#
# 0 at noise and 1 at the end. It explodes where a class hardly moves, so classes that move by less than 0.001 are left out; and it
# is not bounded by 1. Two sturdier measures stand beside it: the *ratio of sums*, in which every class counts by how far it goes,
# and the *projection* on the way from first to last state, for which moves the wrong way count against. A property has *settled* at the first state from
# which on progress stays within 0.1 of 1.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of progress over the states of a generation, read on the noisy latents, one curve a property"}}
figure = figures.progress(curves[curves["path"] == NOISY], ["s", "ratio of sums", "projection"], paper=states == flow.STATES)

# %% [markdown]
# *Read as in the paper, on the noisy latents. Bands are 95 % over prompts; grey is the zone of “settled”; dotted lines are where the paper
# saw pitch (blue) and timbre (green) settle, while loudness had not.*
#
# The same on the generator's estimate of the music, which is free of noise, as the latents are that SAE and classifiers were trained on:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of progress over the states of a generation, read on the estimate of the music"}}
figure = figures.progress(curves[curves["path"] == ESTIMATE], ["s", "ratio of sums", "projection"])

# %% [markdown]
# *As above, read on the estimate.*
#
# ## Does the order come from the model?
#
# Three controls. The **straight line** from the same noise to the same final latents passes states that no generator ever made: what
# settles there, settles because of the measure. The line to **another prompt's end** is the same with music that does not belong to that noise. And **classifiers that were
# never trained** know nothing of pitch, loudness or timbre: what settles for them is no property at all.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels, one a property: progress of the generation and of two straight lines"}}
figure = figures.paths(curves, "ratio of sums", {NOISY: "-", LINE: "--", OTHER_LINE: ":"}, {NOISY: "the generation"})

# %% [markdown]
# *Ratio of sums on the noisy latents, coloured, and on the two lines, grey. Where the curves lie on each other, the reading of noisy states says nothing about
# the generator.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "The state at which each property settles, for each way of reading and each control, with intervals"}}
figure = figures.settled(settled[settled["measure"] == "ratio of sums"])

# %% [markdown]
# *When each property settles by the ratio of sums, with 95 % intervals over prompts; hollow: not before the last state. The generation's own row is to be compared
# with the rows of the lines below it: only a difference between them is the model's doing.*
#
# All measures, with pitch once more in 20 bins, since a property with 66 classes might settle otherwise than one with 20 for that reason alone:

# %% tags=["hide-input"]
display(conclusions.settled_table(settled[~settled["reading"].str.contains("untrained")]))

# %% [markdown]
# Prompt by prompt: by how many states the second property settles after the first (mean and 95 % interval; p by Wilcoxon's test with Holm's correction); and, in the
# last rows, by how many states the generation settles before its own straight line.

# %% tags=["hide-input"]
display(conclusions.tests_table(tests))

# %% [markdown]
# ## What the classifiers see
#
# They were trained on clean latents, and nothing obliges them to be unsure of noise.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps: probability of each class of pitch, amplitude and timbre over the states of the generation"}}
figure = figures.classes(found.arrays, NOISY)

# %% [markdown]
# *Mean probability of each class over states, on the noisy latents. At the left stands what the classifiers take pure noise for; progress is counted as the move
# away from that mistake.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps of the same probabilities, read on the estimate of the music"}}
figure = figures.classes(found.arrays, ESTIMATE)

# %% [markdown]
# *The same on the estimate of the music. Its first state is the mean of all music that answers to the prompt: the widest guess the generator can make.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Entropy of the classifiers and share of frames that already have their final class, over states, for both readings"}}
figure = figures.readings(curves, ["entropy", "agreement"], [NOISY, ESTIMATE])

# %% [markdown]
# *Entropy of the classifiers, and the share of frames whose likeliest class is already the final one; solid on the noisy latents, dashed on the estimate. A classifier that knew that noise is
# no music would begin near the most that is possible (log₂ of the number of classes: 6.0 bits for pitch, 4.3 for the others) and come down. Where a curve is flat instead, noise is read with the
# same confidence as music, and read wrongly.*
#
# ## Steering while it is being made
#
# If a property is decided early, it should be possible to move it early and not late. The paper did not try. Here the estimate of the music is moved by
# the control vector of section 4, in the first or in the last third of the steps only, and the move is carried back into the velocity. As a control that needs
# neither SAE nor classifier, the *prompt* is exchanged in the same third for one that asks for another register or level, or for drums.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Share of the way to the target that was gone, steered early or late, by control vector and by another prompt"}}
figure = figures.moved(found.moved)

# %% [markdown]
# *Share of the way to the target that was gone, measured on the decoded sound: 1 is arrival, negative is away from it. Left the control vector, whose target is a low or a high class, whichever
# is further; right the exchanged prompt, whose target is what that prompt gives from the same noise. Bars are 95 % over prompts.*

# %% tags=["hide-input"]
display(conclusions.steering_table(found.steering))

# %% [markdown]
# *Leakage* is how far the other two properties moved, in bins. The two ways on one piece, early and late:

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "steered")

# %% [markdown]
# ## What to make of it
#
# The lists here are made from the figures of this very run: states, with 95 % intervals over prompts.
#
# **Read on the noisy latents**, as in the paper:

# %% tags=["hide-input"]
display(Markdown(f"{conclusions.order(settled, NOISY)}\n\n{conclusions.pairs(tests, NOISY)} {conclusions.lead(tests)}"))

# %% [markdown]
# An order is worth its name if it does not hang on the measure, and holds prompt by prompt. What the generator adds is its lead over the straight line; the rest of such a
# curve shows how much noise is left. By how many states a property settles elsewhere on paths that no generator made, and for classifiers that know nothing:

# %% tags=["hide-input"]
display(Markdown(conclusions.distances(settled, NOISY, [LINE, OTHER_LINE, f"{NOISY}, untrained classifiers"])))

# %% [markdown]
# **Read on the estimate**, which is free of noise:

# %% tags=["hide-input"]
display(Markdown(f"{conclusions.order(settled, ESTIMATE)}\n\n{conclusions.pairs(tests, ESTIMATE)}"))

# %% [markdown]
# The mean over prompts can settle where single pieces do not: what overshoots in one is short in another. That is why the two questions, of the mean curve and prompt by prompt, may be
# answered differently. And guidance is not in the estimate, which follows $v_c$ alone, but it is in the path: what guidance moves goes on moving there.
#
# **Steered on the way**, share of the way to the target that was gone:

# %% tags=["hide-input"]
display(Markdown(conclusions.steering(found.steering)))

# %% [markdown]
# Another prompt is the test that needs no classifier. What it moves early and not late is decided early, whatever a curve of progress says: a curve that has not settled is no sign that
# the matter is open. The control vector is another kind of push. What it does early the generator may take back in the steps that are left; what it does late has few steps left
# to be taken back in, and works as an edit of the finished latents would. Its leakage stands in the table above.
#
# The generator is small; how near its music is to real clips, the three checks above say. DiffRhythm itself may do otherwise. The controls need no other
# generator to be run: the straight line and the untrained classifiers belong beside any such curve.
