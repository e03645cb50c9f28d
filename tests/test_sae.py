"""The SAE and its variants, their losses and figures, against hand-made models and finite differences."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.errors import CheckpointError, ParameterError
from audiosae.files import checkpoint
from audiosae.sae import SparseAutoencoder, evaluate, model, rms_norm, step, training
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.training import Split
from audiosae.sae.variants import VARIANTS, VariantAutoencoder, keep_largest, measure


def random_sae(dim: int = 3, hidden: int = 5) -> SparseAutoencoder:
    torch.manual_seed(0)
    sae = SparseAutoencoder(dim, hidden)
    sae.standardise(torch.randn(50, dim) * 3 + 2)
    return sae.eval()


def two_way() -> SparseAutoencoder:
    """One dimension, three features: one for each sign, and one that is never active. Normalised features rebuild ±1."""
    sae = SparseAutoencoder(1, 3)
    with torch.no_grad():
        sae.encoder.weight.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
        sae.encoder.bias.copy_(torch.tensor([0.0, 0.0, -1.0]))
        sae.decoder.weight.copy_(torch.tensor([[1.0, -1.0, 0.0]]) / 3**0.5)
        sae.decoder.bias.zero_()
    return sae.eval()


# --- the model ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(1, 40), st.floats(1e-2, 1e4), st.integers(0, 2**31))
def test_rms_norm_gives_one_and_forgets_the_scale(size: int, scale: float, seed: int) -> None:
    h = torch.rand(4, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    normed = rms_norm(h * scale)
    torch.testing.assert_close(normed.pow(2).mean(dim=-1).sqrt(), torch.ones(4, dtype=torch.float64), rtol=1e-2, atol=0)
    if scale >= 1:
        torch.testing.assert_close(normed, rms_norm(h), rtol=1e-5, atol=1e-5)
    assert (normed.argsort(dim=-1) == h.argsort(dim=-1)).all()


def test_features_by_hand() -> None:
    features = two_way().encode(torch.tensor([[[2.0], [-5.0]], [[0.0], [0.0]]]))
    torch.testing.assert_close(features, torch.tensor([[[3**0.5, 0, 0], [0, 3**0.5, 0]], [[0, 0, 0]] * 2]), atol=1e-6, rtol=0)
    assert two_way().decode(features).flatten().tolist() == pytest.approx([1, -1, 0, 0], abs=1e-6)


def test_standardising_makes_the_units_of_the_latents_irrelevant() -> None:
    torch.manual_seed(0)
    latents = torch.randn(500, 4) * torch.tensor([1.0, 10, 0.01, 100]) + torch.tensor([0.0, 5, -3, 1000])
    sae, plain = SparseAutoencoder(4, 8), SparseAutoencoder(4, 8)
    sae.standardise(latents)
    plain.encoder.load_state_dict(sae.encoder.state_dict())
    plain.decoder.load_state_dict(sae.decoder.state_dict())
    whitened = (latents - latents.mean(0)) / latents.std(0)
    torch.testing.assert_close(sae.encode(latents), plain.encode(whitened), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        sae.decode(sae.encode(latents)), plain.decode(plain.encode(whitened)) * latents.std(0) + latents.mean(0), rtol=1e-3, atol=1e-3
    )
    for x, y in zip(sae.loss(latents, 0.1), plain.loss(whitened, 0.1), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-3, atol=1e-4)


def test_counts_stand_for_frames_in_the_statistics_and_a_dimension_that_never_moves_does_no_harm() -> None:
    latents, counts = torch.randn(6, 4) * 5 + 20, torch.tensor([1, 4, 2, 1, 9, 3])
    latents[:, 3] = 3.0
    sae, expanded = SparseAutoencoder(4, 8), latents.repeat_interleave(counts, dim=0)
    sae.standardise(latents, counts)
    torch.testing.assert_close(sae.mean, expanded.mean(dim=0))
    torch.testing.assert_close(sae.std, expanded.std(dim=0).clamp_min(1e-6))
    assert torch.isfinite(sae.decode(sae.encode(latents))).all()


# --- the loss -----------------------------------------------------------------------------------------------------------


def test_loss_by_hand() -> None:
    # x = 2: h = (2, 0, 0), x̂ = 1, error 1. x = -4: h = (0, 4, 0), x̂ = -1, error 9.
    reconstruction, penalty = two_way().loss(torch.tensor([[2.0], [-4.0]]), 0.5)
    assert reconstruction.item() == pytest.approx((1 + 9) / 2, rel=1e-5)
    assert penalty.item() == pytest.approx(0.5 * (2 + 4) / 2, rel=1e-6)


def test_loss_sums_over_dimensions_and_features_and_averages_over_weighted_frames() -> None:
    sae, x, weights = random_sae(), torch.randn(4, 3), torch.tensor([0.5, 2.0, 0.0, 1.5])
    h = torch.relu(sae.normalised(x) @ sae.encoder.weight.T + sae.encoder.bias)
    f = h / (h.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()
    error = sae.normalised(x) - (f @ sae.decoder.weight.T + sae.decoder.bias)
    reconstruction, penalty = sae.loss(x, 0.3, weights)
    torch.testing.assert_close(reconstruction, (weights[:, None] * error.pow(2)).sum() / 4)
    torch.testing.assert_close(penalty, 0.3 * (weights[:, None] * h).sum() / 4)


@pytest.mark.parametrize("l1", [0.0, 0.7])
def test_the_gradient_of_each_term_against_finite_differences(l1: float) -> None:
    sae = random_sae().double()
    generator = torch.Generator().manual_seed(1)
    x, weights = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((8, 3), (8,)))
    layers = [value.detach().clone().requires_grad_() for value in sae.parameters()]

    def terms(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        encoder, decoder = (SimpleNamespace(weight=weight, bias=bias) for weight, bias in (given[:2], given[2:]))
        return step.loss(x, l1, weights.abs(), encoder, decoder)

    assert torch.autograd.gradcheck(terms, layers)


def test_the_gradient_is_that_of_the_formulas_where_a_frame_has_no_feature_and_where_frames_count_unequally() -> None:
    sae = random_sae(hidden=12)
    with torch.no_grad():
        sae.encoder.bias.fill_(-1.0)
    x, weights = torch.cat([torch.zeros(1, 3), torch.randn(20, 3, generator=torch.Generator().manual_seed(1))]), torch.linspace(0, 2, 21)
    sum(sae.loss(x, 0.3, weights)).backward()
    found = [parameter.grad.clone() for parameter in sae.parameters()]
    sae.zero_grad()
    h = torch.relu(sae.encoder(sae.normalised(x)))
    assert not h[0].any()
    error = (sae.normalised(x) - sae.decoder(rms_norm(h))).pow(2).sum(dim=1)
    (weights * (error + 0.3 * h.sum(dim=1))).mean().backward()
    for ours, parameter in zip(found, sae.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-4, atol=1e-5)


def test_products_in_half_precision_give_nearly_the_same_and_weights_stay_whole() -> None:
    whole, half = random_sae(hidden=64), random_sae(hidden=64)
    half.load_state_dict(whole.state_dict())
    half.precision = torch.bfloat16
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(1))
    for sae in (whole, half):
        sum(sae.loss(x, 0.1)).backward()
    for one, other in zip(whole.parameters(), half.parameters(), strict=True):
        assert other.grad.dtype == torch.float32 and not torch.equal(one.grad, other.grad)
        assert (one.grad - other.grad).norm() < 0.02 * one.grad.norm()


# --- the figures --------------------------------------------------------------------------------------------------------


def test_figures_by_hand() -> None:
    # Four frames, three features; x̂ = ±1, so errors are 0, 0, 1, 1, around a mean of 0 with squares 1, 1, 4, 4.
    found = evaluate(two_way(), torch.tensor([[1.0], [-1.0], [2.0], [-2.0]]))
    expected = {"sparsity": 8 / 12, "l0": 1.0, "dead": 1 / 3, "fvu": 2 / 10, "scale": (10 / 12) ** 0.5}
    assert found == pytest.approx(expected, rel=1e-5)
    # x̂ is 1 throughout: errors 0, 1, 4; around the mean of these frames, 2, the squares are 1, 0, 1; a second feature never fires.
    found = evaluate(two_way(), torch.tensor([[1.0], [2.0], [3.0]]))
    assert found["fvu"] == pytest.approx(5 / 2, rel=1e-5) and found["dead"] == pytest.approx(2 / 3)


def test_counts_stand_for_frames_in_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    sae, rows, counts = random_sae(), torch.randn(7, 3), torch.tensor([3, 1, 0, 5, 1, 1, 20])
    expected = evaluate(sae, rows.repeat_interleave(counts, dim=0))
    assert evaluate(sae, rows, counts) == pytest.approx(expected, rel=1e-6)
    monkeypatch.setattr(model, "BATCH", 2)
    assert evaluate(sae, rows, counts) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("frames", [[], [[2.0]], [[2.0], [2.0]]])
def test_frames_without_variance_are_refused(frames: list[list[float]]) -> None:
    with pytest.raises(ParameterError, match=f"no variance to explain in {len(frames)} "):
        evaluate(two_way(), torch.tensor(frames).reshape(-1, 1), torch.ones(len(frames)))


# --- the file -----------------------------------------------------------------------------------------------------------


def test_a_loaded_sae_says_the_same_and_equal_saes_are_equal_bytes(tmp_path: Path) -> None:
    sae, path, x = random_sae(), tmp_path / "deeper" / "sae.safetensors", torch.randn(9, 3)
    provenance = {"b": 1, "a": [1, 2], "c": {"z": 1, "y": 2}}
    sae.save(path, provenance)
    loaded = SparseAutoencoder.load(path)
    assert not loaded.training and (loaded.dim, loaded.hidden) == (3, 5)
    assert torch.equal(loaded.decode(loaded.encode(x)), sae.decode(sae.encode(x))) and sae.std.min() > 1.5
    loaded.save(tmp_path / "again.safetensors", dict(reversed(provenance.items())))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("tensors", "sizes", "told"), [
    ({}, {"dim": 3, "hidden": 6}, "does not fit SparseAutoencoder"),
    ({}, {"dim": None, "hidden": 5}, "does not say its shape"),
    ({}, None, "does not say its shape"),
    ({"std": torch.tensor([1.0, 0.0, 1.0])}, {"dim": 3, "hidden": 5}, "a standard deviation is not above 0"),
])  # fmt: skip
def test_a_damaged_file_is_told(tensors: dict[str, torch.Tensor], sizes: Any, told: str, tmp_path: Path) -> None:
    path = tmp_path / "sae.safetensors"
    checkpoint.save(path, random_sae().state_dict() | tensors, {"kind": "sae", "sizes": sizes})
    with pytest.raises(CheckpointError, match=f"sae.safetensors.*{told}.*train it again"):
        SparseAutoencoder.load(path)


# --- the k-sparse kind ------------------------------------------------------------------------------------------------


def axes(k: int = 1, threshold: float = 0.0) -> KSparseAutoencoder:
    """h = ReLU(x) for x of two numbers; the decoder's columns are three times as long as they come to be."""
    sae = KSparseAutoencoder(2, 2, k)
    with torch.no_grad():
        sae.encoder.weight.copy_(torch.eye(2)), sae.decoder.weight.copy_(3 * torch.eye(2))
        sae.encoder.bias.zero_(), sae.decoder.bias.zero_(), sae.threshold.fill_(threshold)
    return sae


