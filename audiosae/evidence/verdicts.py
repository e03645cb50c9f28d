"""The stage `verdicts`: the paper's claims one by one, each with our test, its figures, and what they decide.

A rule that claims.yaml names gives the verdict from figures in results/. It looks at intervals where there are any, and compares figures of
the same recordings or prompts by the interval of their paired difference. Where figures come from one training, differences count that are
larger than those between seeds. Evidence of something else than what is here decides nothing (`subject`). A rule is either in `RULES` and
reads the figures that the claim lists, or in `JUDGES` and finds its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from audiosae.audio.labels import PROPERTIES
from audiosae.evidence.paper import RANGES
from audiosae.files import results
from audiosae.files.params import codecs, generators
from audiosae.stats import bootstrap
from audiosae.steering import UNITS

HOLDS, PART, NOT, OPEN, APART = "holds", "holds in part", "does not hold here", "cannot be told here", "not comparable"
CLAIMS = Path(__file__).with_name("claims.yaml")

ORDER = ("pitch", "timbre", "amplitude")
"""In which the properties settle, says the paper."""

HARDLY = {"pitch": 1.0, "amplitude": 1.0, "timbre": 1 / 6}
"""What a property may move while another is steered, per unit of relative strength, and is still hardly moved.

A semitone is the smallest step of the scale, a dB about the smallest change that one hears, a sixth of an octave half a third-octave band.
"""


@dataclass(frozen=True)
class Figure:
    """A number that bears on a claim, or two for a range, or None where it is undefined; its interval, if it has one; and where it stands.

    `file` lies below results/, `path` holds its keys there; `digits` are shown after the point; `told` is the file's word for it.
    """

    label: str
    value: Any
    ci95: list[float] | None
    file: str
    path: list[str]
    digits: int = 2
    told: str = ""


@dataclass(frozen=True)
class Finding:
    """What the figures decide for one codec or generator, and why they could not, where that needs saying."""

    verdict: str
    figures: list[Figure] = field(default_factory=list)
    why: str | None = None


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

    def why_not(self, name: str) -> str | None:
        """Why a file cannot be used, as a sentence: it is missing, or evidence of something else than what is here; None if it can."""
        if name.startswith("evidence/"):
            _, question, codec = name.removesuffix(".json").split("/")
            return self.at("current.json", [question]).get(codec, "there is no such codec here")
        return None if (self.folder / name).is_file() else f"results/{name} is missing"

    def defined(self, name: str, path: str) -> bool:
        """Whether something other than null stands under keys parted by /, of which the last may be missing, or lie below null."""
        *above, key = path.split("/")
        return (self.at(name, above) or {}).get(key) is not None

    def figure(self, label: str, name: str, path: str, digits: int = 2) -> Figure:
        """A number under keys parted by /, with the interval that stands beside it: under KEY_ci95 or ci95."""
        *above, key = path.split("/")
        beside = self.at(name, above)
        ci95 = beside.get(f"{key}_ci95", beside.get("ci95"))
        return Figure(label, self.at(name, [*above, key]), ci95, name, [*above, key], digits, beside.get("told", ""))


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
    """One verdict from several: in part where some hold and not all; where none holds, one that fails decides."""
    found = set(verdicts)
    if len(found) == 1:
        return found.pop()
    return PART if found & {HOLDS, PART} else NOT if NOT in found else OPEN


# --- rules on listed figures: one list of figures a property, or pair of properties, or a single list, and bounds -> verdict ---

Groups = list[list[Figure]]


def _each(told: Callable[..., str]) -> Callable[..., str]:
    """The rule that asks the same of each figure."""
    return lambda groups, *bounds: together(told(figure, *bounds) for group in groups for figure in group)


def _share(figure: Figure, low: float, high: float) -> str:
    """Above `high` it holds, below `low` it does not; the figure is a count and has no interval."""
    return HOLDS if figure.value > high else NOT if figure.value < low else PART


def _confined(groups: Groups, share: float) -> str:
    """Where the inside of a clip moves, before and after it move by less than a share of that."""
    moved = [group for group in groups if above(group[0]) == HOLDS]
    return together(HOLDS if max(abs(figure.value) for figure in outside) < share * inside.value else NOT for inside, *outside in moved)


RULES: dict[str, Callable[..., str]] = {
    "above": _each(above),
    "hardly": _each(lambda figure: {HOLDS: NOT, NOT: HOLDS, OPEN: OPEN}[above(figure, HARDLY[figure.path[-2]])]),
    "less": _each(lambda figure: {"less": HOLDS, "more": NOT}.get(figure.told, OPEN)),
    "share": _each(_share),
    "confined": _confined,
}


# --- rules that find their own figures: sources, subject, files and bounds -> finding ---


def _over_seeds(sources: Sources, name: str, key: str, digits: int = 4) -> Figure:
    """Lowest and highest value of a figure over the seeds of section 2: what differs by less is luck."""
    values = sources.at(name, ["seeds", key])
    return Figure(f"{key} over {len(values)} seeds of section 2", [min(values), max(values)], None, name, ["seeds", key], digits)


def _ratios(ratios: Sequence[float], seeds: Figure) -> list[str]:
    """Whether each ratio of two figures lies below 1 by more than one seed lies apart from another."""
    low, high = seeds.value
    apart = high / low
    return [OPEN if apart == 1 or 1 / apart <= ratio <= apart else HOLDS if ratio < 1 else NOT for ratio in ratios]


def _wider(sources: Sources, _: str, files: list[str]) -> Finding:
    """FVU falls with each step of width, at every λ, as far as the seeds can tell."""
    points = sorted(sources.at(files[0], ["points"]), key=lambda point: (point["l1"], point["factor"]))
    steps = [then["fvu"] / first["fvu"] for first, then in zip(points, points[1:]) if first["l1"] == then["l1"]]
    seeds = _over_seeds(sources, files[1], "fvu")
    told = _ratios(steps, seeds)
    fell, rose = told.count(HOLDS), told.count(NOT)
    counts = {"steps to the next width, at one λ": len(steps), "FVU falls by more than seeds differ": fell, "FVU rises by more": rose}
    figures = [Figure(label, count, None, files[0], ["points"], 0) for label, count in counts.items()]
    return Finding(OPEN if not fell + rose else HOLDS if not rose else PART if fell > rose else NOT, [*figures, seeds])


def _range(sources: Sources, codec: str, files: list[str], key: str) -> Finding:
    """Our range of a figure lies in the paper's; section 3 fits its probe for longer than the grid does, so its accuracy counts too."""
    label = f"accuracy of {key}" if key in PROPERTIES else key
    ours = sources.at(files[0], ["ranges", key])
    figures = [Figure(f"{label}, over our grid", ours, None, files[0], ["ranges", key])]
    if key in PROPERTIES:
        figures.append(sources.figure("at the grid point of the later sections", files[1], f"codecs/{codec}/probing/{key}/accuracy"))
    if codec not in RANGES:
        return Finding(OPEN, figures, "the paper has no figure for this codec")
    values, theirs = [*ours, *(figure.value for figure in figures[1:])], RANGES[codec][key]
    figures.append(Figure("the paper's range", theirs, None, files[0], ["beside_paper", key, "paper"]))
    return Finding(overlap([min(values), max(values)], theirs), figures)


