"""In which order the properties settle, and how sure that is: intervals and paired tests over prompts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from audiosae.audio.labels import PROPERTIES
from audiosae.errors import ParameterError
from audiosae.generation.settling import MEASURES, settles_at
from audiosae.generation.trajectory import ESTIMATE, LINE, NOISY, PATHS, Readings
from audiosae.stats import bootstrap
from audiosae.stats.holm import holm

MAIN = "ratio of sums"
"""The measure of the paired tests: bounded by what moves, and defined for every prompt."""

LEAD = "against its straight line"
"""How the table of tests calls the generation's lead over the straight line to its own end."""


def curves(readings: Readings, seed: int) -> pd.DataFrame:
    """Every measure along every path, with its interval over prompts.

    Returns
    -------
    Columns path, property, measure, state, mean, low, high. Beside the three measures of progress there are "agreement"
    (share of frames) and "entropy" (bits). Where progress of a prompt is unknown, the others count.
    """
    rows = []
    for (path, prop), reading in readings.items():
        values = {name: measure(reading.p) for name, measure in MEASURES.items()}
        for name, by_state in (values | {"agreement": reading.agreement, "entropy": reading.entropy}).items():
            known = _known(by_state)
            low, high = np.percentile(_resampled(known, seed), [2.5, 97.5], axis=0)
            rows.append(
                pd.DataFrame(
                    {
                        "path": path,
                        "property": prop,
                        "measure": name,
                        "state": np.arange(len(known)),
                        "mean": known.mean(axis=1),
                        "low": low,
                        "high": high,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def settling_state(known: np.ndarray, seed: int) -> tuple[int | None, int, int]:
    """When a property settles, all prompts together, from their progress [states, prompts].

    Returns
    -------
    The state at which the mean over prompts settles, None if at the last only; and the 95 % interval over resampled prompts,
    low and high, in which the last state stands for "not before".
    """
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
    # How often each prompt is drawn: one product in place of a copy of every resample.
    drawn = bootstrap.weights(prompts, seed)
    return drawn @ known.T / prompts


def settled(readings: Mapping[str, Readings], seed: int) -> pd.DataFrame:
    """When every property settles, by every path and measure.

    Parameters
    ----------
    readings
        By classifiers: "trained", and others as controls.
    seed
        Of the intervals.

    Returns
    -------
    Columns reading (the path, and the classifiers where they are not the trained ones), property, measure, settles_at (missing for not
    before the last state), low, high, and prompts, for how many progress is known.
    """
    rows = []
    for classifiers, found in readings.items():
        for (path, prop), reading in found.items():
            for measure, of in MEASURES.items():
                known = _known(of(reading.p))
                at, low, high = settling_state(known, seed)
                rows.append(
                    {
                        "reading": path if classifiers == "trained" else f"{path}, {classifiers} classifiers",
                        "property": prop,
                        "measure": measure,
                        "settles_at": at,
                        "low": low,
                        "high": high,
                        "prompts": known.shape[1],
                    }
                )
    return pd.DataFrame(rows).astype({"settles_at": "Int64"})


def paired(steps: Mapping[str, np.ndarray], seed: int) -> pd.DataFrame:
    """Whether one property settles before another, prompt by prompt.

    Parameters
    ----------
    steps
        By name, the state at which each prompt settles [prompts]; NaN where its progress is unknown.
    seed
        Of the intervals.

    Returns
    -------
    One row a pair: first, second, difference (second minus first, in states, mean over prompts), low, high (95 %), and p of
    the Wilcoxon signed-rank test, with Holm's (1979) correction over all pairs.
    """
    rows = []
    for first, second in combinations(steps, 2):
        differences = steps[second] - steps[first]
        differences = differences[np.isfinite(differences)]
        low, high = bootstrap.mean(differences, seed)
        # Without a difference anywhere there is nothing to rank.
        p = float(wilcoxon(differences).pvalue) if differences.any() else 1.0
        rows.append({"first": first, "second": second, "difference": float(differences.mean()), "low": low, "high": high, "p": p})
    table = pd.DataFrame(rows)
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
    pairs = [
        paired({prop: steps[path, prop] for prop in ("pitch", "timbre", "amplitude")}, seed).assign(path=path) for path in (NOISY, ESTIMATE)
    ]
    lead = pd.concat([paired({prop: steps[NOISY, prop], f"{prop} on the line": steps[LINE, prop]}, seed) for prop in PROPERTIES])
    # The three lines against their controls are one family, too.
    lead = lead.assign(path=LEAD, p=holm(lead["p"].to_numpy()))
    return pd.concat([*pairs, lead], ignore_index=True)[["path", "first", "second", "difference", "low", "high", "p"]]


def summarise(curves: pd.DataFrame, settled: pd.DataFrame, tests: pd.DataFrame) -> dict[str, Any]:
    """The figures of section 5, for results/.

    Parameters
    ----------
    curves, settled, tests
        From `curves`, `settled` and `paired_tests`, of the same readings.

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
    progress = {key: [round(float(mean), 6) for mean in by_state] for key, by_state in means}
    rows = records(settled)
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = row["reading"], row["property"]
        if (*key, row["measure"]) in progress:  # not of untrained classifiers, which have no curves
            interval = {"settles_at": row["settles_at"], "settles_at_ci95": [row["low"], row["high"]], "prompts": row["prompts"]}
            figures.setdefault(key, {})[row["measure"]] = {"progress": progress[*key, row["measure"]], **interval}
    properties = {}
    for prop in PROPERTIES:
        own = figures[NOISY, prop]
        paths = {path: figures[path, prop] for path in PATHS if path != NOISY}
        properties[prop] = {**own.pop("s"), "measures": own, "paths": paths}
    return {"properties": properties, "settled": rows, "order": records(tests)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON has them; None where a figure is not known."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