def test_what_is_above_the_threshold_is_kept_as_it_is() -> None:
    x = torch.tensor([[3.0, 1.0], [0.5, -2.0]])
    f = axes(threshold=0.9).eval().encode(x)
    assert f.tolist() == [[3, 1], [0, 0]] and axes().decode(f).tolist() == [[3, 1], [0, 0]]
    assert axes(threshold=1.0).encode(x).tolist() == [[3, 0], [0, 0]]
    assert evaluate(axes(threshold=1.0).eval(), x)["l0"] == 0.5


def test_a_batch_keeps_its_largest_whichever_rows_they_are_in() -> None:
    sae, x = axes(k=1), torch.tensor([[3.0, 2.0], [1.0, 0.5]])
    error, penalty = sae.loss(x, 7.0)
    assert error.item() == pytest.approx((1 + 0.25) / 2) and penalty == 0  # the second row is lost, whole
    assert sae.threshold == 2
    sae.loss(2 * x, 7.0)
    assert sae.threshold == pytest.approx(0.99 * 2 + 0.01 * 4)


def test_a_trained_one_has_k_active_features_on_frames_that_it_has_not_seen() -> None:
    generator = torch.Generator().manual_seed(0)
    sparse = torch.rand(3000, 12, generator=generator) * (torch.rand(3000, 12, generator=generator) < 0.2)
    x = sparse @ torch.randn(12, 8, generator=generator) + 0.01 * torch.randn(3000, 8, generator=generator)
    sae, curve = training.train(x[:2000], training.Settings(24, 0.0, 30, 100, 0.005, 0), build=partial(KSparseAutoencoder, k=3))
    found = evaluate(sae, x[2000:])
    assert found["l0"] == pytest.approx(3, rel=0.25) and found["fvu"] < 0.1
    assert (curve["penalty"] == 0).all()


