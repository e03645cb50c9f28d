"""The stage `bins`: where one loudness or brightness class ends and the next begins, for all codecs alike.

    python -m audiosae.bins data/corpus results/bins.json

Twenty bins of equal width between the smallest and the largest value in the training clips, measured 75 times a second.
A codec with another frame rate looks at other moments of the same clips; what it finds outside goes to the end bins.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from audiosae import audio, corpus, labels, results
from audiosae.errors import CorpusError, report

FRAME_RATE = 75.0
"""Of EnCodec and WavTokenizer."""


def measure(manifest: pd.DataFrame) -> dict[str, np.ndarray]:
    """Edges of the bins of every property.

    Parameters
    ----------
    manifest
        From `corpus.load`; its training clips count.

    Returns
    -------
    pitch
        29.5, 30.5, … in MIDI notes; see `labels.pitch_edges`.
    amplitude, timbre
        [21], in linear RMS and in Hz.

    Raises
    ------
    CorpusError
        If there is no training clip.
    """
    train = manifest[manifest["split"] == "train"]
    if train.empty:
        raise CorpusError("the manifest lists no training clips; build the corpus again.")
    levels, centroids = [], []
    for file in tqdm(list(train["file"]), desc="measuring bins", unit="clip"):
        wave, rate = audio.read(file)
        mono = audio.resample(audio.to_mono(wave), rate, audio.SAMPLE_RATE)
        times = labels.frame_times(int(len(mono) / audio.SAMPLE_RATE * FRAME_RATE), FRAME_RATE)
        rms, centroid = labels.level_and_brightness(mono, times)
        levels.append(rms)
        centroids.append(centroid)
    return {
        "pitch": labels.pitch_edges(),
        "amplitude": labels.equal_width_edges(np.concatenate(levels)),
        "timbre": labels.equal_width_edges(np.concatenate(centroids)),
    }


def load(path: str | Path) -> dict[str, np.ndarray]:
    """Read what the stage wrote.

    Raises
    ------
    ResultsError
        If the file is missing or damaged, or holds no increasing edges for a property.
    """
    read = results.read(path)
    try:
        found = {prop: np.array(read["edges"][prop], dtype=float) for prop in labels.PROPERTIES}
    except (KeyError, TypeError, ValueError) as error:
        raise results.ResultsError(f"{path} lacks the edges of bins ({error}); run `dvc repro bins`.") from error
    for prop, edges in found.items():
        if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
            raise results.ResultsError(
                f"{path}: the edges of {prop} are not two or more finite, increasing numbers; run `dvc repro bins`."
            )
    return found


def main() -> None:
    """Measure, and write JSON."""
    parser = argparse.ArgumentParser(prog="audiosae.bins", description=__doc__, allow_abbrev=False)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    edges = measure(corpus.load(given.corpus))
    results.write(given.target, {
        "edges": {prop: list(map(float, values)) for prop, values in edges.items()},
        "frame_rate": FRAME_RATE,
        "units": labels.UNITS,
        "provenance": results.provenance({"data/corpus": given.corpus / "manifest.csv"}, {}),
    })


if __name__ == "__main__":
    report(main)
