"""The embedded generator: its transformer, its units, its checkpoint, and its training, at toy size."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audiosae.codecs import diffrhythm_vae
from audiosae.codecs import embedded as codec_weights
from audiosae.errors import CheckpointError, ParameterError
from audiosae.files import checkpoint, determinism, resume
from audiosae.files.whole import file_hash
from audiosae.generation import embedded
from audiosae.generation.transformer import Shape, Transformer
from audiosae.training import generator as training
from audiosae.training import runs

SHAPE = Shape(latent=64, width=32, depth=2, heads=2, inner=48, condition=8)
SETTINGS = training.Settings(
    minutes=0.2,
    clip_seconds=1.0,
    steps=4,
    learning_rate=1e-3,
    short_share=0.5,
    short_frames=8,
    short_batch=3,
    batch=2,
    unprompted=0.1,
    save_every=2,
    seed=0,
    start="scratch",
)


def network() -> embedded.Network:
    torch.manual_seed(0)
    made = embedded.Network(SHAPE)
    made.mean.normal_()
    made.std.uniform_(0.5, 2)
    return made


@pytest.fixture
def vae(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy VAE in place of the one that ships."""
    monkeypatch.setattr(codec_weights, "FOLDER", tmp_path)
    monkeypatch.setattr(determinism, "THREADS", 1)  # more only wait for each other in networks as small as these
    monkeypatch.setattr(training, "digest", lambda _: "this code")
    torch.manual_seed(0)
    shape = diffrhythm_vae.Shape(4, 4, (1, 1, 1, 2, 2))
    path = tmp_path / "diffrhythm-vae.safetensors"
    codec_weights.save("diffrhythm-vae", diffrhythm_vae.Network(shape), shape, path, {})
    return path


# --- the transformer ----------------------------------------------------------------------------------------------------


def test_positions_count_by_their_distance() -> None:
    """Far from the ends the same sound gives the same velocity a frame later; without positions any order would."""
    torch.manual_seed(0)
    model = Transformer(SHAPE).eval()
    time, style = model.time_embed(torch.tensor([0.3])), torch.randn(1, 8)
    x = torch.zeros(1, 200, 64)
    x[:, 100:103] = torch.randn(3, 64)
    with torch.no_grad():
        here, later = model(x, time, style), model(x.roll(1, dims=1), time, style)
        turned = model(x.flip(1), time, style).flip(1)
    torch.testing.assert_close(here[:, 90:110], later[:, 91:111], rtol=0, atol=1e-3)
    assert (here - turned)[:, 90:110].abs().max() > 1e-2


# --- the generator ------------------------------------------------------------------------------------------------------


