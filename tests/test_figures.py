"""Figures of results in which a property, a codec or a measure is absent: a panel stays empty, and nothing fails."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure

from audiosae.figures.sae_training import grid_points, training_curves


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def legends(figure: Figure) -> list[bool]:
    return [axis.get_legend() is not None for axis in figure.axes]


@pytest.mark.parametrize(("l0", "drawn"), [(3.0, True), (float("nan"), False)])
def test_a_grid_without_one_measure_is_drawn(l0: float, drawn: bool) -> None:
    grid = pd.DataFrame({"hidden": [8], "l1": [0.1], "sparsity": [0.5], "l0": [l0], "fvu": [0.3]})
    assert legends(grid_points(grid, grid.iloc[0])) == [False, drawn]


def test_training_curves_have_their_legend() -> None:
    curves = pd.DataFrame({"hidden": [8, 8], "l1": [0.1, 0.1], "epoch": [1, 2], "reconstruction": [2.0, 1.0], "penalty": [0.2, 0.1]})
    assert legends(training_curves(curves)) == [False, True]
