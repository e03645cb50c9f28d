"""Methods of steering at equal effect: what else has happened where each first closes a given share of the distance.

Means over clips are interpolated linearly between strengths, from strength 0, at which nothing has moved. Whole clips are resampled, with
the same draws for every method, so that differences between methods are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audiosae.stats import bootstrap

LEVELS = {"at_quarter": 0.25, "at_half": 0.5}
"""Values of on_target at which methods are compared."""

ENOUGH = 0.95
"""Share of the resamples that must reach a level for an interval to be given there."""

QUANTITIES = ("strength", "leakage", "log_mel_db")


def crossing(strengths: np.ndarray, on_target: np.ndarray, others: np.ndarray, level: float) -> np.ndarray:
    """The strength and the other quantities where curves first reach a level above 0 [curves, 1 + quantities]; NaN where they never do.

    `strengths` increase, above 0; `on_target` is [curves, strengths], where NaN reaches nothing; `others` is [curves, quantities, strengths].
    """
    if not len(strengths):
        return np.full((len(on_target), 1 + others.shape[1]), np.nan)
    asked = np.concatenate([np.broadcast_to(strengths, (len(on_target), 1, len(strengths))), others], axis=1)
    asked = np.pad(asked, ((0, 0), (0, 0), (1, 0)))
    curve = np.pad(on_target, ((0, 0), (1, 0)))
    reached = curve >= level
    at, row = np.maximum(reached.argmax(axis=1), 1), np.arange(len(curve))
    rise = np.where(reached.any(axis=1), curve[row, at] - curve[row, at - 1], np.nan)
    way = (level - curve[row, at - 1]) / rise
    return asked[row, :, at - 1] + way[:, None] * (asked[row, :, at] - asked[row, :, at - 1])


@dataclass(frozen=True)
class Crossing:
    """Where one method reaches a level: `QUANTITIES` there, of all clips first, then of each resample [1 + resamples, 3].

    `clips` is how many count for on_target.
    """

    values: np.ndarray
    clips: int

    def summary(self) -> dict[str, Any]:
        """strength, leakage, log_mel_db, their intervals (see `interval`), reached (share of the resamples), and clips."""
        found: dict[str, Any] = {"reached": float(np.isfinite(self.values[1:, 0]).mean()), "clips": self.clips}
        for name, values in zip(QUANTITIES, self.values.T, strict=True):
            found[name], found[f"{name}_ci95"] = _with_interval(values)
        return found


@dataclass(frozen=True)
class Resampled:
    """on_target, leakage and log_mel_db of one method and property over [strengths].

    `curves` are of all clips first, then of each resample [1 + resamples, 3, strengths]; `clips` is how many count for on_target.
    """

    strengths: np.ndarray
    curves: np.ndarray
    clips: int

    @classmethod
    def of(cls, sounds: pd.DataFrame, effects: pd.DataFrame, clips: list[str], seed: int) -> Resampled:
        """Resample clips, in an order that is the same for all methods.

        `sounds` are of one method and steered property: clip, alpha, log_mel_db; `effects` is what `steering.effects` makes of them.
        """
        own = effects["measured"] == effects["steered"]
        strengths = np.array(sorted(sounds["alpha"].unique()), dtype=float)
        tables = [
            table.groupby(["clip", "alpha"])[value].mean().unstack("alpha").reindex(index=clips, columns=strengths).to_numpy(dtype=float)
            for table, value in ((effects[own], "value"), (effects[~own], "value"), (sounds, "log_mel_db"))
        ]
        values = np.stack(tables)  # [3, clips, strengths]
        known = np.isfinite(values)
        drawn = bootstrap.draws(len(clips), seed)
        times = np.stack([np.bincount(chosen, minlength=len(clips)) for chosen in [np.arange(len(clips)), *drawn]])
        sums, counts = (np.tensordot(times.astype(float), x, (1, 1)) for x in (np.where(known, values, 0.0), known.astype(float)))
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return cls(strengths, means, int(known[0].any(axis=1).sum()))

    def at(self, level: float) -> Crossing:
        """Where on_target first reaches a level."""
        return Crossing(crossing(self.strengths, self.curves[:, 0], self.curves[:, 1:], level), self.clips)


def interval(values: np.ndarray) -> list[float] | None:
    """95 % interval of resamples; None where fewer than `ENOUGH` of them have a value."""
    return bootstrap.interval(values) if np.isfinite(values).sum() >= ENOUGH * len(values) else None


def difference(one: Crossing, other: Crossing) -> dict[str, Any]:
    """Leakage of one method less that of another: difference and ci95; null where one of them does not get there."""
    gap, ci95 = _with_interval((one.values - other.values)[:, QUANTITIES.index("leakage")])
    return {"difference": gap, "ci95": ci95}


def _with_interval(values: np.ndarray) -> tuple[float | None, list[float] | None]:
    """The first value, and the interval of the others; None for both where it is not finite."""
    return (float(values[0]), interval(values[1:])) if np.isfinite(values[0]) else (None, None)
