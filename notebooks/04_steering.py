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
# # Steering: turning a property
#
# A probe's weights point somewhere. Row $k$ of $W$ is the direction in the space of features in which class $k$ becomes
# likelier, so one may try to walk that way and listen to what happens (Paek et al. 2025, section 3.3):
#
# $$f' = \mathrm{RMSNorm}(f + \alpha\, w_k), \qquad \alpha \in \{1, 10, 20, 30\},$$
#
# then decode $f'$ with the SAE, and the result with the codec. The claim is that the chosen property moves with α and
# that the other two hardly do. We do not take the probe's word for it: each decoded sound is measured again, from the
# audio, exactly as the labels were.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
weights = "embedded"  # of the codec
tracker = "swift-f0"
alphas: list[float] = [1, 10, 20, 30]  # the paper's
quantiles = [0.1, 0.9]  # low and high targets: quantiles of the training frames
clips = 12  # how many monophonic test clips are steered
seed = 0
sounds = ""  # folder for the book's sound files; empty for live widgets in JupyterLab

# %% tags=["hide-input"]
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from tqdm.auto import tqdm

from audiosae import audio, codecs, corpus, determinism, figures, frames, labels, listening, probes, results, steering
from audiosae.sae import SparseAutoencoder
from audiosae.widgets import Sound, SoundSwitch, SoundTable

figures.style()
device = determinism.prepare(seed)
table = frames.load(f"../data/frames/{codec}.arrow")
model = codecs.load(codec, weights).to(device)
sae = SparseAutoencoder.load(f"../checkpoints/sae/{codec}.safetensors").to(device)
fitted = probes.load(f"../checkpoints/probes/{codec}.safetensors")

# %% [markdown]
# ## Before anything is steered
#
# α = 0 is not the codec's own sound. The features have to be turned back into latents first, and what the SAE cannot
# reconstruct is lost there. Compare, for one test clip of each part: the original; the same through the codec; and
# the same through codec and SAE, which is what everything below begins from.

# %% tags=["hide-input"]
manifest = corpus.load("../data/corpus").set_index("clip")


def latents_of(clip):
    """Latents of one clip, [frames, dim]."""
    return torch.from_numpy(table.latents[(table.table["clip"] == clip).to_numpy()].copy()).to(device)


compared = {}
for row in manifest[manifest["split"] == "test"].drop_duplicates("part").itertuples():
    x = latents_of(row.Index)
    with torch.no_grad():
        through = [steering.render(model, y) for y in (x, sae.decode(sae.encode(x)))]
    original = audio.for_codec(*audio.read(row.file), model.sample_rate, model.channels)
    waves = listening.match_loudness([original, *through], model.sample_rate)
    compared[f"{row.part}: {row.instrument}"] = {
        column: Sound(wave, model.sample_rate) for column, wave in zip(("original", "decoded", "decoded from the SAE"), waves)
    }
SoundTable(compared, Path(sounds) / "reconstructed" if sounds else None, "One test clip of each part, matched in loudness.")

# %% [markdown]
# ## What is steered, and where to
#
# Monophonic clips of test pieces, spread evenly over the list. Each property gets a low and a high target: classes at
# the 10 % and 90 % points of the training frames. A clip counts for a target only if it starts at least three bins away from it.

# %% tags=["hide-input"]
voiced = table.table[table.rows("test", "pitch")].groupby("clip", observed=True, sort=True).size()
voiced = voiced[voiced >= 0.3 * table.table.groupby("clip", observed=True).size().reindex(voiced.index)]
chosen = list(voiced.index[np.linspace(0, len(voiced) - 1, min(clips, len(voiced))).astype(int)])
targets = {
    prop: steering.targets(table.table.loc[table.rows("train", prop), prop].to_numpy(), quantiles)
    for prop in labels.PROPERTIES
}
display(pd.DataFrame([
    {"property": prop, "target": labels.class_name(prop, k, table.edges[prop]), "class": k,
     "α‖w‖/‖f‖ at α = 20": steering.relative_strength(sae, steering.direction(fitted, prop, k), 20)}
    for prop, ks in targets.items() for k in ks
]).set_index("property").round(3))

# %% [markdown]
# The last column says how long the step is beside the feature vector itself. Where it is well above 1, what is decoded
# is mostly the direction and little of the clip.

# %% tags=["hide-input"]
latents = {clip: latents_of(clip) for clip in chosen}


@lru_cache(maxsize=4096)
def steered(clip, prop, k, alpha):
    """Wave and measurements of one steered clip; α = 0 is the SAE's reconstruction whatever the target."""
    direction = steering.direction(fitted, prop, k).to(device)
    wave = steering.render(model, steering.steer(sae, latents[clip], direction, alpha))
    return wave, steering.listen(wave, model.sample_rate, tracker, model.frame_rate)


