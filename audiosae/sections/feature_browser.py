"""What the features of one codec's autoencoders stand for (the paper's section 3.2): cards to search and hear, and one feature pushed alone.

Run as ``python -m audiosae.sections.feature_browser --codec encodec --weights embedded --clips 4``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from audiosae import codecs, corpus
from audiosae.files import determinism, results, whole
from audiosae.sae import features_of, reference
from audiosae.widgets import Sound, own_sound, write_browser, write_switch
from audiosae.widgets import cards as feature_cards

FOLDERS = {"paper": "12_feature_browser", "k_sparse": "12_k_sparse"}
"""Where the sounds of each kind of autoencoder go."""


@dataclass(frozen=True)
class Features:
    """What the page shows, by kind of autoencoder."""

    speakers: dict[str, pd.DataFrame]  # see `feature_cards.speakers`
    fires: dict[str, pd.Series]  # the share of frames in which each feature with a card fires, by its number
    cards: dict[str, Path]  # folder of a feature browser
    pushed: dict[str, Path]  # folder of a switch that pushes one feature of each property


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
    inputs = {"data/frames": project / f"data/frames/{codec}.arrow", "data/clips": described}
    inputs |= {f"weights/{part}_{kind}": reference.in_use(codec, part, kind, project) for kind in FOLDERS for part in ("sae", "probes")}
    if weights not in ("embedded", "released"):
        inputs["weights/codec"] = codecs.source(codec, weights)
    made = partial(results.provenance, inputs, {"codec": codec, "weights": weights, "clips": clips}, "audiosae.sections.feature_browser")
    kept = project / "data/feature_browser" / codec
    record, speakers = kept / "provenance.json", {kind: kept / f"speakers_{kind}.csv" for kind in FOLDERS}
    sounds = {kind: project / "book/_static/sounds" / codec / folder for kind, folder in FOLDERS.items()}
    written = [*speakers.values(), *(folder / name for folder in sounds.values() for name in ("index.json", "pushed/index.json"))]
    if not results.current(record, made(), *written):
        determinism.prepare(0)
        record.unlink(missing_ok=True)  # from here on files may be new: a run that is killed leaves no record of them
        heard = json.loads(described.read_text(encoding="utf-8"))
        for kind, folder in sounds.items():
            named = _write(codec, weights, kind, clips, heard, folder, project)
            whole.write(speakers[kind], named.to_csv(index=False))
        results.write(record, {"provenance": made()})  # now it is known which programs ran
    cards = {kind: json.loads((folder / "index.json").read_text(encoding="utf-8"))["cards"] for kind, folder in sounds.items()}
    fires = {kind: pd.Series({card["feature"]: card["fires"] for card in own}) for kind, own in cards.items()}
    pushed = {kind: folder / "pushed" for kind, folder in sounds.items()}
    return Features({kind: pd.read_csv(path) for kind, path in speakers.items()}, fires, sounds, pushed)


def _write(codec: str, weights: str, kind: str, clips: int, heard: dict[str, Any], folder: Path, project: Path) -> pd.DataFrame:
    """Write the browser and the switch of one kind of autoencoder, and return its `feature_cards.speakers`."""
    _, sae, fitted, table = own_sound.models(codec, weights, project, kind)
    features = features_of(sae, table.latents)
    named = feature_cards.speakers(table, features, fitted)
    cards = feature_cards.cards(table, features, sae, fitted, named, clips)
    title = kind.replace("_", "-")
    anchor, classes = "feature" if kind == "paper" else f"{title}-feature", feature_cards.class_names(table.edges)
    write_browser(folder, f"Features of the {title} autoencoder", cards, classes, heard, anchor)

    manifest = corpus.load(project / "data/corpus")
    singles = manifest[(manifest["split"] == "test") & manifest["monophonic"]]
    example = singles.iloc[len(singles) // 2]
    mine = own_sound.load(example.file, codec, weights, project, kind)
    strongest = named.sort_values("strength", ascending=False, kind="stable").drop_duplicates("property").sort_values("property")
    offered = {f"{row.feature}, for {row.property} {classes[row.property][row.number]}": row.feature for row in strongest.itertuples()}
    axes: dict[str, list[Any]] = {"feature": list(offered), "r": [0, 0.5, 1, 2, 4]}
    caption = "Sounds are matched in loudness; the button goes to the original and back."

    def render(feature: str, r: float) -> Sound:
        return mine.pushed(offered[feature], r)

    write_switch(
        folder / "pushed", f"One feature, pushed: {example.instrument}", axes, render, caption, beside="the original", pictures=True
    )
    return named


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
