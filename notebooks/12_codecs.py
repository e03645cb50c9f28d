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
# # Before and after further training
#
# Every claim of this book is about sound that went through a codec. The first weights that shipped with it lost much: a quarter of the voiced
# frames came back from WavTokenizer and from the VAE as another pitch. They were trained further, with the same architectures. What did that give?
# This page is about the codecs and the recordings that ship with the book, whatever the other pages are about.

# %% tags=["parameters", "hide-input"]
sounds = "../book/_static/sounds/codecs"

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import display

from audiosae.figures import before_after as figures
from audiosae.figures import theme
from audiosae.files import results
from audiosae.widgets import SoundSwitch

theme.style()
found = pd.DataFrame(results.read("../results/codec/before_after.json")["figures"])
SoundSwitch(Path(sounds))

# %% [markdown]
# The clips are chosen by rule: the three that the first weights decoded best and the three that they decoded worst, by the log-mel distance, mean over
# the three codecs. Today's weights have no say in it.
#
# ## Measured
#
# Test clips, decoded against original: the share of voiced frames of single voices within 50 cents, the correlation of level and of brightness
# over frames, and the log-mel distance, for which lower is better.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels, one a measure; for each codec the first and today's value, with intervals"}}
figure = figures.versions(found)

# %% [markdown]
# *Open circles: the first weights; filled: today's. Bars are 95 % intervals over recordings.*

# %% tags=["hide-input"]
display(figures.table(found))

# %% [markdown]
# Intervals of the change resample the same recordings for both. They say what other test clips would have given, and nothing of another training:
# each codec was trained once. {doc}`/codecs` says how, and over how many hours of music.
