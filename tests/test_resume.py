"""States of stopped runs: one that is whole is gone on from; any other is named, set aside, and leaves no trace in the run."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damaged_states import KINDS
from torch import nn

from audiosae.files import resume
from audiosae.training import data

CPU = torch.device("cpu")
TOTAL = 6


def parts() -> dict[str, Any]:
    """As a run has them before its first step."""
    torch.manual_seed(0)
    network, average = nn.Linear(20, 30), nn.Linear(20, 30)
    return {"network": network, "average": average, "optimizer": torch.optim.AdamW(network.parameters(), lr=0.1)}


def step(made: dict[str, Any]) -> None:
    loss = made["network"](torch.ones(20)).pow(2).sum()
    made["optimizer"].zero_grad()
    loss.backward()
    made["optimizer"].step()
    made["average"].load_state_dict(made["network"].state_dict())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a run wrote after four steps of six."""
    made = parts()
    for _ in range(4):
        step(made)
    path = tmp_path / "state.pt"
    resume.write({name: part.state_dict() for name, part in made.items()} | {"step": 4, "progress": [{"step": 2}, {"step": 4}]}, path)
    return path


def finished(made: dict[str, Any], first: int) -> torch.Tensor:
    for _ in range(first, TOTAL):
        step(made)
    return made["average"].weight.detach()


def test_a_run_goes_on_where_it_stopped(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = parts()
    assert resume.restore(state, made, TOTAL, CPU) == (4, [{"step": 2}, {"step": 4}])
    assert torch.equal(finished(made, 4), finished(parts(), 0))
    assert capsys.readouterr() == ("", "") and state.is_file()


def test_a_state_that_is_not_there_is_no_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resume.restore(tmp_path / "state.pt", parts(), TOTAL, CPU) == (0, [])
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_state_is_named_set_aside_and_leaves_the_run_as_it_was(
    state: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAP", str(state.with_name("sprung")))
    aside = state.with_name("state.pt.damaged")
    aside.write_bytes(b"an older one")
    change, said = KINDS[kind]
    change(state)
    content, made = state.read_bytes(), parts()
    assert resume.restore(state, made, TOTAL, CPU) == (0, [])
    told = capsys.readouterr().err
    assert re.fullmatch(
        rf"{re.escape(str(state))}, where a stopped run left off, cannot be used: .*({said}).*\. It is set aside as "
        r"state\.pt\.damaged, and the run starts anew\.\n",
        told,
    ), told
    assert aside.read_bytes() == content and [path.name for path in state.parent.iterdir()] == [aside.name]
    assert torch.equal(finished(made, 0), finished(parts(), 0))


def test_no_damage_at_a_random_place_goes_on_or_ends_raw(state: Path) -> None:
    """Either the file is set aside, or every byte that counts is as it was."""
    whole, rng = state.read_bytes(), np.random.default_rng(0)
    expected, aside = finished(parts(), 0), 0
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            content[place] = rng.integers(256)
        state.write_bytes(content[: rng.integers(len(content)) if rng.random() < 0.2 else None])
        made = parts()
        first, _ = resume.restore(state, made, TOTAL, CPU)
        aside += first == 0
        assert torch.equal(finished(made, first), expected)
    assert aside > 75


@pytest.mark.parametrize(
    ("owner", "name", "error"), [(torch, "load", torch.OutOfMemoryError("no room")), (zipfile.ZipFile, "testzip", OSError(5, "I/O error"))]
)
def test_neither_full_memory_nor_a_failing_disk_costs_the_state(
    state: Path, owner: object, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error), match=str(error.args[-1])):
        patch.setattr(owner, name, fails)
        resume.restore(state, parts(), TOTAL, CPU)
    assert zipfile.is_zipfile(state)


@pytest.mark.parametrize(
    "content", [b"", b"no array", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (9, 2, 9)}\n"]
)
def test_a_damaged_render_is_set_aside_and_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    asked = (0.1, 1.0, 0, "validation", 24000, 1, tmp_path)
    made = np.array(data.render(*asked))
    (tmp_path / "validation-0.npy").write_bytes(content)
    assert np.array_equal(data.render(*asked), made)
    assert "validation-0.npy, where a stopped run left off, cannot be used" in capsys.readouterr().err
    assert (tmp_path / "validation-0.npy.damaged").read_bytes() == content
