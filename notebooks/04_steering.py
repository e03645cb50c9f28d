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

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import display

from audiosae import steering
from audiosae.audio import labels
from audiosae.figures import theme
from audiosae.figures.steering import steering_curves
from audiosae.sections import steering as section
from audiosae.widgets import SoundSwitch, SoundTable

theme.style()
found = section.run(codec, weights, tracker, alphas, quantiles, clips, seed, Path(".."))
summary = {prop: found.figures["properties"][prop] for prop in labels.PROPERTIES}

# %% [markdown]
# ## Before anything is steered
#
# α = 0 is not the codec's own sound. The features have to be turned back into latents first, and what the SAE cannot
# reconstruct is lost there. Compare, for one test clip of each part: the original; the same through the codec; and
# the same through codec and SAE, which is what everything below begins from.

# %% tags=["hide-input"]
SoundTable(found.sounds / "reconstructed")

# %% [markdown]
# ## What is steered, and where to
#
# Monophonic clips of test pieces, spread evenly over the list. Each property gets a low and a high target: classes at
# the 10 % and 90 % points of the training frames. A clip counts for a target only if it starts at least three bins away from it.

# %% tags=["hide-input"]
strength = f"α‖w‖/‖f‖ at α = {summary['pitch']['alpha']:g}"
display(found.targets.rename(columns={"step": strength}).set_index("property")[["target", "class", strength]].round(3))

# %% [markdown]
# The last column says how long the step is beside the feature vector itself. Where it is well above 1, what is decoded
# is mostly the direction and little of the clip.

# %% [markdown]
# ## What moved
#
# *On target* is the share of the distance to the target, in bins, that is closed: 1 is there, 0 is no nearer than
# before, negative is further away (overshooting counts as distance). A sound that has lost its pitch altogether has
# closed nothing. *Leakage* is how far each other property moved, in its own bins; where a sound has lost its pitch, nobody can say
# how far the pitch moved, so *pitch lost* has to be read beside it. *Clips* is how many count for a target: one that has no pitch
# after codec and SAE, or lies too near, cannot; a dash means that none could.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two line plots against alpha: share of the distance to the target closed, and change of the other properties in bins"}}
figure = steering_curves(steering.effects(found.heard))

# %% [markdown]
# *Left: the steered property, with a band over clips and targets; the dotted line is the target. Right: the properties
# that were meant to stay. A good control rises on the left and stays low on the right.*

# %% tags=["hide-input"]
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
# row, so that the change can be heard.

# %% tags=["hide-input"]
SoundSwitch(found.sounds / "steering")
