"""CocoChorales (Wu et al. 2022): four-part chorales in the manner of Bach on synthesised instruments, at 16 kHz.

Layout, from the makers' data_format.md and extract_tars.py (github.com/lukewys/chamber-ensemble-generator):

    main_dataset/{train,valid,test}/string_track000001/
        mix.wav  mix.mid  metadata.yaml
        stems_audio/0_violin.wav …   stems_MIDI/0_violin.mid …   # one of each a voice, from soprano to bass

The makers' split is kept. Both the mix and the stems are used, since the paper does not say which it took: a stem is a
single voice and monophonic, a mix is not, and each file is as likely to be drawn as any other. So four clips in five
are single voices. All files of a track are one piece. Some of the archives will do, if there is one of each split.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from audiosae.corpus.paper.dataset import Dataset, Recording

_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_ENSEMBLES = {"string": "strings", "brass": "brass", "woodwind": "woodwind", "random": "mixed"}
_FAMILIES = {
    "strings": ("violin", "viola", "cello", "double bass"),
    "brass": ("trumpet", "horn", "trombone", "tuba"),
    "woodwind": ("flute", "oboe", "clarinet", "bassoon", "saxophone"),
}
_FAMILY = {instrument: family for family, instruments in _FAMILIES.items() for instrument in instruments}


def recordings(home: Path) -> list[Recording]:
    """Mix and stems of every track; `CorpusError` for another layout."""
    main = COCOCHORALES.find(home, "main_dataset")
    found = []
    for folder, split in _SPLITS.items():
        for track in sorted((main / folder).glob("*_track*")):
            # The description of the format writes stems_MIDI, the code that made it stems_midi.
            midi = "stems_MIDI" if (track / "stems_MIDI").is_dir() else "stems_midi"
            voices = sorted(_stems(track / "stems_audio", ".wav") | _stems(track / midi, ".mid"))
            ensemble = track.name.split("_track")[0]
            files = [("mix.wav", "mix.mid", f"{ensemble} ensemble", _ENSEMBLES.get(ensemble, "mixed"))]
            for voice in voices or ["0_violin"]:
                instrument = voice.split("_", 1)[1].replace("_", " ")
                family = _FAMILY.get(instrument, "unknown")
                files.append((f"stems_audio/{voice}.wav", f"{midi}/{voice}.mid", instrument, family))
            for wav, mid, instrument, family in files:
                found.append(
                    Recording(
                        f"{track}/{wav}",
                        f"{COCOCHORALES.folder}/{track.name}",
                        split,
                        instrument,
                        family,
                        monophonic=wav != "mix.wav",
                        annotation=f"{track}/{mid}",
                    )
                )
    return found


def _stems(folder: Path, suffix: str) -> set[str]:
    """Names of voices, such as 0_violin."""
    names = os.listdir(folder) if folder.is_dir() else []
    return {name.removesuffix(suffix) for name in names if re.fullmatch(r"\d_.+", name) and name.endswith(suffix)}


COCOCHORALES = Dataset(
    part="chorales",
    name="CocoChorales",
    folder="cocochorales",
    layout="main_dataset/train, main_dataset/valid and main_dataset/test, with the folders of tracks from the archives",
    address="https://magenta.tensorflow.org/datasets/cocochorales",
    licence="CC BY 4.0",
    hours=11.2,
    listed="its tracks",
    recordings=recordings,
)
