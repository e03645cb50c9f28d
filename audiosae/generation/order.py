"""In which order the properties settle, and how sure that is: intervals and paired tests over prompts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from audiosae import intervals
from audiosae.errors import ParameterError
from audiosae.generation.reading import COARSE, ESTIMATE, LINE, NOISY, PATHS, Readings
from audiosae.generation.settling import progress, projection, ratio_of_sums, settles_at
from audiosae.labels import PROPERTIES
from audiosae.multiple_tests import holm

MAIN = "ratio of sums"
"""The measure of the paired tests: bounded by what moves, and defined for every prompt."""

LEAD = "against its straight line"
"""How the table of tests calls the generation's lead over the straight line to its own end."""

MEASURES = {"s": progress, "ratio of sums": ratio_of_sums, "projection": projection}


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
            means = _resampled(known, seed)
            low, high = np.percentile(means, [2.5, 97.5], axis=0)
            rows.append(pd.DataFrame({
                "path": path, "property": prop, "measure": name, "state": np.arange(len(known)),
                "mean": known.mean(axis=1), "low": low, "high": high,
            }))
    return pd.concat(rows, ignore_index=True)


def settled(by_state: np.ndarray, seed: int) -> dict[str, object]:
    """When a property settles, all prompts together.

    Parameters
    ----------
    by_state
        Progress [states, prompts].
    seed
        Of the resampling.

    Returns
    -------
    settles_at
        Of the mean over prompts; None if at the last state only.
    settles_at_ci95
        [low, high] over resampled prompts, where the last state stands for "not settled before".
    """
    known = _known(by_state)
    low, high = np.percentile(settles_at(_resampled(known, seed).T), [2.5, 97.5], method="nearest")
    at = int(settles_at(known.mean(axis=1)))
    return {"settles_at": None if at == len(known) - 1 else at, "settles_at_ci95": [int(low), int(high)]}


def _known(by_state: np.ndarray) -> np.ndarray:
    """The prompts whose progress is known.

    Raises
    ------
    ParameterError
        If there is none: no class of the property moves in any of them.
    """
    known = by_state[:, np.isfinite(by_state).all(axis=0)]
    if not known.size:
        raise ParameterError("progress is undefined for every prompt: no class of the property moves. Generate more prompts.")
    return known


def _resampled(known: np.ndarray, seed: int) -> np.ndarray:
    """Means over resampled prompts: [resamples, states]."""
    rng = np.random.default_rng(seed)
    prompts = known.shape[1]
    # How often each prompt is drawn: one product in place of a copy of every resample.
    drawn = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=intervals.RESAMPLES)
    return drawn @ known.T / prompts


def each(by_state: np.ndarray) -> np.ndarray:
    """When a property settles for each prompt alone: [states, prompts] -> [prompts]; the last state where it does not, NaN
    where progress is unknown."""
    return np.where(np.isfinite(by_state).all(axis=0), settles_at(by_state), np.nan)


def paired(steps: Mapping[str, np.ndarray], seed: int) -> pd.DataFrame:
    """Whether one property settles before another, prompt by prompt.

    Parameters
    ----------
    steps
        By name, the state at which each prompt settles [prompts]; see `each`.
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
        low, high = intervals.mean(differences, seed)
        # Without a difference anywhere there is nothing to rank.
        p = float(wilcoxon(differences).pvalue) if differences.any() else 1.0
        rows.append({"first": first, "second": second, "difference": float(differences.mean()), "low": low, "high": high, "p": p})
    table = pd.DataFrame(rows)
    table["p"] = holm(table["p"].to_numpy())
    return table


def table(readings: Mapping[str, Readings], seed: int) -> pd.DataFrame:
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
                by_state = _known(of(reading.p))
                at = settled(by_state, seed)
                rows.append({
                    "reading": path if classifiers == "trained" else f"{path}, {classifiers} classifiers", "property": prop, "measure": measure,
                    "settles_at": at["settles_at"], "low": at["settles_at_ci95"][0], "high": at["settles_at_ci95"][1],
                    "prompts": by_state.shape[1],
                })
    return pd.DataFrame(rows).astype({"settles_at": "Int64"})


def wide(settled: pd.DataFrame) -> pd.DataFrame:
    """The same for a reader: one row a reading and measure, one column a property, as "21 (18 to 24)"; a dash for not before the last state."""
    text = settled.apply(lambda row: f"{'–' if pd.isna(row['settles_at']) else row['settles_at']} ({row['low']} to {row['high']})", axis=1)
    shaped = settled.assign(text=text).pivot(index=["reading", "measure"], columns="property", values="text")
    rows = list(dict.fromkeys(zip(settled["reading"], settled["measure"])))
    return shaped.loc[rows, ["pitch", COARSE, "timbre", "amplitude"]]


def tests(readings: Readings, seed: int) -> pd.DataFrame:
    """Whether the order of two properties, and the generation's lead over its own straight line, hold prompt by prompt, by `MAIN`.

    Returns
    -------
    Column path, then as for `paired`; where the path is `LEAD`, first is the generation and second the line.
    """
    steps = {key: each(MEASURES[MAIN](reading.p)) for key, reading in readings.items()}
    parts = []
    for path in (NOISY, ESTIMATE):
        parts.append(paired({prop: steps[path, prop] for prop in ("pitch", "timbre", "amplitude")}, seed).assign(path=path))
    for prop in PROPERTIES:
        of = paired({prop: steps[NOISY, prop], f"{prop} on the line": steps[LINE, prop]}, seed)
        parts.append(of.assign(path=LEAD))
    joined = pd.concat(parts, ignore_index=True)
    # The three lines against their controls are one family, too.
    lines = (joined["path"] == LEAD).to_numpy()
    joined.loc[lines, "p"] = holm(joined.loc[lines, "p"].to_numpy())
    return joined[["path", "first", "second", "difference", "low", "high", "p"]]


def summarise(curves: pd.DataFrame, settled: pd.DataFrame, tests: pd.DataFrame) -> dict[str, object]:
    """The figures of section 5, for results/.

    Parameters
    ----------
    curves, settled, tests
        From `curves`, `table` and `tests`, of the same readings.

    Returns
    -------
    properties
        By property, the paper's s_t on the noisy latents: `progress` at each state, mean over prompts, `settles_at`, `settles_at_ci95`; `prompts`,
        for how many it is defined; and the same figures under `measures` by other measures, and under `paths` along other paths.
    settled, order
        Rows of `settled` and `tests`.
    """
    means = curves.groupby(["path", "property", "measure"])["mean"]
    progress_of = {key: [round(float(mean), 6) for mean in by_state] for key, by_state in means}
    rows = {(row["reading"], row["property"], row["measure"]): row for row in records(settled)}

    def figures(path: str, prop: str, measure: str) -> dict[str, object]:
        row = rows[path, prop, measure]
        return {"progress": progress_of[path, prop, measure], "prompts": row["prompts"], "settles_at": row["settles_at"],
                "settles_at_ci95": [row["low"], row["high"]]}

    properties = {
        prop: figures(NOISY, prop, "s") | {
            "measures": {measure: figures(NOISY, prop, measure) for measure in MEASURES if measure != "s"},
            "paths": {path: {measure: figures(path, prop, measure) for measure in MEASURES} for path in PATHS if path != NOISY},
        }
        for prop in PROPERTIES
    }
    return {"properties": properties, "settled": records(settled), "order": records(tests)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON has them; None where a figure is not known."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()} for row in rows]
