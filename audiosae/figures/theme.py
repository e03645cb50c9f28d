"""The look of every figure: one style, colours that mean the same everywhere, and a second drawing for dark pages."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import seaborn as sns
from IPython.core.getipython import get_ipython
from IPython.core.pylabtools import retina_figure
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from audiosae.files.params import TITLES
from audiosae.files.params import title as title

COLOURS = {"pitch": "#0072B2", "amplitude": "#D55E00", "timbre": "#009E73"}
"""One colour a property (Okabe and Ito 2008)."""

CODECS = {"encodec": "#CC79A7", "wavtokenizer": "#E69F00", "diffrhythm-vae": "#56B4E9"}
"""One colour a codec, none of which stands for a property."""

DARK = "application/x-audiosae-dark"
"""Beside image/png in an output: the same figure, drawn for a dark page, as PNG in base64."""


def style() -> None:
    """Set the look of every figure; call it once a notebook."""
    look = {"figure.dpi": 110, "savefig.bbox": "tight", "figure.constrained_layout.use": True}
    look |= {"axes.spines.top": False, "axes.spines.right": False}
    # SVG names its parts after a salt, which must not change between runs.
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.85, rc={**look, "svg.hashsalt": "audiosae"})
    if shell := get_ipython():
        shell.display_formatter.mimebundle_formatter.for_type(Figure, both)


def place(codec: str) -> tuple[int, str]:
    """By which codecs are put in order: those of the paper first, as it names them, then others by name."""
    return ([*TITLES].index(codec) if codec in TITLES else len(TITLES)), codec


def legend_beside(axis: Axes, **options: Any) -> None:
    """Move a legend to the right of its panel; a panel without data has none."""
    if axis.get_legend() is not None:
        sns.move_legend(axis, "upper left", bbox_to_anchor=(1.02, 1), **options)


def both(figure: Figure, include: object = None, exclude: object = None) -> tuple[dict[str, str], dict[str, Any]]:
    """A figure as notebooks keep it, with twice the pixels for sharp screens: `image/png`, and `DARK`."""
    light, metadata = retina_figure(figure, base64=True)
    with _dark(figure):
        dark, _ = retina_figure(figure, base64=True)
    return {"image/png": light, DARK: dark}, {"image/png": metadata}


def darkened(colours: np.ndarray) -> np.ndarray:
    """Colours [n, 4] for a dark page: greys are turned over, others keep their hue and become light enough; alpha stays."""
    found = np.array(colours, dtype=float)
    for colour in found:
        hue, lightness, saturation = colorsys.rgb_to_hls(*colour[:3])
        lightness = 0.94 - 0.86 * lightness if saturation < 0.15 else max(lightness, 0.45 + 0.3 * lightness)
        colour[:3] = colorsys.hls_to_rgb(hue, lightness, saturation)
    return found


@contextmanager
def _dark(figure: Figure) -> Iterator[None]:
    """Give all parts of a figure their dark colours for a while; pictures and heat maps, with the numbers in them, keep theirs."""
    # All are read before any is set: a marker without a colour of its own has that of its line.
    kept = [(artist, name, getattr(artist, f"get_{name}")()) for artist in figure.findobj() for name in _coloured(artist)]
    for artist, name, before in kept:
        if len(colours := to_rgba_array(before)):
            after = darkened(colours)
            # A line compares the new colour with the old one, which fails for arrays of other lengths, and not for text.
            getattr(artist, f"set_{name}")(after if isinstance(artist, Collection) else to_hex(after[0], keep_alpha=True))
    try:
        yield
    finally:
        for artist, name, before in kept:
            getattr(artist, f"set_{name}")(before)


def _coloured(artist: Artist) -> tuple[str, ...]:
    """Names of the colours that a part of a figure has."""
    match artist:
        case QuadMesh():
            return ()
        case Collection():
            return ("facecolor", "edgecolor")
        case Line2D():
            return ("color", "markerfacecolor", "markeredgecolor")
        case Patch():
            return ("facecolor", "edgecolor")
        case Text():
            axes = artist.axes
            return () if axes is not None and artist in axes.texts and (axes.images or _maps(axes)) else ("color",)
    return ()


def _maps(axes: Any) -> bool:
    return any(isinstance(collection, QuadMesh) for collection in axes.collections)
