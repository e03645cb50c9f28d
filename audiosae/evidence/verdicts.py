"""The stage `verdicts`: the paper's claims one by one, each with our test, its figures, and what they decide.

A verdict is one of four. A rule that claims.yaml names gives it from figures that stand in results/; nobody writes one by hand. Where a
figure has an interval, the rule looks at the interval. Nothing is measured here. A rule is either in `RULES` and reads the figures that
the claim lists, or in `JUDGES` and finds its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from audiosae.audio.labels import PROPERTIES
from audiosae.evidence.paper import RANGES
from audiosae.files import results
from audiosae.files.params import codecs, generators

HOLDS, PART, NOT, OPEN = "holds", "holds in part", "does not hold here", "cannot be told here"
CLAIMS = Path(__file__).with_name("claims.yaml")


@dataclass(frozen=True)
class Figure:
    """A number that bears on a claim, or two for a range, or None where it is undefined; its interval, if it has one; and where it stands.

    `file` lies below results/, `path` holds the keys that lead to it there; `digits` are shown after the point.
    """

    label: str
    value: Any
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


def below(figure: Figure, bound: float) -> str:
    """Whether a number is below a bound, as far as its interval can tell."""
    return {HOLDS: NOT, NOT: HOLDS, OPEN: OPEN}[above(figure, bound)]


def before(first: Figure, then: Figure) -> str:
    """Whether one number is lower than another, as far as their intervals can tell; None is higher than any number."""
    if first.ci95 is None or then.ci95 is None:
        return OPEN
    (low, high), (then_low, then_high) = ([float("inf") if x is None else x for x in ci95] for ci95 in (first.ci95, then.ci95))
    return HOLDS if high < then_low else NOT if low > then_high else OPEN


def in_order(figures: Sequence[Figure]) -> str:
    """Whether each is lower than the next."""
    return together(map(before, figures, figures[1:]))


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


def _share(groups: Groups, low: float, high: float) -> str:
    """Above `high` it holds, below `low` it does not; the figure is a count and has no interval."""
    ((figure,),) = groups
    return HOLDS if figure.value > high else NOT if figure.value < low else PART


def _confined(groups: Groups, share: float) -> str:
    """Where the inside of a clip moves, before and after it move by less than a share of that."""
    verdicts = []
    for inside, *outside in groups:
        if above(inside) == HOLDS:
            verdicts.append(HOLDS if max(abs(figure.value) for figure in outside) < share * inside.value else NOT)
    return together(verdicts)


RULES: dict[str, Callable[..., str]] = {
    "above": lambda groups, bound: together(above(figure, bound) for group in groups for figure in group),
    "below": lambda groups, bound: together(below(figure, bound) for group in groups for figure in group),
    "ahead": lambda groups: together(before(other, groups[0][0]) for (other,) in groups[1:]),
    "in_order": lambda groups: in_order([figure for group in groups for figure in group]),
    "each_in_order": lambda groups: together(map(in_order, groups)),
    "share": _share,
    "confined": _confined,
}


# --- rules that find their own figures: sources, subject, files and bounds -> finding ---


def _wider(sources: Sources, _: str, files: list[str]) -> Finding:
    """FVU falls with each step of width, at every λ."""
    points = sorted(sources.at(files[0], ["points"]), key=lambda point: (point["l1"], point["factor"]))
    steps = [then["fvu"] < first["fvu"] for first, then in zip(points, points[1:]) if first["l1"] == then["l1"]]
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
    ahead = [before(other, figures["encodec"]) for codec, other in figures.items() if codec != "encodec" and "encodec" in figures]
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
    figures: list[Figure] = []
    verdicts = []
    for sparsity in sources.at(files[0], ["summary", "fvu_at_sparsity"]):
        path = f"summary/fvu_at_sparsity/{sparsity}"
        at = {
            key: sources.figure(f"FVU at sparsity {sparsity}, {label}", files[0], f"{path}/{key}", 4)
            for key, label in LOSSES.items()
            if sources.defined(files[0], f"{path}/{key}")
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


# --- claims ---


def read_claims() -> list[dict[str, Any]]:
    """The claims of claims.yaml, which says what its fields mean, with the caveats written out."""
    found = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    return [{**claim, "bears": [found["caveats"].get(each, each) for each in claim["bears"]]} for claim in found["claims"]]


def figures_of(claim: dict[str, Any], sources: Sources, subject: str) -> Groups:
    """The figures that a claim lists, a list for each property, or one list where they are of no property."""
    name = claim["files"][0].format(subject=subject)
    of_property = any("{prop}" in path for path in claim["figures"].values())
    groups = []
    for prop in claim.get("over", PROPERTIES) if of_property else [""]:
        paths = {label.format(prop=prop): path.format(subject=subject, prop=prop) for label, path in claim["figures"].items()}
        kept = {label: path for label, path in paths.items() if not claim.get("optional") or sources.defined(name, path)}
        groups.append([sources.figure(label, name, path, claim.get("digits", 2)) for label, path in kept.items()])
    return [group for group in groups if group]


def judge_claim(claim: dict[str, Any], sources: Sources, subject: str) -> Finding:
    """What the figures of one codec or generator decide; it cannot be told where a file is missing."""
    files = [name.format(subject=subject) for name in claim["files"]]
    if not all((sources.folder / name).is_file() for name in files):  # a question has not been put to every codec
        return Finding(OPEN)
    rule, *words = claim["rule"].split()
    bounds = [float(word) if word[0].isdigit() else word for word in words]
    if rule in JUDGES:
        return JUDGES[rule](sources, subject, files, *bounds)
    groups = figures_of(claim, sources, subject)
    listed = [figure for group in groups for figure in group]
    judged = [[listed[number] for number in claim["judged"]]] if "judged" in claim else groups
    return Finding(RULES[rule](judged, *bounds), listed)


def judge(sources: Sources, subjects: dict[str, list[str]]) -> list[dict[str, Any]]:
    """For each claim its words, test, page and caveats, `by` subject the verdict and figures, and one `verdict` of them.

    `subjects` are the names of what a claim can be about: "codec", "generator", and "all" for one that compares codecs.
    """
    judged = []
    for claim in read_claims():
        by = {subject: judge_claim(claim, sources, subject) for subject in subjects[claim["about"]]}
        words = {name: claim[name] for name in ("key", "kind", "claim", "section", "test", "page", "bears")}
        verdict = together(finding.verdict for finding in by.values())
        judged.append({**words, "verdict": verdict, "by": {subject: asdict(finding) for subject, finding in by.items()}})
    return judged


def run(folder: Path, params: Path) -> None:
    """Judge the figures in a folder of results, and write verdicts.json there; params.yaml names codecs and generators."""
    sources = Sources(folder)
    judged = judge(sources, {"codec": list(codecs(params)), "generator": list(generators(params)), "all": ["all codecs"]})
    read = {"claims": CLAIMS} | {f"data/{name}": folder / name for name in sorted(sources.read)}
    results.write(folder / "verdicts.json", {"claims": judged, "provenance": results.provenance(read, {}, "audiosae.evidence.verdicts")})


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