def paired(first: dict[str, list[int]], other: dict[str, list[int]]) -> tuple[float, list[float] | None]:
    """Accuracy of one codec minus that of another, from `baselines.by_recording`, and its interval, paired by recording; None from one."""
    shared = sorted(first.keys() & other.keys())
    ours, theirs = (np.array([found[name] for name in shared], dtype=float) for found in (first, other))

    def gap(chosen: np.ndarray) -> np.ndarray:
        (hits, frames), (their_hits, their_frames) = (np.moveaxis(found[chosen].sum(axis=-2), -1, 0) for found in (ours, theirs))
        return hits / frames - their_hits / their_frames

    value = float(gap(np.arange(len(shared))))
    return value, bootstrap.interval(gap(bootstrap.draws(len(shared), 0))) if len(shared) > 1 else None


def _encodec_ahead(sources: Sources, _: str, files: list[str], prop: str) -> Finding:
    """A property is more accurate on EnCodec than on each other codec, paired by recording."""
    path = ["properties", prop, "by_recording"]
    figures, left = [], []
    for codec in sources.at("summary.json", ["codecs"]):
        name = f"evidence/baselines/{codec}.json"
        if why := sources.why_not(name):
            left.append(f"{codec}: {why}")
        elif name not in files:
            label = f"accuracy of {prop}, EnCodec minus {codec}"
            figures.append(Figure(label, *paired(sources.at(files[0], path), sources.at(name, path)), name, path))
    return Finding(together(map(above, figures)), figures, "; ".join(left) or None)


