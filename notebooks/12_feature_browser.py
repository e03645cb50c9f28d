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
# # Feature browser: what the features stand for
#
# An autoencoder has hundreds of features, and listening says most about them. Here are those that matter: for each class of pitch,
# amplitude and timbre its *top feature*, the one that adds most to the score of the class (Paek et al. 2025, section 3.2;
# $W_{kj} f_j$, averaged over training frames of class $k$). Choose one, look at the classes that it stands for, and play the moments
# at which it is strongest. Do they share what its name says?
#
# Each card has an address of its own, for a link.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
weights = "embedded"  # of the codec
clips = 4  # of each feature, the most exciting ones

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import display

from audiosae.audio import labels
from audiosae.sections import feature_browser
from audiosae.widgets import FeatureBrowser, SoundSwitch

found = feature_browser.run(codec, weights, clips, Path(".."))
FeatureBrowser(found.cards["paper"])

# %% [markdown]
# The bars of a card are the probe's weights for this feature, times its mean activation where it fires: how much it adds to or takes from the score of
# each class. Under a waveform runs the feature's activation; the upright line is its strongest moment, and the player starts a little
# before. Clips come from all splits, so a feature may be strongest in music that it was trained on; sounds are matched in loudness.
#
# ## Sparse, by comparison
#
# How often does a feature fire? If it fires in most frames, it cannot stand for one note. The paper's autoencoder is hardly sparse at the λ that this book
# uses; a k-sparse one, trained as is usual today, has a few dozen active features a frame. These are the same cards of that one:

# %% tags=["hide-input"]
FeatureBrowser(found.cards["k_sparse"])

# %% tags=["hide-input"]
titles = {"paper": "the paper's", "k_sparse": "k-sparse"}
display(pd.DataFrame({titles[kind]: {
    "features with a card": len(fires),
    "fires in (share of frames, median)": fires.median(),
    "features that fire in over half of the frames": int((fires > 0.5).sum()),
} for kind, fires in found.fires.items()}).T.round(3))

# %% [markdown]
# ## One feature for several classes
#
# A feature can be the top feature of several classes, and then it cannot stand for any one of them.

# %% tags=["hide-input"]
display(pd.DataFrame({(titles[kind], prop): {
    "classes with a top feature": len(of := speakers[speakers["property"] == prop]),
    "different features": of["feature"].nunique(),
    "most classes of one feature": of["feature"].value_counts().max(),
    "median strength": of["strength"].median(),
} for kind, speakers in found.speakers.items() for prop in labels.PROPERTIES}).T.round(2))

# %% [markdown]
# Whether a top feature is silent elsewhere, as its name would promise, is tested with intervals under *Evidence*, on recordings on which
# no feature was chosen.
#
# ## Push one feature
#
# Steering moves a mixture of many features, the row of a classifier. What does one do alone? Here the strongest top feature of each
# property is pushed in a test clip: at r = 1 the push is as long as the whole feature vector was. Does the sound become what the
# feature is named after? First the paper's autoencoder, then the k-sparse one.

# %% tags=["hide-input"]
SoundSwitch(found.pushed["paper"])

# %% tags=["hide-input"]
SoundSwitch(found.pushed["k_sparse"])

# %% [markdown]
# With a sound of your own, any feature and any strength, this runs in JupyterLab: see *A sound of your own*.
