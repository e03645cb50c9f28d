"""Training SAEs: they learn, repeat themselves byte for byte, and survive being killed; and what section 2 writes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.errors import ParameterError
from audiosae.files import resume
from audiosae.frames import Mapped, unique
from audiosae.sae import SparseAutoencoder, evaluate
from audiosae.sae import training as trainer
from audiosae.sae.training import GRIDS, HELD_OUT, Batches, Settings, grid, hold_out, measure, scaled_batch, train
from audiosae.sae.variants import VARIANTS, VariantAutoencoder

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


def test_training_explains_the_frames_and_the_penalty_makes_features_quieter() -> None:
    weak, curve = train(frames(), replace(SETTINGS, epochs=40, l1=0.0))
    strong, _ = train(frames(), replace(SETTINGS, epochs=40, l1=1.0))
    assert not weak.training and evaluate(weak, frames())["fvu"] < 0.1
    assert evaluate(strong, frames())["scale"] < 0.7 * evaluate(weak, frames())["scale"]
    assert curve["epoch"].tolist() == list(range(1, 41))
    assert curve["reconstruction"].iloc[-1] < 0.2 * curve["reconstruction"].iloc[0]
    torch.testing.assert_close(weak.mean, frames().mean(0))
    torch.testing.assert_close(weak.std, frames().std(0))


def test_one_seed_is_one_file_and_another_seed_another(tmp_path: Path) -> None:
    once, curve = train(frames(), SETTINGS)
    torch.randn(7)  # what was drawn before must not matter
    twice, again = train(frames(), SETTINGS, states=tmp_path / "states")
    other, _ = train(frames(), replace(SETTINGS, seed=4))
    assert file_of(once, tmp_path / "a") == file_of(twice, tmp_path / "b") != file_of(other, tmp_path / "c")
    pd.testing.assert_frame_equal(curve, again)


def kill(states: Path, settings: Settings, kept: int) -> None:
    """Train until the states of `kept` epochs are written, and end before the next."""
    write = resume.write

    def stopping(state: dict[str, Any], path: Path) -> None:
        if state["step"] > kept:
            raise Killed
        write(state, path)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(resume, "write", stopping)
        train(frames(), settings, states=states)


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, curve = train(frames(), SETTINGS)
    kill(tmp_path, SETTINGS, 2)
    written, write = [], resume.write
    monkeypatch.setattr(resume, "write", lambda state, path: written.append(state["step"]) or write(state, path))
    resumed, curve_again = train(frames(), SETTINGS, states=tmp_path)
    assert written == [3, 4, 5]  # it did continue, and did not begin again
    assert file_of(resumed, tmp_path / "a") == file_of(whole, tmp_path / "b")
    pd.testing.assert_frame_equal(curve_again, curve)


def test_a_run_that_ended_is_not_run_again(tmp_path: Path) -> None:
    first, curve = train(frames(), SETTINGS, states=tmp_path)
    seen = []
    again, curve_again = train(frames(), SETTINGS, states=tmp_path, after=lambda epoch, sae: seen.append(epoch))
    assert not seen and file_of(again, tmp_path / "a") == file_of(first, tmp_path / "b")
    pd.testing.assert_frame_equal(curve_again, curve)


def test_a_state_of_another_run_is_not_continued(tmp_path: Path) -> None:
    quick = replace(SETTINGS, epochs=2)
    kill(tmp_path, quick, 1)
    others = ((frames(seed=9), quick, None), (frames(), replace(quick, learning_rate=0.02), None), (frames(), quick, torch.arange(1, 301)))
    for latents, settings, counts in others:
        with_states, _ = train(latents, settings, counts, states=tmp_path)
        fresh, _ = train(latents, settings, counts)
        assert file_of(with_states, tmp_path / "a") == file_of(fresh, tmp_path / "b")


@pytest.mark.parametrize(("wrong", "count"), [({"epochs": 0}, 300), ({"batch": 0}, 300), ({"l1": -0.1}, 300), ({}, 0)])
def test_settings_out_of_range_are_refused(wrong: dict[str, float], count: int) -> None:
    with pytest.raises(ParameterError, match=f"out of range: {count} frames"):
        train(frames()[:count], replace(SETTINGS, **wrong))


# --- frames that repeat -------------------------------------------------------------------------------------------------


def codes(count: int = 1200, book: int = 40, seed: int = 0) -> np.ndarray:
    """Frames [count, 6] of a codec with one codebook, the first code far commoner than the last."""
    share = 1 / np.arange(1, book + 1)
    return frames(book).numpy()[np.random.default_rng(seed).choice(book, count, p=share / share.sum())]


def test_a_row_counts_as_often_as_its_frames() -> None:
    """The curve's first epoch, at a learning rate of nearly nothing, is the mean loss over frames."""
    rows = unique.find(Mapped([codes()]))
    still = replace(SETTINGS, learning_rate=1e-12, epochs=1, batch=1200)
    counts, distinct = torch.from_numpy(rows.counts(np.arange(1200) % 3 == 0)), rows.latents
    counted, few = train(distinct, still, counts)
    plain, all_frames = train(distinct.repeat_interleave(counts, dim=0), still)
    torch.testing.assert_close(counted.mean, plain.mean, rtol=3e-5, atol=3e-5)  # float32 sums of some hundred terms
    torch.testing.assert_close(counted.std, plain.std, rtol=3e-5, atol=3e-5)
    pd.testing.assert_frame_equal(few, all_frames, rtol=1e-4)


