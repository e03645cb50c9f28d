"""Checkpoints: equal contents are equal bytes, and a bad file is named."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from audiosae import checkpoint
from audiosae.errors import CheckpointError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
HEADER = {"kind": "toy", "size": 3, "provenance": {"corpus": "abc", "parent": None}}


def written(path: Path) -> Path:
    checkpoint.save(path, TENSORS, HEADER)
    return path


def test_tensors_and_header_come_back(tmp_path: Path) -> None:
    tensors, header = checkpoint.load(written(tmp_path / "new" / "a.safetensors"), "toy")
    assert header == HEADER and set(tensors) == set(TENSORS)
    assert all(torch.equal(tensors[name], TENSORS[name]) and tensors[name].dtype == TENSORS[name].dtype for name in TENSORS)
    assert os.listdir(tmp_path / "new") == ["a.safetensors"]


def test_equal_contents_are_equal_bytes_in_any_order(tmp_path: Path) -> None:
    first = written(tmp_path / "a.safetensors").read_bytes()
    checkpoint.save(tmp_path / "b", dict(reversed(TENSORS.items())), dict(reversed(HEADER.items())))
    checkpoint.save(tmp_path / "c", TENSORS, {**HEADER, "size": 4})
    assert (tmp_path / "b").read_bytes() == first != (tmp_path / "c").read_bytes()


def test_views_and_gradients_are_written_as_plain_numbers(tmp_path: Path) -> None:
    view = torch.arange(6.0).reshape(2, 3).requires_grad_().T
    checkpoint.save(tmp_path / "a", {"x": view}, HEADER)
    assert torch.equal(checkpoint.load(tmp_path / "a", "toy")[0]["x"], view.detach())


def test_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert checkpoint.file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


# --- bad files ----------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a.safetensors is missing; `make repro`"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_said(tmp_path: Path, keep: int) -> None:
    path = written(tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="a.safetensors is damaged"):
        checkpoint.load(path, "toy")


def test_a_damaged_header_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors")
    data = bytearray(path.read_bytes())
    data[8:40] = b"x" * 32
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="a.safetensors is damaged"):
        checkpoint.load(path, "toy")


@pytest.mark.parametrize("header", ["no json", "[1, 2]"])
def test_a_header_that_is_no_json_object_is_said(tmp_path: Path, header: str) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"audiosae": header})
    with pytest.raises(CheckpointError, match="a.safetensors"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


def test_a_file_of_another_kind_names_both_kinds(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="checkpoint of 'toy', but 'sae' is needed"):
        checkpoint.load(written(tmp_path / "a.safetensors"), "sae")


def test_a_file_of_another_project_is_said(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not written by this project"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.safetensors")
    before = path.read_bytes()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    for target in ((os, "replace"), (checkpoint, "save_file")):
        with monkeypatch.context() as patch:
            patch.setattr(*target, full)
            with pytest.raises(OSError, match="No space left"):
                checkpoint.save(path, {"a": torch.zeros(1)}, HEADER)
        assert path.read_bytes() == before


# --- into a module ------------------------------------------------------------------------------------------------------


def state(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**nn.Linear(2, 3).state_dict(), **changes}


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    module, half = nn.Linear(2, 3), {name: tensor.half() for name, tensor in state().items()}
    checkpoint.restore(module, half, "a")
    assert module.weight.dtype == torch.float32 and torch.equal(module.weight, half["weight"].float())


@pytest.mark.parametrize(
    "changes", [{"weight": torch.zeros(3, 3)}, {"extra": torch.zeros(1)}], ids=["another shape", "a tensor too many"]
)
def test_what_does_not_fit_is_refused(changes: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match="file.x does not fit Linear"):
        checkpoint.restore(nn.Linear(2, 3), state(**changes), "file.x")


def test_a_tensor_too_few_is_refused() -> None:
    with pytest.raises(CheckpointError, match="(?s)file.x does not fit Linear.*bias"):
        checkpoint.restore(nn.Linear(2, 3), {"weight": torch.zeros(3, 2)}, "file.x")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_and_named(bad: float) -> None:
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    with pytest.raises(CheckpointError, match="file.x: tensor bias holds NaN or infinite"):
        checkpoint.restore(module, state(bias=torch.full((3,), bad)), "file.x")
    assert torch.equal(module.weight, before)
