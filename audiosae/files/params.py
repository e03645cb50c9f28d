"""What params.yaml may say: names, types and ranges of every parameter, checked before any stage starts.

Stages take the same values from the command lines that DVC makes of them; what a value means stands in params.yaml. Stages that gather
what was made for each codec and generator read those two sections here, and list `params: [codecs, generators]` in dvc.yaml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from audiosae.errors import ParameterError

TITLES = {
    "encodec": "EnCodec",
    "wavtokenizer": "WavTokenizer",
    "diffrhythm-vae": "DiffRhythm-VAE",
    "small-diffrhythm": "A small DiffRhythm",
    "diffrhythm": "DiffRhythm",
}
"""How codecs and generators are spelt in headings; one that is not here goes by its name."""

VAE = "diffrhythm-vae"
"""The codec on whose latents every generator works."""

TAKEN = ("clips", "evidence")
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
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Number = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0.5)]
Penalties = Annotated[list[Number], Field(min_length=1)]
Strengths = Annotated[list[Positive], Field(min_length=1), AfterValidator(_increasing)]
Quantiles = Annotated[list[Share], Field(min_length=2, max_length=2), AfterValidator(_increasing)]
Size = Annotated[Any, AfterValidator(_size)]


class _Section(BaseModel):
    """No name besides the declared ones, no conversion from another type, no NaN and nothing infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


_Model = TypeVar("_Model", bound=BaseModel)

# One class a section of params.yaml; what each line means stands there.


class Weights(_Section):
    weights: Quotable
    file: Quotable


class Shares(_Section):
    chorales: Number
    vocals: Number
    drums: Number
    guitar: Number
    piano: Number


class Corpus(_Section):
    source: Annotated[Text, Field(min_length=1)]
    minutes: Positive
    clip_seconds: Seconds
    shares: Shares
    seed: Seed

    @model_validator(mode="after")
    def _something_to_play(self) -> Corpus:
        shares = self.shares.model_dump()
        if not any(shares.values()):
            raise ValueError("shares: one of them must be above 0")
        if self.source == "embedded" and (none := [name for name, share in shares.items() if not share]):
            raise ValueError(f"shares.{', shares.'.join(none)}: must be above 0 where source is embedded")
        return self


class Loss(_Section):
    windows: Annotated[list[Count], Field(min_length=1)]
    waveform: Number
    spectral: Number
    level: Number
    bottleneck: Number
    adversarial: Number


class TrainCodec(_Section):
    minutes: Positive
    clip_seconds: Seconds
    steps: Count
    continuous: Share
    refine_steps: Annotated[int, Field(ge=0)]
    batch_size: Count
    learning_rate: Positive
    refine_rate: Positive
    save_every: Count
    seed: Seed
    shape: dict[str, Size]
    loss: Loss


class TrainGenerator(_Section):
    minutes: Positive
    clip_seconds: Seconds
    steps: Count
    learning_rate: Positive
    short_share: Share
    short_frames: Count
    short_batch: Count
    batch: Count
    unprompted: Share
    save_every: Count
    seed: Seed
    shape: dict[str, Count]


class Extraction(_Section):
    tracker: Literal["swift-f0", "crepe-tiny", "crepe-full"]
    seed: Seed


class Training(_Section):
    """What every training of an SAE is told."""

    epochs: Count
    batch: Count
    learning_rate: Positive
    seed: Seed


class SAETraining(Training):
    grid: Literal["small", "paper"]
    factor: Count
    l1: Number


class Fit(_Section):
    """What every fit of probes is told."""

    iterations: Count
    seed: Seed


class Probing(Fit):
    penalties: Penalties


class Steering(_Section):
    alphas: Strengths
    quantiles: Quantiles
    clips: Count
    seed: Seed


class FeatureBrowser(_Section):
    clips: Count


class Generation(_Section):
    texts: Text
    prompts: Annotated[int, Field(ge=2)]
    seconds: Positive
    states: Annotated[int, Field(ge=4)]
    strength: Number
    batch: Count
    steered: Count
    steered_seconds: Positive
    alpha: Number
    seed: Seed


class EvidenceGrid(Training):
    largest: Count
    few_frames: Count
    penalty: Number
    iterations: Count


class EvidenceLoss(Training):
    factor: Count
    l1: Number
    long: Count
    few_frames: Count


