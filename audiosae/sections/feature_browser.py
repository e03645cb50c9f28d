"""What the features of one codec's autoencoder speak for (the paper's section 3.2): cards to search and hear, and one feature pushed alone.

Run as ``python -m audiosae.sections.feature_browser --codec encodec --weights embedded --clips 4``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from audiosae import codecs, corpus
from audiosae.audio import labels
from audiosae.files import determinism, results, whole
from audiosae.widgets import cards as feature_cards
from audiosae.widgets import own_sound, write_browser, write_switch


@dataclass(frozen=True)
class Features:
    """What the page shows.

    Attributes
    ----------
    speakers
        One row a class: property, number, feature, strength, see `feature_cards.speakers`.
    cards, pushed
        Folders of a feature browser, and of a switch that pushes one feature of each property.
    """

    speakers: pd.DataFrame
    cards: Path
    pushed: Path


def run(codec: str, weights: str, clips: int, project: Path = Path(".")) -> Features:
    """Make the cards of one codec, or read what was made with these parameters, inputs and code.

    Parameters
    ----------
    codec, weights
        See `codecs.load`; the frames must come from these weights.
    clips
        How many clips a card shows: those that excite its feature most.
    project
        The project's folder.
    """
    described = project / "book/_static/sounds/clips/index.json"
    inputs = {
        "data/frames": project / f"data/frames/{codec}.arrow",
        "data/clips": described,
        "weights/sae": project / f"checkpoints/sae/{codec}.safetensors",
        "weights/probes": project / f"checkpoints/probes/{codec}.safetensors",
    }
    if weights not in ("embedded", "released"):
        inputs["weights/codec"] = codecs.source(codec, weights)
    made = partial(results.provenance, inputs, {"codec": codec, "weights": weights, "clips": clips}, "audiosae.sections.feature_browser")
    record, speakers = (project / "data/feature_browser" / codec / name for name in ("provenance.json", "speakers.csv"))
    sounds = project / "book/_static/sounds" / codec / "12_feature_browser"
    if not results.current(record, made(), speakers, sounds / "index.json", sounds / "pushed/index.json"):
        determinism.prepare(0)
        _, sae, fitted, table = own_sound.models(codec, weights, project)
        features = feature_cards.features_of(table, sae)
        named = feature_cards.speakers(table, features, fitted)
        cards = feature_cards.cards(table, features, sae, fitted, named, clips)
        record.unlink(missing_ok=True)  # from here on files may be new: a run that is killed leaves no record of them
        heard = json.loads(described.read_text(encoding="utf-8"))
        write_browser(sounds, f"Features of the autoencoder on {codec}", cards, feature_cards.class_names(table.edges), heard)

        manifest = corpus.load(project / "data/corpus")
        singles = manifest[(manifest["split"] == "test") & manifest["monophonic"]]
        example = singles.iloc[len(singles) // 2]
        mine = own_sound.load(example.file, codec, weights, project)
        strongest = named.sort_values("strength", ascending=False, kind="stable").drop_duplicates("property").sort_values("property")
        offered = {
            f"{row.feature}, for {row.property} {labels.class_name(row.property, row.number, table.edges[row.property])}": row.feature
            for row in strongest.itertuples()
        }
        write_switch(
            sounds / "pushed",
            f"One feature, pushed: {example.instrument}",
            {"feature": list(offered), "strength": [0, 0.5, 1, 2, 4]},
            lambda feature, strength: mine.pushed(offered[feature], strength),
            "Sounds are matched in loudness; the button goes to the original and back.",
            beside="the original",
            pictures=True,
        )
        whole.write(speakers, named.to_csv(index=False))
        results.write(record, {"provenance": made()})  # now it is known which programs ran
    return Features(pd.read_csv(speakers), sounds, sounds / "pushed")


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
