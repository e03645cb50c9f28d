"""The generator in the page: its exported velocity, its vocabulary, and the page's sums against Python's."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from conftest import Clone
from javascript import run
from playwright.sync_api import Browser
from test_browser import opened, served

from audiosae.generation import embedded, flow, prompts, settling, trajectory
from audiosae.generation.transformer import Shape
from audiosae.live import generator as stage
from audiosae.live.export import LiveError
from audiosae.probes import Probe
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder

PROMPTS = ["", "chorales, violin, alone, high, medium, fast", "soft", "drums, TR-808 kit"]


@pytest.fixture(scope="module")
def toy() -> embedded.Generator:
    torch.manual_seed(0)
    network = embedded.Network(Shape(latent=64, width=32, depth=2, heads=2, inner=48, condition=8)).half().float()
    network.mean.normal_()
    network.std.uniform_(0.5, 2)
    return embedded.Generator(network)


@pytest.fixture(scope="module")
def folder(toy: embedded.Generator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage writes of a toy generator."""
    project = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage.generation, "load", lambda generator, vae: toy)
        patch.setattr(stage.codecs, "load", lambda name, weights: SimpleNamespace(sample_rate=44100, frame_rate=44100 / 2048, dim=64))
        stage.run("toy", "embedded", "embedded", 1.5, states=8, seconds=1.0, project=project)
    return project / "book/_static/live/toy"


