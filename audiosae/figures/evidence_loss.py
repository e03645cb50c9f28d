"""Page 6, the loss: curves of the variants, the drift of a long training, and what optimiser and scale do."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from audiosae.figures import evidence
from audiosae.figures.evidence import COMPONENTS, FEATURES, INPUTS, K_SPARSE, RAW, UNTRAINED, Found
from audiosae.figures.theme import CODECS, legend_beside, title
from audiosae.numbers import number

LABELS = {
    "paper": "RMSNorm, λ Σ h (paper)",
    "on_f": "RMSNorm, λ Σ f",
    "decoder_norm": "no RMSNorm, λ Σ h‖d‖",
    "plain": "no RMSNorm, λ Σ h",
    "top_k": "TopK",
}
COLOURS = dict(zip(LABELS.values(), (INPUTS[name][0] for name in (FEATURES, UNTRAINED, RAW, COMPONENTS, K_SPARSE))))
"""One colour a variant, none of which stands for a property or a codec."""

MEASURES = {"sparsity": "sparsity", "fvu": "FVU, held out", "scale": "rms of h"}


def settings(codec: str, one: dict[str, Any]) -> str:
    """What made the figures of a codec."""
    given = one["provenance"]["parameters"]
    return (
        f"{codec}: {one['provenance']['weights']} weights; {one['hidden']} features on {one['dim']} dimensions; {number(one['train_frames'], 0)} of "
        f"{number(one['frames'], 0)} training frames, {one['steps_per_epoch']} steps an epoch, {given['epochs']} epochs (drift: {given['long']}); "
        f"FVU on held-out {one['held_out']}"
    )


def escape(found: Found) -> pd.DataFrame:
    """Penalty, FVU and changes when the encoder is scaled by c."""
    rows = []
    for codec, one in found.items():
        still = {"c": 1.0, "penalty": one["escape"]["penalty"], "fvu": one["escape"]["fvu"]}
        for row in [still | {"features_change": 0.0, "reconstruction_change": 0.0}, *one["escape"]["scaled"]]:
            changes = (f"{row[name]:.1e}" for name in ("features_change", "reconstruction_change"))
            rows.append((codec, row["c"], f"{row['penalty']:.4g}", f"{row['fvu']:.6f}", *changes))
    rows.sort(key=lambda row: row[:2])
    return evidence.table(rows, "codec; c", "Σ h, mean a frame; FVU; largest change of f; largest change of x̂")


def table(found: Found, part: str) -> pd.DataFrame:
    """One part of the results of all codecs, such as sweep or drift; the variant goes by its label."""
    rows = pd.DataFrame([{"codec": title(codec), **row} for codec, one in found.items() for row in one[part]])
    return rows.assign(variant=rows["variant"].map(LABELS)) if "variant" in rows else rows


def _logarithmic(axis: Axes) -> None:
    """A logarithmic y axis with plain numbers, also where it spans less than a decade."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def curves(sweep: pd.DataFrame, x: str, text: str) -> Figure:
    """Held-out FVU against a measure of sparsity, one line a variant, one panel a codec, one mark a λ or k."""
    codecs = list(sweep["codec"].unique())
    figure, axes = plt.subplots(1, len(codecs), figsize=(2 + 3.1 * len(codecs), 3.1), squeeze=False)
    lines = {"y": "fvu", "hue": "variant", "style": "variant", "palette": COLOURS, "markers": True, "dashes": False, "sort": True}
    for axis, codec in zip(axes[0], codecs):
        sns.lineplot(sweep[sweep["codec"] == codec], x=x, ax=axis, legend=axis is axes[0, -1], **lines)
        axis.set(xlabel=text, ylabel=MEASURES["fvu"], title=codec)
        _logarithmic(axis)
        if x == "l0":
            axis.set_xscale("log", base=2)
    legend_beside(axes[0, -1], title=None, frameon=False)
    return figure


def drift(rows: pd.DataFrame) -> Figure:
    """rms of h, sparsity and held-out FVU over a long training, one line a codec and variant."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3))
    epochs = sorted(rows["epoch"].unique())
    lines = {"x": "epoch", "hue": "variant", "style": "codec", "palette": COLOURS, "markers": True}
    for axis, name in zip(axes, ("scale", "sparsity", "fvu")):
        sns.lineplot(rows, y=name, ax=axis, legend=axis is axes[-1], **lines)
        axis.set(xscale="log", xlabel="epoch", ylabel=MEASURES[name])
        axis.set_xticks(epochs, [str(epoch) for epoch in epochs])
        axis.minorticks_off()
    axes[0].set_ylim(bottom=0)
    _logarithmic(axes[2])
    legend_beside(axes[-1], frameon=False)
    return figure


def drift_sentences(codec: str, one: dict[str, Any]) -> str:
    """How far a long training moves the figures at one λ, a line a variant."""
    lines = []
    for name, moved in one["summary"]["drift"].items():
        later = [epoch for epoch in moved["sparsity"] if int(epoch) >= 5] or list(moved["sparsity"])
        a, b = later[0], str(moved["last_epoch"])
        lines.append(
            f"{codec}, {LABELS[name]}, λ {one['l1']:g}: rms of h at the end is {moved['scale_ratio']:.2f} of what it was after the first "
            f"epoch; from epoch {a} to {b}, sparsity {moved['sparsity'][a]:.3f} to {moved['sparsity'][b]:.3f}, "
            f"FVU {moved['fvu'][a]:.4f} to {moved['fvu'][b]:.4f}"
        )
    return "\n".join(lines)


def optimisers(rows: pd.DataFrame) -> Figure:
    """Sparsity, held-out FVU and rms of h of one loss at one λ, under each optimiser."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharey=True)
    palette = {title(codec): colour for codec, colour in CODECS.items()}
    dots = {"y": "optimiser", "hue": "codec", "palette": palette, "size": 9, "jitter": False, "dodge": True}
    for axis, (name, text) in zip(axes, MEASURES.items()):
        sns.stripplot(rows, x=name, ax=axis, legend=axis is axes[-1], **dots)
        axis.set(xlabel=text, ylabel="")
        axis.set_xlim(left=0, right=1 if name == "sparsity" else 1.1 * rows[name].max())
        axis.xaxis.set_major_locator(MaxNLocator(4))
    legend_beside(axes[-1], title=None, frameon=False)
    return figure


def equal_sparsity(found: Found) -> pd.DataFrame:
    """FVU of each variant where its curve passes a sparsity; a dash where it does not reach."""
    rows = [
        {"codec": codec, "sparsity": float(value), **{LABELS[name]: fvu for name, fvu in at.items()}}
        for codec, one in found.items()
        for value, at in one["summary"]["fvu_at_sparsity"].items()
    ]
    shown = pd.DataFrame(rows).sort_values(["codec", "sparsity"])
    return shown.assign(codec=shown["codec"].map(title)).set_index(["codec", "sparsity"]).astype(float).map(lambda fvu: number(fvu, 4))


def equal_sparsity_sentences(codec: str, one: dict[str, Any]) -> str:
    """How often a penalty on f reconstructs better than the paper's at equal sparsity."""
    both = [at for at in one["summary"]["fvu_at_sparsity"].values() if None not in (at["paper"], at["on_f"])]
    better = sum(at["on_f"] < at["paper"] for at in both)
    told = f"a penalty on f gives the lower FVU at {better} of the {len(both)} sparsities that both reach"
    return f"{codec}: " + (told if both else "a penalty on f and the paper's reach no common sparsity of this table")