def test_kinds_are_kept_apart_on_disk(tmp_path: Path) -> None:
    sae, x = axes(k=2, threshold=0.7).eval(), torch.randn(5, 2)
    sae.save(tmp_path / "k", half=True)
    loaded = KSparseAutoencoder.load(tmp_path / "k")
    assert (
        loaded.k == 2
        and loaded.threshold == torch.tensor(0.7).half()
        and torch.equal(loaded.encode(x), axes(2, float(loaded.threshold)).encode(x))
    )
    with pytest.raises(CheckpointError, match="of 'k_sparse sae', but 'sae' is needed"):
        SparseAutoencoder.load(tmp_path / "k")


@pytest.mark.parametrize("k", [0, 3])
def test_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(ParameterError, match="1 to the 2 features"):
        KSparseAutoencoder(2, 2, k)


# --- the variants -------------------------------------------------------------------------------------------------------


ALL = torch.ones(40, dtype=torch.long)
RECORDINGS = Split(ALL, ALL, ALL, "recordings")
POINTS = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0])


def identity(name: str, strength: float = 1) -> VariantAutoencoder:
    """h = ReLU(x, −x) for x of two numbers; the decoder puts the signs together again."""
    sae = VariantAutoencoder(2, 4, VARIANTS[name], strength)
    signs = torch.cat([torch.eye(2), -torch.eye(2)])
    with torch.no_grad():
        sae.encoder.weight.copy_(signs), sae.decoder.weight.copy_(signs.T)
        sae.encoder.bias.zero_(), sae.decoder.bias.zero_()
    return sae.eval()


