"""Training a codec: its losses, its start, its codebooks, and that a killed run ends the same."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import tyro
import yaml
from damaged_states import KINDS
from encodec.quantization import ResidualVectorQuantizer
from torch.distributions import Normal, kl_divergence

from audiosae.audio import similarity
from audiosae.codecs import diffrhythm_vae, encodec, wavtokenizer
from audiosae.errors import ParameterError, report
from audiosae.files import determinism, results
from audiosae.files.checkpoint import load
from audiosae.files.whole import file_hash
from audiosae.training import codebooks, data, losses, runs
from audiosae.training import codec as training
from audiosae.training.codec import Learner, Settings
from audiosae.training.losses import Loss, reconstruction
from audiosae.training.recipes import RECIPES, scale_layers

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
SETTINGS = Settings(
    minutes=1.0,
    clip_seconds=1.2,
    steps=6,
    learning_rate=1e-3,
    start="scratch",
    continuous=0.25,
    chorales=1.0,
    batch_size=2,
    crop=3200,
    average=0.995,
    save_every=2,
    seed=0,
)
WINDOWS = 256, 512, 1024, 2048
LOSS = Loss(WINDOWS, corner=800, waveform=1, spectral=1, mel=0.05, phase=0.3, level=0.5, pitch=0, side=0.5, bottleneck=0.25)
SHAPES = {
    "encodec": encodec.Shape(2, 1, "none", 2),
    "wavtokenizer": wavtokenizer.Shape((8, 5, 4, 2), 8, 2, 1, "none", 32, 32, 1),
    "diffrhythm-vae": diffrhythm_vae.Shape(2, 2, (1, 1, 2, 2, 2)),
}


class Killed(Exception):
    """Stands for a process that ends in the middle."""


def waves(clips: int = 6, seed: int = 0, rate: int = 24000, channels: int = 1) -> np.ndarray:
    """Tones with a little noise, 1.2 s: [clips, channels, samples]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(1.2 * rate)) / rate
    shape = (clips, channels, len(time))
    tones = [np.sin(2 * np.pi * rng.uniform(150, 800) * time) * rng.uniform(0.1, 0.6) for _ in range(clips * channels)]
    return (np.stack(tones).reshape(shape) + rng.normal(0, 0.01, shape)).astype(np.float32)


# --- losses -------------------------------------------------------------------------------------------------------------


