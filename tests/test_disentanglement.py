"""Disentanglement and completeness of codes whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
import toy_material

from audiosae.errors import ParameterError
from audiosae.evidence import disentanglement
from audiosae.evidence.material import Material
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder


def probe(weight: list[list[float]]) -> Probe:
    w = torch.tensor(weight)
    return Probe(w, torch.zeros(len(w)), 0.1)


def material() -> Material:
    """Three independent labels of two classes, each in a latent dimension of its own; a third of the recordings has no pitch."""
    rng = np.random.default_rng(0)
    piece = np.repeat(np.arange(24), 25)
    latents = rng.choice([-1.0, 1.0], (len(piece), 4)).astype(np.float32) + 0.01 * rng.standard_normal((len(piece), 4)).astype(np.float32)
    table = pd.DataFrame((latents[:, :3] > 0).astype(int), columns=["pitch", "amplitude", "timbre"])
    table["piece"] = piece
    table["monophonic"] = piece % 3 != 0
    table["split"] = np.select([piece < 12, piece < 18], ["train", "validation"], "test")
    edges = dict.fromkeys(("pitch", "amplitude", "timbre"), np.array([0.0, 1.0, 2.0]))
    return toy_material.material(latents, table, SparseAutoencoder(4, 8), edges)


def test_importance_sums_classes_and_weighs_by_spread_and_each_property_counts_alike() -> None:
    fitted = {"a": probe([[1.0, -2.0], [-3.0, 0.0]]), "b": probe([[0.0, 5.0]])}
    np.testing.assert_allclose(disentanglement.importance(fitted, np.array([1.0, 2.0])), [[0.5, 0.0], [0.5, 1.0]])
    with pytest.raises(ParameterError, match="probe of c makes no use"):
        disentanglement.importance({**fitted, "c": probe([[0.0, 0.0]])}, np.ones(2))


@pytest.mark.parametrize(
    ("matters", "expected"),
    [
        (np.vstack([np.eye(3), np.zeros((5, 3))]), (1, 1, 1)),  # one feature a property is the best there is
        (np.full((8, 3), 1 / 8), (0, 0, 8)),  # everything for everything is the worst
        (np.array([[0.5, 0], [0.5, 0], [0, 0.5], [0, 0.5]]), (1, 0.5, 2)),  # two features for each property, none for both
        (np.array([[1.0, 1.0], [0, 0], [0, 0]]), (0, 1, 1)),  # one feature for both
    ],
)
def test_disentanglement_and_completeness_are_two_things(matters: np.ndarray, expected: tuple[float, ...]) -> None:
    found = disentanglement.entropies(matters)
    assert [found[name] for name in ("disentanglement", "completeness", "features_used")] == pytest.approx(expected, abs=1e-9)


def test_disentanglement_is_weighted_by_what_a_feature_matters() -> None:
    found = disentanglement.entropies(np.array([[0.9, 0.0], [0.1, 0.1], [0.0, 0.9]]))
    assert found["disentanglement"] == pytest.approx(1.8 / 2)


def test_a_code_with_its_own_dimension_for_each_property_beats_its_rotation() -> None:
    toy = material()
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    own, rotated = (disentanglement.measure(toy, x, [1e-3], 50, 2)[1] for x in (toy.latents, toy.latents @ rotation))
    assert own["disentanglement"] > 0.9 and own["completeness"] > 0.85 and rotated["disentanglement"] < 0.5
    for one in (own, rotated):
        assert one["informativeness"] > 0.98 and one["features"] == 4
        assert all(low <= high for low, high in one["halves"].values())


def test_halves_are_half_of_the_recordings_of_either_kind() -> None:
    toy = material()
    drawn = list(disentanglement.halves(toy, {prop: toy.chosen("train", prop) for prop in ("pitch", "timbre")}, 3))
    for half in drawn:
        kept = set(toy.pieces(half["timbre"]))
        assert len(kept) == 6 and len(set(toy.pieces(half["pitch"]))) == 4
        for piece in kept:  # a recording is in with all its frames
            assert half["timbre"][(toy.table.table["piece"] == int(piece)).to_numpy()].all()
    assert len({tuple(sorted(set(toy.pieces(half["timbre"])))) for half in drawn}) > 1
