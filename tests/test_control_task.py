"""The control task: labels by lot that stick to their type, and probes that can only remember them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiosae import probes
from audiosae.errors import ParameterError
from audiosae.evidence import control


def test_a_type_has_one_label_wherever_it_occurs() -> None:
    types = np.random.default_rng(0).integers(50, size=2000)
    found = control.labels(types, np.array([0, 1, 2, 3]), 4, 0)
    for kind in range(50):
        assert len(set(found[types == kind])) == 1
    assert len(set(found)) == 4
    assert (found == control.labels(types, np.array([0, 1, 2, 3]), 4, 0)).all()
    assert (found != control.labels(types, np.array([0, 1, 2, 3]), 4, 1)).any()


def test_labels_have_the_frequencies_of_the_training_classes() -> None:
    train = np.repeat([0, 2, 3], [700, 200, 100])
    found = control.labels(np.arange(20000), train, 5, 0)
    np.testing.assert_allclose(np.bincount(found, minlength=5) / 20000, [0.7, 0, 0.2, 0.1, 0], atol=0.015)


def test_cells_are_the_clouds_that_frames_lie_in() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[9, 0], [0, 9], [-9, -9]], dtype=np.float32)
    of_train, of_every = rng.integers(3, size=300), rng.integers(3, size=90)
    train, every = (centres[of] + rng.normal(size=(len(of), 2)).astype(np.float32) for of in (of_train, of_every))
    found = control.cells(train, every, 3, 0)
    assert found.shape == (90,) and found.dtype == np.int64
    for cloud in range(3):
        assert len(set(found[of_every == cloud])) == 1
    assert len(set(found)) == 3
    assert (found == control.cells(train, every, 3, 0)).all()


@pytest.mark.parametrize("count", [1, 11])
def test_a_number_of_cells_out_of_range_is_refused(count: int) -> None:
    frames = np.zeros((10, 2), dtype=np.float32)
    with pytest.raises(ParameterError, match=f"--cells {count}"):
        control.cells(frames, frames, count, 0)


def test_what_is_remembered_depends_on_room_and_what_is_seen_does_not() -> None:
    """Types in 40 dimensions, their real class written in the first: a small probe sees it; only a large one learns labels by heart."""
    rng = np.random.default_rng(0)
    types = rng.integers(30, size=1500)
    points = rng.normal(size=(30, 40)).astype(np.float32)
    x = torch.from_numpy(points[types])
    real = (points[:, 0] > 0).astype(int)[types]
    by_lot = control.labels(types, real, 2, 1)

    def accuracy(x: torch.Tensor, label: np.ndarray) -> float:
        counts = torch.nn.functional.one_hot(torch.from_numpy(label), 2)
        return float((probes.fit(x, counts, counts, [1e-4], 50).predict(x) == label).mean())

    small, large = x[:, :2], x
    assert accuracy(small, real) > 0.97 and accuracy(large, real) > 0.97
    assert accuracy(large, by_lot) > 0.97  # no selectivity: it could have learnt anything
    assert accuracy(small, real) - accuracy(small, by_lot) > 0.2