def test_the_largest_are_kept_along_either_dimension() -> None:
    h = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 0.0]])
    assert keep_largest(h, 2, 1).tolist() == [[3, 0, 2], [0, 5, 0]]
    torch.testing.assert_close(keep_largest(h.T, 2, 0), keep_largest(h, 2, 1).T)
    leaf = h.clone().requires_grad_()
    keep_largest(leaf, 1, 1).sum().backward()
    assert leaf.grad.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_without_normalisation_the_identity_explains_everything() -> None:
    for name in ("plain", "decoder_norm"):
        assert evaluate(identity(name), POINTS)["fvu"] == pytest.approx(0, abs=1e-10)
    assert evaluate(identity("paper"), POINTS)["fvu"] > 0.05  # RMSNorm takes the length of x away


def test_top_one_of_two_keeps_the_larger_number() -> None:
    smaller = POINTS.abs().min(dim=1).values
    expected = float(smaller.double().pow(2).sum() / (POINTS - POINTS.mean(dim=0)).double().pow(2).sum())
    found = measure(identity("top_k", 1), POINTS, RECORDINGS)
    assert found["l0"] == 1 and found["sparsity"] == 0.75 and found["fvu"] == pytest.approx(expected, rel=1e-5)


def test_with_normalisation_figures_are_those_of_section_two() -> None:
    torch.manual_seed(0)
    sae = VariantAutoencoder(2, 4, VARIANTS["on_f"], 0.1).eval()
    split = Split(ALL, ALL, ALL * (torch.arange(40) < 15), "recordings")
    found = measure(sae, POINTS, split)
    assert {**training.measure(sae, POINTS, split), "live_sparsity": found["live_sparsity"]} == found


def test_live_sparsity_leaves_dead_features_out() -> None:
    sae = identity("plain")
    x = POINTS.abs()  # features 3 and 4 never fire, 1 and 2 always do
    found = measure(sae, x, RECORDINGS)
    assert (found["dead"], found["sparsity"], found["live_sparsity"]) == (0.5, 0.5, 0)
    with torch.no_grad():
        sae.encoder.bias.fill_(-100)
    assert measure(sae, x, RECORDINGS)["live_sparsity"] is None


def test_what_can_be_escaped_and_what_cannot() -> None:
    """Scale h by c, and the decoder by 1/c where f is h: x̂ stays. Two penalties fall with c, two do not."""
    h, norms, c = torch.rand(10, 4) + 0.1, torch.rand(4) + 0.5, 0.1
    for name, factor in {"paper": c, "plain": c, "on_f": 1, "decoder_norm": 1}.items():
        price, f = VARIANTS[name].price, rms_norm(h)
        torch.testing.assert_close(price(c * h, f, norms / c), factor * price(h, f, norms))


@pytest.mark.parametrize(
    ("name", "hidden", "strength", "told"),
    [("paper", 0, 1, "at least 1"), ("paper", 4, -1.0, "λ must not"), *(("top_k", 4, k, "k must be") for k in (0, 5, 1.5))],
)
def test_sizes_and_strengths_out_of_range_are_refused(name: str, hidden: int, strength: float, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        VariantAutoencoder(2, hidden, VARIANTS[name], strength)
