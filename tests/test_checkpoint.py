"""Checkpoints: equal contents are equal bytes, and a bad file is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from audiosae.codecs import embedded, encodec
from audiosae.errors import CheckpointError
from audiosae.files import checkpoint

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
HEADER = {"kind": "toy", "size": 3, "provenance": {"corpus": "abc", "parent": None}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint."""
    checkpoint.save(tmp_path / "new/a.safetensors", TENSORS, HEADER)
    return tmp_path / "new/a.safetensors"


def test_tensors_and_header_come_back(path: Path) -> None:
    tensors, header = checkpoint.load(path, "toy")
    assert header == HEADER and set(tensors) == set(TENSORS)
    assert all(torch.equal(tensors[name], TENSORS[name]) and tensors[name].dtype == TENSORS[name].dtype for name in TENSORS)
    view = torch.arange(6.0).reshape(2, 3).requires_grad_().T
    checkpoint.save(path, {"x": view}, HEADER)
    assert torch.equal(checkpoint.load(path, "toy")[0]["x"], view.detach())


def test_equal_contents_are_equal_bytes_in_any_order(path: Path) -> None:
    first = path.read_bytes()
    checkpoint.save(path, dict(reversed(TENSORS.items())), dict(reversed(HEADER.items())))
    assert path.read_bytes() == first
    checkpoint.save(path, TENSORS, {**HEADER, "size": 4})
    assert path.read_bytes() != first


# --- bad files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_missing_and_a_truncated_file_are_said(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="a.safetensors is damaged"):
        checkpoint.load(path, "toy")
    path.unlink()
    with pytest.raises(CheckpointError, match="a.safetensors is missing; `make repro`"):
        checkpoint.load(path, "toy")


@pytest.mark.parametrize(("header", "told"), [
    (None, "not written by this project"),
    ("no json", "damaged header"),
    ('[["kind", "toy"]]', "damaged header .a list, not an object"),
    ("null", "damaged header .a NoneType"),
    ("{}", "checkpoint of None, but 'toy'"),
    ('{"kind": "sae"}', "checkpoint of 'sae', but 'toy' is needed"),
    ('{"kind": ["toy"]}', "checkpoint of .'toy'., but 'toy'"),
    ("[" * 100_000, "damaged header"),
    ('{"kind": "toy"', "damaged header"),
], ids=["none", "no json", "pairs", "null", "no kind", "another kind", "a list of kinds", "nested", "cut off"])  # fmt: skip
def test_a_header_that_is_none_of_this_kind_is_said(tmp_path: Path, header: str | None, told: str) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata=header and {"audiosae": header})
    with pytest.raises(CheckpointError, match=f"(?s)a.safetensors .*{told}"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


def test_a_failed_write_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"a": torch.zeros(1)}, HEADER)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


# --- into a module ------------------------------------------------------------------------------------------------------


def state(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**nn.Linear(2, 3).state_dict(), **changes}


def test_half_precision_becomes_single() -> None:
    module, half = nn.Linear(2, 3), {name: tensor.half() for name, tensor in state().items()}
    checkpoint.restore(module, half, "a")
    assert module.weight.dtype == torch.float32 and torch.equal(module.weight, half["weight"].float())


@pytest.mark.parametrize(("tensors", "told"), [
    (state(weight=torch.zeros(3, 3)), "does not fit Linear: size mismatch for weight"),
    (state(extra=torch.zeros(1)), "does not fit Linear: Unexpected key extra"),
    ({"weight": torch.zeros(3, 2)}, "does not fit Linear: Missing key bias"),
    (state(bias=torch.full((3,), float("nan"))), "tensor bias holds NaN or infinite"),
    (state(bias=torch.full((3,), float("inf"))), "tensor bias holds NaN or infinite"),
    (state(weight=torch.zeros(3, 2, dtype=torch.int64)), "does not fit Linear: weight is int64, not float32"),
    (state(weight=torch.zeros(3, 2, dtype=torch.complex64)), "does not fit Linear: weight is complex64, not float32"),
    (state(weight=torch.zeros(3, 2, dtype=torch.bool)), "does not fit Linear: weight is bool, not float32"),
    (state(weight=torch.zeros(3, 2).to(torch.float8_e4m3fn)), "does not fit Linear: weight is float8_e4m3fn, not float32"),
], ids=["shape", "too many", "too few", "NaN", "infinite", "integers", "complex", "booleans", "8 bits"])  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(tensors: dict[str, torch.Tensor], told: str) -> None:
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    with pytest.raises(CheckpointError, match=f"file.x:? {told}"):
        checkpoint.restore(module, tensors, "file.x")
    assert torch.equal(module.weight, before)


# --- a module from the sizes in a header --------------------------------------------------------------------------------


def rebuilt(sizes: object, tensors: dict[str, torch.Tensor] | None = None) -> nn.Module:
    return checkpoint.rebuild(lambda given: nn.Linear(**given), sizes, state() if tensors is None else tensors, "file.x")


def test_a_module_is_rebuilt_and_draws_no_more_random_numbers_than_its_own() -> None:
    held = state()
    torch.manual_seed(0)
    nn.Linear(2, 3)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    made = rebuilt({"in_features": 2, "out_features": 3}, held)
    assert all(torch.equal(tensor, held[name]) for name, tensor in made.state_dict().items())
    assert made.weight.device.type == "cpu" and torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize("sizes", [
    None, "2", 7, {}, {"in_features": 2}, {"in_features": 2, "out_features": 3, "more": 1},
    *({"in_features": 2, "out_features": bad} for bad in (True, -3, 0, 3.0, float("nan"), None, "3", 10**15, [3], {"a": 3}, [True])),
], ids=str)  # fmt: skip
def test_sizes_that_are_none_are_refused(sizes: object) -> None:
    with pytest.raises(CheckpointError, match="file.x does not say its shape .*; fetch or train it again"):
        rebuilt(sizes)


def test_sizes_are_compared_with_the_tensors_before_they_take_memory() -> None:
    """A side of a million is in the file, so a million is no absurd size; a million by a million is four terabytes."""
    large = 2**20
    told = r"does not fit Linear: .*size mismatch for weight: \[3, 2\] in the file, \[1048576, 1048576\] in the model"
    with pytest.raises(CheckpointError, match=told):
        rebuilt({"in_features": large, "out_features": large}, state(large=torch.zeros(large, dtype=torch.int8)))


@pytest.mark.parametrize("changes", [
    {"filters": -2}, {"filters": 10**12}, {"filters": 1000}, {"lstm": 10**9}, {"codebooks": 10**9}, {"codebooks": 1}, {"norm": "none of them"},
    {"norm": None}, {"surprise": 1},
], ids=str)  # fmt: skip
def test_the_sizes_of_a_codec_are_looked_at_before_it_is_built(changes: dict[str, object], tmp_path: Path) -> None:
    shape = encodec.Shape(filters=2, lstm=1, norm="none", codebooks=2)
    embedded.save("encodec", encodec.Network(shape), shape, tmp_path / "a.safetensors", {})
    tensors, header = checkpoint.load(tmp_path / "a.safetensors", "codec/encodec")
    checkpoint.save(tmp_path / "a.safetensors", tensors, {**header, "shape": header["shape"] | changes})
    with pytest.raises(CheckpointError, match="a.safetensors does not (say its shape|fit Network)"):
        encodec.load(tmp_path / "a.safetensors")
