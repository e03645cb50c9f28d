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
from audiosae.generation.reading import COARSE, Readings
from audiosae.generation.settling import progress, projection, ratio_of_sums, settles_at
from audiosae.labels import PROPERTIES

MAIN = "ratio of sums"
"""The measure of the paired tests: bounded by what moves, and defined for every prompt."""

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
    found = [_or_last(mean) for mean in _resampled(known, seed)]
    low, high = np.percentile(found, [2.5, 97.5], method="nearest")
    return {"settles_at": settles_at(known.mean(axis=1)), "settles_at_ci95": [int(low), int(high)]}


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


def _or_last(s: np.ndarray) -> int:
    at = settles_at(s)
    return len(s) - 1 if at is None else at


def each(by_state: np.ndarray) -> np.ndarray:
    """When a property settles for each prompt alone: [states, prompts] -> [prompts]; the last state where it does not, NaN
    where progress is unknown."""
    return np.array([_or_last(s) if np.isfinite(s).all() else np.nan for s in by_state.T], dtype=float)


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
    table["p"] = _holm(table["p"].to_numpy())
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
    Columns reading (the path, and the classifiers where they are not the trained ones), property, measure, settles_at (NaN for not before
    the last state), low, high.
    """
    rows = []
    for classifiers, found in readings.items():
        for (path, prop), reading in found.items():
            for measure, of in MEASURES.items():
                at = settled(of(reading.p), seed)
                rows.append({
                    "reading": path if classifiers == "trained" else f"{path}, {classifiers} classifiers", "property": prop, "measure": measure,
                    "settles_at": np.nan if at["settles_at"] is None else at["settles_at"],
                    "low": at["settles_at_ci95"][0], "high": at["settles_at_ci95"][1],
                })
    return pd.DataFrame(rows)


def wide(settled: pd.DataFrame) -> pd.DataFrame:
    """The same for a reader: one row a reading and measure, one column a property, as "21 (18 to 24)"; a dash for not before the last state."""
    text = settled.apply(lambda row: f"{'–' if np.isnan(row['settles_at']) else int(row['settles_at'])} ({row['low']} to {row['high']})", axis=1)
    shaped = settled.assign(text=text).pivot(index=["reading", "measure"], columns="property", values="text")
    rows = list(dict.fromkeys(zip(settled["reading"], settled["measure"])))
    return shaped.loc[rows, ["pitch", COARSE, "timbre", "amplitude"]]


def tests(readings: Readings, seed: int) -> pd.DataFrame:
    """Whether the order of two properties, and the generation's lead over its own straight line, hold prompt by prompt, by `MAIN`.

    Returns
    -------
    Column path, then as for `paired`; where the path is "against its straight line", first is the generation and second the line.
    """
    steps = {key: each(MEASURES[MAIN](reading.p)) for key, reading in readings.items()}
    parts = []
    for path in ("noisy latents", "clean estimate"):
        parts.append(paired({prop: steps[path, prop] for prop in ("pitch", "timbre", "amplitude")}, seed).assign(path=path))
    for prop in PROPERTIES:
        of = paired({prop: steps["noisy latents", prop], f"{prop} on the line": steps["straight line", prop]}, seed)
        parts.append(of.assign(path="against its straight line"))
    joined = pd.concat(parts, ignore_index=True)
    # The three lines against their controls are one family, too.
    lines = (joined["path"] == "against its straight line").to_numpy()
    joined.loc[lines, "p"] = _holm(joined.loc[lines, "p"].to_numpy())
    return joined[["path", "first", "second", "difference", "low", "high", "p"]]


def summarise(readings: Mapping[str, Readings], settled: pd.DataFrame, tests: pd.DataFrame, seed: int) -> dict[str, object]:
    """The figures of section 5, for results/.

    Parameters
    ----------
    readings
        As for `table`.
    settled, tests
        From `table` and `tests`.
    seed
        Of the intervals.

    Returns
    -------
    properties
        By property, the paper's s_t on the noisy latents: `progress` at each state, mean over prompts, `settles_at`, `settles_at_ci95`; `prompts`,
        for how many it is defined; and the same figures under `measures` by other measures, and under `paths` along other paths.
    settled, order
        Rows of `settled` and `tests`.
    """
    trained = readings["trained"]
    properties = {}
    for prop in PROPERTIES:
        by_measure = {name: _figures(of(trained["noisy latents", prop].p), seed) for name, of in MEASURES.items()}
        properties[prop] = by_measure["s"] | {
            "measures": {name: by_measure[name] for name in ("ratio of sums", "projection")},
            "paths": {path: {name: _figures(of(trained[path, prop].p), seed) for name, of in MEASURES.items()}
                      for path, name_of in trained if name_of == prop and path != "noisy latents"},
        }
    return {"properties": properties, "settled": records(settled), "order": records(tests)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON has them; None where a figure is not known."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()} for row in rows]


def _figures(by_state: np.ndarray, seed: int) -> dict[str, object]:
    known = _known(by_state)
    return {"progress": [round(float(s), 6) for s in known.mean(axis=1)], "prompts": known.shape[1], **settled(by_state, seed)}


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction: the smallest p is multiplied by the number of tests, the next by one less, and so on."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