@pytest.mark.parametrize("frames", [2, 57])
def test_the_velocity_is_that_of_torch_at_any_length(folder: Path, toy: embedded.Generator, frames: int) -> None:
    session = onnxruntime.InferenceSession((folder / "velocity.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    x = toy.noise([5], frames)
    for time, prompt in zip((0.0, 0.2, 0.9, 0.5), PROMPTS):
        given = {"latents": x.numpy(), "time": np.array([time], np.float32), "words": prompts.encode([prompt]).numpy()}
        (found,) = session.run(None, given)
        expected = torch.cat(toy.velocity([prompt])(x, time)).numpy()
        assert found.shape == (2, frames, 64)
        assert 10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum()) > 100
        assert np.abs(found[0] - found[1]).max() > 1e-3 or not prompt


def test_the_index_says_what_the_steps_need(folder: Path, toy: embedded.Generator) -> None:
    index = json.loads((folder / "index.json").read_text())
    assert index["frames"] == 22 and index["states"] == 8 and index["strength"] == 1.5 and index["velocity"]["snr"] >= 100
    assert index["codec"] == "diffrhythm-vae" and "why" not in index
    assert torch.equal(torch.tensor(index["mean"]), toy.network.mean) and torch.equal(torch.tensor(index["std"]), toy.network.std)


def test_words_reach_the_network_as_in_python(folder: Path) -> None:
    kinds = json.loads((folder / "index.json").read_text())["kinds"]
    assert [word for words in kinds.values() for word in words] == list(prompts.WORDS)
    asked = [
        {kind: next((word for word in prompts.parse(prompt) if word in words), "") for kind, words in kinds.items()} for prompt in PROMPTS
    ]
    found = run("flow.mjs", f"return {json.dumps(asked)}.map((chosen) => m.hot({json.dumps(kinds)}, chosen));")
    assert found == prompts.encode(PROMPTS).tolist()


def test_a_velocity_that_is_not_torchs_is_an_error(folder: Path, toy: embedded.Generator) -> None:
    other = embedded.Generator(copy.deepcopy(toy.network))
    other.network.std *= 1.001
    with pytest.raises(LiveError, match="not equal to torch's: [3-6]"):
        stage.parity(other, (folder / "velocity.onnx").read_bytes(), 10)


def test_diffrhythm_itself_is_not_exported_and_the_page_says_so(tmp_path: Path) -> None:
    stage.run("diffrhythm", "/no/such/cfm_model.pt", "released", 4.0, project=tmp_path)
    (index,) = (tmp_path / "book/_static/live/diffrhythm").iterdir()
    assert "too large" in json.loads(index.read_text())["why"]


def uniform(seed: int, count: int) -> list[float]:
    """Numbers of mulberry32, in integers without sign."""
    state, out = seed, []
    for _ in range(count):
        state = (state + 0x6D2B79F5) % 2**32
        t = (state ^ state >> 15) * (1 | state) % 2**32
        t ^= (t + (t ^ t >> 7) * (61 | t)) % 2**32
        out.append((t ^ t >> 14) / 2**32)
    return out


def test_noise_is_normal_and_a_seed_has_its_own() -> None:
    found = np.array(run("flow.mjs", "return [0, 1, 4294967295].map((seed) => m.noise(seed, 6901));"))
    for seed, row in zip((0, 1, 2**32 - 1), found):
        one, other = np.array(uniform(seed, 6)).reshape(3, 2).T
        radius, angle = np.sqrt(-2 * np.log(1 - one)), 2 * np.pi * other
        np.testing.assert_allclose(row[:6], np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel(), rtol=1e-6)
        assert abs(row.mean()) < 0.05 and row.std() == pytest.approx(1, abs=0.03) and np.mean(row**4) == pytest.approx(3, abs=0.3)
    assert np.abs(np.corrcoef(found) - np.eye(3)).max() < 0.05


def test_steps_are_those_of_python() -> None:
    """On velocities that are linear in x and t: v_c = 2 − x and v_u = t − x / 2."""
    x = flow.noise([3], 4, 5)
    expected = flow.sample(lambda x, t: (2 - x, t - x / 2), x, states=9, guidance_scale=1.5)
    script = """
        const [grid, noisy, clean] = [m.times(9), [x], []];
        for (let n = 0; n < 8; n++) {
            const x = noisy.at(-1);
            const velocities = Float32Array.of(...x.map((v) => 2 - v), ...x.map((v) => grid[n] - v / 2));
            const made = m.step(x, velocities, grid[n], grid[n + 1], 1.5);
            noisy.push(made.next);
            clean.push(made.clean);
        }
        return { noisy, clean };"""
    found = run("flow.mjs", script, x=x.numpy())
    np.testing.assert_allclose(found["noisy"], expected.noisy.flatten(1), atol=1e-5)
    np.testing.assert_allclose(found["clean"], expected.clean[:-1].flatten(1), atol=1e-5)


def test_classifiers_say_what_they_say_in_python() -> None:
    torch.manual_seed(0)
    sae, probe = SparseAutoencoder(6, 24), Probe(torch.randn(5, 24) * 3, torch.randn(5), 0.0)
    x = torch.randn(1, 1, 7, 6)
    expected = trajectory.read(x, [Member(sae, {"pitch": probe})])["pitch"].p[0, 0, 0]
    with torch.no_grad():
        arrays = {"f": sae.encode(x[0, 0]).numpy(), "weight": probe.weight.numpy(), "bias": probe.bias.numpy()}
    found = run("flow.mjs", "return m.probabilities(f, weight, bias);", **arrays)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert sum(found) == pytest.approx(1)
    # By hand: weights are zero, so that the biases alone decide; and large ones do not overflow.
    found = run("flow.mjs", "return m.probabilities(new Float32Array(4), new Float32Array(4), Float32Array.of(1000, 1000 + Math.log(3)));")
    assert found == pytest.approx([0.25, 0.75], abs=1e-4)


def test_progress_is_that_of_section_5() -> None:
    jump = np.array([[1, 0, 0]] * 3 + [[0, 0.5, 0.5]] * 5)  # at state 3
    straight = np.linspace([0.5, 0.5, 0], [0.1, 0.2, 0.7], 8)  # a step of a seventh at each of states 1 to 7, so state 4 on average
    wandering, still = np.random.default_rng(0).dirichlet(np.ones(3), 8), np.full((8, 3), 1 / 3)
    paths = {"jump": jump, "straight": straight, "wandering": wandering, "still": still}
    script = """
        const of = (flat) => Array.from({ length: 8 }, (_, t) => flat.subarray(3 * t, 3 * t + 3));
        return [jump, straight, wandering, still].map((flat) => {
            const [s, states] = [m.shareOfWay(of(flat)), of(flat)];
            return { s, area: m.area(s), apart: m.distance(states[0], states.at(-1)) };
        });"""
    found = run("flow.mjs", script, **paths)
    for told, p in zip(found[:3], (jump, straight, wandering)):
        s = settling.share_of_way(p)
        np.testing.assert_allclose(told["s"], s, atol=1e-6)
        assert told["area"] == pytest.approx(settling.area(s), abs=1e-5)
    assert found[0]["area"] == pytest.approx(3) and found[1]["area"] == pytest.approx(4) and found[0]["apart"] == 2
    assert found[3]["area"] is None  # nothing moves, so that nobody can say when


@pytest.mark.slow
def test_the_page_makes_a_piece_state_after_state(browser: Browser, clone: Clone) -> None:
    index = json.loads((clone.html / "_static/live/small-diffrhythm/index.json").read_text())
    with served(clone.html) as book, opened(browser, book.address) as (page, faults):
        page.set_default_timeout(120_000)
        page.goto("/sections/05_generation.html", wait_until="load")
        widget = page.locator("[data-audiosae-generator][data-live-state]")
        assert widget.get_attribute("data-live-state") == "idle"
        widget.get_by_role("button", name="Load", exact=True).press("Enter")
        widget.get_by_role("button", name="Generate").press("Enter")
        page.wait_for_function("(states) => document.querySelector('[data-states]').dataset.states === states", arg=str(index["states"]))
        page.wait_for_function(
            "(heard) => document.querySelector('[data-heard]')?.dataset.heard === heard", arg=f"0-{index['states'] - 1}-noisy"
        )
        assert "mean state of change" in widget.locator(".audiosae-key").inner_text() and "%" in widget.locator("dl").inner_text()
        slider = widget.get_by_role("slider")
        slider.focus()
        page.keyboard.press("Home")
        page.wait_for_function("document.querySelector('[data-heard]')?.dataset.heard === '0-0-noisy'")
        with page.expect_download() as download:
            widget.get_by_role("button", name="Download WAV").press("Enter")
        noise, rate = soundfile.read(download.value.path())
        assert (
            rate == index["sampleRate"]
            and len(noise) / rate == pytest.approx(index["seconds"], abs=0.1)
            and 0.001 < np.abs(noise).max() < 0.9
        )
        assert not faults
