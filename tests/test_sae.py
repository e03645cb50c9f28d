"""The SAE, its loss and its figures, against hand-made models and finite differences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae import checkpoint
from audiosae.errors import CheckpointError, ParameterError
from audiosae.sae import SparseAutoencoder, evaluate, rms_norm

FEW = settings(deadline=None, max_examples=20, derandomize=True)


def random_sae(dim: int = 3, hidden: int = 5, seed: int = 0) -> SparseAutoencoder:
    torch.manual_seed(seed)
    sae = SparseAutoencoder(dim, hidden)
    sae.standardise(torch.randn(50, dim) * 3 + 2)
    return sae.eval()


def two_way() -> SparseAutoencoder:
    """One dimension, three features: one for each sign, and one that never speaks. Normalised features rebuild ±1."""
    sae = SparseAutoencoder(1, 3)
    with torch.no_grad():
        sae.encoder.weight.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
        sae.encoder.bias.copy_(torch.tensor([0.0, 0.0, -1.0]))
        sae.decoder.weight.copy_(torch.tensor([[1.0, -1.0, 0.0]]) / 3**0.5)
        sae.decoder.bias.zero_()
    return sae.eval()


# --- normalisation ------------------------------------------------------------------------------------------------------


@FEW
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
        sae.decode(sae.encode(latents)), plain.decode(plain.encode(whitened)) * latents.std(0) + latents.mean(0),
        rtol=1e-3, atol=1e-3,
    )
    for x, y in zip(sae.loss(latents, 0.1), plain.loss(whitened, 0.1)):
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
    weighted = sum(weight * loss for weight, loss in zip(weights, each)) / 4
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
        flat, out = parameter.data.view(-1), numeric.view(-1)
        for i in range(len(flat)):
            kept = flat[i].item()
            flat[i] = kept + step
            above = total().item()
            flat[i] = kept - step
            out[i] = (above - total().item()) / (2 * step)
            flat[i] = kept
        torch.testing.assert_close(parameter.grad, numeric, rtol=1e-5, atol=1e-7, msg=lambda text: f"{name}: {text}")


# --- the figures --------------------------------------------------------------------------------------------------------


def test_figures_by_hand() -> None:
    # Four frames, three features; x̂ = ±1, so errors are 0, 0, 1, 1, around a mean of 0 with squares 1, 1, 4, 4.
    found = evaluate(two_way(), torch.tensor([[1.0], [-1.0], [2.0], [-2.0]]))
    assert found == pytest.approx(
        {"sparsity": 8 / 12, "l0": 1.0, "dead": 1 / 3, "fvu": 2 / 10, "scale": (10 / 12) ** 0.5}, rel=1e-5
    )


def test_dead_means_on_these_frames() -> None:
    assert evaluate(two_way(), torch.tensor([[1.0], [2.0]]))["dead"] == pytest.approx(2 / 3)


def test_figures_do_not_depend_on_the_batch() -> None:
    sae, latents = random_sae(), torch.randn(100, 3)
    assert evaluate(sae, latents, batch=7) == pytest.approx(evaluate(sae, latents), rel=1e-6)


def test_counts_stand_for_frames_in_the_figures() -> None:
    sae, rows, counts = random_sae(), torch.randn(7, 3), torch.tensor([3, 1, 0, 5, 1, 1, 20])
    assert evaluate(sae, rows, counts) == pytest.approx(evaluate(sae, rows.repeat_interleave(counts, dim=0)), rel=1e-6)
    assert evaluate(sae, rows, counts, batch=2) == pytest.approx(evaluate(sae, rows, counts), rel=1e-6)


@pytest.mark.parametrize("frames", [[], [[2.0]], [[2.0], [2.0]]])
def test_frames_without_variance_are_refused(frames: list[list[float]]) -> None:
    with pytest.raises(ParameterError, match=f"no variance to explain in {len(frames)} frames"):
        evaluate(two_way(), torch.tensor(frames).reshape(-1, 1))


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


def test_a_file_whose_weights_are_of_another_shape_is_refused(tmp_path: Path) -> None:
    sae = random_sae()
    sae.hidden = 6
    sae.save(tmp_path / "sae.safetensors")
    with pytest.raises(CheckpointError, match="does not fit SparseAutoencoder"):
        SparseAutoencoder.load(tmp_path / "sae.safetensors")


def header(**changes: object) -> dict[str, object]:
    """That of a file of 3 dimensions and 5 features, with some entries changed, or taken out where None is given."""
    made = {"kind": "sae", "dim": 3, "hidden": 5, "provenance": {}} | changes
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize("changes", [
    *({name: value} for name in ("dim", "hidden") for value in (None, True, False, -1, 0, 5.0, "5", [5], float("nan"), 4, 10**6, 10**15)),
    {"dim": 5, "hidden": 3},
], ids=str)
def test_a_damaged_header_is_told(changes: dict[str, object], tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "sae.safetensors", random_sae().state_dict(), header(**changes))
    with pytest.raises(CheckpointError, match="sae.safetensors does not (say its shape|fit SparseAutoencoder).*train it again"):
        SparseAutoencoder.load(tmp_path / "sae.safetensors")


@pytest.mark.parametrize(("changes", "told"), [
    ({"encoder.bias": None}, "Missing key encoder.bias"),
    ({"more": torch.zeros(1)}, "Unexpected key more"),
    ({"mean": torch.zeros(3, dtype=torch.int64)}, "mean is int64, not float32"),
    ({"encoder.weight": torch.zeros(3, 5)}, "size mismatch for encoder.weight"),
    ({"encoder.weight": torch.zeros(15)}, "size mismatch for encoder.weight"),
    ({"std": torch.tensor(1.0)}, "size mismatch for std"),
    ({"std": torch.tensor([1.0, 0.0, 1.0])}, "a standard deviation is not above 0"),
    ({"std": torch.tensor([1.0, -1.0, 1.0])}, "a standard deviation is not above 0"),
    ({"std": torch.tensor([1.0, float("inf"), 1.0])}, "tensor std holds NaN or infinite"),
    ({"decoder.bias": torch.full((3,), float("nan"))}, "tensor decoder.bias holds NaN or infinite"),
])
def test_damaged_tensors_are_told(changes: dict[str, torch.Tensor | None], told: str, tmp_path: Path) -> None:
    tensors = {name: value for name, value in (random_sae().state_dict() | changes).items() if value is not None}
    checkpoint.save(tmp_path / "sae.safetensors", tensors, header())
    with pytest.raises(CheckpointError, match=f"sae.safetensors.*{told}"):
        SparseAutoencoder.load(tmp_path / "sae.safetensors")
