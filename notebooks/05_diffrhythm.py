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
strength = 4.0  # of the guidance
batch = 8  # prompts at a time
steered = 8  # prompts that are steered on the way …
steered_seconds = 2.0  # … in pieces of this length
alpha = 5.0  # strength of the control vector
seed = 0
sounds = ""  # folder for the book's sound files; empty for live widgets in JupyterLab

# %% tags=["hide-input"]
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown, display
from tqdm.auto import tqdm

from audiosae import codecs, corpus, determinism, frames, generation, labels, listening, probes, results, steering
from audiosae import figures as look
from audiosae.generation import conclusions, figures, flow, judging, order, reading, settling
from audiosae.generation import prompts as vocabulary
from audiosae.generation import steered as on_the_way
from audiosae.sae import SparseAutoencoder
from audiosae.widgets import Sound, SoundSwitch, SoundTable

look.style()
device = determinism.prepare(seed)
model = codecs.load("diffrhythm-vae", vae).to(device)
made = generation.load(generator, vae).to(device)
table = frames.load("../data/frames/diffrhythm-vae.arrow")
sae = SparseAutoencoder.load("../checkpoints/sae/diffrhythm-vae.safetensors").to(device)
trained = {prop: probes.Probe(probe.weight.to(device), probe.bias.to(device), probe.penalty)
           for prop, probe in probes.load("../checkpoints/probes/diffrhythm-vae.safetensors").items()}
manifest = corpus.load("../data/corpus")


def hear(latents):
    """Decode music, and measure it as the clips were measured."""
    waves = [steering.render(model, one) for one in tqdm(latents, desc="decoding", unit="piece")]
    return waves, [steering.listen(wave, model.sample_rate, tracker, model.frame_rate) for wave in waves]


# %% [markdown]
# ## Prompts, and what they give
#
# A prompt of the small generator is a list of words from this vocabulary, at most one of each kind; DiffRhythm itself takes any text.

# %% tags=["hide-input"]
display(pd.Series({kind: ", ".join(words) for kind, words in vocabulary.KINDS.items()}, name="words").to_frame().style.set_properties(
    **{"white-space": "normal", "text-align": "left"}).set_uuid("words").set_table_attributes('class="wide"'))

# %% [markdown]
# The prompts used here describe the clips of test pieces, which no model was trained on. Each has a noise of its own,
# from a seed, so the same seed gives the same music. Guidance is on: each step goes $v_c + 4\,(v_c - v_u)$, beyond the
# velocity $v_c$ that knows the prompt, away from the velocity $v_u$ that does not.

# %% tags=["hide-input"]
if texts:
    asked = [line.strip() for line in Path(texts).read_text(encoding="utf-8").splitlines() if line.strip()]
else:
    asked = vocabulary.of_corpus(manifest[manifest["split"] == "test"], corpus.load_notes("../data/corpus"))
    asked = [asked[number] for number in np.random.default_rng(seed).permutation(len(asked))]
windows = {when: window for when, window in on_the_way.thirds(states).items() if when != "middle"}
asked = [asked[number % len(asked)] for number in range(prompts)]
seeds = [seed + 1 + number for number in range(prompts)]
length = int(np.ceil(seconds * model.frame_rate))
classifiers = {"trained": trained, "untrained": {prop: reading.untrained(probe, seed) for prop, probe in trained.items()}}
music = reading.generate(made, asked, seeds, sae, classifiers, length, states, strength, batch)

# %% tags=["hide-input"]
decoded = [steering.render(model, latents) for latents in tqdm(music.final[:32], desc="decoding", unit="piece")]
shown = list(dict.fromkeys(asked[: len(decoded)]))[:8]
waves = listening.match_loudness([decoded[asked.index(prompt)] for prompt in shown], model.sample_rate)
SoundTable({prompt: {"generated": Sound(wave, model.sample_rate)} for prompt, wave in zip(shown, waves)},
           Path(sounds) / "examples" if sounds else None, "The first generated piece for each prompt, matched in loudness.")

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
second = round(model.frame_rate)
final = music.final.cpu().numpy()
noise = made.noise(seeds, length).cpu().numpy()
sets = {"test clips": judging.clips(table, "test"), "generated": final, "noise": noise}
frechet = judging.distances(sets, judging.clips(table, "train"), second, seed)
display(pd.Series(frechet, name="Fréchet distance to training clips").to_frame().round(1))

