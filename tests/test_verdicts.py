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
from audiosae.evidence.verdicts import HOLDS, NOT, OPEN, PART, Figure, Sources, judge, judge_claim, read_claims

Verdict = Callable[..., str]


def write(folder: Path, name: str, figures: dict[str, Any]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(figures))


@pytest.fixture
def verdict(tmp_path: Path) -> Verdict:
    """The verdict of one claim on a file of results."""

    def told(key: str, name: str, figures: dict[str, Any], subject: str = "encodec") -> str:
        write(tmp_path, name, figures)
        return judge_claim(next(claim for claim in read_claims() if claim["key"] == key), Sources(tmp_path), subject).verdict

    return told


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, ci95, expected",
    [(0.2, [0.1, 0.3], HOLDS), (0.2, [-0.3, -0.1], NOT), (0.2, [-0.1, 0.3], OPEN), (0.2, None, OPEN), (None, [0.1, 0.2], OPEN)],
)
def test_the_interval_decides_and_not_the_number(value: float | None, ci95: list[float] | None, expected: str) -> None:
    found = Figure("a figure", value, ci95, "summary.json", [])
    assert verdicts.above(found) == expected
    assert ci95 is not None or verdicts.before(found, found) == OPEN


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
    ],
)
def test_several_verdicts_make_one(several: list[str], expected: str) -> None:
    assert verdicts.together(several) == expected


# --- where figures come from ------------------------------------------------------------------------------------------


def test_a_figure_has_its_path_and_the_interval_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "a/b.json", {"x": {"y": 0.5, "y_ci95": [0.4, 0.6]}, "w": {"accuracy": 0.5, "ci95": [0.1, 0.6]}, "z": {"count": 3}})
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


# --- claims -----------------------------------------------------------------------------------------------------------


def test_every_claim_names_a_rule_and_says_what_its_page_shows() -> None:
    claims = read_claims()
    assert len({claim["key"] for claim in claims}) == len(claims)
    for claim in claims:
        rule = claim["rule"].split()[0]
        assert (rule in verdicts.JUDGES) != (rule in verdicts.RULES) and ("figures" in claim) == (rule in verdicts.RULES), claim["key"]
        assert claim["kind"] in ("paper", "open") and claim["bears"] and all(len(text.split()) > 3 for text in claim["bears"])


def test_a_codec_that_was_not_asked_leaves_a_claim_open(tmp_path: Path) -> None:
    told = {"accuracy": 0.5, "ci95": [0.4, 0.6], "on_target": 0.5, "on_target_ci95": [0.4, 0.6], "leakage": 0.5, "leakage_ci95": [0.4, 0.6]}
    write(tmp_path, "summary.json", {"codecs": {"own": dict.fromkeys(("probing", "steering"), dict.fromkeys(PROPERTIES, told))}})
    judged = {claim["key"]: claim for claim in judge(Sources(tmp_path), {"codec": ["own"], "generator": [], "all": []})}
    assert judged["wider"]["by"] == {"own": {"verdict": OPEN, "figures": []}}
    assert judged["wider"]["verdict"] == OPEN and judged["order"]["by"] == {}


@pytest.mark.parametrize("fvu, expected", [((0.5, 0.4, 0.2, 0.1), HOLDS), ((0.5, 0.4, 0.2, 0.25), PART), ((0.5, 0.4, 0.5, 0.6), NOT)])
def test_wider_is_better_only_if_every_step_is(verdict: Verdict, fvu: tuple[float, ...], expected: str) -> None:
    points = [{"factor": factor, "l1": 0.1, "fvu": value} for factor, value in zip((4, 8, 16, 32), fvu)]
    other = [{"factor": 4, "l1": 0.2, "fvu": 9.0}]  # steps are taken at one λ
    assert verdict("wider", "evidence/grid/encodec.json", {"points": other + points[::-1]}) == expected


@pytest.mark.parametrize(
    "pitch, timbre, amplitude, expected",
    [
        ([5, 8], [9, 12], [20, None], HOLDS),  # never settling is later than any state
        ([9, 12], [5, 8], [20, 22], PART),
        ([5, 8], [9, 22], [20, 25], PART),
        ([20, 22], [9, 12], [5, 8], NOT),
        ([5, 20], [9, 22], [11, 25], OPEN),
    ],
)
def test_an_order_is_told_where_intervals_do_not_meet(
    verdict: Verdict, pitch: list[int], timbre: list[int], amplitude: list[int | None], expected: str
) -> None:
    found = {"pitch": pitch, "timbre": timbre, "amplitude": amplitude}
    figures = {prop: {"settles_at": ci95[0], "settles_at_ci95": ci95} for prop, ci95 in found.items()}
    assert verdict("order", "generation/small.json", {"properties": figures}, "small") == expected


