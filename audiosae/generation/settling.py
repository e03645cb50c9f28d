"""When each property settles on the way from noise to music (the paper's section 5), in which order, and how sure that is.

With p_t the class probabilities of one piece at state t, mean over its frames, the paper's progress is

    s_t = (1 / K) Σ_k |p_t[k] − p_0[k]| / |p_T[k] − p_0[k]|

0 at noise, 1 at the end. Its ratios explode where a class hardly moves, and they count moves the wrong way as progress.
So classes that move by less than `LEAST` are left out of the mean, and two other measures stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from audiosae.audio.labels import PROPERTIES
from audiosae.errors import ParameterError
from audiosae.generation.trajectory import ESTIMATE, LINE, NOISY, PATHS, Readings
from audiosae.stats import bootstrap
from audiosae.stats.holm import holm

LEAST = 1e-3
"""A class counts in s_t if its probability moves by at least this much from first state to last."""

CLOSE = 0.1
"""A property has settled when its progress stays within this of 1."""

MAIN = "ratio of sums"
"""The measure of the paired tests: bounded by what moves, and defined for every prompt."""

LEAD = "against its straight line"
"""How the table of tests calls the generation's lead over the straight line to its own end."""


def progress(p: np.ndarray) -> np.ndarray:
    """The paper's s_t, from class probabilities [states, ..., classes]: [states, ...]; NaN where no class moves by `LEAST`."""
    moved, whole = np.abs(p - p[0]), np.abs(p[-1] - p[0])
    counted = whole >= LEAST
    return _ratio(np.where(counted, moved / np.where(counted, whole, 1), 0).sum(axis=-1), counted.sum(axis=-1))


def ratio_of_sums(p: np.ndarray) -> np.ndarray:
    """Σ_k |p_t − p_0| / Σ_k |p_T − p_0|: every class counts by how far it goes."""
    return _ratio(np.abs(p - p[0]).sum(axis=-1), np.abs(p[-1] - p[0]).sum(axis=-1))


def projection(p: np.ndarray) -> np.ndarray:
    """⟨p_t − p_0, p_T − p_0⟩ / ‖p_T − p_0‖²: moves the wrong way count against."""
    way = p[-1] - p[0]
    return _ratio(((p - p[0]) * way).sum(axis=-1), (way**2).sum(axis=-1))


MEASURES = {"s": progress, MAIN: ratio_of_sums, "projection": projection}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where the whole is nothing."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def settles_at(s: np.ndarray) -> np.ndarray:
    """The first state from which on progress [states, ...] stays within `CLOSE` of 1, or the last: its progress is 1 by construction."""
    far = ~(np.abs(s - 1) <= CLOSE)  # also where progress is NaN
    after = len(s) - np.argmax(far[::-1], axis=0)
    return np.where(far.any(axis=0), np.minimum(after, len(s) - 1), 0)


def settling_state(known: np.ndarray, seed: int) -> tuple[int | None, int, int]:
    """When the mean progress of all prompts [states, prompts] settles, None if at the last state only; and low and high over resamples."""
    low, high = np.percentile(settles_at(_resampled(known, seed).T), [2.5, 97.5], method="nearest")
    at = int(settles_at(known.mean(axis=1)))
    return None if at == len(known) - 1 else at, int(low), int(high)


def _known(by_state: np.ndarray) -> np.ndarray:
    """The prompts whose progress is known: [states, prompts] -> [states, some prompts]."""
    known = by_state[:, np.isfinite(by_state).all(axis=0)]
    if not known.size:
        raise ParameterError("progress is undefined for every prompt: no class of the property moves. Generate more prompts.")
    return known


def _resampled(known: np.ndarray, seed: int) -> np.ndarray:
    """Means over resampled prompts: [resamples, states]."""
    prompts = known.shape[1]
    return bootstrap.weights(prompts, seed) @ known.T / prompts


def curves(readings: Readings, seed: int) -> pd.DataFrame:
    """Every measure along every path, with its 95 % interval over the prompts whose progress is known.

    Returns
    -------
    Columns path, property, measure, state, mean, low, high. Beside the three measures of progress there are "agreement"
    (share of frames) and "entropy" (bits).
    """
    tables = []
    for (path, prop), reading in readings.items():
        values = {name: measure(reading.p) for name, measure in MEASURES.items()}
        for name, by_state in (values | {"agreement": reading.agreement, "entropy": reading.entropy}).items():
            known = _known(by_state)
            low, high = np.percentile(_resampled(known, seed), [2.5, 97.5], axis=0)
            which = {"path": path, "property": prop, "measure": name, "state": np.arange(len(known))}
            tables.append(pd.DataFrame({**which, "mean": known.mean(axis=1), "low": low, "high": high}))
    return pd.concat(tables, ignore_index=True)