# %% [markdown]
# Second, the decoded sound: are pitch, loudness and brightness spread over frames as they are in the test clips, whose prompts these were?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three histograms: shares of frames by pitch, amplitude and timbre, generated against test clips"}}
heard = judging.classes(decoded, model.sample_rate, tracker, model.frame_rate, table.edges)
real = table.table[table.rows("test")][list(labels.PROPERTIES)]
other = table.table[table.rows("train")][list(labels.PROPERTIES)]
spread = {"generated": judging.spread(heard, real, table.edges), "training clips": judging.spread(other, real, table.edges)}
figure = figures.spread({"generated": heard, "test clips": real}, table.edges)

# %% [markdown]
# *Shares of frames in each class, of the first 32 generated pieces and of the test clips. The two should have the same shape; pitch in frames where
# a pitch was found.* How far apart they are, as the mean number of bins by which frames would have to move (Wasserstein's distance), with training clips beside it:

# %% tags=["hide-input"]
display(pd.DataFrame(spread).T.round(2))

# %% [markdown]
# Third, the instrument: a profile of what the classifiers say of each instrument's training clips is compared with the generated piece.
# Place 1 of all instruments should be the one that the prompt
# asked for; real clips of test pieces say how much can be expected of such profiles.

# %% tags=["hide-input"]
known = judging.known(table, manifest, sae, trained)
of_test = judging.clip_profiles(table, manifest, "test", sae, trained)
places = {
    "generated": judging.recognised(np.stack([judging.profile(one, sae, trained) for one in final]), [vocabulary.instrument(text) for text in asked], known),
    "test clips": judging.recognised(*of_test, known),
}
instrument = {who: {"heard first": float(np.mean(at == 1)), "heard in the first three": float(np.mean(at <= 3)), "pieces": len(at)}
              if len(at) and len(known) > 1 else None for who, at in ((who, at[np.isfinite(at)]) for who, at in places.items())}
if rated := {who: rates for who, rates in instrument.items() if rates}:
    display(pd.DataFrame(rated).T.assign(**{"by chance, first": 1 / len(known)}).round(3).astype({"pieces": int}))
else:
    print("This corpus does not name two instruments, so none can be heard rightly or wrongly.")

# %% [markdown]
# ## Hear every state
#
# The slider runs from noise to music. A state can be heard as it is, noise and all, or as the generator's *estimate* of where it will
# end, $x_t + (1 - t)\,v_c$. One gain is shared by all states, because loudness is one of the things to follow. The curves are this very piece's: how far the classifiers
# have gone from what they say of noise to what they say of the end, by the ratio of sums that is explained below.

# %% tags=["hide-input"]
voiced = (heard["pitch"] >= 0).groupby(heard["piece"]).mean()
clear = [number for number in voiced.index if "alone" in asked[number] and voiced[number] >= 0.3]
played = clear[0] if clear else 0
trip = flow.sample(made.velocity([asked[played]]), made.noise([seeds[played]], length), states, strength, progress="generating")
ways = {"the state itself": trip.noisy[:, 0], "the estimate of the music": trip.clean[:, 0]}
heard_on_the_way = {way: hear(latents) for way, latents in ways.items()}
read_on_the_way = {way: reading.read(latents[:, None], sae, {"trained": trained}) for way, latents in ways.items()}
gone = {way: {prop: np.nan_to_num(settling.ratio_of_sums(found["trained", prop].p)[:, 0]).round(4).tolist() for prop in labels.PROPERTIES}
        for way, found in read_on_the_way.items()}
levelled = listening.shared_gain([wave for waves, _ in heard_on_the_way.values() for wave in waves])


def play(sound, state):
    place = list(ways).index(sound) * states + state
    return Sound(levelled[place], model.sample_rate, steering.readout(heard_on_the_way[sound][1][state]))


SoundSwitch(f"From noise to music: {asked[played]}", {"sound": list(ways), "state": list(range(states))}, play,
            Path(sounds) / "states" if sounds else None, "Which comes first: a note, a colour, a level? What is measured stands below.",
            pictures=True, curves={"label": "progress of this piece", "by": "sound", "sets": gone})

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
curves = order.curves(music.readings["trained"], seed)
figure = figures.progress(curves[curves["path"] == reading.NOISY], ["s", "ratio of sums", "projection"], paper=states == flow.STATES)

# %% [markdown]
# *Read as in the paper, on the noisy latents. Bands are 95 % over prompts; grey is the zone of “settled”; dotted lines are where the paper
# saw pitch (blue) and timbre (green) settle, while loudness had not.*
#
# The same on the generator's estimate of the music, which is free of noise, as the latents are that SAE and classifiers were trained on:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of progress over the states of a generation, read on the estimate of the music"}}
figure = figures.progress(curves[curves["path"] == reading.ESTIMATE], ["s", "ratio of sums", "projection"])

