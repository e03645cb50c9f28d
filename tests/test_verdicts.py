"""Verdicts follow from figures by rule, and change when the figures do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiosae.errors import AudiosaeError
from audiosae.evidence.verdict_rules import HOLDS, JUDGES, NOT, OPEN, PART, RULES, Figure, Sources, above, overlap, together
from audiosae.evidence.verdicts import judge, judge_claim, read_claims


def figure(value: float | None, ci95: list[float] | None) -> Figure:
    return Figure("a figure", value, ci95, "summary.json", [])


def write(folder: Path, name: str, figures: dict) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures))


def verdict(folder: Path, key: str, subject: str = "encodec") -> str:
    """The verdict of one claim on results in a folder."""
    claim = next(claim for claim in read_claims() if claim["key"] == key)
    return judge_claim(claim, Sources(folder), subject).verdict


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ci95, expected", [([0.1, 0.3], HOLDS), ([-0.3, -0.1], NOT), ([-0.1, 0.3], OPEN), (None, OPEN)])
def test_the_interval_decides_and_not_the_number(ci95: list[float] | None, expected: str) -> None:
    assert above(figure(0.2, ci95)) == expected


def test_a_figure_that_is_undefined_tells_nothing() -> None:
    assert above(figure(None, [0.1, 0.2])) == OPEN


@pytest.mark.parametrize(
    "ours, expected", [([0.6, 0.8], HOLDS), ([0.5, 0.8], PART), ([0.1, 0.95], PART), ([0.1, 0.4], NOT), ([0.91, 0.99], NOT)]
)
def test_ranges(ours: list[float], expected: str) -> None:
    assert overlap(ours, [0.55, 0.9]) == expected


@pytest.mark.parametrize(
    "verdicts, expected",
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
def test_several_verdicts_make_one(verdicts: list[str], expected: str) -> None:
    assert together(verdicts) == expected


# --- where figures come from ------------------------------------------------------------------------------------------


def test_a_figure_names_its_file_and_path(tmp_path: Path) -> None:
    write(tmp_path, "a/b.json", {"x": {"y": 0.5, "y_ci95": [0.4, 0.6]}})
    found = Sources(tmp_path).figure("label", "a/b.json", "x/y")
    assert (found.value, found.ci95, found.file, found.path) == (0.5, [0.4, 0.6], "a/b.json", ["x", "y"])


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"x": {}})
    with pytest.raises(AudiosaeError, match=r"a\.json has no x → y \(no 'y'\)"):
        Sources(tmp_path).at("a.json", ["x", "y"])


def test_the_interval_beside_a_number_is_found_or_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"x": {"accuracy": 0.5, "ci95": [0.4, 0.6]}, "z": {"count": 3}})
    sources = Sources(tmp_path)
    assert sources.figure("label", "a.json", "x/accuracy").ci95 == [0.4, 0.6] and sources.figure("label", "a.json", "z/count").ci95 is None
    assert sources.defined("a.json", "z/count") and not sources.defined("a.json", "z/other")
    with pytest.raises(AudiosaeError, match="has no y"):
        sources.defined("a.json", "y/other")


# --- claims -----------------------------------------------------------------------------------------------------------


def grid(fvu: dict[tuple[int, float], float]) -> dict:
    return {"points": [{"factor": factor, "l1": penalty, "fvu": value} for (factor, penalty), value in fvu.items()], "ranges": {}}


@pytest.mark.parametrize("last, expected", [(0.1, HOLDS), (0.25, PART), (0.6, NOT)])
def test_wider_is_better_only_if_every_step_is(tmp_path: Path, last: float, expected: str) -> None:
    falling = {(4, 0.1): 0.5, (8, 0.1): 0.4, (16, 0.1): 0.2 if expected != NOT else 0.5, (32, 0.1): last}
    write(tmp_path, "evidence/grid/encodec.json", grid(falling))
    assert verdict(tmp_path, "wider") == expected


def settling(pitch: list[int], timbre: list[int], amplitude: list[int | None]) -> dict:
    found = {"pitch": pitch, "timbre": timbre, "amplitude": amplitude}
    return {"properties": {prop: {"settles_at": ci95[0], "settles_at_ci95": ci95} for prop, ci95 in found.items()}}


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
    tmp_path: Path, pitch: list[int], timbre: list[int], amplitude: list[int | None], expected: str
) -> None:
    write(tmp_path, "generation/small.json", settling(pitch, timbre, amplitude))
    assert verdict(tmp_path, "order", "small") == expected


@pytest.mark.parametrize("ci95, expected", [([0.2, 0.8], HOLDS), ([1.2, 3.0], NOT), ([0.5, 1.5], OPEN)])
def test_leakage_is_held_against_one_bin(tmp_path: Path, ci95: list[float], expected: str) -> None:
    steering = {prop: {"leakage": sum(ci95) / 2, "leakage_ci95": ci95} for prop in ("pitch", "amplitude", "timbre")}
    write(tmp_path, "summary.json", {"codecs": {"encodec": {"steering": steering}}})
    assert verdict(tmp_path, "leakage") == expected


def test_a_codec_that_was_not_asked_leaves_a_claim_open(tmp_path: Path) -> None:
    told = {"accuracy": 0.5, "ci95": [0.4, 0.6], "on_target": 0.5, "on_target_ci95": [0.4, 0.6], "leakage": 0.5, "leakage_ci95": [0.4, 0.6]}
    of_each = {prop: told for prop in ("pitch", "amplitude", "timbre")}
    write(tmp_path, "summary.json", {"codecs": {"own": {"probing": of_each, "steering": of_each}}})
    judged = {claim["key"]: claim for claim in judge(Sources(tmp_path), {"codec": ["own"], "generator": [], "all": []})}
    assert judged["wider"]["by"] == {"own": {"verdict": OPEN, "figures": []}}
    assert judged["wider"]["verdict"] == OPEN and judged["order"]["by"] == {}


def test_every_claim_names_a_rule_and_says_what_its_page_shows() -> None:
    claims = read_claims()
    assert len({claim["key"] for claim in claims}) == len(claims)
    for claim in claims:
        rule = claim["rule"].split()[0]
        assert (rule in JUDGES) != (rule in RULES) and ("figures" in claim) == (rule in RULES), claim["key"]
        assert claim["kind"] in ("paper", "open") and claim["bears"] and all(len(text.split()) > 3 for text in claim["bears"])


def accuracies(**ci95: list[float]) -> dict:
    return {prop: {"accuracy": sum(bounds) / 2, "ci95": bounds} for prop, bounds in ci95.items()}


@pytest.mark.parametrize(
    "amplitude, timbre, expected", [([0.1, 0.2], [0.2, 0.3], HOLDS), ([0.1, 0.2], [0.9, 1.0], PART), ([0.3, 0.5], [0.3, 0.5], OPEN)]
)
def test_pitch_is_easiest_where_its_interval_lies_above_the_others(
    tmp_path: Path, amplitude: list[float], timbre: list[float], expected: str
) -> None:
    found = accuracies(pitch=[0.4, 0.6], amplitude=amplitude, timbre=timbre)
    write(tmp_path, "summary.json", {"codecs": {"encodec": {"probing": found}}})
    assert verdict(tmp_path, "easiest") == expected


@pytest.mark.parametrize("other, expected", [([0.1, 0.3], HOLDS), ([0.3, 0.5], OPEN), ([0.7, 0.8], NOT)])
def test_loudness_is_compared_between_codecs(tmp_path: Path, other: list[float], expected: str) -> None:
    found = {"encodec": [0.4, 0.6], "own": other}
    write(tmp_path, "summary.json", {"codecs": {name: {"probing": accuracies(amplitude=ci95)} for name, ci95 in found.items()}})
    assert verdict(tmp_path, "loudness-encodec", "all codecs") == expected


@pytest.mark.parametrize("ours, section_3, expected", [([0.8, 0.85], 0.8, HOLDS), ([0.8, 0.85], 0.9, PART), ([0.1, 0.2], 0.3, NOT)])
def test_a_range_takes_in_the_accuracy_of_section_3(tmp_path: Path, ours: list[float], section_3: float, expected: str) -> None:
    write(tmp_path, "evidence/grid/encodec.json", {"ranges": {"pitch": ours}})
    write(tmp_path, "summary.json", {"codecs": {"encodec": {"probing": accuracies(pitch=[section_3, section_3])}}})
    assert verdict(tmp_path, "pitch") == expected


@pytest.mark.parametrize("last, expected", [(0.61, HOLDS), (0.63, PART), (0.7, NOT)])
def test_a_penalty_sets_sparsity_if_longer_training_leaves_it(tmp_path: Path, last: float, expected: str) -> None:
    drift = {"sparsity": {"1": 0.2, "20": 0.6, "40": last}, "scale_ratio": 0.5}
    write(tmp_path, "evidence/loss/encodec.json", {"summary": {"drift": {"paper": drift}}})
    assert verdict(tmp_path, "penalty") == expected


def test_losses_are_compared_where_both_curves_reach(tmp_path: Path) -> None:
    at = {"0.6": {"paper": 0.1, "on_f": 0.2}, "0.7": {"paper": 0.3, "on_f": 0.2, "top_k": None}, "0.8": {"paper": None, "on_f": 0.1}}
    write(tmp_path, "evidence/loss/encodec.json", {"summary": {"fvu_at_sparsity": at}})
    assert verdict(tmp_path, "loss") == PART


def test_a_way_that_never_gets_there_is_left_out(tmp_path: Path) -> None:
    less, never = {"difference": -1.0, "ci95": [-2.0, -0.5]}, {"difference": None, "ci95": None}
    ways = {"feature_means": less, "raw_means": never, "signal": never}
    compared = {"at_quarter": {"paper": dict.fromkeys(("pitch", "amplitude", "timbre"), ways)}}
    write(tmp_path, "evidence/steering/encodec.json", {"comparisons": compared})
    assert verdict(tmp_path, "equal-effect") == HOLDS


@pytest.mark.parametrize("after, expected", [(0.3, HOLDS), (-0.5, NOT)])
def test_a_part_is_steered_alone_where_its_neighbours_hardly_move(tmp_path: Path, after: float, expected: str) -> None:
    moved = {"clips": 3, "inside": 4.0, "before": 0.1, "after": after} | {
        f"{part}_ci95": [1.0, 6.0] for part in ("inside", "before", "after")
    }
    unsure = moved | {"inside_ci95": [-1.0, 6.0]}
    write(tmp_path, "evidence/steering/encodec.json", {"in_time": {"paper": {"pitch": moved, "amplitude": unsure, "timbre": {"clips": 0}}}})
    assert verdict(tmp_path, "in-time") == expected
