"""The stage `training_curves`: how each shipped codec learnt, as pictures for the book.

    python -m audiosae.pipeline.training_curves --curves results/codec --folder book/_static/curves

A stage of its own, because the training itself is frozen, and a change to a figure's look must not ask for it again.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from audiosae.figures import theme
from audiosae.figures.training import codec_training
from audiosae.files.whole import writing

SUFFIX = "_training.csv"


def draw(curves: Path, folder: Path) -> None:
    """Draw every NAME_training.csv of a folder, which the stage `train_codec` wrote, as NAME.png in another."""
    theme.style()
    for table in sorted(curves.glob(f"*{SUFFIX}")):
        figure = codec_training(pd.read_csv(table))
        picture = folder / f"{table.name.removesuffix(SUFFIX)}.png"
        with writing(picture) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})
        plt.close(figure)
        print("drew", picture)


if __name__ == "__main__":
    from audiosae import command

    command.run(draw)
