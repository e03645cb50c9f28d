"""Corrections for many tests, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from audiosae.multiple_tests import holm


@pytest.mark.parametrize("p, corrected", [
    ([0.03, 0.01, 0.04], [0.06, 0.03, 0.06]),
    ([0.03, 0.01, 0.02, 0.9], [0.06, 0.04, 0.06, 0.9]),
    ([0.5, 0.9], [1.0, 1.0]),
])
def test_holms_correction_by_hand(p: list[float], corrected: list[float]) -> None:
    assert holm(np.array(p)) == pytest.approx(corrected)
