"""How a codec's layers start. With PyTorch's defaults the latents hardly move, and the decoder learns a constant."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized


@torch.no_grad()
def scale_layers(run: Callable[[], object], *parts: nn.Module) -> None:
    """Orthogonal weights, rescaled layer by layer to unit variance on one batch (Mishkin and Matas 2016).

    Parameters
    ----------
    run
        Sends one batch through the parts, in the order in which the layers depend on each other.
    parts
        Networks whose convolutions are to be set.
    """

    def rescale(layer: nn.Module, _: object, output: torch.Tensor) -> torch.Tensor:
        set_weight(layer, layer.weight / output.std())
        return output / output.std()

    hooks = []
    for part in parts:
        for module in part.modules():
            if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
                set_weight(module, nn.init.orthogonal_(torch.empty_like(module.weight)))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
                hooks.append(module.register_forward_hook(rescale))
    run()
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def set_weight(layer: nn.Module, weight: torch.Tensor) -> None:
    """Give a convolution its weight, also where it keeps direction and length apart (weight normalisation)."""
    if is_parametrized(layer, "weight"):
        layer.weight = weight
    else:
        layer.weight.copy_(weight)