def test_an_epoch_over_rows_has_as_many_steps_each_on_fewer_rows() -> None:
    rows, settings = unique.find(Mapped([codes()])), replace(SETTINGS, batch=100)
    parts = list(Batches(rows.latents, torch.from_numpy(rows.counts(np.ones(1200, dtype=bool))), settings).epoch(0))
    weights = torch.cat([weight for _, weight in parts])
    assert len(parts) in (11, 12) and len(weights) <= 2 * len(rows.latents)
    assert weights.mean() == pytest.approx(1) and weights.max() < 2
    assert [len(chosen) for chosen, _ in Batches(torch.from_numpy(codes()), None, settings).epoch(0)] == [100] * 12


def test_where_frames_repeat_codes_are_held_out_and_the_fvu_is_of_these() -> None:
    frame = torch.from_numpy(codes(6000, book=300))
    rows, training, test = unique.find(Mapped([frame.numpy()])), np.arange(6000) % 3 > 0, np.arange(6000) % 3 == 0
    split, latents = hold_out(rows, training, test, 0), rows.latents
    assert split.held_out == "codes"
    out = rows.counts(training) * (split.train.numpy() == 0) > 0
    assert out.mean() == pytest.approx(HELD_OUT, abs=0.06)
    assert torch.equal(split.train, hold_out(rows, training, test, 0).train)
    assert not torch.equal(split.train, hold_out(rows, training, test, 1).train)
    sae, _ = train(latents, SETTINGS, split.train)
    never = ~np.isin(rows.of_frame, np.flatnonzero(split.train.numpy())) & test
    everything, unseen = evaluate(sae, frame[test]), evaluate(sae, frame[never])
    assert measure(sae, latents, split) == pytest.approx({**everything, "fvu": unseen["fvu"], "fvu_test": everything["fvu"]}, rel=1e-5)


def test_where_frames_do_not_repeat_recordings_are_held_out() -> None:
    latents = frames()
    rows, training = unique.find(Mapped([latents.numpy()])), np.arange(300) < 200
    split = hold_out(rows, training, ~training, 0)
    assert split.held_out == "recordings"
    assert torch.equal(split.unseen, split.test) and torch.equal(split.train, 1 - split.test)
    counted, _ = train(rows.latents, SETTINGS, split.train)
    plain, _ = train(latents[:200], SETTINGS)
    assert torch.equal(counted.encoder.weight, plain.encoder.weight)  # one path: the same to the bit
    found = measure(counted, latents, split)
    assert found == {**evaluate(counted, latents[200:]), "fvu_test": found["fvu"]}


# --- the grid -----------------------------------------------------------------------------------------------------------


def test_the_papers_grid_spans_what_the_paper_says() -> None:
    points = grid("paper", 8, 0.05)
    assert {min(k for k, _ in points), max(k for k, _ in points)} == {4, 256}
    assert {min(p for _, p in points), max(p for _, p in points)} == {0.005, 0.15}
    assert len(points) == len(set(points)) == 42


def test_the_chosen_point_is_always_on_a_grid_and_an_unknown_one_is_told() -> None:
    for name in GRIDS:
        points = grid(name, 3, 0.07)
        assert (3, 0.07) in points and points == sorted(set(points))
    with pytest.raises(ParameterError, match="unknown grid 'huge'; known are small, paper"):
        grid("huge", 8, 0.05)


# --- frames that do not fit in memory -----------------------------------------------------------------------------------


def batches(latents: np.ndarray, cuts: list[int], counts: torch.Tensor | None = None, number: int = 0) -> list[torch.Tensor]:
    return [x for x, _ in Batches(Mapped(np.split(latents, cuts)), counts, replace(SETTINGS, batch=50)).epoch(number)]


