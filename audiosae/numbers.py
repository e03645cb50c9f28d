"""Numbers as readers see them, in tables, sentences and pages alike: a true minus, thousands apart, a dash for what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

THOUSANDS = "\u202f"
"""A narrow space at which no line breaks."""


def number(value: float | None, digits: int = 2) -> str:
    """With so many digits after the point: −1234.567 is “−1 234.57”."""
    if value is None or np.isnan(value):
        return "–"
    return f"{value:z,.{digits}f}".replace(",", THOUSANDS).replace("-", "−")


def percent(share: float | None, digits: int = 0) -> str:
    """A share in 0…1: 0.8234 is “82 %”."""
    return "–" if share is None else f"{number(100 * share, digits)} %"


def interval(bounds: Sequence[float], digits: int = 2) -> str:
    """“0.79 to 0.85”."""
    return " to ".join(number(bound, digits) for bound in bounds)


def with_interval(value: float | None, bounds: Sequence[float] | None = None, digits: int = 2) -> str:
    """“0.82 (0.79 to 0.85)”; the number alone where there is no interval."""
    return number(value, digits) + (f" ({interval(bounds, digits)})" if value is not None and bounds else "")


def difference(value: float, bounds: Sequence[float], digits: int = 2) -> str:
    """A difference with its sign and interval: “+0.03, −0.01 to +0.07”."""
    signed = [("+" if each > 0 else "") + number(each, digits) for each in (value, *bounds)]
    return f"{signed[0]}, {signed[1]} to {signed[2]}"


def formatted(table: pd.DataFrame | pd.Series, digits: int = 3, **by_column: int) -> pd.DataFrame:
    """A table of text: whole numbers without a point, others with so many digits, or as many as its column is given by name."""
    table = table.to_frame() if isinstance(table, pd.Series) else table

    def cell(value: Any, many: int) -> Any:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
            return value
        return number(float(value), 0 if isinstance(value, (int, np.integer)) else many)

    return table.apply(lambda column: column.map(lambda value: cell(value, by_column.get(str(column.name), digits))).astype(object))


def listed(names: Sequence[str], nothing: str = "nothing") -> str:
    """“a, b and c”; a word where there is nothing."""
    *first, last = names or [nothing]
    return f"{', '.join(first)} and {last}" if first else last
