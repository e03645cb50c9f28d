"""When each property changes on the way from noise to music (the paper's section 5), in which order, and how sure that is.

With p_t the class probabilities of one piece at state t, mean over its frames, the paper's progress is

    s_t = (1 / K) Σ_k |p_t[k] − p_0[k]| / |p_T[k] − p_0[k]|

0 at noise, 1 at the end, and a property has settled when s_t stays near 1. Its ratios explode where a class hardly moves, and a state
of settling hangs on how near is near. The order is therefore told by the *mean state of change*, the area over the curve of another progress,

    S_t = d(p_t, p_0) / (d(p_t, p_0) + d(p_t, p_T)),   d(p, q) = Σ_k |p[k] − q[k]|        area = Σ_t (1 − S_t) = Σ_t t (S_t − S_{t−1})

which has no threshold and lies between 0 and 1 for every piece, so that the area is a mean over states. Means and intervals are over prompts and over the seeds of autoencoder and
classifiers; of s_t, which has no bound, medians, or one piece whose classes hardly move would decide its curve.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from audiosae.audio.labels import BINS, PROPERTIES
from audiosae.errors import ParameterError
from audiosae.generation.trajectory import ESTIMATE, LINE, NOISY, OTHER_LINE, PATHS, UNTRAINED, Readings
from audiosae.stats import bootstrap

LEAST = 1e-3
"""A class counts in s_t if its probability moves by at least this much from first state to last."""

CLOSE = 0.1
"""The paper's property has settled when its progress stays within this of 1."""

COARSE = "pitch in 20 bins"
"""Pitch with as many classes as the other two, beside the 66."""

PAIRS = (*combinations(("pitch", "timbre", "amplitude"), 2), ("pitch", COARSE))
"""The paper's order, and what the number of classes does to pitch."""

CONTROLS = {OTHER_LINE: NOISY, NOISY + UNTRAINED: NOISY, ESTIMATE + UNTRAINED: ESTIMATE}
"""By name, the reading of the generation that each is paired with; the straight line stands apart, as `lead`."""

BEYOND = f"{NOISY} minus {LINE}"
"""What the generator adds to the order that its own straight line has."""


def progress(p: np.ndarray) -> np.ndarray:
    """The paper's s_t, from class probabilities [states, ..., classes]: [states, ...]; NaN where no class moves by `LEAST`."""
    moved, whole = np.abs(p - p[0]), np.abs(p[-1] - p[0])
    counted = whole >= LEAST
    return _ratio(np.where(counted, moved / np.where(counted, whole, 1), 0).sum(axis=-1), counted.sum(axis=-1))


def share_of_way(p: np.ndarray) -> np.ndarray:
    """S_t, which classes count in by how far they move: [states, ..., classes] -> [states, ...]; NaN where none has moved in the end."""
    gone, left = (np.abs(p - end).sum(axis=-1) for end in (p[0], p[-1]))
    return _ratio(gone, gone + left)


MEASURES = {"s": progress, "share of the way": share_of_way}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where the whole is nothing."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def area(s: np.ndarray) -> np.ndarray:
    """The mean state of change, in states: progress [states, ...] from 0 to 1 -> [...]. A jump has its state, a straight line the middle."""
    return (1 - s).sum(axis=0)


def settles_at(s: np.ndarray, close: float = CLOSE) -> np.ndarray:
    """The first state from which on progress [states, ...] stays within `close` of 1, or the last: its progress is 1 by construction."""
    far = ~(np.abs(s - 1) <= close)  # also where progress is NaN
    after = len(s) - np.argmax(far[::-1], axis=0)
    return np.where(far.any(axis=0), np.minimum(after, len(s) - 1), 0)


def pool(p: np.ndarray) -> np.ndarray:
    """Add up neighbouring classes, as evenly as it goes: [..., classes] -> [..., 20]."""
    starts = np.ceil(np.arange(BINS) * p.shape[-1] / BINS).astype(int)
    return np.add.reduceat(p, starts, axis=-1)


def known(values: np.ndarray) -> np.ndarray:
    """Keep the prompts that every member can tell of: [..., members, prompts] -> [..., members, some prompts]."""
    finite = np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=0)
    if not finite.any():
        raise ParameterError("progress is undefined for every prompt: no class of the property moves. Generate more prompts.")
    return values[..., finite]


def resampled(values: np.ndarray, seed: int) -> np.ndarray:
    """Means over resampled members and, crossed with them, resampled prompts: [..., members, prompts] -> [resamples, ...]."""
    members, prompts = _shares(*values.shape[-2:], seed)
    return np.einsum("rm,...mp,rp->r...", members, values, prompts, optimize=True)