def settled(readings: Mapping[str, Readings], seed: int) -> pd.DataFrame:
    """When every property settles, by every path and measure, as "trained" classifiers read it, and others as controls.

    Returns
    -------
    Columns reading (the path, and the classifiers where they are not the trained ones), property, measure, settles_at (missing for not
    before the last state), low, high, and prompts, for how many progress is known.
    """
    rows = []
    for classifiers, found in readings.items():
        for (path, prop), reading in found.items():
            name = path if classifiers == "trained" else f"{path}, {classifiers} classifiers"
            for measure, of in MEASURES.items():
                known = _known(of(reading.p))
                rows.append((name, prop, measure, *settling_state(known, seed), known.shape[1]))
    columns = ["reading", "property", "measure", "settles_at", "low", "high", "prompts"]
    return pd.DataFrame(rows, columns=columns).astype({"settles_at": "Int64"})


def paired(steps: Mapping[str, np.ndarray], seed: int) -> pd.DataFrame:
    """Whether one property settles before another, from the states by name at which each prompt settles [prompts]; NaN for unknown.

    Returns
    -------
    One row a pair: first, second, difference (second minus first, in states, mean over prompts), low, high (95 %), and p of
    the Wilcoxon signed-rank test, with Holm's (1979) correction over all pairs.
    """
    rows = []
    for first, second in combinations(steps, 2):
        differences = steps[second] - steps[first]
        differences = differences[np.isfinite(differences)]
        # Without a difference anywhere there is nothing to rank.
        p = float(wilcoxon(differences).pvalue) if differences.any() else 1.0
        rows.append((first, second, float(differences.mean()), *bootstrap.mean(differences, seed), p))
    table = pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p"])
    return table.assign(p=holm(table["p"].to_numpy()))


def paired_tests(readings: Readings, seed: int) -> pd.DataFrame:
    """Whether the order of two properties, and the generation's lead over its own straight line, hold prompt by prompt, by `MAIN`.

    Returns
    -------
    Column path, then as for `paired`; where the path is `LEAD`, first is the generation and second the line.
    """
    steps = {}
    for key, reading in readings.items():
        by_state = MEASURES[MAIN](reading.p)
        steps[key] = np.where(np.isfinite(by_state).all(axis=0), settles_at(by_state), np.nan)
    ordered = ("pitch", "timbre", "amplitude")
    pairs = [paired({prop: steps[path, prop] for prop in ordered}, seed).assign(path=path) for path in (NOISY, ESTIMATE)]
    lead = pd.concat([paired({prop: steps[NOISY, prop], f"{prop} on the line": steps[LINE, prop]}, seed) for prop in PROPERTIES])
    # The three lines against their controls are one family, too.
    lead = lead.assign(path=LEAD, p=holm(lead["p"].to_numpy()))
    return pd.concat([*pairs, lead], ignore_index=True)[["path", "first", "second", "difference", "low", "high", "p"]]


def summarise(curves: pd.DataFrame, settled: pd.DataFrame, tests: pd.DataFrame) -> dict[str, Any]:
    """The figures of section 5, for results/, from `curves`, `settled` and `paired_tests` of the same readings.

    Returns
    -------
    properties
        By property, the paper's s_t on the noisy latents: `progress` at each state, mean over prompts, `settles_at`,
        `settles_at_ci95`; `prompts`, for how many it is defined; and the same figures under `measures` by other measures, and
        under `paths` along other paths.
    settled, order
        Rows of `settled` and `tests`.
    """
    means = curves.groupby(["path", "property", "measure"])["mean"]
    by_state = {key: [round(float(mean), 6) for mean in values] for key, values in means}
    rows = records(settled)
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = row["reading"], row["property"]
        if shown := by_state.get((*key, row["measure"])):  # not of untrained classifiers, which have no curves
            interval = {"settles_at": row["settles_at"], "settles_at_ci95": [row["low"], row["high"]], "prompts": row["prompts"]}
            figures.setdefault(key, {})[row["measure"]] = {"progress": shown, **interval}
    properties = {}
    for prop in PROPERTIES:
        own = figures[NOISY, prop]
        paths = {path: figures[path, prop] for path in PATHS if path != NOISY}
        properties[prop] = {**own.pop("s"), "measures": own, "paths": paths}
    return {"properties": properties, "settled": rows, "order": records(tests)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON has them; None where a figure is not known."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
