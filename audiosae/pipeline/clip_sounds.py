"""The stage `clips`: every clip of the corpus as a sound for the book, once, for all cards that point into it.

    python -m audiosae.pipeline.clip_sounds data/corpus book/_static/sounds/clips

Each clip becomes an MP3 at −23 LUFS, as all that is compared by ear here, and index.json says how long it is, what plays, and
how loud it is over time.
"""

from __future__ import annotations

import json
from pathlib import Path

from tqdm.auto import tqdm

from audiosae import audio, corpus
from audiosae.audio import loudness
from audiosae.files import whole
from audiosae.widgets.browser import describe_clip
from audiosae.widgets.sound import Sound, drop_others

INDEX = "index.json"


def sound(path: str | Path) -> Sound:
    """A clip as a listener gets it: mono, at −23 LUFS."""
    mono = audio.mono_mix(*audio.read(path))
    return Sound(loudness.match_loudness([mono], audio.SAMPLE_RATE)[0], audio.SAMPLE_RATE)


def stage(folder: Path, target: Path, /) -> None:
    """Write all clips, the index last.

    Parameters
    ----------
    folder
        The corpus.
    target
        Folder to write.
    """
    manifest = corpus.load(folder)
    target.mkdir(parents=True, exist_ok=True)
    index = {}
    for row in tqdm(list(manifest.itertuples(index=False)), desc="clips", unit="clip"):
        made = sound(row.file)
        whole.write(target / f"{row.clip}.mp3", made.mp3())
        index[row.clip] = describe_clip(made.wave, made.sample_rate, f"{row.instrument}, {row.part} ({row.split})")
    drop_others(target, {f"{clip}.mp3" for clip in index})
    whole.write(target / INDEX, (json.dumps(index, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    from audiosae import command

    command.run(stage)