def test_velocities_are_in_the_units_of_the_vae() -> None:
    made = embedded.Generator(network())
    x = made.noise([1, 2], frames=10)
    hot = torch.zeros(2, made.network.words.in_features)
    with_style, without = made.velocity(["", "violin"])(x, 0.4)
    z = (x - made.network.mean) / made.network.std
    expected = made.network(z, torch.full((2,), 0.4), hot) * made.network.std
    torch.testing.assert_close(without, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(with_style[0], expected[0], rtol=1e-4, atol=1e-5)
    assert (with_style[1] - expected[1]).abs().max() > 1e-3


def test_noise_is_standard_in_latent_units_and_its_own_for_each_seed() -> None:
    made = embedded.Generator(network())
    x = made.noise([5, 6], frames=4000)
    torch.testing.assert_close(x[1], made.noise([6], frames=4000)[0])
    assert (x[0] - x[1]).abs().max() > 0.1
    torch.testing.assert_close(x[0].mean(dim=0), made.network.mean, rtol=0, atol=0.15)
    torch.testing.assert_close(x[0].std(dim=0), made.network.std, rtol=0.1, atol=0)


# --- its checkpoint -----------------------------------------------------------------------------------------------------


def test_a_generator_comes_back_as_it_was_to_16_bits(tmp_path: Path, vae: Path) -> None:
    made = network()
    embedded.save(made, tmp_path / "generator.safetensors", {"codec": file_hash(vae)})
    loaded = embedded.load().network
    assert loaded.shape == SHAPE
    torch.testing.assert_close(loaded.mean, made.mean)
    for name, tensor in made.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def test_a_generator_for_another_vae_or_vocabulary_is_refused(tmp_path: Path, vae: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.save(network(), tmp_path / "generator.safetensors", {"codec": file_hash(vae)})
    with pytest.raises(CheckpointError, match="latents of another diffrhythm-vae"):
        embedded.load(codec=tmp_path / "vae_model.pt")
    with pytest.raises(CheckpointError, match="none.safetensors is missing, on whose latents .*generator.safetensors works"):
        embedded.load(codec=tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="codec/diffrhythm-vae"):
        embedded.load(vae)
    monkeypatch.setattr(embedded.prompts, "WORDS", ("kazoo", *embedded.prompts.WORDS))
    with pytest.raises(CheckpointError, match="another vocabulary"):
        embedded.load()
    embedded.save(network(), tmp_path / "generator.safetensors", {"codec": "0" * 64})
    with pytest.raises(CheckpointError, match="latents of another diffrhythm-vae"):
        embedded.load()


DAMAGED = {
    "does not say on the latents of which diffrhythm-vae": [{"provenance": made} for made in (None, [], {}, {"codec": 7})],
    "another vocabulary": [{"words": None}, {"words": 7}],
    "does not say its shape": [
        *({"shape": shape} for shape in (None, [], {})),
        *({"shape": {**asdict(SHAPE), name: size}} for name, size in (("depth", 10**9), ("heads", True), ("width", -4))),
    ],
    "does not fit Network: size mismatch": [{"shape": {**asdict(SHAPE), "inner": SHAPE.inner + 1}}],
}


@pytest.mark.parametrize(("changes", "told"), [(changes, told) for told, each in DAMAGED.items() for changes in each])
def test_a_damaged_header_is_told(changes: dict[str, object], told: str, tmp_path: Path, vae: Path) -> None:
    made = {"codec": file_hash(vae)}
    header = {"kind": embedded.KIND, "shape": asdict(SHAPE), "words": embedded.prompts.WORDS, "provenance": made}
    changed = {name: value for name, value in (header | changes).items() if value is not None}
    checkpoint.save(tmp_path / "generator.safetensors", network().state_dict(), changed)
    with pytest.raises(CheckpointError, match=f"generator.safetensors .*{told}"):
        embedded.load()


# --- its training -------------------------------------------------------------------------------------------------------


def test_a_stopped_training_ends_as_if_it_had_not_been(tmp_path: Path, vae: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "CHECKS", 6)
    training.train(SHAPE, SETTINGS, tmp_path / "whole.safetensors")
    curve = runs.curve(runs.told(tmp_path / "whole.safetensors", embedded.KIND))
    assert curve["step"].tolist() == [2, 4] and np.isfinite(curve).all(axis=None)
    # Two steps of 3 excerpts of 8 frames, two of 2 clips of a second.
    hours = np.array([2 * 3 * 8 * 2048 / 44100, 2 * 3 * 8 * 2048 / 44100 + 2 * 2]) / 3600
    assert curve["hours"].iloc[-1] == pytest.approx(hours[-1])
    state = next(tmp_path.glob(".resume/generator-*/state.pt"))
    state.unlink()
    write = resume.write

    def once(what: dict, path: Path) -> None:
        write(what, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(resume, "write", once)
        training.train(SHAPE, SETTINGS, tmp_path / "killed.safetensors")
    assert not (tmp_path / "killed.safetensors").exists()
    training.train(SHAPE, SETTINGS, tmp_path / "resumed.safetensors")
    assert (tmp_path / "resumed.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    header = checkpoint.load(tmp_path / "whole.safetensors", embedded.KIND)[1]
    assert header["provenance"]["codec"] == file_hash(vae)


def test_a_run_goes_on_from_the_weights_of_a_checkpoint(tmp_path: Path, vae: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a learning rate of next to nothing the weights stay as they were; the statistics are those of its own music."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "CHECKS", 6)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    training.train(SHAPE, SETTINGS, first)
    further = replace(SETTINGS, start=str(first), learning_rate=1e-12, steps=2, seed=1)
    training.train(SHAPE, further, second)
    before, after = (checkpoint.load(path, embedded.KIND)[0] for path in (first, second))
    for name, tensor in before.items():
        if name in ("mean", "std"):
            assert not torch.equal(tensor, after[name]), name
        else:
            torch.testing.assert_close(tensor, after[name], atol=1e-4, rtol=0)
    told = runs.told(second, embedded.KIND)
    assert [run["parent"] for run in told] == [None, file_hash(first)]
    assert runs.curve(told)["run"].tolist() == [1, 1, 2]
    with pytest.raises(ParameterError, match="has the sizes .*make them equal, or start from scratch"):
        training.train(replace(SHAPE, depth=1), further, second)


def learner(settings: training.Settings, latents: np.ndarray, hot: np.ndarray) -> training.Learner:
    torch.manual_seed(0)
    return training.Learner(SHAPE, settings, (latents, hot), (latents, hot), torch.device("cpu"))


def test_training_lowers_the_loss_on_what_it_sees() -> None:
    """Two clips, learnt by heart."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 1, 64, generator=generator).expand(2, 16, 64).numpy().astype(np.float16)
    hot = np.eye(2, len(embedded.prompts.WORDS), dtype=np.float32)
    made = learner(replace(SETTINGS, steps=150, learning_rate=3e-3, short_share=0.0, batch=8, unprompted=0.0), latents, hot)
    for step in range(150):
        made.step(step)
    assert np.mean(made.lately[-20:]) < 0.5 * np.mean(made.lately[:20])


def test_examples_depend_on_seed_and_step_alone() -> None:
    latents, hot = np.random.default_rng(0).standard_normal((5, 20, 64)).astype(np.float16), np.ones((5, 54), np.float32)
    short, whole = (learner(replace(SETTINGS, short_share=share), latents, hot)._examples for share in (1.0, 0.0))
    for one, other in zip(short(3), short(3), strict=True):
        assert torch.equal(one, other)
    assert short(3)[0].shape == (3, 8, 64) and whole(3)[0].shape == (2, 20, 64)
    assert not torch.equal(short(3)[2], short(4)[2])
    words = torch.cat([short(step)[1] for step in range(300)])
    assert float((words.sum(dim=1) == 0).float().mean()) == pytest.approx(0.1, abs=0.05)
