"""The codecs and generators that params.yaml names, for the stages that gather what was made for each.

Such a stage lists `params: [codecs, generators]` in dvc.yaml, so that DVC knows what is read here.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from audiosae.errors import ParameterError

TITLES = {"encodec": "EnCodec", "wavtokenizer": "WavTokenizer", "diffrhythm-vae": "DiffRhythm-VAE",
          "small-diffrhythm": "A small DiffRhythm", "diffrhythm": "DiffRhythm"}
"""How codecs and generators are spelt in headings; one that is not here goes by its name."""


def codecs(path: str | Path) -> dict[str, dict[str, str]]:
    """Read the section `codecs`.

    Parameters
    ----------
    path
        Of params.yaml.

    Returns
    -------
    For each codec, in the order of the file, `weights` and `file`.

    Raises
    ------
    ParameterError
        If the file is missing or no YAML, the section is missing or empty, or a line lacks one of the two.
    """
    if not (named := _section(path, "codecs")):
        raise ParameterError(f"{path}: the section `codecs` names no codec; give it a line for each.")
    return named


def generators(path: str | Path) -> dict[str, dict[str, str]]:
    """Read the section `generators`, which may be empty, or missing.

    Parameters
    ----------
    path
        Of params.yaml.

    Returns
    -------
    For each generator, in the order of the file, `weights` and `file`; nothing where the section names none.

    Raises
    ------
    ParameterError
        If the file is missing or no YAML, or a line lacks one of the two.
    """
    return _section(path, "generators")


def _section(path: str | Path, name: str) -> dict[str, dict[str, str]]:
    try:
        named = (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}).get(name) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ParameterError(f"{path} cannot be read ({error}).") from error
    if not isinstance(named, dict):
        raise ParameterError(f"{path}: the section `{name}` must have a line for each, not {named!r}.")
    for key, line in named.items():
        if not isinstance(line, dict) or line.keys() != {"weights", "file"}:
            raise ParameterError(f"{path}: {name}.{key} must be {{weights: …, file: …}}, not {line!r}.")
    return named
