"""What a small codec is trained to get right.

Spectra at several resolutions carry most of it. A waveform term fixes low partials, and so the pitch; the advance of the phase from
frame to frame does the same where no waveform can be matched; and CREPE says whether a pitch is still heard. The level of each frame
keeps a decoder that is unsure from playing softer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torchaudio

LEVEL_WINDOW = 0.043
"""Seconds of a frame whose level is compared."""

MEL_WINDOWS, PHASE_WINDOWS = (0.02, 0.1), (0.02, 0.2)
"""Seconds: `mel` and `phase` take the windows of a loss that are as long as this."""

LISTENED = 3
"""Windows of an example that CREPE hears."""

QUIET = 10 ** (-30 / 20)
"""The difference of the channels counts relative to its own level, or to −30 dB below the whole where it is softer."""

_FLOOR = 1e-4
_CREPE_RATE, _CREPE_WINDOW = 16000, 1024


@dataclass(frozen=True)
class Loss:
    """Weight of each term of the loss; see `reconstruction` for the terms."""

    windows: tuple[int, ...]  # of the spectra, in samples; the longest decides which intervals they can tell apart
    corner: float  # in Hz; the waveform term counts what lies below
    waveform: float
    spectral: float
    mel: float
    phase: float
    level: float
    pitch: float
    side: float
    bottleneck: float  # of the commitment loss of the codebooks, or of the divergence of the VAE

    def total(self, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """The weighted sum."""
        return torch.stack([getattr(self, name) * value for name, value in terms.items()]).sum()


def reconstruction(decoded: torch.Tensor, original: torch.Tensor, loss: Loss, sample_rate: int) -> dict[str, torch.Tensor]:
    """Terms of the loss on waves [batch, channels, samples], each a mean over examples that counts soft and loud ones alike.

    Of stereo, half of the examples are heard as their mean, the others by one channel.

    Returns
    -------
    waveform
        Energy of the error below `loss.corner`, over that of the original (plus 2 % of all its energy).
    spectral
        See `spectral`.
    mel
        Mean absolute difference of log-mel spectra, in dB.
    phase
        How far each bin turns from one frame to the next, decoded against original, weighted by magnitude: blind to absolute phase,
        which a codec with few bits cannot keep, and not to pitch (the instantaneous frequency of Engel et al. 2019, GANSynth).
    level
        Mean absolute error of the RMS of frames, over the RMS of the clip.
    pitch
        Distance of what CREPE tiny hears, its features and its salience, where it is sure of the original (Engel et al. 2020, DDSP).
    side
        `spectral` plus `level` of left minus right; for stereo alone (Steinmetz et al. 2021, sum and difference).
    """
    stereo = original.shape[1] == 2
    whole = _rms(original.flatten(1))
    reference, scale = normalise(_heard(original), whole)  # a channel that is softer than the other must not count for more
    found = _heard(decoded) / scale
    terms: dict[str, list[torch.Tensor]] = {"spectral": [], "mel": [], "phase": []}
    for window in loss.windows:
        a, b = _stft(reference, window), _stft(found, window)
        x, y = _magnitude(a), _magnitude(b)
        terms["spectral"].append(_distance(x, y, window))
        if _lasts(window, sample_rate, MEL_WINDOWS):
            terms["mel"].append(_mel_distance(x, y, window, sample_rate))
        if _lasts(window, sample_rate, PHASE_WINDOWS):
            terms["phase"].append(_turning(a, b, x, y))
    made = {name: torch.stack(values).mean() for name, values in terms.items() if values}
    made["spectral"] = made["spectral"] * len(loss.windows)
    made["waveform"] = _waveform(found, reference, loss.corner, sample_rate)
    made["level"] = level(found, reference, sample_rate)
    if loss.pitch:
        made["pitch"] = _listen(found, reference, sample_rate)
    if stereo and loss.side:
        reference, scale = normalise(original[:, 0] - original[:, 1], QUIET * whole)
        found = (decoded[:, 0] - decoded[:, 1]) / scale
        made["side"] = spectral(found, reference, loss.windows) + level(found, reference, sample_rate)
    return made


def spectral(decoded: torch.Tensor, original: torch.Tensor, windows: Iterable[int]) -> torch.Tensor:
    """Spectral convergence (Arık et al. 2019) plus a tenth of the mean absolute difference of log magnitudes, summed over windows.

    Waves are [batch, samples], of an RMS of about 1; windows are in samples, and hops are a quarter.
    """
    distances = [_distance(_magnitude(_stft(original, window)), _magnitude(_stft(decoded, window)), window) for window in windows]
    return torch.stack(distances).sum()


def level(decoded: torch.Tensor, original: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Mean absolute error of the RMS of frames; waves [batch, samples] of an RMS of about 1."""
    frame = round(LEVEL_WINDOW * sample_rate)
    one, other = (_rms(wave.unfold(1, frame, frame // 4)) for wave in (decoded, original))
    return (one - other).abs().mean()


def normalise(wave: torch.Tensor, least: torch.Tensor | float = _FLOOR) -> tuple[torch.Tensor, torch.Tensor]:
    """Waves [batch, samples] at an RMS of 1, and what they were divided by [batch, 1]: their RMS, or `least` where that is more."""
    scale = torch.maximum(_rms(wave), torch.as_tensor(least).to(wave)).clamp_min(_FLOOR)[:, None]
    return wave / scale, scale


def _heard(wave: torch.Tensor) -> torch.Tensor:
    """One signal an example [batch, samples]; of stereo the mean, the left, the mean, the right in turn."""
    if wave.shape[1] == 1:
        return wave[:, 0]
    left = torch.tensor([0.5, 1.0, 0.5, 0.0], device=wave.device).repeat(len(wave) // 4 + 1)[: len(wave), None]
    return left * wave[:, 0] + (1 - left) * wave[:, 1]


def _distance(original: torch.Tensor, decoded: torch.Tensor, window: int) -> torch.Tensor:
    """What one window adds to `spectral`, from magnitudes [batch, bins, frames]."""
    # Of white noise at an RMS of 1; half of it keeps what is softer from counting without bound.
    unit = (original[0].numel() * window * 3 / 8) ** 0.5
    convergence = (original - decoded).norm(dim=(1, 2)) / original.norm(dim=(1, 2)).clamp_min(0.5 * unit)
    logs = ((original / window**0.5 + 1e-3).log() - (decoded / window**0.5 + 1e-3).log()).abs()
    return convergence.mean() + 0.1 * logs.mean()


def _mel_distance(original: torch.Tensor, decoded: torch.Tensor, window: int, sample_rate: int) -> torch.Tensor:
    """In dB, down to 80 dB below the original's peak."""
    bank = _mel_bank(window, sample_rate).to(original.device)
    one, other = (magnitude.pow(2).transpose(1, 2) @ bank for magnitude in (original, decoded))
    floor = one.amax(dim=(1, 2), keepdim=True) * 1e-8 + 1e-12
    return 10 * ((one + floor).log10() - (other + floor).log10()).abs().mean()


@lru_cache
def _mel_bank(window: int, sample_rate: int) -> torch.Tensor:
    """A band for each 32 samples of the window, so that each holds several bins."""
    return torchaudio.functional.melscale_fbanks(
        window // 2 + 1, 0.0, sample_rate / 2, window // 32, sample_rate, norm="slaney", mel_scale="slaney"
    )


def _turning(original: torch.Tensor, decoded: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    one, other = (
        spectrum[..., 1:] * spectrum[..., :-1].conj() / (size[..., 1:] * size[..., :-1]).sqrt()
        for spectrum, size in ((original, x), (decoded, y))
    )
    return (_magnitude(one - other).sum(dim=(1, 2)) / _magnitude(one).sum(dim=(1, 2))).mean()


def _waveform(decoded: torch.Tensor, original: torch.Tensor, corner: float, sample_rate: int) -> torch.Tensor:
    window = 2048
    a, b = _stft(original, window), _stft(decoded, window)
    weight = (1 / (1 + (torch.fft.rfftfreq(window, 1 / sample_rate, device=a.device) / corner) ** 4))[:, None]
    error, energy = _magnitude(a - b).pow(2), _magnitude(a).pow(2)
    return ((weight * error).sum(dim=(1, 2)) / ((weight * energy).sum(dim=(1, 2)) + 0.02 * energy.sum(dim=(1, 2)))).mean()


def _listen(decoded: torch.Tensor, original: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """At random windows, the same in both."""
    resample = _resampler(sample_rate).to(original.device)
    one, other = resample(original), resample(decoded)
    starts = torch.randint(one.shape[1] - _CREPE_WINDOW, (len(one), LISTENED), device=one.device)
    with torch.no_grad():
        features, salience = _hear(one, starts)
        sure = salience.amax(dim=1)
        sure = torch.where(sure > 0.3, sure, 0)
    found, pitches = _hear(other, starts)
    off = ((pitches - salience).abs().sum(dim=1) * sure).sum() / ((salience.sum(dim=1) * sure).sum() + 1)
    weight = sure[:, None]
    return off + 0.5 * ((found - features).abs() * weight).sum() / ((features.abs() * weight).sum() + 1)


def _hear(wave: torch.Tensor, starts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and salience of CREPE tiny, each [windows, numbers]; in bfloat16, which takes half the time."""
    model = _crepe(str(wave.device))
    places = starts[:, :, None] + torch.arange(_CREPE_WINDOW, device=wave.device)
    cut = wave.gather(1, places.flatten(1)).view(-1, _CREPE_WINDOW)
    cut = cut - cut.mean(dim=1, keepdim=True)
    with torch.autocast(wave.device.type, torch.bfloat16):
        features = model.embed(cut / _rms(cut)[:, None].clamp_min(_FLOOR))
        last = model.layer(features, model.conv6, model.conv6_BN).permute(0, 2, 1, 3).reshape(-1, model.in_features)
        salience = model.classifier(last)
    return features.flatten(1).float(), torch.sigmoid(salience.float())


@lru_cache(maxsize=1)
def _crepe(device: str) -> Any:
    import torchcrepe

    torchcrepe.load.model(device, "tiny")
    return torchcrepe.infer.model.requires_grad_(False)


@lru_cache
def _resampler(sample_rate: int) -> torchaudio.transforms.Resample:
    return torchaudio.transforms.Resample(sample_rate, _CREPE_RATE, lowpass_filter_width=16)


def _lasts(window: int, sample_rate: int, between: tuple[float, float]) -> bool:
    return between[0] <= window / sample_rate <= between[1]


def _stft(wave: torch.Tensor, window: int) -> torch.Tensor:
    return torch.stft(wave, window, window // 4, window=torch.hann_window(window, device=wave.device), return_complex=True)


def _magnitude(spectrum: torch.Tensor) -> torch.Tensor:
    return (spectrum.real.pow(2) + spectrum.imag.pow(2) + 1e-12).sqrt()


def _rms(wave: torch.Tensor) -> torch.Tensor:
    """Over the last axis."""
    return (wave.pow(2).mean(dim=-1) + 1e-12).sqrt()
