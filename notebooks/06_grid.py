# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The whole grid
#
# Paek et al. (2025) do not report one sparse autoencoder but a grid of them: 4 to 256 times as many features as the
# latent has numbers, and λ from 0.005 to 0.15. They say that wider SAEs rebuild better on every codec, and they give,
# for each codec, the lowest and the highest sparsity and probe accuracy over the grid. Here is that grid again, on our
# latents, with its ranges beside theirs.

# %% tags=["parameters", "hide-input"]
folder = "../results/evidence/grid"

# %% tags=["hide-input"]
from pathlib import Path

import pandas as pd
from IPython.display import display

from audiosae import figures, labels, results
from audiosae.evidence import figures_grid

figures.style()
found = {path.stem: results.read(path) for path in sorted(Path(folder).glob("*.json"))}
points = figures_grid.table(found)
for codec, r in found.items():
    p = r["provenance"]["parameters"]
    factors = sorted({point["factor"] for point in r["points"]})
    print(f"{codec}: {r['provenance']['weights']} weights; {factors[0]} to {factors[-1]} times {r['dim']} features (at most {p['largest']}); "
          f"{r['train_frames']:,} of {r['frames']:,} training frames, {p['epochs']} epochs of Adam at {p['learning_rate']:g}; "
          f"FVU on held-out {r['held_out']}")

# %% [markdown]
# λ multiplies Σ h, summed over features; the squared error is summed over standardised dimensions; both are means over
# frames. The steps between the ends of the grid are ours, as the paper names the ends alone. The widest SAEs of the
# paper's grid are left out unless `largest` in params.yaml allows them: 256 times the latent gives the whole grid.
#
# Two things are less thorough than in sections 2 and 3, so that every point could be seen. Where frames do not repeat,
# SAEs and probes learn from part of the training frames, drawn by lot, with as many steps an epoch as all of them would
# take. And each probe has one penalty and fewer iterations. So the point that section 2 chose comes out a little
# different here: compare points of this page with each other, not with section 3. All points share one seed; how much a
# figure moves from seed to seed is not measured here.
#
# ## Reconstruction and sparsity

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps over width and lambda, one row of panels a codec: variance unexplained, and sparsity"}}
figure = figures_grid.heat_maps(points, ["fvu", "sparsity"])

# %% [markdown]
# *Each cell is one SAE, on test recordings. Read a column upwards for what width does, and a row to the right for what λ
# does. FVU is the fraction of variance unexplained of what was held out: recordings, or codes where frames repeat.*

# %% tags=["hide-input"]
for codec, r in found.items():
    better = r["wider_is_better"]["fvu"]
    print(f"{codec}: " + ("only one width" if better is None else f"at {better:.0%} of the λ each step of width lowers the FVU"))

# %% [markdown]
# ## Active and dead features
#
# Sparsity alone hides two things. A wide SAE with the same number of active features is sparser by arithmetic; and a
# feature that never fires counts as sparse.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps over width and lambda, one row of panels a codec: active features a frame, and share of dead features"}}
figure = figures_grid.heat_maps(points, ["l0", "dead"])

# %% [markdown]
# *Left, the mean number of active features a frame; right, the share of features that are zero on every test frame.*
#
# ## What a probe reads

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat maps over width and lambda, one row of panels a codec: accuracy of the probes of pitch, amplitude and timbre"}}
figure = figures_grid.heat_maps(points, list(labels.PROPERTIES))

# %% [markdown]
# *Share of test frames that a linear probe names exactly. Differences between cells are to be held against the intervals
# below, which are about as wide at every point, and wider than most differences between neighbours if they say so.*

# %% tags=["hide-input"]
rows = []
for codec, r in found.items():
    for prop in labels.PROPERTIES:
        best = max(r["points"], key=lambda point: point["accuracy"][prop]["accuracy"])
        low, high = best["accuracy"][prop]["ci95"]
        rows.append({
            "codec": codec, "property": prop, "best point": f"{best['factor']}×, λ {best['l1']:g}",
            "accuracy there [95 %]": f"{best['accuracy'][prop]['accuracy']:.3f} [{low:.3f}, {high:.3f}]",
            "lowest over the grid": f"{r['ranges'][prop][0]:.3f}",
            "commonest class": f"{r['majority'][prop]:.3f}",
        })
display(pd.DataFrame(rows).set_index(["codec", "property"]))

# %% [markdown]
# *The best point is picked on test frames, so it flatters the grid a little. Intervals are by resampling recordings.*
#
# A probe of few iterations stops before its minimum, and pitch, with its 66 classes, loses most by that. Wider and sparser
# features are quicker to fit, so a part of what the pitch panel shows may be speed of fitting and not what the features
# hold. Section 3 fits the chosen point for longer, and beside it the raw latents: whether an SAE reads better than they do
# is asked there, not here.
#
# ## The paper's ranges and ours

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars from lowest to highest value over the grid, the paper's and ours, for sparsity and the three accuracies of each codec"}}
figure = figures_grid.ranges(found)

# %% [markdown]
# *From the lowest to the highest value over the grid. Grey is what the paper reports, blue is ours. Where there is no bar
# of a codec, the paper has no figure for it.*

# %% tags=["hide-input"]
def span(pair):
    return f"{pair[0]:.3f} to {pair[1]:.3f}"

rows = [{"codec": codec, "figure": name, "paper": span(pair["paper"]), "ours": span(pair["ours"]), "overlap": "yes" if pair["overlap"] else "no"}
        for codec, r in found.items() for name, pair in r["beside_paper"].items()]
display(pd.DataFrame(rows, columns=["codec", "figure", "paper", "ours", "overlap"]).set_index(["codec", "figure"]))
for codec, r in found.items():
    apart = [f"{name} ({'higher' if pair['ours'][0] > pair['paper'][1] else 'lower'} here)"
             for name, pair in r["beside_paper"].items() if not pair["overlap"]]
    if r["beside_paper"]:
        print(f"{codec}: " + ("every range overlaps the paper's" if not apart else "no overlap in " + ", ".join(apart)))

# %% [markdown]
# Overlap is a weak test, since a range is made by its two extreme points, and ours leaves out the widest SAEs unless
# told otherwise. Four things differ that could move a range: the weights of the codec (said at the top), the recordings,
# the size of the data, and how loudness and brightness fall into their bins, which sets how often the commonest class
# is right. So a range that does not overlap says that the number does not carry over to this setting, not that it was
# wrong in its own.
