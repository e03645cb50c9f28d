"""What params.yaml may say: names, types and ranges of every parameter, checked before any stage starts.

Stages take the same values from their command lines; what a value means stands in params.yaml itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from audiosae.errors import ParameterError

TITLES = {
    "encodec": "EnCodec",
    "wavtokenizer": "WavTokenizer",
    "diffrhythm-vae": "DiffRhythm-VAE",
    "small-diffrhythm": "A small DiffRhythm",
    "diffrhythm": "DiffRhythm",
}
"""How codecs and generators are spelt in headings."""


OF_AUTHORS = "-released"
"""Ends the name under which a codec of `make released` stands beside the project's own."""


def title(name: str) -> str:
    """A codec or generator as it is spelt in headings; one without a title goes by its name."""
    plain = name.removesuffix(OF_AUTHORS)
    return TITLES.get(plain, plain) + ", released" * (plain != name)


VAE = "diffrhythm-vae"
"""The codec on whose latents every generator works."""

TAKEN = ("clips", "codecs", "evidence")
"""Names of folders beside those of the codecs and generators."""


def _increasing(values: list[float]) -> list[float]:
    if sorted(set(values)) != values:
        raise ValueError("must increase")
    return values


def _size(value: Any) -> Any:
    if not isinstance(value, str) and not all(type(one) is int and one > 0 for one in (value if isinstance(value, list) else [value])):
        raise ValueError("must be a word, a whole number above 0, or a list of such numbers")
    return value