def medians(values: np.ndarray, seed: int) -> np.ndarray:
    """The same of medians."""
    members, prompts = bootstrap.crossed(values.shape[-2:], seed)
    return np.stack([np.median(values[..., m[:, None], p], axis=(-2, -1)) for m, p in zip(members, prompts)])


@cache
def _shares(members: int, prompts: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The share that each member [resamples, members] and each prompt [resamples, prompts] has in each resample."""
    seeds, units = bootstrap.crossed((members, prompts), seed)
    return (seeds[:, :, None] == np.arange(members)).mean(axis=1), (units[:, :, None] == np.arange(prompts)).mean(axis=1)


def order(readings: Readings, seed: int) -> dict[str, Any]:
    """In which order properties change, by `area`: everything paired over prompts and members.

    Returns
    -------
    seeds
        How many members read.
    areas
        By path and property, pitch in 20 bins too: `area` and `ci95`, in states.
    pairs
        path, first, second, `difference` and `ci95`: by how many states second changes after first; also for `BEYOND`.
    lead, controls
        By property, by how many states the generation changes before its own straight line, and before each of `CONTROLS`.
    """
    of = {key: area(share_of_way(reading.p)) for key, reading in readings.items()}
    of |= {(path, COARSE): area(share_of_way(pool(reading.p))) for (path, prop), reading in readings.items() if prop == "pitch"}
    paths, props = dict.fromkeys(path for path, _ in of), (*PROPERTIES, COARSE)
    of |= {(BEYOND, prop): of[NOISY, prop] - of[LINE, prop] for prop in props}

    def told(values: np.ndarray, name: str = "difference") -> dict[str, Any]:
        values = known(values)
        return {name: float(values.mean()), "ci95": bootstrap.interval(resampled(values, seed))}

    def ahead(path: str, control: str) -> dict[str, Any]:
        return {prop: told(of[control, prop] - of[path, prop]) for prop in props}

    return {
        "seeds": len(of[BEYOND, COARSE]),
        "areas": {path: {prop: told(of[path, prop], "area") for prop in props} for path in paths},
        "pairs": [
            {"path": path, "first": first, "second": second, **told(of[path, second] - of[path, first])}
            for path in (*paths, BEYOND)
            for first, second in PAIRS
        ],
        "lead": ahead(NOISY, LINE),
        "controls": {control: ahead(path, control) for control, path in CONTROLS.items()},
    }


def curves(readings: Readings, seed: int) -> pd.DataFrame:
    """Both measures of progress, and the classifiers' entropy (bits), along every path of `PATHS`, with 95 % intervals.

    Returns
    -------
    Columns path, property, measure, seeds (how many members read), state, mean (of s the median), low, high.
    """
    tables = []
    for path, prop in product(PATHS, PROPERTIES):
        reading = readings[path, prop]
        for name, by_state in {**{name: of(reading.p) for name, of in MEASURES.items()}, "entropy": reading.entropy}.items():
            values = known(by_state)
            middle, drawn = (np.median, medians) if name == "s" else (np.mean, resampled)
            low, high = np.percentile(drawn(values, seed), [2.5, 97.5], axis=0)
            which = {"path": path, "property": prop, "measure": name, "seeds": values.shape[1], "state": np.arange(len(values))}
            tables.append(pd.DataFrame({**which, "mean": middle(values, axis=(1, 2)), "low": low, "high": high}))
    return pd.concat(tables, ignore_index=True)


def summarise(readings: Readings, seed: int) -> dict[str, Any]:
    """The figures of section 5, for results/.

    Returns
    -------
    order
        See `order`.
    properties
        By property, on the noisy latents: the median of the paper's s_t as `progress` at each state, `settles_at` (None for not before the
        last state) and `settles_at_ci95`; `area` and `area_ci95` as in `order`; and the same under `paths` along other paths.
    """
    found, properties = order(readings, seed), {}
    for prop in PROPERTIES:
        paths = {}
        for path in PATHS:
            values, area = known(progress(readings[path, prop].p)), found["areas"][path][prop]
            middle = np.median(values, axis=(1, 2))
            at = int(settles_at(middle))
            low, high = np.percentile(settles_at(medians(values, seed).T), [2.5, 97.5], method="nearest")
            paths[path] = {
                "progress": [round(float(s), 6) for s in middle],
                "settles_at": None if at == len(middle) - 1 else at,
                "settles_at_ci95": [int(low), int(high)],
                "area": area["area"],
                "area_ci95": area["ci95"],
            }
        properties[prop] = {**paths.pop(NOISY), "paths": paths}
    return {"order": found, "properties": properties}
