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
# # Probing: from features to names
#
# If a feature stands for something, it should be possible to say what from the feature list alone. Following Paek et
# al. (2025, section 3.2), one linear classifier a property reads the features of a single frame and names a class: one
# of 66 semitones, or one of 20 bins of loudness or brightness,
#
# $$p = \mathrm{softmax}(W f + b).$$
#
# The classifier is deliberately simple. What it can read must already be written plainly in the features, and its weights
# say which feature speaks for which class: feature $j$ adds $W_{kj} f_j$ to the score of class $k$.
#
# It is fitted on training pieces, its one setting is chosen on validation pieces, and it meets the test pieces once.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
penalties = [0.000001, 0.00001, 0.0001, 0.001]  # weight decays to choose from, on validation pieces
iterations = 50  # of L-BFGS for each
seed = 0
sounds = ""  # folder for the book's sound files; empty for players inside JupyterLab

# %% tags=["hide-input"]
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from tqdm.auto import tqdm

from audiosae import audio, corpus, determinism, distinct, figures, frames, labels, listening, probes, results
from audiosae.sae import SparseAutoencoder
from audiosae.widgets import Sound, SoundTable

figures.style()
device = determinism.prepare(seed)
table = frames.load(f"../data/frames/{codec}.arrow")
sae = SparseAutoencoder.load(f"../checkpoints/sae/{codec}.safetensors").to(device)
rows = distinct.find(table.latents)
latents = torch.from_numpy(rows.latents).to(device)
with torch.no_grad():
    inputs = {"SAE features": sae.encode(latents), "raw latents": sae.normalised(latents)}
classes = {prop: len(table.edges[prop]) - 1 for prop in labels.PROPERTIES}
print(f"{rows.distinct:,} of {len(table.latents):,} frames are distinct; the probes are fitted on "
      + ("these, with counts of each label" if rows.few else "every frame"))

# %% [markdown]
# ## Fitting
#
# The same classifier is fitted twice: on the SAE's features, and, as a yardstick, on the latents themselves. If the
# features were better for naming, the first would win.
#
# A codec with one codebook has no more distinct frames than the book has codes. Frames that are alike to the classifier
# count together then: fitting on the distinct ones, each with the number of times that it carries each label, is the
# same loss for less work. It also sets a limit. Nothing that sees one frame at a time can do better than to give each
# code its commonest label: with labels from the test frames themselves, that is a *ceiling* for every probe; with labels
# from the training frames, it is what a plain table of codes would have learnt.

# %% tags=["hide-input"]
fitted, scores, predictions = {}, {}, {}
for prop in tqdm(labels.PROPERTIES, desc="fitting probes"):
    label = table.table[prop].to_numpy()
    where = {split: table.rows(split, prop) for split in ("train", "validation", "test")}
    counts = {split: rows.histogram(chosen, label, classes[prop]) for split, chosen in where.items()}
    truth, pieces = label[where["test"]], table.table.loc[where["test"], "piece"].astype(str).to_numpy()
    train, validation = (torch.from_numpy(counts[split]).to(device) for split in ("train", "validation"))
    scores[prop] = probes.baselines(label[where["train"]], truth, classes[prop])
    for name, x in inputs.items():
        probe = probes.fit(x, train, validation, penalties, iterations)
        predicted = probe.predict(x)[rows.of_frame[where["test"]]]
        score = {**probes.score(predicted, truth, pieces, seed), "penalty": probe.penalty}
        if name == "SAE features":
            fitted[prop], predictions[prop] = probe, (predicted, truth)
            scores[prop] |= score
        else:
            scores[prop]["raw_latents"] = score
    at = rows.of_frame[where["test"]]
    scores[prop]["ceiling"] = probes.ceiling(counts["train"], at, truth, pieces, seed) if rows.few else None

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bar chart of probe accuracies with intervals for the three properties, beside majority class and chance"}}
bars = []
for prop, s in scores.items():
    bars.append({"property": prop, "input": "SAE features", "accuracy": s["accuracy"], "low": s["ci95"][0], "high": s["ci95"][1]})
    raw = s["raw_latents"]
    bars.append({"property": prop, "input": "raw latents", "accuracy": raw["accuracy"], "low": raw["ci95"][0], "high": raw["ci95"][1]})
    bars += [{"property": prop, "input": name, "accuracy": s[key], "low": np.nan, "high": np.nan}
             for name, key in (("commonest class", "majority"), ("chance", "chance"))]
bars = pd.DataFrame(bars)
ceilings = {prop: s["ceiling"]["oracle"]["accuracy"] for prop, s in scores.items() if s["ceiling"]}
figure = figures.accuracies(bars, ceilings)

# %% [markdown]
# *Share of test frames that are named exactly. The lines are 95 % intervals, by resampling recordings. The grey bars need
# no sound at all: always say the commonest class, or guess. A dashed line is the ceiling of any probe that sees one
# frame; there is none where frames hardly repeat.*

# %% tags=["hide-input"]
shown = bars.pivot(index="property", columns="input", values="accuracy").loc[list(labels.PROPERTIES)]
for name, title in (("learned", "table of codes"), ("oracle", "ceiling")) if rows.few else ():
    shown[title] = [scores[prop]["ceiling"][name]["accuracy"] for prop in shown.index]
