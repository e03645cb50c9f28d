"""What the page computes, against Python: measures of a sound, the autoencoders, the steps, files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from javascript import run

from audiosae.audio import io as audio_io
from audiosae.audio import labels, loudness
from audiosae.sae import SparseAutoencoder
from audiosae.sae.imported import ImportedAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.steering import VARIANTS, methods, relative_strength, validity

RATE = 24000


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    """Two seconds at 24 kHz: a gliding tone with overtones, a little noise, then silence."""
    time = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (time / 2)) / RATE
    rng = np.random.default_rng(0)
    sound = sum(np.sin(n * phase) / n for n in (1, 2, 3)) * 0.2 * np.exp(-time) + 0.003 * rng.standard_normal(len(time))
    return (sound * (time < 1.7)).astype(np.float32)


@pytest.mark.parametrize(("rate", "to"), [(24000, 44100), (44100, 16000), (44100, 44100)])
def test_a_sound_is_resampled_as_for_labels(wave: np.ndarray, rate: int, to: int) -> None:
    expected = audio_io.resample(wave[None], rate, to)[0]
    found = np.array(run("signal.mjs", f"return m.resample(wave, {rate}, {to});", wave=wave))
    assert len(found) == len(expected)
    assert 10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum().clip(1e-12)) > 100


def test_level_brightness_loudness_and_buzz_are_those_of_the_labels(wave: np.ndarray) -> None:
    mono = audio_io.resample(wave[None], RATE, 44100)[0]
    times = labels.frame_times(150, 75)
    rms, centroid = labels.level_and_brightness(mono, times)
    script = f"""
        const {{ rms, centroid }} = m.levelAndBrightness(mono, m.frameTimes(150, 75));
        return {{ rms, centroid, loudness: m.loudness([wave], {RATE}), silence: m.loudness([new Float32Array({RATE})], {RATE}) === -Infinity,
            stereo: m.loudness([wave, wave], {RATE}), buzz: [wave, m.mono([buzz, buzz])].map((each) => m.comb(each, {RATE}, 75)) }};"""
    clicks = np.zeros(2 * RATE, dtype=np.float32)
    clicks[:: RATE // 75] = 0.5
    found = run("signal.mjs", script, mono=mono, wave=wave, buzz=clicks)
    np.testing.assert_allclose(found["rms"], rms, rtol=1e-4, atol=1e-7)
    silent = np.isnan(centroid)
    assert silent.any() and [each is None for each in found["centroid"]] == silent.tolist()
    np.testing.assert_allclose(np.array(found["centroid"], dtype=float)[~silent], centroid[~silent], rtol=1e-3)
    assert found["loudness"] == pytest.approx(loudness.loudness(wave, RATE), abs=0.01) and found["silence"]
    assert found["stereo"] == pytest.approx(loudness.loudness(np.stack([wave, wave]), RATE), abs=0.01)
    expected = [validity.comb(each, RATE, 75) for each in (wave, clicks)]
    assert found["buzz"] == pytest.approx(expected, abs=0.02) and found["buzz"][1] > 0.9 > 0.2 > found["buzz"][0]


@pytest.mark.parametrize(
    ("kind", "sizes"), [(SparseAutoencoder, []), (KSparseAutoencoder, [4]), (ImportedAutoencoder, [4]), (ImportedAutoencoder, [40])]
)
def test_features_and_all_steps_are_those_of_python(kind: type[SparseAutoencoder], sizes: list[int], tmp_path: Path) -> None:
    torch.manual_seed(0)
    sae = kind(6, 40, *sizes).eval().requires_grad_(False)
    x = torch.randn(9, 6) * 3 + 1
    sae.standardise(x)
    if kind is KSparseAutoencoder:
        sae.threshold.fill_(0.3)
    elif kind is ImportedAutoencoder:
        sae.threshold.uniform_(0, 0.6)
    w = torch.randn(40)
    sae.save(tmp_path / "sae.safetensors", half=True)
    sae = kind.load(tmp_path / "sae.safetensors").requires_grad_(False)
    script = f"""
        const {{ read }} = await import(live + "tensors.mjs");
        const sae = new m.Autoencoder(read(file.buffer.slice(0, {(tmp_path / "sae.safetensors").stat().st_size})));
        const clip = new m.Clip(sae, x);
        const towards = clip.towards(w);
        const steps = {list(VARIANTS)}.map((variant) => clip.steer(towards, 0.7, variant));
        return {{ f: clip.f, steps, part: clip.steer(towards, 0.7, "paper", [2, 5]), still: clip.steer(towards, 0, "paper"), r: towards.length, firing: clip.firing([2, 5], 3) }};"""
    content = (tmp_path / "sae.safetensors").read_bytes()
    padded = np.frombuffer(content + b"\0" * (-len(content) % 4), dtype="<f4")
    found = run("autoencoder.mjs", script, file=padded, x=x.numpy(), w=w.numpy())
    f = sae.encode(x)
    np.testing.assert_allclose(np.reshape(found["f"], (9, 40)), f.numpy(), rtol=2e-4, atol=2e-5)
    for variant, step in zip(VARIANTS, found["steps"], strict=True):
        expected = methods.along_features(sae, x, w, 0.7, variant).numpy()
        np.testing.assert_allclose(np.reshape(step, (9, 6)), expected, rtol=1e-3, atol=2e-4)
    part, still, pushed = (np.reshape(each, (9, 6)) for each in (found["part"], found["still"], found["steps"][0]))
    np.testing.assert_allclose(part[2:5], pushed[2:5], atol=1e-5)
    np.testing.assert_allclose(np.delete(part, slice(2, 5), 0), np.delete(still, slice(2, 5), 0), atol=1e-5)
    assert found["r"] == pytest.approx(relative_strength(sae, x, w, 1.0), rel=1e-3)
    assert [j for j, _ in found["firing"]] == f[2:5].mean(dim=0).topk(3).indices.tolist()


def test_a_wav_file_reads_back_and_no_gain_exceeds_the_limit(wave: np.ndarray) -> None:
    script = f"""
        globalThis.document = {{ addEventListener() {{}}, querySelectorAll: () => [] }};
        const player = await import(live + "../player.mjs");
        return {{ wav: Array.from(new Uint8Array(player.wav([wave, loud], {RATE}))), limit: player.safeGain([loud], -10, 0), match: player.safeGain([wave], -20, -23),
            silent: player.safeGain([new Float32Array(9)], -Infinity, -23) }};"""
    found = run("signal.mjs", script, wave=wave, loud=np.clip(20 * wave, -2, 2))
    back, rate = soundfile.read(io.BytesIO(bytes(found["wav"])))
    assert rate == RATE and np.abs(back[:, 0] - wave).max() < 2e-7 and np.abs(back[:, 1]).max() <= 1
    assert (
        found["limit"] * 2 == pytest.approx(10 ** (-1 / 20)) and found["match"] == pytest.approx(10 ** (-3 / 20)) and found["silent"] == 1
    )
