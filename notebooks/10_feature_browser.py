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
# # Feature browser
#
# An autoencoder has hundreds of features, and listening tells most about them. Here are all of them. Search for a number, a class or an instrument, sort
# the list, and choose one: how often it fires and how strongly, which classes it separates, and the moments at which it is strongest, to play. Do
# these have something in common that you can hear?
#
# Two autoencoders are here: the paper's, and a k-sparse one, trained as is usual today. Each feature has its own address, which you can share.

# %% tags=["parameters", "hide-input"]
codec = "encodec"

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import Markdown, display

from audiosae.audio import labels
from audiosae.numbers import formatted
from audiosae.widgets import FeatureBrowser
from audiosae.widgets.browser import features
from audiosae.widgets.sound import read_index

folder = Path("../book/_static/live", codec)
titles = {"paper": "the paper's autoencoder", "k_sparse": "the k-sparse autoencoder"}
found = {kind: features(folder, kind) for kind in titles}
FeatureBrowser(folder)

# %% [markdown]
# AUROC is how often a frame of the class excites the feature more than another frame does: 0.5 is chance, 1 is perfect. Classes are chosen on
# training recordings, and the AUROC is from test recordings; a class needs three of those. The orange line in a waveform marks the strongest moment; click
# the waveform to play from there. Clips come from all splits, so a feature may be strongest in music that it was trained on. Sounds are matched in loudness.
#
# ## How sparse are they?
#
# A feature that fires in most frames cannot stand for one note. The paper's autoencoder is hardly sparse at the λ that this book
# uses; the k-sparse one has a few dozen active features a frame.

# %% tags=["hide-input"]
display(formatted(pd.DataFrame.from_dict({titles[kind]: {
    "features": len(of["fires"]),
    "features that never fire": of["peak"].count(0),
    "fires in (share of frames, median)": pd.Series(of["fires"]).median(),
    "features that fire in over half of the frames": sum(share > 0.5 for share in of["fires"]),
} for kind, of in found.items()}, orient="index"), 3))

# %% [markdown]
# ## Do classes share features?
#
# The paper names features by a probe: the *top feature* of a class is the one that adds most to the class's score (Paek et al. 2025, section 3.2;
# $W_{kj} f_j$, averaged over training frames of class $k$). A feature can be the top feature of several classes, and then it does not stand for any one of them.

# %% tags=["hide-input"]
top = {kind: pd.DataFrame(of["top"], columns=["property", "number", "feature", "strength"]) for kind, of in found.items()}
display(formatted(pd.DataFrame.from_dict({(titles[kind], prop): {
    "classes with a top feature": len(of := table[table["property"] == prop]),
    "different features": of["feature"].nunique(),
    "most classes of one feature": of["feature"].value_counts().max(),
    "median strength": of["strength"].median(),
} for kind, table in top.items() for prop in labels.PROPERTIES}, orient="index"), 2))

# %% [markdown]
# {doc}`Section 8 </sections/08_features>` tests, on other recordings, whether top features keep to their classes.
#
# ## Push one feature
#
# Steering adds a mixture of many features, the row of a classifier. What does one do alone? The {doc}`steering desk </desk>` pushes any feature of any
# clip, and each feature above links to it. Start with the strongest top feature of each property. Does the sound become what the feature is named after?

# %% tags=["hide-input"]
classes = read_index(folder)["classes"]
for kind, table in top.items():
    strongest = table.sort_values("strength", ascending=False).drop_duplicates("property")
    display(Markdown("\n".join(
        f'- <a href="../desk.html?codec={codec}&amp;kind={kind}&amp;feature={row.feature}&amp;a=20">feature {row.feature} of {titles[kind]}</a>, '
        f"the top feature of {row.property} {classes[row.property][row.number]}"
        for row in strongest.itertuples()
    )))
