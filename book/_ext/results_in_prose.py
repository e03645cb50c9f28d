"""Let pages take their numbers from results/, so that no figure is typed by hand.

Every JSON file below results/ is a name in the pages: results/summary.json is ``summary``,
results/extraction/encodec.json is ``extraction.encodec``. A page writes
``{{ percent(summary.codecs.encodec.probing.pitch.accuracy) }}``. A name that is not there fails the build, and the
message names the file and the key.
"""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError


class MissingResult(ValueError):
    """A page asks for a number that no stage wrote."""


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
        self._origin = origin
        self._values = {
            key: Results(value, f"{origin} → {key}") if isinstance(value, dict) else value
            for key, value in values.items()
        }

    def __getitem__(self, key: str) -> object:
        if key not in self._values:
            known = ", ".join(map(str, self._values)) or "nothing"
            raise MissingResult(f"{self._origin} has no “{key}”; it has {known}")
        return self._values[key]

    def keys(self) -> list[str]:
        """What this branch has, in the order of the file or, for a folder, of its files' names."""
        return list(self._values)


# Objects with a call method, not functions: Sphinx stores its configuration, and functions do not pickle.
class Percent:
    """A share in 0…1 as a percentage: 0.8234 -> “82.3 %”."""

    def __call__(self, share: float | None, digits: int = 1) -> str:
        return "n/a" if share is None else f"{100 * share:.{digits}f} %".replace("-", "−")


class Number:
    """A number with so many digits after the point; thousands stand apart."""

    def __call__(self, value: float | None, digits: int = 2) -> str:
        return "n/a" if value is None else f"{value:,.{digits}f}".replace(",", " ").replace("-", "−")


class Interval:
    """A 95 % interval: [0.79, 0.85] -> “0.79 to 0.85”."""

    def __call__(self, bounds: list[float] | None, digits: int = 2) -> str:
        return "n/a" if bounds is None else " to ".join(Number()(bound, digits) for bound in bounds)


def load(folder: Path) -> dict[str, object]:
    """Read every JSON file below results/ into one tree of names.

    Raises
    ------
    ExtensionError
        If there is no results/summary.json, or a file is not JSON.
    """
    if not (folder / "summary.json").is_file():
        raise ExtensionError(f"{folder / 'summary.json'} is missing; run `dvc repro`, which writes it.")
    tree: dict[str, object] = {}
    for path in sorted(folder.rglob("*.json")):
        *parents, name = path.relative_to(folder).with_suffix("").parts
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ExtensionError(f"{path} is not JSON ({error}); run `dvc repro` again.") from error
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = Results(values, f"results/{path.relative_to(folder)}") if isinstance(values, dict) else values
    return {name: Results(value, f"results/{name}") if type(value) is dict else value for name, value in tree.items()}


def add_names(app: Sphinx, config: Config) -> None:
    """Put the results and the formatters among MyST's substitutions."""
    config.myst_substitutions = {
        **config.myst_substitutions,
        **load(Path(app.srcdir).parent / "results"),
        "percent": Percent(),
        "number": Number(),
        "interval": Interval(),
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", add_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
