"""The look of every figure."""

from __future__ import annotations

from typing import Any

import seaborn as sns
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.axes import Axes
from matplotlib_inline.backend_inline import set_matplotlib_formats

COLOURS = {"pitch": "#0072B2", "amplitude": "#D55E00", "timbre": "#009E73"}
"""One colour a property (Okabe and Ito 2008)."""


def style() -> None:
    """Set the look of every figure; call it once a notebook."""
    look = {"figure.dpi": 110, "savefig.bbox": "tight", "figure.constrained_layout.use": True}
    look |= {"axes.spines.top": False, "axes.spines.right": False}
    # SVG names its parts after a salt, which must not change between runs.
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.85, rc={**look, "svg.hashsalt": "audiosae"})
    if InteractiveShell.initialized():
        set_matplotlib_formats("retina")  # twice the pixels, for sharp screens


def legend_beside(axis: Axes, **options: Any) -> None:
    """Move a legend to the right of its panel; a panel without data has none."""
    if axis.get_legend() is not None:
        sns.move_legend(axis, "upper left", bbox_to_anchor=(1.02, 1), **options)
