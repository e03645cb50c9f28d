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
# # A sound of your own, live
#
# Everywhere else in this book the sounds are fixed. Here you bring one: sing into a file, take a recording, and push any property by any α, or
# any single feature by any strength. Upload the file, or give its path; the first fifteen seconds are used. Then choose a codec and press *Load*. Three widgets follow:
# steering towards any class, pushing any feature, and the cards of the features that fire in your sound, each with the moment at which it is strongest.

# %% tags=["parameters", "hide-input"]
codec = "encodec"
path = ""  # of your sound; empty for a clip of the corpus until you load another

# %% tags=["hide-input"]
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display

from audiosae import corpus
from audiosae.errors import AudiosaeError
from audiosae.files import determinism, params
from audiosae.sae import features_of
from audiosae.widgets import cards, own_sound

project = Path("..")
determinism.prepare(0)
weights = {name: line["weights"] for name, line in params.codecs(project / "params.yaml").items()}
manifest = corpus.load(project / "data/corpus")
singles = manifest[(manifest["split"] == "test") & manifest["monophonic"]]
path = path or str(singles.iloc[len(singles) // 2].file)

# %% tags=["hide-input"]
upload = widgets.FileUpload(accept="audio/*", description="Upload a sound")
where = widgets.Text(value=path, description="or its path", layout={"width": "32rem"})
which = widgets.Dropdown(options=list(weights), value=codec, description="codec")
load = widgets.Button(description="Load", button_style="primary")
said, shown = widgets.Label(), widgets.Output()


def loaded(_=None):
    said.value = "Encoding …"
    load.disabled = True
    shown.clear_output()
    try:
        if upload.value:
            file = project / "data/own" / Path(upload.value[0]["name"]).name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(upload.value[0]["content"])
            where.value, upload.value = str(file), ()
        chosen = which.value, weights[which.value], project
        mine = own_sound.load(where.value, *chosen)
        _, sae, fitted, table = own_sound.models(*chosen)
        speakers = cards.speakers(table, features_of(sae, table.latents), fitted)
        with shown:
            display(mine.summary(), *mine.widgets(speakers))
        said.value = f"{Path(where.value).name}, {mine.wave.shape[1] / mine.codec.sample_rate:.1f} s"
    except AudiosaeError as error:
        said.value = str(error)
    finally:
        load.disabled = False


load.on_click(loaded)
display(widgets.VBox([upload, where, which, widgets.HBox([load, said])]), shown)
loaded()
