"""Codecs behind one interface: wave to latents and back.

The latents are what the decoder receives; for a codec with codebooks that is the sum of the chosen vectors.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from audiosae.codecs import diffrhythm_vae, embedded, encodec, wavtokenizer
from audiosae.codecs.protocol import Codec, check, decodes, limit
from audiosae.errors import CheckpointError, ParameterError
from audiosae.files.whole import file_hash

__all__ = ["Codec", "check", "decodes", "identity", "load", "loaded", "source"]

PROJECT = Path(__file__).parents[2]

_LOADERS: dict[str, Callable[[str | Path], Codec]] = {
    "encodec": encodec.load,
    "wavtokenizer": wavtokenizer.load,
    "diffrhythm-vae": diffrhythm_vae.load,
}


def load(name: str, weights: str | Path = "embedded") -> Codec:
    """Load a codec, on the CPU, in evaluation mode.

    Parameters
    ----------
    name
        "encodec", "wavtokenizer", "diffrhythm-vae", or the name of a codec of your own.
    weights
        "embedded" for the small weights that this project trained, "released" for the authors' checkpoint (fetched once, pinned and
        cached), or the path of either kind of file. For a codec of your own: the path of a Python file with a function `load()`
        that returns a `Codec`. A relative path that is not in the working directory is looked for in the project's folder.

    Raises
    ------
    ParameterError
        If the name is unknown, or a codec of your own is not what a codec must be.
    CheckpointError, DownloadError
        If the weights are missing, damaged, or cannot be fetched.
    """
    if weights not in ("embedded", "released"):
        weights = source(name, weights)
        if weights.suffix == ".py":
            return _load_own(name, weights)
    if name not in _LOADERS:
        raise ParameterError(
            f"unknown codec {name!r}; known are {', '.join(_LOADERS)}. A codec of your own is a Python file, whose path "
            "is given as its weights."
        )
    return _LOADERS[name](weights)


@lru_cache(maxsize=1)
def loaded(name: str, weights: str, of: str) -> Codec:
    """The same, once a process, as long as what it is loaded from is `of` the same `identity`: for workers, who get many pieces of work."""
    return load(name, weights)


def source(name: str, weights: str | Path) -> Path:
    """The file that `load` reads, whether it is there or not; not for "released", whose file is known once it is fetched."""
    if weights == "embedded":
        return embedded.FOLDER / f"{name}.safetensors"
    path = Path(weights)
    return path if path.is_absolute() or path.exists() else PROJECT / path


def identity(name: str, weights: str) -> str:
    """What tells a codec from any other, on every processor: SHA-256 of its file of weights or code; "released" as it is, since that is pinned.

    A `CheckpointError` if there is no such file.
    """
    if weights == "released":
        return weights
    path = source(name, weights)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file, so it cannot be said which codec {name!r} is; run `make weights`.")
    return file_hash(path)


def _load_own(name: str, path: Path) -> Codec:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; check the path of your codec {name!r}.")
    with limit(str(path), "loading the codec"):
        make = runpy.run_path(str(path)).get("load")
        if not callable(make):
            raise ParameterError(f"{path}: a codec's file needs a function `load()` that returns the codec.")
        codec = make()
    check(codec, str(path))
    if codec.name != name:
        raise ParameterError(f"{path}: calls its codec {codec.name!r}, but {name!r} was asked for; give it one name.")
    return codec
