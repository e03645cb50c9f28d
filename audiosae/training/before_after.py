"""The stage `compare_codecs`: test clips decoded by the weights that shipped first and by today's, measured and for the ear.

    python -m audiosae.training.before_after --first FOLDER --target results/codec/before_after.json --sounds book/_static/sounds/codecs
        --tracker swift-f0 --seed 0

Frozen, since the first weights are in git's history alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import audio, codecs, corpus
from audiosae.audio import labels, loudness, pitch, similarity
from audiosae.codecs import Codec, embedded
from audiosae.files import determinism, results
from audiosae.stats import bootstrap
from audiosae.training.recipes import RECIPES
from audiosae.widgets import Sound, write_switch

FIGURES = ("pitch", "rms", "centroid", "log_mel_db")
"""As in `similarity.agreement`, and the log-mel distance, mean over clips."""

HEARD = 3
"""How many of the easiest and of the hardest clips a reader hears."""

VERSIONS = {"first": "first weights", "now": "today's weights"}


def run(first: Path, target: Path, sounds: Path, tracker: str, seed: int) -> None:
    """Decode and measure.

    Parameters
    ----------
    first
        Folder of the weights that shipped first.
    target
        JSON: a row for each codec and figure, with `first`, `now` and their `change`, each with the ends of its 95 % interval over
        recordings.
    sounds
        Folder of a switch, below the book's ``_static``.
    tracker, seed
        See `pitch.TRACKERS`; the seed is that of the intervals.
    """
    determinism.prepare(seed)
    files = {
        (name, version): folder / f"{name}.safetensors"
        for version, folder in (("first", first), ("now", embedded.FOLDER))
        for name in RECIPES
    }
    data = Path("data/corpus")
    manifest = corpus.load(data)
    test = manifest[manifest["split"] == "test"].set_index("clip")
    loaded = {key: codecs.load(key[0], path) for key, path in files.items()}
    sums = {key: pd.DataFrame(measure(test, codec, tracker), index=test.index) for key, codec in loaded.items()}
    rows = [row for name in RECIPES for row in compare(name, sums[name, "first"], sums[name, "now"], seed)]
    _write_sounds(sounds, test, {key: table["log_mel_db"] for key, table in sums.items()}, loaded)
    inputs = {"data/corpus": data / "manifest.csv", **{f"{version}/{name}": path for (name, version), path in files.items()}}
    made = results.provenance(inputs, {"tracker": tracker, "seed": seed}, "audiosae.training.before_after")
    results.write(target, {"figures": rows, "provenance": made})


def measure(test: pd.DataFrame, codec: Codec, tracker: str) -> Iterator[dict[str, float]]:
    """What each clip adds to the figures, see `figures`; frames are chosen as in `similarity.agreement`."""
    for row in tqdm(list(test.itertuples()), desc=f"decoding: {codec.name}", unit="clip"):
        reference, decoded = _render(row.file, codec)
        before, after = (labels.describe(wave, codec.sample_rate, codec.frame_rate, tracker) for wave in (reference, decoded))
        voiced = bool(row.monophonic) & labels.voiced(before.confidence, before.rms)
        cents = 100 * np.abs(pitch.to_midi(before.f0) - pitch.to_midi(after.f0))
        audible = (before.rms > labels.SILENCE) & np.isfinite(before.centroid) & np.isfinite(after.centroid)
        sums = {"hits": float((cents[voiced] <= 50).sum()), "voiced": float(voiced.sum())}
        for name in ("rms", "centroid"):
            x, y = (getattr(side, name)[audible].astype(float) for side in (before, after))
            values = (len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y)
            sums |= {f"{name}_{of}": float(value) for of, value in zip(("n", "x", "y", "xx", "yy", "xy"), values, strict=True)}
        distance = similarity.log_mel_mae(audio.to_mono(decoded), audio.to_mono(reference), codec.sample_rate)
        yield {**sums, "log_mel_db": distance, "clips": 1.0}


def figures(sums: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """`FIGURES` of clips, one for each row of weights [..., clips], from what `measure` gives."""
    of = {name: weights @ column.to_numpy() for name, column in sums.items()}

    def correlation(name: str) -> np.ndarray:
        n, x, y, xx, yy, xy = (of[f"{name}_{what}"] for what in ("n", "x", "y", "xx", "yy", "xy"))
        return (n * xy - x * y) / np.sqrt((n * xx - x**2) * (n * yy - y**2))

    distance = of["log_mel_db"] / of["clips"]
    return {"pitch": of["hits"] / of["voiced"], "rms": correlation("rms"), "centroid": correlation("centroid"), "log_mel_db": distance}


def compare(codec: str, first: pd.DataFrame, now: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """A row for each of `FIGURES`; for its interval the same recordings are drawn for both versions."""
    draws, all_once = bootstrap.weights(len(first), seed), np.ones(len(first))
    value, drawn = ({name: figures(table, weights) for name, table in (("first", first), ("now", now))} for weights in (all_once, draws))
    rows = []
    for figure in FIGURES:
        row: dict[str, Any] = {"codec": codec, "figure": figure}
        for what in ("first", "now", "change"):
            found, resampled = (of["now"][figure] - of["first"][figure] if what == "change" else of[what][figure] for of in (value, drawn))
            low, high = bootstrap.interval(resampled)
            row |= {what: float(found), f"{what}_low": low, f"{what}_high": high}
        rows.append(row)
    return rows


def chosen(distances: pd.DataFrame) -> dict[str, str]:
    """The easiest and the hardest clips by log-mel distance [clips, codecs], mean over codecs: label to clip, the easiest first."""
    order = distances.mean(axis=1).sort_values(kind="stable").index
    picked = [("easy", order[:HEARD]), ("hard", order[-HEARD:])]
    return {f"{which} {number}: {clip}": clip for which, of in picked for number, clip in enumerate(of, 1)}


@torch.no_grad()
def _render(file: str, codec: Codec) -> tuple[np.ndarray, np.ndarray]:
    """A clip as the codec is given it, and what comes back: two [channels, samples] of one length."""
    reference = audio.for_codec(*audio.read(file), codec.sample_rate, codec.channels)
    decoded = codec.decode(codec.encode(torch.from_numpy(reference)[None]))[0].numpy()[:, : reference.shape[1]]
    return reference[:, : decoded.shape[1]], decoded


def _write_sounds(
    folder: Path, test: pd.DataFrame, distances: dict[tuple[str, str], pd.Series], loaded: dict[tuple[str, str], Codec]
) -> None:
    """Original and both versions, matched in loudness."""
    picked = chosen(pd.DataFrame({name: distances[name, "first"] for name in RECIPES}))
    kinds = ["original", *VERSIONS.values()]

    @cache
    def waves(label: str, name: str) -> list[np.ndarray]:
        file = test.loc[picked[label], "file"]
        original, first = _render(file, loaded[name, "first"])
        _, now = _render(file, loaded[name, "now"])
        return loudness.match_loudness([original, first, now], loaded[name, "now"].sample_rate)

    def play(clip: str, codec: str, heard: str) -> Sound:
        versions = [version for version, words in VERSIONS.items() if words == heard]
        readout = {"log-mel distance": f"{distances[codec, versions[0]][picked[clip]]:.1f} dB"} if versions else {}
        return Sound(waves(clip, codec)[kinds.index(heard)], loaded[codec, "now"].sample_rate, readout)

    axes = {"clip": list(picked), "codec": list(RECIPES), "heard": kinds}
    caption = "Same music? The easiest and the hardest test clips by the log-mel distance of the first weights, mean over the three codecs."
    write_switch(folder, "Original, the weights that shipped first, and today's", axes, play, caption, pictures=True)


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
