"""Training curves drawn for the book."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiosae.figures.training import codec_training
from audiosae.pipeline.training_curves import draw


def curve(quantised: list[bool]) -> pd.DataFrame:
    steps = range(1, len(quantised) + 1)
    return pd.DataFrame({"step": steps, "quantised": quantised, "spectral": [1 / s for s in steps], "level": [0.5] * len(quantised)})


def test_a_picture_for_each_table_and_the_same_bytes_again(tmp_path: Path) -> None:
    curves = tmp_path / "codec"
    curves.mkdir()
    curve([False, True, True]).to_csv(curves / "encodec_training.csv", index=False)
    curve([False, False, False]).to_csv(curves / "diffrhythm-vae_training.csv", index=False)
    (curves / "encodec.json").write_text("{}")
    drawn = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw(curves, folder)
        drawn.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert drawn[0] == drawn[1] and drawn[0].keys() == {"diffrhythm-vae.png", "encodec.png"}
    assert all(content.startswith(b"\x89PNG") for content in drawn[0].values())


def test_the_line_stands_where_codebooks_came_into_use() -> None:
    axes = codec_training(curve([False, False, True, True])).axes
    assert [axis.get_ylabel() for axis in axes] == ["spectral loss (no unit)", "level loss (no unit)"]
    assert [line.get_xdata()[0] for line in axes[0].lines if line.get_linestyle() == ":"] == [3]
    continuous = codec_training(curve([False, False])).axes
    assert not [line for line in continuous[0].lines if line.get_linestyle() == ":"]
