"""Figures that stand in the book's prose."""

from __future__ import annotations

import colorsys
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba_array

from audiosae.figures import theme
from audiosae.figures.training import codec_training
from audiosae.pipeline.drawings import draw


def curve(*quantised: bool) -> pd.DataFrame:
    """Two runs, the first of which took two measures less."""
    steps = range(1, len(quantised) + 1)
    run = [1] + [2] * (len(quantised) - 1)
    table = pd.DataFrame({"run": run, "hours": [step / 2 for step in steps], "step": steps, "quantised": quantised, "level": 0.5})
    return table.assign(
        spectral=[1 / step for step in steps],
        log_mel_db=[None if n == 1 else 9.0 for n in run],
        pitch=[None if n == 1 else 0.9 for n in run],
    )


def test_training_and_findings_are_drawn_twice_with_the_same_bytes_again(tmp_path: Path) -> None:
    """Evidence of other recordings is not drawn, and what a figure shows is told from its numbers."""
    results = tmp_path / "results"
    for place in ("codec", "evidence/baselines", "evidence/steering"):
        (results / place).mkdir(parents=True)
    curve(False, True, True).to_csv(results / "codec/encodec_training.csv", index=False)
    gap = {"untrained SAE": {"difference": 0.1, "ci95": [0.05, 0.2]}, "raw latents": {"difference": -0.1, "ci95": [-0.2, -0.05]}}
    gap["PCA"] = {"difference": 0.0, "ci95": [-0.1, 0.1]}
    properties = {prop: {"difference": gap} for prop in ("pitch", "amplitude", "timbre")}
    for codec in ("mel", "encodec"):
        (results / f"evidence/baselines/{codec}.json").write_text(json.dumps({"properties": properties}))
    (results / "evidence/steering/encodec.json").write_text("{}")
    told = {
        "baselines": {"encodec": None, "mel": "computed for other recordings"},
        "steering": {"encodec": "computed for other recordings"},
    }
    told |= {question: {} for question in ("grid", "loss", "features")}
    (results / "current.json").write_text(json.dumps(told))
    drawn = []
    for _ in range(2):
        draw([0.1, 0.9], tmp_path)
        drawn.append({path.name: path.read_bytes() for path in (tmp_path / "book/_static/drawings").iterdir()})
    assert drawn[0] == drawn[1]
    assert drawn[0].keys() == {
        "told.json",
        *(f"{name}{end}.png" for name in ("training-encodec", "untrained", "fair") for end in ("", "-dark")),
    }
    assert drawn[0]["untrained.png"].startswith(b"\x89PNG") and drawn[0]["untrained.png"] != drawn[0]["untrained-dark.png"]
    assert json.loads(drawn[0]["told.json"]) == {
        "untrained": "By the intervals, the trained one is better: pitch (EnCodec); amplitude (EnCodec); timbre (EnCodec). The untrained one is better: none.",
        "fair": "By the intervals, features are better: none. They are worse: pitch − raw (EnCodec); amplitude − raw (EnCodec); timbre − raw (EnCodec).",
    }


def test_dark_colours_turn_greys_over_and_keep_hues_and_alpha() -> None:
    white, black, blue = to_rgba_array(["white", "black", "#0072B2"])
    found = theme.darkened(np.array([white, black, [*blue[:3], 0.5]]))
    assert found[0, :3].max() < 0.1 and found[1, :3].min() > 0.9 and found[:, 3].tolist() == [1, 1, 0.5]
    hues = [colorsys.rgb_to_hls(*colour[:3]) for colour in (blue, found[2])]
    assert hues[0][0] == pytest.approx(hues[1][0]) and hues[1][1] > hues[0][1]


def test_a_figure_has_its_own_colours_again_once_its_dark_one_is_drawn() -> None:
    figure, axis = plt.subplots()
    [line] = axis.plot([0, 1], color="0.2", marker="o")
    picture = axis.imshow([[0, 1]], cmap="magma")
    label = axis.text(0, 0, "1", color="white")  # in a picture: stays as it is
    drawn, _ = theme.both(figure)
    assert set(drawn) == {"image/png", theme.DARK} and line.get_color() == "0.2" and figure.get_facecolor() == (1, 1, 1, 1)
    with theme._dark(figure):
        assert to_rgba_array(line.get_color())[0, :3].min() > 0.7 and label.get_color() == "white" and picture.get_cmap().name == "magma"
    plt.close(figure)


def test_a_colour_a_run_over_hours_and_the_line_where_codebooks_came_into_use() -> None:
    for curves, hours in ((curve(False, False, True, True), [1.5]), (curve(False, False), [])):
        spectral, *_, pitch = codec_training(curves).axes
        assert spectral.get_ylabel() == "spectral distance (no unit)" and pitch.get_ylabel() == "within 50 cents (share)"
        assert {axis.get_xlabel() for axis in (spectral, pitch)} == {"hours of music heard in training"}
        assert [line.get_xdata()[0] for line in spectral.lines if line.get_linestyle() == ":"] == hours
        drawn = [
            line for line in spectral.lines if line.get_linestyle() == "-" and len(line.get_xdata())
        ]  # the legend has lines without data
        assert [list(line.get_xdata()) for line in drawn] == [[0.5], curves["hours"].tolist()[1:]]
        assert (
            len({str(line.get_color()) for line in drawn}) == 2 and len([line for line in pitch.lines if line.get_linestyle() == "-"]) == 1
        )