# %% [markdown]
# *As above, read on the estimate.*
#
# ## Does the order come from the model?
#
# Three controls. The **straight line** from the same noise to the same final latents passes states that no generator ever made: what
# settles there, settles because of the measure. The line to **another prompt's end** is the same with music that does not belong to that noise. And **classifiers that were
# never trained** know nothing of pitch, loudness or timbre: what settles for them is no property at all.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels, one a property: progress of the generation and of two straight lines"}}
figure = figures.paths(curves, "ratio of sums", {reading.NOISY: "-", reading.LINE: "--", reading.OTHER_LINE: ":"},
                       {reading.NOISY: "the generation"})

# %% [markdown]
# *Ratio of sums on the noisy latents, coloured, and on the two lines, grey. Where the curves lie on each other, the reading of noisy states says nothing about
# the generator.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "The state at which each property settles, for each way of reading and each control, with intervals"}}
settled = order.table(music.readings, seed)
figure = figures.settled(settled[settled["measure"] == "ratio of sums"])

# %% [markdown]
# *When each property settles by the ratio of sums, with 95 % intervals over prompts; hollow: not before the last state. The generation's own row is to be compared
# with the rows of the lines below it: only a difference between them is the model's doing.*
#
# All measures, with pitch once more in 20 bins, since a property with 66 classes might settle otherwise than one with 20 for that reason alone:

# %% tags=["hide-input"]
display(order.wide(settled[~settled["reading"].str.contains("untrained")]))

# %% [markdown]
# Prompt by prompt: by how many states the second property settles after the first (mean and 95 % interval; p by Wilcoxon's test with Holm's correction); and, in the
# last rows, by how many states the generation settles before its own straight line.

# %% tags=["hide-input"]
tests = order.tests(music.readings["trained"], seed)
display(tests.round({"difference": 2, "low": 2, "high": 2}).assign(p=tests["p"].map("{:.2g}".format)).set_index(["path", "first", "second"]))

# %% [markdown]
# ## What the classifiers see
#
# They were trained on clean latents, and nothing obliges them to be unsure of noise.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps: probability of each class of pitch, amplitude and timbre over the states of the generation"}}
figure = figures.classes({prop: music.readings["trained"][reading.NOISY, prop].p for prop in labels.PROPERTIES}, table.edges)

# %% [markdown]
# *Mean probability of each class over states, on the noisy latents. At the left stands what the classifiers take pure noise for; progress is counted as the move
# away from that mistake.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps of the same probabilities, read on the estimate of the music"}}
figure = figures.classes({prop: music.readings["trained"][reading.ESTIMATE, prop].p for prop in labels.PROPERTIES}, table.edges)

# %% [markdown]
# *The same on the estimate of the music. Its first state is the mean of all music that answers to the prompt: the widest guess the generator can make.*

# %% tags=["hide-input"] mystnb={"image": {"alt": "Entropy of the classifiers and share of frames that already have their final class, over states, for both readings"}}
figure = figures.readings(curves, ["entropy", "agreement"], [reading.NOISY, reading.ESTIMATE])

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

# %% tags=["hide-input"]
fewer = list(dict.fromkeys([*clear, *range(prompts)]))[:steered]  # those in which a pitch is heard come first
own, short = [asked[number] for number in fewer], int(np.ceil(steered_seconds * model.frame_rate))
start = made.noise([seeds[number] for number in fewer], short)
path = flow.sample(made.velocity(own), start, states, strength, progress="not steered").noisy
_, before = hear(path[-1])
goals = {prop: steering.targets(table.table.loc[table.rows("train", prop), prop].to_numpy(), [0.1, 0.9]) for prop in labels.PROPERTIES}

# %% tags=["hide-input"]
moved, pieces = [], {}
for prop in labels.PROPERTIES:
    towards = on_the_way.furthest(before, prop, goals[prop], table.edges[prop])
    directions = torch.stack([steering.direction(trained, prop, k) for k in towards])
    asking = made.velocity(on_the_way.opposite(own, prop))
    _, there = hear(flow.sample(asking, start, states, strength, progress=f"{prop}: the other prompts").noisy[-1])
    reached = [steering.in_bins(getattr(one, prop), table.edges[prop]) for one in there]
    for when, window in windows.items():
        for way, velocity, steer, target in (
            ("control vector", made.velocity(own), on_the_way.control(sae, directions, alpha, window), towards),
            ("another prompt", on_the_way.changed(made.velocity(own), asking, window, states), None, reached),
        ):
            waves, after = hear(on_the_way.go_on(velocity, path, window, strength, steer))
            found = on_the_way.effect(before, after, prop, target, table.edges)
            pieces[way, prop, when] = waves, after
            moved.append(pd.DataFrame({"way": way, "property": prop, "window": when, "prompt": own, **found}))
