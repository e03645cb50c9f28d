"""The adversarial part of a codec's training: EnCodec's discriminator of complex STFTs (Défossez et al. 2022, 3.4)."""

from __future__ import annotations

import torch
from encodec.msstftd import MultiScaleSTFTDiscriminator
from torch import nn

from audiosae.codecs import legacy

WINDOWS = (1024, 512, 256)
FILTERS = 8


def build() -> nn.Module:
    """A small discriminator of three resolutions, for one channel."""
    with legacy.weight_norm():
        return MultiScaleSTFTDiscriminator(
            FILTERS, n_ffts=list(WINDOWS), hop_lengths=[w // 4 for w in WINDOWS], win_lengths=list(WINDOWS)
        )


def own_loss(discriminator: nn.Module, decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the discriminator: it should put originals above 1 and decoded waves below −1.

    Parameters
    ----------
    decoded, original
        float32 [batch, 1, samples]; no gradient flows into `decoded`.
    """
    fake, _ = discriminator(decoded.detach())
    real, _ = discriminator(original)
    pairs = zip(fake, real)
    return sum((1 + f).relu().mean() + (1 - r).relu().mean() for f, r in pairs) / len(fake)


def codec_loss(discriminator: nn.Module, decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """What the codec minimises: the hinge of its decoded waves, plus the relative distance of the discriminator's
    features from those of the originals."""
    logits, features = discriminator(decoded)
    with torch.no_grad():
        _, targets = discriminator(original)
    fooled = sum((1 - logit).relu().mean() for logit in logits) / len(logits)
    matched = torch.stack([
        (a - b).abs().mean() / b.abs().mean()
        for scale, target in zip(features, targets) for a, b in zip(scale, target)
    ]).mean()
    return fooled + matched
