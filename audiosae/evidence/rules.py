"""What a verdict is made of: figures that stand in results/, and rules that look at their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiosae import results

HOLDS, PART, NOT, OPEN = "holds", "holds in part", "does not hold here", "cannot be told here"
VERDICTS = (HOLDS, PART, NOT, OPEN)


@dataclass(frozen=True)
class Figure:
    """A number that bears on a claim, and where it stands.

    Attributes
    ----------
    label
        What it is, with its unit.
    value
        A number, or two for a range; None where it is undefined.
    ci95
        Its interval [low, high]; None where it has none.
    file
        Below results/.
    path
        Keys that lead to it there; empty where it is counted from several.
    digits
        After the point.
    """

    label: str
    value: float | list[float] | None
    ci95: list[float] | None
    file: str
    path: list[str]
    digits: int = 2


@dataclass(frozen=True)
class Finding:
    """What the figures decide for one codec or generator."""

    verdict: str
    figures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    """Files of results, read when asked for.

    Parameters
    ----------
    folder
        results/.
    """

    folder: Path
    read: dict[str, dict[str, Any]] = field(default_factory=dict)

    def file(self, name: str) -> dict[str, Any]:
        """A JSON file, by its path below results/; raises `ResultsError` where it is missing."""
        if name not in self.read:
            self.read[name] = results.read(self.folder / name)
        return self.read[name]

    def has(self, name: str) -> bool:
        """Whether the file is there: a question has not been put to every codec."""
        return (self.folder / name).is_file()

    def at(self, name: str, path: Sequence[str]) -> Any:
        """What stands in a file under a path of keys.

        Raises
        ------
        ResultsError
            If there is no such key.
        """
        found: Any = self.file(name)
        for key in path:
            if not isinstance(found, dict) or key not in found:
                raise results.ResultsError(f"{self.folder / name} has no {' → '.join(path)} (no {key!r}); run its stage again.")
            found = found[key]
        return found

    def figure(self, label: str, name: str, path: Sequence[str], ci95: str | None = None, digits: int = 2) -> Figure:
        """A number with its interval.

        Parameters
        ----------
        label, name, digits
            See `Figure`.
        path
            Of the number.
        ci95
            Key of its interval, beside the number; None for none.
        """
        interval = None if ci95 is None else self.at(name, [*path[:-1], ci95])
        return Figure(label, self.at(name, path), interval, name, list(path), digits)


def above(figure: Figure, bound: float = 0.0) -> str:
    """Whether a number is above a bound, as far as its interval can tell."""
    if figure.value is None or figure.ci95 is None:
        return OPEN
    low, high = figure.ci95
    return HOLDS if low > bound else NOT if high < bound else OPEN


def overlap(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Whether our range lies in theirs: holds; meets it: in part; or lies apart."""
    if theirs[0] <= ours[0] and ours[1] <= theirs[1]:
        return HOLDS
    return PART if ours[0] <= theirs[1] and theirs[0] <= ours[1] else NOT


def together(verdicts: Iterable[str]) -> str:
    """One verdict from several, each of which has to hold for the claim to hold.

    Where some hold and others do not, or could not be told, it holds in part. Where none holds, one that fails is enough to say that it does
    not hold here.
    """
    found = set(verdicts)
    if found <= {OPEN}:
        return OPEN
    if found == {HOLDS}:
        return HOLDS
    return PART if found & {HOLDS, PART} else NOT
