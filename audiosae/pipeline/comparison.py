"""Published and regenerated results side by side, number by number, and how far apart they may be on another processor.

Another processor sums in another order, so latents differ in their last bits. Training an SAE magnifies that to the third digit of its
figures; the probes inherit it, and steering magnifies it again, since a clip whose pitch is lost or found moves a mean over twelve clips.
On the same processor nothing is allowed.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

ABSENT = "absent"
"""Stands for a figure that only the other file has."""

ANY = math.inf


@dataclass(frozen=True)
class Tolerance:
    """For one kind of figure.

    Attributes
    ----------
    what
        The kind.
    where
        A regular expression, searched for in "FILE: PLACE", such as "results/probing/encodec.json: properties.pitch.accuracy".
    absolute, relative
        A regenerated figure passes if one of them is kept. Both 0: it must be equal. Infinite: it is not compared.
    reason
        Why figures of this kind differ at all.
    """

    what: str
    where: str
    absolute: float = 0.0
    relative: float = 0.0
    reason: str = ""

    def allows(self, published: object, regenerated: object) -> bool:
        """Whether one may stand for the other. What is no number must be equal."""
        if math.isinf(self.absolute):
            return True
        if numeric(published) and numeric(regenerated):
            return math.isclose(published, regenerated, rel_tol=self.relative, abs_tol=self.absolute)
        return type(published) is type(regenerated) and published == regenerated

    def __str__(self) -> str:
        if math.isinf(self.absolute):
            return "not compared"
        kept = ([f"±{self.absolute:g}"] if self.absolute else []) + ([f"±{100 * self.relative:g} %"] if self.relative else [])
        return " or ".join(kept) or "equal"


def numeric(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


EQUAL = Tolerance("counts, choices, names, everything else", "")
GATHERED = Tolerance("gathered from published results", "", 0, 1e-9, "copied, or a mean of a few numbers")

_SAE = "the SAE is trained again, and training magnifies last bits"
_SILENCE = "latents of silence are equal, or differ in the last bit"
_PROBE = "a probe on an SAE that was trained again"
_STEER = "a probe and an SAE fitted again steer; a clip that loses or keeps its pitch moves the mean"
_ESTIMATE = "estimated, not measured: "
_INDEX = "penalties that do equally well change places; a feature's index means nothing in another SAE"

# About twice the largest difference between two runs on processors with AVX2 and with AVX-512, for the three codecs: results/ of commits
# cac19dd and 372f202. What was measured stands behind each line. The generator has run on one processor only.
OTHER_PROCESSOR = (
    Tolerance("bins", r"/bins\.json: edges", 0, 1e-6, "extremes of sums in float32"),  # 0
    Tolerance("codec: use and reconstruction", r"/extraction/", 0, 2e-5, "sums in another order"),  # 7.5e-6 relative
    Tolerance("SAE: fvu", r"/sae_training/.*fvu", 4e-3, 0, _SAE),  # 0.0018
    Tolerance("SAE: l0", r"/sae_training/.*l0$", 7, 0, _SAE),  # 3.3, where l0 is 190
    Tolerance("SAE: sparsity, dead", r"/sae_training/.*(sparsity|dead)$", 7e-3, 0, _SAE),  # 0.0032, 0.00098
    Tolerance("SAE: scale", r"/sae_training/.*scale$", 0.014, 0, _SAE),  # 0.0069
    Tolerance("distinct frames", r"/sae_training/.*distinct_frames$", 70, 0, _SILENCE),  # 33 of 19,387
    Tolerance("probe: accuracy", r"/probing/.*(accuracy|within_one)$", 0.03, 0, _PROBE),  # 0.0149
    Tolerance("probe: intervals", r"/probing/.*ci95\[", 0.035, 0, _PROBE),  # 0.0157
    Tolerance("probe: error in classes", r"/probing/.*mean_error_classes$", 0.2, 0, _PROBE),  # 0.099
    Tolerance("probe: penalty, index of a feature", r"/probing/.*(penalty|feature)$", ANY, 0, _INDEX),
    Tolerance("probe: contribution of a feature", r"/probing/.*contribution$", 1.6, 0, _PROBE),  # 0.76, where it is 4.6
    Tolerance("steering: on target", r"/steering/.*(on_target|by_alpha)", 0.4, 0, _STEER),  # 0.183; intervals 0.193
    Tolerance("steering: leakage", r"/steering/.*leakage$", 8, 0, _STEER),  # 3.9 bins, where the interval is 0.2 to 8.3
    Tolerance("steering: interval of leakage", r"/steering/.*leakage_ci95", 16, 0, _STEER),  # 7.8 bins
    Tolerance("steering: pitch lost", r"/steering/.*pitch_lost$", 0.25, 0, _STEER),  # 0.125: of eight pairs, one
    Tolerance("steering: relative strength", r"/steering/.*relative_strength", 2.2, 0, _STEER),  # 1.09
    Tolerance(
        "generation: sound",
        r"/generation/.*judgement\.",
        0.05,
        0.05,
        _ESTIMATE + "a fixed generator; a pitch or instrument may be heard otherwise",
    ),
    Tolerance(
        "generation: progress",
        r"/generation/(.*progress|.*_curves\.csv: line \d+, (mean|low|high)$)",
        0.4,
        0,
        _ESTIMATE + "as steering, of which it is the parallel: a probe and an SAE fitted again read noise",
    ),
    Tolerance(
        "generation: state of settling, order",
        r"/generation/.*(settles_at|settled\[|order\[)",
        ANY,
        0,
        _ESTIMATE + "where a flat curve enters a band for good; the curve itself is compared",
    ),
    Tolerance(
        "generation: prompts whose progress is known",
        r"/generation/.*properties.*prompts$",
        4,
        0,
        _ESTIMATE + "of a few prompts no class moves, or just one",
    ),
    Tolerance(
        "generation: steering on the way", r"/generation/.*steering\[.*(share|leakage)", 8, 0, _ESTIMATE + "as steering, of eight pieces"
    ),
    EQUAL,
)
"""The first whose `where` is found counts."""


def tolerance(file: str, place: str) -> Tolerance:
    """That of one figure, on another processor."""
    return next(kind for kind in OTHER_PROCESSOR if re.search(kind.where, f"{file}: {place}"))


@dataclass(frozen=True)
class Difference:
    """One figure that is not the published one, or too far from it."""

    file: str
    place: str
    published: object
    regenerated: object
    allowed: Tolerance = EQUAL

    @property
    def size(self) -> float:
        """Relative to the larger of the two; infinite for what is no number, so that it is told first."""
        if not numeric(self.published) or not numeric(self.regenerated):
            return math.inf
        return abs(self.published - self.regenerated) / max(abs(self.published), abs(self.regenerated))

    def __str__(self) -> str:
        values = (self.published, self.regenerated)
        # Six digits, or all of them where six do not tell one from the other; of a hash, its beginning.
        texts = [f"{value:.6g}" if numeric(value) else str(value) for value in values]
        short = [text if len(text) <= 40 else f"{text[:12]}…" for text in texts]
        published, regenerated = short if short[0] != short[1] else map(repr, values)
        allowed = "" if self.allowed is EQUAL else f" ({self.allowed.what}: {self.allowed})"
        return f"{self.file}: {self.place}: published {published}, regenerated {regenerated}{allowed}"


@dataclass
class Comparison:
    """Compares files of results, and counts.

    Attributes
    ----------
    published, regenerated
        Roots of the two projects.
    same_processor
        Whether every figure must be equal; else the tolerances hold.
    fixed
        SHA-256 of the inputs that were not made anew: on another processor these hashes must be equal, and others cannot.
    numbers, equal, hashes
        How many numbers were compared, how many files have equal bytes, how many hashes of data that is made anew were passed over.
    differences
        By file, in the order of the files.
    largest
        For each tolerance that was needed: the largest difference, absolute, and in how many figures.
    """

    published: Path
    regenerated: Path
    same_processor: bool
    fixed: Collection[str] = ()
    numbers: int = 0
    equal: int = 0
    hashes: int = 0
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    largest: dict[Tolerance, tuple[float, int]] = field(default_factory=dict)

    def add(self, file: str, gathered: bool = False) -> None:
        """Compare one file, or all in a folder; what was gathered from published results may hardly differ on any processor."""
        roots = (self.published, self.regenerated)
        if any((root / file).is_dir() for root in roots):
            for name in sorted(
                {path.relative_to(root).as_posix() for root in roots for path in (root / file).rglob("*") if path.is_file()}
            ):
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
            before, after = (dict(_values(file, content.decode())) for content in (old, new))
        except ValueError as error:  # of the encoding, JSON, or a table
            if old != new:
                found.append(Difference(file, f"cannot be read ({error})", "some bytes", "others"))
            return
        self.numbers += sum(map(numeric, before.values()))
        for place in before | after:
            found += self._differing(file, place, before.get(place, ABSENT), after.get(place, ABSENT), gathered)
        if self.same_processor and old != new and not found:
            found.append(Difference(file, "the bytes", "other spacing or order", "the same figures"))
        found.sort(key=lambda difference: -difference.size)

    def _differing(self, file: str, place: str, was: object, now: object, gathered: bool) -> Iterator[Difference]:
        """The difference in one figure, if it is not allowed."""
        if type(was) is type(now) and was == now:
            return
        if not self.same_processor and place == "provenance.arithmetic":
            return
        if not self.same_processor and place.startswith("provenance.inputs.") and now not in self.fixed and ABSENT not in (was, now):
            self.hashes += 1
            return
        allowed = EQUAL if self.same_processor else GATHERED if gathered else tolerance(file, place)
        if numeric(was) and numeric(now):
            largest, count = self.largest.get(allowed, (0.0, 0))
            self.largest[allowed] = max(largest, abs(was - now)), count + 1
        if not allowed.allows(was, now):
            yield Difference(file, place, was, now, allowed)


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
