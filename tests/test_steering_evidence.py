"""Steering examined: which clips, what is made of each, and what the figures and sentences say of sounds drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tiny_project import CODEC, WEIGHTS, make

from audiosae import codecs, frames, probes
from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.evidence import steering
from audiosae.figures import evidence_steering
from audiosae.figures import steering as figures
from audiosae.frames import Frames
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder
from audiosae.stats import bootstrap
from audiosae.steering import methods, response, trial, validity
from audiosae.steering.response import STRENGTHS, Goal

EDGES = {"pitch": labels.pitch_edges(), "amplitude": np.linspace(0, 0.4, 21), "timbre": np.linspace(0, 4000, 21)}
GOALS = {
    "pitch": {"low": Goal(10, "E2", 40.0), "high": Goal(50, "G#5", 80.0)},
    "amplitude": {"low": Goal(0, "quiet", 0.01), "high": Goal(19, "loud", 0.39)},
    "timbre": {"low": Goal(0, "dull", 100.0), "high": Goal(19, "bright", 3900.0)},
}
STILL = {"pitch": 60.0, "amplitude": 0.1, "timbre": 1000.0}
ACROSS = 3.0
"""What every sound here leaks, in dB of amplitude for each unit of strength, if nothing else is said."""


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)


# --- clips --------------------------------------------------------------------------------------------------------------


def table() -> Frames:
    """Clips of four frames: a, b and c have one voice and a pitch at first, d only later, e has several voices, f is a training clip."""
    rows = pd.DataFrame({"clip": np.repeat(list("fedcba"), 4)})
    rows["split"] = np.where(rows["clip"] == "f", "train", "test")
    rows["monophonic"] = rows["clip"] != "e"
    rows["pitch"] = np.where((rows["clip"] != "d") | (rows.index % 4 >= 2), 5, -1)
    return Frames(np.arange(24, dtype=np.float32)[:, None], rows, {}, "toy", "embedded", "swift-f0", 2.0)


def test_the_beginnings_of_voiced_test_clips_are_chosen() -> None:
    found = trial.single_voices(table(), 2, 1.0)
    assert {clip: latents[:, 0].tolist() for clip, latents in found.items()} == {"a": [20, 21], "c": [12, 13]}
    assert list(trial.single_voices(table(), 36, 2.0)) == ["a", "b", "c", "d"]
    silent = table()
    silent.table["pitch"] = -1
    with pytest.raises(ParameterError, match="no test clip has one voice and a pitch in 30% of its first 2 s"):
        trial.single_voices(silent, 4, 2.0)


BESIDE: dict[str, Any] = {"directions": 1, "random_strengths": steering.ENDS}


# --- trials -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A codec that nobody trained, an autoencoder and probes at random, and half a second of one clip."""
    project: Path = make(tmp_path_factory.mktemp("tiny"))
    sae = SparseAutoencoder.load(project / f"checkpoints/sae/{CODEC}.safetensors")
    member = Member(sae, probes.load(project / f"checkpoints/probes/{CODEC}.safetensors"))
    found = frames.load(project / f"data/frames/{CODEC}")
    x = trial.single_voices(found, 1, 0.5)["007"]
    return {
        "codec": codecs.load(CODEC, WEIGHTS),
        "member": member,
        "x": x,
        "goals": response.goals(found, [0.1, 0.9]),
        "tracker": "swift-f0",
    }


