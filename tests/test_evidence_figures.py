"""What the pages of evidence say: names as the computing modules have them, numbers and lists in words."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from audiosae import steering
from audiosae.audio import labels
from audiosae.evidence import seed_stability
from audiosae.figures import evidence, evidence_features, evidence_loss, evidence_steering
from audiosae.probes import representations
from audiosae.sae.variants import VARIANTS
from audiosae.steering import equal_effect, in_time, methods


def test_names_are_those_of_the_results() -> None:
    assert tuple(evidence.INPUTS) == representations.NAMES and evidence.PROPERTIES == labels.PROPERTIES
    assert tuple(evidence_steering.METHODS) == methods.METHODS and tuple(evidence_steering.VARIANTS) == steering.VARIANTS
    assert tuple(evidence_steering.BASELINES) == methods.BASELINES and evidence_steering.IN_TIME == in_time.VARIANTS
    assert set(evidence_steering.WAYS) == set(equal_effect.LEVELS) and set(evidence_loss.LABELS) == set(VARIANTS)
    assert set(evidence_features.CHANCE) == {*seed_stability.random_directions([], 0), "untrained"}


def test_numbers_and_lists_in_words() -> None:
    assert evidence.with_interval(0.123, [-0.1, 0.25]) == "0.12 (−0.10 to 0.25)" and evidence.with_interval(None) == "–"
    assert evidence.difference(0.1, [-0.05, 0.25]) == "+0.10, −0.05 to +0.25"
    assert [evidence.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["nothing", "a", "a and b", "a, b and c"]
    shown = evidence.table([("x", "y", 1.0)], "codec; property", "share")
    assert shown.index.names == ["codec", "property"] and list(shown.columns) == ["share"] and shown.loc[("x", "y"), "share"] == 1


def test_results_are_read_and_told_by_codec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.json").write_text(json.dumps({"x": 1}))
    (tmp_path / "a.json").write_text(json.dumps({"x": 2}))
    assert evidence.read(tmp_path) == {"a": {"x": 2}, "b": {"x": 1}} and list(evidence.read(tmp_path)) == ["a", "b"]
    evidence.say(evidence.read(tmp_path), lambda codec, one: f"{codec}: 2" if one["x"] == 2 else "")
    assert capsys.readouterr().out == "a: 2\n"


@pytest.mark.parametrize("codecs", [["a", "b"], ["a"]])
def test_curves_of_the_loss_have_their_legend(codecs: list[str]) -> None:
    label = next(iter(evidence_loss.COLOURS))
    sweep = pd.DataFrame([{"codec": codec, "variant": label, "l0": l0, "fvu": 1 / l0} for codec in codecs for l0 in (2.0, 4.0)])
    figure = evidence_loss.curves(sweep, "l0", "L0")
    assert figure.axes[-1].get_legend() is not None
    plt.close(figure)