# A name becomes part of paths and of command lines.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=40)]
# Stands between single quotes in the commands of dvc.yaml.
Quotable = Annotated[str, StringConstraints(pattern=r"^[^'\x00-\x1f\x7f]+$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]
Source = Annotated[Text, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Counts = Annotated[list[Count], Field(min_length=1)]
Several = Annotated[int, Field(ge=2)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Number = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0.5)]
Penalties = Annotated[list[Number], Field(min_length=1)]
Strengths = Annotated[list[Positive], Field(min_length=1), AfterValidator(_increasing)]
Quantiles = Annotated[list[Share], Field(min_length=2, max_length=2), AfterValidator(_increasing)]
Tracker = Literal["swift-f0", "crepe-tiny", "crepe-full"]
Size = Annotated[Any, AfterValidator(_size)]


class _Section(BaseModel):
    """No name besides the declared ones, no conversion from another type, no NaN and nothing infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Weights(_Section):
    weights: Quotable
    file: Quotable


_Codecs = Annotated[dict[Name, _Weights], Field(min_length=1)]


class _Named(_Section):
    """The two sections that say for which codecs and generators there are figures, pages and sounds; others are not looked at."""

    model_config = ConfigDict(extra="ignore")

    codecs: _Codecs
    generators: dict[Name, _Weights] = {}


def _section(**lines: Any) -> Any:
    """A section of params.yaml, from the type of each of its lines."""
    return create_model("Section", __base__=_Section, **lines)


_LONG_RUN = {"minutes": Positive, "clip_seconds": Seconds, "steps": Count, "learning_rate": Positive, "save_every": Count, "seed": Seed}
_SAE = {"epochs": Count, "batch": Count, "learning_rate": Positive, "seed": Seed}
_PROBES = {"penalties": Penalties, "iterations": Count, "seed": Seed}
_SHARES = _section(**dict.fromkeys(("chorales", "vocals", "drums", "guitar", "piano"), Number))
_TERMS = dict.fromkeys(("waveform", "spectral", "mel", "phase", "level", "pitch", "side", "bottleneck"), Number)
_CODEC = _section(
    **_LONG_RUN, start=Quotable, chorales=Positive, continuous=Share, batch_size=Count, crop=Count, average=Share, shape=dict[str, Size],
    loss=_section(windows=Counts, corner=Positive, **_TERMS),
)  # fmt: skip
_EVIDENCE = _section(
    grid=_section(**_SAE, largest=Count, few_frames=Count, penalty=Number, iterations=Count),
    loss=_section(**_SAE, factor=Count, l1=Number, long=Count, few_frames=Count),
    baselines=_section(**_PROBES, sparse_penalty=Number, cells=Several, few_frames=Count),
    features=_section(**_SAE | _PROBES, seeds=Several, halves=Count, top=Count, permutations=Count, few_frames=Count),
    steering=_section(**_PROBES, clips=Count, seconds=Seconds, seeds=Count, alphas=Strengths, quantiles=Quantiles, few_frames=Count),
    richer=_section(**_PROBES, few_frames=Count),
)  # fmt: skip
_ENGINE = _section(backend=Literal["loky", "dask", "ray"], workers=Annotated[int, Field(ge=0)], address=Text)
_PARAMS: type[BaseModel] = _section(
    codecs=_Codecs,
    generators=dict[Name, _Weights],
    corpus=_section(source=Source, minutes=Positive, clip_seconds=Seconds, shares=_SHARES, seed=Seed),
    train_codec=GenericAlias(dict, (Name, _CODEC)),  # for mypy, which takes no variable for a type
    train_generator=_section(
        **_LONG_RUN, start=Quotable, short_share=Share, short_frames=Count, short_batch=Count, batch=Count, unprompted=Share, shape=dict[str, Count]
    ),
    train_judge=_section(minutes=Positive, clip_seconds=Seconds, penalty=Positive, seed=Seed),
    compare_codecs=_section(tracker=Tracker, seed=Seed),
    extraction=_section(tracker=Tracker, seed=Seed),
    sae_training=_section(**_SAE, precision=Literal["float32", "bfloat16"], grid=Literal["small", "paper"], factor=Count, l1=Number, k=Count, seeds=Count),
    probing=_section(penalty=Number, iterations=Count, max_train_frames=Count, seed=Seed),
    steering=_section(alphas=Strengths, quantiles=Quantiles, clips=Count, seconds=Seconds, seed=Seed),
    feature_browser=_section(clips=Count),
    generation=_section(
        texts=Text, prompts=Several, seconds=Positive, states=Annotated[int, Field(ge=4)], strength=Number, batch=Count, steered=Count,
        steered_seconds=Positive, alpha=Number, precision=Literal["float32", "float16"], seed=Seed,
    ),
    evidence=_EVIDENCE,
    engine=_ENGINE,
)  # fmt: skip


def read(path: str | Path) -> dict[str, Any]:
    """Read params.yaml whole, and hold names, types and ranges against what the stages take.

    Raises
    ------
    ParameterError
        If the file is missing or no YAML; else with a line for each name that is unknown or missing, each value of
        another type or out of range, and each pair of values that contradict each other.
    """
    said = _read(path, _PARAMS)
    if faults := list(_contradictions(said)):
        raise _refused(path, faults)
    return said


def codecs(path: str | Path) -> dict[str, dict[str, str]]:
    """`weights` and `file` of each codec that params.yaml names, in its order; errors as of `read`, for two of its sections."""
    return _read(path, _Named)["codecs"]


def generators(path: str | Path) -> dict[str, dict[str, str]]:
    """The same of each generator; there may be none."""
    return _read(path, _Named)["generators"]


def engine(path: str | Path) -> dict[str, Any]:
    """The section `engine`, which no stage is told, since no result depends on it; errors as of `read`, for this section alone."""
    return _read(path, create_model("Engine", __base__=_Named, engine=_ENGINE))["engine"]


def _read(path: str | Path, model: type[BaseModel]) -> dict[str, Any]:
    # As DVC reads it: 1e-3 is a number there, and a name that is given twice an error.
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import load_yaml

    try:
        return model.model_validate(load_yaml(str(path))).model_dump()
    except (OSError, DvcException) as error:
        raise ParameterError(
            f"{path} cannot be read: {error.__cause__ or error}\n"
            f"Run this in the project's folder, and mend the file or bring it back: git checkout {Path(path).name}"
        ) from error
    except ValidationError as error:
        raise _refused(path, [_line(found) for found in error.errors()]) from None


def _refused(path: str | Path, lines: list[str]) -> ParameterError:
    return ParameterError(f"{path}, {len(lines)} fault{'s' * (len(lines) > 1)}; nothing was run:\n  " + "\n  ".join(lines))


def _contradictions(said: dict[str, Any]) -> Iterator[str]:
    """What is wrong with values of which each may be said."""
    corpus, codecs, generators = said["corpus"], said["codecs"], said["generators"]
    none = [name for name, share in corpus["shares"].items() if not share]
    if len(none) == len(corpus["shares"]):
        yield "corpus.shares: one of them must be above 0."
    elif none and corpus["source"] == "embedded":
        yield f"corpus.shares.{', shares.'.join(none)}: must be above 0 where source is embedded."
    if taken := [name for name in (*codecs, *generators) if name in TAKEN or name.endswith(OF_AUTHORS)]:
        yield f"{', '.join(taken)} cannot be the name of a codec or a generator, since a folder is called so."
    if twice := codecs.keys() & generators.keys():
        yield f"{', '.join(sorted(twice))} is both a codec and a generator; give one of them another name."
    if not {20, 30} <= set(said["steering"]["alphas"]):
        yield "steering.alphas: 20 and 30 must be among them, since pages show what they do."
    if generators and VAE not in codecs:
        yield f"generators work on the latents of {VAE}, which is not among the codecs; write `generators: {{}}`."


def _line(found: Any) -> str:
    """One of pydantic's findings in a line: where, what is there, what should be."""
    place = ".".join(map(str, found["loc"])).replace(".[key]", "")
    match found["type"]:
        case "missing":
            return f"{place} is missing."
        case "extra_forbidden":
            return f"{place} is unknown; known there are {', '.join(_declared(found['loc']))}."
        case "value_error":
            return f"{place} {found['ctx']['error']}."
        case "string_pattern_mismatch" if found["loc"][-1] == "[key]":
            return f"{place} cannot be a name; use letters, digits, - and _, and begin with a letter or a digit."
        case "string_pattern_mismatch":
            return f"{place} is {found['input']!r}; it must not be empty, nor hold a single quote or a control character."
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{place or 'its content'} is {found['input']!r}; it must have a line for each name."
    should = found["msg"].replace("Input should be", "it must be")
    return f"{place} is {found['input']!r}; {should[0].lower()}{should[1:]}."


def _declared(place: tuple[str | int, ...]) -> list[str]:
    """The names that the section of an unknown one has."""
    kind: Any = _PARAMS
    for part in place[:-1]:
        kind = kind.model_fields[part].annotation if hasattr(kind, "model_fields") else get_args(kind)[1]
    return list(kind.model_fields)
