"""What a small codec is trained to get right.

A waveform term fixes the phase, and so the pitch; spectra at several resolutions fix what the waveform term cannot reach at a few
kb/s; a term on the level of each frame keeps a decoder that is unsure from playing softer; and a discriminator may judge the rest.
"""

from __future__ import annotations

from itertools import chain

import torch
from encodec.msstftd import MultiScaleSTFTDiscriminator
from torch import nn

from audiosae.codecs import legacy

LEVEL_WINDOW = 0.043
"""Seconds of a frame whose level is compared."""

WINDOWS, FILTERS = (1024, 512, 256), 8
"""Of the discriminator."""

_FLOOR = 1e-4


def reconstruction(decoded: torch.Tensor, original: torch.Tensor, windows: tuple[int, ...], sample_rate: int) -> dict[str, torch.Tensor]:
    """Terms of the loss, each a mean over clips [batch, samples] that counts soft and loud clips alike.

    Returns
    -------
    waveform
        Energy of the error over energy of the original.
    spectral
        Spectral convergence (Arık et al. 2019) plus a tenth of the mean absolute difference of log magnitudes, summed over `windows`
        (in samples; hops are a quarter).
    level
        Mean absolute error of the RMS of frames, over the RMS of the clip.
    """
    energy = original.pow(2).mean(dim=1).clamp_min(_FLOOR**2)
    waveform = ((decoded - original).pow(2).mean(dim=1) / energy).mean()
    spectral = original.new_zeros(())
    for window in windows:
        a, b = _magnitude(original, window), _magnitude(decoded, window)
        distance = (a - b).norm(dim=(1, 2)) / a.norm(dim=(1, 2)).clamp_min(_FLOOR)
        # Log magnitudes relative to the clip's own level, or soft clips would fall under the floor.
        scale = energy.sqrt()[:, None, None] * window**0.5
        logs = ((a / scale + 1e-3).log() - (b / scale + 1e-3).log()).abs().mean()
        spectral = spectral + distance.mean() + 0.1 * logs
    frame = round(LEVEL_WINDOW * sample_rate)
    off = _rms(decoded, frame) - _rms(original, frame)
    level = (off.abs().mean(dim=1) / energy.sqrt()).mean()
    return {"waveform": waveform, "spectral": spectral, "level": level}


def discriminator() -> nn.Module:
    """EnCodec's discriminator of complex STFTs (Défossez et al. 2022, 3.4): small, three resolutions, one channel."""
    with legacy.weight_norm():
        return MultiScaleSTFTDiscriminator(FILTERS, n_ffts=list(WINDOWS), hop_lengths=[w // 4 for w in WINDOWS], win_lengths=list(WINDOWS))


def discrimination(discriminator: nn.Module, decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the discriminator on waves [batch, 1, samples]: originals above 1, decoded ones below −1."""
    fake, _ = discriminator(decoded.detach())
    real, _ = discriminator(original)
    return sum((1 + f).relu().mean() + (1 - r).relu().mean() for f, r in zip(fake, real, strict=True)) / len(fake)


def adversarial(discriminator: nn.Module, decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """What the codec minimises: the hinge of decoded waves, plus how far the discriminator's features are from the originals'."""
    logits, features = discriminator(decoded)
    with torch.no_grad():
        _, targets = discriminator(original)
    fooled = sum((1 - logit).relu().mean() for logit in logits) / len(logits)
    pairs = zip(chain(*features), chain(*targets), strict=True)
    return fooled + torch.stack([(a - b).abs().mean() / b.abs().mean() for a, b in pairs]).mean()


def _magnitude(wave: torch.Tensor, window: int) -> torch.Tensor:
    taper = torch.hann_window(window, device=wave.device)
    spectrum = torch.stft(wave, window, window // 4, window=taper, return_complex=True)
    return (spectrum.real.pow(2) + spectrum.imag.pow(2) + 1e-12).sqrt()


def _rms(wave: torch.Tensor, window: int) -> torch.Tensor:
    frames = wave.unfold(1, window, window // 4)
    return (frames.pow(2).mean(dim=2) + 1e-12).sqrt()