def _same_sparsity(sources: Sources, _: str, files: list[str]) -> Finding:
    """Sparsity in the middle and at the end of a long training at one λ differ by no more than seeds do; from twice that it fails."""
    path = "summary/drift/paper"
    epochs = sorted(sources.at(files[0], path.split("/"))["sparsity"], key=int)
    middle, last = epochs[len(epochs) // 2], epochs[-1]
    seeds = _over_seeds(sources, files[1], "sparsity", 3)
    then = sources.figure(f"sparsity after {middle} epochs", files[0], f"{path}/sparsity/{middle}", 3)
    end = sources.figure(f"sparsity after {last} epochs, at the same λ", files[0], f"{path}/sparsity/{last}", 3)
    scale = sources.figure("rms of h at the end over that after the first epoch", files[0], f"{path}/scale_ratio")
    moved, apart = abs(end.value - then.value), seeds.value[1] - seeds.value[0]
    verdict = OPEN if not apart else HOLDS if moved <= apart else NOT if moved > 2 * apart else PART
    return Finding(verdict, [then, end, scale, seeds])


LOSSES = {"paper": "the paper's loss", "on_f": "penalty on f", "decoder_norm": "a standard loss without RMSNorm", "top_k": "TopK"}


def _best_loss(sources: Sources, _: str, files: list[str]) -> Finding:
    """The paper's loss has the lowest FVU at each sparsity that it and another reach, as far as the seeds can tell."""
    figures, ratios, path = [], [], ["summary", "fvu_at_sparsity"]
    for sparsity, at in sources.at(files[0], path).items():
        reached = {key: at[key] for key in LOSSES if at.get(key) is not None}
        if "paper" in reached and len(reached) > 1:
            label = f"FVU at sparsity {sparsity}, {{}}"
            figures += [Figure(label.format(LOSSES[key]), fvu, None, files[0], [*path, sparsity, key], 4) for key, fvu in reached.items()]
            ratios.append(reached.pop("paper") / min(reached.values()))
    seeds = _over_seeds(sources, files[1], "fvu")
    return Finding(together(_ratios(ratios, seeds)), [*figures, seeds])


def _order(sources: Sources, _: str, files: list[str], *path: str) -> Finding:
    """Along a path, each property changes before the next, by the mean state of change, paired by prompt."""
    way, tests = " ".join(path), sources.at(files[0], ["order", "pairs"])
    label = "{} changes at state (mean over the generation)"
    figures = [sources.figure(label.format(prop), files[0], f"order/areas/{way}/{prop}/area", 1) for prop in ORDER]
    places = {(test["path"], test["first"], test["second"]): str(place) for place, test in enumerate(tests)}
    for first, then in zip(ORDER, ORDER[1:]):
        place = places[way, first, then]
        test, at = tests[int(place)], ["order", "pairs", place, "difference"]
        figures.append(Figure(f"{first} before {then}, by states", test["difference"], test["ci95"], files[0], at, 1))
    return Finding(together(map(above, figures[len(ORDER) :])), figures)


JUDGES: dict[str, Callable[..., Finding]] = {
    "wider": _wider,
    "range": _range,
    "incomparable": lambda *given: replace(_range(*given), verdict=APART),
    "encodec_ahead": _encodec_ahead,
    "same_sparsity": _same_sparsity,
    "best_loss": _best_loss,
    "order": _order,
}


# --- claims ---


def read_claims(embedded: Collection[str] = ("corpus", "weights")) -> list[dict[str, Any]]:
    """The claims of claims.yaml, which says what its fields mean, with the caveats written out: of what ships only those that hold here."""
    found = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    told = dict(found["caveats"])
    for what in ("corpus", "weights"):
        told |= found[f"embedded_{what}"] if what in embedded else dict.fromkeys(found[f"embedded_{what}"], "")
    return [{**claim, "bears": [words for each in claim["bears"] if (words := told.get(each, each))]} for claim in found["claims"]]


def figures_of(claim: dict[str, Any], sources: Sources, subject: str, key: str = "figures") -> Groups:
    """The figures that a claim lists under a key: a list for each property, or pair of a steered and another one, or a single list."""
    listed, name = claim.get(key, {}), claim["files"][0].format(subject=subject)
    text = " ".join(listed.values())
    of = [
        {"prop": prop, "other": other, "unit": UNITS.get(prop), "other_unit": UNITS.get(other)}
        for prop in (claim.get("over", PROPERTIES) if "{prop}" in text else [""])
        for other in (sorted({*PROPERTIES} - {prop}) if "{other}" in text else [""])
    ]
    groups = []
    for names in of:
        paths = {label.format(**names): path.format(subject=subject, **names) for label, path in listed.items()}
        kept = [(label, path) for label, path in paths.items() if not claim.get("optional") or sources.defined(name, path)]
        groups.append([sources.figure(label, name, path, claim.get("digits", 2)) for label, path in kept])
    return [group for group in groups if group]


def judge_claim(claim: dict[str, Any], sources: Sources, subject: str) -> Finding:
    """What the figures of one codec or generator decide; it cannot be told where a file is missing or of something else than what is here."""
    files = [name.format(subject=subject) for name in claim["files"]]
    if why := next(filter(None, map(sources.why_not, files)), None):
        return Finding(OPEN, why=why)
    rule, *words = claim["rule"].split()
    bounds = [float(word) if word[0].isdigit() else word for word in words]
    if rule in JUDGES:
        return JUDGES[rule](sources, subject, files, *bounds)
    judged, beside = (figures_of(claim, sources, subject, key) for key in ("figures", "beside"))
    return Finding(RULES[rule](judged, *bounds), [figure for group in judged + beside for figure in group])


def judge(sources: Sources, subjects: dict[str, list[str]], embedded: Collection[str] = ("corpus", "weights")) -> list[dict[str, Any]]:
    """For each claim its words, `by` subject the verdict and figures, and one `verdict` of them.

    `subjects` are the names of what a claim can be about: "codec", "generator", and "all" for one that compares codecs; `embedded` says what
    of "corpus" and "weights" is what ships.
    """
    judged = []
    for claim in read_claims(embedded):
        by = {subject: asdict(judge_claim(claim, sources, subject)) for subject in subjects[claim["about"]]}
        words = {name: claim[name] for name in ("key", "kind", "claim", "section", "test", "page", "bears", "would_change")}
        judged.append({**words, "verdict": together(finding["verdict"] for finding in by.values()), "by": by})
    return judged


def run(folder: Path, params: Path, source: str) -> None:
    """Judge the figures in a folder of results, and write verdicts.json there; params.yaml names codecs, generators and the corpus's source."""
    sources, named, made = Sources(folder), codecs(params), generators(params)
    ship = {"corpus": source == "embedded", "weights": all(each["weights"] == "embedded" for each in [*named.values(), *made.values()])}
    subjects = {"codec": [*named], "generator": [*made], "all": ["all codecs"]}
    judged = judge(sources, subjects, [what for what, ships in ship.items() if ships])
    read = {"claims": CLAIMS} | {f"data/{name}": folder / name for name in sorted(sources.read)}
    results.write(folder / "verdicts.json", {"claims": judged, "provenance": results.provenance(read, {}, "audiosae.evidence.verdicts")})


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
