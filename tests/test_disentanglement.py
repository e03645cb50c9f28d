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


def test_importance_sums_classes_and_weighs_by_spread() -> None:
    fitted = {"a": probe([[1.0, -2.0], [-3.0, 0.0]]), "b": probe([[0.0, 5.0]])}
    np.testing.assert_allclose(disentanglement.importance(fitted, np.array([1.0, 2.0])), [[0.5, 0.0], [0.5, 1.0]])


def test_a_larger_probe_does_not_outweigh_the_others() -> None:
    one = disentanglement.importance({"a": probe([[1.0, 1.0]]), "b": probe([[1.0, 0.0]])}, np.ones(2))
    two = disentanglement.importance({"a": probe([[9.0, 9.0]]), "b": probe([[1.0, 0.0]])}, np.ones(2))
    np.testing.assert_allclose(one, two)


def test_a_probe_that_looks_at_nothing_is_refused() -> None:
    with pytest.raises(ParameterError, match="probe of b makes no use"):
        disentanglement.importance({"a": probe([[1.0]]), "b": probe([[0.0]])}, np.ones(1))


def test_one_feature_a_property_is_the_best_there_is() -> None:
    found = disentanglement.entropies(np.vstack([np.eye(3), np.zeros((5, 3))]))
    assert found == pytest.approx({"disentanglement": 1, "completeness": 1, "features_used": 1})


def test_everything_for_everything_is_the_worst() -> None:
    found = disentanglement.entropies(np.full((8, 3), 1 / 8))
    assert found == pytest.approx({"disentanglement": 0, "completeness": 0, "features_used": 8}, abs=1e-9)


def test_disentangled_and_incomplete_are_two_things() -> None:
    """Two features for each property, none for two; then one feature for both."""
    apart = disentanglement.entropies(np.array([[0.5, 0], [0.5, 0], [0, 0.5], [0, 0.5]]))
    assert apart == pytest.approx({"disentanglement": 1, "completeness": 0.5, "features_used": 2})
    shared = disentanglement.entropies(np.array([[1.0, 1.0], [0, 0], [0, 0]]))
    assert shared == pytest.approx({"disentanglement": 0, "completeness": 1, "features_used": 1}, abs=1e-9)


def test_disentanglement_is_weighted_by_what_a_feature_matters() -> None:
    found = disentanglement.entropies(np.array([[0.9, 0.0], [0.1, 0.1], [0.0, 0.9]]))
    assert found["disentanglement"] == pytest.approx(1.8 / 2)


def test_a_code_with_its_own_dimension_for_each_property_beats_its_rotation() -> None:
    toy = material()
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    frames = disentanglement.training_frames(toy)
    found = {}
    for name, x in (("own", toy.latents), ("rotated", toy.latents @ rotation)):
        fitted = disentanglement.fit(toy, x, frames, dict.fromkeys(frames, [1e-3]), 50)
        found[name] = disentanglement.dci(toy, x, fitted, frames)
    assert found["own"]["disentanglement"] > 0.9 and found["own"]["completeness"] > 0.85
    assert found["rotated"]["disentanglement"] < 0.5
    for one in found.values():
        assert one["informativeness"] > 0.98 and one["features"] == 4


def test_halves_are_half_of_the_recordings_of_either_kind() -> None:
    toy = material()
    drawn = list(disentanglement.halves(toy, 3))
    for half in drawn:
        kept = set(toy.pieces(half["timbre"]))
        assert len(kept) == 6 and len(set(toy.pieces(half["pitch"]))) == 4
        for piece in kept:  # a recording is in with all its frames
            assert half["timbre"][(toy.table.table["piece"] == int(piece)).to_numpy()].all()
    assert len({tuple(sorted(set(toy.pieces(half["timbre"])))) for half in drawn}) > 1


def test_the_range_is_over_halves() -> None:
    names = ("disentanglement", "completeness", "features_used", "informativeness")
    found = disentanglement.with_range(dict.fromkeys(names, 2.0), [dict.fromkeys(names, v) for v in (3.0, 1.0)])
    assert found["completeness"] == 2 and found["halves"] == dict.fromkeys(names, [1.0, 3.0])
