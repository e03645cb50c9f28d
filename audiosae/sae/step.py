"""The loss of the paper's autoencoder and its gradient, near the speed of the five matrix products that they cannot do without.

Latents [rows, dim] are small beside features [rows, hidden], so what is slow is each pass over the latter. `torch.autograd` on the formulas of `model`
takes some fifteen; this takes six, by these tricks:

- RMSNorm is one number a row, so it divides the decoder's output [rows, dim] and not h [rows, hidden]: W_dec (h / r) = (W_dec h) / r.
- f is never formed: 1 / r goes into the small factor of both products of the decoder's gradient, (g / r)ᵀ h and (g / r) W_dec.
- The derivative of RMSNorm needs f · ∂L/∂f for each row. That is g · (W_dec f) = g · (x̂ − b_dec), from the small side, so no product is added.
- Its other term, a multiple of h in each row, together with λ, is what the product (g / r) W_dec is added to as it is computed.
- h is its own mask for ReLU's derivative, which is applied in place.
- Root mean square, penalty and the gradient of the bias read once what they sum, and write one number a row or a feature.
- The latents need no gradient, so none is computed.

With ``bfloat16`` the products and h are in half the bytes; sums over rows and features, and all that is small, stay in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

EPS = 1e-8
"""Inside the root mean square, as in the paper's normalisation; there is no learned gain."""


def loss(
    x: torch.Tensor, l1: float, weights: torch.Tensor | float, encoder: nn.Linear, decoder: nn.Linear, precision: torch.dtype | None = None
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Squared error and penalty, the two terms of L, for standardised latents [rows, dim], λ, and a factor for each row [rows].

    Gradients go to the weights of encoder and decoder, and no second time. `precision` is that of the large products; None for that of the latents.
    """
    factors = torch.as_tensor(weights, dtype=x.dtype, device=x.device).expand(len(x))
    return _Loss.apply(x, factors, l1, precision or x.dtype, encoder.weight, encoder.bias, decoder.weight, decoder.bias)


class _Loss(torch.autograd.Function):
    """Squared error and penalty, and both their gradients with respect to the weights."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weights: torch.Tensor, l1: float, precision: torch.dtype, encoder: torch.Tensor, bias: torch.Tensor,
        decoder: torch.Tensor, centre: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        low = x.to(precision)
        h = torch.addmm(bias.to(precision), low, encoder.to(precision).T).relu_()
        squares = torch.linalg.vector_norm(h, dim=1, dtype=x.dtype).square_().div_(h.shape[1]).add_(EPS)
        rms = squares.sqrt()
        decoded = (h @ decoder.to(precision).T).to(x.dtype).div_(rms[:, None])
        error = decoded + centre
        error -= x
        share = weights / len(x)
        ctx.save_for_backward(low, h, squares, rms, decoded, error, share, encoder, decoder)
        ctx.l1 = l1
        return share @ error.square().sum(dim=1), l1 * (share @ h.sum(dim=1, dtype=x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_error: torch.Tensor, by_penalty: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        low, h, squares, rms, decoded, error, share, encoder, decoder = ctx.saved_tensors
        g = error * (2 * by_error * share)[:, None]
        pull = (g * decoded).sum(dim=1).div_(squares).div_(-h.shape[1])
        small = (g / rms[:, None]).to(h.dtype)
        by_decoder = small.T @ h
        by_h = torch.addcmul((by_penalty * ctx.l1 * share)[:, None].to(h.dtype), h, pull[:, None].to(h.dtype))
        by_h.addmm_(small, decoder.to(h.dtype))
        torch.ops.aten.threshold_backward.grad_input(by_h, h, 0.0, grad_input=by_h)
        by_bias = by_h.sum(dim=0, dtype=g.dtype)
        return None, None, None, None, (by_h.T @ low).to(g.dtype), by_bias, by_decoder.to(g.dtype), g.sum(dim=0)
