"""What the pages of evidence say: names as the computing modules have them, numbers and lists in words."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from audiosae import numbers
from audiosae.audio import labels
from audiosae.evidence import seed_stability
from audiosae.figures import evidence, evidence_features, evidence_loss, evidence_steering
from audiosae.probes import representations
from audiosae.sae import reference
from audiosae.sae.variants import VARIANTS
from audiosae.steering import in_time, methods


def test_names_are_those_of_the_results() -> None:
    assert tuple(evidence.INPUTS) == representations.NAMES and evidence.PROPERTIES == labels.PROPERTIES
    assert tuple(evidence_steering.METHODS) == methods.METHODS and tuple(evidence_steering.KINDS) == tuple(reference.KINDS)
    assert tuple(evidence_steering.IN_TIME) == in_time.VARIANTS and set(evidence_loss.LABELS) == set(VARIANTS)
    assert set(evidence_features.CHANCE) == {*seed_stability.random_directions([], 0), "untrained"}


def test_numbers_and_lists_in_words() -> None:
    assert numbers.with_interval(0.123, [-0.1, 0.25]) == "0.12 (−0.10 to 0.25)" and numbers.with_interval(None) == "–"
    assert numbers.difference(0.1, [-0.05, 0.25]) == "+0.10, −0.05 to +0.25"
    assert [numbers.number(value, 1) for value in (1234567.891, -0.04, float("nan"), None)] == ["1\u202f234\u202f567.9", "0.0", "–", "–"]
    assert [numbers.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["nothing", "a", "a and b", "a, b and c"]
    shown = evidence.table([("encodec", "y", 1.0)], "codec; property", "share")
    assert shown.index.names == ["codec", "property"] and list(shown.columns) == ["share"] and shown.loc[("EnCodec", "y"), "share"] == 1


def test_a_table_is_written_with_the_digits_of_its_columns() -> None:
    table = pd.DataFrame(
        {"count": [1234, 5], "share": [0.12345, -1.0], "L0": [236.1503, float("nan")], "name": ["a", "b"], "there": [True, False]}
    )
    assert numbers.formatted(table, 2, L0=0).to_numpy().tolist() == [
        ["1\u202f234", "0.12", "236", "a", True],
        ["5", "−1.00", "–", "b", False],
    ]


def test_results_are_read_and_told_by_codec(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "evidence/grid"
    folder.mkdir(parents=True)
    for codec, x in (("b", 1), ("a", 2), ("other", 3)):
        (folder / f"{codec}.json").write_text(json.dumps({"x": x}))
    (tmp_path / "current.json").write_text(json.dumps({"grid": {"a": None, "b": None, "other": "computed for other recordings"}}))
    found = evidence.read(folder)
    assert found == {"a": {"x": 2}, "b": {"x": 1}} and list(found) == ["a", "b"]
    assert capsys.readouterr().out == "other: nothing is shown here; computed for other recordings.\n"
    shown: list[str] = []
    monkeypatch.setattr(evidence, "display", lambda markdown: shown.append(markdown.data))
    evidence.say(found, lambda codec, one: f"{codec}: 2\nno more" if one["x"] == 2 else "")
    evidence.say({}, lambda codec, one: codec)
    assert shown == ["- **a:** 2\n- no more"]


@pytest.mark.parametrize("codecs", [["a", "b"], ["a"]])
def test_curves_of_the_loss_have_their_legend(codecs: list[str]) -> None:
    label = next(iter(evidence_loss.COLOURS))
    sweep = pd.DataFrame([{"codec": codec, "variant": label, "l0": l0, "fvu": 1 / l0} for codec in codecs for l0 in (2.0, 4.0)])
    figure = evidence_loss.curves(sweep, "l0", "L0")
    assert figure.axes[-1].get_legend() is not None
    plt.close(figure)
