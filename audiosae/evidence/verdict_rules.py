"""What a verdict is made of: figures that stand in results/, and rules that look at their intervals.

A rule named in claims.yaml is either in `RULES` and reads the figures that the claim lists, or in `JUDGES` and finds its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiosae.audio.labels import PROPERTIES
from audiosae.evidence.paper import RANGES
from audiosae.files import results

HOLDS, PART, NOT, OPEN = "holds", "holds in part", "does not hold here", "cannot be told here"
VERDICTS = (HOLDS, PART, NOT, OPEN)


@dataclass(frozen=True)
class Figure:
    """A number that bears on a claim, and where it stands.

    Attributes
    ----------
    label
        What it is, with its unit.
    value, ci95
        A number, or two for a range, or None where it is undefined; its interval [low, high], if it has one.
    file, path
        Below results/, and the keys that lead to it there.
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
    """Files of results below a folder, read when asked for."""

    folder: Path
    read: dict[str, dict[str, Any]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a file is there: a question has not been put to every codec."""
        return (self.folder / name).is_file()

    def at(self, name: str, path: Sequence[str]) -> Any:
        """What stands in a file under a path of keys; a `ResultsError` if the file is missing or there is no such key."""
        if name not in self.read:
            self.read[name] = results.read(self.folder / name)
        found: Any = self.read[name]
        for key in path:
            if not isinstance(found, dict) or key not in found:
                raise results.ResultsError(f"{self.folder / name} has no {' → '.join(path)} (no {key!r}); run its stage again.")
            found = found[key]
        return found

    def defined(self, name: str, path: str) -> bool:
        """Whether something other than null stands under keys parted by /, of which the last may be missing."""
        *above, key = path.split("/")
        return self.at(name, above).get(key) is not None

    def figure(self, label: str, name: str, path: str, digits: int = 2) -> Figure:
        """A number under keys parted by /, with the interval that stands beside it: under KEY_ci95 or ci95."""
        *above, key = path.split("/")
        beside = self.at(name, above)
        return Figure(label, self.at(name, [*above, key]), beside.get(f"{key}_ci95", beside.get("ci95")), name, [*above, key], digits)


def above(figure: Figure, bound: float = 0.0) -> str:
    """Whether a number is above a bound, as far as its interval can tell."""
    if figure.value is None or figure.ci95 is None:
        return OPEN
    low, high = figure.ci95
    return HOLDS if low > bound else NOT if high < bound else OPEN


def below(figure: Figure, bound: float = 0.0) -> str:
    """Whether a number is below a bound, as far as its interval can tell."""
    return {HOLDS: NOT, NOT: HOLDS, OPEN: OPEN}[above(figure, bound)]


def before(first: Figure, then: Figure) -> str:
    """Whether one number is lower than another, as far as their intervals can tell; None is higher than any number."""
    (low, high), (then_low, then_high) = ([float("inf") if x is None else x for x in figure.ci95] for figure in (first, then))
    return HOLDS if high < then_low else NOT if low > then_high else OPEN


def overlap(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Whether our range lies in theirs: holds; meets it: in part; or lies apart."""
    if theirs[0] <= ours[0] and ours[1] <= theirs[1]:
        return HOLDS
    return PART if ours[0] <= theirs[1] and theirs[0] <= ours[1] else NOT


def together(verdicts: Iterable[str]) -> str:
    """One verdict from several, each of which has to hold for the claim to hold.

    Where some hold and others do not, or could not be told, it holds in part. Where none holds, one that fails is enough to say that it
    does not hold here.
    """
    found = set(verdicts)
    if found <= {OPEN}:
        return OPEN
    if found == {HOLDS}:
        return HOLDS
    return PART if found & {HOLDS, PART} else NOT


# --- rules on listed figures: one list of figures a property, or a single list, and bounds -> verdict ---

Groups = list[list[Figure]]


def _flat(groups: Groups) -> list[Figure]:
    return [figure for group in groups for figure in group]


def _in_order(figures: Sequence[Figure]) -> str:
    """Each lower than the next."""
    return together(before(first, then) for first, then in zip(figures, figures[1:]))


def _share(groups: Groups, low: float, high: float) -> str:
    """Above `high` it holds, below `low` it does not; the figure is a count and has no interval."""
    (figure,) = _flat(groups)
    return HOLDS if figure.value > high else NOT if figure.value < low else PART


def _confined(groups: Groups, share: float) -> str:
    """Where the inside of a clip moves, before and after it move by less than a share of that."""
    verdicts = []
    for inside, *outside in groups:
        if above(inside) == HOLDS:
            verdicts.append(HOLDS if max(abs(figure.value) for figure in outside) < share * inside.value else NOT)
    return together(verdicts)


RULES: dict[str, Callable[..., str]] = {
    "above": lambda groups, bound: together(above(figure, bound) for figure in _flat(groups)),
    "below": lambda groups, bound: together(below(figure, bound) for figure in _flat(groups)),
    "ahead": lambda groups: together(before(other, _flat(groups)[0]) for other in _flat(groups)[1:]),
    "in_order": lambda groups: _in_order(_flat(groups)),
    "each_in_order": lambda groups: together(map(_in_order, groups)),
    "share": _share,
    "confined": _confined,
}


# --- rules that find their own figures: sources, subject, files and bounds -> finding ---


def _wider(sources: Sources, _: str, files: list[str]) -> Finding:
    """FVU falls with each step of width, at every λ."""
    points = sources.at(files[0], ["points"])
    steps = []
    for penalty in sorted({point["l1"] for point in points}):
        fvu = [point["fvu"] for point in sorted(points, key=lambda point: point["factor"]) if point["l1"] == penalty]
        steps += [after < before for before, after in zip(fvu, fvu[1:])]
    share = sum(steps) / len(steps)
    ends = sorted({point["factor"] for point in points})
    label = f"share of steps to the next width, from {ends[0]} to {ends[-1]} times the latent, at which FVU falls"
    return Finding(HOLDS if share == 1 else PART if share > 0.5 else NOT, [Figure(label, share, None, files[0], ["points"])])


def _range(sources: Sources, codec: str, files: list[str], key: str) -> Finding:
    """Our range of a figure lies in the paper's; section 3 fits its probe for longer than the grid does, so its accuracy counts too."""
    label = f"accuracy of {key}" if key in PROPERTIES else key
    ours = sources.at(files[0], ["ranges", key])
    figures = [Figure(f"{label}, over our grid", ours, None, files[0], ["ranges", key])]
    if key in PROPERTIES:
        figures.append(sources.figure("at the grid point of the later sections", files[1], f"codecs/{codec}/probing/{key}/accuracy"))
    if codec not in RANGES:
        return Finding(OPEN, figures)
    values, theirs = [*ours, *(figure.value for figure in figures[1:])], RANGES[codec][key]
    figures.append(Figure("the paper's range", theirs, None, files[0], ["beside_paper", key, "paper"]))
    return Finding(overlap([min(values), max(values)], theirs), figures)


def _encodec_ahead(sources: Sources, _: str, files: list[str], prop: str) -> Finding:
    """A property is more accurate on EnCodec than on each other codec."""
    figures = {
        codec: sources.figure(f"accuracy of {prop}, {codec}", files[0], f"codecs/{codec}/probing/{prop}/accuracy")
        for codec in sources.at(files[0], ["codecs"])
    }
    if "encodec" not in figures or len(figures) < 2:
        return Finding(OPEN, list(figures.values()))
    ahead = [before(other, figures["encodec"]) for codec, other in figures.items() if codec != "encodec"]
    return Finding(together(ahead), list(figures.values()))


def _same_sparsity(sources: Sources, _: str, files: list[str], same: float) -> Finding:
    """Sparsity in the middle and at the end of a long training at one λ differ by less than `same`; from twice that it fails."""
    path = "summary/drift/paper"
    epochs = sorted(sources.at(files[0], [*path.split("/"), "sparsity"]), key=int)
    middle, last = epochs[len(epochs) // 2], epochs[-1]
    figures = [
        sources.figure(f"sparsity after {middle} epochs", files[0], f"{path}/sparsity/{middle}"),
        sources.figure(f"sparsity after {last} epochs, at the same λ", files[0], f"{path}/sparsity/{last}"),
        sources.figure("rms of h at the end over that after the first epoch", files[0], f"{path}/scale_ratio"),
    ]
    moved = abs(figures[1].value - figures[0].value)
    return Finding(HOLDS if moved < same else NOT if moved > 2 * same else PART, figures)


LOSSES = {"paper": "the paper's loss", "on_f": "penalty on f", "decoder_norm": "a standard loss without RMSNorm", "top_k": "TopK"}


def _best_loss(sources: Sources, _: str, files: list[str]) -> Finding:
    """The paper's loss has the lowest FVU at each sparsity that it and another reach."""
    figures, verdicts = [], []
    for sparsity, found in sources.at(files[0], ["summary", "fvu_at_sparsity"]).items():
        at = {
            key: sources.figure(f"FVU at sparsity {sparsity}, {label}", files[0], f"summary/fvu_at_sparsity/{sparsity}/{key}", 4)
            for key, label in LOSSES.items()
            if found.get(key) is not None
        }
        if "paper" in at and len(at) > 1:
            figures += at.values()
            verdicts.append(HOLDS if at["paper"].value <= min(other.value for other in at.values()) else NOT)
    return Finding(together(verdicts), figures)


JUDGES: dict[str, Callable[..., Finding]] = {
    "wider": _wider,
    "range": _range,
    "encodec_ahead": _encodec_ahead,
    "same_sparsity": _same_sparsity,
    "best_loss": _best_loss,
}
