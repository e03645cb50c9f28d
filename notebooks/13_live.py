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

from audiosae import corpus, determinism, feature_cards, labels, own_sound
from audiosae.clips import describe
from audiosae.clips import sound as clip_sound
from audiosae.errors import AudiosaeError
from audiosae.widgets import FeatureBrowser, SoundSwitch

determinism.prepare(0)
manifest = corpus.load("../data/corpus")
singles = manifest[(manifest["split"] == "test") & manifest["monophonic"]]
path = path or str(singles.iloc[len(singles) // 2].file)


# %% tags=["hide-input"]
def widgets_of(mine, speakers):
    """The three widgets for one sound."""
    goals = {f"{prop} {labels.class_name(prop, k, mine.edges[prop])}": (prop, k)
             for prop in labels.PROPERTIES for k in range(len(mine.edges[prop]) - 1)}
    yield SoundSwitch("Steer towards a class", {"towards": list(goals), "α": [n / 2 for n in range(121)]},
                      lambda towards, α: mine.towards(*goals[towards], α), beside="the original", pictures=True)
    yield SoundSwitch("Push one feature", {"feature": list(range(mine.sae.hidden)), "strength": [n / 4 for n in range(33)]},
                      lambda feature, strength: mine.pushed(feature, strength), beside="the original", pictures=True)
    cards = mine.cards(speakers)
    if cards:
        name = cards[0]["clips"][0]["clip"]
        yield FeatureBrowser("Features in your sound", cards, feature_cards.class_names(mine.edges),
                             {name: describe(mine.wave.mean(axis=0), mine.codec.sample_rate, name)}, sound=lambda _: clip_sound(mine.path))


# %% tags=["hide-input"]
upload = widgets.FileUpload(accept="audio/*", description="Upload a sound")
where = widgets.Text(value=path, description="or its path", layout={"width": "32rem"})
which = widgets.Dropdown(options=[file.stem for file in sorted(Path("../data/frames").glob("*.arrow"))], value=codec, description="codec")
load = widgets.Button(description="Load", button_style="primary")
said, shown = widgets.Label(), widgets.Output()


def loaded(_=None):
    said.value = "Encoding …"
    load.disabled = True
    shown.clear_output()
    try:
        if upload.value:
            file = Path("../data/own") / Path(upload.value[0]["name"]).name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(upload.value[0]["content"])
            where.value, upload.value = str(file), ()
        mine = own_sound.load(where.value, which.value)
        _, *models, table = own_sound.models(which.value, Path(".."))
        with shown:
            display(own_sound.summary(mine), *widgets_of(mine, feature_cards.speakers(table, *models)))
        said.value = f"{Path(where.value).name}, {mine.wave.shape[1] / mine.codec.sample_rate:.1f} s"
    except AudiosaeError as error:
        said.value = str(error)
    finally:
        load.disabled = False


load.on_click(loaded)
display(widgets.VBox([upload, where, which, widgets.HBox([load, said])]), shown)
loaded()
