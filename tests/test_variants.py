"""The variants beside the paper's SAE, on networks whose answer is known."""

from __future__ import annotations

import pytest
import torch

from audiosae import sae_training
from audiosae.errors import ParameterError
from audiosae.evidence.variants import VARIANTS, VariantAutoencoder, keep_largest, measure, unexplained
from audiosae.sae import evaluate
from audiosae.sae_training import Split

ALL = torch.ones(40, dtype=torch.long)


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
    found = measure(sae, x, Split(ALL, ALL, ALL, "recordings"))
    assert found["l0"] == 1 and found["sparsity"] == 0.75 and found["fvu"] == pytest.approx(expected, rel=1e-5)


def test_counts_stand_for_frames() -> None:
    sae, counts = identity("top_k", 1), torch.arange(40) % 4
    assert unexplained(sae, points(), counts) == pytest.approx(
        unexplained(sae, points().repeat_interleave(counts, dim=0), torch.ones(int(counts.sum()))), rel=1e-5)


def test_with_normalisation_figures_are_those_of_section_two() -> None:
    torch.manual_seed(0)
    for name in ("paper", "on_f"):
        sae = VariantAutoencoder(2, 4, VARIANTS[name], 0.1).eval()
        split = Split(ALL, ALL, ALL * (torch.arange(40) < 15), "recordings")
        found = measure(sae, points(), split)
        assert {**sae_training.measure(sae, points(), split), "live_sparsity": found["live_sparsity"]} == found
        assert unexplained(sae, points(), ALL) == pytest.approx(evaluate(sae, points())["fvu"], rel=1e-5)


def test_the_sparsity_of_the_living_leaves_the_dead_out() -> None:
    sae = identity("plain")
    x = points().abs()  # features 3 and 4 never fire, 1 and 2 always do
    found = measure(sae, x, Split(ALL, ALL, ALL, "recordings"))
    assert (found["dead"], found["sparsity"], found["live_sparsity"]) == (0.5, 0.5, 0)
    with torch.no_grad():
        sae.encoder.bias.fill_(-100)
    assert measure(sae, x, Split(ALL, ALL, ALL, "recordings"))["live_sparsity"] is None


def test_what_can_be_escaped_and_what_cannot() -> None:
    """Scale h by c, and the decoder by 1/c where f is h: x̂ stays. Two prices fall with c, two do not."""
    h = torch.rand(1, 4, 10) + 0.1
    norms, c = torch.rand(1, 4) + 0.5, 0.1
    for name, factor in {"paper": c, "plain": c, "on_f": 1, "decoder_norm": 1}.items():
        price, rms = VARIANTS[name].price, h.square().mean(dim=1).sqrt()
        torch.testing.assert_close(price(c * h, c * rms, norms / c), factor * price(h, rms, norms))


@pytest.mark.parametrize(("name", "strength"), [("paper", -1.0), ("top_k", 0), ("top_k", 5), ("top_k", 1.5)])
def test_strengths_out_of_range_are_refused(name: str, strength: float) -> None:
    with pytest.raises(ParameterError, match=name):
        VariantAutoencoder(2, 4, VARIANTS[name], strength)


def test_frames_that_are_all_alike_are_refused() -> None:
    with pytest.raises(ParameterError, match="no variance"):
        unexplained(identity("plain"), torch.ones(40, 2), ALL)