def test_the_papers_way_is_tried_at_every_strength_and_beside_a_random_direction(bench: dict[str, Any]) -> None:
    rows = pd.DataFrame(trial.by_probes(**bench, **BESIDE, strengths=(*STRENGTHS, 2.0), alphas=[20.0], seed=0))
    assert rows.groupby(["steered", "target"]).size().to_dict() == {
        **dict.fromkeys(product(labels.PROPERTIES, ("low", "high")), 6), ("", "random"): 2,
    }  # fmt: skip
    w = bench["member"].probes["pitch"].weight[bench["goals"]["pitch"]["low"].number]
    chosen = rows[(rows["alpha"] == 20) & (rows["steered"] == "pitch") & (rows["target"] == "low")]
    assert chosen["r"].item() == pytest.approx(20 * float(w.norm()) / bench["member"].sae.hidden ** 0.5, rel=1e-3)
    assert set(rows["state"]) <= set(validity.STATES) and (rows["valid"] == (rows["state"] == validity.VALID)).all()
    assert rows["amplitude_before"].nunique() == 1 and rows["amplitude_after"].nunique() > 20
    again, other = (
        pd.DataFrame(trial.by_probes(**bench, **BESIDE, strengths=(1.0,), alphas=[], seed=seed)).query("target == 'random'")
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(again["amplitude_after"], rows[rows["target"] == "random"]["amplitude_after"])
    assert not np.isclose(again["amplitude_after"], other["amplitude_after"]).all()


def test_all_methods_are_tried_from_their_own_sound(bench: dict[str, Any]) -> None:
    weights = {prop: probe.weight for prop, probe in bench["member"].probes.items()}
    moves = {variant: methods.along_probes(bench["member"].sae, weights, variant) for variant in ("paper", "relu", "remainder")}
    paper = list(trial.by_probes(**bench, **BESIDE, strengths=(*steering.ENDS, 2.0), alphas=[], seed=0))
    made, parts = steering.steer_otherwise(**bench, moves=moves, paper=paper)
    rows = pd.DataFrame(made)
    assert rows.groupby("method").size()[[*moves]].tolist() == [6 * len(steering.ENDS)] * 3
    before = rows.groupby("method")["amplitude_before"].unique()
    assert before["remainder"] == before["signal"] == before["reconstruction"] != before["paper"] == before["relu"]
    gain = rows[(rows["method"] == "signal") & (rows["steered"] == "amplitude") & (rows["r"] == 1)].set_index("target")
    for target, goal in bench["goals"]["amplitude"].items():
        assert gain.loc[target, "amplitude_after"] == pytest.approx(goal.centre, rel=0.02)
    valid = rows[rows["valid"] & (rows["r"] == steering.PART)]
    assert {(part["variant"], part["prop"]) for part in parts} <= set(valid[["method", "steered"]].itertuples(index=False, name=None))


def test_the_further_target_of_a_valid_sound_is_steered_in_part() -> None:
    still = {f"{prop}_before": value for prop, value in STILL.items()} | {"method": "paper", "r": 1.0, "valid": True}
    rows = [still | {"steered": prop, "target": target} for prop in ("pitch", "amplitude") for target in ("low", "high")]
    rows[1]["pitch_before"] = rows[0]["pitch_before"] = 50.0
    assert steering.further(rows, "paper", GOALS) == {"pitch": (50, 1.0), "amplitude": (0, -1.0)}
    rows[1]["valid"] = False
    assert steering.further(rows, "paper", GOALS)["pitch"] == (10, -1.0)
    rows[0]["pitch_before"] = 41.0
    assert "pitch" not in steering.further(rows, "paper", GOALS) and steering.further(rows, "relu", GOALS) == {}


# --- figures ------------------------------------------------------------------------------------------------------------


def sounds(
    moved: Callable[[dict[str, Any]], float], leaked: Callable[[dict[str, Any]], float] = lambda row: ACROSS, seeds: int = 1
) -> pd.DataFrame:
    """What every method and seed did to every property: so many natural units towards each target, and so many to the others, a unit of r."""
    rows = []
    for seed, method, clip, prop, target, r in product(range(seeds), methods.METHODS, "abc", labels.PROPERTIES, ("low", "high"), STRENGTHS):
        row = {"kind": "paper", "seed": seed, "method": method, "clip": clip, "steered": prop, "target": target, "r": r, "alpha": np.nan}
        row |= {"direction": 0, "valid": True, "collapsed": False, "pitch_lost": False, "log_mel_db": 2.0, "round_trip": 1.5}
        push = r * moved(row) * (1 if target == "high" else -1)
        for measured, was in STILL.items():
            change = push if measured == prop else abs(r) * leaked(row)
            now = {"pitch": was + change, "amplitude": was * 10 ** (change / 20), "timbre": was * 2**change}[measured]
            row |= {f"{measured}_before": was, f"{measured}_after": now}
        rows.append(row)
    return pd.DataFrame(rows)


def summary(made: pd.DataFrame, chance: float) -> dict[str, Any]:
    """Figures of these sounds, with random directions that move every property by so many natural units for each unit of r."""
    trained = made[made["method"] == "paper"]
    random = trained[(trained["steered"] == "pitch") & (trained["target"] == "low")].assign(steered="", target="random")
    push = chance * random["r"]
    random = random.assign(pitch_after=60 + push, amplitude_after=0.1 * 10 ** (push / 20), timbre_after=1000 * 2**push)
    return steering.summarise(pd.concat([trained, random]), made, GOALS, EDGES, 0)


def found(moved: Callable[[dict[str, Any]], float], leaked: Callable[[dict[str, Any]], float] = lambda row: ACROSS) -> dict[str, Any]:
    by_hand = summary(sounds(moved, leaked), 3.0)
    for told in by_hand["kinds"]["paper"].values():
        told["paper"] = {"20": {"r": 3.1, "on_target": 0.25, "valid_share": 0.125, "collapsed": 0.75, "pitch_lost": 0.5}}
    return json.loads(json.dumps(by_hand, allow_nan=False))


def less(row: dict[str, Any]) -> float:
    """The paper's way leaks least, signal processing nothing."""
    return {"paper": 1.0, "signal": 0.0}.get(row["method"], 2.0)


def test_ways_are_compared_by_what_they_leak_for_each_unit_moved() -> None:
    figures = found(lambda row: 2.0, less)
    assert figures["kinds"]["paper"]["pitch"]["slope"] == pytest.approx(2)
    gap = figures["comparisons"]["feature_means"]["pitch"]["leakage_ratio_difference"]["amplitude"]
    assert gap["value"] == pytest.approx(-0.5) and gap["told"] == "less"
    assert figures["comparisons"]["signal"]["pitch"]["leakage_ratio_difference"]["timbre"]["told"] == "more"


@pytest.mark.parametrize(
    ("chance", "leaked", "best"),
    [(1.0, less, True), (3.0, less, False), (1.0, lambda row: 3.0 - less(row), False), (1.0, lambda row: 1.0, False)],
)
def test_the_paper_is_best_where_it_moves_more_than_chance_and_leaks_less_than_means(
    chance: float, leaked: Callable[[dict[str, Any]], float], best: bool
) -> None:
    assert summary(sounds(lambda row: 2.0, leaked), chance)["paper_is_best"] == dict.fromkeys(labels.PROPERTIES, best)


# --- sentences ----------------------------------------------------------------------------------------------------------


def test_sentences_are_read_off_the_figures() -> None:
    one = found(lambda row: 2.0 if row["method"] != "raw_means" else -1.0, less)
    line = evidence_steering.comparisons("toy", one).splitlines()[0]
    assert line.startswith("toy, pitch: with more leakage than the paper's way: features: with ReLU")
    assert line.endswith("latents: difference of means; with less: signal processing.")
    assert evidence_steering.answer({"toy": one}) == "In none of the 3 pairs of a property and a codec."
    one["paper_is_best"]["timbre"] = True
    assert evidence_steering.answer({"toy": one}) == "In 1 of the 3 pairs of a property and a codec: timbre with toy."


def test_the_papers_strengths_are_told_plainly() -> None:
    told = figures.alphas(found(lambda row: 2.0)["kinds"]["paper"])
    assert len(told) == 3 and told.loc[("pitch", "α = 20")].tolist()[:3] == ["3.1", "12 %", "75 %"]
    assert told.loc[("pitch", "α = 20"), "progress to the target"] == "25 %"


def test_what_moves_no_further_than_chance_is_not_said_to() -> None:
    responses = {
        "pitch": {"beyond_random_ci95": [0.5, 2.0]},
        "amplitude": {"beyond_random_ci95": [-1.0, 2.0]},
        "timbre": {"beyond_random_ci95": None},
    }
    assert figures.beyond_random(responses).endswith("by the 95 % interval: pitch.")
    responses["timbre"] = {"beyond_random_ci95": [-2.0, -1.0]}
    assert figures.beyond_random(responses).endswith("Moved less far: timbre.")


def test_what_spills_over_is_told_as_a_share_of_what_was_wanted() -> None:
    still = {"clips": 0}
    part = {"clips": 3, "inside": 4.0, "inside_ci95": [1.0, 6.0], "before": 0.1, "after": -0.5}
    unsure = part | {"inside_ci95": [-1.0, 6.0]}
    of = {"paper": {"pitch": part, "amplitude": unsure, "timbre": still}, "remainder": {"pitch": still}}
    paper, remainder = evidence_steering.confinement("toy", {"in_time": of}).splitlines()
    assert paper.endswith("towards the target for pitch; the third beside it that moves more does so by 12.5 % for pitch of that.")
    assert remainder.endswith("towards the target for none.")


def test_hollow_marks_are_where_few_sounds_are_valid() -> None:
    responses = found(lambda row: 2.0)["kinds"]["paper"]
    responses["pitch"]["response"]["low"][0] |= {"valid_share": 0.4}
    responses["pitch"]["response"]["low"][1] |= {"moved": None, "moved_ci95": None, "valid_share": 0.0}
    figure = figures.dose_response({"toy": responses})
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert [line.get_markerfacecolor() == "none" for line in marks] == [True, False, False]
    road = figures.road_to_collapse({"toy": responses})
    assert "α = 20" in [text.get_text() for text in road.axes[0].texts] and len(road.axes) == 3
    panel = evidence_steering.leakage_per_unit({"toy": found(lambda row: 2.0, less)})
    assert len(panel.axes) == 3
    plt.close("all")
