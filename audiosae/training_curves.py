"""The stage `training_curves`: how each shipped codec learnt, as pictures for the book.

    python -m audiosae.training_curves results/codec book/_static/curves

A stage of its own, because the training itself is frozen, and a change to a figure's look must not ask for it again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from audiosae import figures
from audiosae.errors import report

SUFFIX = "_training.csv"


def draw(curves: Path, folder: Path) -> list[Path]:
    """Draw every NAME_training.csv of a folder as NAME.png.

    Parameters
    ----------
    curves
        Folder with the tables that `codecs.train` wrote.
    folder
        Where the pictures go, each whole or not at all.

    Returns
    -------
    The pictures.
    """
    figures.style()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for table in sorted(curves.glob(f"*{SUFFIX}")):
        figure = figures.codec_training(pd.read_csv(table))
        drawn.append(folder / f"{table.name.removesuffix(SUFFIX)}.png")
        partial = drawn[-1].with_suffix(".partial")
        figure.savefig(partial, format="png", metadata={"Software": None})
        plt.close(figure)
        os.replace(partial, drawn[-1])
    return drawn


def main() -> None:
    """Read the arguments, draw, and say what was drawn."""
    parser = argparse.ArgumentParser(prog="audiosae.training_curves", description=__doc__, allow_abbrev=False)
    parser.add_argument("curves", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    print("drew", ", ".join(str(path) for path in draw(given.curves, given.folder)) or "nothing")


if __name__ == "__main__":
    report(main)
