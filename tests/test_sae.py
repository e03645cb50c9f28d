"""The SAE and its variants, their losses and figures, against hand-made models and finite differences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae.errors import CheckpointError, ParameterError
from audiosae.files import checkpoint
from audiosae.sae import SparseAutoencoder, evaluate, rms_norm, training
from audiosae.sae.training import Split
from audiosae.sae.variants import VARIANTS, VariantAutoencoder, keep_largest, measure, unexplained


def random_sae(dim: int = 3, hidden: int = 5, seed: int = 0) -> SparseAutoencoder:
    torch.manual_seed(seed)
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


# --- normalisation ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(1, 40), st.floats(1e-2, 1e4), st.integers(0, 2**31))
def test_rms_norm_gives_one_and_forgets_the_scale(size: int, scale: float, seed: int) -> None:
    h = torch.rand(4, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    normed = rms_norm(h * scale)
    torch.testing.assert_close(normed.pow(2).mean(dim=-1).sqrt(), torch.ones(4, dtype=torch.float64), rtol=1e-2, atol=0)
    if scale >= 1:
        torch.testing.assert_close(normed, rms_norm(h), rtol=1e-5, atol=1e-5)
    assert (normed.argsort(dim=-1) == h.argsort(dim=-1)).all()


def test_rms_norm_of_nothing_is_nothing() -> None:
    assert not rms_norm(torch.zeros(2, 7)).any()


# --- the model ----------------------------------------------------------------------------------------------------------


def test_features_by_hand() -> None:
    features = two_way().encode(torch.tensor([[2.0], [-5.0], [0.0]]))
    torch.testing.assert_close(features, torch.tensor([[3**0.5, 0, 0], [0, 3**0.5, 0], [0, 0, 0]]), atol=1e-6, rtol=0)
    assert two_way().decode(features).flatten().tolist() == pytest.approx([1, -1, 0], abs=1e-6)


def test_features_are_positive_of_unit_rms_and_keep_leading_dimensions() -> None:
    sae = random_sae()
    x = torch.randn(2, 7, 3)
    f = sae.encode(x)
    assert f.shape == (2, 7, 5) and sae.decode(f).shape == x.shape and (f >= 0).all()
    active = f.any(dim=-1)
    torch.testing.assert_close(f.pow(2).mean(dim=-1)[active], torch.ones(int(active.sum())), rtol=1e-3, atol=0)


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


def test_counts_stand_for_frames_in_the_statistics() -> None:
    latents, counts = torch.randn(6, 4) * 5 + 20, torch.tensor([1, 4, 2, 1, 9, 3])
    counted, plain = SparseAutoencoder(4, 8), SparseAutoencoder(4, 8)
    counted.standardise(latents, counts)
    plain.standardise(latents.repeat_interleave(counts, dim=0))
    torch.testing.assert_close(counted.mean, plain.mean)
    torch.testing.assert_close(counted.std, plain.std)
    expanded = latents.repeat_interleave(counts, dim=0)
    torch.testing.assert_close(plain.mean, expanded.mean(dim=0))
    torch.testing.assert_close(plain.std, expanded.std(dim=0))


def test_a_dimension_that_never_moves_does_no_harm() -> None:
    sae = SparseAutoencoder(2, 4)
    latents = torch.stack([torch.randn(20), torch.full((20,), 3.0)], dim=1)
    sae.standardise(latents)
    assert torch.isfinite(sae.decode(sae.encode(latents))).all()


@pytest.mark.parametrize(("dim", "hidden"), [(0, 4), (4, 0), (-1, 4)])
def test_an_impossible_size_is_refused(dim: int, hidden: int) -> None:
    with pytest.raises(ParameterError, match="at least 1"):
        SparseAutoencoder(dim, hidden)


# --- the loss -----------------------------------------------------------------------------------------------------------


def test_loss_by_hand() -> None:
    # x = 2: h = (2, 0, 0), x̂ = 1, error 1. x = -4: h = (0, 4, 0), x̂ = -1, error 9.
    reconstruction, penalty = two_way().loss(torch.tensor([[2.0], [-4.0]]), 0.5)
    assert reconstruction.item() == pytest.approx((1 + 9) / 2, rel=1e-5)
    assert penalty.item() == pytest.approx(0.5 * (2 + 4) / 2, rel=1e-6)


def test_loss_sums_over_dimensions_and_features_and_averages_over_frames() -> None:
    sae = random_sae()
    x = torch.randn(6, 3)
    h = torch.relu(sae.normalised(x) @ sae.encoder.weight.T + sae.encoder.bias)
    f = h / (h.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()
    error = sae.normalised(x) - (f @ sae.decoder.weight.T + sae.decoder.bias)
    reconstruction, penalty = sae.loss(x, 0.3)
    torch.testing.assert_close(reconstruction, error.pow(2).sum() / 6)
    torch.testing.assert_close(penalty, 0.3 * h.sum() / 6)
    torch.testing.assert_close(torch.stack(sae.loss(torch.cat([x, x]), 0.3)), torch.stack([reconstruction, penalty]))


def test_weights_are_factors_of_the_rows() -> None:
    sae, x, weights = random_sae(), torch.randn(4, 3), torch.tensor([0.5, 2.0, 0.0, 1.5])
    each = [torch.stack(sae.loss(row[None], 0.3)) for row in x]
    weighted = sum(weight * loss for weight, loss in zip(weights, each, strict=True)) / 4
    torch.testing.assert_close(torch.stack(sae.loss(x, 0.3, weights)), weighted)


@pytest.mark.parametrize("l1", [0.0, 0.7])
def test_gradients_of_the_loss_against_finite_differences(l1: float) -> None:
    sae = random_sae().double()
    x = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def total() -> torch.Tensor:
        reconstruction, penalty = sae.loss(x, l1)
        return reconstruction + penalty

    total().backward()
    step = 1e-6
    for name, parameter in sae.named_parameters():
        numeric = torch.zeros_like(parameter)
        for place, out in zip(parameter.data.view(-1), numeric.view(-1), strict=True):
            place += step
            above = total().item()
            place -= 2 * step
            out.copy_(torch.tensor((above - total().item()) / (2 * step)))
            place += step
        torch.testing.assert_close(parameter.grad, numeric, rtol=1e-5, atol=1e-7, msg=name)


# --- the figures --------------------------------------------------------------------------------------------------------


def test_figures_by_hand() -> None:
    # Four frames, three features; x̂ = ±1, so errors are 0, 0, 1, 1, around a mean of 0 with squares 1, 1, 4, 4.
    found = evaluate(two_way(), torch.tensor([[1.0], [-1.0], [2.0], [-2.0]]))
    expected = {"sparsity": 8 / 12, "l0": 1.0, "dead": 1 / 3, "fvu": 2 / 10, "scale": (10 / 12) ** 0.5}
    assert found == pytest.approx(expected, rel=1e-5)
    assert evaluate(two_way(), torch.tensor([[1.0], [2.0]]))["dead"] == pytest.approx(2 / 3)  # dead means on these frames


def test_counts_stand_for_frames_in_the_figures() -> None:
    sae, rows, counts = random_sae(), torch.randn(7, 3), torch.tensor([3, 1, 0, 5, 1, 1, 20])
    assert evaluate(sae, rows, counts) == pytest.approx(evaluate(sae, rows.repeat_interleave(counts, dim=0)), rel=1e-6)
    assert evaluate(sae, rows, counts, batch=2) == pytest.approx(evaluate(sae, rows, counts), rel=1e-6)
    assert unexplained(sae, rows, counts, batch=2) == pytest.approx(evaluate(sae, rows, counts)["fvu"], rel=1e-5)


@pytest.mark.parametrize("frames", [[], [[2.0]], [[2.0], [2.0]]])
def test_frames_without_variance_are_refused(frames: list[list[float]]) -> None:
    for measured in (evaluate, unexplained):
        with pytest.raises(ParameterError, match=f"no variance to explain in {len(frames)} "):
            measured(two_way(), torch.tensor(frames).reshape(-1, 1), torch.ones(len(frames)))


def test_variance_is_counted_around_the_mean_of_the_frames_at_hand() -> None:
    # x̂ is 1 throughout: errors 0, 1, 4; around their mean of 2 the squares are 1, 0, 1.
    assert evaluate(two_way(), torch.tensor([[1.0], [2.0], [3.0]]))["fvu"] == pytest.approx(5 / 2, rel=1e-5)


def test_saying_the_mean_explains_nothing() -> None:
    sae = SparseAutoencoder(2, 3).eval()
    latents = torch.randn(200, 2) * 5 + 1
    sae.standardise(latents)
    torch.nn.init.zeros_(sae.decoder.weight)
    torch.nn.init.zeros_(sae.decoder.bias)
    assert evaluate(sae, latents)["fvu"] == pytest.approx(1, rel=1e-5)


# --- the file -----------------------------------------------------------------------------------------------------------


def test_a_loaded_sae_says_the_same_and_carries_its_statistics(tmp_path: Path) -> None:
    sae, path = random_sae(), tmp_path / "deeper" / "sae.safetensors"
    sae.save(path, {"frames": "abc"})
    loaded, x = SparseAutoencoder.load(path), torch.randn(9, 3)
    assert not loaded.training and (loaded.dim, loaded.hidden) == (3, 5)
    assert torch.equal(loaded.encode(x), sae.encode(x))
    assert torch.equal(loaded.decode(loaded.encode(x)), sae.decode(sae.encode(x)))
    assert torch.equal(loaded.mean, sae.mean) and torch.equal(loaded.std, sae.std)
    assert sae.mean.abs().min() > 0.5 and sae.std.min() > 1.5  # so that the two lines above say something


def test_equal_saes_are_equal_bytes_and_others_are_not(tmp_path: Path) -> None:
    provenance = {"b": 1, "a": [1, 2], "c": {"z": 1, "y": 2}}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        random_sae(seed=seed).save(tmp_path / name, provenance if name == "a" else dict(reversed(provenance.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def header(**changes: object) -> dict[str, object]:
    """That of a file of 3 dimensions and 5 features, with some entries changed, or taken out where None is given."""
    made = {"kind": "sae", "dim": 3, "hidden": 5, "provenance": {}} | changes
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize("changes", [
    *({"hidden": value} for value in (None, True, -1, 0, 5.0, "5", [5], float("nan"), 6, 10**15)),
    {"dim": None}, {"dim": 4}, {"dim": 5, "hidden": 3},
], ids=str)  # fmt: skip
def test_a_damaged_header_is_told(changes: dict[str, object], tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "sae.safetensors", random_sae().state_dict(), header(**changes))
    with pytest.raises(CheckpointError, match="sae.safetensors does not (say its shape|fit SparseAutoencoder).*train it again"):
        SparseAutoencoder.load(tmp_path / "sae.safetensors")


@pytest.mark.parametrize(("changes", "told"), [
    ({"encoder.bias": None}, "Missing key encoder.bias"),
    ({"more": torch.zeros(1)}, "Unexpected key more"),
    ({"mean": torch.zeros(3, dtype=torch.int64)}, "mean is int64, not float32"),
    ({"encoder.weight": torch.zeros(3, 5)}, "size mismatch for encoder.weight"),
    ({"std": torch.tensor(1.0)}, "size mismatch for std"),
    ({"std": torch.tensor([1.0, 0.0, 1.0])}, "a standard deviation is not above 0"),
    ({"std": torch.tensor([1.0, float("inf"), 1.0])}, "tensor std holds NaN or infinite"),
    ({"decoder.bias": torch.full((3,), float("nan"))}, "tensor decoder.bias holds NaN or infinite"),
])  # fmt: skip
def test_damaged_tensors_are_told(changes: dict[str, torch.Tensor | None], told: str, tmp_path: Path) -> None:
    tensors = {name: value for name, value in (random_sae().state_dict() | changes).items() if value is not None}
    checkpoint.save(tmp_path / "sae.safetensors", tensors, header())
    with pytest.raises(CheckpointError, match=f"sae.safetensors.*{told}"):
        SparseAutoencoder.load(tmp_path / "sae.safetensors")


# --- the variants -------------------------------------------------------------------------------------------------------


ALL = torch.ones(40, dtype=torch.long)
RECORDINGS = Split(ALL, ALL, ALL, "recordings")


def identity(name: str, strength: float = 1) -> VariantAutoencoder:
    """h = ReLU(x, −x) for x of two numbers; the decoder puts the signs together again."""
    sae = VariantAutoencoder(2, 4, VARIANTS[name], strength)
    signs = torch.cat([torch.eye(2), -torch.eye(2)])
    with torch.no_grad():
        sae.encoder.weight.copy_(signs), sae.decoder.weight.copy_(signs.T)
        sae.encoder.bias.zero_(), sae.decoder.bias.zero_()
    return sae.eval()


def points() -> torch.Tensor:
    return torch.randn(40, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0])


def test_the_largest_are_kept_along_either_dimension() -> None:
    h = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 0.0]])
    assert keep_largest(h, 2, 1).tolist() == [[3, 0, 2], [0, 5, 0]]
    torch.testing.assert_close(keep_largest(h.T, 2, 0), keep_largest(h, 2, 1).T)
    leaf = h.clone().requires_grad_()
    keep_largest(leaf, 1, 1).sum().backward()
    assert leaf.grad.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_without_normalisation_the_identity_explains_everything() -> None:
    for name in ("plain", "decoder_norm"):
        sae = identity(name)
        torch.testing.assert_close(sae.decode(sae.encode(points())), points())
        assert unexplained(sae, points(), ALL) == pytest.approx(0, abs=1e-10)
    assert unexplained(identity("paper"), points(), ALL) > 0.05  # RMSNorm takes the length of x away


def test_top_one_of_two_keeps_the_larger_number() -> None:
    sae, x = identity("top_k", 1), points()
    smaller = x.abs().min(dim=1).values
    expected = float(smaller.double().pow(2).sum() / (x - x.mean(dim=0)).double().pow(2).sum())
    assert unexplained(sae, x, ALL) == pytest.approx(expected, rel=1e-5)
    found = measure(sae, x, RECORDINGS)
    assert found["l0"] == 1 and found["sparsity"] == 0.75 and found["fvu"] == pytest.approx(expected, rel=1e-5)


def test_with_normalisation_figures_are_those_of_section_two() -> None:
    torch.manual_seed(0)
    for name in ("paper", "on_f"):
        sae = VariantAutoencoder(2, 4, VARIANTS[name], 0.1).eval()
        split = Split(ALL, ALL, ALL * (torch.arange(40) < 15), "recordings")
        found = measure(sae, points(), split)
        assert {**training.measure(sae, points(), split), "live_sparsity": found["live_sparsity"]} == found
        assert unexplained(sae, points(), ALL) == pytest.approx(evaluate(sae, points())["fvu"], rel=1e-5)


def test_live_sparsity_leaves_dead_features_out() -> None:
    sae = identity("plain")
    x = points().abs()  # features 3 and 4 never fire, 1 and 2 always do
    found = measure(sae, x, RECORDINGS)
    assert (found["dead"], found["sparsity"], found["live_sparsity"]) == (0.5, 0.5, 0)
    with torch.no_grad():
        sae.encoder.bias.fill_(-100)
    assert measure(sae, x, RECORDINGS)["live_sparsity"] is None


def test_what_can_be_escaped_and_what_cannot() -> None:
    """Scale h by c, and the decoder by 1/c where f is h: x̂ stays. Two penalties fall with c, two do not."""
    h = torch.rand(1, 4, 10) + 0.1
    norms, c = torch.rand(1, 4) + 0.5, 0.1
    for name, factor in {"paper": c, "plain": c, "on_f": 1, "decoder_norm": 1}.items():
        price, rms = VARIANTS[name].price, h.square().mean(dim=1).sqrt()
        torch.testing.assert_close(price(c * h, c * rms, norms / c), factor * price(h, rms, norms))


@pytest.mark.parametrize(("name", "strength"), [("paper", -1.0), ("top_k", 0), ("top_k", 5), ("top_k", 1.5)])
def test_strengths_out_of_range_are_refused(name: str, strength: float) -> None:
    with pytest.raises(ParameterError, match=name):
        VariantAutoencoder(2, 4, VARIANTS[name], strength)
