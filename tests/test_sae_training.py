"""Training an SAE: it learns, it repeats itself byte for byte, and it survives being killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from audiosae import sae_training
from audiosae.errors import ParameterError
from audiosae.sae import SparseAutoencoder, evaluate
from audiosae.sae_training import GRIDS, Settings, grid, train

SETTINGS = Settings(hidden=12, l1=0.01, epochs=5, batch=64, learning_rate=0.01, seed=3)


class Killed(Exception):
    """Stands for a process that ends in the middle."""


def frames(count: int = 300, seed: int = 0) -> torch.Tensor:
    """Frames [count, 6] of unlike scales that lie near three lines."""
    generator = torch.Generator().manual_seed(seed)
    lines = torch.randn(3, 6, generator=generator)
    which = torch.randint(3, (count,), generator=generator)
    noise = 0.05 * torch.randn(count, 6, generator=generator)
    return (torch.rand(count, 1, generator=generator) + 0.5) * lines[which] * 4 + noise + 1


def file_of(sae: SparseAutoencoder, path: Path) -> bytes:
    sae.save(path)
    return path.read_bytes()


def test_training_explains_the_frames() -> None:
    settings = replace(SETTINGS, epochs=40, l1=0.001)
    sae, curve = train(frames(), settings, progress=False)
    assert not sae.training
    assert evaluate(sae, frames(seed=0))["fvu"] < 0.1
    assert curve["epoch"].tolist() == list(range(1, 41))
    assert curve["reconstruction"].iloc[-1] < 0.2 * curve["reconstruction"].iloc[0]
    torch.testing.assert_close(sae.mean, frames().mean(0))
    torch.testing.assert_close(sae.std, frames().std(0))


def test_the_penalty_makes_features_quieter() -> None:
    weak, _ = train(frames(), replace(SETTINGS, l1=0.0), progress=False)
    strong, curve = train(frames(), replace(SETTINGS, l1=1.0), progress=False)
    assert evaluate(strong, frames())["scale"] < 0.7 * evaluate(weak, frames())["scale"]
    assert (curve["penalty"] > 0).all()


def test_one_seed_is_one_file_and_another_seed_another(tmp_path: Path) -> None:
    once, curve = train(frames(), SETTINGS, progress=False)
    torch.randn(7)  # what was drawn before must not matter
    twice, again = train(frames(), SETTINGS, states=tmp_path / "states", progress=False)
    other, _ = train(frames(), replace(SETTINGS, seed=4), progress=False)
    assert file_of(once, tmp_path / "a") == file_of(twice, tmp_path / "b") != file_of(other, tmp_path / "c")
    pd.testing.assert_frame_equal(curve, again)
    assert not list((tmp_path / "states").iterdir())


@pytest.mark.parametrize("when", ["before the state", "while the state is written", "after the state"])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    whole, curve = train(frames(), SETTINGS, progress=False)
    states, write, calls = tmp_path / "states", sae_training._save_state, []

    def killed_in_the_third_epoch(path: Path, *state: object) -> None:
        calls.append(path)
        if len(calls) == 3 and when == "while the state is written":
            path.with_suffix(".partial").write_bytes(b"half a state")
        if len(calls) < 3 or when == "after the state":
            write(path, *state)
        if len(calls) == 3:
            raise Killed

    monkeypatch.setattr(sae_training, "_save_state", killed_in_the_third_epoch)
    with pytest.raises(Killed):
        train(frames(), SETTINGS, states=states, progress=False)
    assert calls[0].is_file()

    done = []

    def counted(path: Path, *state: object) -> None:
        done.append(path)
        write(path, *state)

    monkeypatch.setattr(sae_training, "_save_state", counted)
    resumed, curve_again = train(frames(), SETTINGS, states=states, progress=False)
    assert len(done) == (2 if when == "after the state" else 3)  # it did continue, and did not begin again
    assert file_of(resumed, tmp_path / "a") == file_of(whole, tmp_path / "b")
    pd.testing.assert_frame_equal(curve_again, curve)


def test_a_state_of_other_frames_or_settings_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = sae_training._save_state

    def stop_after_one(*state: object) -> None:
        write(*state)
        raise Killed

    monkeypatch.setattr(sae_training, "_save_state", stop_after_one)
    with pytest.raises(Killed):
        train(frames(), SETTINGS, states=tmp_path, progress=False)
    monkeypatch.setattr(sae_training, "_save_state", write)
    for latents, settings in ((frames(seed=9), SETTINGS), (frames(), replace(SETTINGS, learning_rate=0.02))):
        with_states, _ = train(latents, settings, states=tmp_path, progress=False)
        fresh, _ = train(latents, settings, progress=False)
        assert file_of(with_states, tmp_path / "a") == file_of(fresh, tmp_path / "b")


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 0}, {"l1": -0.1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="out of range"):
        train(frames(), replace(SETTINGS, **wrong), progress=False)


def test_no_frames_is_said() -> None:
    with pytest.raises(ParameterError, match="0 frames"):
        train(torch.zeros(0, 6), SETTINGS, progress=False)


# --- the grid -----------------------------------------------------------------------------------------------------------


def test_the_papers_grid_spans_what_the_paper_says() -> None:
    points = grid("paper", 8, 0.05)
    assert {min(k for k, _ in points), max(k for k, _ in points)} == {4, 256}
    assert {min(p for _, p in points), max(p for _, p in points)} == {0.005, 0.15}
    assert len(points) == len(set(points)) == 42


@pytest.mark.parametrize("name", GRIDS)
def test_the_chosen_point_is_always_on_the_grid(name: str) -> None:
    points = grid(name, 3, 0.07)
    assert (3, 0.07) in points and points == sorted(set(points))
    assert set(grid(name, *grid(name, 8, 0.05)[0])) <= set(points)


def test_an_unknown_grid_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ParameterError, match="unknown grid 'huge'; known are small, paper"):
        grid("huge", 8, 0.05)
