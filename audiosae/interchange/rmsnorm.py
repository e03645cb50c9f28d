"""The paper's autoencoder as an architecture of SAELens; needs `sae-lens`. To import this module is to register it.

import audiosae.interchange.rmsnorm
from sae_lens import SAE
sae = SAE.load_from_disk("exported/encodec")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import torch
from sae_lens.registry import register_sae_class
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig

from audiosae.interchange.saelens import RMSNORM
from audiosae.sae.model import rms_norm


@dataclass
class RMSNormSAEConfig(StandardSAEConfig):
    """As of a standard autoencoder, under another name."""

    @classmethod
    def architecture(cls) -> str:
        return RMSNORM


class RMSNormSAE(StandardSAE):
    """A standard autoencoder with features over their root mean square (the paper's section 2), which `decode` does not restore after steering."""

    def get_activation_fn(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """From what the encoder gives to features: [..., d_sae] -> the same shape."""
        return lambda pre: rms_norm(torch.relu(pre))

    def fold_W_dec_norm(self) -> NoReturn:
        """Impossible here: it would change the root mean square of every frame."""
        raise NotImplementedError("decoder norms cannot be folded into an encoder whose features are normalised.")


register_sae_class(RMSNORM, RMSNormSAE, RMSNormSAEConfig)
