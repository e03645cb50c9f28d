"""The autoencoders and probes that ship with the repository, and where they are the ones to use.

A feature's number means something in one autoencoder only. So for each codec of the embedded corpus one autoencoder of each kind, with its
probes, was trained once and ships (stage `train_sae`). Sections 2 and 3 hand these to the later sections if corpus, codec and
parameters are those that they were made with; if not, what they train themselves. Their results say which.
An autoencoder that was imported goes before both.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiosae import codecs
from audiosae.files import checkpoint, whole
from audiosae.sae.imported import ImportedAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.model import SparseAutoencoder
from audiosae.sae.training import Settings

KINDS: dict[str, type[SparseAutoencoder]] = {"paper": SparseAutoencoder, "k_sparse": KSparseAutoencoder}
"""The paper's autoencoder, and one as practitioners train it today."""


def in_use(codec: str, part: str, kind: str = "paper", project: Path = Path(".")) -> Path:
    """Where all later sections find the autoencoder ("sae") of a kind, or its "probes"."""
    folder = project / "checkpoints"
    return (folder if kind == "paper" else folder / kind) / part / f"{codec}.safetensors"


def shipped(codec: str, part: str, kind: str, project: Path = Path(".")) -> Path:
    """Where the repository keeps its own."""
    return project / "checkpoints/shipped" / codec / kind / f"{part}.safetensors"


def imported(codec: str, project: Path = Path(".")) -> Path:
    """Where an autoencoder that was trained elsewhere stands, to be used in the place of the paper's; see `audiosae.interchange.importing`."""
    return project / "checkpoints/imported" / f"{codec}.safetensors"


def load(path: str | Path) -> SparseAutoencoder:
    """Read an autoencoder of any kind, in evaluation mode; errors as of `SparseAutoencoder.load`."""
    classes: list[type[SparseAutoencoder]] = [*KINDS.values(), ImportedAutoencoder]
    kinds = {cls.kind: cls for cls in classes}
    return kinds[checkpoint.load(path, *kinds)[1]["kind"]].load(path)


def made_of(codec: str, weights: str, settings: Settings, k: int | None, project: Path = Path(".")) -> dict[str, Any]:
    """What decides an autoencoder, but for the last bits of the processor: hashes of corpus and codec, and settings."""
    read = {"corpus": whole.path_hash(project / "data/corpus"), "codec": codecs.identity(codec, weights)}
    said = asdict(settings)
    if settings.precision == Settings.precision:  # what ships was made before there was a choice
        del said["precision"]
    return {**read, **said, "k": k}


def probes_of(sae: Path, tracker: str, penalty: float, iterations: int) -> dict[str, Any]:
    """What decides the probes of an autoencoder's file: its hash, the pitch tracker, and settings."""
    return {"sae": whole.file_hash(sae), "tracker": tracker, "penalty": penalty, "iterations": iterations}


def settle(codec: str, part: str, kind: str, of: Mapping[str, Any], project: Path, holds: str | None = None) -> bool:
    """Put into use what ships if its provenance says that it was made `of` just this, and return whether it does; if not, nothing is done.

    The rest is as for `in_use`; `holds` is the kind of checkpoint, None for the autoencoder's own.
    """
    source = shipped(codec, part, kind, project)
    ships = source.is_file() and checkpoint.load(source, holds or KINDS[kind].kind)[1].get("provenance", {}).get("of") == dict(of)
    if ships:
        with whole.writing(in_use(codec, part, kind, project)) as partial:
            shutil.copyfile(source, partial)
    return ships
