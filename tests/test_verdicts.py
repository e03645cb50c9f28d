"""Verdicts follow from figures by rule, and change when the figures do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiosae.audio.labels import PROPERTIES
from audiosae.errors import AudiosaeError
from audiosae.evidence import verdicts
from audiosae.evidence.subject import QUESTIONS
from audiosae.evidence.verdicts import APART, HOLDS, NOT, OPEN, PART, Figure, Sources, judge, judge_claim, read_claims

Verdict = Callable[..., str]


def write(folder: Path, name: str, figures: dict[str, Any]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(figures))


def claim_of(key: str) -> dict[str, Any]:
    return next(claim for claim in read_claims() if claim["key"] == key)


@pytest.fixture
def verdict(tmp_path: Path) -> Verdict:
    """The verdict of one claim on a file of results; all evidence is of what is here, but that of one codec."""
    here = {"encodec": None, "own": None, "mel": None, "foreign": "of other recordings"}
    write(tmp_path, "current.json", dict.fromkeys(QUESTIONS, here))

    def told(key: str, name: str, figures: dict[str, Any], subject: str = "encodec") -> str:
        write(tmp_path, name, figures)
        return judge_claim(claim_of(key), Sources(tmp_path), subject).verdict

    return told


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, ci95, expected",
    [(0.2, [0.1, 0.3], HOLDS), (0.2, [-0.3, -0.1], NOT), (0.2, [-0.1, 0.3], OPEN), (0.2, None, OPEN), (None, [0.1, 0.2], OPEN)],
)
def test_the_interval_decides_and_not_the_number(value: float | None, ci95: list[float] | None, expected: str) -> None:
    found = Figure("a figure", value, ci95, "summary.json", [])
    assert verdicts.above(found) == expected


@pytest.mark.parametrize(
    "ours, expected", [([0.6, 0.8], HOLDS), ([0.5, 0.8], PART), ([0.1, 0.95], PART), ([0.1, 0.4], NOT), ([0.91, 0.99], NOT)]
)
def test_ranges(ours: list[float], expected: str) -> None:
    assert verdicts.overlap(ours, [0.55, 0.9]) == expected


@pytest.mark.parametrize(
    "several, expected",
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, NOT], PART),
        ([NOT, NOT], NOT),
        ([HOLDS, OPEN], PART),
        ([NOT, OPEN], NOT),
        ([OPEN], OPEN),
        ([], OPEN),
        ([PART, HOLDS], PART),
        ([APART, APART], APART),
        ([APART, OPEN], OPEN),
        ([APART, HOLDS], PART),
        ([APART, NOT], NOT),
    ],
)
def test_several_verdicts_make_one(several: list[str], expected: str) -> None:
    assert verdicts.together(several) == expected


# --- where figures come from ------------------------------------------------------------------------------------------


def test_a_figure_has_its_path_and_the_interval_beside_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a/b.json",
        {"x": {"y": 0.5, "y_ci95": [0.4, 0.6]}, "w": {"accuracy": 0.5, "ci95": [0.1, 0.6]}, "z": {"count": 3}, "none": None},
    )
    sources = Sources(tmp_path)
    found = sources.figure("label", "a/b.json", "x/y")
    assert (found.value, found.ci95, found.file, found.path) == (0.5, [0.4, 0.6], "a/b.json", ["x", "y"])
    assert sources.figure("label", "a/b.json", "w/accuracy").ci95 == [0.1, 0.6]
    assert sources.figure("label", "a/b.json", "z/count").ci95 is None
    assert sources.defined("a/b.json", "z/count") and not sources.defined("a/b.json", "z/other")
    with pytest.raises(AudiosaeError, match=r"a/b\.json has no x → v \(no 'v'\)"):
        sources.at("a/b.json", ["x", "v"])
    with pytest.raises(AudiosaeError, match="has no v"):
        sources.defined("a/b.json", "v/other")
    assert not sources.defined("a/b.json", "none/other")


# --- claims -----------------------------------------------------------------------------------------------------------


def test_every_claim_names_a_rule_and_says_what_its_page_shows() -> None:
    claims = read_claims()
    assert len({claim["key"] for claim in claims}) == len(claims)
    for claim in claims:
        rule = claim["rule"].split()[0]
        assert (rule in verdicts.JUDGES) != (rule in verdicts.RULES) and ("figures" in claim) == (rule in verdicts.RULES), claim["key"]
        assert claim["kind"] in ("paper", "open") and claim["bears"]
        assert all(len(text.split()) > 3 for text in [*claim["bears"], claim["would_change"]])


def test_missing_or_foreign_evidence_leaves_a_claim_open_and_says_why(tmp_path: Path) -> None:
    """Figures that would hold decide nothing where they are of other recordings."""
    accuracy = {"probing": {prop: {"accuracy": 0.5, "ci95": [0.4, 0.6]} for prop in PROPERTIES}}
    figures = {
        "points": [{"factor": n, "l1": 0.1, "fvu": 1 / n} for n in (4, 8)],
        "ranges": dict.fromkeys(("sparsity", *PROPERTIES), [0.5, 0.6]),
    }
    for codec in ("own", "other"):
        write(tmp_path, f"evidence/grid/{codec}.json", figures)
        write(tmp_path, f"sae_training/{codec}.json", {"seeds": {"fvu": [0.1, 0.11]}})
    foreign = {"own": "not computed", "other": "of other recordings", "new": "not computed"}
    write(tmp_path, "current.json", dict.fromkeys(QUESTIONS, foreign) | {"grid": foreign | {"own": None}})
    write(tmp_path, "summary.json", {"codecs": {"own": accuracy}})
    judged = {claim["key"]: claim for claim in judge(Sources(tmp_path), {"codec": list(foreign), "generator": ["small"], "all": []})}
    by = judged["wider"]["by"]
    assert by["own"]["verdict"] == HOLDS and by["own"]["why"] is None and judged["wider"]["verdict"] == PART
    assert by["other"] == {"verdict": OPEN, "figures": [], "why": "of other recordings"} and by["new"]["why"] == "not computed"
    assert judged["raw"]["verdict"] == OPEN and judged["raw"]["by"]["own"]["why"] == "not computed"
    assert judged["order"]["by"]["small"]["why"] == "results/generation/small.json is missing"
    assert judged["loudness-encodec"]["by"] == {} and judged["loudness-encodec"]["verdict"] == OPEN
    assert judge_claim(claim_of("loudness-encodec"), Sources(tmp_path), "all codecs").why == "there is no such codec here"


SEEDS = {"fvu": [0.10, 0.11, 0.105], "sparsity": [0.60, 0.62, 0.61]}


@pytest.mark.parametrize(
    "fvu, expected",
    [
        ((0.5, 0.4, 0.2, 0.1), HOLDS),
        ((0.5, 0.4, 0.2, 0.21), HOLDS),  # seeds differ by a tenth, so this rise does not count
        ((0.5, 0.4, 0.2, 0.25), PART),
        ((0.5, 0.4, 0.5, 0.6), NOT),
        ((0.5, 0.49, 0.48, 0.47), OPEN),
    ],
)
def test_wider_is_better_only_if_every_step_is_that_seeds_can_tell(
    verdict: Verdict, tmp_path: Path, fvu: tuple[float, ...], expected: str
) -> None:
    points = [{"factor": factor, "l1": 0.1, "fvu": value} for factor, value in zip((4, 8, 16, 32), fvu)]
    other = [{"factor": 4, "l1": 0.2, "fvu": 9.0}]  # steps are taken at one λ
    write(tmp_path, "sae_training/encodec.json", {"seeds": SEEDS})
    assert verdict("wider", "evidence/grid/encodec.json", {"points": other + points[::-1]}) == expected
    write(tmp_path, "sae_training/encodec.json", {"seeds": {"fvu": [0.1]}})
    assert verdict("wider", "evidence/grid/encodec.json", {"points": points}) == OPEN


@pytest.mark.parametrize(
    "first, second, expected",
    [([1.0, 3.0], [0.5, 2.0], HOLDS), ([1.0, 3.0], [-2.0, -1.0], PART), ([1.0, 3.0], [-1.0, 2.0], PART), ([-3.0, -1.0], [-1.0, 2.0], NOT), ([-1.0, 1.0], [-1.0, 2.0], OPEN)],
)  # fmt: skip
def test_an_order_is_told_by_paired_differences(verdict: Verdict, first: list[float], second: list[float], expected: str) -> None:
    """Neighbours alone count, on the path that the claim names."""
    noisy, clean = "noisy latents", "clean estimate"
    pairs = [(noisy, "pitch", "timbre", first), (noisy, "pitch", "amplitude", [-9.0, -8.0]), (noisy, "timbre", "amplitude", second)]
    pairs += [(clean, "pitch", "timbre", [-9.0, -8.0]), (clean, "timbre", "amplitude", [-9.0, -8.0])]
    tests = [{"path": path, "first": a, "second": b, "difference": sum(ci) / 2, "ci95": ci} for path, a, b, ci in pairs]
    areas = {path: {prop: {"area": 10.0, "ci95": [9.0, 11.0]} for prop in PROPERTIES} for path in (noisy, clean)}
    figures = {"order": {"areas": areas, "pairs": tests}}
    assert verdict("order", "generation/small.json", figures, "small") == expected
    assert verdict("estimate", "generation/small.json", figures, "small") == NOT


@pytest.mark.parametrize("ahead, expected", [([0.5, 2.0], HOLDS), ([-1.0, 2.0], PART)])
def test_the_generator_is_told_from_its_line_by_the_lead(verdict: Verdict, ahead: list[float], expected: str) -> None:
    lead = {prop: {"difference": 1.0, "ci95": [0.5, 2.0]} for prop in PROPERTIES} | {"timbre": {"difference": 1.0, "ci95": ahead}}
    assert verdict("line", "generation/small.json", {"order": {"lead": lead}}, "small") == expected


def steered(beyond: list[float], leakage: list[float]) -> dict[str, Any]:
    """Figures of steering, the same for each property, with leakage in units of what counts as hardly."""
    paper = dict.fromkeys(("r", "on_target", "valid_share", "pitch_lost", "collapsed", "leakage"), 0.5)
    one = {"slope": 1.0, "slope_ci95": [0.5, 1.5], "beyond_random": sum(beyond) / 2, "beyond_random_ci95": beyond, "valid_share": 0.5}
    found = {}
    for prop in PROPERTIES:
        slopes = {
            other: {"slope": bound * sum(leakage) / 2, "slope_ci95": [bound * x for x in leakage]}
            for other, bound in verdicts.HARDLY.items()
            if other != prop
        }
        found[prop] = {**one, "leakage": slopes, "paper": {"20": paper}}
    return {"kinds": {"paper": found, "k_sparse": found}}


@pytest.mark.parametrize("beyond, expected", [([0.1, 0.3], HOLDS), ([-0.3, -0.1], NOT), ([-0.1, 0.3], OPEN)])
def test_steering_has_to_beat_random_directions(verdict: Verdict, tmp_path: Path, beyond: list[float], expected: str) -> None:
    for key in ("steering", "k-sparse"):
        assert verdict(key, "evidence/steering/encodec.json", steered(beyond, [0.1, 0.2])) == expected
    figures = judge_claim(claim_of("steering"), Sources(tmp_path), "encodec").figures
    assert {"pitch at α = 20: sounds that collapse, share", "pitch at α = 20: sounds that lose their pitch, share"} <= {
        figure.label for figure in figures
    }
    assert figures[2].label == "timbre, octaves per unit of r beyond a random direction" and figures[2].ci95 == beyond


@pytest.mark.parametrize("leakage, expected", [([0.2, 0.8], HOLDS), ([1.2, 3.0], NOT), ([0.5, 1.5], OPEN)])
def test_leakage_is_held_against_a_bound_of_its_own_unit(verdict: Verdict, leakage: list[float], expected: str) -> None:
    assert verdict("leakage", "evidence/steering/encodec.json", steered([0.1, 0.3], leakage)) == expected


@pytest.mark.parametrize(
    "amplitude, timbre, expected",
    [
        ([0.1, 0.2], [0.2, 0.3], HOLDS),
        ([0.1, 0.2], [-0.3, -0.2], PART),
        ([-0.1, 0.2], [-0.1, 0.2], OPEN),
        ([-0.2, -0.1], [-0.2, -0.1], NOT),
    ],
)
def test_pitch_is_easiest_where_the_paired_difference_lies_above_zero(
    verdict: Verdict, amplitude: list[float], timbre: list[float], expected: str
) -> None:
    gaps = {"amplitude": amplitude, "timbre": timbre}
    figures = {"properties": {prop: {"behind_pitch": {"difference": sum(ci) / 2, "ci95": ci}} for prop, ci in gaps.items()}}
    assert verdict("easiest", "evidence/baselines/encodec.json", figures) == expected


def by_recording(share: float, spread: float, frames: int = 1000) -> dict[str, Any]:
    """Hits of ten recordings that differ by more than codecs do."""
    hits = {f"piece {n}": [round(frames * (share + spread * (n / 9 - 0.5))), frames] for n in range(10)}
    return {"properties": {"amplitude": {"by_recording": hits}}}


@pytest.mark.parametrize("other, expected", [(0.45, HOLDS), (0.5, OPEN), (0.55, NOT)])
def test_codecs_are_paired_by_recording(verdict: Verdict, tmp_path: Path, other: float, expected: str) -> None:
    """Accuracies run from 0.1 to 0.9 over recordings, so that intervals of each codec overlap; those of the differences do not."""
    write(tmp_path, "summary.json", {"codecs": dict.fromkeys(("encodec", "own", "foreign"))})
    write(tmp_path, "evidence/baselines/own.json", by_recording(other, 0.8, frames=300))
    assert verdict("loudness-encodec", "evidence/baselines/encodec.json", by_recording(0.5, 0.8)) == expected
    found = judge_claim(claim_of("loudness-encodec"), Sources(tmp_path), "all codecs")
    assert [figure.label for figure in found.figures] == ["accuracy of amplitude, EnCodec minus own"]
    assert found.figures[0].value == pytest.approx(0.5 - other, abs=0.002) and found.why == "foreign: of other recordings"


def test_only_recordings_that_both_codecs_have_are_paired() -> None:
    ours, theirs = {"a": [5, 10], "b": [2, 4], "c": [0, 9]}, {"a": [1, 10], "b": [1, 10], "d": [9, 9]}
    value, ci95 = verdicts.paired(ours, theirs)
    assert value == pytest.approx(7 / 14 - 2 / 20) and ci95 == pytest.approx([0.4, 0.4])
    assert verdicts.paired({"a": [5, 10]}, {"a": [1, 10]}) == (pytest.approx(0.4), None)


@pytest.mark.parametrize("ours, section_3, expected", [([0.8, 0.85], 0.8, HOLDS), ([0.8, 0.85], 0.9, PART), ([0.1, 0.2], 0.3, NOT)])
def test_a_range_takes_in_the_accuracy_of_section_3(
    verdict: Verdict, tmp_path: Path, ours: list[float], section_3: float, expected: str
) -> None:
    probing = {prop: {"accuracy": section_3, "ci95": [section_3, section_3]} for prop in PROPERTIES}
    write(tmp_path, "summary.json", {"codecs": {"encodec": {"probing": probing}, "mel": {"probing": probing}}})
    ranges = {"ranges": dict.fromkeys(PROPERTIES, ours)}
    assert verdict("pitch", "evidence/grid/encodec.json", ranges) == expected
    assert verdict("amplitude", "evidence/grid/encodec.json", ranges) == verdict("timbre", "evidence/grid/encodec.json", ranges) == APART
    found = judge_claim(claim_of("timbre"), Sources(tmp_path), "encodec").figures
    assert [figure.value for figure in found] == [ours, section_3, [0.30, 0.46]]
    assert verdict("pitch", "evidence/grid/mel.json", ranges, "mel") == OPEN


@pytest.mark.parametrize("last, expected", [(0.62, HOLDS), (0.63, PART), (0.7, NOT)])
def test_a_penalty_sets_sparsity_if_longer_training_moves_it_no_more_than_a_seed(
    verdict: Verdict, tmp_path: Path, last: float, expected: str
) -> None:
    drift = {"sparsity": {"1": 0.2, "20": 0.6, "40": last}, "scale_ratio": 0.5}
    write(tmp_path, "sae_training/encodec.json", {"seeds": SEEDS})
    assert verdict("penalty", "evidence/loss/encodec.json", {"summary": {"drift": {"paper": drift}}}) == expected


@pytest.mark.parametrize("paper, expected", [(0.1, HOLDS), (0.195, OPEN), (0.3, NOT)])
def test_losses_are_compared_where_both_curves_reach(verdict: Verdict, tmp_path: Path, paper: float, expected: str) -> None:
    at = {"0.6": {"paper": paper, "on_f": 0.2}, "0.7": {"paper": paper, "on_f": 0.2, "top_k": None}, "0.8": {"paper": None, "on_f": 0.1}}
    write(tmp_path, "sae_training/encodec.json", {"seeds": SEEDS})
    assert verdict("loss", "evidence/loss/encodec.json", {"summary": {"fvu_at_sparsity": at}}) == expected


@pytest.mark.parametrize("told, expected", [("less", HOLDS), ("more", PART), ("unclear", PART)])
def test_ways_are_compared_by_what_the_resamples_agree_on(verdict: Verdict, tmp_path: Path, told: str, expected: str) -> None:
    """A way that does not move its property has no difference, and is judged all the same."""

    def differences(one: dict[str, Any]) -> dict[str, Any]:
        return {prop: {"leakage_ratio_difference": {other: one for other in PROPERTIES if other != prop}} for prop in PROPERTIES}

    less, other = {"value": -1.0, "ci95": [-2.0, -0.5], "told": "less"}, {"value": None, "ci95": None, "told": told}
    figures = {"comparisons": {"feature_means": differences(less), "raw_means": differences(less), "signal": differences(other)}}
    assert verdict("equal-effect", "evidence/steering/encodec.json", figures) == expected
    found = judge_claim(claim_of("equal-effect"), Sources(tmp_path), "encodec").figures
    assert len(found) == 18 and found[0].ci95 == [-2.0, -0.5] and found[-1].value is None
    label = "pitch steered, dB of amplitude per unit moved: the paper's method minus a difference of means of features"
    assert (label, "less") in [(figure.label, figure.told) for figure in found]
    for one in (less, other):
        one["told"] = "more"
    assert verdict("equal-effect", "evidence/steering/encodec.json", figures) == NOT


@pytest.mark.parametrize("after, expected", [(0.3, HOLDS), (-0.5, NOT)])
def test_a_part_is_steered_alone_where_its_neighbours_hardly_move(verdict: Verdict, after: float, expected: str) -> None:
    parts = {"inside": 4.0, "before": 0.1, "after": after}
    moved = {**parts, **{f"{part}_ci95": [1.0, 6.0] for part in parts}}
    unsure = {**moved, "inside_ci95": [-1.0, 6.0]}
    figures = {"in_time": {"paper": {"pitch": moved, "amplitude": unsure, "timbre": {"clips": 0}}}}
    assert verdict("in-time", "evidence/steering/encodec.json", figures) == expected


def test_caveats_of_what_ships_are_left_out_where_something_else_is_here() -> None:
    ours, others = read_claims(), read_claims(embedded=[])
    pitch = " ".join(next(claim["bears"] for claim in ours if claim["key"] == "pitch"))
    assert "Our corpus" in pitch and "Our codecs" in pitch and "Few recordings" in pitch
    for claim, other, own in zip(ours, others, read_claims(embedded=["weights"])):
        assert not any(start in " ".join(other["bears"]) for start in ("Our corpus", "Few recordings", "Our codecs", "Our generator"))
        assert ("Our codecs" in " ".join(claim["bears"])) == ("Our codecs" in " ".join(own["bears"]))