def pair(rate: int = 24000) -> tuple[torch.Tensor, torch.Tensor]:
    """A decoded and an original batch of three tones: [3, 1, samples], some 0.7 s."""
    original = torch.from_numpy(waves(3, rate=rate)[..., : 2 * rate // 3])
    return original + 0.05 * torch.randn(original.shape, generator=torch.Generator().manual_seed(0)), original


def tone(hertz: float, rate: int = 24000, seconds: float = 1.0, phase: float = 0.0) -> torch.Tensor:
    time = torch.arange(round(rate * seconds)) / rate
    return torch.sin(2 * torch.pi * hertz * time + phase)[None, None]


def terms(decoded: torch.Tensor, original: torch.Tensor, rate: int = 24000, **changes: Any) -> dict[str, float]:
    return {name: float(value) for name, value in reconstruction(decoded, original, replace(LOSS, **changes), rate).items()}


@pytest.mark.parametrize("rate", [24000, 44100])
def test_equal_waves_have_no_loss(rate: int) -> None:
    _, original = pair(rate)
    stereo = torch.cat([original, original.flip(0)], dim=1)
    found = terms(stereo, stereo, rate, pitch=1)
    assert set(found) == {"waveform", "spectral", "mel", "phase", "level", "pitch", "side"}
    assert all(0 <= value < 1e-4 for value in found.values())


def test_soft_and_loud_clips_count_alike() -> None:
    decoded, original = pair()
    gain = torch.tensor([0.01, 1.0, 3.0])[:, None, None]
    expected = terms(decoded, original)
    for name, value in terms(decoded * gain, original * gain).items():
        assert value == pytest.approx(expected[name], rel=0.02), name


@pytest.mark.parametrize("rate", [24000, 44100])
def test_losses_of_silence_and_of_a_wrong_sign_by_hand(rate: int) -> None:
    original = tone(220, rate, 0.7)
    silent, flipped = (terms(gain * original, original, rate) for gain in (0, -1))
    assert silent["waveform"] == pytest.approx(1 / 1.02, rel=0.01)  # all of it lies below the corner
    assert silent["level"] == pytest.approx(1, rel=0.03)
    assert silent["spectral"] > 4  # spectral convergence is 1 in each of four resolutions
    assert flipped["waveform"] == pytest.approx(4 / 1.02, rel=0.01)
    for blind in ("spectral", "mel", "phase", "level"):
        assert flipped[blind] == pytest.approx(0, abs=1e-3), blind


def test_the_waveform_counts_below_the_corner() -> None:
    """Two tones of equal level, one of them lost: by the weight 1 / (1 + (f / 800 Hz)⁴) of its energy."""
    low, high = tone(200), tone(3200)
    both = low + high
    weight = [1 / (1 + (hertz / 800) ** 4) for hertz in (200, 3200)]
    for lost, share in ((low, weight[0]), (high, weight[1])):
        assert terms(both - lost, both)["waveform"] == pytest.approx(share / (sum(weight) + 0.02 * 2), rel=0.03)


def test_the_mel_term_is_in_decibels_and_each_of_its_windows_lasts_20_to_100_ms() -> None:
    noise = torch.randn(2, 1, 24000, generator=torch.Generator().manual_seed(0))
    assert terms(0.5 * noise, noise)["mel"] == pytest.approx(6.02, abs=0.01)
    assert "mel" not in terms(0.5 * noise, noise, windows=(256, 4096))


def test_the_phase_may_be_any_but_must_turn_at_the_right_speed() -> None:
    original = tone(440)
    shifted, semitone_up, silent = (terms(wave, original)["phase"] for wave in (tone(440, phase=1.2), tone(466.16), 0 * original))
    assert shifted < 0.05 and semitone_up > 0.5 and silent == pytest.approx(1, abs=0.05)


def test_what_crepe_hears_tells_another_pitch_from_another_phase() -> None:
    original, found = tone(330), []
    for decoded in (tone(330, phase=2.0), tone(392)):
        torch.manual_seed(0)
        found.append(terms(decoded, original, pitch=1)["pitch"])
    assert found[0] < 0.5 < found[1] < 3


def test_only_the_side_term_hears_a_lost_difference_of_the_channels() -> None:
    """Of examples 0 and 2, of which the mean of the channels is heard, the other terms see nothing."""
    left, right = (torch.randn(1, 1, 24000, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    stereo = torch.cat([left, right], dim=1)
    mono = stereo.mean(dim=1, keepdim=True).expand(-1, 2, -1)
    found = terms(mono, stereo)
    assert found["side"] == pytest.approx(float(losses.spectral(0 * left[0], (left - right)[0] / 2**0.5, WINDOWS)) + 1, rel=0.02)
    assert all(found[name] == pytest.approx(0, abs=1e-4) for name in found if name != "side")
    # Of example 1 one channel is heard alone.
    both = terms(mono.expand(2, -1, -1), stereo.expand(2, -1, -1))
    assert both["level"] > 0.05 and both["spectral"] > 0.5


def test_a_side_signal_30_db_below_a_mono_example_counts_as_much_as_one_that_is_lost() -> None:
    mono = torch.randn(1, 1, 24000, generator=torch.Generator().manual_seed(0)).expand(-1, 2, -1)
    faint = mono + torch.tensor([[[1.0], [-1.0]]]) * losses.QUIET * torch.randn(1, 1, 24000, generator=torch.Generator().manual_seed(1)) / 2
    found, fainter = (terms(decoded, mono)["side"] for decoded in (faint, mono + (faint - mono) / 100))
    # Spectral convergence against half of an RMS of 1, a tenth of log(1 / 0.001), and the level.
    assert found == pytest.approx(len(WINDOWS) * (2 + 0.1 * np.log(1e3)) + 1, rel=0.1) and fainter < 0.1 * found


def test_each_term_counts_by_its_weight() -> None:
    values = {name: torch.tensor(float(number)) for number, name in enumerate(("waveform", "spectral", "mel", "bottleneck"), 1)}
    assert float(LOSS.total(values)) == pytest.approx(1 * 1 + 1 * 2 + 0.05 * 3 + 0.25 * 4)


def test_a_frame_of_the_level_lasts_as_long_at_the_higher_rate() -> None:
    """A click of one frame's energy, lost: only the frames that held it are off, so the mean tells how long they are."""
    found = []
    for rate in (24000, 44100):
        click = torch.zeros(1, 2 * rate)
        click[0, rate] = (2 * rate) ** 0.5  # an RMS of 1
        frame = round(losses.LEVEL_WINDOW * rate)
        missed = float(losses.level(0 * click, click, rate))
        # Four of the frames, which start a quarter of their length apart, hold the click.
        frames = (2 * rate - frame) // (frame // 4) + 1
        assert missed == pytest.approx(4 / frames * (2 * rate / frame) ** 0.5, rel=0.02)
        found.append(missed)
    assert found[0] == pytest.approx(found[1], rel=0.02)


def test_a_longer_window_tells_apart_two_low_notes_that_a_short_one_confuses() -> None:
    low, semitone_up = (2**0.5 * tone(hertz)[0] for hertz in (82.41, 87.31))
    short, long = (float(losses.spectral(semitone_up, low, (window,))) for window in (512, 4096))
    assert 2 * short < long


def test_losses_of_a_silent_clip_and_their_gradients_are_finite() -> None:
    decoded = torch.zeros(1, 2, 16000, requires_grad=True)
    found = reconstruction(decoded + 1e-6 * torch.randn(1, 2, 16000), torch.zeros(1, 2, 16000), replace(LOSS, pitch=1), 24000)
    LOSS.total(found).backward()
    assert torch.isfinite(decoded.grad).all() and all(torch.isfinite(value) for value in found.values())


def test_what_is_measured_in_validation_is_what_the_pages_tell() -> None:
    original = 0.3 * tone(440).expand(2, -1, -1)
    found = training.measure(torch.cat([original[:1] / 2, 0.3 * tone(466.16)]), original, WINDOWS, 24000)
    assert set(found) == {"spectral", "level", "log_mel_db", "pitch"}
    assert found["pitch"] == pytest.approx(0.5, abs=0.02)  # one example is a semitone off
    assert found["level"] == pytest.approx(0.25, abs=0.02)  # the other is half as loud
    expected = [
        similarity.log_mel_mae(d.numpy(), o.numpy(), 24000)
        for d, o in ((original[0, 0] / 2, original[0, 0]), (0.3 * tone(466.16)[0, 0], original[0, 0]))
    ]
    assert found["log_mel_db"] == pytest.approx(np.mean(expected))


def test_the_vaes_divergence_is_that_of_normal_distributions() -> None:
    recipe, network = RECIPES["diffrhythm-vae"], torch.nn.Module()
    encoded = torch.randn(2, 128, 5, generator=torch.Generator().manual_seed(0))
    mean, deviation = encoded[:, :64], torch.nn.functional.softplus(encoded[:, 64:]) + 1e-4
    expected = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.manual_seed(0)
    sampled, divergence = recipe.bottleneck(network.train(), encoded, True)
    torch.testing.assert_close(divergence, expected)
    assert float(((sampled - mean) / deviation).std()) == pytest.approx(1, abs=0.1)
    torch.testing.assert_close(recipe.bottleneck(network.eval(), encoded, True)[0], mean)


# --- batches and the start ----------------------------------------------------------------------------------------------


def test_a_batch_depends_on_seed_and_step_alone_and_is_never_silent() -> None:
    pool = np.concatenate([waves(channels=2), np.zeros_like(waves(channels=2))])
    one = data.batch(pool, 16, 8000, 0, 5, CPU)
    assert one.shape == (16, 2, 8000) and one.abs().amax(dim=(1, 2)).min() > 1e-3
    assert torch.equal(one, data.batch(pool, 16, 8000, 0, 5, CPU))
    assert not torch.equal(one, data.batch(pool, 16, 8000, 0, 6, CPU))
    assert not torch.equal(one, data.batch(pool, 16, 8000, 1, 5, CPU))


@pytest.mark.parametrize("name", RECIPES)
def test_scaled_layers_let_the_latents_move(name: str) -> None:
    torch.manual_seed(0)
    recipe = RECIPES[name]
    network = recipe.network(SHAPES[name])
    pool = waves(4, rate=recipe.module.SAMPLE_RATE, channels=recipe.module.CHANNELS)
    wave = torch.from_numpy(pool[..., : recipe.crop])
    with torch.no_grad():
        recipe.start(network, wave)
        encoded = network.encoder(wave)
        decoded = network.decoder(encoded[:, : encoded.shape[1] if network_has_codebooks(name) else 64])
    latents = encoded if network_has_codebooks(name) else encoded[:, :64]
    assert latents.std(dim=2).mean() > 0.1 and latents.std() == pytest.approx(1, abs=0.5)
    assert decoded.shape[:2] == (4, recipe.module.CHANNELS) and torch.isfinite(decoded).all()
    if name != "wavtokenizer":  # whose backbone starts as it is
        assert 0.1 < decoded.std() / wave.std() < 10


def network_has_codebooks(name: str) -> bool:
    return name != "diffrhythm-vae"


def test_scaling_gives_each_layer_unit_variance_on_its_batch() -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv1d(1, 8, 5), torch.nn.ELU(), torch.nn.ConvTranspose1d(8, 3, 4, 2))
    wave = 0.01 * torch.randn(4, 1, 400)
    scale_layers(lambda: layers(wave), layers)
    with torch.no_grad():
        first, last = layers[0](wave), layers(wave)
    assert float(first.std()) == pytest.approx(1, abs=1e-4) and float(last.std()) == pytest.approx(1, abs=1e-4)
    assert not layers[0]._forward_hooks and not layers[0].bias.any()


# --- codebooks ----------------------------------------------------------------------------------------------------------


def quantizer(size: int = 32, books: int = 2) -> ResidualVectorQuantizer:
    return ResidualVectorQuantizer(dimension=4, n_q=books, bins=size, threshold_ema_dead_code=0)


def latents(batches: int, offset: float = 0.0, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(4, 4, 25, generator=generator) + offset for _ in range(batches)]


def error(made: ResidualVectorQuantizer, encoded: torch.Tensor, books: int) -> float:
    rounded = made.vq.decode(made.vq.encode(encoded, n_q=books))
    return float((rounded - encoded).pow(2).mean() / encoded.var())


def test_codebooks_start_where_the_latents_are_and_the_same_each_time() -> None:
    made, again = quantizer().eval(), quantizer().eval()
    for one in (made, again):
        codebooks.start(one, latents(10), 0)
    assert error(made, latents(1)[0], 2) < error(made, latents(1)[0], 1) < 0.4
    for name, tensor in made.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    for layer in made.vq.layers:
        book = layer._codebook
        assert bool(book.inited) and float(book.cluster_size.sum()) == pytest.approx(100)  # frames of a batch
        torch.testing.assert_close(book.embed_avg, book.embed * book.cluster_size[:, None])


@pytest.mark.parametrize("revived", [True, False])
def test_dead_vectors_come_back_where_the_latents_have_gone(revived: bool) -> None:
    """The latents move away from where the codebooks started; without revival a few vectors serve all of them."""
    made = quantizer(books=1).train()
    codebooks.start(made, latents(10), 0)
    (layer,) = made.vq.layers
    for moving in (layer._codebook.cluster_size, layer._codebook.embed_avg):
        moving.mul_(0.06)  # as after many batches without a use
    torch.manual_seed(0)
    for encoded in latents(30, offset=8):
        if revived:
            codebooks.revive(made, encoded)
        made.vq(encoded)
    used = made.vq.encode(latents(1, offset=8, seed=1)[0])[0].unique()
    assert len(used) > 12 if revived else len(used) == 1


def test_vectors_that_are_used_are_left_alone() -> None:
    made = quantizer().train()
    codebooks.start(made, latents(10), 0)
    for layer in made.vq.layers:
        layer._codebook.cluster_size.fill_(1)
    made.vq.layers[0]._codebook.cluster_size[3] = 0
    before = [layer._codebook.embed.clone() for layer in made.vq.layers]
    torch.manual_seed(0)
    encoded = latents(1, seed=5)[0]
    codebooks.revive(made, encoded)
    after = [layer._codebook for layer in made.vq.layers]
    changed = (after[0].embed != before[0]).any(dim=1)
    assert changed.nonzero().flatten().tolist() == [3] and torch.equal(after[1].embed, before[1])
    frames = encoded.transpose(1, 2).flatten(0, 1)
    assert any(torch.equal(after[0].embed[3], frame) for frame in frames)
    torch.testing.assert_close(after[0].embed_avg[3], after[0].embed[3] * after[0].cluster_size[3])


@pytest.mark.parametrize("name", ["encodec", "wavtokenizer"])
def test_rounding_passes_gradients_through_and_asks_the_encoder_to_commit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = RECIPES[name].network(SHAPES[name])
    for layer in network.quantizer.vq.layers:
        layer._codebook.inited.fill_(1)
        layer._codebook.cluster_size.fill_(1)
    encoded = torch.randn(2, SHAPES[name].dim if name == "wavtokenizer" else 128, 6, requires_grad=True)
    kept, none = RECIPES[name].bottleneck(network.train(), encoded, False)
    assert kept is encoded and float(none) == 0
    rounded, commitment = RECIPES[name].bottleneck(network.train(), encoded, True)
    (passed,) = torch.autograd.grad(rounded.sum(), encoded, retain_graph=True)
    torch.testing.assert_close(passed, torch.ones_like(passed))
    (pull,) = torch.autograd.grad(commitment, encoded)
    assert commitment.item() > 0 and (pull * encoded).sum().item() > 0  # towards the vectors, which are at zero


# --- the run ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Synthetic waves instead of played scores, short examples, and states in a folder of the test."""
    monkeypatch.chdir(tmp_path)

    def render(
        minutes: float, clip_seconds: float, seed: int, split: str, sample_rate: int, channels: int, folder: Path, chorales: float = 1.0
    ) -> np.ndarray:
        return waves(seed=10 * seed + len(split), rate=sample_rate, channels=channels)

    def start(made: ResidualVectorQuantizer, *_: object) -> None:
        """Random vectors: k-means of thousands takes most of a minute, and is tested above."""
        for layer in made.vq.layers:
            layer._codebook.embed.normal_(0, 0.5)
            layer._codebook.embed_avg.copy_(layer._codebook.embed)
            layer._codebook.cluster_size.fill_(1)
            layer._codebook.inited.fill_(1)

    monkeypatch.setattr(determinism, "THREADS", 1)  # more only wait for each other in networks as small as these
    monkeypatch.setattr(training, "digest", lambda _: "this code")
    monkeypatch.setattr(training, "render", render)
    monkeypatch.setattr(codebooks, "start", start)
    monkeypatch.setattr(codebooks, "BATCHES", 2)
    for recipe in RECIPES.values():
        monkeypatch.setattr(recipe, "crop", 4096 if recipe.module is diffrhythm_vae else 3200)
        monkeypatch.setattr(recipe, "windows", WINDOWS)
        monkeypatch.setattr(recipe, "half", False)  # which takes longer for networks as small as these
    monkeypatch.setattr(training, "CHECKS", 2)
    monkeypatch.setattr(similarity, "agreement", lambda *_: {"pitch": 0.5})  # a tenth of a second has no pitch
    return tmp_path


def run(codec: str, target: Path, settings: Settings = SETTINGS, loss: Loss = LOSS) -> pd.DataFrame:
    """Train, and what the checkpoint tells of it."""
    crop = 4096 if codec == "diffrhythm-vae" else 3200
    training.train(codec, SHAPES[codec], replace(settings, crop=crop), loss, target)
    return runs.curve(runs.told(target, f"codec/{codec}"))


@pytest.mark.parametrize("codec", RECIPES)
def test_a_killed_run_ends_with_the_same_bytes(quick: Path, monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    whole = run(codec, quick / "whole.safetensors")
    assert whole["step"].tolist() == [2, 4, 6] and whole["quantised"].tolist() == [False, *2 * [codec != "diffrhythm-vae"]]
    assert np.isfinite(whole[["spectral", "level", "log_mel_db", "pitch"]].to_numpy()).all()
    for path in sorted(quick.glob(".resume/*/state.pt")):
        path.unlink()

    steps: list[int] = []
    step = Learner.step

    def counted(self: Learner, number: int) -> None:
        steps.append(number)
        if steps == [0, 1, 2, 3, 4, 5]:
            raise Killed
        step(self, number)

    monkeypatch.setattr(Learner, "step", counted)
    with pytest.raises(Killed):
        run(codec, quick / "resumed.safetensors")
    assert not (quick / "resumed.safetensors").exists()
    resumed = run(codec, quick / "resumed.safetensors")
    assert steps[6:] == [4, 5]  # from the state after step 3, and no further back
    assert (quick / "resumed.safetensors").read_bytes() == (quick / "whole.safetensors").read_bytes()
    pd.testing.assert_frame_equal(resumed, whole)

    made = RECIPES[codec].module.load(quick / "whole.safetensors")
    heard = torch.from_numpy(waves(1, rate=made.sample_rate, channels=made.channels)[..., :4096])
    assert torch.isfinite(made.decode(made.encode(heard))).all()
    provenance = load(quick / "whole.safetensors", f"codec/{codec}")[1]["provenance"]
    [told] = provenance["runs"]
    assert set(told) == {"corpus", "code", "parent", "settings", "loss", "heard", "progress"} and told["parent"] is None
    assert told["settings"] == asdict(replace(SETTINGS, crop=told["settings"]["crop"]))


@pytest.mark.parametrize("codec", RECIPES)
def test_a_run_goes_on_from_the_weights_of_a_checkpoint(quick: Path, codec: str) -> None:
    """At a learning rate of next to nothing it decodes as before, and so do its codebooks; and it tells of both runs."""
    first = quick / "first.safetensors"
    run(codec, first)
    further = replace(SETTINGS, start=str(first), continuous=0, steps=2, learning_rate=1e-12, seed=1)
    told = run(codec, quick / "second.safetensors", further)
    assert told["run"].tolist() == [1, 1, 1, 2] and told["step"].tolist() == [2, 4, 6, 2]
    rate = RECIPES[codec].module.SAMPLE_RATE
    hours = 2 * (4096 if codec == "diffrhythm-vae" else 3200) / rate / 3600  # a step
    np.testing.assert_allclose(told["hours"], [2 * hours, 4 * hours, 6 * hours, 8 * hours])
    one, other = runs.told(quick / "second.safetensors", f"codec/{codec}")
    assert one["parent"] is None and other["parent"] == file_hash(first) and other["settings"]["start"] == str(first)
    before, after = (RECIPES[codec].module.load(path) for path in (first, quick / "second.safetensors"))
    wave = torch.from_numpy(waves(1, rate=rate, channels=before.channels))
    torch.testing.assert_close(after.decode(before.encode(wave)), before.decode(before.encode(wave)), atol=2e-3, rtol=0)


def test_a_start_of_other_sizes_is_refused(quick: Path) -> None:
    run("encodec", quick / "a.safetensors")
    with pytest.raises(ParameterError, match="has the sizes .*and shape says .*make them equal, or start from scratch"):
        training.train("encodec", encodec.Shape(4, 1, "none", 2), replace(SETTINGS, start=str(quick / "a.safetensors")), LOSS, quick / "b")


def test_what_is_saved_is_the_moving_average_with_the_codebooks_as_they_are(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Learner] = []
    monkeypatch.setattr(training, "Learner", lambda *given: made.append(Learner(*given)) or made[0])
    run("encodec", quick / "a.safetensors", replace(SETTINGS, average=0.5))
    tensors, _ = load(quick / "a.safetensors", "codec/encodec")
    network, average = made[0].network.state_dict(), made[0].average.module.state_dict()
    for name, tensor in tensors.items():
        assert torch.equal(tensor.float(), average[name].half().float()), name
        if name.startswith("quantizer."):
            assert torch.equal(average[name], network[name]), name
    weight = "encoder.model.0.conv.conv.weight"
    assert not torch.allclose(average[weight], network[weight], atol=1e-6)


def test_the_saved_vae_has_plain_weights_that_sound_like_the_normalised_ones_it_learnt_with(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Learner] = []
    monkeypatch.setattr(training, "Learner", lambda *given: made.append(Learner(*given)) or made[0])
    run("diffrhythm-vae", quick / "a.safetensors")
    learnt = made[0].average.module.eval()
    assert any("parametrizations" in name for name in learnt.state_dict())
    tensors, _ = load(quick / "a.safetensors", "codec/diffrhythm-vae")
    assert not any("parametrizations" in name for name in tensors)
    codec, wave = diffrhythm_vae.load(quick / "a.safetensors"), torch.from_numpy(waves(1, rate=44100, channels=2))
    with torch.no_grad():
        heard = learnt.decoder(codec.encode(wave).transpose(1, 2))
    assert heard.std() > 0
    assert (codec.decode(codec.encode(wave)) - heard).std() < heard.std() / 100  # the weights are kept in 16 bits


def test_another_seed_is_another_codec(quick: Path) -> None:
    short = replace(SETTINGS, steps=1, continuous=0)
    for name, seed in (("a", 0), ("b", 1)):
        run("encodec", quick / f"{name}.safetensors", replace(short, seed=seed))
    tensors = [load(quick / f"{name}.safetensors", "codec/encodec")[0] for name in "ab"]
    assert not torch.equal(*(t["encoder.model.0.conv.conv.weight"] for t in tensors))


def test_other_code_does_not_go_on_from_a_saved_state(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("encodec", quick / "a.safetensors")
    monkeypatch.setattr(training, "digest", lambda _: "other code")
    run("encodec", quick / "b.safetensors")
    assert len(list(quick.glob(".resume/encodec-*/state.pt"))) == 2


def test_no_test_or_validation_piece_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[set[str]] = []

    class Played:
        """A clip of silence, 1 s."""

        wave = np.zeros((2, 44100), np.float32)

    def play(sessions: list, clip_seconds: float) -> list[Played]:
        played.append({session.split for session in sessions})
        return [Played] * 2

    monkeypatch.setattr(data.performance, "play", play)
    asked = (1.0, 1.0, 0, "train", encodec.SAMPLE_RATE, 1, tmp_path)
    made = data.render(*asked)
    assert made.shape == (2, 1, encodec.SAMPLE_RATE) and made.dtype == np.float32 and played == [{"train"}]
    np.testing.assert_array_equal(data.render(*asked), made)
    assert len(played) == 1  # kept for a resumed run
    assert data.render(*asked[:4], 44100, 2, tmp_path / "..").shape == (2, 2, 44100)


# --- what can go wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_seconds": 0.1}, "clip_seconds must be above 0.13, .*of encodec; it is 0.1"),
        ({"continuous": 1.0}, "continuous is 1.0, which leaves no step that uses the codebooks"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], message: str, quick: Path) -> None:
    with pytest.raises(ParameterError, match=message):
        run("encodec", quick / "a.safetensors", replace(SETTINGS, **changes))


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_last_state(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Learner.step

    def diverging(self: Learner, number: int) -> None:
        step(self, number)
        if number == 3:
            next(self.average.module.decoder.parameters()).data.fill_(torch.nan)

    monkeypatch.setattr(Learner, "step", diverging)
    with pytest.raises(ParameterError, match="by step 4 the loss of encodec is .*nan.*lower the learning rate"):
        run("encodec", quick / "a.safetensors")
    [state] = quick.glob(".resume/encodec-*/state.pt")
    assert torch.load(state, weights_only=True)["step"] == 2 and not (quick / "a.safetensors").exists()


def test_a_full_disk_under_the_state_is_one_message(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(state: object, path: Path) -> None:
        Path(path).write_bytes(b"as much as fits")
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534")  # torch's words

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(SystemExit) as stopped:
        report(lambda: run("encodec", quick / "a.safetensors"))
    assert stopped.value.code == 1
    assert "state.pt could not be written" in (said := capsys.readouterr().err.splitlines()[-1]) and "make room" in said
    assert [path.suffix for path in quick.glob(".resume/encodec-*/*")] == []  # nothing that takes up the disk


def test_a_full_disk_under_a_render_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, array: np.ndarray) -> None:
        path.write_bytes(b"as much as fits")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data.performance, "play", lambda *_: [type("Clip", (), {"wave": np.ones((2, 44100))})])
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        data.render(1.0, 1.0, 0, "train", 44100, 2, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_after_a_damaged_state_starts_anew_and_ends_with_the_same_bytes(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is no file of torch, one that lacks something, and one that fits in part; test_resume has all of them."""
    run("encodec", quick / "whole.safetensors")
    [state] = quick.glob(".resume/encodec-*/state.pt")
    for kind in ("cut", "a key less", "other moments"):
        change, said = KINDS[kind]
        change(state)
        capsys.readouterr()
        run("encodec", quick / "again.safetensors")
        assert re.search(
            rf"{state.parent.name}/state\.pt, where a stopped run left off, cannot be used: .*({said})", capsys.readouterr().err
        ), kind
        assert (quick / "again.safetensors").read_bytes() == (quick / "whole.safetensors").read_bytes(), kind
    assert {path.name for path in state.parent.iterdir()} == {"state.pt", "state.pt.damaged"}


# --- the command --------------------------------------------------------------------------------------------------------


def words(values: dict[str, Any], prefix: str = "") -> list[str]:
    """Options as DVC writes them for a section of params.yaml."""
    made: list[str] = []
    for name, value in values.items():
        if isinstance(value, dict):
            made += words(value, f"{prefix}{name}.")
        else:
            made += [f"--{prefix}{name}", *map(str, value if isinstance(value, list) else [value])]
    return made


FILES = {"target": "c.safetensors", "curve": "out/curve.csv", "account": "out/account.json"}
SAID = yaml.safe_load((ROOT / "params.yaml").read_text())["train_codec"]


@pytest.mark.parametrize("codec", RECIPES)
def test_the_command_takes_what_params_yaml_says(codec: str, quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, taken = SAID[codec], []
    monkeypatch.setattr(training, "train", lambda *arguments: taken.extend(arguments))
    monkeypatch.setattr(training, "describe", lambda *_: {"numbers": 3})
    monkeypatch.setattr(runs, "told", lambda *_: [{"heard": 2.0, "settings": {"steps": 4}, "progress": [{"step": 2, "level": 0.5}]}])
    tyro.cli(training.stage(codec), args=words(FILES | said))
    name, shape, settings, loss, target = taken
    assert name == codec and target == Path("c.safetensors")
    assert (quick / "out/curve.csv").read_text() == "run,hours,step,level\n1,1,2,0.5\n"
    assert results.read(quick / "out/account.json") == {"numbers": 3}
    expected = {
        group: {key: tuple(value) if isinstance(value, list) else value for key, value in said[group].items()}
        for group in ("shape", "loss")
    }
    assert asdict(shape) == expected["shape"] and type(shape) is RECIPES[codec].module.Shape
    assert asdict(loss) == expected["loss"]
    assert asdict(settings) == {key: value for key, value in said.items() if key not in ("shape", "loss")}


def test_what_the_book_tells_of_a_training_is_counted_from_the_checkpoint(quick: Path) -> None:
    run("encodec", quick / "a.safetensors")
    told = training.describe("encodec", quick / "a.safetensors")
    tensors, _ = load(quick / "a.safetensors", "codec/encodec")
    assert told["numbers"] == sum(tensor.numel() for tensor in tensors.values()) and told["steps"] == 6
    assert told["runs"] == 1 and told["hours_rendered"] == pytest.approx(1 / 60)
    assert told["hours_heard"] == pytest.approx(6 * 2 * 3200 / 24000 / 3600)
    assert told["mega_bytes"] == (quick / "a.safetensors").stat().st_size / 1e6
