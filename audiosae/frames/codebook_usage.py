"""How much of its codebooks a codec uses."""

from __future__ import annotations

import numpy as np

from audiosae.frames import Frames


def perplexity(codes: np.ndarray) -> float:
    """How many codes, used equally often, would be as hard to guess: two to the entropy in bits.

    Parameters
    ----------
    codes
        int [frames], of one codebook.
    """
    counts = np.unique(codes, return_counts=True)[1]
    share = counts / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def summarise(table: Frames) -> dict[str, object] | None:
    """Figures for each codebook, in the codec's order.

    Returns
    -------
    size
        Vectors in a codebook.
    perplexity
        On test clips.
    share_in_use
        Share of the vectors that are chosen at least once in the whole corpus.

    None for a codec without codebooks.
    """
    if table.codes is None:
        return None
    test = table.codes[table.rows("test")]
    return {
        "size": table.codebook_size,
        "perplexity": [perplexity(codes) for codes in test.T],
        "share_in_use": [len(np.unique(codes)) / table.codebook_size for codes in table.codes.T],
    }
