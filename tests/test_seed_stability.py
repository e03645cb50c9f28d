"""Agreement of dictionaries whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from toy_material import material

from audiosae.errors import ParameterError
from audiosae.evidence import seed_stability
from audiosae.sae import SparseAutoencoder, training
from audiosae.sae.training import Settings


def unit(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    x = rng.standard_normal((count, dim))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def similarity(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    return seed_stability.similarity(first, second)[0]


def test_a_dictionary_in_another_order_is_found_whole() -> None:
    rng = np.random.default_rng(0)
    first = unit(rng, 40, 8)
    order = rng.permutation(40)
    found = similarity(first, first[order])
    assert found["cosine"] == pytest.approx(1) and found["max_cosine"] == pytest.approx(1)
    assert found["above_0.7"] == found["above_0.9"] == 1
    assert found["histogram"][-1] == sum(found["histogram"]) == 40


def test_matching_is_one_to_one_and_max_cosine_is_not() -> None:
    """Two of the first dictionary look at the same one of the second."""
    found = similarity(np.array([[1, 0], [np.cos(0.1), np.sin(0.1)]]), np.array([[1, 0], [0, -1]]))
    assert found["cosine"] == pytest.approx(max(1 - np.sin(0.1), np.cos(0.1)) / 2)  # both ways to pair them
    assert found["max_cosine"] == pytest.approx(((1 + np.cos(0.1)) / 2 + (1 + 0) / 2) / 2)


def test_shares_count_strictly_above_their_threshold_and_opposites_do_not_agree() -> None:
    first, second = np.zeros((3, 6)), np.zeros((3, 6))
    for i, a in enumerate(np.arccos([0.95, 0.8, 0.6])):
        first[i, 2 * i] = 1
        second[i, 2 * i : 2 * i + 2] = np.cos(a), np.sin(a)
    found = similarity(first, second)
    assert (found["above_0.7"], found["above_0.9"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert similarity(np.eye(4), -np.eye(4))["above_0.7"] == 0


def test_correlations_by_hand() -> None:
    a = np.array([[1.0, 0, 2], [2, 0, 1], [3, 0, 0]])
    b = np.array([[2.0, 1, 0], [4, 2, 1], [6, 3, 2]])
    np.testing.assert_allclose(seed_stability.correlations(a, b), [1, np.nan, -1])


def test_directions_are_unit_columns_of_the_live_features() -> None:
    torch.manual_seed(0)
    sae = SparseAutoencoder(3, 5)
    with torch.no_grad():
        sae.encoder.weight[[1, 3]] = 0
        sae.encoder.bias[:] = torch.tensor([1.0, -1, 1, 1, 1])
    alive = seed_stability.live(sae, torch.randn(50, 3))
    assert not alive[1] and alive[3]
    expected = sae.decoder.weight.detach().numpy().T[alive]
    found = seed_stability.directions(sae, alive) * np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_random_directions_keep_count_and_crowding() -> None:
    """Learnt directions near one axis: isotropic ones are not like them, those of the same covariance are."""
    crowded = np.array([1.0, 0, 0, 0, 0, 0]) + 0.1 * np.random.default_rng(0).standard_normal((200, 6))
    crowded /= np.linalg.norm(crowded, axis=1, keepdims=True)
    drawn = seed_stability.random_directions([crowded, crowded[:50]], 0)
    for sets in drawn.values():
        assert [len(x) for x in sets] == [200, 50]
        np.testing.assert_allclose(np.linalg.norm(sets[0], axis=1), 1)
    assert drawn["random_same_covariance"][0][:, 0].mean() > 0.9
    assert abs(drawn["random"][0][:, 0].mean()) < 0.1


def test_figures_of_pairs_are_averaged_and_histograms_added() -> None:
    found = seed_stability.over_pairs([{"cosine": 0.2, "histogram": [1, 0]}, {"cosine": 0.6, "histogram": [2, 5]}])
    assert found == {"cosine": pytest.approx(0.4), "range": {"cosine": [0.2, 0.6]}, "histogram": [3, 5]}


def test_a_copy_agrees_and_another_seed_less(monkeypatch: pytest.MonkeyPatch) -> None:
    latents = np.random.default_rng(0).standard_normal((400, 6)).astype(np.float32)
    torch.manual_seed(0)
    sae = SparseAutoencoder(6, 12).eval()
    table = pd.DataFrame({"split": np.repeat(["train", "test"], [300, 100]), "piece": np.repeat(np.arange(8), 50)})
    made = material(latents, table, sae, few_frames=10)
    split = training.hold_out(made.rows, made.table.rows("train"), made.table.rows("test"), 0)
    monkeypatch.setattr(seed_stability, "load", lambda *_: made)
    saes = seed_stability.train_seeds(made, Settings(12, 0.0, 1, 64, 1e-3, 0), 2)
    assert saes[0] is made.k_sparse and saes[1].k == 2 and not torch.equal(saes[1].decoder.weight, sae.decoder.weight)
    copied, returns = seed_stability.stability([sae, sae], made, split)
    assert copied["cosine"] == pytest.approx(1) and copied["correlation"] == pytest.approx(1)
    np.testing.assert_allclose(returns, 1)
    with pytest.raises(ParameterError, match="at least 2 seeds"):
        seed_stability.train_seeds(made, Settings(12, 0.0, 1, 64, 1e-3, 0), 1)
    other, returns = seed_stability.stability(saes, made, split)
    assert other["cosine"] < 0.95 and other["untrained"]["cosine"] < 0.95
    assert np.nanmean(returns) == pytest.approx(other["cosine"])
