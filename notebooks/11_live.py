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
# # The steering desk, with Python
#
# This is the desk of the book's page, and here Python computes: so it works with any codec, one of your own too, with weights that no page could hold, and
# on a GPU. Press *Load*, choose a clip or bring a sound of yours (a file, or up to fifteen seconds from the microphone), and push it along any class of pitch,
# amplitude or timbre, or along any single feature. *What fires here?* names the features that are strongest in your sound; each has its card in the feature browser.

# %% tags=["parameters", "hide-input"]
quantiles = [0.1, 0.9]  # of the training frames: low and high targets

# %% tags=["hide-input"]
from pathlib import Path

from audiosae.files import determinism
from audiosae.widgets.desk import LiveDesk

determinism.prepare(0)
LiveDesk(Path(".."), quantiles)

# %% [markdown]
# The desk asks `audiosae.live.engine.Engine`, which you can ask yourself:

# %%
from audiosae.files import params
from audiosae.live.engine import Engine

weights = {name: line["weights"] for name, line in params.codecs("../params.yaml").items()}
engine = Engine(weights, quantiles, Path(".."))
clips = engine.load(next(iter(weights)), "paper")["info"]["clips"]
engine.clip(clips[0]["clip"])
steered = engine.render({"what": "class", "property": "timbre", "number": 12}, alpha=5.0)
print(f"{clips[0]['text']}: {steered['wave'].shape[1]} samples, r = {steered['r']:.2f}, {steered['loudness']:.1f} LUFS")
