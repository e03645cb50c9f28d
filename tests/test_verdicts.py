"""Verdicts follow from figures by rule, and change when the figures do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiosae.errors import AudiosaeError
from audiosae.evidence import claims
from audiosae.evidence.rules import HOLDS, NOT, OPEN, PART, Figure, Sources, above, overlap, together
from audiosae.evidence.verdicts import judge


def figure(value: float | None, ci95: list[float] | None) -> Figure:
    return Figure("a figure", value, ci95, "summary.json", [])


def write(folder: Path, name: str, figures: dict) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures))


def verdict(folder: Path, key: str, subject: str = "encodec") -> str:
    """The verdict of one claim on results in a folder."""
    claim = next(claim for claim in claims.CLAIMS if claim.key == key)
    return claim.judge(Sources(folder), subject).verdict


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ci95, expected", [([0.1, 0.3], HOLDS), ([-0.3, -0.1], NOT), ([-0.1, 0.3], OPEN), (None, OPEN)])
def test_the_interval_decides_and_not_the_number(ci95: list[float] | None, expected: str) -> None:
    assert above(figure(0.2, ci95)) == expected


def test_a_figure_that_is_undefined_tells_nothing() -> None:
    assert above(figure(None, [0.1, 0.2])) == OPEN


@pytest.mark.parametrize("ours, expected", [([0.6, 0.8], HOLDS), ([0.5, 0.8], PART), ([0.1, 0.95], PART), ([0.1, 0.4], NOT), ([0.91, 0.99], NOT)])
def test_ranges(ours: list[float], expected: str) -> None:
    assert overlap(ours, [0.55, 0.9]) == expected


@pytest.mark.parametrize("verdicts, expected", [
    ([HOLDS, HOLDS], HOLDS), ([HOLDS, NOT], PART), ([NOT, NOT], NOT), ([HOLDS, OPEN], PART), ([NOT, OPEN], NOT), ([OPEN], OPEN), ([], OPEN), ([PART, HOLDS], PART),
])
def test_several_verdicts_make_one(verdicts: list[str], expected: str) -> None:
    assert together(verdicts) == expected


# --- where figures come from ------------------------------------------------------------------------------------------


def test_a_figure_names_its_file_and_path(tmp_path: Path) -> None:
    write(tmp_path, "a/b.json", {"x": {"y": 0.5, "y_ci95": [0.4, 0.6]}})
    found = Sources(tmp_path).figure("label", "a/b.json", ["x", "y"], "y_ci95")
    assert (found.value, found.ci95, found.file, found.path) == (0.5, [0.4, 0.6], "a/b.json", ["x", "y"])


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"x": {}})
    with pytest.raises(AudiosaeError, match=r"a\.json has no x → y \(no 'y'\)"):
        Sources(tmp_path).at("a.json", ["x", "y"])


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


@pytest.mark.parametrize("pitch, timbre, amplitude, expected", [
    ([5, 8], [9, 12], [20, None], HOLDS),  # never settling is later than any state
    ([9, 12], [5, 8], [20, 22], PART),
    ([5, 8], [9, 22], [20, 25], PART),
    ([20, 22], [9, 12], [5, 8], NOT),
    ([5, 20], [9, 22], [11, 25], OPEN),
])
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
