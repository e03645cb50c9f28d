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
# # 5. Generation: what is decided first?
#
# DiffRhythm makes music out of noise. It starts from random latents; 31 times, a transformer predicts in which direction to move them, and the VAE's
# decoder turns the result into sound. That makes 32 states from noise to music, and the classifiers of section 3 can read each of them.
# Paek et al. (2025, section 5) did so and found that pitch settles first (about step 21), then timbre (about step 25), and that loudness has
# not settled at the end.
#
# We repeat this on a small generator of DiffRhythm's design, which works on the latents of the embedded VAE and runs on a laptop. Then we ask what the
# paper leaves open: does that order come from the *model*, or from the way of *measuring*?
#
# ## The generator
#
# DiffRhythm (Ning et al. 2025) is a *rectified flow* (Liu et al. 2023), trained on straight paths
#
# $$x_t = (1 - t)\, x_0 + t\, x_1, \qquad \frac{dx}{dt} = x_1 - x_0$$
#
# between noise $x_0$ and music $x_1$. Its transformer sees a point $x_t$ and the time, and predicts the velocity. Many pieces of music could
# lie at the other end, and it predicts their mean, so the path that it then follows is bent. Following it from noise makes music that nobody wrote. The prompt
# is given to the transformer as a vector, and *guidance* (Ho and Salimans 2022) pushes each step further in that direction.
#
# | | DiffRhythm | ours |
# |---|---|---|
# | latents | DiffRhythm-VAE, 64 dimensions, 21.5 frames a second | the embedded VAE's, the same shape |
# | blocks | 16, 2048 wide, 32 heads | 5, 256 wide, 4 heads |
# | parameters | 1.1 billion | 5.7 million |
# | prompt | any text, through MuQ-MuLan (Zhu et al. 2025) | words of a small vocabulary |
# | other inputs | lyrics, sound to continue | – |
# | guidance scale $s$ | 4 | `strength`, below |
# | piece | 95 or 285 s | 10 s |
# | states from noise to music | 32 | 32 |
#
# Both run on the same code: velocity prediction, times from a logit-normal distribution (Esser et al. 2024), and Llama blocks with rotary
# positions behind one linear layer and a convolution over neighbouring frames. With the authors' weights it computes what theirs does ({doc}`/codecs`).
# The small one learned from more than six hours of training pieces of the embedded corpus, in clips of ten seconds, each described by its part,
# instrument, number of players, register, level and pace. One example in ten had no prompt, for guidance. The guidance scale was chosen on prompts of validation clips: with the one used here the
# instrument is recognised more often than without guidance; with DiffRhythm's no more often, at twice the distance from real music (`benchmarks/`). To run DiffRhythm itself: {doc}`/released`.

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
precision = "float32"  # of DiffRhythm's own layers, or float16
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
from audiosae.numbers import formatted
from audiosae.sections import generation
from audiosae.widgets import SoundSwitch, SoundTable

theme.style()
found = generation.run(  # reads what was computed with these parameters, or computes it
    name, generator, vae, tracker, texts, prompts, seconds, states, strength, batch, steered, steered_seconds, alpha, precision, seed, Path(".."))
curves, order = found.curves, found.figures["order"]

# %% [markdown]
# ## Prompts and music
#
# A prompt for the small generator is a list of words from this vocabulary, at most one of each kind. DiffRhythm itself takes any text.

# %% tags=["hide-input"]
display(pd.Series({kind: ", ".join(words) for kind, words in KINDS.items()}, name="words").to_frame().style.set_properties(
    **{"white-space": "normal", "text-align": "left"}).set_uuid("words").set_table_attributes('class="wide"'))

# %% [markdown]
# The prompts here describe the clips of test pieces, which no model was trained on. Each has its own noise, drawn from a seed, so the same seed gives the same music.
# Guidance is on: each step follows $v_c + s\,(v_c - v_u)$, which starts from the velocity $v_c$ that knows the prompt and moves away from the velocity $v_u$ that does not;
# the scale $s$ is in the cell above.

# %% tags=["hide-input"]
SoundTable(found.sounds / "examples")

# %% [markdown]
# ## First: how good is the generator?
#
# Its loss in training:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss of the generator on training and validation pieces over the steps of its training"}}
if generator == "embedded":
    figure = figures.training(pd.read_csv("../results/generation/training.csv"))

# %% [markdown]
# *The loss cannot reach 0: many pieces could lie at the end of a path that starts from noise. The two curves need not meet: validation uses evenly spaced times and whole clips,
# training mostly uses random times and excerpts.*
#
# We check three things. First, the Fréchet distance. We describe each second of latents by its mean and standard deviation, and compare the distribution of such seconds with that of
# training clips. The number means nothing alone, so real music of test pieces and pure noise stand beside it.

# %% tags=["hide-input"]
display(formatted(found.frechet.rename("Fréchet distance to training clips"), 1))

