"""How much of its codebooks a codec uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiosae.frames import Frames


def perplexity(codes: np.ndarray) -> float:
    """How many codes, used equally often, would be as hard to guess as these [frames]."""
    counts = np.unique(codes, return_counts=True)[1]
    share = counts / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def summarise(table: Frames) -> dict[str, Any] | None:
    """Vectors in a codebook (size), and for each book the perplexity on test clips and the share of vectors in use at all.

    None for a codec without codebooks.
    """
    if table.codes is None:
        return None
    return {
        "size": table.codebook_size,
        "perplexity": [perplexity(codes) for codes in table.codes[table.rows("test")].numpy().T],
        "share_in_use": [len(np.unique(codes)) / table.codebook_size for codes in np.asarray(table.codes).T],
    }
