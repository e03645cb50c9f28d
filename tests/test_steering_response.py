"""Dose and response, from tables whose slopes, leakage and seeds were put in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiosae.audio import labels
from audiosae.frames import Frames
from audiosae.stats import bootstrap
from audiosae.steering import response
from audiosae.steering.response import STRENGTHS, Goal, Response

EDGES = {"pitch": labels.pitch_edges(), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(0, 4000, 21)}
GOALS = {"low": Goal(10, "E2", 40.0), "high": Goal(50, "G#5", 80.0)}
CLIPS, SEEDS = 12, 5


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 400)


def sounds(
    moved: Callable[[dict[str, Any]], float], seeds: int = SEEDS, clips: int = CLIPS, random: Callable[[dict[str, Any]], float] | None = None,
    alphas: tuple[float, ...] = (), **columns: Callable[[dict[str, Any]], Any],
) -> pd.DataFrame:  # fmt: skip
    """Pitch starts at MIDI 60 and is moved by so many semitones; other columns are functions of the row too."""
    still = {"pitch_before": 60.0, "amplitude_before": 0.1, "amplitude_after": 0.1, "timbre_before": 1000.0, "timbre_after": 1000.0}
    still |= {"valid": True, "collapsed": False, "pitch_lost": False, "steered": "pitch", "alpha": np.nan, "direction": 0}
    doses = [(r, np.nan) for r in STRENGTHS] + [(alpha / 10, alpha) for alpha in alphas]
    rows = [
        {**still, "seed": seed, "clip": f"clip {clip}", "target": target, "r": r, "alpha": alpha}
        for seed, clip, target, (r, alpha) in product(range(seeds), range(clips), ("low", "high"), doses)
    ]
    rows = [row | {"pitch_after": 60 + moved(row)} for row in rows]
    if random:
        pushed = [row | {"steered": "", "target": "random"} for row in rows if row["target"] == "low" and np.isnan(row["alpha"])]
        rows += [row | {"pitch_after": 60 + random(row)} for row in pushed]
    return pd.DataFrame([row | {name: of(row) for name, of in columns.items()} for row in rows])


def respond(table: pd.DataFrame) -> dict[str, Any]:
    return response.respond(table, "pitch", GOALS, EDGES, 0).figures


def towards(low: float, high: float) -> Callable[[dict[str, Any]], float]:
    """Semitones per unit of r towards the low and the high target."""
    return lambda row: row["r"] * (high if row["target"] == "high" else -low)


def test_slopes_that_were_put_in_come_out() -> None:
    found = respond(sounds(towards(2.0, 6.0)))
    assert found["unit"] == "semitones" and (found["clips"], found["seeds"], found["valid_share"]) == (CLIPS, SEEDS, 1.0)
    assert found["targets"]["low"]["slope"] == pytest.approx(2) and found["targets"]["high"]["slope"] == pytest.approx(6)
    assert found["targets"]["high"]["class"] == 50 and found["targets"]["high"]["name"] == "G#5"
    assert found["slope"] == pytest.approx(4) and found["slope_ci95"] == pytest.approx([4, 4])
    assert [(at["r"], at["moved"]) for at in found["response"]["high"]] == [(-1, -6), (-0.5, -3), (0.5, 3), (1, 6)]
    assert "random" not in found and "paper" not in found
    json.dumps(found, allow_nan=False)


def test_changes_are_in_decibels_and_octaves() -> None:
    table = sounds(
        lambda row: 0.0, amplitude_after=lambda row: 0.1 * 10 ** (3 * row["r"] / 20), timbre_after=lambda row: 1000 * 2 ** row["r"]
    )
    leakage = respond(table)["leakage"]
    assert leakage["amplitude"]["slope"] == pytest.approx(3) and leakage["timbre"]["slope"] == pytest.approx(1)
    table["steered"] = "amplitude"
    goals = {"low": Goal(0, "quiet", 0.01), "high": Goal(19, "loud", 0.39)}
    found = response.respond(table, "amplitude", goals, EDGES, 0).figures
    assert found["unit"] == "dB" and found["targets"]["high"]["slope"] == pytest.approx(3) == -found["targets"]["low"]["slope"]


def test_leakage_is_told_per_unit_moved() -> None:
    table = sounds(towards(4.0, 4.0), timbre_after=lambda row: 1000 * 2 ** (0.5 * abs(row["r"])))
    found = respond(table)
    assert found["leakage"]["timbre"]["slope"] == pytest.approx(0.5) and found["leakage"]["amplitude"]["slope"] == pytest.approx(0)
    assert found["leakage_ratio"]["timbre"]["value"] == pytest.approx(0.125)
    assert found["leakage_ratio"]["timbre"]["ci95"] == pytest.approx([0.125, 0.125])
    away = respond(table.assign(pitch_after=120 - table["pitch_after"]))
    assert away["slope"] == pytest.approx(-4) and away["leakage_ratio"]["timbre"] == {"value": None, "ci95": None}


def test_seeds_that_differ_widen_the_interval() -> None:
    """By as much as five numbers from −2 to 2 say; the resamples of clips alone have no width here."""

    def of(push: Callable[[dict[str, Any]], float]) -> list[float]:
        return respond(sounds(lambda row: row["r"] * push(row) * (1 if row["target"] == "high" else -1)))["slope_ci95"]

    assert of(lambda row: 4.0) == pytest.approx([4, 4])
    low, high = of(lambda row: 4.0 + row["seed"] - 2)
    assert low < 4 < high and 1.5 < high - low < 3.5
    low, high = of(lambda row: int(row["clip"][5:]) - 5.5)
    assert high - low > 2


def test_an_octave_jump_in_one_clip_hardly_moves_it() -> None:
    def moved(row: dict[str, Any]) -> float:
        return towards(4.0, 4.0)(row) + (24 * np.sign(row["r"]) if row["clip"] == "clip 3" and row["target"] == "high" else 0)

    assert respond(sounds(moved))["targets"]["high"]["slope"] == pytest.approx(4)


def test_invalid_sounds_do_not_count_as_moved() -> None:
    table = sounds(lambda row: towards(1.0, 1.0)(row) if abs(row["r"]) < 1 else 40.0, valid=lambda row: abs(row["r"]) < 1)
    found = respond(table)
    assert found["slope"] == pytest.approx(1) and found["valid_share"] == 0.5
    assert found["response"]["low"][-1] == {"r": 1.0, "moved": None, "moved_ci95": None, "valid_share": 0.0}
    none = respond(table.assign(valid=False))
    assert none["slope"] is None and none["leakage"]["timbre"] == {"slope": None, "slope_ci95": None} and none["valid_share"] == 0
    json.dumps(none, allow_nan=False)


def test_clips_that_lie_at_a_target_do_not_count_for_it() -> None:
    table = sounds(lambda row: row["r"], pitch_before=lambda row: 79.0 if row["clip"] != "clip 0" else 60.0)
    table["pitch_after"] = table["pitch_before"] + table["r"] * np.where(table["clip"] == "clip 0", 5, 1)
    found = respond(table)["targets"]
    assert found["high"]["slope"] == pytest.approx(5) and found["low"]["slope"] == pytest.approx(-1)


def test_random_directions_count_by_their_size_however_they_are_turned() -> None:
    """Half of the seeds' directions raise pitch by 3 a unit, half lower it."""
    table = sounds(towards(5.0, 5.0), seeds=4, random=lambda row: row["r"] * (3 if row["seed"] % 2 else -3))
    found = respond(table)
    assert found["random"] == pytest.approx(3) and found["random_ci95"] == pytest.approx([3, 3])
    assert found["beyond_random"] == pytest.approx(2) and found["beyond_random_ci95"] == pytest.approx([2, 2])
    assert found["slope"] == pytest.approx(5)


