"""Let pages take their numbers from results/, so that no figure is typed by hand.

Every JSON file below results/ is a name in the pages: results/summary.json is ``summary``,
results/extraction/encodec.json is ``extraction.encodec``. A page writes
``{{ percent(summary.codecs.encodec.probing.pitch.accuracy) }}``. A name that is not there fails the build, and the
message names the file and the key. Evidence that is not of what is here, as results/current.json tells, has no name: tables show dashes for it,
and what else asks for it stands in ``{where-current}`` (`verdicts`).

A number knows the place that it was read from, also after arithmetic, and the formatters hand that place on: they write a number as
the role ``made``, which `provenance` makes a link.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from audiosae.numbers import interval, number, percent


class MissingResult(ValueError):
    """A page asks for a number that no stage wrote."""


def _keeping(operation: Callable[[float, float], float], reflected: bool = False) -> Callable[[float, float], float]:
    """An operator whose outcome comes from wherever its operands do."""

    def apply(self: float, other: float) -> float:
        mine, theirs = _plain(self), _plain(other)
        return traced(operation(theirs, mine) if reflected else operation(mine, theirs), "; ".join(_origins(self, other)))

    return apply


class _Number:
    """What numbers of results have in common.

    Attributes
    ----------
    origin
        The file, and below it the keys, with arrows between; several with semicolons.
    """

    origin = ""
    __add__, __radd__ = _keeping(operator.add), _keeping(operator.add, reflected=True)
    __sub__, __rsub__ = _keeping(operator.sub), _keeping(operator.sub, reflected=True)
    __mul__, __rmul__ = _keeping(operator.mul), _keeping(operator.mul, reflected=True)
    __truediv__, __rtruediv__ = _keeping(operator.truediv), _keeping(operator.truediv, reflected=True)


class Whole(_Number, int):
    """A whole number of results."""


class Real(_Number, float):
    """Any other."""


class Numbers(list):
    """A list of results, such as an interval, with its origin."""

    origin = ""


def traced(value: object, origin: str) -> object:
    """Give numbers, and those in lists, their origin; None, truth values and text stay as they are."""
    if isinstance(value, list):
        value = Numbers(traced(item, f"{origin} → {index}") for index, item in enumerate(value))
    elif isinstance(value, dict):
        return {key: traced(item, f"{origin} → {key}") for key, item in value.items()}
    elif type(value) in (int, float):
        value = Whole(value) if isinstance(value, int) else Real(value)
    else:
        return value
    value.origin = origin
    return value


def _plain(value: float) -> float:
    return int(value) if isinstance(value, int) else float(value)


def _origins(*values: object) -> list[str]:
    return list(dict.fromkeys(origin for value in values if (origin := getattr(value, "origin", ""))))


class Results:
    """A branch of the results that says where it comes from when a key is missing.

    No dictionary, because MyST copies those key by key and would lose the origin.

    Parameters
    ----------
    values
        Nested dictionaries as JSON gives them.
    origin
        The file, and below it the keys, that lead here.
    """

    def __init__(self, values: dict, origin: str) -> None:
        self._values = values
        self._origin = origin

    def __getitem__(self, key: str) -> object:
        if key not in self._values:
            known = ", ".join(map(str, self._values)) or "nothing"
            raise MissingResult(f"{self._origin} has no “{key}”; it has {known}")
        value, origin = self._values[key], f"{self._origin} → {key}"
        return Results(value, origin) if isinstance(value, dict) else traced(value, origin)

    def __deepcopy__(self, memo: dict) -> Results:
        return self  # nothing here changes, and MyST copies its settings for every page

    def keys(self) -> list[str]:
        """What this branch has, in the order of the file or, for a folder, of its files' names."""
        return list(self._values)


def made(text: str, value: object) -> str:
    """A number as Markdown that names its origin; one that comes from nowhere in results/ stays text.

    Parameters
    ----------
    text
        As it is to be read.
    value
        The number, or the list of numbers, that it was written from.
    """
    origins = _origins(value) or (_origins(*value) if isinstance(value, list) else [])
    return f"{{made}}`{text} <{'; '.join(origins)}>`" if origins else text


# Objects with a call method, not functions: Sphinx stores its configuration, and functions do not pickle.
class Percent:
    """A share in 0…1 as a percentage: 0.8234 -> “82.3 %”."""

    def __call__(self, share: float | None, digits: int = 1) -> str:
        return "n/a" if share is None else made(percent(share, digits), share)


class Number:
    """A number with so many digits after the point; thousands stand apart."""

    def __call__(self, value: float | None, digits: int = 2) -> str:
        return "n/a" if value is None else made(number(value, digits), value)


class Interval:
    """A 95 % interval: [0.79, 0.85] -> “0.79 to 0.85”."""

    def __call__(self, bounds: list[float] | None, digits: int = 2) -> str:
        return "n/a" if bounds is None else made(interval(bounds, digits), bounds)


class Spread:
    """The lowest and the highest of several numbers, such as one a seed: [0.3, 0.1, 0.2] -> “0.10 to 0.30”; the only one, if there is one."""

    def __call__(self, values: list[float], digits: int = 2) -> str:
        ends = dict.fromkeys(number(end, digits) for end in (min(values), max(values)))
        return made(" to ".join(ends), values)


class YesNo:
    """A truth value in a word."""

    def __call__(self, value: bool) -> str:
        return "yes" if value else "no"


FORMATS = {"percent": Percent(), "number": Number(), "interval": Interval(), "spread": Spread(), "yes_no": YesNo()}


def load(folder: Path) -> dict[str, object]:
    """Read every JSON file below results/ into one tree of names, but for evidence that is not of what is here.

    Raises
    ------
    ExtensionError
        If there is no results/summary.json, or a file is not JSON.
    """
    if not (folder / "summary.json").is_file():
        raise ExtensionError(f"{folder / 'summary.json'} is missing; run `dvc repro`, which writes it.")
    told = folder / "current.json"
    current = _read(told) if told.is_file() else {}
    tree: dict[str, object] = {}
    for path in sorted(folder.rglob("*.json")):
        *parents, name = path.relative_to(folder).with_suffix("").parts
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        if parents[:1] == ["evidence"] and current.get(parents[-1], {}).get(name, "nobody says so") is not None:
            continue
        values = _read(path)
        branch[name] = Results(values, f"results/{path.relative_to(folder)}") if isinstance(values, dict) else values
    return {name: Results(value, f"results/{name}") if type(value) is dict else value for name, value in tree.items()}


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ExtensionError(f"{path} is not JSON ({error}); run `dvc repro` again.") from error


def add_names(app: Sphinx, config: Config) -> None:
    """Put the results and the formatters among MyST's substitutions."""
    config.myst_substitutions = {**config.myst_substitutions, **load(Path(app.srcdir).parent / "results"), **FORMATS}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", add_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