moved = pd.concat(moved, ignore_index=True)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Share of the way to the target that was gone, steered early or late, by control vector and by another prompt"}}
figure = figures.moved(moved)

# %% [markdown]
# *Share of the way to the target that was gone, measured on the decoded sound: 1 is arrival, negative is away from it. Left the control vector, whose target is a low or a high class, whichever
# is further; right the exchanged prompt, whose target is what that prompt gives from the same noise. Bars are 95 % over prompts.*

# %% tags=["hide-input"]
steering_table = on_the_way.summarise(moved, seed)
display(on_the_way.wide(steering_table))

# %% [markdown]
# *Leakage* is how far the other two properties moved, in bins. The two ways on one piece, early and late:

# %% tags=["hide-input"]
first = steering.render(model, path[-1, 0])
listened = ["not", *windows]


def compare(way, property, steered):
    wave, at = (first, before[0]) if steered == "not" else (part[0] for part in pieces[way, property, steered])
    row = [first, *(pieces[way, property, when][0][0] for when in windows)]
    level = listening.shared_gain if property == "amplitude" else lambda waves: listening.match_loudness(waves, model.sample_rate)
    return Sound(level(row)[listened.index(steered)], model.sample_rate, steering.readout(at))


SoundSwitch(f"Steered on the way: {own[0]}", {"way": ["control vector", "another prompt"], "property": list(labels.PROPERTIES), "steered": listened},
            compare, Path(sounds) / "steered" if sounds else None, "Does the sound follow when it is pushed early? When it is pushed late?")

# %% [markdown]
# ## What to make of it
#
# The lists here are made from the figures of this very run: states, with 95 % intervals over prompts.
#
# **Read on the noisy latents**, as in the paper:

# %% tags=["hide-input"]
display(Markdown(f"{conclusions.order(settled, reading.NOISY)}\n\n{conclusions.pairs(tests, reading.NOISY)} {conclusions.lead(tests)}"))

# %% [markdown]
# An order is worth its name if it does not hang on the measure, and holds prompt by prompt. What the generator adds is its lead over the straight line; the rest of such a
# curve shows how much noise is left. By how many states a property settles elsewhere on paths that no generator made, and for classifiers that know nothing:

# %% tags=["hide-input"]
display(Markdown(conclusions.distances(settled, reading.NOISY, [reading.LINE, reading.OTHER_LINE, f"{reading.NOISY}, untrained classifiers"])))

# %% [markdown]
# **Read on the estimate**, which is free of noise:

# %% tags=["hide-input"]
display(Markdown(f"{conclusions.order(settled, reading.ESTIMATE)}\n\n{conclusions.pairs(tests, reading.ESTIMATE)}"))

# %% [markdown]
# The mean over prompts can settle where single pieces do not: what overshoots in one is short in another. That is why the two questions, of the mean curve and prompt by prompt, may be
# answered differently. And guidance is not in the estimate, which follows $v_c$ alone, but it is in the path: what guidance moves goes on moving there.
#
# **Steered on the way**, share of the way to the target that was gone:

# %% tags=["hide-input"]
display(Markdown(conclusions.steering(steering_table)))

# %% [markdown]
# Another prompt is the test that needs no classifier. What it moves early and not late is decided early, whatever a curve of progress says: a curve that has not settled is no sign that
# the matter is open. The control vector is another kind of push. What it does early the generator may take back in the steps that are left; what it does late has few steps left
# to be taken back in, and works as an edit of the finished latents would. Its leakage stands in the table above.
#
# The generator is small; how near its music is to real clips, the three checks above say. DiffRhythm itself may do otherwise. The controls need no other
# generator to be run: the straight line and the untrained classifiers belong beside any such curve.

# %% tags=["hide-input"]
parameters = {"generator": generator, "vae": vae, "tracker": tracker, "texts": texts, "prompts": prompts, "seconds": seconds, "states": states, "strength": strength,
              "batch": batch, "steered": steered, "steered_seconds": steered_seconds, "alpha": alpha, "seed": seed}
read = {"data/frames": "../data/frames/diffrhythm-vae.arrow", "weights/sae": "../checkpoints/sae/diffrhythm-vae.safetensors",
        "weights/probes": "../checkpoints/probes/diffrhythm-vae.safetensors",
        "weights/generator": generation.source(generator)}
judgement = {"frechet": frechet, "spread": spread, "instrument": instrument}
results.write(f"../results/generation/{name}.json", {
    **order.summarise(curves, settled, tests), "judgement": judgement, "steering": order.records(steering_table),
    "provenance": results.provenance(read, parameters, "05_diffrhythm.py"),
})
curves.to_csv(f"../results/generation/{name}_curves.csv", index=False, float_format="%.6g")