@pytest.mark.parametrize("ci95, expected", [([0.2, 0.8], HOLDS), ([1.2, 3.0], NOT), ([0.5, 1.5], OPEN)])
def test_leakage_is_held_against_one_bin(verdict: Verdict, ci95: list[float], expected: str) -> None:
    steering = dict.fromkeys(PROPERTIES, {"leakage": sum(ci95) / 2, "leakage_ci95": ci95})
    assert verdict("leakage", "summary.json", {"codecs": {"encodec": {"steering": steering}}}) == expected


def accuracies(**ci95: list[float]) -> dict[str, Any]:
    return {"probing": {prop: {"accuracy": sum(bounds) / 2, "ci95": bounds} for prop, bounds in ci95.items()}}


@pytest.mark.parametrize(
    "amplitude, timbre, expected", [([0.1, 0.2], [0.2, 0.3], HOLDS), ([0.1, 0.2], [0.9, 1.0], PART), ([0.3, 0.5], [0.3, 0.5], OPEN)]
)
def test_pitch_is_easiest_where_its_interval_lies_above_the_others(
    verdict: Verdict, amplitude: list[float], timbre: list[float], expected: str
) -> None:
    found = accuracies(pitch=[0.4, 0.6], amplitude=amplitude, timbre=timbre)
    assert verdict("easiest", "summary.json", {"codecs": {"encodec": found}}) == expected


@pytest.mark.parametrize("other, expected", [([0.1, 0.3], HOLDS), ([0.3, 0.5], OPEN), ([0.7, 0.8], NOT)])
def test_loudness_is_compared_between_codecs(verdict: Verdict, other: list[float], expected: str) -> None:
    codecs = {"encodec": accuracies(amplitude=[0.4, 0.6]), "own": accuracies(amplitude=other)}
    assert verdict("loudness-encodec", "summary.json", {"codecs": codecs}, "all codecs") == expected


@pytest.mark.parametrize("ours, section_3, expected", [([0.8, 0.85], 0.8, HOLDS), ([0.8, 0.85], 0.9, PART), ([0.1, 0.2], 0.3, NOT)])
def test_a_range_takes_in_the_accuracy_of_section_3(
    verdict: Verdict, tmp_path: Path, ours: list[float], section_3: float, expected: str
) -> None:
    write(tmp_path, "summary.json", {"codecs": {"encodec": accuracies(pitch=[section_3, section_3])}})
    assert verdict("pitch", "evidence/grid/encodec.json", {"ranges": {"pitch": ours}}) == expected


@pytest.mark.parametrize("last, expected", [(0.61, HOLDS), (0.63, PART), (0.7, NOT)])
def test_a_penalty_sets_sparsity_if_longer_training_leaves_it(verdict: Verdict, last: float, expected: str) -> None:
    drift = {"sparsity": {"1": 0.2, "20": 0.6, "40": last}, "scale_ratio": 0.5}
    assert verdict("penalty", "evidence/loss/encodec.json", {"summary": {"drift": {"paper": drift}}}) == expected


def test_losses_are_compared_where_both_curves_reach(verdict: Verdict) -> None:
    at = {"0.6": {"paper": 0.1, "on_f": 0.2}, "0.7": {"paper": 0.3, "on_f": 0.2, "top_k": None}, "0.8": {"paper": None, "on_f": 0.1}}
    assert verdict("loss", "evidence/loss/encodec.json", {"summary": {"fvu_at_sparsity": at}}) == PART


def test_a_way_that_never_gets_there_is_left_out(verdict: Verdict) -> None:
    less, never = {"difference": -1.0, "ci95": [-2.0, -0.5]}, {"difference": None, "ci95": None}
    ways = {"feature_means": less, "raw_means": never, "signal": never}
    figures = {"comparisons": {"at_quarter": {"paper": dict.fromkeys(PROPERTIES, ways)}}}
    assert verdict("equal-effect", "evidence/steering/encodec.json", figures) == HOLDS


@pytest.mark.parametrize("after, expected", [(0.3, HOLDS), (-0.5, NOT)])
def test_a_part_is_steered_alone_where_its_neighbours_hardly_move(verdict: Verdict, after: float, expected: str) -> None:
    parts = {"inside": 4.0, "before": 0.1, "after": after}
    moved = {**parts, **{f"{part}_ci95": [1.0, 6.0] for part in parts}}
    unsure = {**moved, "inside_ci95": [-1.0, 6.0]}
    figures = {"in_time": {"paper": {"pitch": moved, "amplitude": unsure, "timbre": {"clips": 0}}}}
    assert verdict("in-time", "evidence/steering/encodec.json", figures) == expected
