"""The corpus: clips of music with a manifest, from scores, from the paper's data sets or from a folder of recordings.

`building.build` writes a corpus, `load` reads its manifest. A corpus is a folder with

- `manifest.csv`: clip, part, piece, instrument, family, seed, duration (s), monophonic, split, file;
- `notes.csv`: clip, start (s), end (s), midi: what the score asked for, or what was annotated, where either exists;
- `audio/`: the clips, 24-bit FLAC at 44.1 kHz;
- `recordings.csv`, of recordings of one's own: what became of each file.
"""

from audiosae.corpus.manifest import load, load_notes

__all__ = ["load", "load_notes"]