heard = []
for clip in tqdm(chosen, desc="steering", unit="clip"):
    _, before = steered(clip, "pitch", targets["pitch"][0], 0)
    for prop, ks in targets.items():
        for k in ks:
            for alpha in alphas:
                _, after = steered(clip, prop, k, alpha)
                heard.append({"clip": clip, "steered": prop, "target": k, "alpha": alpha,
                              **{f"{p}_before": steering.in_bins(getattr(before, p), table.edges[p]) for p in labels.PROPERTIES},
                              **{f"{p}_after": steering.in_bins(getattr(after, p), table.edges[p]) for p in labels.PROPERTIES}})
heard = pd.DataFrame(heard)

# %% [markdown]
# ## What moved
#
# *On target* is the share of the distance to the target, in bins, that is closed: 1 is there, 0 is no nearer than
# before, negative is further away (overshooting counts as distance). A sound that has lost its pitch altogether has
# closed nothing. *Leakage* is how far each other property moved, in its own bins; where a sound has lost its pitch, nobody can say
# how far the pitch moved, so *pitch lost* has to be read beside it. *Clips* is how many count for a target: one that has no pitch
# after codec and SAE, or lies too near, cannot; a dash means that none could.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two line plots against alpha: share of the distance to the target closed, and change of the other properties in bins"}}
effects = steering.effects(heard)
figure = figures.steering_curves(effects)

# %% [markdown]
# *Left: the steered property, with a band over clips and targets; the dotted line is the target. Right: the properties
# that were meant to stay. A good control rises on the left and stays low on the right.*

# %% tags=["hide-input"]
summary = {}
strongest = 20 if 20 in alphas else max(alphas)
for prop in labels.PROPERTIES:
    summary[prop] = steering.summarise(effects, heard, prop, strongest, seed) | {
        "targets": targets[prop],
        "relative_strength": [steering.relative_strength(sae, steering.direction(fitted, prop, k), strongest) for k in targets[prop]],
    }


def shown(number, interval=None):
    """A number or an interval as text; a dash where no clip could be used."""
    values = [number] if interval is None else interval
    return "–" if number is None else " to ".join(f"{value:.2f}" for value in values)


display(pd.DataFrame({prop: {
    "on target (share)": shown(s["on_target"]), "95 %": shown(s["on_target"], s["on_target_ci95"]),
    "leakage (bins)": shown(s["leakage"]), "95 % ": shown(s["leakage"], s["leakage_ci95"]),
    "pitch lost (share)": shown(s["pitch_lost"]), "clips": s["clips"],
} for prop, s in summary.items()}).T)

# %% [markdown]
# ## Hear it
#
# Choose a clip, a property and a target, and move α. At 0 you hear the SAE's reconstruction, so anything that it lost is lost
# already there; the button goes to the original and back. Sounds are matched in loudness; where amplitude itself is steered, one gain is shared by the whole
# row, so that the change can be heard. In JupyterLab every sound is computed when you ask for it.

# %% tags=["hide-input"]
spread = {f"{manifest.loc[clip, 'instrument']} ({clip})": clip for clip in chosen[:: max(1, len(chosen) // 4)][:4]}
goals = ["low", "high"] if len(quantiles) == 2 else [f"{q:.0%} of the training frames lie below" for q in quantiles]
strengths = [0, *alphas]


@lru_cache(maxsize=256)
def levelled(clip, prop, k):
    """The original, and every strength of one steering: waves that can be compared by ear."""
    original = audio.for_codec(*audio.read(manifest.loc[clip, "file"]), model.sample_rate, model.channels)
    row = [original, *(steered(clip, prop, k, alpha)[0] for alpha in strengths)]
    return listening.shared_gain(row) if prop == "amplitude" else listening.match_loudness(row, model.sample_rate)


@lru_cache(maxsize=64)
def measured(clip):
    """What the original sounds like, in numbers."""
    original = audio.for_codec(*audio.read(manifest.loc[clip, "file"]), model.sample_rate, model.channels)
    return steering.readout(steering.listen(original, model.sample_rate, tracker, model.frame_rate))


def play(clip, property, target, α):
    clip, k = spread[clip], targets[property][goals.index(target)]
    original, *row = levelled(clip, property, k)
    aim = {"target": f"{property} {labels.class_name(property, k, table.edges[property])}"}
    return Sound(row[strengths.index(α)], model.sample_rate, aim | steering.readout(steered(clip, property, k, α)[1]),
                 beside=Sound(original, model.sample_rate, measured(clip)))


SoundSwitch("Steering one property of a sound",
            {"clip": list(spread), "property": list(labels.PROPERTIES), "target": goals, "α": strengths}, play,
            Path(sounds) / "steering" if sounds else None, "Does the chosen property move, and do the others stay?",
            beside="the original", pictures=True)

# %% tags=["hide-input"]
parameters = {"codec": codec, "weights": weights, "tracker": tracker, "alphas": alphas, "quantiles": quantiles, "clips": clips, "seed": seed}
read = {"data/frames": f"../data/frames/{codec}.arrow", "weights/sae": f"../checkpoints/sae/{codec}.safetensors",
        "weights/probes": f"../checkpoints/probes/{codec}.safetensors"}
results.write(f"../results/steering/{codec}.json", {"properties": summary, "provenance": results.provenance(read, parameters, "04_steering.py")})
