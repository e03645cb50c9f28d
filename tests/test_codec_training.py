"""Training a codec: its losses, its start, and that a killed run ends the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae import codecs
from audiosae.checkpoint import load
from audiosae.codecs import encodec, train
from audiosae.codecs.losses import reconstruction

SETTINGS = dict(minutes=1.0, clip_seconds=1.0, filters=2, lstm=1, steps=6, refine_steps=2, batch_size=2,
                learning_rate=1e-3, refine_rate=1e-3, save_every=2, seed=0)


class Killed(Exception):
    """Stands for a process that ends in the middle."""


def waves(clips: int = 6, seed: int = 0) -> np.ndarray:
    """Tones with a little noise [clips, samples] at 24 kHz."""
    rng = np.random.default_rng(seed)
    time = np.arange(train.CROP + 2000) / encodec.SAMPLE_RATE
    tones = [np.sin(2 * np.pi * rng.uniform(150, 800) * time) * rng.uniform(0.1, 0.6) for _ in range(clips)]
    return (np.stack(tones) + rng.normal(0, 0.01, (clips, len(time)))).astype(np.float32)


# --- losses -------------------------------------------------------------------------------------------------------------


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    original = torch.from_numpy(waves(3)[:, :8000])
    return original + 0.05 * torch.randn(original.shape, generator=torch.Generator().manual_seed(0)), original


def test_equal_waves_have_no_loss() -> None:
    _, original = pair()
    assert {name: float(value) for name, value in reconstruction(original, original).items()} == {
        "waveform": 0, "spectral": 0, "level": 0
    }


def test_soft_and_loud_clips_count_alike() -> None:
    decoded, original = pair()
    gain = torch.tensor([[0.01], [1.0], [3.0]])
    for name, value in reconstruction(decoded * gain, original * gain).items():
        assert float(value) == pytest.approx(float(reconstruction(decoded, original)[name]), rel=0.02), name


def test_losses_of_silence_and_of_a_wrong_sign_by_hand() -> None:
    _, original = pair()
    silent, flipped = reconstruction(0 * original, original), reconstruction(-original, original)
    assert float(silent["waveform"]) == pytest.approx(1, rel=1e-5)
    assert float(silent["level"]) == pytest.approx(1, rel=0.03)
    assert float(silent["spectral"]) > 4  # spectral convergence is 1 in each of four resolutions
    assert float(flipped["waveform"]) == pytest.approx(4, rel=1e-5)
    assert float(flipped["spectral"]) == pytest.approx(0, abs=1e-4) and float(flipped["level"]) == pytest.approx(0, abs=1e-5)


def test_losses_of_a_silent_clip_and_their_gradients_are_finite() -> None:
    decoded = torch.zeros(1, 8000, requires_grad=True)
    sum(reconstruction(decoded + 1e-6 * torch.randn(1, 8000), torch.zeros(1, 8000)).values()).backward()
    assert torch.isfinite(decoded.grad).all()


# --- batches and the start ----------------------------------------------------------------------------------------------


def test_a_batch_depends_on_seed_and_step_alone_and_is_never_silent() -> None:
    pool = np.concatenate([waves(), np.zeros_like(waves())])
    one = train.batch(pool, 16, 0, 5, torch.device("cpu"))
    assert one.shape == (16, train.CROP) and one.abs().amax(dim=1).min() > 1e-3
    assert torch.equal(one, train.batch(pool, 16, 0, 5, torch.device("cpu")))
    assert not torch.equal(one, train.batch(pool, 16, 0, 6, torch.device("cpu")))
    assert not torch.equal(one, train.batch(pool, 16, 1, 5, torch.device("cpu")))


def test_scaled_layers_let_the_latents_move() -> None:
    torch.manual_seed(0)
    network = encodec.Network(encodec.Shape(4, 1, "none", 2))
    batch = torch.from_numpy(waves()[:, : train.CROP])
    with torch.no_grad():
        before = network.encoder(batch[:, None])
        train.scale_layers(network, batch)
        after, decoded = network.encoder(batch[:, None]), network.decoder(network.encoder(batch[:, None]))
    assert before.std(dim=2).mean() < 0.1 < after.std(dim=2).mean()
    assert after.std() == pytest.approx(1, abs=0.5)
    assert 0.1 < decoded.std() / batch.std() < 10


# --- the run ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Synthetic waves instead of played scores, and states in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "render_waves", lambda minutes, seconds, seed, split, folder, chorales=1.0: waves(seed=10 * seed + len(split)))

    def start_codebooks(network: encodec.Network, *_: object) -> None:
        """Random centres: k-means of 8 × 1024 takes most of a minute, and is not what is tested here."""
        for layer in network.quantizer.vq.layers:
            layer._codebook.embed.normal_(0, 0.5)
            layer._codebook.embed_avg.copy_(layer._codebook.embed)
            layer._codebook.cluster_size.fill_(1)
            layer._codebook.inited.fill_(1)

    monkeypatch.setattr(train, "start_codebooks", start_codebooks)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)  # and what else `prepare` changes for the whole process
    torch.use_deterministic_algorithms(False)
    torch.set_flush_denormal(False)


def test_a_killed_run_ends_with_the_same_bytes(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train.train_encodec(quick / "whole.safetensors", **SETTINGS)
    assert whole["step"].tolist() == [2, 4, 6, 8] and whole["quantised"].tolist() == [False, True, True, True]
    assert np.isfinite(whole[["waveform", "spectral", "level"]].to_numpy()).all()
    steps: list[int] = []

    def counted(pool: np.ndarray, size: int, seed: int, step: int, device: torch.device) -> torch.Tensor:
        layers = step == SETTINGS["steps"] and np.array_equal(pool, waves(seed=len("train")))  # scales the layers
        if size == SETTINGS["batch_size"] and not layers:
            if step == 7 and 7 not in steps:
                steps.append(7)
                raise Killed
            steps.append(step)
        return batch(pool, size, seed, step, device)

    batch = train.batch
    monkeypatch.setattr(train, "batch", counted)
    with pytest.raises(Killed):
        train.train_encodec(quick / "resumed.safetensors", **SETTINGS)
    assert not (quick / "resumed.safetensors").exists() and steps == [0, 1, 2, 3, 4, 5, 6, 7]
    resumed = train.train_encodec(quick / "resumed.safetensors", **SETTINGS)
    assert steps[8:] == [6, 7]  # from the state after step 6, and no further back
    assert (quick / "resumed.safetensors").read_bytes() == (quick / "whole.safetensors").read_bytes()
    pd.testing.assert_frame_equal(resumed, whole)

    codec = codecs.load("encodec", quick / "whole.safetensors")
    assert torch.isfinite(codec.decode(codec.encode(torch.from_numpy(waves()[:1, None, :3200])))).all()
    provenance = load(quick / "whole.safetensors", encodec.KIND)[1]["provenance"]
    assert set(provenance) == {"corpus", "code", "parent", "settings"} and provenance["settings"] == SETTINGS


def test_another_seed_is_another_codec(quick: Path) -> None:
    settings = {**SETTINGS, "steps": 1, "refine_steps": 0, "save_every": 1}
    for name, seed in (("a", 0), ("b", 1)):
        train.train_encodec(quick / f"{name}.safetensors", **{**settings, "seed": seed})
    tensors = [load(quick / f"{name}.safetensors", encodec.KIND)[0] for name in "ab"]
    assert not torch.equal(*(t["encoder.model.0.conv.conv.weight"] for t in tensors))


def test_no_test_or_validation_piece_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[set[str]] = []

    class Played:
        """A clip of silence, 1 s."""

        wave = np.zeros((2, train.SAMPLE_RATE), np.float32)

    def play(sessions: list, clip_seconds: float) -> list[Played]:
        played.append({session.split for session in sessions})
        return [Played] * 2

    monkeypatch.setattr(train.corpus, "play", play)
    made = train.render_waves(1.0, 1.0, 0, "train", tmp_path)
    assert made.shape == (2, encodec.SAMPLE_RATE) and played == [{"train"}]
    again = train.render_waves(1.0, 1.0, 0, "train", tmp_path)
    np.testing.assert_array_equal(again, made)
    assert len(played) == 1  # kept for a resumed run


def test_codebooks_start_where_the_latents_are() -> None:
    torch.manual_seed(0)
    network = encodec.Network(encodec.Shape(2, 1, "none", 2))
    pool = waves(12)
    train.scale_layers(network, torch.from_numpy(pool[:4, : train.CROP]))
    train.start_codebooks(network, pool, 2, 0, torch.device("cpu"))
    codec = encodec.Encodec(network, 2)
    wave = torch.from_numpy(pool[:2, None, : train.CROP])
    with torch.no_grad():
        latents = codec.network.encoder(wave).transpose(1, 2)
    left = [((encodec.Encodec(network, n).encode(wave) - latents).pow(2).mean() / latents.var()).item() for n in (1, 2)]
    assert left[1] < left[0] < 0.6
    assert all(bool(layer._codebook.inited) for layer in network.quantizer.vq.layers)
