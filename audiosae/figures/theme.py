"""The look of every figure."""

from __future__ import annotations

import matplotlib
import seaborn as sns
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.axes import Axes
from matplotlib_inline.backend_inline import set_matplotlib_formats

COLOURS = {"pitch": "#0072B2", "amplitude": "#D55E00", "timbre": "#009E73"}
"""One colour a property (Okabe and Ito 2008)."""

CONFUSION_MAP = "rocket_r"


def style() -> None:
    """Set the look of every figure; call it once a notebook."""
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.85)
    # SVG names its parts after a salt and draws text as shapes; both must not change between runs.
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "audiosae",
            "figure.dpi": 110,
            "savefig.bbox": "tight",
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    if InteractiveShell.initialized():
        set_matplotlib_formats("retina")  # twice the pixels, for sharp screens


def legend_beside(axis: Axes, **options: object) -> None:
    """Move a legend to the right of its panel; a panel without data has none."""
    if axis.get_legend() is not None:
        sns.move_legend(axis, "upper left", bbox_to_anchor=(1.02, 1), **options)
