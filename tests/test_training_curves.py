"""Training curves drawn for the book."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiosae.figures.training import codec_training
from audiosae.pipeline.training_curves import draw


def curve(*quantised: bool) -> pd.DataFrame:
    steps = range(1, len(quantised) + 1)
    return pd.DataFrame({"step": steps, "quantised": quantised, "spectral": [1 / step for step in steps], "level": 0.5})


def test_a_picture_for_each_table_and_the_same_bytes_again(tmp_path: Path) -> None:
    curve(False, True, True).to_csv(tmp_path / "encodec_training.csv", index=False)
    (tmp_path / "encodec.json").write_text("{}")
    drawn = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw(tmp_path, folder)
        drawn.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert drawn[0] == drawn[1] and drawn[0].keys() == {"encodec.png"} and drawn[0]["encodec.png"].startswith(b"\x89PNG")


def test_the_line_stands_where_codebooks_came_into_use() -> None:
    for curves, steps in ((curve(False, False, True, True), [3]), (curve(False, False), [])):
        axes = codec_training(curves).axes
        assert [axis.get_ylabel() for axis in axes] == ["spectral loss (no unit)", "level loss (no unit)"]
        assert [line.get_xdata()[0] for line in axes[0].lines if line.get_linestyle() == ":"] == steps
