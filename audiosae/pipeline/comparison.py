"""Published and regenerated results side by side, number by number, and how far apart they may be on another processor.

Another processor sums in another order, so that latents differ in their last bits: what is measured on them with shipped weights differs
little, what is trained again as one seed does from another. So how far a figure may go follows from what stands beside it in the published
file: its interval, or the same figure of other seeds.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import ChainMap
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple, TypeGuard

from scipy.stats import t

ABSENT = "absent"
"""Stands for a figure that only the other file has."""

RETRAINED = {"seeds", "grid", "directions"}
"""Under these names stands what sections 2 and 3 train again; and beside a number of `seeds` above 1, what rests on it."""
BARE = ("", "accuracy", "value", "difference", "mean", "area", "cosine")
"""Figures whose interval is called just ``ci95``, or ``low`` and ``high``, beside them; and these ends themselves."""
COUNTS = ("clips", "pieces", "hidden")
"""What shares may be of: names of numbers beside them, or beside what holds them."""


class Figure(NamedTuple):
    """What stands at one place of a file, such as "grid[2].fvu" or "line 4, mean"."""

    place: str
    value: Any
    names: tuple[str, ...] = ("",)  # of the objects that hold it and its own, from the root inwards
    beside: ChainMap[str, Any] = ChainMap()  # the object that holds it, before those that hold this one
    listed: tuple[float, ...] = ()  # the list of numbers that it is in, if it is in one

    @property
    def interval(self) -> list[float] | None:
        """The published 95 % interval [low, high] of this figure, or of which it is an end."""
        stem = re.sub(r"_?(ci95|low|high)$", "", self.names[-1])
        own = self.beside.maps[0]
        for prefix in [f"{stem}_"] + [""] * (stem in BARE):
            for ends in (own.get(f"{prefix}ci95"), [own.get(f"{prefix}low"), own.get(f"{prefix}high")]):
                if isinstance(ends, list) and len(ends) == 2 and all(map(numeric, ends)):
                    return ends
        return None


class Range(NamedTuple):
    """Where a regenerated figure may lie, and the width of the interval, or the size, of which its difference is told as a share."""

    low: float
    high: float
    unit: float


class Rule(NamedTuple):
    """For one kind of figure on another processor: how far it may go, why it differs at all, and what finds the range of a number, or None."""

    what: str
    allowed: str
    reason: str
    find: Callable[[str, Figure], Range | None]


def numeric(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _around(centre: float, half: float, unit: float) -> Range:
    return Range(centre - half, centre + half, unit)


def _measured(file: str, figure: Figure) -> Range | None:
    ends = figure.interval
    return _around(figure.value, (ends[1] - ends[0]) / 4, ends[1] - ends[0]) if ends else None


def _retrained(file: str, figure: Figure) -> Range | None:
    """The published interval; else the 99 % prediction interval of one more training, from the seeds, or from their relative spread."""
    seeds, size = figure.beside.get("seeds"), max(map(abs, figure.listed or [figure.value]))
    again = RETRAINED.intersection(figure.names if figure.listed else figure.names[:-1]) or (numeric(seeds) and seeds > 1)
    if again and (ends := figure.interval):
        width = ends[1] - ends[0]
        return _around(figure.value, width, width) if re.search("(ci95|low|high)$", figure.names[-1]) else Range(ends[0], ends[1], width)
    if not again or not isinstance(figure.value, float):
        return None
    whole = figure.beside.maps[-1].get("seeds")
    own = figure.listed if "seeds" in figure.names and len(figure.listed) > 1 else ()
    alike = own or (whole.get(figure.names[-1], ()) if isinstance(whole, dict) else ())
    if len(alike) < 2:
        return _around(figure.value, 0.1 * size, size)
    mean, spread = fmean(alike), t.ppf(0.995, len(alike) - 1) * stdev(alike)
    half = max(spread * (math.sqrt(1 + 1 / len(alike)) if own else math.sqrt(2) * abs(figure.value / (mean or 1))), 5 * _one(figure))
    return _around(mean if own else figure.value, half, 2 * half)


def _one(figure: Figure) -> float:
    """How much one clip, piece or feature is of a share of them; 0 for other figures."""
    if not re.search(r"share|lost|collapsed|heard|^dead$", figure.names[-1]):
        return 0
    holders = (figure.beside, figure.beside.get("chosen") or {})
    return next((1 / holder[name] for holder in holders for name in COUNTS if holder.get(name)), 0)


def _counted(file: str, figure: Figure) -> Range | None:
    return _around(figure.value, one * (5 if figure.names[-1] == "dead" else 1), 1) if (one := _one(figure)) else None


def _relative(share: float, where: str = "", whole: bool = False) -> Callable[[str, Figure], Range | None]:
    """A share of a measured figure, or of the largest in its list; whole numbers are equal, unless they are meant."""

    def find(file: str, figure: Figure) -> Range | None:
        if not (whole or isinstance(figure.value, float)) or not re.search(where, f"{file}: {figure.place}"):
            return None
        size = max(map(abs, figure.listed or [figure.value]))
        return _around(figure.value, share * size, size)

    return find


EQUAL = Rule("counts, choices, names", "equal", "", lambda file, figure: None)
GATHERED = Rule("gathered from published results", "1e-9", "copied, or a mean of a few numbers", _relative(1e-9))
TRAINED = Rule("trained again", "its interval, or 99 % for one more seed, or 10 %", "last bits change training", _retrained)
MEASURED = Rule("with an interval", "a quarter of its width", "sums in another order", _measured)
RULES = (
    TRAINED,
    MEASURED,
    Rule("share of clips, pieces, features", "one; of dead features five", "what is at a threshold falls to the other side", _counted),
    Rule("p of a test", "10 %", "ranks that are nearly tied change places", _relative(0.1, r"\bp$")),
    Rule("distinct frames", "0.4 %", "latents of silence are equal, or differ in the last bit", _relative(4e-3, "distinct", whole=True)),
    Rule("edges of bins", "1e-6", "extremes of sums in float32", _relative(1e-6, r"/bins\.json: edges")),
    Rule("use and reconstruction of codecs", "2e-4", "a code that is nearly tied changes", _relative(2e-4, "/extraction/")),
    Rule("without an interval, of shipped weights", "1e-3", "a code or class that is nearly tied changes", _relative(1e-3)),
)
"""The first that finds a range counts. What none speaks of is equal."""


@dataclass(frozen=True)
class Difference:
    """One figure that is not the published one, or too far from it, and how far in relation to the larger; infinite for what is no number."""

    file: str
    place: str
    published: object
    regenerated: object
    rule: Rule = EQUAL
    size: float = math.inf

    def __str__(self) -> str:
        values = (self.published, self.regenerated)
        # Six digits, or all of them where six do not tell one from the other; of a hash, its beginning.
        texts = [f"{value:.6g}" if numeric(value) else str(value) for value in values]
        short = [text if len(text) <= 40 else f"{text[:12]}…" for text in texts]
        published, regenerated = short if short[0] != short[1] else map(repr, values)
        allowed = "" if self.rule is EQUAL else f" ({self.rule.what}: {self.rule.allowed})"
        return f"{self.file}: {self.place}: published {published}, regenerated {regenerated}{allowed}"


@dataclass
class Comparison:
    """Compares files of results, and counts."""

    published: Path  # root of a project
    regenerated: Path
    same_processor: bool  # whether every figure must be equal; else the rules hold
    fixed: Collection[str] = ()  # SHA-256 of inputs that were not made anew: they must be equal on every processor, and others cannot
    equal: int = 0  # how many files have equal bytes
    hashes: int = 0  # how many hashes of data that is made anew were passed over
    differences: dict[str, list[Difference]] = field(default_factory=dict)  # by file, what is not allowed
    shares: dict[Rule, list[float]] = field(default_factory=dict)  # by rule, the difference of every number, see `Range`

    @property
    def within(self) -> float:
        """Share of the numbers that may stand for the published ones."""
        far = sum(numeric(difference.published) for found in self.differences.values() for difference in found)
        return 1 - far / max(1, sum(map(len, self.shares.values())))

    def add(self, file: str, gathered: bool = False) -> None:
        """Compare one file, or all in a folder; what was gathered from published results may hardly differ on any processor."""
        roots = (self.published, self.regenerated)
        if any((root / file).is_dir() for root in roots):
            names = {path.relative_to(root).as_posix() for root in roots for path in (root / file).rglob("*") if path.is_file()}
            for name in sorted(names):
                self.add(name, gathered)
            return
        found = self.differences.setdefault(file, [])
        there = ["a file" if (root / file).is_file() else ABSENT for root in roots]
        if ABSENT in there:
            found.append(Difference(file, "the whole", there[0], there[1]))
            return
        old, new = ((root / file).read_bytes() for root in roots)
        self.equal += old == new
        try:
            before, after = ({figure.place: figure for figure in _figures(file, content.decode())} for content in (old, new))
        except ValueError as error:  # of the encoding, JSON, or a table
            if old != new:
                found.append(Difference(file, f"cannot be read ({error})", "some bytes", "others"))
            return
        for place in before | after:
            was, now = (figures.get(place, Figure(place, ABSENT)) for figures in (before, after))
            found += self._differing(file, was, now.value, gathered)
        if self.same_processor and old != new and not found:
            found.append(Difference(file, "the bytes", "other spacing or order", "the same figures"))
        found.sort(key=lambda difference: -difference.size)

    def _differing(self, file: str, figure: Figure, now: object, gathered: bool) -> Iterator[Difference]:
        """The difference in one figure, if it is not allowed."""
        was, place, rule, allowed = figure.value, figure.place, EQUAL, None
        within = type(was) is type(now) and was == now
        if not within and not self.same_processor and place == "provenance.arithmetic":
            return
        if not within and not self.same_processor and place.startswith("provenance.inputs.") and not {was, now} & {*self.fixed, ABSENT}:
            self.hashes += 1
            return
        if numeric(was):
            made = figure.beside.maps[-1].get("provenance")
            chosen = isinstance(made, dict) and figure.names[-1] in made.get("parameters", ()) and not figure.listed
            if not self.same_processor and not place.startswith("provenance.") and not chosen:
                ranges = ((rule, rule.find(file, figure)) for rule in ((GATHERED,) if gathered else RULES))
                rule, allowed = next(((rule, found) for rule, found in ranges if found), (EQUAL, None))
            unit = allowed.unit if allowed else 0
            self.shares.setdefault(rule, []).append(abs(now - was) / (unit or 1) if numeric(now) else math.inf)
            if allowed and numeric(now):
                within = within or allowed.low - 1e-12 * unit <= now <= allowed.high + 1e-12 * unit
        if not within:
            size = abs(now - was) / max(abs(now), abs(was), 1e-300) if numeric(was) and numeric(now) else math.inf
            yield Difference(file, place, was, now, rule, size)


def _figures(file: str, text: str) -> Iterator[Figure]:
    """What stands in a file: the leaves of JSON, the cells of a table, or the lines."""
    if file.endswith(".json"):
        yield from _leaves(json.loads(text), Figure("", None, beside=ChainMap()))
    elif file.endswith(".csv"):
        header, *rows = csv.reader(text.splitlines())
        yield Figure("header", ",".join(header))
        for line, row in enumerate(rows, start=2):
            cells = dict(zip(header, map(_parsed, row), strict=True))
            yield from (Figure(f"line {line}, {column}", cell, (column,), ChainMap(cells)) for column, cell in cells.items())
    else:
        yield from (Figure(f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1))


def _leaves(value: Any, at: Figure) -> Iterator[Figure]:
    """What stands at each path of nested JSON, such as "grid[2].fvu"; an empty list or object counts as a value."""
    if isinstance(value, dict) and value:
        beside = ChainMap(value, *at.beside.maps) if at.place else ChainMap(value)
        for key, inner in value.items():
            yield from _leaves(inner, Figure(f"{at.place}.{key}".lstrip("."), None, (*at.names, key), beside))
    elif isinstance(value, list) and value:
        numbers = tuple(value) if all(map(numeric, value)) else ()
        for index, inner in enumerate(value):
            yield from _leaves(inner, at._replace(place=f"{at.place}[{index}]", listed=numbers))
    else:
        yield at._replace(value=value)


def _parsed(cell: str) -> object:
    """A finite number as such, anything else as it is written."""
    try:
        return int(cell) if re.fullmatch(r"-?\d+", cell) else number if math.isfinite(number := float(cell)) else cell
    except ValueError:
        return cell
