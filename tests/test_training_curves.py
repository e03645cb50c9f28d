"""Training curves drawn for the book."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiosae.figures.training import codec_training
from audiosae.pipeline.training_curves import draw


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


def test_a_picture_for_each_table_and_the_same_bytes_again(tmp_path: Path) -> None:
    curve(False, True, True).to_csv(tmp_path / "encodec_training.csv", index=False)
    (tmp_path / "encodec.json").write_text("{}")
    drawn = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw(tmp_path, folder)
        drawn.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert drawn[0] == drawn[1] and drawn[0].keys() == {"encodec.png"} and drawn[0]["encodec.png"].startswith(b"\x89PNG")


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
