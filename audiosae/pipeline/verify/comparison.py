"""Published and regenerated results side by side, number by number."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audiosae.pipeline.verify.tolerances import EQUAL, GATHERED, Tolerance, numeric, tolerance

ABSENT = "absent"
"""Stands for a figure that only the other file has."""

FINGERPRINT = "provenance.arithmetic"
HASHES = "provenance.inputs."


@dataclass(frozen=True)
class Difference:
    """One figure that is not the published one, or too far from it."""

    file: str
    place: str
    published: object
    regenerated: object
    allowed: Tolerance

    @property
    def size(self) -> float:
        """Relative to the larger of the two; infinite for what is no number, so that it is told first."""
        if not numeric(self.published) or not numeric(self.regenerated):
            return math.inf
        return abs(self.published - self.regenerated) / max(abs(self.published), abs(self.regenerated))

    def __str__(self) -> str:
        allowed = "" if self.allowed is EQUAL else f" ({self.allowed.what}: {self.allowed})"
        published, regenerated = _shown(self.published, self.regenerated)
        return f"{self.file}: {self.place}: published {published}, regenerated {regenerated}{allowed}"


@dataclass
class Comparison:
    """What came of the files compared so far.

    Attributes
    ----------
    files, numbers
        How many were compared.
    equal
        How many files have equal bytes.
    hashes
        How many hashes of data that is made anew were passed over; only on another processor.
    differences
        By file, in the order of the files.
    largest
        For each tolerance that was needed: the largest difference, absolute, and in how many figures.
    """

    files: int = 0
    numbers: int = 0
    equal: int = 0
    hashes: int = 0
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    largest: dict[Tolerance, tuple[float, int]] = field(default_factory=dict)


def compare(
    published: Path, regenerated: Path, file: str, into: Comparison, *, same_processor: bool, gathered: bool, fixed: Collection[str]
) -> None:
    """Compare one file of results, or all in a folder.

    Parameters
    ----------
    published, regenerated
        Roots of the two projects.
    file
        Path from there.
    into
        Is added to.
    same_processor
        Whether every figure must be equal; else the tolerances hold.
    gathered
        Whether the file was gathered from the published results, so that hardly anything may differ on any processor.
    fixed
        SHA-256 of the inputs that were not made anew: on another processor these hashes must be equal, and others cannot.
    """
    roots = (published, regenerated)
    if any((root / file).is_dir() for root in roots):
        names = {path.relative_to(root).as_posix() for root in roots for path in (root / file).rglob("*") if path.is_file()}
        for name in sorted(names):
            compare(published, regenerated, name, into, same_processor=same_processor, gathered=gathered, fixed=fixed)
        return
    into.files += 1
    found = into.differences.setdefault(file, [])
    there = [(root / file).is_file() for root in roots]
    if not all(there):
        states = ["a file" if one else ABSENT for one in there]
        found.append(Difference(file, "the whole", states[0], states[1], EQUAL))
        return
    old, new = ((root / file).read_bytes() for root in roots)
    into.equal += old == new
    try:
        before, after = (dict(_values(file, content.decode())) for content in (old, new))
    except ValueError as error:  # of the encoding, JSON, or a table
        if old != new:
            found.append(Difference(file, f"cannot be read ({error})", "some bytes", "others", EQUAL))
        return
    into.numbers += sum(map(numeric, before.values()))
    for place in before | after:
        was, now = before.get(place, ABSENT), after.get(place, ABSENT)
        if type(was) is type(now) and was == now:
            continue
        if not same_processor and place == FINGERPRINT:
            continue
        if not same_processor and place.startswith(HASHES) and now not in fixed and ABSENT not in (was, now):
            into.hashes += 1
            continue
        allowed = EQUAL if same_processor else GATHERED if gathered else tolerance(file, place)
        if numeric(was) and numeric(now):
            largest, count = into.largest.get(allowed, (0.0, 0))
            into.largest[allowed] = max(largest, abs(was - now)), count + 1
        if not allowed.allows(was, now):
            found.append(Difference(file, place, was, now, allowed))
    if same_processor and old != new and not found:
        found.append(Difference(file, "the bytes", "other spacing or order", "the same figures", EQUAL))
    found.sort(key=lambda difference: -difference.size)


def _shown(*values: object) -> list[str]:
    """Six digits of each; all of them where six do not tell one from the other. Of a hash, its beginning."""
    texts = [f"{value:.6g}" if numeric(value) else str(value) for value in values]
    short = [text if len(text) <= 40 else f"{text[:12]}…" for text in texts]
    return short if short[0] != short[1] else [repr(value) for value in values]


def _values(file: str, text: str) -> Iterator[tuple[str, object]]:
    """What stands in a file, by place: the leaves of JSON, the cells of a table, or the lines."""
    if file.endswith(".json"):
        yield from _leaves(json.loads(text))
    elif file.endswith(".csv"):
        header, *rows = csv.reader(text.splitlines())
        yield "header", ",".join(header)
        for line, row in enumerate(rows, start=2):
            yield from ((f"line {line}, {column}", _parsed(cell)) for column, cell in zip(header, row, strict=True))
    else:
        yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1))


def _leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """What stands at each path of nested JSON, such as "grid[2].fvu"; an empty list or object counts as a value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{index}]")
    else:
        yield place, value


def _parsed(cell: str) -> object:
    """A finite number as such, anything else as it is written."""
    try:
        return number if math.isfinite(number := float(cell)) else cell
    except ValueError:
        return cell