def test_a_random_direction_is_turned_once_and_not_anew_in_each_resample() -> None:
    """Otherwise clips that differ would make chance look larger than it is."""
    found = respond(sounds(towards(5.0, 5.0), seeds=1, random=lambda row: row["r"] * (int(row["clip"][5:]) - 5)))
    assert found["random"] == pytest.approx(0.5) and found["random_ci95"][0] < 0 < found["random_ci95"][1]


def test_the_papers_strengths() -> None:
    """At α = 20 half of the way to either target; at 30 there, but for the tracker alone: these sounds are a buzz."""
    table = sounds(
        lambda row: (10 if row["alpha"] == 20 else 20) * (1 if row["target"] == "high" else -1) if row["alpha"] else 0.0, alphas=(20, 30),
        valid=lambda row: row["alpha"] != 30, collapsed=lambda row: row["alpha"] == 30, amplitude_after=lambda row: 0.14,
    )  # fmt: skip
    paper = respond(table)["paper"]
    assert paper["20"]["on_target"] == pytest.approx(0.5) and paper["20"]["r"] == 2 and paper["20"]["valid_share"] == 1
    assert paper["20"]["leakage"] == pytest.approx(1) and paper["20"]["collapsed"] == paper["20"]["pitch_lost"] == 0  # two bins, and none
    assert paper["30"]["on_target"] == 0 and paper["30"]["leakage"] is None and paper["30"]["collapsed"] == 1


