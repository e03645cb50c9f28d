"""The stage `clips`: every clip of the corpus as a sound for the book, once, for all cards that point into it.

    python -m audiosae.clips data/corpus book/_static/sounds/clips

Each clip becomes an MP3 at −23 LUFS, as all that is compared by ear here, and index.json says how long it is, what plays, and
how loud it is over time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from audiosae import audio, corpus, listening
from audiosae.errors import report
from audiosae.widgets.sound import Sound, drop_others, write_whole

PEAKS = 200
"""Columns of a drawn waveform."""

INDEX = "index.json"


def sound(path: str | Path) -> Sound:
    """A clip as a listener gets it: mono, at −23 LUFS."""
    wave, rate = audio.read(path)
    mono = audio.resample(audio.to_mono(wave), rate, audio.SAMPLE_RATE)
    return Sound(listening.match_loudness([mono], audio.SAMPLE_RATE)[0], audio.SAMPLE_RATE)


def describe(mono: np.ndarray, sample_rate: int, text: str) -> dict[str, object]:
    """What a card says of a clip.

    Parameters
    ----------
    mono
        [samples].
    sample_rate
        In Hz.
    text
        What plays.

    Returns
    -------
    text; seconds; peaks, the largest sample in each of `PEAKS` parts, 0 to 100 of the clip's largest.
    """
    edges = np.linspace(0, len(mono), min(PEAKS, len(mono)) + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(mono), edges)
    return {"text": text, "seconds": round(len(mono) / sample_rate, 3), "peaks": [int(v) for v in np.round(100 * peaks / max(float(peaks.max()), 1e-9))]}


def main() -> None:
    """Read the command line and write all clips, the index last."""
    parser = argparse.ArgumentParser(prog="python -m audiosae.clips", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("target")
    given = parser.parse_args()
    manifest = corpus.load(given.corpus)
    folder = Path(given.target)
    folder.mkdir(parents=True, exist_ok=True)
    index = {}
    for row in tqdm(list(manifest.itertuples(index=False)), desc="clips", unit="clip"):
        made = sound(row.file)
        write_whole(folder / f"{row.clip}.mp3", made.mp3())
        index[row.clip] = describe(made.wave, made.sample_rate, f"{row.instrument}, {row.part} ({row.split})")
    drop_others(folder, {f"{clip}.mp3" for clip in index})
    write_whole(folder / INDEX, (json.dumps(index, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    report(main)
