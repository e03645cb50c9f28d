"""The stage `clips`: every clip of the corpus as a sound for the book, once, for all cards that point into it.

    python -m audiosae.pipeline.clip_sounds data/corpus book/_static/sounds/clips

Each clip becomes an MP3 at −23 LUFS, and index.json says how long it is, what plays, and how loud it is over time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from audiosae import audio, corpus
from audiosae.audio import loudness
from audiosae.widgets.browser import describe_clip
from audiosae.widgets.sound import Sound, write_folder


def sound(path: str | Path) -> Sound:
    """A clip as a listener gets it: mono, at −23 LUFS."""
    mono = audio.mono_mix(*audio.read(path))
    return Sound(loudness.match_loudness([mono], audio.SAMPLE_RATE)[0], audio.SAMPLE_RATE)


def stage(folder: Path, target: Path, /) -> None:
    """Write all clips of the corpus in a folder to another, the index last."""
    files, index = {}, {}
    with ThreadPoolExecutor() as pool:  # one clip is compressed while the next is read
        for row in tqdm(list(corpus.load(folder).itertuples(index=False)), desc="clips", unit="clip"):
            made = sound(row.file)
            files[f"{row.clip}.mp3"] = pool.submit(made.mp3)
            index[row.clip] = describe_clip(made.wave, made.sample_rate, f"{row.instrument}, {row.part} ({row.split})")
    write_folder(target, {name: data.result() for name, data in files.items()}, index)


if __name__ == "__main__":
    from audiosae import command

    command.run(stage)