def test_the_order_depends_on_the_seed_and_not_on_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    latents = frames(1000).numpy()
    for block, buffer in ((256, 131072), (16, 160)):  # all in memory, and some of it
        monkeypatch.setattr(trainer, "BLOCK", block)
        monkeypatch.setattr(trainer, "BUFFER", buffer)
        one, other = batches(latents, []), batches(latents, [1, 100, 101, 900])
        assert all(map(torch.equal, one, other)) and len(one) == len(other) >= 20
        for order in (one, batches(latents, [], number=1)):  # each frame once, in an order of its own
            assert sorted(map(tuple, torch.cat(order).tolist())) == sorted(map(tuple, latents.tolist()))
        assert not torch.equal(one[0], batches(latents, [], number=1)[0])


def test_a_batch_is_drawn_from_all_over_even_where_little_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "BLOCK", 16)
    monkeypatch.setattr(trainer, "BUFFER", 320)
    place = np.arange(4000, dtype=np.float32)[:, None]
    drawn = batches(place, [])
    assert all(x.max() - x.min() > 2000 for x in drawn) and not torch.equal(drawn[0], drawn[0].sort(dim=0).values)


def test_from_disk_as_from_memory(tmp_path: Path) -> None:
    counts = torch.arange(300) % 3
    mapped, curve = train(Mapped(np.split(frames().numpy(), [7, 100])), SETTINGS, counts)
    held, curve_again = train(frames(), SETTINGS, counts)
    assert file_of(mapped, tmp_path / "a") == file_of(held, tmp_path / "b")
    pd.testing.assert_frame_equal(curve, curve_again)
    assert evaluate(mapped, Mapped([frames().numpy()]), counts) == evaluate(held, frames(), counts)


# --- other kinds --------------------------------------------------------------------------------------------------------


def loss_by_hand(sae: VariantAutoencoder, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The loss as it is written in the head of `variants`, from its own encoder and decoder."""
    h, f, columns = sae.activations(x), sae.encode(x), sae.decoder.weight.norm(dim=0)
    price = {"paper": h, "on_f": f, "decoder_norm": h * columns, "plain": h, "top_k": 0 * h}[sae.variant.name].sum(dim=1)
    error = (sae.normalised(x) - sae.normalised(sae.decode(f))).pow(2).sum(dim=1)
    return (weights * (error + (0 if sae.variant.name == "top_k" else sae.strength) * price)).mean()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_loss_of_a_variant_is_the_one_in_its_table(name: str) -> None:
    torch.manual_seed(0)
    sae = VariantAutoencoder(6, 12, VARIANTS[name], 3)
    sae.standardise(frames())
    weights = torch.linspace(0.2, 2, 300)
    torch.testing.assert_close(sum(sae.loss(frames(), 99.0, weights)), loss_by_hand(sae, frames(), weights), rtol=1e-4, atol=1e-4)


def test_another_optimiser_and_what_is_seen_after_each_epoch() -> None:
    seen = {}

    def look(epoch: int, sae: SparseAutoencoder) -> None:
        seen[epoch] = sae.encoder.weight.detach().clone()

    still, _ = train(frames(), SETTINGS, optimiser=lambda given, rate: torch.optim.SGD(given, lr=0.0), after=look)
    assert list(seen) == [1, 2, 3, 4, 5]
    assert torch.equal(seen[1], seen[5]) and torch.equal(seen[5], still.encoder.weight)


def test_a_thinned_epoch_has_as_many_steps() -> None:
    assert scaled_batch(1024, 15000, 40875) == 376
    assert -(-15000 // 376) == -(-40875 // 1024) == 40


def test_a_runs_name_is_made_of_one_part_of_the_frames_at_a_time() -> None:
    alive: list[int] = []

    class Watched(Mapped):
        def split(self, size: int) -> Iterator[torch.Tensor]:
            parts: list[weakref.ref[torch.Tensor]] = []
            for first in range(0, len(self), 10):
                alive.append(sum(part() is not None for part in parts))
                part = self[first : first + 10]
                parts.append(weakref.ref(part))
                yield part
                del part

    rows = np.arange(200, dtype=np.float32).reshape(100, 2)
    settings = Settings(8, 0.1, 1, 10, 0.001, 0)
    named = trainer._key(Watched([rows]), None, settings, SparseAutoencoder(2, 8))
    assert named == trainer._key(torch.from_numpy(rows), None, settings, SparseAutoencoder(2, 8))
    assert len(alive) == 10 and max(alive) == 1
