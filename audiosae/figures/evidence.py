"""What the pages of evidence share: reading their results, panels, colours and marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiosae.figures.theme import COLOURS, place, title
from audiosae.files import results

Found = dict[str, dict[str, Any]]
"""Results of one question, by codec."""

PROPERTIES = tuple(COLOURS)

FEATURES, K_SPARSE, UNTRAINED, RAW, COMPONENTS = "SAE features", "k-sparse SAE", "untrained SAE", "raw latents", "PCA"
INPUTS = {
    FEATURES: ("#332288", "o"),
    K_SPARSE: ("#882255", "v"),
    UNTRAINED: ("#AA4499", "s"),
    RAW: ("#999933", "^"),
    COMPONENTS: ("#DDAA33", "D"),
}
"""Colour (after Tol 2021; none stands for a property or a codec) and mark of each input of a probe, in the order in which pages show them."""


def read(folder: str | Path) -> Found:
    """The results of a question, from results/evidence/QUESTION, by codec: those that are of what is here (see `audiosae.evidence.subject`).

    A line is printed of each other codec: what the evidence is of, and how to compute it.
    """
    folder = Path(folder)
    told = dict(sorted(results.read(folder.parents[1] / "current.json")[folder.name].items(), key=lambda item: place(item[0])))
    for codec, why in told.items():
        if why is not None:
            print(f"{title(codec)}: nothing is shown here; {why}.")
    return {codec: results.read(folder / f"{codec}.json") for codec, why in told.items() if why is None}


def say(found: Found, sentence: Callable[[str, dict[str, Any]], str]) -> None:
    """Show what a function says of each codec and its results, lines of text; nothing of a codec that it has nothing to say of."""
    show(line for codec, one in found.items() for line in sentence(title(codec), one).splitlines())


def show(lines: Iterable[str]) -> None:
    """Show lines as a list, with what stands before the first colon in bold."""
    heads = (line.partition(": ") for line in lines)
    if told := [f"- **{head}:** {rest}" if rest else f"- {head}" for head, _, rest in heads]:
        display(Markdown("\n".join(told)))


def sae_settings(codec: str, one: dict[str, Any], rest: str, sae: dict[str, Any], which: str = "SAE") -> str:
    """Which weights and SAEs made the figures of a codec, and what λ multiplies, as a line of the page."""
    return (
        f"{codec}: {one['provenance']['weights']} weights; {which} of {sae['hidden']} features on {sae['dim']} latent dimensions, "
        f"λ = {sae['l1']:g} times the sum of h over features, mean over frames, beside the squared error summed over standardised "
        f"dimensions; {rest}"
    )


def probe_settings(given: dict[str, Any]) -> str:
    """How probes were fitted, from the parameters of a stage."""
    decays = ", ".join(f"{penalty:g}" for penalty in sorted(given["penalties"]))
    return f"weight decay from {decays}, {given['iterations']} steps of L-BFGS each; seed {given['seed']}."


def panels(found: Found, width: float, margin: float, height: float, **shared: Any) -> tuple[Figure, np.ndarray]:
    """A row of panels, one a codec, with a shared y axis; sizes in inches, the margin for what stands beside."""
    figure, axes = plt.subplots(1, len(found), figsize=(width * len(found) + margin, height), sharey=True, squeeze=False, **shared)
    for axis, codec in zip(axes[0], found):
        axis.set_title(title(codec))
    return figure, axes[0]


def side_by_side(names: Sequence[str], step: float) -> dict[str, float]:
    """How far each of several marks is shifted so that together they are centred."""
    return {name: step * (place - (len(names) - 1) / 2) for place, name in enumerate(names)}


def legend(figure: Figure, axis: Axes) -> None:
    """One legend for the whole figure, at its upper right."""
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", frameon=False)


def table(rows: Iterable[tuple[Any, ...]], index: str, columns: str) -> pd.DataFrame:
    """Rows of cells under columns, of which the first are the index; names are parted by semicolons. Codecs get their titles."""
    names = f"{index}; {columns}".split("; ")
    made = pd.DataFrame(list(rows), columns=names)
    if "codec" in names:
        made["codec"] = made["codec"].map(title)
    return made.set_index(index.split("; "))