shown["test recordings"] = [scores[prop]["recordings"] for prop in shown.index]
shown["classes without training frames"] = [len(scores[prop]["without_training"]) for prop in shown.index]
display(shown.round(3))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three confusion matrices: pitch, amplitude and timbre"}}
matrices = {prop: probes.confusion(*predictions[prop], classes[prop]) for prop in labels.PROPERTIES}
figure = figures.confusions(matrices, table.edges)

# %% [markdown]
# *What each true class (row) is called (column), on test frames. A bright diagonal is right; marks beside it are near
# misses; for pitch, parallel lines twelve semitones away are octave errors. White rows had no test frames.*

# %% [markdown]
# Exact accuracy treats a neighbouring bin and the far end as equally wrong. How far off is the answer?

# %% tags=["hide-input"]
error = {prop: np.abs(predicted - truth) for prop, (predicted, truth) in predictions.items()}
display(pd.DataFrame({
    "exact (share)": {prop: (e == 0).mean() for prop, e in error.items()},
    "within one class (share)": {prop: (e <= 1).mean() for prop, e in error.items()},
    "mean error (classes)": {prop: e.mean() for prop, e in error.items()},
}).round(3))

# %% [markdown]
# Pitch has been asked of single voices only, as a chord has no one pitch. On ensembles the tracker still answers with
# something, mostly the top or bottom voice, and the same probe can be compared with it: a test of transfer, not of truth.

# %% tags=["hide-input"]
ensemble = ((table.table["split"] == "test") & ~table.table["monophonic"] & (table.table["part"] != "drums")
            & (table.table["pitch"] >= 0)).to_numpy(copy=True)
if ensemble.any():
    called = fitted["pitch"].predict(inputs["SAE features"])[rows.of_frame[ensemble]]
    apart = probes.score(called, table.table.loc[ensemble, "pitch"].to_numpy(), table.table.loc[ensemble, "piece"].astype(str).to_numpy(), seed)
    scores["pitch"]["ensembles"] = apart
    print(f"pitch on ensembles, against the tracker: {apart['accuracy']:.3f}, interval {apart['ci95'][0]:.3f} to {apart['ci95'][1]:.3f}")

# %% [markdown]
# ## Features that speak for a class, to hear
#
# For a low, a middle and a high class of each property: the feature with the largest mean contribution, and the three
# training clips in which it is strongest, cut to 1.2 s around that moment (of equals, the first in the table). Sounds are
# matched in loudness, except for amplitude, where one gain is shared.

# %% tags=["hide-input"]
manifest = corpus.load("../data/corpus").set_index("clip")
train_rows = np.flatnonzero(table.rows("train"))
sounding, named = {}, {}
for prop in labels.PROPERTIES:
    usable = table.rows("train", prop)
    for quantile in (0.1, 0.5, 0.9):
        k = int(np.quantile(table.table.loc[usable, prop], quantile, method="nearest"))
        members = rows.of_frame[usable & (table.table[prop] == k).to_numpy()]
        (feature, strength), *_ = probes.speaking(fitted[prop], inputs["SAE features"][members], k, 1)
        activation = inputs["SAE features"][:, feature].cpu().numpy()[rows.of_frame[train_rows]]
        moments = table.table.iloc[train_rows].assign(activation=activation).sort_values("activation", ascending=False, kind="stable")
        moments = moments.drop_duplicates("clip").head(3)
        cuts = [listening.excerpt(*audio.read(manifest.loc[m.clip, "file"]), m.time, 1.2) for m in moments.itertuples()]
        level = listening.shared_gain if prop == "amplitude" else lambda waves: listening.match_loudness(waves, audio.SAMPLE_RATE)
        name = f"{prop}, {labels.class_name(prop, k, table.edges[prop])}: feature {feature}"
        sounding[name] = {
            f"{place}.": Sound(wave, audio.SAMPLE_RATE, {"from": manifest.loc[m.clip, "instrument"], "activation": f"{m.activation:.1f}"})
            for place, (wave, m) in enumerate(zip(level(cuts), moments.itertuples()), start=1)
        }
        named.setdefault(prop, []).append({"class": k, "feature": feature, "contribution": strength})
SoundTable(sounding, Path(sounds) / "features" if sounds else None, "Where the feature that speaks most for a class is strongest.")

# %% [markdown]
# A feature may well speak most for a class and still fire elsewhere: the probe sums over many. Listen whether the three
# clips of a row share what the row's name says.

# %% tags=["hide-input"]
parameters = {"codec": codec, "penalties": penalties, "iterations": iterations, "seed": seed}
read = {"data/frames": f"../data/frames/{codec}.arrow", "weights/sae": f"../checkpoints/sae/{codec}.safetensors"}
provenance = results.provenance(read, parameters, "03_probing.py")
probes.save({prop: probes.Probe(p.weight.cpu(), p.bias.cpu(), p.penalty) for prop, p in fitted.items()},
            f"../checkpoints/probes/{codec}.safetensors", provenance)
for prop in scores:
    scores[prop] |= {"within_one": float((error[prop] <= 1).mean()), "mean_error_classes": float(error[prop].mean())}
results.write(f"../results/probing/{codec}.json", {"properties": scores, "speaking": named, "provenance": provenance})