def leaking(leak: Callable[[dict[str, Any]], float], slope: float = 4.0) -> Response:
    table = sounds(towards(slope, slope), seeds=1, timbre_after=lambda row: 1000 * 2 ** (leak(row) * abs(row["r"])))
    return response.respond(table, "pitch", GOALS, EDGES, 0)


def test_ways_are_compared_clip_by_clip() -> None:
    """Leakage differs widely among clips, and by the same in each of them between the two ways."""
    one, other = leaking(lambda row: 0.2 * int(row["clip"][5:])), leaking(lambda row: 0.4 + 0.2 * int(row["clip"][5:]))
    gap = response.compare(one, other)["timbre"]
    assert gap["value"] == pytest.approx(-0.1) and gap["ci95"] == pytest.approx([-0.1, -0.1]) and gap["told"] == "less"
    assert response.compare(other, one)["timbre"]["told"] == "more" and response.compare(one, one)["timbre"]["told"] == "unclear"


def test_a_way_that_moves_nothing_leaks_without_bounds() -> None:
    moves, stays = leaking(lambda row: 0.1), leaking(lambda row: 0.1, slope=-1.0)
    assert response.compare(moves, stays)["timbre"] == {"value": None, "ci95": None, "told": "less"}
    assert response.compare(stays, stays)["timbre"]["told"] == "unclear"


def test_sounds_that_are_missing_leave_the_others() -> None:
    table = sounds(towards(2.0, 2.0))
    assert respond(table[table["clip"] != "clip 1"])["slope"] == pytest.approx(2)
    assert respond(table[table["target"] == "low"])["targets"]["high"]["slope"] is None
    assert respond(table.assign(steered="timbre"))["slope"] is None


def test_ten_thousand_sounds_take_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 2000)
    table = sounds(towards(2.0, 2.0), clips=36, random=lambda row: row["r"], alphas=(20, 30))
    table = pd.concat([table] * (1 + 10_000 // len(table)), ignore_index=True)
    started = time.process_time()
    respond(table)
    assert len(table) > 10_000 and time.process_time() - started < 10


def test_goals_keep_clear_of_the_frame_rate() -> None:
    rows = pd.DataFrame({"pitch": np.repeat([7, 50], 100), "amplitude": np.repeat([2, 9], 100), "timbre": np.repeat([1, 5], 100)})
    rows = rows.assign(split="train", monophonic=True)
    found = response.goals(Frames(np.zeros((200, 1), np.float32), rows, EDGES, "toy", "embedded", "swift-f0", 75.0), [0.1, 0.9])
    assert found["pitch"]["low"].number == 6 and found["pitch"]["high"] == Goal(50, "G#5 (831 Hz)", 80.0)
    assert [goal.number for goal in found["amplitude"].values()] == [2, 9]