class EvidenceBaselines(Probing):
    sparse_penalty: Number
    cells: Annotated[int, Field(ge=2)]
    few_frames: Count


class EvidenceFeatures(Training):
    l1: Number
    seeds: Annotated[int, Field(ge=2)]
    penalties: Penalties
    iterations: Count
    halves: Count
    top: Count
    permutations: Count
    few_frames: Count


class EvidenceSteering(Probing):
    clips: Count
    seconds: Positive
    strengths: Strengths
    shares: Strengths
    quantiles: Quantiles
    time_strength: Positive
    few_frames: Count


class EvidenceRicher(Probing):
    few_frames: Count


class Evidence(_Section):
    grid: EvidenceGrid
    loss: EvidenceLoss
    baselines: EvidenceBaselines
    features: EvidenceFeatures
    steering: EvidenceSteering
    richer: EvidenceRicher


class Named(_Section):
    """The sections that say for which codecs and generators there are figures, pages and sounds."""

    model_config = ConfigDict(extra="ignore")

    codecs: Annotated[dict[Name, Weights], Field(min_length=1)]
    generators: dict[Name, Weights] = {}


class Params(Named):
    """The whole of params.yaml; what each line means stands there and in book/parameters.md."""

    model_config = ConfigDict(extra="forbid")

    generators: dict[Name, Weights]
    corpus: Corpus
    train_codec: dict[Name, TrainCodec]
    train_generator: TrainGenerator
    extraction: Extraction
    sae_training: SAETraining
    probing: Probing
    steering: Steering
    feature_browser: FeatureBrowser
    generation: Generation
    evidence: Evidence

    @model_validator(mode="after")
    def _names_fit(self) -> Params:
        if taken := [name for name in (*self.codecs, *self.generators) if name in TAKEN]:
            raise ValueError(f"{', '.join(taken)} cannot be the name of a codec or a generator, since a folder is called so")
        if twice := self.codecs.keys() & self.generators.keys():
            raise ValueError(f"{', '.join(sorted(twice))} is both a codec and a generator; give one of them another name")
        if self.generators and VAE not in self.codecs:
            raise ValueError(f"generators work on the latents of {VAE}, which is not among the codecs; write `generators: {{}}`")
        return self


def read(path: str | Path) -> Params:
    """Read params.yaml whole, and hold names, types and ranges against what the stages take.

    Raises
    ------
    ParameterError
        If the file is missing or no YAML; else with a line for each name that is unknown or missing, and each value of
        another type or out of range.
    """
    return _read(path, Params)


def codecs(path: str | Path) -> dict[str, dict[str, str]]:
    """`weights` and `file` of each codec that params.yaml names, in its order; errors as of `read`, for its first two sections."""
    return {name: line.model_dump() for name, line in _read(path, Named).codecs.items()}


def generators(path: str | Path) -> dict[str, dict[str, str]]:
    """The same of each generator; there may be none."""
    return {name: line.model_dump() for name, line in _read(path, Named).generators.items()}


def _read(path: str | Path, model: type[_Model]) -> _Model:
    # As DVC reads it: 1e-3 is a number there, and a name that is given twice an error.
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import load_yaml

    try:
        return model.model_validate(load_yaml(str(path)))
    except (OSError, DvcException) as error:
        raise ParameterError(
            f"{path} cannot be read: {error.__cause__ or error}\n"
            f"Run this in the project's folder, and mend the file or bring it back: git checkout {Path(path).name}"
        ) from error
    except ValidationError as error:
        lines = [_line(found) for found in error.errors()]
        raise ParameterError(f"{path}, {len(lines)} fault{'s' * (len(lines) > 1)}; nothing was run:\n  " + "\n  ".join(lines)) from None


def _line(found: Any) -> str:
    """One of pydantic's findings in a line: where, what is there, what should be."""
    place = ".".join(map(str, found["loc"])).replace(".[key]", "")
    match found["type"]:
        case "missing":
            return f"{place} is missing."
        case "extra_forbidden":
            return f"{place} is unknown; known there are {', '.join(_declared(found['loc']))}."
        case "value_error":
            return f"{place + ' ' if place else ''}{found['ctx']['error']}."
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
    kind: Any = Params
    for part in place[:-1]:
        kind = kind.model_fields[part].annotation if hasattr(kind, "model_fields") else get_args(kind)[1]
    return list(kind.model_fields)