# %% [markdown]
# Second, the decoded sound: are pitch, loudness and brightness distributed over frames as they are in the test clips whose prompts we used?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three histograms: shares of frames by pitch, amplitude and timbre, generated against test clips"}}
figure = figures.spread(found.arrays)

# %% [markdown]
# *Share of frames in each class, for the first 32 generated pieces and for the test clips; pitch in frames where a pitch was found.*
# The table gives the distance between the two distributions: the mean number of bins by which frames would have to move (Wasserstein distance). Training clips show what is small.

# %% tags=["hide-input"]
display(formatted(found.spread, 2))

# %% [markdown]
# Third, the instrument: do we hear the one that the prompt asked for? The judge is a separate small classifier, a logistic regression on statistics of
# the log-mel spectrum, trained on training pieces, both originals and as the VAE decodes them. Test clips, whose instrument is known, show how good the judge is.

# %% tags=["hide-input"]
if found.instrument is not None:
    display(formatted(found.instrument))
else:
    print("This corpus does not name two instruments, so this check does not apply.")

# %% [markdown]
# ## Hear every state
#
# The slider runs from noise to music. You can hear each state as it is, noise included, or the generator's *estimate* of where it will
# end, $x_t + (1 - t)\,v_c$. All states share one gain, because loudness is one of the things to follow. The curves show the progress $S_t$ of this piece, which is defined below.

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "states")

# %% [markdown]
# ## Make a piece yourself
#
# *Load* fetches the small generator, and from then on this page computes: choose words, press *Generate*, and the states follow one another. *Play* lets you hear the newest as it comes. Nothing is sent anywhere.
#
# ```{live-generator}
# ```
#
# - **Change one word.** Tick *a second piece*: it starts as a copy of the first, with the same seed and so the same noise. Give it another instrument or register. From which state on do you hear the
#   difference, and where do the curves part?
# - **Change the seed alone.** What stays is in the words; what changes was in the noise.
# - **Hear what it expects.** At the first state that is a guess from noise and words alone: a blur of what the words allow. The classifiers then read the guess too.
# - **Ask for what it has never met**: drums, high, played by a piccolo.
#
# While states come in, a curve shows how far the classifiers' answers have moved since noise. Once the end is known, it becomes the share of the way, with the mean state of change, both defined below.
# One piece read by one set of classifiers decides nothing about the order. A seed gives the same piece again in this page, but another one in Python, whose random numbers differ.
#
# ## When does a property change?
#
# At each state, SAE and classifier turn latents into class probabilities; $p_t$ is their mean over the frames of a piece. The paper's progress is
#
# $$s_t = \frac{1}{K} \sum_k \frac{|p_t[k] - p_0[k]|}{|p_T[k] - p_0[k]|},$$
#
# 0 at noise and 1 at the end. A property has *settled* at the first state from which on $s_t$ stays near 1; we take within 0.1. This has two problems. The ratio explodes where a class hardly
# moves; we leave out classes that move by less than 0.001, and show the median over pieces, since one such class can still dominate a mean. And the answer depends on a threshold.
#
# Our main measure has neither problem. The *share of the way* compares the distance from the start with the distance to the end,
#
# $$S_t = \frac{d(p_t, p_0)}{d(p_t, p_0) + d(p_t, p_T)}, \qquad d(p, q) = \sum_k |p[k] - q[k]|, \qquad \text{area} = \sum_t (1 - S_t) = \sum_t t\,(S_t - S_{t-1}).$$
#
# It lies between 0 and 1 for every piece, and each class counts by how far it moves. The area above its curve is the **mean state of change**: the average of the states, weighted by how much changes at each.
# A jump at state 10 gives 10, steady change gives the middle. A smaller number means that the property is decided earlier.
#
# Training involves chance too. So autoencoders and classifiers trained from several seeds read the same generations. All intervals are 95 %, by bootstrap over prompts and seeds; all differences are paired.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of progress over the states of a generation, read on the noisy latents, one curve a property"}}
figure = figures.progress(curves[curves["path"] == NOISY], paper=states == flow.STATES)

# %% [markdown]
# *Read on the noisy latents, as in the paper. Left: the paper's measure, median over pieces and seeds; grey is the zone of “settled”, dotted lines show where the paper saw pitch (blue) and timbre (green)
# settle. Right: the share of the way; each dot marks the mean state of change.*
#
# The generator's estimate of the music is free of noise, like the latents that SAE and classifiers were trained on. Read there, the same generations give:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of progress over the states of a generation, read on the estimate of the music"}}
figure = figures.progress(curves[curves["path"] == ESTIMATE])

# %% [markdown]
# ## Why a threshold misleads
#
# The table takes the mean curves on the noisy latents and moves only the threshold. Where a curve runs flat near 1, a small change of the threshold moves the state of settling by many states, and the order with it.
# The area of the mean curve stands below; it equals the mean of the areas, which is not true of states of settling.

# %% tags=["hide-input"]
display(conclusions.thresholds(curves, NOISY))

# %% [markdown]
# ## Does the order come from the model?
#
# We compare with three controls. The **straight line** joins the same noise to the same final latents through states that no generator made: what changes early there does so because of
# the measure. The **line to another prompt's end** joins that noise to music that does not belong to it. **Untrained classifiers** have random weights and know nothing of pitch, loudness or timbre.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels, one a property: progress of the generation and of two straight lines"}}
figure = figures.paths(curves, {NOISY: "-", LINE: "--", OTHER_LINE: ":"}, {NOISY: "the generation"})

# %% [markdown]
# *Share of the way on the noisy latents (coloured) and on the two lines (grey). Where the curves coincide, reading noisy states tells nothing about the generator.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean state of change of each property, for each way of reading and each control, with intervals"}}
figure = figures.areas(order)

# %% [markdown]
# *Mean state of change. Compare the first row with the lines and with untrained classifiers: only a difference between them comes from the model.*
#
# The same in numbers, in states. The last rows give by how many states the generation is ahead of each control. Pitch also stands in 20 bins, because a
# property with 66 classes could differ from one with 20 for that reason alone.

# %% tags=["hide-input"]
display(conclusions.areas_table(order))

# %% [markdown]
# The order, pair by pair: by how many states the second property changes after the first. The last row subtracts the straight line's difference from the generation's.

# %% tags=["hide-input"]
display(conclusions.pairs_table(order))

# %% [markdown]
# ## What the classifiers see
#
# They were trained on clean latents, and have no answer for "none of these": what they say about noise is confident and means nothing.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps: probability of each class of pitch, amplitude and timbre over the states of the generation"}}
figure = figures.classes(found.arrays, NOISY)

# %% [markdown]
# *Mean probability of each class over states, on the noisy latents. The left edge shows what the classifiers take pure noise for; progress measures the distance from that mistake.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps of the same probabilities, read on the estimate of the music"}}
figure = figures.classes(found.arrays, ESTIMATE)

# %% [markdown]
# *The same on the estimate of the music. Its first state is the mean of all music that fits the prompt: the vaguest guess that the generator can make.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Entropy of the classifiers over states, on noisy latents and on the estimate"}}
figure = figures.entropy(curves, [NOISY, ESTIMATE])

# %% [markdown]
# *Entropy of the classifiers; solid on the noisy latents, dashed on the estimate. A classifier that recognised noise as no music would start near the maximum (log₂ of the number of classes: 6.0 bits for pitch,
# 4.3 for the others) and come down. Where a curve is flat instead, the classifier is as confident about noise as about music, and wrong.*
#
# ## Steering during generation
#
# If a property is decided early, we should be able to move it early and not late. The paper did not try. Here the control vector of section 4 moves the estimate of the music,
# in the first or in the last third of the steps only, and the velocity follows. A control needs neither SAE nor classifier: in the same third, we
# replace the *prompt* by one that asks for another register or level, or for drums.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Progress to the target, steered early or late, by control vector and by another prompt"}}
figure = figures.moved(found.moved)

# %% [markdown]
# *Progress to the target, measured on the decoded sound: 1 is arrival, negative is away from it. Left: the control vector, whose target is a low or a high class, whichever
# is further. Right: the other prompt, whose target is what that prompt gives from the same noise. Bars are 95 % over pieces.*
#
# The same in numbers, with *leakage*: how far the other two properties moved, in bins.

# %% tags=["hide-input"]
display(conclusions.steering_table(found.steering))

# %% [markdown]
# Hear both ways on one piece, early and late:

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "steered")

# %% [markdown]
# ## Conclusions
#
# These sentences are made from the figures of this run; all numbers are states with 95 % intervals over prompts and seeds.
#
# **On the noisy latents**, as in the paper:

# %% tags=["hide-input"]
display(Markdown("\n\n".join([conclusions.order(order, NOISY), conclusions.settled(found.figures["properties"])])))

# %% [markdown]
# **Against the straight line**, which no generator made:

# %% tags=["hide-input"]
display(Markdown("\n\n".join([conclusions.lead(order), conclusions.order(order, LINE), conclusions.beyond(order)])))

# %% [markdown]
# What the generator adds is its lead over the straight line and the order that is left beyond it. The rest of the curves shows how much noise remains at each state.
#
# **On the estimate**, which is free of noise:

# %% tags=["hide-input"]
display(Markdown(conclusions.order(order, ESTIMATE)))

# %% [markdown]
# The estimate follows $v_c$ alone, but the path to it is guided, so it keeps moving where guidance keeps pushing.
#
# **Steered during generation**, where the whole interval lies above 0:

# %% tags=["hide-input"]
display(Markdown(conclusions.steering(found.steering)))

# %% [markdown]
# Another prompt is the test that needs no classifier. What it moves early and not late is decided early, whatever a curve of progress says. The control vector is another kind of push. The generator can
# undo an early push in the steps that remain; a late push works like an edit of the finished latents, with the leakage in the table above.
#
# The generator is small, and the three checks above say how close its music is to real clips. DiffRhythm itself may behave differently. The controls need no other generator:
# the straight line and untrained classifiers belong beside any such curve.
